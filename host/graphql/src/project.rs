//! Selections of plain JSON: what the host answers in full, cut to what was asked for.

use apollo_compiler::executable::SelectionSet;
use serde_json::Value as Json;

use crate::select::Scope;
use crate::write;

/// Writes the selected part of a value. A list is selected element by element; what is not there is
/// null. `of` names the type for `__typename`, where the value itself does not.
pub(crate) fn project<'d>(
    scope: &Scope<'d>,
    sets: &[&'d SelectionSet],
    json: &Json,
    of: &str,
    out: &mut Vec<u8>,
) {
    let selects = sets.iter().any(|set| !set.selections.is_empty());
    match json {
        Json::Array(items) if selects => {
            out.push(b'[');
            for (number, item) in items.iter().enumerate() {
                if number > 0 {
                    out.push(b',');
                }
                project(scope, sets, item, of, out);
            }
            out.push(b']');
        }
        Json::Object(map) if selects => {
            out.push(b'{');
            let mut first = true;
            let fields = match map.get("__typename").and_then(Json::as_str) {
                Some(name) => scope.merge_named(sets, name),
                None => scope.merge(sets),
            };
            for merged in fields {
                write::key(merged.key, &mut first, out);
                match (merged.name(), map.get(merged.name())) {
                    ("__typename", None) => write::text(of, out),
                    (_, None) => write::null(out),
                    (_, Some(value)) => {
                        let sets = merged.sets();
                        let of = sets.first().map_or("", |set| set.ty.as_str());
                        project(scope, &sets, value, of, out);
                    }
                }
            }
            out.push(b'}');
        }
        other => write::json(other, out),
    }
}
