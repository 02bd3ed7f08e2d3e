//! Charts as inline SVG: they print sharply, and need nothing from anywhere.

use super::page::Page;

/// A chart's size in its own units; the page scales it to its width.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 200.0;
/// Room at the left for the scale, and below for the days.
const LEFT: f64 = 34.0;
const BELOW: f64 = 22.0;
/// As many days or weeks get a label.
const MOST_LABELS: usize = 9;

/// A part of a stacked bar: the class that gives it its colour, and what it is.
pub(super) type Series = (&'static str, &'static str);

/// Stacked bars, one for each label, each with a value for each series.
pub(super) fn stacked(page: &mut Page, series: &[Series], bars: &[(String, Vec<u64>)]) {
    let tallest = bars.iter().map(|(_, values)| values.iter().sum::<u64>()).max().unwrap_or(0);
    let step = scale_step(tallest);
    let top = (tallest.div_ceil(step).max(1) * step) as f64;
    let (plot, floor) = (HEIGHT - BELOW - 8.0, HEIGHT - BELOW);
    page.markup("<svg class=\"chart\" role=\"img\" viewBox=\"0 0 ")
        .place(WIDTH)
        .markup(" ")
        .place(HEIGHT)
        .markup("\">");
    let mut line = 0;
    while line as f64 <= top {
        let y = floor - plot * line as f64 / top;
        page.markup("<line class=\"grid\" x1=\"")
            .place(LEFT)
            .markup("\" x2=\"")
            .place(WIDTH)
            .markup("\" y1=\"")
            .place(y);
        page.markup("\" y2=\"").place(y).markup("\"/><text class=\"scale\" x=\"").place(LEFT - 6.0).markup("\" y=\"");
        page.place(y + 3.5).markup("\">").count(line).markup("</text>");
        line += step;
    }
    let slot = (WIDTH - LEFT) / bars.len().max(1) as f64;
    let bar = (slot * 0.72).clamp(0.8, 46.0);
    let every = bars.len().div_ceil(MOST_LABELS).max(1);
    for (number, (label, values)) in bars.iter().enumerate() {
        let middle = LEFT + slot * (number as f64 + 0.5);
        let mut y = floor;
        for (value, (class, name)) in values.iter().zip(series).filter(|(value, _)| **value > 0) {
            let height = plot * *value as f64 / top;
            y -= height;
            page.markup("<rect class=\"").markup(class).markup("\" x=\"").place(middle - bar / 2.0).markup("\" y=\"");
            page.place(y).markup("\" width=\"").place(bar).markup("\" height=\"").place(height).markup("\"><title>");
            page.name(label).markup(": ").count(*value).markup(" ").markup(name).markup("</title></rect>");
        }
        if number % every == 0 {
            page.markup("<text class=\"label\" x=\"").place(middle).markup("\" y=\"").place(HEIGHT - 6.0).markup("\">");
            page.name(label).markup("</text>");
        }
    }
    page.markup("</svg><p class=\"legend\">");
    for (number, (class, name)) in series.iter().enumerate() {
        let sum: u64 = bars.iter().filter_map(|(_, values)| values.get(number)).sum();
        page.markup("<span><i class=\"")
            .markup(class)
            .markup("\"></i>")
            .markup(name)
            .markup(" ")
            .count(sum)
            .markup("</span> ");
    }
    page.markup("</p>\n");
}

/// Bars that lie, one a line, each with its number.
pub(super) fn lying(page: &mut Page, class: &'static str, bars: &[(&'static str, u64)]) {
    const LINE: f64 = 24.0;
    const NAMES: f64 = 150.0;
    let longest = bars.iter().map(|(_, value)| *value).max().unwrap_or(0).max(1) as f64;
    let half = WIDTH / 2.0;
    page.markup("<svg class=\"chart half\" role=\"img\" viewBox=\"0 0 ").place(half).markup(" ");
    page.place(LINE * bars.len() as f64).markup("\">");
    for (number, (name, value)) in bars.iter().enumerate() {
        let y = LINE * number as f64;
        let length = (half - NAMES - 40.0) * *value as f64 / longest;
        page.markup("<text class=\"bar\" x=\"").place(NAMES - 8.0).markup("\" y=\"").place(y + 16.0).markup("\">");
        page.markup(name)
            .markup("</text><rect class=\"")
            .markup(class)
            .markup("\" x=\"")
            .place(NAMES)
            .markup("\" y=\"");
        page.place(y + 4.0).markup("\" width=\"").place(length.max(1.0)).markup("\" height=\"").place(LINE - 8.0);
        page.markup("\"/><text class=\"value\" x=\"").place(NAMES + length + 7.0).markup("\" y=\"").place(y + 16.0);
        page.markup("\">").count(*value).markup("</text>");
    }
    page.markup("</svg>\n");
}

/// The distance of the scale's lines, so that there are at most five, at round numbers.
fn scale_step(tallest: u64) -> u64 {
    let mut step = 1;
    for factor in [2, 5, 10].iter().cycle() {
        if tallest <= step * 5 {
            return step;
        }
        // 1, 2, 5, 10, 20, 50, ...
        step = match factor {
            2 => step * 2,
            5 => step / 2 * 5,
            _ => step * 2,
        };
    }
    step
}

#[cfg(test)]
mod tests {
    use super::{Page, lying, scale_step, stacked};

    #[test]
    fn the_scale_has_round_numbers_and_few_lines() {
        for (tallest, step) in [(0, 1), (5, 1), (6, 2), (11, 5), (26, 10), (51, 20), (101, 50), (251, 100), (501, 200)]
        {
            assert_eq!(scale_step(tallest), step, "{tallest}");
        }
    }

    #[test]
    fn every_value_is_drawn_within_the_chart() {
        let mut page = Page::default();
        let bars: Vec<_> = (0..40).map(|day| (format!("2026-01-{day:02}"), vec![day, 40 - day])).collect();
        stacked(&mut page, &[("high", "HIGH"), ("low", "LOW")], &bars);
        let drawn = page.finish();
        // Zeros are not drawn: there is one.
        assert_eq!(drawn.matches("<rect").count(), 79);
        for y in drawn.split(" y=\"").skip(1).filter_map(|rest| rest.split('"').next()?.parse::<f64>().ok()) {
            assert!((0.0..=200.0).contains(&y), "{y}");
        }
        assert!(drawn.contains("LOW 820"), "{drawn}");
    }

    #[test]
    fn nothing_at_all_is_a_chart_too() {
        let mut page = Page::default();
        stacked(&mut page, &[("high", "HIGH")], &[]);
        lying(&mut page, "plain", &[("Approved", 0)]);
        assert!(!page.finish().contains("NaN"));
    }
}
