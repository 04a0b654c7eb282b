//! The report of an assessment: one HTML page with pictures that needs nothing else, for screens and for paper.
//!
//! The pictures are written here, line by line, and not by a plotting library: their colours have to follow the page from light
//! to dark, which styles can do and fixed colours in a drawing cannot.

mod charts;
pub(super) mod planes;

use qhal_entropy::assess::{Assessment, Estimates, IidAssessment, RestartAssessment};
use qhal_entropy::quick::QuickReport;

use self::charts::{Bar, Line};
use self::planes::Planes;
use super::sidecar::Sidecar;

/// What an assessment found.
pub(super) enum Found<'a> {
    NonIid(&'a Assessment),
    Iid(&'a IidAssessment),
    Restart(&'a RestartAssessment),
}

/// Everything that the page shows.
pub(super) struct Report<'a> {
    /// The file, or the device of live restart tests.
    pub(super) name: &'a str,
    pub(super) found: Found<'a>,
    pub(super) quick: &'a QuickReport,
    pub(super) sidecar: Option<&'a Sidecar>,
    /// The first samples, for the bit planes.
    pub(super) samples: &'a [u8],
    /// When the page was made, for people.
    pub(super) made_at: String,
}

/// A verdict in a word, and whether it is a good one.
struct Verdict {
    good: bool,
    text: String,
}

impl Report<'_> {
    /// The page.
    ///
    /// # Errors
    /// `Other` when the picture of the bit planes cannot be encoded.
    pub(super) fn html(&self) -> qhal::Result<String> {
        let name = escaped(self.name);
        let (assessed, bits) = self.assessed();
        let mut body = String::new();
        body.push_str(&format!(
            "<header><p class=\"eyebrow\">Entropy assessment · NIST SP 800-90B</p><h1>{name}</h1>\
             <div class=\"headline\"><div class=\"figure\"><b>{assessed:.4}</b>\
             <span>bits of min-entropy in a sample of {bits}</span></div><ul class=\"verdicts\">{}</ul></div></header>\n",
            self.verdicts().iter().map(verdict).collect::<String>()
        ));
        body.push_str(&self.estimates());
        body.push_str(&self.distribution());
        body.push_str(&self.dependence());
        let planes = Planes::new(self.samples, bits).data_address()?;
        body.push_str(&section(
            "Bit planes",
            &format!(
                "One square for each bit of a sample, the highest first; each dot is that bit of one of the first {} samples. \
                 Noise has no texture.",
                self.samples.len().min(planes::SAMPLES)
            ),
            &format!("<img class=\"planes\" alt=\"bit planes of the first samples\" src=\"{planes}\">"),
        ));
        body.push_str(&self.blocks());
        body.push_str(&self.origin());
        let warnings: String =
            self.warnings().iter().map(|warning| format!("<li>{}</li>", escaped(warning))).collect();
        if !warnings.is_empty() {
            body.push_str(&section("To know before this is relied on", "", &format!("<ul>{warnings}</ul>")));
        }
        let program = concat!("qhal ", env!("CARGO_PKG_VERSION"));
        Ok(format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <meta name=\"color-scheme\" content=\"light dark\"><title>{name} · entropy assessment</title>\
             <style>{STYLE}</style></head><body><main>\n{body}<footer>Made by {program} on {}. The estimators are those of \
             SP 800-90B; this is an assessment of samples, not a validation of a device.</footer></main></body></html>\n",
            escaped(&self.made_at)
        ))
    }

    fn assessed(&self) -> (f64, u8) {
        match self.found {
            Found::NonIid(found) => (found.assessed, found.bits),
            Found::Iid(found) => (found.assessed, found.bits),
            Found::Restart(found) => (found.assessed, found.bits),
        }
    }

    fn warnings(&self) -> &[String] {
        match self.found {
            Found::NonIid(found) => &found.warnings,
            Found::Iid(found) => &found.warnings,
            Found::Restart(found) => &found.warnings,
        }
    }

    fn claim(&self) -> Option<f64> {
        self.sidecar.map(|sidecar| sidecar.claimed_min_entropy)
    }

    fn verdicts(&self) -> Vec<Verdict> {
        let mut verdicts = Vec::new();
        let mut say = |good, text: String| verdicts.push(Verdict { good, text });
        match self.found {
            Found::NonIid(_) => {}
            Found::Iid(found) if found.passed => {
                say(true, "nothing speaks against independent, equally distributed samples".into())
            }
            Found::Iid(_) => {
                say(false, "not independent and equally distributed: the non-IID track counts".into())
            }
            Found::Restart(found) if found.passed => say(true, "restart tests passed".into()),
            Found::Restart(_) => say(false, "restart tests failed: no entropy is credited".into()),
        }
        let (assessed, _) = self.assessed();
        match self.claim() {
            Some(claim) if assessed >= claim => say(true, format!("keeps its claim of {claim:.4} bits")),
            Some(claim) => say(
                false,
                format!("less than the {claim:.4} bits claimed: set assessed = {assessed:.3} under [rng]"),
            ),
            None => {}
        }
        // Raw noise is neither uniform nor meant to be; only bytes that pass for conditioned are held to that.
        let raw = self.sidecar.is_some_and(|sidecar| sidecar.stage == "raw");
        let suspicious = self.quick.suspicious();
        if suspicious.is_empty() {
            say(true, "quick tests see uniform, independent bits".into());
        } else if raw {
            say(true, "raw noise: how far it is from uniform bits is below".into());
        } else {
            suspicious.into_iter().for_each(|sentence| say(false, sentence));
        }
        verdicts
    }

    /// The estimates, or the tests, as bars.
    fn estimates(&self) -> String {
        let (assessed, bits) = self.assessed();
        let mut lines = vec![Line { at: assessed, text: "assessed", class: "assessed" }];
        lines.extend(self.claim().map(|at| Line { at, text: "claimed", class: "claimed" }));
        let width = f64::from(bits);
        let bars = |of: &str, estimates: &Estimates, scale: f64| -> Vec<Bar> {
            let named = estimates.named().into_iter();
            named
                .filter_map(|(name, h)| {
                    Some(Bar { name: format!("{}{of}", name.replace('_', " ")), value: scale * h? })
                })
                .collect()
        };
        match self.found {
            Found::NonIid(found) => {
                let mut all = bars("", &found.original, 1.0);
                if let Some(bitstring) = &found.bitstring {
                    all.extend(bars(", bit string", bitstring, width));
                }
                section(
                    "Estimates",
                    "The ten estimators of §6.3, in bits of min-entropy per sample; the least one counts. Those of the bit string \
                     are multiplied by the bits of a sample.",
                    &charts::bars(&all, width, &lines),
                )
            }
            Found::Restart(found) => {
                lines.push(Line { at: found.initial, text: "initial", class: "claimed" });
                let mut all = bars(", rows", &found.rows, 1.0);
                all.extend(bars(", columns", &found.columns, 1.0));
                section(
                    "Restart tests",
                    &format!(
                        "Rows are samples after one restart, columns samples at the same place after all restarts (§3.1.4). The \
                         most frequent symbol of a row comes {} times, of a column {}; more than {} would fail.",
                        found.highest_in_row, found.highest_in_column, found.cutoff
                    ),
                    &charts::bars(&all, width, &lines),
                )
            }
            Found::Iid(found) => {
                let mut rows = String::new();
                let mut row = |name: &str, value: String, tail: String, passed: bool| {
                    let class = if passed { "good" } else { "bad" };
                    let word = if passed { "passed" } else { "FAILED" };
                    rows.push_str(&format!(
                        "<tr><td>{}</td><td class=\"number\">{value}</td><td class=\"number\">{tail}</td><td class=\"{class}\">{word}</td></tr>",
                        escaped(name)
                    ));
                };
                for (name, test) in [
                    ("chi-square, independence", &found.independence),
                    ("chi-square, goodness of fit", &found.goodness_of_fit),
                ] {
                    row(name, format!("{:.2}", test.score), format!("p = {:.4}", test.p_value), test.passed);
                }
                let longest = &found.longest_repeat;
                row(
                    "longest repeated substring",
                    longest.length.to_string(),
                    format!("p = {:.4}", longest.probability),
                    longest.passed,
                );
                for test in &found.permutation {
                    row(
                        &test.name.replace('_', " "),
                        format!("{:.2}", test.value),
                        format!("{} / {} / {}", test.greater, test.equal, test.less),
                        test.passed,
                    );
                }
                section(
                    "Tests for independent, equally distributed samples",
                    &format!(
                        "§5; for the permutation tests, how many of up to {} permutations had a greater, an equal and a smaller \
                         statistic (counting ends once a test has passed).",
                        found.permutations
                    ),
                    &format!(
                        "<div class=\"scroll\"><table><thead><tr><th>test</th><th class=\"number\">statistic</th>\
                         <th class=\"number\">likelihood</th><th>result</th></tr></thead><tbody>{rows}</tbody></table></div>"
                    ),
                )
            }
        }
    }

    fn distribution(&self) -> String {
        let values = &self.quick.values;
        section(
            "Distribution",
            &format!(
                "How often each value occurs among {} samples. Mean {:.3}, Shannon entropy {:.4} bits, most frequent value \
                 {:.4} bits; against a uniform distribution chi-square is {:.1} with {} degrees of freedom. Raw noise need not \
                 be uniform.",
                values.samples,
                values.mean,
                values.entropy,
                values.min_entropy,
                values.chi_square.score,
                values.chi_square.degrees
            ),
            &charts::histogram(&values.counts),
        )
    }

    fn dependence(&self) -> String {
        if self.quick.autocorrelation.is_empty() {
            return String::new();
        }
        section(
            "Autocorrelation",
            &format!(
                "Correlation of samples at distances of 1 to {}, over the first {} samples. The band is five standard deviations \
                 of independent samples.",
                self.quick.autocorrelation.len(),
                self.quick.correlated
            ),
            &charts::correlation(&self.quick.autocorrelation, self.quick.correlation_limit()),
        )
    }

    fn blocks(&self) -> String {
        let fips = &self.quick.fips;
        if fips.blocks == 0 {
            return String::new();
        }
        let cells: String = fips
            .named()
            .into_iter()
            .chain([("any", fips.failed)])
            .map(|(name, failed)| {
                let share = 100.0 * failed as f64 / fips.blocks as f64;
                let name = name.replace('_', " ");
                format!("<tr><td>{name}</td><td class=\"number\">{failed}</td><td class=\"number\">{share:.3} %</td></tr>")
            })
            .collect();
        section(
            "FIPS 140-2 blocks",
            &format!(
                "{} blocks of 20 000 bits. About one in a thousand fails for ideal bits; what counts is the rate.",
                fips.blocks
            ),
            &format!(
                "<table><thead><tr><th>test</th><th class=\"number\">blocks failed</th><th class=\"number\">share</th></tr></thead>\
                 <tbody>{cells}</tbody></table>"
            ),
        )
    }

    /// Where the samples come from.
    fn origin(&self) -> String {
        let Some(sidecar) = self.sidecar else {
            return section(
                "Where the samples come from",
                "There is no sidecar beside the file, so nothing is known. <code>qhal rng record</code> writes one.",
                "",
            );
        };
        let mut rows = vec![
            ("device", sidecar.device.clone()),
            ("model", sidecar.model.clone()),
            ("serial number", sidecar.serial.clone().unwrap_or_else(|| "none".to_owned())),
            ("address", sidecar.address.clone()),
            ("provenance", format!("{} ({})", sidecar.provenance, sidecar.evidence)),
            ("quantum origin", sidecar.origin.replace('-', " ")),
            ("stage", sidecar.stage.clone()),
            (
                "claimed min-entropy",
                format!("{} bits per sample of {}", sidecar.claimed_min_entropy, sidecar.sample_bits),
            ),
            ("taken at", format!("{}, in {:.1} s", sidecar.taken_at, sidecar.seconds)),
        ];
        if let Some(restarts) = sidecar.restarts {
            rows.push(("restarts", restarts.to_string()));
        }
        if let Some(health) = &sidecar.health {
            rows.push((
                "health tests",
                format!(
                    "{} failures; longest run {} of {} allowed, highest proportion {} of {} in {}",
                    health.failures,
                    health.longest_run,
                    health.repetition_cutoff.saturating_sub(1),
                    health.highest_proportion,
                    health.proportion_cutoff.saturating_sub(1),
                    health.proportion_window
                ),
            ));
        }
        rows.push(("SHA-256", sidecar.sha256.clone()));
        let mut cells: String = rows
            .iter()
            .map(|(name, value)| format!("<tr><th>{name}</th><td>{}</td></tr>", escaped(value)))
            .collect();
        for told in &sidecar.properties {
            let value = told.value.as_str().map_or_else(|| told.value.to_string(), str::to_owned);
            let (name, value) = (escaped(&told.name), escaped(&format!("{value} {}", told.unit)));
            cells.push_str(&format!("<tr><th>{name}</th><td>{value}</td></tr>"));
        }
        section(
            "Where the samples come from",
            "",
            &format!("<table class=\"facts\"><tbody>{cells}</tbody></table>"),
        )
    }
}

fn verdict(verdict: &Verdict) -> String {
    let (class, mark) = if verdict.good { ("good", "✓") } else { ("bad", "!") };
    format!("<li class=\"{class}\"><i>{mark}</i>{}</li>", escaped(&verdict.text))
}

/// A part of the page; `about` is HTML.
fn section(title: &str, about: &str, content: &str) -> String {
    let about = if about.is_empty() { String::new() } else { format!("<p>{about}</p>") };
    format!("<section><h2>{title}</h2>{about}{content}</section>\n")
}

/// Text as HTML.
pub(super) fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut html, letter| {
        match letter {
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '&' => html.push_str("&amp;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            letter => html.push(letter),
        }
        html
    })
}

const STYLE: &str = include_str!("style.css");
