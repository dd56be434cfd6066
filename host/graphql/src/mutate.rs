//! Mutations of objects: what a field asks for as a change of a draft, and its answer from the object
//! as it is after it.

use std::sync::Arc;

use apollo_compiler::ExecutableDocument;
use apollo_compiler::executable::{Field, Operation};
use apollo_compiler::response::JsonMap;
use branch::{Draft, Input, Object, PeerInput, RelInput, View};
use model::ObjectId;
use model::schema::{Kind, Relationship};
use serde_json::{Map, Value as Json};

use crate::error::GraphqlError;
use crate::execute::Execution;
use crate::host::{Answer, Host};
use crate::input;
use crate::node;
use crate::project::project;
use crate::select::{Merged, Scope};
use crate::write;

use crate::limits::MUTATIONS_MAX as FIELDS_MAX;

/// What a mutation does to an object of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Create,
    Update,
    Upsert,
    Delete,
}

const VERBS: [(&str, Verb); 4] = [
    ("Create", Verb::Create),
    ("Update", Verb::Update),
    ("Upsert", Verb::Upsert),
    ("Delete", Verb::Delete),
];

/// What a root field of a mutation is.
enum Target {
    Kind(Arc<Kind>, Verb),
    Relationship { add: bool },
    Host,
}

fn target(view: &View, name: &str) -> Target {
    match name {
        "RelationshipAdd" => return Target::Relationship { add: true },
        "RelationshipRemove" => return Target::Relationship { add: false },
        _ => {}
    }
    for (end, verb) in VERBS {
        if let Some(kind) = name.strip_suffix(end)
            && let Some(kind) = view.schema().kind(kind)
        {
            return Target::Kind(Arc::clone(kind), verb);
        }
    }
    Target::Host
}

/// Executes a mutation: its fields in order, each a commit of its own. One that fails answers null and
/// does not undo those before it.
pub(crate) fn mutation(
    host: &dyn Host,
    view: &View,
    document: &ExecutableDocument,
    operation: &Operation,
    variables: &JsonMap,
) -> (Vec<u8>, Vec<GraphqlError>) {
    let schema = Arc::clone(view.schema());
    let scope = Scope { document, variables, schema: &schema };
    let mut out = vec![b'{'];
    let mut first = true;
    let mut errors = Vec::new();
    let fields = scope.merge(&[&operation.selection_set]);
    if fields.len() > FIELDS_MAX {
        let message = format!("more than {FIELDS_MAX} mutations in one document; split it");
        return (b"null".to_vec(), vec![GraphqlError::limit(message)]);
    }
    for merged in fields {
        write::key(merged.key, &mut first, &mut out);
        let done = match merged.name() {
            "__typename" => Ok(b"\"Mutation\"".to_vec()),
            _ => root_field(host, view, scope, &merged),
        };
        match done {
            Ok(bytes) => out.extend_from_slice(&bytes),
            Err(error) => {
                write::null(&mut out);
                errors.push(error.under(merged.key).at(document, merged.fields.first()));
            }
        }
    }
    out.push(b'}');
    (out, errors)
}

fn root_field<'d>(
    host: &dyn Host,
    view: &View,
    scope: Scope<'d>,
    merged: &Merged<'d>,
) -> Result<Vec<u8>, GraphqlError> {
    let Some(field) = merged.fields.first().copied() else { return Ok(b"null".to_vec()) };
    let arguments: Map<String, Json> = scope.arguments(field).into_iter().collect();
    let target = target(view, merged.name());
    if matches!(target, Target::Host) {
        return match host.answer(view, merged.name(), &arguments)? {
            Answer::Json(json) => {
                let mut out = Vec::new();
                project(&scope, &merged.sets(), &json, type_name(field), &mut out);
                Ok(out)
            }
            Answer::Object(_) => Ok(b"null".to_vec()),
        };
    }
    let data = match arguments.get("data") {
        Some(Json::Object(data)) => data,
        _ => return Err(GraphqlError::bad_request("`data` must be an object".to_owned())),
    };
    let mut answer = Vec::new();
    host.change(account(&arguments)?, &mut |draft| {
        answer.clear();
        let id = match &target {
            Target::Kind(kind, verb) => apply(host, draft, kind, *verb, data)?,
            Target::Relationship { add } => {
                relate(draft, data, *add)?;
                None
            }
            Target::Host => None,
        };
        if let (Some(id), Some(part)) = (id, arguments.get("file")) {
            host.attach(draft, id, part.as_str().unwrap_or_default())?;
        }
        draft.finish()?;
        let view = draft.view();
        view.quietly(|| told(host, view, scope, merged, id, &mut answer))
    })?;
    Ok(answer)
}

fn type_name(field: &Field) -> &str {
    field.selection_set.ty.as_str()
}

/// The account that the `context` of a mutation names.
pub fn account(arguments: &Map<String, Json>) -> Result<Option<ObjectId>, GraphqlError> {
    let Some(id) = arguments.get("context").and_then(|context| context.pointer("/account/id"))
    else {
        return Ok(None);
    };
    let id = id.as_str().and_then(|id| id.parse().ok());
    let wrong = || GraphqlError::bad_request("`context.account.id` must be an id".to_owned());
    id.map(Some).ok_or_else(wrong)
}

/// `{ ok object { .. } }` of the state in the draft.
fn told<'d>(
    host: &dyn Host,
    view: &View,
    scope: Scope<'d>,
    merged: &Merged<'d>,
    id: Option<ObjectId>,
    out: &mut Vec<u8>,
) -> Result<(), GraphqlError> {
    let mut execution = Execution::over(host, view, scope);
    out.push(b'{');
    let mut first = true;
    for part in scope.merge(&merged.sets()) {
        write::key(part.key, &mut first, out);
        match part.name() {
            "ok" => write::boolean(true, out),
            "object" => match id.map(|id| view.object(id)).transpose()?.flatten() {
                Some(object) => {
                    execution.must_see(object.kind())?;
                    node::node(&mut execution, &part, &object, out)?;
                }
                None => write::null(out),
            },
            "__typename" => write::text(merged.fields.first().map_or("", |f| type_name(f)), out),
            _ => write::null(out),
        }
    }
    out.push(b'}');
    Ok(())
}

/// Changes the draft; the object that the answer is about.
fn apply(
    host: &dyn Host,
    draft: &mut Draft,
    kind: &Kind,
    verb: Verb,
    data: &Map<String, Json>,
) -> Result<Option<ObjectId>, GraphqlError> {
    // Resolved anew: a repeated attempt may see another schema.
    let kind = Arc::clone(draft.view().kind(&kind.name)?);
    if verb == Verb::Delete {
        let object = named(draft, &kind, data)?;
        host.delete(draft, &object)?;
        return Ok(None);
    }
    let found = match verb {
        Verb::Update => Some(named(draft, &kind, data)?),
        Verb::Upsert => known(draft, &kind, data)?,
        Verb::Create | Verb::Delete => None,
    };
    let concrete =
        found.as_ref().map_or_else(|| Arc::clone(&kind), |found| Arc::clone(found.kind()));
    let given = input::read(&concrete, data)?;
    let id = match (verb, found) {
        (_, Some(found)) => {
            draft.update(found.id(), given)?;
            found.id()
        }
        (Verb::Upsert, None) => draft.upsert(&kind.name, input::id(data)?, given)?.0,
        (_, None) => draft.create(&kind.name, input::id(data)?, given)?,
    };
    Ok(Some(id))
}

/// The object that `id` or `hfid` names; it must be there, and of the kind.
fn named(draft: &Draft, kind: &Kind, data: &Map<String, Json>) -> Result<Object, GraphqlError> {
    if let Some(object) = known(draft, kind, data)? {
        return Ok(object);
    }
    let identifier = match (input::text_of(data, "id"), input::hfid(data)) {
        (Some(id), _) => id,
        (None, Some(parts)) => parts.join("/"),
        (None, None) => {
            let message = format!("`data` needs `id` or `hfid` to name a {}", kind.name);
            return Err(GraphqlError::bad_request(message));
        }
    };
    Err(GraphqlError::not_found(&kind.name, &identifier))
}

/// The object that `id` or `hfid` names, if it is there. One of another kind is refused.
fn known(
    draft: &Draft,
    kind: &Kind,
    data: &Map<String, Json>,
) -> Result<Option<Object>, GraphqlError> {
    if let Some(text) = input::text_of(data, "id") {
        let Ok(id) = text.parse::<ObjectId>() else {
            // Public guides name namespaces and pools so.
            return Ok(draft.by_hfid(kind, &[text])?);
        };
        let found = draft.object(id)?;
        if let Some(found) = &found
            && !draft.schema().is_a(found.kind(), &kind.name)
        {
            let message = format!("{id} is a `{}`, not a `{}`", found.kind().name, kind.name);
            return Err(GraphqlError::bad_request(message));
        }
        return Ok(found);
    }
    match input::hfid(data) {
        Some(parts) => Ok(draft.by_hfid(kind, &parts)?),
        None => Ok(None),
    }
}

/// `RelationshipAdd` and `RelationshipRemove`: `{id, name, nodes: [..]}`.
fn relate(draft: &mut Draft, data: &Map<String, Json>, add: bool) -> Result<(), GraphqlError> {
    let text = |name: &str| {
        let wrong = || GraphqlError::bad_request(format!("`data.{name}` must be given"));
        input::text_of(data, name).ok_or_else(wrong)
    };
    let (id, name) = (text("id")?, text("name")?);
    let parsed = id.parse::<ObjectId>().ok();
    let object = parsed.map(|id| draft.object(id)).transpose()?.flatten();
    let object = object.ok_or_else(|| GraphqlError::not_found("CoreNode", &id))?;
    let kind = Arc::clone(object.kind());
    let Some(rel) = kind.relationship(&name).cloned() else {
        let names = kind.relationships.iter().map(|rel| rel.name.as_str());
        let near = model::schema::nearest(&name, names);
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        let message = format!("`{}` has no relationship `{name}`{near}", kind.name);
        return Err(GraphqlError::bad_request(message));
    };
    let nodes = data.get("nodes").and_then(Json::as_array);
    let nodes =
        nodes.ok_or_else(|| GraphqlError::bad_request("`data.nodes` must be a list".into()))?;
    let peers = peers(&kind, &rel, nodes)?;
    let mut given = Input::default();
    given.rels.insert(name, if add { RelInput::Add(peers) } else { RelInput::Remove(peers) });
    draft.update(object.id(), given)?;
    Ok(())
}

fn peers(kind: &Kind, rel: &Relationship, nodes: &[Json]) -> Result<Vec<PeerInput>, GraphqlError> {
    nodes.iter().map(|node| input::peer(kind, rel, node)).collect()
}
