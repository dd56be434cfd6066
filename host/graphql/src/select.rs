//! Selections as they are executed: fragments resolved for a concrete kind, directives decided,
//! fields of one name merged.

use std::collections::HashMap;

use apollo_compiler::ast::Value as Ast;
use apollo_compiler::executable::{DirectiveList, Field, Selection, SelectionSet};
use apollo_compiler::response::JsonMap;
use apollo_compiler::{ExecutableDocument, Node};
use model::schema::{Kind, Schema};
use serde_json::Value as Json;

use crate::error::GraphqlError;
use crate::sdl;
use crate::{ALIASES_MAX, DEPTH_MAX, FIELDS_MAX};

/// Names that `@expand` leaves out; nothing where it is not asked for.
pub(crate) type Expand = Option<Vec<String>>;

/// Fields that answer under one key, in order.
pub(crate) struct Merged<'d> {
    pub(crate) key: &'d str,
    /// None where `@expand` alone brings it in.
    pub(crate) fields: Vec<&'d Field>,
    /// `@expand` asks for its value and what is told of every value.
    pub(crate) expanded: bool,
}

impl<'d> Merged<'d> {
    /// A field that nobody wrote.
    pub(crate) fn added(key: &'d str) -> Self {
        Self { key, fields: Vec::new(), expanded: true }
    }

    pub(crate) fn name(&self) -> &'d str {
        self.fields.first().map_or(self.key, |field| field.name.as_str())
    }

    pub(crate) fn sets(&self) -> Vec<&'d SelectionSet> {
        self.fields.iter().map(|field| &field.selection_set).collect()
    }
}

/// Fields that are being merged.
#[derive(Default)]
struct Keyed<'d> {
    fields: Vec<Merged<'d>>,
    /// Where the fields are by their keys, once there are many.
    places: HashMap<&'d str, usize>,
}

impl<'d> Keyed<'d> {
    /// So few are found faster by looking at each.
    const FEW: usize = 16;

    fn add(&mut self, field: &'d Field) {
        let key = field.response_key().as_str();
        let known = if self.places.is_empty() {
            self.fields.iter().position(|known| known.key == key)
        } else {
            self.places.get(key).copied()
        };
        if let Some(known) = known.and_then(|at| self.fields.get_mut(at)) {
            known.fields.push(field);
            return;
        }
        self.fields.push(Merged { key, fields: vec![field], expanded: false });
        let count = self.fields.len();
        if count == Self::FEW {
            let keys = self.fields.iter().map(|known| known.key);
            self.places.extend(keys.enumerate().map(|(at, key)| (key, at)));
        } else if count > Self::FEW {
            self.places.insert(key, count - 1);
        }
    }
}

/// What the fragments of a selection are held against.
#[derive(Clone, Copy)]
enum Of<'a> {
    /// A type that has no fragments but its own.
    Itself,
    /// A concrete kind.
    Kind(&'a Kind),
    /// A type that is no kind, by its name: it has an interface at most.
    Named(&'a str),
}

/// What a selection is resolved with.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'d> {
    pub(crate) document: &'d ExecutableDocument,
    pub(crate) variables: &'d JsonMap,
    pub(crate) schema: &'d Schema,
}

impl<'d> Scope<'d> {
    /// The fields of sets of a type that is no kind.
    pub(crate) fn merge(&self, sets: &[&'d SelectionSet]) -> Vec<Merged<'d>> {
        let mut merged = Keyed::default();
        for set in sets {
            self.collect(set, Of::Itself, &mut merged, &mut None);
        }
        merged.fields
    }

    /// The fields of sets that apply to a type that is no kind, where sets select from its interface.
    pub(crate) fn merge_named(&self, sets: &[&'d SelectionSet], name: &str) -> Vec<Merged<'d>> {
        let mut merged = Keyed::default();
        for set in sets {
            self.collect(set, Of::Named(name), &mut merged, &mut None);
        }
        merged.fields
    }

    /// The fields of sets that apply to a concrete kind, with the values that `@expand` adds.
    pub(crate) fn merge_node(
        &self,
        sets: &[&'d SelectionSet],
        kind: &Kind,
        mut expand: Expand,
    ) -> Vec<Merged<'d>> {
        let mut merged = Keyed::default();
        for set in sets {
            self.collect(set, Of::Kind(kind), &mut merged, &mut expand);
        }
        let mut merged = merged.fields;
        // The schema's own record of the kind: its names live as long as the query.
        let own = expand.zip(self.schema.kind(&kind.name));
        let Some((excluded, kind)) = own else { return merged };
        let wanted = |name: &str| !excluded.iter().any(|excluded| excluded == name);
        for attribute in kind.attributes.iter().filter(|attribute| wanted(&attribute.name)) {
            match merged.iter_mut().find(|known| known.name() == attribute.name) {
                Some(known) => known.expanded = true,
                None => merged.push(Merged::added(&attribute.name)),
            }
        }
        if wanted("__typename") && merged.iter().all(|known| known.key != "__typename") {
            merged.push(Merged::added("__typename"));
        }
        merged
    }

    /// What `@expand` among directives asks for.
    fn expansion(&self, directives: &DirectiveList) -> Expand {
        let directive = directives.get("expand")?;
        let names = directive.specified_argument_by_name("exclude");
        let names = names.map(|names| self.json(names)).unwrap_or_default();
        let names = names.as_array().cloned().unwrap_or_default();
        Some(names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect())
    }

    /// What `@expand` at one of the fields asks for.
    pub(crate) fn expansion_of(&self, merged: &Merged<'_>) -> Expand {
        merged.fields.iter().find_map(|field| self.expansion(&field.directives))
    }

    fn collect(
        &self,
        set: &'d SelectionSet,
        of: Of<'_>,
        merged: &mut Keyed<'d>,
        expand: &mut Expand,
    ) {
        for selection in &set.selections {
            if !self.included(selection.directives()) {
                continue;
            }
            match selection {
                Selection::Field(field) => merged.add(field),
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.type_condition.as_ref().map(|name| name.as_str());
                    if self.applies(condition, of) {
                        let asked = self.expansion(&fragment.directives);
                        *expand = expand.take().or(asked);
                        self.collect(&fragment.selection_set, of, merged, expand);
                    }
                }
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = spread.fragment_def(self.document)
                        && self.applies(Some(fragment.type_condition().as_str()), of)
                    {
                        let asked = self.expansion(&spread.directives);
                        *expand = expand.take().or(asked);
                        self.collect(&fragment.selection_set, of, merged, expand);
                    }
                }
            }
        }
    }

    fn applies(&self, condition: Option<&str>, of: Of<'_>) -> bool {
        match (condition, of) {
            (None, _) | (_, Of::Itself) => true,
            (Some(condition), Of::Kind(kind)) => self.schema.is_a(kind, condition),
            (Some(condition), Of::Named(name)) => {
                let is_a = |kind: &std::sync::Arc<Kind>| self.schema.is_a(kind, condition);
                condition == name
                    || self.schema.kind(name).is_some_and(is_a)
                    || sdl::implements(name, condition)
            }
        }
    }

    fn included(&self, directives: &DirectiveList) -> bool {
        let decides = |name: &str, wanted: bool| {
            directives.get(name).is_none_or(|directive| {
                let value = directive.specified_argument_by_name("if");
                let value = value.map(|value| self.json(value));
                value.and_then(|value| value.as_bool()).unwrap_or(wanted) == wanted
            })
        };
        decides("include", true) && decides("skip", false)
    }

    /// An argument's value with its variables filled in; a variable without a value is nothing.
    pub(crate) fn json(&self, value: &Node<Ast>) -> Json {
        match value.as_ref() {
            Ast::Null => Json::Null,
            Ast::Boolean(yes) => Json::Bool(*yes),
            Ast::Enum(name) => Json::String(name.to_string()),
            Ast::String(text) => Json::String(text.clone()),
            // What no attribute holds is kept as it is written, so that it can be refused by name.
            Ast::Int(number) => number
                .as_str()
                .parse::<i64>()
                .map_or_else(|_large| Json::String(number.as_str().to_owned()), Json::from),
            Ast::Float(number) => number.try_to_f64().ok().map_or(Json::Null, Json::from),
            Ast::List(items) => Json::Array(items.iter().map(|item| self.json(item)).collect()),
            // A variable without a value is as if its field were not there.
            Ast::Object(fields) => Json::Object(
                fields
                    .iter()
                    .filter(|(_, value)| match value.as_ref() {
                        Ast::Variable(name) => self.variables.contains_key(name.as_str()),
                        _ => true,
                    })
                    .map(|(name, value)| (name.to_string(), self.json(value)))
                    .collect(),
            ),
            Ast::Variable(name) => self
                .variables
                .get(name.as_str())
                .and_then(|value| serde_json::to_value(value).ok())
                .unwrap_or(Json::Null),
        }
    }

    /// The arguments of a field by name. Those that are nothing are left out.
    pub(crate) fn arguments(&self, field: &Field) -> Vec<(String, Json)> {
        field
            .arguments
            .iter()
            .map(|argument| (argument.name.to_string(), self.json(&argument.value)))
            .filter(|(_, value)| !value.is_null())
            .collect()
    }
}

/// How deep the brackets of a text are nested, those in strings and comments left out. Linear.
pub(crate) fn brackets(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'{' | b'[' | b'(' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' | b')' => depth = depth.saturating_sub(1),
            b'#' => rest = after_first(after, b"\n"),
            b'"' => match after.strip_prefix(b"\"\"") {
                Some(block) => rest = after_first(block, b"\"\"\""),
                None => rest = after_string(after),
            },
            _ => {}
        }
    }
    deepest
}

fn after_first<'t>(text: &'t [u8], end: &[u8]) -> &'t [u8] {
    let at = text.windows(end.len()).position(|part| part == end);
    at.and_then(|at| text.get(at + end.len()..)).unwrap_or_default()
}

fn after_string(mut text: &[u8]) -> &[u8] {
    while let Some((byte, after)) = text.split_first() {
        text = match byte {
            b'"' | b'\n' => return after,
            b'\\' => after.get(1..).unwrap_or_default(),
            _ => after,
        };
    }
    text
}

/// Depth and number of fields of every operation, fragments expanded.
pub(crate) fn within_limits(document: &ExecutableDocument) -> Result<(), GraphqlError> {
    let mut counted = Counted::default();
    for operation in document.operations.iter() {
        walk(document, &operation.selection_set, 0, &mut counted)?;
    }
    Ok(())
}

/// What a document was found to have.
#[derive(Debug, Default)]
struct Counted {
    fields: usize,
    aliases: usize,
}

fn walk(
    document: &ExecutableDocument,
    set: &SelectionSet,
    depth: usize,
    counted: &mut Counted,
) -> Result<(), GraphqlError> {
    if depth > DEPTH_MAX {
        return Err(GraphqlError::limit(format!("selections are nested deeper than {DEPTH_MAX}")));
    }
    for selection in &set.selections {
        counted.fields += 1;
        if counted.fields > FIELDS_MAX {
            return Err(GraphqlError::limit(format!("more than {FIELDS_MAX} fields")));
        }
        match selection {
            Selection::Field(field) => {
                counted.aliases += usize::from(field.alias.is_some());
                if counted.aliases > ALIASES_MAX {
                    return Err(GraphqlError::limit(format!("more than {ALIASES_MAX} aliases")));
                }
                walk(document, &field.selection_set, depth + 1, counted)?;
            }
            Selection::InlineFragment(fragment) => {
                walk(document, &fragment.selection_set, depth, counted)?;
            }
            Selection::FragmentSpread(spread) => {
                if let Some(fragment) = spread.fragment_def(document) {
                    walk(document, &fragment.selection_set, depth, counted)?;
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::brackets;

    #[test]
    fn brackets_are_counted_outside_of_strings_and_comments() {
        assert_eq!(brackets(""), 0);
        assert_eq!(brackets("{ a(b: [1, {c: 2}]) }"), 4);
        assert_eq!(brackets("{ a(b: \"[[[ \\\" {{{\") } # ((((\n{ }"), 2);
        assert_eq!(brackets("{ a(b: \"\"\"[[[ \" \"\"\" c: \"\") }"), 2);
        assert_eq!(brackets("}}}{{"), 2);
        assert_eq!(brackets("\""), 0);
    }
}
