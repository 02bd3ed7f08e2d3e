//! A bar chart as a PNG: one bar a day, its parts stacked by verdict. Drawn here, with glyphs that are compiled in, so it
//! needs no font of the machine's and looks the same everywhere.

use crate::stats::LEVELS;
use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};

/// One day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bar {
    /// What stands below it.
    pub(crate) label: String,
    /// How many of each level, in the order of [`LEVELS`].
    pub(crate) counts: [usize; 5],
}

type Colour = [u8; 3];

const WIDTH: usize = 800;
const HEIGHT: usize = 360;
/// The edges of the plot itself.
const LEFT: usize = 56;
const RIGHT: usize = WIDTH - 20;
const TOP: usize = 48;
const BOTTOM: usize = HEIGHT - 40;

const BACKGROUND: Colour = [0x2b, 0x2d, 0x31];
const GRID: Colour = [0x3f, 0x41, 0x47];
const TEXT: Colour = [0xdb, 0xde, 0xe1];
/// In the order of [`LEVELS`]; bright enough on the background, and told apart by lightness too.
const COLOURS: [Colour; 5] =
    [[0x5d, 0x60, 0x68], [0x94, 0xa3, 0xb8], [0xf5, 0xc8, 0x42], [0xe6, 0x7e, 0x22], [0xed, 0x42, 0x45]];
const SIZE: RasterHeight = RasterHeight::Size16;

/// Draws the bars; 800 by 360 pixels.
///
/// # Errors
/// The encoder's.
pub(crate) fn draw(bars: &[Bar]) -> Result<Vec<u8>, png::EncodingError> {
    let mut canvas = Canvas { pixels: vec![0; WIDTH * HEIGHT * 3] };
    canvas.fill((0, WIDTH), (0, HEIGHT), BACKGROUND);
    legend(&mut canvas);
    let highest = bars.iter().map(|bar| bar.counts.iter().sum::<usize>()).max().unwrap_or(0);
    let step = step(highest);
    let top = highest.div_ceil(step).max(1) * step;
    let height = |count: usize| count * (BOTTOM - TOP) / top;
    for value in (0..=top).step_by(step) {
        let y = BOTTOM - height(value);
        canvas.fill((LEFT, RIGHT), (y, y + 1), GRID);
        let label = value.to_string();
        canvas.write(&label, LEFT.saturating_sub(8 + width(&label)), y.saturating_sub(8), TEXT);
    }
    let room = (RIGHT - LEFT) / bars.len().max(1);
    // Every so many labels, so that none touches the next.
    let widest = bars.iter().map(|bar| width(&bar.label)).max().unwrap_or(0);
    let every = (widest + 8).div_ceil(room.max(1)).max(1);
    for (index, bar) in bars.iter().enumerate() {
        let left = LEFT + index * (RIGHT - LEFT) / bars.len();
        let gap = (room / 6).max(1);
        let mut y = BOTTOM;
        for (count, colour) in bar.counts.iter().zip(COLOURS) {
            let upper = y - height(*count);
            canvas.fill((left + gap, (left + room).saturating_sub(gap).max(left + gap + 1)), (upper, y), colour);
            y = upper;
        }
        // Counted from the newest, which is always labelled.
        if (bars.len() - 1 - index).is_multiple_of(every) {
            let middle = left + room / 2;
            let x = middle.saturating_sub(width(&bar.label) / 2).min(WIDTH - width(&bar.label));
            canvas.write(&bar.label, x, BOTTOM + 10, TEXT);
        }
    }
    canvas.encode()
}

/// The worst first, as people read it.
fn legend(canvas: &mut Canvas) {
    let mut x = LEFT;
    for (level, colour) in LEVELS.iter().zip(COLOURS).rev() {
        canvas.fill((x, x + 12), (18, 30), colour);
        canvas.write(level.as_str(), x + 20, 16, TEXT);
        x += 20 + width(level.as_str()) + 24;
    }
}

/// The distance of the grid's lines: 1, 2 or 5 times a power of ten, at most six lines.
fn step(highest: usize) -> usize {
    let mut power = 1;
    loop {
        if let Some(step) = [1, 2, 5].map(|factor| factor * power).into_iter().find(|step| highest.div_ceil(*step) <= 5)
        {
            return step;
        }
        power *= 10;
    }
}

/// How wide a text is, in pixels.
fn width(text: &str) -> usize {
    text.chars().count() * get_raster_width(FontWeight::Regular, SIZE)
}

/// Pixels, red, green, blue.
struct Canvas {
    pixels: Vec<u8>,
}

impl Canvas {
    /// Fills a rectangle, ends excluded; what lies outside is left out.
    fn fill(&mut self, (left, right): (usize, usize), (top, bottom): (usize, usize), colour: Colour) {
        for y in top..bottom.min(HEIGHT) {
            for x in left..right.min(WIDTH) {
                self.blend(x, y, colour, 255);
            }
        }
    }

    /// Writes a text from its upper left corner. A character without a glyph is left out.
    fn write(&mut self, text: &str, x: usize, y: usize, colour: Colour) {
        let advance = get_raster_width(FontWeight::Regular, SIZE);
        for (index, character) in text.chars().enumerate() {
            let Some(glyph) = get_raster(character, FontWeight::Regular, SIZE) else { continue };
            for (row, line) in glyph.raster().iter().enumerate() {
                for (column, strength) in line.iter().enumerate() {
                    self.blend(x + index * advance + column, y + row, colour, *strength);
                }
            }
        }
    }

    fn blend(&mut self, x: usize, y: usize, colour: Colour, strength: u8) {
        if x >= WIDTH || y >= HEIGHT {
            return;
        }
        let start = (y * WIDTH + x) * 3;
        for (pixel, wanted) in self.pixels[start..start + 3].iter_mut().zip(colour) {
            let (old, new, strength) = (u32::from(*pixel), u32::from(wanted), u32::from(strength));
            *pixel = u8::try_from((old * (255 - strength) + new * strength) / 255).unwrap_or(u8::MAX);
        }
    }

    fn encode(&self) -> Result<Vec<u8>, png::EncodingError> {
        let mut out = Vec::new();
        let size = |pixels: usize| u32::try_from(pixels).unwrap_or(u32::MAX);
        let mut encoder = png::Encoder::new(&mut out, size(WIDTH), size(HEIGHT));
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.write_header()?.write_image_data(&self.pixels)?;
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pixels(bars: &[Bar]) -> Vec<u8> {
        let png = draw(bars).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height), (800, 360));
        pixels
    }

    fn bars(counts: &[[usize; 5]]) -> Vec<Bar> {
        counts.iter().map(|counts| Bar { label: "14/11".into(), counts: *counts }).collect()
    }

    fn of_colour(pixels: &[u8], colour: Colour) -> usize {
        pixels.chunks(3).filter(|pixel| *pixel == colour).count()
    }

    #[test]
    fn a_parts_area_is_in_proportion_to_its_count() {
        let square = 12 * 12; // of the legend
        let one = pixels(&bars(&[[0, 0, 0, 0, 2], [0, 0, 0, 4, 0]]));
        let (critical, high) = (of_colour(&one, COLOURS[4]) - square, of_colour(&one, COLOURS[3]) - square);
        assert_eq!(critical * 2, high);
        assert_eq!(of_colour(&one, COLOURS[2]), square, "nothing of a level without alerts");
    }

    #[test]
    fn any_number_of_days_and_alerts_fits() {
        for days in [1, 2, 14, 90] {
            for most in [0, 1, 7, 5_000] {
                pixels(&bars(&vec![[most, most, 0, most, most]; days]));
            }
        }
        assert_eq!([0, 1, 5, 6, 10, 11, 26, 5_000].map(step), [1, 1, 1, 2, 2, 5, 10, 1_000]);
    }
}
