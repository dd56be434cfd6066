//! Figures and the table they are printed as.

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

/// What a figure must be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    /// The figure or its ratio is only told.
    Told,
    /// The value is at most this.
    AtMost(f64),
    /// The ratio to the yardstick is at most this.
    RatioAtMost(f64),
    /// The ratio to the yardstick is at least this.
    RatioAtLeast(f64),
}

/// One measured figure.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    /// What it is measured against, measured in the same run.
    pub(crate) yardstick: Option<(String, f64)>,
    pub(crate) target: Target,
}

impl Figure {
    pub(crate) fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value, unit, yardstick: None, target: Target::Told }
    }

    pub(crate) fn against(mut self, name: impl Into<String>, value: f64) -> Self {
        self.yardstick = Some((name.into(), value));
        self
    }

    pub(crate) fn target(mut self, target: Target) -> Self {
        self.target = target;
        self
    }

    pub(crate) fn ratio(&self) -> Option<f64> {
        self.yardstick.as_ref().map(|(_, yardstick)| self.value / yardstick)
    }

    /// Whether the target is met; nothing where there is none.
    pub(crate) fn ok(&self) -> Option<bool> {
        match self.target {
            Target::Told => None,
            Target::AtMost(most) => Some(self.value <= most),
            Target::RatioAtMost(most) => self.ratio().map(|ratio| ratio <= most),
            Target::RatioAtLeast(least) => self.ratio().map(|ratio| ratio >= least),
        }
    }

    fn target_text(&self) -> String {
        match self.target {
            Target::Told => String::new(),
            Target::AtMost(most) => format!("<= {} {}", short(most), self.unit),
            Target::RatioAtMost(most) => format!("<= {}x", short(most)),
            Target::RatioAtLeast(least) => format!(">= {}x", short(least)),
        }
    }

    pub(crate) fn to_json(&self) -> Json {
        let target = self.target_text();
        json!({
            "name": self.name, "value": self.value, "unit": self.unit,
            "yardstick": self.yardstick.as_ref().map(|(name, value)| json!({
                "name": name, "value": value,
            })),
            "ratio": self.ratio(),
            "target": if target.is_empty() { Json::Null } else { Json::String(target) },
            "ok": self.ok(),
        })
    }

    /// One line of the table.
    pub(crate) fn line(&self) -> String {
        let value = format!("{} {}", short(self.value), self.unit);
        let yardstick = match &self.yardstick {
            Some((name, yardstick)) => {
                let ratio = self.ratio().unwrap_or_default();
                format!("{}x of {name} ({})", short(ratio), short(*yardstick))
            }
            None => String::new(),
        };
        let ok = match self.ok() {
            Some(true) => "ok",
            Some(false) => "MISSED",
            None => "",
        };
        let line = format!(
            "{:<58} {value:>16}  {yardstick:<58} {:<10} {ok}",
            self.name,
            self.target_text()
        );
        line.trim_end().to_owned()
    }
}

/// Three digits that matter.
fn short(number: f64) -> String {
    match number.abs() {
        size if size >= 100.0 => format!("{number:.0}"),
        size if size >= 10.0 => format!("{number:.1}"),
        size if size >= 0.1 => format!("{number:.2}"),
        _ => format!("{number:.4}"),
    }
}

/// How long something takes, with what it gives.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let began = Instant::now();
    let result = work();
    (began.elapsed(), result)
}

/// The time below which a share of the samples lies.
pub(crate) fn quantile(samples: &mut [Duration], percent: usize) -> Duration {
    samples.sort_unstable();
    let at = samples.len().saturating_sub(1) * percent / 100;
    samples.get(at).copied().unwrap_or_default()
}

pub(crate) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
