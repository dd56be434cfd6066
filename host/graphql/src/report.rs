//! What a query asks for, found without running it: whether it is about one object at a time.

use apollo_compiler::ExecutableDocument;
use apollo_compiler::ast::Value as Ast;
use apollo_compiler::executable::{Field, Operation, Selection, SelectionSet};
use model::schema::{Cardinality, Kind, Path, Schema};

/// Whether every root field of every operation is about one object of a kind. Root fields that are about
/// no kind do not count; where there is no other, the answer is no.
pub(crate) fn targets_unique(schema: &Schema, document: &ExecutableDocument) -> bool {
    let mut any = false;
    for operation in document.operations.iter() {
        let mut fields = Vec::new();
        roots(document, &operation.selection_set, &mut fields);
        for field in fields {
            let Some(kind) = schema.kind(&field.name) else { continue };
            any = true;
            if !is_pinned(kind, field, operation) {
                return false;
            }
        }
    }
    any
}

fn roots<'d>(document: &'d ExecutableDocument, set: &'d SelectionSet, found: &mut Vec<&'d Field>) {
    for selection in &set.selections {
        match selection {
            Selection::Field(field) => found.push(field),
            Selection::InlineFragment(fragment) => roots(document, &fragment.selection_set, found),
            Selection::FragmentSpread(spread) => {
                if let Some(fragment) = spread.fragment_def(document) {
                    roots(document, &fragment.selection_set, found);
                }
            }
        }
    }
}

/// Whether the filters of a root field let one object through at most, and are always given.
fn is_pinned(kind: &Kind, field: &Field, operation: &Operation) -> bool {
    let argument = |name: &str| field.specified_argument_by_name(name).map(AsRef::as_ref);
    // The caller of a stored query gives a list of ids one target at a time.
    let by_id = ["ids", "hfid"].iter().any(|name| {
        argument(name).is_some_and(|value| {
            is_one(value, operation) || variable(value, operation) == Some(Shape::List)
        })
    });
    // A human-friendly id of several parts names one object with all of them.
    let by_parts = argument("hfid").and_then(Ast::as_list).is_some_and(|parts| {
        parts.len() == kind.human_friendly_id.len()
            && parts.iter().all(|part| is_one(part, operation))
    });
    let partial = argument("partial_match").is_some_and(|value| value.to_bool() != Some(false));
    let pins = |path: &Path| match path {
        Path::Attribute { attribute, .. } => {
            !partial
                && argument(&format!("{attribute}__value"))
                    .is_some_and(|value| is_one(value, operation))
        }
        Path::Relationship(name) => {
            kind.relationship(name).is_some_and(|rel| rel.cardinality == Cardinality::One)
                && argument(&format!("{name}__ids")).is_some_and(|value| is_one(value, operation))
        }
        Path::Peer { .. } => false,
    };
    // What a generic says is unique is so for each of its kinds.
    let by_value = kind.attributes.iter().filter(|attribute| attribute.unique).any(|attribute| {
        let value = argument(&format!("{}__value", attribute.name));
        !partial && value.is_some_and(|value| is_one(value, operation))
    });
    by_id || by_parts || by_value || kind.uniqueness.iter().any(|paths| paths.iter().all(pins))
}

/// What a variable that must be given holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    One,
    List,
}

/// The shape of a variable that is always given.
fn variable(value: &Ast, operation: &Operation) -> Option<Shape> {
    let Ast::Variable(name) = value else { return None };
    let declared = operation.variables.iter().find(|declared| declared.name == *name)?;
    let required = declared.ty.is_non_null();
    required.then_some(if declared.ty.is_list() { Shape::List } else { Shape::One })
}

/// Whether a value is always one value: written down, a variable that must be given, or a list of one
/// of these.
fn is_one(value: &Ast, operation: &Operation) -> bool {
    match value {
        Ast::Null => false,
        Ast::Variable(_) => variable(value, operation) == Some(Shape::One),
        Ast::List(items) => match items.as_slice() {
            [only] => !matches!(only.as_ref(), Ast::List(_)) && is_one(only, operation),
            _ => false,
        },
        _ => true,
    }
}
