//! Figures for Prometheus, in its text format 0.0.4.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::app::App;

/// Upper bounds of the histogram of answer times, in seconds.
const BOUNDS: [f64; 10] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0];

/// What is counted while serving.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    counts: Mutex<Counts>,
}

#[derive(Clone, Debug, Default)]
struct Counts {
    /// Answers by route and status.
    answers: BTreeMap<(&'static str, u16), u64>,
    /// Random bytes by service.
    bytes: BTreeMap<&'static str, u64>,
    /// Answers by time, up to each bound, and all.
    times: [u64; BOUNDS.len()],
    seconds: f64,
}

impl Metrics {
    fn with<T>(&self, change: impl FnOnce(&mut Counts) -> T) -> T {
        change(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// `service` has given `bytes` random bytes.
    pub(crate) fn served(&self, service: &'static str, bytes: usize) {
        self.with(|counts| *counts.bytes.entry(service).or_default() += bytes as u64);
    }

    /// An HTTP request to `route` was answered with `status` after `time`.
    pub(crate) fn answered(&self, route: &'static str, status: u16, time: Duration) {
        self.with(|counts| {
            *counts.answers.entry((route, status)).or_default() += 1;
            let seconds = time.as_secs_f64();
            counts.seconds += seconds;
            for (bound, count) in BOUNDS.iter().zip(&mut counts.times) {
                *count += u64::from(seconds <= *bound);
            }
        });
    }

    /// All figures as text.
    pub(crate) fn text(&self, app: &App) -> String {
        let counts = self.with(|counts| counts.clone());
        let mut text = String::new();
        counts.write(&mut text);
        let mut family = |name: &str, kind: &str, help: &str, samples: &[(String, f64)]| {
            head(&mut text, name, kind, help);
            for (labels, value) in samples {
                let _ = writeln!(text, "{name}{labels} {value}");
            }
        };
        let seats = app.view.seats();
        let of_seats = |figure: &dyn Fn(&qhal_backends::ensemble::Seat) -> f64| -> Vec<(String, f64)> {
            seats
                .iter()
                .map(|seat| (format!("{{device=\"{}\"}}", escaped(&seat.name)), figure(seat)))
                .collect()
        };
        family(
            "qhal_device_up",
            "gauge",
            "Whether the device serves.",
            &of_seats(&|seat| f64::from(u8::from(seat.serving))),
        );
        family(
            "qhal_device_samples_total",
            "counter",
            "Raw samples judged.",
            &of_seats(&|seat| seat.totals.samples as f64),
        );
        family(
            "qhal_device_health_failures_total",
            "counter",
            "Health tests failed.",
            &of_seats(&|seat| seat.totals.failures as f64),
        );
        family(
            "qhal_device_admissions_total",
            "counter",
            "Start-up tests passed.",
            &of_seats(&|seat| seat.totals.admissions as f64),
        );
        family(
            "qhal_device_losses_total",
            "counter",
            "Times the device was lost.",
            &of_seats(&|seat| seat.totals.losses as f64),
        );
        family(
            "qhal_device_blocks_total",
            "counter",
            "Conditioned blocks of 256 bits made.",
            &of_seats(&|seat| seat.totals.blocks as f64),
        );
        family(
            "qhal_pool_bytes",
            "gauge",
            "Conditioned bytes that lie ready.",
            &[(String::new(), app.view.ready() as f64)],
        );
        family(
            "qhal_uptime_seconds",
            "gauge",
            "Time since the start.",
            &[(String::new(), app.uptime().as_secs_f64())],
        );
        let version = format!("{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
        family("qhal_build_info", "gauge", "Always 1; its label is the version.", &[(version, 1.0)]);
        text
    }
}

impl Counts {
    fn write(&self, text: &mut String) {
        head(text, "qhal_http_requests_total", "counter", "Requests answered, by route and status.");
        for ((route, status), count) in &self.answers {
            let _ =
                writeln!(text, "qhal_http_requests_total{{route=\"{route}\",status=\"{status}\"}} {count}");
        }
        head(text, "qhal_random_bytes_total", "counter", "Random bytes given, by service.");
        for (service, bytes) in &self.bytes {
            let _ = writeln!(text, "qhal_random_bytes_total{{service=\"{service}\"}} {bytes}");
        }
        head(text, "qhal_http_request_seconds", "histogram", "Time from a request to its answer.");
        for (bound, count) in BOUNDS.iter().zip(&self.times) {
            let _ = writeln!(text, "qhal_http_request_seconds_bucket{{le=\"{bound}\"}} {count}");
        }
        let all: u64 = self.answers.values().sum();
        let _ = writeln!(text, "qhal_http_request_seconds_bucket{{le=\"+Inf\"}} {all}");
        let _ = writeln!(text, "qhal_http_request_seconds_sum {}", self.seconds);
        let _ = writeln!(text, "qhal_http_request_seconds_count {all}");
    }
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// A label's value as the format wants it.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_upwards() {
        let metrics = Metrics::default();
        for ms in [0, 1, 3, 30, 60_000] {
            metrics.answered("/x", 200, Duration::from_millis(ms));
        }
        metrics.served("egd", 16);
        let mut text = String::new();
        metrics.with(|counts| counts.write(&mut text));
        for line in [
            "qhal_http_requests_total{route=\"/x\",status=\"200\"} 5",
            "qhal_http_request_seconds_bucket{le=\"0.001\"} 2",
            "qhal_http_request_seconds_bucket{le=\"0.005\"} 3",
            "qhal_http_request_seconds_bucket{le=\"10\"} 4",
            "qhal_http_request_seconds_bucket{le=\"+Inf\"} 5",
            "qhal_http_request_seconds_sum 60.034",
            "qhal_random_bytes_total{service=\"egd\"} 16",
        ] {
            assert!(text.lines().any(|there| there == line), "{line} is not in\n{text}");
        }
        assert_eq!(escaped("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    }
}
