//! What the caller may do with what is shown, in the public shape.

use model::schema::Kind;
use serde_json::{Map, json};

use crate::execute::{Execution, type_of};
use crate::project::project;
use crate::select::Merged;

/// The actions, in the order that hosts decide them.
const ACTIONS: [&str; 4] = ["view", "create", "update", "delete"];

/// `permissions { count edges { node { kind view create update delete } } }` of a list: one entry for
/// each concrete kind.
pub(crate) fn of_list(
    execution: &Execution<'_>,
    kind: &Kind,
    merged: &Merged<'_>,
    out: &mut Vec<u8>,
) {
    let kinds: Vec<_> = execution.view.schema().concrete(kind).cloned().collect();
    let entry = |kind: &Kind| {
        let mut node = Map::new();
        node.insert("kind".to_owned(), kind.name.as_str().into());
        for (action, decision) in ACTIONS.into_iter().zip(execution.host.decisions(kind)) {
            node.insert(action.to_owned(), decision.into());
        }
        json!({"node": node})
    };
    let edges: Vec<_> = kinds.iter().map(|kind| entry(kind)).collect();
    let json = json!({"count": edges.len(), "edges": edges});
    project(&execution.scope, &merged.sets(), &json, type_of(&merged.sets()), out);
}

/// `permissions { update_value }` of an attribute.
pub(crate) fn of_attribute(
    execution: &Execution<'_>,
    kind: &Kind,
    merged: &Merged<'_>,
    out: &mut Vec<u8>,
) {
    let [_view, _create, update, _delete] = execution.host.decisions(kind);
    let json = json!({"update_value": update});
    project(&execution.scope, &merged.sets(), &json, type_of(&merged.sets()), out);
}
