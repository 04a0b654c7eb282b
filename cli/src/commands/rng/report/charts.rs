//! The pictures of the report, as SVG whose colours come from the page's style.

use std::fmt::Write as _;

use super::escaped;

/// Width of every picture, in its own units.
const WIDTH: f64 = 860.0;

/// One bar.
pub(super) struct Bar {
    pub(super) name: String,
    pub(super) value: f64,
}

/// A line across all bars.
pub(super) struct Line {
    pub(super) at: f64,
    pub(super) text: &'static str,
    pub(super) class: &'static str,
}

/// Opens a picture of this height, with a title for those who cannot see it.
fn picture(height: f64, title: &str) -> String {
    format!("<svg viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-label=\"{}\">", escaped(title))
}

/// Horizontal bars from 0 to `most`; the shortest stands out.
pub(super) fn bars(bars: &[Bar], most: f64, lines: &[Line]) -> String {
    const LEFT: f64 = 205.0;
    const RIGHT: f64 = 68.0;
    const ROW: f64 = 21.0;
    const TOP: f64 = 40.0;
    let bottom = TOP + ROW * bars.len() as f64;
    let x = |value: f64| LEFT + (WIDTH - LEFT - RIGHT) * (value / most).clamp(0.0, 1.0);
    let lowest = bars.iter().map(|bar| bar.value).fold(f64::INFINITY, f64::min);
    let mut svg = picture(bottom + 24.0, "estimates of min-entropy");
    for tick in 0..=4 {
        let value = most * f64::from(tick) / 4.0;
        let at = x(value);
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/>\
             <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{value}</text>",
            bottom + 17.0
        );
    }
    for (row, bar) in bars.iter().enumerate() {
        let y = TOP + ROW * row as f64;
        let class = if bar.value <= lowest { "low" } else { "bar" };
        let (length, text) = (x(bar.value) - LEFT, y + 15.0);
        let _ = write!(
            svg,
            "<text class=\"name\" x=\"{:.1}\" y=\"{text:.1}\" text-anchor=\"end\">{}</text>\
             <rect class=\"{class}\" x=\"{LEFT}\" y=\"{:.1}\" width=\"{length:.1}\" height=\"14\" rx=\"2\"/>\
             <text x=\"{:.1}\" y=\"{text:.1}\" text-anchor=\"end\">{:.4}</text>",
            LEFT - 10.0,
            escaped(&bar.name),
            y + 4.0,
            WIDTH - 2.0,
            bar.value
        );
    }
    for (number, line) in lines.iter().enumerate() {
        // Names above each other, so that near lines stay readable.
        let (at, y) = (x(line.at), 12.0 + 14.0 * (number % 2) as f64);
        let anchor = if at > WIDTH / 2.0 { "end" } else { "start" };
        let shift = if at > WIDTH / 2.0 { -5.0 } else { 5.0 };
        let class = line.class;
        let _ = write!(
            svg,
            "<line class=\"{class}\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{:.1}\" y2=\"{bottom}\"/>\
             <text class=\"{class}\" x=\"{:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{} {:.4}</text>",
            y - 9.0,
            at + shift,
            line.text,
            line.at
        );
    }
    svg.push_str("</svg>");
    svg
}

/// How often each value occurs, with a line at the share of a uniform distribution.
pub(super) fn histogram(counts: &[u64]) -> String {
    const LEFT: f64 = 58.0;
    const TOP: f64 = 12.0;
    const HEIGHT: f64 = 180.0;
    let highest = counts.iter().copied().max().unwrap_or(0).max(1) as f64;
    let total: u64 = counts.iter().sum();
    let uniform = total as f64 / counts.len().max(1) as f64;
    let step = (WIDTH - LEFT - 4.0) / counts.len().max(1) as f64;
    let y = |count: f64| TOP + HEIGHT * (1.0 - count / (1.06 * highest));
    let bottom = TOP + HEIGHT;
    let mut svg = picture(bottom + 24.0, "histogram of the values");
    for tick in [0.0, 0.5, 1.0] {
        let at = y(tick * highest);
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{:.0}</text>",
            LEFT - 8.0,
            at + 4.0,
            tick * highest
        );
    }
    let gap = if step > 6.0 { step * 0.12 } else { 0.0 };
    let mut path = String::new();
    for (value, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let (left, top) = (LEFT + step * value as f64 + gap, y(*count as f64));
        let _ = write!(path, "M{left:.2} {bottom}V{top:.2}h{:.2}V{bottom}z", step - 2.0 * gap);
    }
    let _ = write!(svg, "<path class=\"bar\" d=\"{path}\"/>");
    let at = y(uniform);
    let _ =
        write!(svg, "<line class=\"claimed\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>");
    let every = counts.len().div_ceil(8).max(1);
    let last = counts.len().saturating_sub(1);
    for value in
        (0..counts.len()).filter(|value| value % every == 0 && last - value >= every / 2 || *value == last)
    {
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{}\">{value}</text>",
            LEFT + step * (value as f64 + 0.5),
            bottom + 17.0,
            if value == last && step < 20.0 { "end" } else { "middle" }
        );
    }
    svg.push_str("</svg>");
    svg
}

/// Correlation coefficients at distances from 1 on, with the band that independent samples stay in.
pub(super) fn correlation(coefficients: &[f64], limit: f64) -> String {
    const LEFT: f64 = 70.0;
    const TOP: f64 = 10.0;
    const HEIGHT: f64 = 150.0;
    let highest = coefficients.iter().map(|r| r.abs()).fold(1.6 * limit, f64::max).min(1.0);
    let y = |r: f64| TOP + HEIGHT / 2.0 * (1.0 - (r / highest).clamp(-1.0, 1.0));
    let step = (WIDTH - LEFT - 4.0) / coefficients.len().max(1) as f64;
    let mut svg = picture(TOP + HEIGHT + 26.0, "autocorrelation");
    let _ = write!(
        svg,
        "<rect class=\"band\" x=\"{LEFT}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
        y(limit),
        WIDTH - LEFT,
        y(-limit) - y(limit)
    );
    for r in [highest, 0.0, -highest] {
        let (at, class) = (y(r), if r == 0.0 { "axis" } else { "grid" });
        let _ = write!(
            svg,
            "<line class=\"{class}\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{r:.4}</text>",
            LEFT - 8.0,
            at + 4.0
        );
    }
    for (lag, r) in (1u32..).zip(coefficients) {
        let at = LEFT + step * (f64::from(lag) - 0.5);
        let class = if r.abs() > limit { "stem low" } else { "stem" };
        let _ = write!(
            svg,
            "<line class=\"{class}\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/>",
            y(0.0),
            y(*r)
        );
        if lag == 1 || lag % 8 == 0 {
            let _ = write!(
                svg,
                "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{lag}</text>",
                TOP + HEIGHT + 18.0
            );
        }
    }
    svg.push_str("</svg>");
    svg
}
