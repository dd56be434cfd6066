//! One object as JSON: its fields, attributes, relationships.

use std::sync::Arc;

use apollo_compiler::executable::SelectionSet;
use branch::{AttrRef, Edge, Object, ValueRef};
use model::schema::{Attribute, Cardinality, Kind, Relationship};
use model::{ObjectId, Seq};

use crate::error::GraphqlError;
use crate::execute::{Execution, type_of};
use crate::permissions;
use crate::sdl::attribute_type;
use crate::select::Merged;
use crate::write;

/// What `@expand` shows of every value.
const EXPANDED: [&str; 3] = ["value", "is_default", "is_from_profile"];

/// An edge: the node, the properties of the link.
pub(crate) fn edge<'d>(
    execution: &mut Execution<'d>,
    sets: &[&'d SelectionSet],
    object: &Object,
    link: Option<&Edge>,
    out: &mut Vec<u8>,
) -> Result<(), GraphqlError> {
    out.push(b'{');
    let mut first = true;
    for merged in execution.scope.merge(sets) {
        write::key(merged.key, &mut first, out);
        match merged.name() {
            "node" => node(execution, &merged, object, out)?,
            "node_metadata" => metadata(execution, &merged, object, out)?,
            "properties" => properties(execution, &merged, link, out)?,
            "relationship_metadata" => relationship_metadata(execution, &merged, link, out)?,
            "_updated_at" => match link {
                Some(link) => moment(execution, link.updated, out)?,
                None => write::null(out),
            },
            "__typename" => write::text(type_of(sets), out),
            _ => write::null(out),
        }
    }
    out.push(b'}');
    Ok(())
}

/// The object itself, under the field that selects from it.
pub(crate) fn node<'d>(
    execution: &mut Execution<'d>,
    merged: &Merged<'d>,
    object: &Object,
    out: &mut Vec<u8>,
) -> Result<(), GraphqlError> {
    execution.tell(object.id());
    node_quietly(execution, merged, object, out)
}

/// The same, without counting as shown: who a value came from is no member of a query's group.
fn node_quietly<'d>(
    execution: &mut Execution<'d>,
    merged: &Merged<'d>,
    object: &Object,
    out: &mut Vec<u8>,
) -> Result<(), GraphqlError> {
    let kind = Arc::clone(object.kind());
    let expand = execution.scope.expansion_of(merged);
    let shape = execution.shape(&merged.sets(), &kind, expand);
    out.push(b'{');
    let mut first = true;
    for merged in shape.iter() {
        write::key(merged.key, &mut first, out);
        field(execution, &kind, merged, object, out)?;
    }
    out.push(b'}');
    Ok(())
}

fn field<'d>(
    execution: &mut Execution<'d>,
    kind: &Arc<Kind>,
    merged: &Merged<'d>,
    object: &Object,
    out: &mut Vec<u8>,
) -> Result<(), GraphqlError> {
    let name = merged.name();
    if let Some(attribute) = kind.attribute(name) {
        return attribute_field(execution, attribute, merged, object, out);
    }
    if let Some(rel) = kind.relationship(name) {
        let rel = rel.clone();
        return relationship(execution, &rel, merged, object, out);
    }
    match name {
        "id" => write::id(object.id(), out),
        "__typename" => write::text(&kind.name, out),
        "display_label" => write::text(&execution.label(object)?, out),
        "hfid" => match execution.view.hfid_told(object)? {
            Some(parts) => strings(&parts, out),
            None => write::null(out),
        },
        "_updated_at" => moment(execution, object.updated(), out)?,
        "ancestors" | "descendants" => family(execution, kind, merged, object, out)?,
        _ => {
            let schema = Arc::clone(execution.view.schema());
            let mut generics = kind.generics.iter().filter_map(|generic| schema.kind(generic));
            match generics.find_map(|generic| generic.relationship(name)) {
                Some(rel) => relationship_of_generic(execution, rel, merged, out)?,
                None => write::null(out),
            }
        }
    }
    Ok(())
}

fn strings(parts: &[String], out: &mut Vec<u8>) {
    out.push(b'[');
    for (number, part) in parts.iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        write::text(part, out);
    }
    out.push(b']');
}

fn attribute_field<'d>(
    execution: &mut Execution<'d>,
    attribute: &Attribute,
    merged: &Merged<'d>,
    object: &Object,
    out: &mut Vec<u8>,
) -> Result<(), GraphqlError> {
    let mut attr = object.attr(attribute);
    let made = execution.made.made(execution.view, object, attribute)?;
    if let Some(made) = &made {
        attr.value = made.into();
    }
    if attribute.kind.is_secret() {
        attr.value = ValueRef::Null;
    }
    out.push(b'{');
    let mut first = true;
    // The usual selection is `{ value }` alone: it needs no merging.
    let alone = match merged.fields.as_slice() {
        [only] => only.selection_set.selections.as_slice(),
        _ => &[],
    };
    if let [apollo_compiler::executable::Selection::Field(only)] = alone
        && only.name == "value"
        && only.directives.is_empty()
        && !merged.expanded
    {
        write::key(only.response_key().as_str(), &mut first, out);
        write::value(attr.value, out);
        out.push(b'}');
        return Ok(());
    }
    let mut parts = execution.scope.merge(&merged.sets());
    if merged.expanded {
        for name in EXPANDED {
            if parts.iter().all(|part| part.key != name) {
                parts.push(Merged::added(name));
            }
        }
    }
    for part in &parts {
        write::key(part.key, &mut first, out);
        match part.name() {
            "__typename" => write::text(attribute_type(attribute), out),
            _ => attribute_part(execution, attribute, &attr, part, object, out)?,
        }
    }
    out.push(b'}');
    Ok(())
}

fn attribute_part<'d>(
    execution: &mut Execution<'d>,
    attribute: &Attribute,
    attr: &AttrRef<'_>,
    part: &Merged<'d>,
    object: &Object,
    out: &mut Vec<u8>,
) -> Result<(), GraphqlError> {
    match part.name() {
        "value" => write::value(attr.value, out),
        "id" => write::text(&format!("{}.{}", object.id(), attribute.name), out),
        "is_default" => write::boolean(attr.is_default, out),
        "is_protected" => write::boolean(attr.is_protected, out),
        "is_from_profile" => write::boolean(attr.is_from_profile, out),
        "updated_at" => moment(execution, attr.updated, out)?,
        "source" => reference(execution, part, attr.source, out)?,
        "owner" => reference(execution, part, attr.owner, out)?,
        "updated_by" => {
            let by = author(execution, attr.updated)?.unwrap_or(object.updated_by());
            reference(execution, part, Some(by), out)?;
        }
        "permissions" => permissions::of_attribute(execution, object.kind(), part, out),
        other => {
            let value = attr.value.to_value().unwrap_or(model::Value::Null);
            match attribute.field(&value, other) {
                Some(json) => write::json(&json, out),
                None => write::null(out),
            }
        }
    }
    Ok(())
}

/// A relationship that a generic has and the kind itself has not: nobody is there.
fn relationship_of_generic<'d>(
    execution: &mut Execution<'d>,
    rel: &Relationship,
    merged: &Merged<'d>,
    out: &mut Vec<u8>,
) -> Result<(), GraphqlError> {
    let peer = Arc::clone(execution.view.kind(&rel.peer)?);
    execution.must_see(&peer)?;
    match (rel.cardinality, merged.fields.first().copied()) {
        (Cardinality::Many, Some(field)) => {
            execution.list(&peer, field, &merged.sets(), Some(Vec::new()), out)
        }
        _ => nobody(execution, merged, out),
    }
}

fn relationship<'d>(
    execution: &mut Execution<'d>,
    rel: &Relationship,
    merged: &Merged<'d>,
    object: &Object,
    out: &mut Vec<u8>,
) -> Result<(), GraphqlError> {
    let mut edges = execution.view.peers(object.id(), rel)?;
    let peer = Arc::clone(execution.view.kind(&rel.peer)?);
    execution.must_see(&peer)?;
    if rel.name == "members" && execution.view.schema().is_a(object.kind(), "CoreGroup") {
        // Published clients take what a run no longer made away in the order in which they are told: what
        // needs something was made after it, and has to go before it.
        edges.reverse();
    }
    if rel.cardinality == Cardinality::Many {
        let Some(field) = merged.fields.first().copied() else { return Ok(()) };
        let edges = with_descendants(execution, rel, merged, object, edges, out)?;
        return execution.list(&peer, field, &merged.sets(), Some(edges), out);
    }
    let peer = match edges.first() {
        Some(link) => execution.view.object(link.peer)?,
        None => None,
    };
    let peer = peer.filter(|peer| execution.sees(peer.kind()));
    execution.visit(out)?;
    match peer {
        Some(peer) => edge(execution, &merged.sets(), &peer, edges.first(), out),
        None => nobody(execution, merged, out),
    }
}

/// A relationship of cardinality one without a peer.
fn nobody<'d>(
    execution: &mut Execution<'d>,
    merged: &Merged<'d>,
    out: &mut Vec<u8>,
) -> Result<(), GraphqlError> {
    out.push(b'{');
    let mut first = true;
    for part in execution.scope.merge(&merged.sets()) {
        write::key(part.key, &mut first, out);
        match part.name() {
            "__typename" => write::text(type_of(&merged.sets()), out),
            "properties" => properties(execution, &part, None, out)?,
            "relationship_metadata" => relationship_metadata(execution, &part, None, out)?,
            _ => write::null(out),
        }
    }
    out.push(b'}');
    Ok(())
}

/// `include_descendants` on a relationship of a hierarchical kind: those of everything below too.
fn with_descendants(
    execution: &mut Execution<'_>,
    rel: &Relationship,
    merged: &Merged<'_>,
    object: &Object,
    mut edges: Vec<Edge>,
    out: &[u8],
) -> Result<Vec<Edge>, GraphqlError> {
    let Some(field) = merged.fields.first() else { return Ok(edges) };
    let asked = execution
        .scope
        .arguments(field)
        .iter()
        .any(|(name, value)| name == "include_descendants" && value.as_bool() == Some(true));
    if asked {
        for below in related(execution, object, "children", out)? {
            if let Some(rel) = below.kind().relationship(&rel.name) {
                edges.extend(execution.view.peers(below.id(), rel)?);
            }
        }
        edges.sort_by_key(|edge| edge.peer);
        edges.dedup_by_key(|edge| edge.peer);
    }
    Ok(edges)
}

/// Everything reached by one relationship again and again.
fn related(
    execution: &mut Execution<'_>,
    object: &Object,
    through: &str,
    out: &[u8],
) -> Result<Vec<Object>, GraphqlError> {
    let mut found: Vec<Object> = Vec::new();
    let mut seen = std::collections::BTreeSet::from([object.id()]);
    let mut next: Vec<ObjectId> = peers_through(execution, object, through)?;
    while let Some(id) = next.pop() {
        if !seen.insert(id) {
            continue;
        }
        execution.visit(out)?;
        if let Some(object) = execution.view.object(id)? {
            next.extend(peers_through(execution, &object, through)?);
            found.push(object);
        }
    }
    Ok(found)
}

fn peers_through(
    execution: &Execution<'_>,
    object: &Object,
    through: &str,
) -> Result<Vec<ObjectId>, GraphqlError> {
    match object.kind().relationship(through) {
        Some(rel) => {
            let edges = execution.view.peers(object.id(), rel)?;
            Ok(edges.into_iter().map(|edge| edge.peer).collect())
        }
        None => Ok(Vec::new()),
    }
}

fn family<'d>(
    execution: &mut Execution<'d>,
    kind: &Arc<Kind>,
    merged: &Merged<'d>,
    object: &Object,
    out: &mut Vec<u8>,
) -> Result<(), GraphqlError> {
    let Some(hierarchy) = &kind.hierarchy else {
        write::null(out);
        return Ok(());
    };
    let through = if merged.name() == "ancestors" { "parent" } else { "children" };
    let edges: Vec<Edge> = related(execution, object, through, out)?
        .iter()
        .map(|object| Edge::to(object.id()))
        .collect();
    let generic = Arc::clone(execution.view.kind(&hierarchy.generic)?);
    let Some(field) = merged.fields.first().copied() else { return Ok(()) };
    execution.list(&generic, field, &merged.sets(), Some(edges), out)
}

fn metadata<'d>(
    execution: &mut Execution<'d>,
    merged: &Merged<'d>,
    object: &Object,
    out: &mut Vec<u8>,
) -> Result<(), GraphqlError> {
    out.push(b'{');
    let mut first = true;
    for part in execution.scope.merge(&merged.sets()) {
        write::key(part.key, &mut first, out);
        match part.name() {
            "created_at" => moment(execution, object.created(), out)?,
            "updated_at" => moment(execution, object.updated(), out)?,
            "created_by" => reference(execution, &part, Some(object.created_by()), out)?,
            "updated_by" => reference(execution, &part, Some(object.updated_by()), out)?,
            "__typename" => write::text(type_of(&merged.sets()), out),
            _ => write::null(out),
        }
    }
    out.push(b'}');
    Ok(())
}

fn properties<'d>(
    execution: &mut Execution<'d>,
    merged: &Merged<'d>,
    link: Option<&Edge>,
    out: &mut Vec<u8>,
) -> Result<(), GraphqlError> {
    // Clients look into it even where there is no peer.
    let none = Edge::to(ObjectId::MIN);
    let (link, is_there) = (link.unwrap_or(&none), link.is_some());
    out.push(b'{');
    let mut first = true;
    for part in execution.scope.merge(&merged.sets()) {
        write::key(part.key, &mut first, out);
        match part.name() {
            "__typename" => write::text(type_of(&merged.sets()), out),
            _ if !is_there => write::null(out),
            "is_protected" => write::boolean(link.is_protected, out),
            "updated_at" => moment(execution, link.updated, out)?,
            "updated_by" => {
                let by = author(execution, link.updated)?;
                reference(execution, &part, by, out)?;
            }
            "source" => reference(execution, &part, link.source, out)?,
            "owner" => reference(execution, &part, link.owner, out)?,
            _ => write::null(out),
        }
    }
    out.push(b'}');
    Ok(())
}

/// When a link was made or last changed, and by whom. A link keeps no other moment.
fn relationship_metadata<'d>(
    execution: &mut Execution<'d>,
    merged: &Merged<'d>,
    link: Option<&Edge>,
    out: &mut Vec<u8>,
) -> Result<(), GraphqlError> {
    out.push(b'{');
    let mut first = true;
    for part in execution.scope.merge(&merged.sets()) {
        write::key(part.key, &mut first, out);
        match (part.name(), link) {
            ("__typename", _) => write::text(type_of(&merged.sets()), out),
            ("updated_at", Some(link)) => moment(execution, link.updated, out)?,
            ("updated_by", Some(link)) => {
                let by = author(execution, link.updated)?;
                reference(execution, &part, by, out)?;
            }
            _ => write::null(out),
        }
    }
    out.push(b'}');
    Ok(())
}

/// Who made a commit; nobody yet where it is not made. One read of the log.
fn author(execution: &Execution<'_>, seq: Seq) -> Result<Option<ObjectId>, GraphqlError> {
    Ok(execution.view.log_entry(seq)?.map(|entry| entry.author))
}

/// An account, pool or other source: the object, or its id and label where there is no more to see.
fn reference<'d>(
    execution: &mut Execution<'d>,
    merged: &Merged<'d>,
    id: Option<ObjectId>,
    out: &mut Vec<u8>,
) -> Result<(), GraphqlError> {
    let Some(id) = id else {
        write::null(out);
        return Ok(());
    };
    let object = execution.view.object(id)?;
    if let Some(object) = object.as_ref().filter(|object| execution.sees(object.kind())) {
        return node_quietly(execution, merged, object, out);
    }
    out.push(b'{');
    let mut first = true;
    for part in execution.scope.merge_named(&merged.sets(), "CoreAccount") {
        write::key(part.key, &mut first, out);
        match (part.name(), &object) {
            ("id", _) => write::id(id, out),
            ("display_label", Some(object)) => {
                write::text(&execution.label(object)?, out);
            }
            ("display_label", None) if id == ObjectId::SYSTEM => write::text("system", out),
            ("__typename", Some(object)) => write::text(&object.kind().name, out),
            ("__typename", None) => write::text("CoreAccount", out),
            _ => write::null(out),
        }
    }
    out.push(b'}');
    Ok(())
}

fn moment(execution: &Execution<'_>, seq: Seq, out: &mut Vec<u8>) -> Result<(), GraphqlError> {
    write::display(execution.view.committed_at(seq)?, out);
    Ok(())
}
