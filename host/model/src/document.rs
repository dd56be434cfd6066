//! Documents: text that a template makes of the answer of a query, as configurations of devices are.
//!
//! Jinja with the settings of the published clients, so that a template renders to the same here and
//! there. A template may name others of its folder, literally; it reaches no file, only what it is given.
//! Work and size are limited here; memory only by the work, of which 64 bytes that are made cost a step, so
//! that a template may take a gigabyte: whoever renders what others wrote does it in a process of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use minijinja::machinery::parse;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, ErrorKind};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::limits::{DOCUMENT_FUEL, RENDERED_BYTES_MAX};

/// A template with those it names, by their paths within a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Templates {
    /// The path of the one that is rendered.
    pub entry: String,
    /// Texts by path.
    pub files: BTreeMap<String, String>,
}

/// What sort of mistake there is in a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DocumentFault {
    /// It does not read, or asks for what cannot be.
    Bad,
    /// It names another that is not there.
    Missing,
    /// It does too much.
    Fuel,
    /// It says too much.
    TooLarge,
}

impl DocumentFault {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Bad => "bad-template",
            Self::Missing => "missing-template",
            Self::Fuel => "template-fuel",
            Self::TooLarge => "document-too-large",
        }
    }
}

/// Why there is no document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{at}: {what}")]
pub struct DocumentError {
    /// What sort of mistake it is.
    pub fault: DocumentFault,
    /// The file and the line, as far as they are known.
    pub at: String,
    /// What is wrong and what helps.
    pub what: String,
}

/// A template that another names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// Its path.
    pub path: String,
    /// Whether it may be missing.
    pub optional: bool,
}

/// Statements that name other templates.
const NAMING: [&str; 4] = ["include", "import", "from", "extends"];

/// The templates that a template names literally, without reading more of it than its statements.
pub fn named(text: &str) -> BTreeSet<Named> {
    let mut all = BTreeSet::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("{%") {
        let (statement, next) = after.split_once("%}").unwrap_or((after, ""));
        rest = next;
        let statement = statement.trim_start_matches(['-', '+']).trim_start();
        let word = statement.split(|letter: char| !letter.is_ascii_alphabetic()).next();
        if !word.is_some_and(|word| NAMING.contains(&word)) {
            continue;
        }
        // One of several, or part of an expression: whether it is there is found out by rendering.
        let optional = statement.contains("ignore missing")
            || statement.contains(" if ")
            || statement.contains(['[', '(', '~', '+', '|']);
        let paths = literals(statement).into_iter();
        all.extend(paths.map(|path| Named { path, optional }));
    }
    all
}

/// The quoted texts of a statement.
fn literals(statement: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut rest = statement;
    while let Some(at) = rest.find(['"', '\'']) {
        let (quote, after) = rest.split_at(at).1.split_at(1);
        let Some((text, next)) = after.split_once(quote) else { break };
        all.push(text.to_owned());
        rest = next;
    }
    all
}

impl Templates {
    /// A template with all that it names, and what these name, out of the files of a folder.
    ///
    /// `Err` holds the paths that are missing.
    pub fn gather(
        entry: &str,
        mut read: impl FnMut(&str) -> Option<String>,
    ) -> Result<Self, Vec<String>> {
        let mut files = BTreeMap::new();
        let mut missing = Vec::new();
        let mut left = vec![Named { path: entry.to_owned(), optional: false }];
        while let Some(Named { path, optional }) = left.pop() {
            if files.contains_key(&path) {
                continue;
            }
            match read(&path) {
                Some(text) => {
                    left.extend(named(&text));
                    files.insert(path, text);
                }
                None if optional => {}
                None => missing.push(path),
            }
        }
        missing.sort_unstable();
        missing.dedup();
        if missing.is_empty() { Ok(Self { entry: entry.to_owned(), files }) } else { Err(missing) }
    }

    /// Whether they all read; what is wrong with each that does not.
    pub fn check(&self) -> Result<(), Vec<DocumentError>> {
        // Read, and no more: what is constant in it is put together where it is rendered.
        let reads = |(path, text): (&String, &String)| parse(text, path, syntax()).err();
        let bad: Vec<DocumentError> =
            self.files.iter().filter_map(reads).map(|bad| told(&bad)).collect();
        if bad.is_empty() { Ok(()) } else { Err(bad) }
    }

    fn environment(&self) -> Environment<'_> {
        let mut environment = Environment::new();
        environment.set_fuel(Some(DOCUMENT_FUEL));
        environment.set_syntax(syntax());
        // What is made is no page of a browser, whatever its name ends in.
        environment.set_auto_escape_callback(|_name| minijinja::AutoEscape::None);
        environment
            .set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        let files = self.files.clone();
        environment.set_loader(move |path| Ok(files.get(path).cloned()));
        environment
    }

    /// The document that the template makes of an answer, which it sees as `data`, beside the variables
    /// of the query.
    pub fn render(
        &self,
        variables: &Map<String, Json>,
        data: &Json,
    ) -> Result<String, DocumentError> {
        let environment = self.environment();
        let template = environment.get_template(&self.entry).map_err(|bad| told(&bad))?;
        let variables = variables.iter().map(|(name, value)| (name.clone(), shown(value)));
        let context = variables.chain(std::iter::once(("data".to_owned(), shown(data))));
        let context = minijinja::Value::from_pairs(context);
        let mut out = Bounded { bytes: Vec::new(), full: false };
        let rendered = template.render_captured_to(context, &mut out).map(|_state| ());
        if out.full {
            return Err(DocumentError {
                fault: DocumentFault::TooLarge,
                at: self.entry.clone(),
                what: format!(
                    "the document is larger than {RENDERED_BYTES_MAX} bytes; make several of it"
                ),
            });
        }
        rendered.map_err(|bad| told(&bad))?;
        // What is written is text, piece by piece.
        Ok(String::from_utf8_lossy(&out.bytes).into_owned())
    }
}

/// The settings of the published clients.
fn syntax() -> SyntaxConfig {
    let built = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    built.unwrap_or_default()
}

fn shown(json: &Json) -> minijinja::Value {
    match json {
        Json::Null => minijinja::Value::from(()),
        Json::Bool(yes) => minijinja::Value::from(*yes),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => minijinja::Value::from(number),
            (None, Some(number)) => minijinja::Value::from(number),
            (None, None) => minijinja::Value::from(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => minijinja::Value::from(text.as_str()),
        Json::Array(items) => items.iter().map(shown).collect(),
        Json::Object(map) => {
            let pairs = map.iter().map(|(name, value)| (name.clone(), shown(value)));
            minijinja::Value::from_pairs(pairs)
        }
    }
}

/// Takes so much and no more.
struct Bounded {
    bytes: Vec<u8>,
    full: bool,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > RENDERED_BYTES_MAX {
            self.full = true;
            return Err(io::Error::other("the document is too large"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn told(bad: &minijinja::Error) -> DocumentError {
    let at = match (bad.name(), bad.line()) {
        (Some(name), Some(line)) => format!("{name}, line {line}"),
        (Some(name), None) => name.to_owned(),
        (None, _) => "the template".to_owned(),
    };
    let fault = match bad.kind() {
        ErrorKind::OutOfFuel => DocumentFault::Fuel,
        ErrorKind::TemplateNotFound => DocumentFault::Missing,
        _ => DocumentFault::Bad,
    };
    let detail = bad.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    let cause = std::error::Error::source(bad).map(|cause| format!(": {cause}"));
    let what = match bad.kind() {
        ErrorKind::OutOfFuel => {
            format!("the template does more than {DOCUMENT_FUEL} steps; does it end?")
        }
        kind => format!("{kind}{detail}{}", cause.unwrap_or_default()),
    };
    DocumentError { fault, at, what }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn templates(files: &[(&str, &str)]) -> Templates {
        let files: BTreeMap<&str, &str> = files.iter().copied().collect();
        Templates::gather("main.j2", |path| files.get(path).map(|text| (*text).to_owned())).unwrap()
    }

    fn rendered(text: &str) -> Result<String, DocumentError> {
        let variables = Map::from_iter([("name".to_owned(), json!("shop"))]);
        let data = json!({"z": {"edges": [{"node": {"name": {"value": "a"}, "n": 1}}, {"node": null}]},
            "a": ["x", "Y"], "none": null, "yes": true});
        templates(&[("main.j2", text)]).render(&variables, &data)
    }

    #[test]
    fn a_template_names_others_and_reaches_nothing_else() {
        let files = [
            (
                "main.j2",
                "{%- extends 'base.j2' -%}{% block body %}{% include \"part.j2\" %}{% endblock %}",
            ),
            ("base.j2", "<{% block body %}{% endblock %}>{% include 'none.j2' ignore missing %}"),
            ("part.j2", "{% from 'macros.j2' import twice %}{{ twice(name) }}"),
            ("macros.j2", "{% macro twice(x) %}{{ x }}{{ x }}{% endmacro %}"),
            ("other.j2", "never"),
        ];
        let all = templates(&files);
        assert_eq!(all.files.len(), 4, "{:?}", all.files.keys());
        assert_eq!(all.check(), Ok(()));
        let variables = Map::from_iter([("name".to_owned(), json!("x"))]);
        assert_eq!(all.render(&variables, &Json::Null).unwrap(), "<xx>");
        let missing = Templates::gather("main.j2", |path| {
            (path == "main.j2")
                .then(|| "{% include 'gone.j2' %}{% import \"away.j2\" as a %}".to_owned())
        });
        assert_eq!(missing, Err(vec!["away.j2".to_owned(), "gone.j2".to_owned()]));
        let chosen =
            named("{% include ['a.j2', 'b.j2'] %}{% extends 'x' ~ '.j2' %}{% set x = 'c.j2' %}");
        assert!(chosen.iter().all(|one| one.optional && one.path != "c.j2"), "{chosen:?}");
        assert_eq!(chosen.len(), 4);
        // One that is named by a value is not found.
        let bad = rendered("{% include name %}").unwrap_err();
        assert_eq!(bad.fault, DocumentFault::Missing, "{bad}");
        let bad = rendered("{% include '/etc/passwd' ignore missing %}");
        assert_eq!(bad, Ok(String::new()));
    }

    #[test]
    fn values_are_shown_as_published_clients_show_them() {
        for (text, wanted) in [
            ("{{ data.z.edges[0].node.name.value }}-{{ name }}", "a-shop"),
            (
                "{% for key, value in data.z.edges[0].node.items() %}{{ key }} {% endfor %}",
                "name n ",
            ),
            (
                "{% for one in data.a %}\n  {% if one == 'x' %}\n{{ one.upper() }}\n  {% endif %}\n{% endfor %}",
                "X\n",
            ),
            ("{{ data.a | join(',') }} {{ data.a | map('lower') | list | length }}", "x,Y 2"),
            ("<{{ data.nothing }}>{{ data.yes }} {{ data.none }}", "<>True None"),
            ("{{ 'a b'.split(' ')[1] }}{{ '%s' | format('c') }}", "bc"),
            ("{{ data.a | tojson }}", "[\"x\", \"Y\"]"),
            ("& {{ '<b>' }}\n", "& <b>"),
        ] {
            match rendered(text) {
                Ok(is) => assert_eq!(is, wanted, "{text}"),
                Err(bad) => panic!("{text}: {bad}"),
            }
        }
    }

    #[test]
    fn a_template_that_does_not_end_or_is_wrong_says_so() {
        let endless =
            "{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}";
        for (text, code) in [
            (endless, "template-fuel"),
            ("{% for i in range(9999) %}{{ 'x' * 9999 }}{% endfor %}", "document-too-large"),
            ("{{ data.nothing.more }}", "bad-template"),
            ("{{ 1 | no_such_filter }}", "bad-template"),
            ("{% include 'main.j2' %}", "bad-template"),
        ] {
            let bad = rendered(text).unwrap_err();
            assert_eq!(bad.fault.code(), code, "{text}: {bad}");
            assert!(bad.at.starts_with("main.j2"), "{bad}");
        }
        let broken = templates(&[("main.j2", "one\n{% if %}")]).check().unwrap_err();
        assert_eq!((broken.len(), broken[0].at.as_str()), (1, "main.j2, line 2"), "{broken:?}");
    }
}
