//! Templates of labels and computed attributes: Jinja over named values.

use std::collections::BTreeMap;

use minijinja::Environment;

use crate::Value;

use crate::limits::{TEMPLATE_BYTES_MAX as OUTPUT_BYTES_MAX, TEMPLATE_STEPS_MAX};

/// Why a template cannot be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("template `{template}`: {what}")]
pub struct TemplateError {
    /// The template.
    pub template: String,
    /// What is wrong.
    pub what: String,
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(TEMPLATE_STEPS_MAX));
    environment
}

/// Renders a template. A value that is not there is empty.
pub fn render(template: &str, values: &BTreeMap<String, Value>) -> Result<String, TemplateError> {
    let bad = |what: String| TemplateError { template: template.to_owned(), what };
    let context = minijinja::Value::from_pairs(
        values.iter().map(|(name, value)| (name.clone(), shown(value))),
    );
    let text =
        environment().render_str(template, context).map_err(|error| bad(error.to_string()))?;
    if text.len() > OUTPUT_BYTES_MAX {
        return Err(bad(format!("the result is longer than {OUTPUT_BYTES_MAX} bytes")));
    }
    Ok(text)
}

fn shown(value: &Value) -> minijinja::Value {
    match value {
        Value::Null => minijinja::Value::from(()),
        Value::Bool(yes) => minijinja::Value::from(*yes),
        Value::Int(number) => minijinja::Value::from(*number),
        other => minijinja::Value::from(other.to_string()),
    }
}

/// The names a template looks at, sorted: `name__value`, `site__name__value`.
pub fn references(template: &str) -> Result<Vec<String>, TemplateError> {
    let environment = environment();
    let parsed = environment.template_from_str(template).map_err(|error| TemplateError {
        template: template.to_owned(),
        what: error.to_string(),
    })?;
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

    #[test]
    fn an_endless_template_is_stopped() {
        let template =
            "{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}";
        assert!(render(template, &BTreeMap::new()).is_err());
    }

    #[test]
    fn a_broken_template_is_told() {
        assert!(references("{{ name").is_err());
    }
}
