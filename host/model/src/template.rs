//! Templates of labels and computed attributes: Jinja over named values.
//!
//! They are rendered inside the host, so work and memory are bounded by one budget: a step, and every 64
//! bytes of what a template makes on its way, cost one each, and what is too large is not made at all. What
//! that budget does not see, lists of lists, is refused as a template is read.

mod plain;

use std::collections::BTreeMap;

use minijinja::{Environment, ErrorKind};

use crate::Value;
use crate::document::DocumentFault;
use crate::limits::{TEMPLATE_BYTES_MAX as OUTPUT_BYTES_MAX, TEMPLATE_STEPS_MAX};

/// Characters of a template that an error tells.
const TEMPLATE_TOLD: usize = 200;

/// Why a template cannot be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("template `{template}`: {what}")]
pub struct TemplateError {
    /// How the template begins.
    pub template: String,
    /// What sort of mistake it is.
    pub fault: DocumentFault,
    /// What is wrong.
    pub what: String,
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(TEMPLATE_STEPS_MAX));
    environment
}

/// Renders a template that was [checked](check). A value that is not there is empty.
pub fn render(template: &str, values: &BTreeMap<String, Value>) -> Result<String, TemplateError> {
    let context = minijinja::Value::from_pairs(
        values.iter().map(|(name, value)| (name.clone(), shown(value))),
    );
    let text =
        environment().render_str(template, context).map_err(|error| told(template, &error))?;
    if text.len() > OUTPUT_BYTES_MAX {
        let what = format!("the result is longer than {OUTPUT_BYTES_MAX} bytes");
        return Err(bad(template, DocumentFault::TooLarge, what));
    }
    Ok(text)
}

fn bad(template: &str, fault: DocumentFault, what: String) -> TemplateError {
    let template = template.chars().take(TEMPLATE_TOLD).collect();
    TemplateError { template, fault, what }
}

fn told(template: &str, error: &minijinja::Error) -> TemplateError {
    let (fault, what) = match error.kind() {
        ErrorKind::OutOfFuel => (
            DocumentFault::Fuel,
            format!(
                "it takes more than {TEMPLATE_STEPS_MAX} steps, of which each 64 bytes that it makes \
                 on its way are one; does it end, and does it make a text longer and longer?"
            ),
        ),
        _ => (DocumentFault::Bad, error.to_string()),
    };
    bad(template, fault, what)
}

fn shown(value: &Value) -> minijinja::Value {
    match value {
        Value::Null => minijinja::Value::from(()),
        Value::Bool(yes) => minijinja::Value::from(*yes),
        Value::Int(number) => minijinja::Value::from(*number),
        other => minijinja::Value::from(other.to_string()),
    }
}

/// Whether a template may be one of a label or a computed value: it reads, and what it does is bounded.
pub fn check(template: &str) -> Result<(), TemplateError> {
    // First: what is constant is put together as soon as a template is taken.
    if let Some(what) = plain::refused(template) {
        return Err(bad(template, DocumentFault::Bad, what));
    }
    environment().template_from_str(template).map(drop).map_err(|bad| told(template, &bad))
}

/// The names a template looks at, sorted: `name__value`, `site__name__value`.
pub fn references(template: &str) -> Result<Vec<String>, TemplateError> {
    let environment = environment();
    let parsed = environment.template_from_str(template).map_err(|error| told(template, &error))?;
    let mut names: Vec<String> = parsed.undeclared_variables(false).into_iter().collect();
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_names_what_it_looks_at_and_renders_it() {
        let template = "{{ site__name__value }}-{{ name__value | upper }}";
        assert_eq!(references(template).unwrap(), ["name__value", "site__name__value"]);
        let values = BTreeMap::from([
            ("site__name__value".to_owned(), Value::from("par")),
            ("name__value".to_owned(), Value::from("sw1")),
        ]);
        assert_eq!(render(template, &values).unwrap(), "par-SW1");
        assert_eq!(render(template, &BTreeMap::new()).unwrap(), "-");
    }

    /// Bytes of memory that the process had at most; nothing where the system does not say.
    fn peak() -> Option<u64> {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? << 10)
    }

    /// A statement forty times, after what it begins with and before what it ends with.
    fn forty(first: &str, statement: &str, last: &str) -> String {
        format!("{first}{}{last}", statement.repeat(40))
    }

    #[test]
    fn a_template_that_grows_or_does_not_end_is_stopped_before_it_takes_memory() {
        let before = peak();
        let name = BTreeMap::from([("name__value".to_owned(), Value::from("x".repeat(1_000)))]);
        let hundred = ["range(99999) | list | length"; 100].join(" ~ ");
        for template in [
            "{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}"
                .to_owned(),
            // A text that is doubled, by every means there is.
            forty("{% set a = name__value %}", "{% set a = a ~ a %}", "{{ a }}"),
            forty("{% set a = name__value %}", "{% set a = a + a %}", "{{ a | length }}"),
            forty("{% set a = name__value %}", "{% set a %}{{ a }}{{ a }}{% endset %}", "{{ a }}"),
            forty("{% set a = name__value %}", "{% set a = a | replace('x', 'xx') %}", ""),
            forty("{% set a = name__value %}", "{% set a = [a, a] | join %}", ""),
            forty("{% set a = name__value %}", "{% set a = [a, a] | string %}", ""),
            forty("{% set a = name__value %}", "{% set a = [a, a] | tojson %}", ""),
            forty("{% set a = name__value %}", "{% set a = '%s%s' | format(a, a) %}", ""),
            // One that is made long at once.
            "{{ 'x' * 99999999 }}".to_owned(),
            "{{ name__value * 99999 }}".to_owned(),
            "{{ '%99999999s' | format('x') }}".to_owned(),
            "{{ name__value | indent(99999999, true, true) }}".to_owned(),
            "{{ (name__value * 99) | replace('x', name__value) }}".to_owned(),
            "{{ (range(9999) | join(name__value)) | length }}".to_owned(),
            // Lists, one after the other and within each other.
            format!("{{{{ {hundred} }}}}"),
            "{{ range(99999) | batch(1) | batch(1) | list | length }}".to_owned(),
            "{% for a in range(99999) | batch(9999) %}{% for b in range(99999) | batch(9999) %}\
             {{ a == b }}{% endfor %}{% endfor %}"
                .to_owned(),
            "{{ range(99999) | sort | unique | string | length }}".to_owned(),
        ] {
            assert_eq!(check(&template), Ok(()), "{template}");
            let bad = render(&template, &name).map(|text| text.len()).unwrap_err();
            let is = (bad.fault, bad.fault.code());
            assert_eq!(is, (DocumentFault::Fuel, "template-fuel"), "{template}: {bad}");
        }
        let long = render("{{ name__value * 70 }}", &name).unwrap_err();
        assert_eq!(long.fault.code(), "document-too-large", "{long}");
        // What would be long before anybody looks at it is never rendered.
        for template in [
            forty("{% set a = [1, 2] %}", "{% set a = a + a %}", "{{ a | list | length }}"),
            forty("{% set a = [1, 2] %}", "{% set a = [a, a] %}", "{{ a }}"),
            "{{ ([0] * 99999999) | length }}".to_owned(),
            format!("{{{{ ({}) | length }}}}", ["[0] * 99999999"; 40].join(" + ")),
        ] {
            let bad = check(&template).unwrap_err();
            assert_eq!(bad.fault.code(), "bad-template", "{bad}");
        }
        if let (Some(before), Some(after)) = (before, peak()) {
            assert!(after - before < 64 << 20, "{before} {after}");
        }
        // What is long and does not grow has room.
        assert_eq!(render("{{ name__value * 9 }}", &name).map(|text| text.len()), Ok(9_000));
    }

    /// Numbers that are the same every time.
    struct Dice(u64);

    impl Dice {
        fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let sides = u64::try_from(of.len()).unwrap();
            of[usize::try_from((self.0 >> 33) % sides).unwrap()]
        }
    }

    /// An expression of parts that make texts and lists longer, as deep as it may be.
    fn expression(dice: &mut Dice, depth: usize) -> String {
        const LEAVES: [&str; 9] =
            ["a", "b", "i", "n__value", "n__value", "'xyz'", "2", "999", "range(999)"];
        if depth == 0 || dice.one(&["leaf", "more", "more"]) == "leaf" {
            return dice.one(&LEAVES).to_owned();
        }
        let mut part = || expression(dice, depth - 1);
        let (one, two) = (part(), part());
        match dice
            .one(&["op", "op", "op", "list", "list", "filter", "filter", "if", "item", "leaf"])
        {
            "op" => {
                let op =
                    dice.one(&["~", "~", "+", "+", "*", "or", "and", "==", "in", "-", "**", "%"]);
                format!("({one} {op} {two})")
            }
            "list" => {
                dice.one(&["[1, 2]", "(1, 2)", "{1: 2}"]).replace('1', &one).replace('2', &two)
            }
            "filter" => {
                let filter = dice.one(&[
                    "list",
                    "join(A)",
                    "replace('x', A)",
                    "string",
                    "tojson",
                    "batch(2)",
                    "sort",
                    "unique",
                    "length",
                    "default(A)",
                    "first",
                    "last",
                    "reverse",
                    "split('y')",
                    "items",
                    "map('string')",
                    "format(A)",
                    "indent(A)",
                    "chain(A)",
                    "zip(A)",
                    "sum",
                    "upper",
                    "select",
                    "groupby('x')",
                    "dictsort",
                    "slice(2)",
                    "pprint",
                    "urlencode",
                    "min",
                ]);
                format!("({one} | {})", filter.replace('A', &two))
            }
            "if" => format!("({one} if {two} else {one})"),
            "item" => dice.one(&["A[0]", "A[1:]", "A[::-1]", "A.x", "range(A)"]).replace('A', &one),
            _ => one,
        }
    }

    #[test]
    fn what_may_be_a_label_ends_soon_and_takes_little_whatever_it_says() {
        let before = peak();
        let values = BTreeMap::from([("n__value".to_owned(), Value::from("xyz".repeat(99)))]);
        let mut dice = Dice(7);
        let (mut taken, mut made) = (0, 0);
        for _ in 0..2_000 {
            let mut text = String::new();
            for _ in 0..3 {
                let made = expression(&mut dice, 3);
                let again = dice.one(&["1", "1", "40"]).parse().unwrap();
                let statement = dice.one(&[
                    "{% set a = E %}",
                    "{% set b = E %}",
                    "{{ E }}",
                    "{% for i in E %}{% set a = i %}{{ a }}{% endfor %}",
                    "{% set a %}{{ a }}{{ E }}{% endset %}",
                    "{% for i in E %}{{ E }}{% endfor %}",
                    "{% with b = E %}{{ b }}{% endwith %}",
                ]);
                text.push_str(&statement.replace('E', &made).repeat(again));
            }
            if check(&text).is_err() {
                continue;
            }
            taken += 1;
            let began = std::time::Instant::now();
            let rendered = render(&text, &values);
            made += usize::from(rendered.is_ok());
            let took = began.elapsed();
            assert!(took.as_secs() < 5, "{took:?}: {text}");
        }
        assert!(taken > 300 && made > 100, "{taken} {made}");
        if let (Some(before), Some(after)) = (before, peak()) {
            assert!(after - before < 64 << 20, "{before} {after}");
        }
    }

    #[test]
    fn a_broken_template_is_told() {
        for bad in [references("{{ name").unwrap_err(), check("{{ name").unwrap_err()] {
            assert_eq!(bad.fault.code(), "bad-template", "{bad}");
        }
    }
}
