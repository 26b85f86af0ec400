//! Charts: drawn here as SVG, so that they are there without scripts. Where scripts run, the same numbers move.

use std::fmt::Write as _;

use crate::{numbers::grouped, text};

/// The chart's own units; the page scales it to the width that there is.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 200.0;

/// Room for the numbers at the left and the dates below.
const LEFT: f64 = 52.0;
const BOTTOM: f64 = 24.0;
const TOP: f64 = 8.0;

/// How wide the name of a bucket is, about.
const DATE_WIDTH: f64 = 44.0;

/// Dates below the chart at most.
const DATES_MAX: usize = 7;

/// Points of a small chart in a table at most; more are put together.
const SPARK_POINTS_MAX: usize = 45;

/// One of the lines or rows of bars of a chart.
pub(crate) struct Series {
    /// What it counts: `Delivered`.
    pub(crate) name: &'static str,
    /// The name of its colour: `delivered`.
    pub(crate) tone: &'static str,
    /// Drawn as bars, behind all lines.
    pub(crate) bars: bool,
    /// A value for each bucket.
    pub(crate) values: Vec<u64>,
}

/// What a chart shows.
pub(crate) struct Chart {
    /// When each bucket begins, in seconds, for scripts.
    pub(crate) times: Vec<i64>,
    /// What each bucket is called: `3 May`.
    pub(crate) names: Vec<String>,
    pub(crate) series: Vec<Series>,
}

impl Chart {
    /// Whether there is nothing to draw.
    pub(crate) fn is_empty(&self) -> bool {
        self.series.iter().all(|series| series.values.iter().all(|value| *value == 0))
    }

    /// The highest value.
    fn max(&self) -> u64 {
        self.series.iter().flat_map(|series| &series.values).copied().max().unwrap_or(0)
    }

    /// The numbers as JSON, for the script that redraws them.
    pub(crate) fn json(&self) -> String {
        let list = |values: &[u64]| values.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
        let times = self.times.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
        let series: Vec<String> = self
            .series
            .iter()
            .map(|series| {
                // Names and tones are this program's own words: nothing in them needs an escape.
                format!(
                    r#"{{"name":"{}","tone":"{}","bars":{},"values":[{}]}}"#,
                    series.name,
                    series.tone,
                    series.bars,
                    list(&series.values)
                )
            })
            .collect();
        format!(r#"{{"times":[{times}],"series":[{}]}}"#, series.join(","))
    }

    /// The chart as SVG. All text in it is escaped.
    #[expect(clippy::cast_precision_loss, reason = "counts of mails are far below 2^52")]
    pub(crate) fn svg(&self) -> String {
        let top = ceiling(self.max());
        let buckets = self.names.len().max(1) as f64;
        let (plot_width, plot_height) = (WIDTH - LEFT, HEIGHT - BOTTOM - TOP);
        let step = plot_width / buckets;
        let y = |value: u64| TOP + plot_height * (1.0 - value as f64 / top as f64);
        let mut svg =
            format!(r#"<svg class="chart-drawn" viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true">"#);
        for quarter in [0, 2, 4] {
            let value = top * quarter / 4;
            let at = y(value);
            let number = grouped(value);
            let _ = write!(
                svg,
                r#"<line class="chart-grid" x1="{LEFT}" x2="{WIDTH}" y1="{at:.1}" y2="{at:.1}"/><text class="chart-number" x="{:.1}" y="{:.1}">{number}</text>"#,
                LEFT - 6.0,
                at + 4.0
            );
        }
        for series in self.series.iter().filter(|series| series.bars) {
            let _ = write!(svg, r#"<g class="chart-bars tone-{}">"#, series.tone);
            for (place, value) in series.values.iter().enumerate().filter(|(_, value)| **value > 0) {
                let (x, at) = (LEFT + step * (place as f64 + 0.1), y(*value));
                let _ = write!(
                    svg,
                    r#"<rect x="{x:.1}" y="{at:.1}" width="{:.1}" height="{:.1}"/>"#,
                    (step * 0.8).max(0.5),
                    TOP + plot_height - at
                );
            }
            svg.push_str("</g>");
        }
        for series in self.series.iter().filter(|series| !series.bars) {
            let points: Vec<String> = series
                .values
                .iter()
                .enumerate()
                .map(|(place, value)| format!("{:.1},{:.1}", LEFT + step * (place as f64 + 0.5), y(*value)))
                .collect();
            let _ = write!(
                svg,
                r#"<polyline class="chart-line tone-{}" points="{}"/>"#,
                series.tone,
                points.join(" ")
            );
        }
        let every = self.names.len().div_ceil(DATES_MAX).max(1);
        for (place, name) in self.names.iter().enumerate().filter(|(place, _)| place % every == 0) {
            let middle = LEFT + step * (place as f64 + 0.5);
            // The last one would reach beyond the drawing's edge.
            let (class, x) = if middle + DATE_WIDTH / 2.0 > WIDTH {
                ("chart-date chart-date-last", WIDTH)
            } else {
                ("chart-date", middle)
            };
            let _ = write!(
                svg,
                r#"<text class="{class}" x="{x:.1}" y="{:.1}">{}</text>"#,
                HEIGHT - 6.0,
                text::escaped(name)
            );
        }
        svg.push_str("</svg>");
        svg
    }
}

/// The first round number that is not below the value, and at least 4: its quarters are whole.
fn ceiling(value: u64) -> u64 {
    let mut unit = 4;
    loop {
        for factor in [1, 2, 3, 5] {
            if unit * factor >= value {
                return unit * factor;
            }
        }
        if unit > u64::MAX / 100 {
            return value;
        }
        unit *= 10;
    }
}

/// A line as small as a word, for a table: how numbers went over time.
#[expect(clippy::cast_precision_loss, reason = "counts of mails are far below 2^52")]
pub(crate) fn spark(values: &[u64], tone: &str) -> String {
    let together = values.len().div_ceil(SPARK_POINTS_MAX).max(1);
    let sums: Vec<u64> = values.chunks(together).map(|chunk| chunk.iter().sum()).collect();
    let max = sums.iter().copied().max().unwrap_or(0).max(1) as f64;
    let step = 96.0 / (sums.len().saturating_sub(1)).max(1) as f64;
    let points: Vec<String> = sums
        .iter()
        .enumerate()
        .map(|(place, value)| {
            format!("{:.1},{:.1}", 2.0 + step * place as f64, 22.0 - 20.0 * *value as f64 / max)
        })
        .collect();
    format!(
        r#"<svg class="spark tone-{tone}" viewBox="0 0 100 24" aria-hidden="true"><polyline points="{}"/></svg>"#,
        points.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(values: &[u64]) -> Chart {
        Chart {
            times: (0..).take(values.len()).collect(),
            names: values.iter().map(|_| "<3 May>".to_owned()).collect(),
            series: vec![
                Series { name: "Sent", tone: "neutral", bars: true, values: values.to_vec() },
                Series { name: "Opened", tone: "opened", bars: false, values: values.to_vec() },
            ],
        }
    }

    #[test]
    fn a_chart_ends_at_a_round_number_above_all_values() {
        for (value, expected) in [(0, 4), (4, 4), (5, 8), (13, 20), (21, 40), (100, 120), (1_900, 2_000)] {
            assert_eq!(ceiling(value), expected, "{value}");
        }
        assert!(ceiling(u64::MAX / 7) >= u64::MAX / 7);
    }

    #[test]
    fn bars_stand_on_the_ground_and_names_are_escaped() {
        let svg = chart(&[0, 4, 2]).svg();
        assert_eq!(svg.matches("<rect").count(), 2, "{svg}");
        assert!(svg.contains(r#"y="8.0" width="178.1" height="168.0""#), "{svg}");
        assert!(svg.contains("&lt;3 May&gt;") && !svg.contains("<3 May>"), "{svg}");
        assert!(!svg.contains("NaN") && !svg.contains("style="), "{svg}");
    }

    #[test]
    fn empty_charts_can_be_drawn_too() {
        for values in [&[][..], &[0], &[0, 0]] {
            assert!(chart(values).is_empty());
            let drawn = chart(values).svg() + &spark(values, "neutral");
            assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
        }
    }

    #[test]
    fn scripts_get_the_same_numbers() {
        assert_eq!(
            chart(&[1, 2]).json(),
            r#"{"times":[0,1],"series":[{"name":"Sent","tone":"neutral","bars":true,"values":[1,2]},{"name":"Opened","tone":"opened","bars":false,"values":[1,2]}]}"#
        );
    }

    #[test]
    fn a_spark_has_few_points() {
        let many: Vec<u64> = (0..800).collect();
        assert_eq!(spark(&many, "neutral").matches(',').count(), 45);
    }
}
