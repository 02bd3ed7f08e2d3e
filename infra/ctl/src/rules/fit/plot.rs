//! Pictures of a report, as SVG.

use super::report::{FitReport, middle, ratio};
use crate::error::CtlError;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 36.0;
const BOTTOM: f64 = 48.0;
const COLOURS: [&str; 4] = ["#1f5fa8", "#c2571a", "#3b8f4a", "#7a4ea3"];
/// Bars of techniques with at least so many strong lines.
pub(crate) const LEAST_LINES: usize = 8;

/// Writes `detection-recall.svg`, `detection-calibration.svg` and `detection-techniques.svg`.
///
/// # Errors
/// What the operating system says.
pub(crate) fn write(folder: &Path, report: &FitReport) -> Result<(), CtlError> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("detection-recall.svg"), recall(report))?;
    fs::write(folder.join("detection-calibration.svg"), calibration(report))?;
    fs::write(folder.join("detection-techniques.svg"), techniques(report))?;
    Ok(())
}

struct Picture {
    body: String,
    height: f64,
}

impl Picture {
    fn new(title: &str, height: f64) -> Self {
        let mut picture = Self { body: String::new(), height };
        picture.text(WIDTH / 2.0, 20.0, "middle", 14.0, title);
        picture
    }

    fn text(&mut self, x: f64, y: f64, anchor: &str, size: f64, text: &str) {
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        self.add(format_args!(
            r##"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" font-size="{size}" fill="#222">{text}</text>"##
        ));
    }

    fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), colour: &str, dash: &str) {
        self.add(format_args!(
            r#"<line x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" stroke="{colour}" stroke-dasharray="{dash}"/>"#
        ));
    }

    fn curve(&mut self, points: &[(f64, f64)], colour: &str) {
        let points: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let points = points.join(" ");
        self.add(format_args!(r#"<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>"#));
    }

    fn bar(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), colour: &str) {
        self.add(format_args!(
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" fill="{colour}"/>"#
        ));
    }

    fn legend(&mut self, (x, y): (f64, f64), entries: &[(&str, &str)]) {
        let mut y = y;
        for (name, colour) in entries {
            self.bar((x, y - 9.0), (12.0, 10.0), colour);
            self.text(x + 18.0, y, "start", 12.0, name);
            y += 17.0;
        }
    }

    fn add(&mut self, element: std::fmt::Arguments<'_>) {
        writeln!(self.body, "{element}").expect("writing to a String cannot fail");
    }

    fn finish(self) -> String {
        let Self { body, height } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\">\n\
            <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n{body}</svg>\n"
        )
    }
}

/// A share as a height.
fn up(share: f64) -> f64 {
    TOP + (1.0 - share) * (HEIGHT - TOP - BOTTOM)
}

fn shares(picture: &mut Picture, label: &str) {
    for tenth in (0..=10).step_by(2) {
        let share = f64::from(tenth) / 10.0;
        picture.line((LEFT, up(share)), (WIDTH - RIGHT, up(share)), "#dddddd", "");
        picture.text(LEFT - 6.0, up(share) + 4.0, "end", 11.0, &format!("{:.0} %", share * 100.0));
    }
    picture.text(LEFT, TOP - 4.0, "start", 11.0, label);
}

fn recall(report: &FitReport) -> String {
    let mut picture =
        Picture::new("What is caught at which rate of false positives (cross-validation by group)", HEIGHT);
    let (first, last) = (0.0005_f64.log10(), 0.125_f64.log10());
    let across = |rate: f64| LEFT + (rate.log10() - first) / (last - first) * (WIDTH - LEFT - RIGHT);
    shares(&mut picture, "caught");
    for rate in [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1] {
        picture.line((across(rate), up(0.0)), (across(rate), up(1.0)), "#eeeeee", "");
        picture.text(across(rate), up(0.0) + 16.0, "middle", 11.0, &format!("{} %", rate * 100.0));
    }
    picture.text(WIDTH / 2.0, HEIGHT - 10.0, "middle", 12.0, "false positives among harmless lines (logarithmic)");
    let mut draw = |value: &dyn Fn(usize) -> f64, colour| {
        let points: Vec<(f64, f64)> =
            report.curve.iter().enumerate().map(|(at, point)| (across(point.false_positives), up(value(at)))).collect();
        picture.curve(&points, colour);
    };
    draw(&|at| report.curve[at].tests, COLOURS[0]);
    draw(&|at| report.curve[at].lines, COLOURS[1]);
    draw(&|at| report.curve[at].lines_by_rules, COLOURS[2]);
    draw(&|at| report.curve[at].lines_by_ngrams, COLOURS[3]);
    let names = ["tests", "lines", "lines, rules alone", "lines, n-grams alone"];
    picture.legend((WIDTH - 180.0, up(0.27)), &names.into_iter().zip(COLOURS).collect::<Vec<_>>());
    picture.finish()
}

fn calibration(report: &FitReport) -> String {
    let mut picture = Picture::new("How often a confidence is right (cross-validation by group)", HEIGHT);
    let across = |confidence: f64| LEFT + confidence * (WIDTH - LEFT - RIGHT);
    shares(&mut picture, "share of strong malicious lines among all lines with this confidence");
    for tenth in (0..=10).step_by(2) {
        let confidence = f64::from(tenth) / 10.0;
        picture.text(across(confidence), up(0.0) + 16.0, "middle", 11.0, &confidence.to_string());
    }
    picture.text(WIDTH / 2.0, HEIGHT - 10.0, "middle", 12.0, "confidence; in grey: lines of this data");
    picture.line((across(0.0), up(0.0)), (across(1.0), up(1.0)), "#999999", "4 4");
    for level in [0.25, 0.75, 0.92] {
        picture.line((across(level), up(0.0)), (across(level), up(1.0)), "#c2571a", "2 4");
    }
    let points: Vec<(f64, f64)> = report
        .reliability
        .iter()
        .filter(|point| point.strong.of > 0)
        .map(|point| (across(middle(point)), up(point.strong.ratio())))
        .collect();
    picture.curve(&points, COLOURS[0]);
    for (point, (x, y)) in report.reliability.iter().filter(|point| point.strong.of > 0).zip(&points) {
        picture.bar((x - 3.0, y - 3.0), (6.0, 6.0), COLOURS[0]);
        picture.text(*x, y - 8.0, "middle", 10.0, &point.strong.of.to_string());
    }
    picture.finish()
}

fn techniques(report: &FitReport) -> String {
    let rows: Vec<_> = report.techniques.iter().filter(|row| row.lines >= LEAST_LINES).collect();
    let height = super::measure::number(rows.len()) * 16.0 + TOP + 44.0;
    let mut picture = Picture::new("Strong lines by technique (cross-validation by group)", height);
    let (start, length) = (LEFT + 40.0, WIDTH - LEFT - RIGHT - 90.0);
    let mut y = TOP + 26.0;
    let colours = ["#1f5fa8", "#6fa3d8", "#e0c36a", "#d9d9d9"];
    let mut x = start;
    for (name, colour) in ["CRITICAL", "HIGH", "ambiguous", "BENIGN"].into_iter().zip(colours) {
        picture.legend((x, TOP + 8.0), &[(name, colour)]);
        x += 110.0;
    }
    for row in rows {
        picture.text(start - 6.0, y + 10.0, "end", 11.0, &row.technique);
        let mut x = start;
        for (count, colour) in [row.critical, row.high, row.ambiguous, row.dismissed].into_iter().zip(colours) {
            let width = ratio(count, row.lines) * length;
            picture.bar((x, y), (width, 12.0), colour);
            x += width;
        }
        picture.text(start + length + 6.0, y + 10.0, "start", 11.0, &format!("{} lines", row.lines));
        y += 16.0;
    }
    picture.finish()
}
