//! What is printed: for people with colour on a terminal, plain in a pipe, JSON for programs.

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

use crate::exit::Failure;

/// Where things are printed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    pub(crate) json: bool,
}

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GREEN: Style = AnsiColor::Green.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const RED: Style = AnsiColor::Red.on_default();

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// An answer for programs.
    pub(crate) fn value(self, value: &Value) {
        anstream::println!("{}", serde_json::to_string_pretty(value).unwrap_or_default());
    }

    /// A line for people; nothing under `--json`.
    pub(crate) fn line(self, text: &str) {
        if !self.json {
            anstream::println!("{}", escape(text));
        }
    }

    /// A heading.
    pub(crate) fn heading(self, text: &str) {
        if !self.json {
            anstream::println!("\n{BOLD}{}{BOLD:#}", escape(text));
        }
    }

    /// Something that is under way, on the error stream.
    pub(crate) fn progress(self, text: &str) {
        if !self.json {
            anstream::eprintln!("{DIM}{}{DIM:#}", escape(text));
        }
    }

    /// A line of a change: `+` made, `~` changed, `-` gone.
    fn change(self, sign: char, text: &str) {
        let style = match sign {
            '+' => GREEN,
            '-' => RED,
            _ => YELLOW,
        };
        anstream::println!("  {style}{sign} {}{style:#}", escape(text));
    }

    /// What changes, as `ChangeSet` says it.
    pub(crate) fn changes(self, changes: &Value) {
        if self.json {
            return;
        }
        let list = changes["changes"].as_array().map(Vec::as_slice).unwrap_or_default();
        if list.is_empty() {
            anstream::println!("  {DIM}no change{DIM:#}");
        }
        for change in list {
            let sign = match change["op"].as_str() {
                Some("created") => '+',
                Some("deleted") => '-',
                _ => '~',
            };
            let text = |name: &str| change[name].as_str().unwrap_or_default().to_owned();
            let detail = if sign == '~' { updated(change) } else { String::new() };
            // An object that only gained a link back is noise to people.
            if sign == '~' && change["fields"].as_object().is_none_or(serde_json::Map::is_empty) {
                continue;
            }
            self.change(sign, &format!("{} {}{detail}", text("kind"), text("label")));
        }
    }

    /// A tree of what an instance holds.
    pub(crate) fn tree(self, instance: &Value) {
        if self.json {
            return;
        }
        anstream::println!(
            "{BOLD}{}{BOLD:#}",
            escape(instance["name"].as_str().unwrap_or_default())
        );
        let owns = instance["owns"].as_array().map(Vec::as_slice).unwrap_or_default();
        for (number, object) in owns.iter().enumerate() {
            let branch = if number + 1 == owns.len() { "└──" } else { "├──" };
            let kind = object["kind"].as_str().unwrap_or_default();
            let label = object["display_label"].as_str().unwrap_or_default();
            let facts = facts(object);
            anstream::println!(
                "{branch} {GREEN}{kind}{GREEN:#} {} {DIM}{}{DIM:#}",
                escape(label),
                escape(&facts)
            );
        }
    }

    /// A failure.
    pub(crate) fn failure(self, failure: &Failure) {
        if self.json {
            self.value(&json!({"errors": [{
                "message": failure.to_string(),
                "extensions": {"code": failure.code(), "details": failure.details()},
            }]}));
            return;
        }
        let code = failure.code();
        anstream::eprintln!("{RED}error{RED:#}[{code}]: {}", escape(&failure.to_string()));
        for detail in failure.details() {
            anstream::eprintln!("  {}", escape(detail));
        }
    }
}

fn updated(change: &Value) -> String {
    let fields = change["fields"].as_object();
    let shown: Vec<String> = fields
        .into_iter()
        .flatten()
        .map(|(name, field)| {
            let text =
                |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            format!("{name}: {} → {}", text(&field["before"]), text(&field["after"]))
        })
        .collect();
    if shown.is_empty() { String::new() } else { format!("  ({})", shown.join(", ")) }
}

fn facts(object: &Value) -> String {
    let mut facts = Vec::new();
    for (name, value) in object["attributes"].as_object().into_iter().flatten() {
        if name != "name" && !value.is_null() {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            facts.push(format!("{name} {text}"));
        }
    }
    if let Some(address) = object["relationships"]["address"][0].as_str() {
        facts.push(address.to_owned());
    }
    facts.join(", ")
}

/// Control characters from data never reach the terminal.
fn escape(text: &str) -> String {
    text.chars()
        .map(|letter| match letter {
            '\n' | '\t' => letter.to_string(),
            control if control.is_control() => control.escape_default().to_string(),
            // Marks that turn the direction of text around.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => String::from("\u{fffd}"),
            other => other.to_string(),
        })
        .collect()
}
