//! An object becomes one of another kind: a new object, with a new id, has what the old one had under the
//! names that both kinds know and what the caller maps, and the old one goes, all in one draft. What it had
//! of pools is the new one's: nothing is drawn anew and nothing comes free in between.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::schema::{
    Attribute, BranchMode, Cardinality, Category, Kind, Relationship, RelationshipKind, equivalents,
};
use model::{BranchId, ObjectId, Value};
use serde_json::Value as Json;

use crate::draft::allocate::Holding;
use crate::draft::delete::{needing, one_way};
use crate::draft::{AttrInput, Draft, FromPool, Given, Input, PeerInput, RelInput};
use crate::error::{BranchError, Violation};
use crate::object::{Edge, Object};
use crate::record::AttrRef;

/// Where a field of the new object comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum Fill {
    /// A field of the old object.
    Field(String),
    /// A value for an attribute.
    Value(Json),
    /// The peer of a relationship of one: an id or a human-friendly id.
    Peer(String),
    /// The peers of a relationship of many.
    Peers(Vec<String>),
    /// As for a new object that says nothing of it.
    Default,
}

impl Fill {
    /// The public form: one of `{"source_field": NAME}`, `{"data": {"attribute_value": VALUE}}`,
    /// `{"data": {"peer_id": ID}}`, `{"data": {"peers_ids": [ID]}}` and `{"use_default_value": true}`; keys
    /// that are null or false count as absent. What is wrong comes back as text.
    pub fn from_json(json: &Json) -> Result<Self, String> {
        let given = |json: &Json, name: &str| json.get(name).filter(|it| !it.is_null()).cloned();
        let text = |json: Json| json.as_str().map(str::to_owned).ok_or("a text is needed");
        let default = given(json, "use_default_value").filter(|yes| *yes == Json::Bool(true));
        let form = match (given(json, "source_field"), given(json, "data"), default) {
            (Some(name), None, None) => return Ok(Self::Field(text(name)?)),
            (None, None, Some(_)) => return Ok(Self::Default),
            (None, Some(data), None) => data,
            _ => return Err("give one of `source_field`, `data` and `use_default_value`".into()),
        };
        let all = ["attribute_value", "peer_id", "peers_ids"].map(|name| given(&form, name));
        match all {
            [Some(value), None, None] => Ok(Self::Value(value)),
            [None, Some(peer), None] => Ok(Self::Peer(text(peer)?)),
            [None, None, Some(Json::Array(peers))] => {
                let peers: Result<Vec<String>, _> = peers.into_iter().map(text).collect();
                Ok(Self::Peers(peers?))
            }
            _ => {
                Err("`data` has one of `attribute_value`, `peer_id` and the list `peers_ids`"
                    .into())
            }
        }
    }
}

/// What came of a conversion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Converted {
    /// The new object.
    pub id: ObjectId,
    /// What the old one had and the new one has no place for: fields of it, and fields of others that led to
    /// it, as `KIND LABEL: FIELD`.
    pub left: Vec<String>,
}

/// What the new object is to be, worked out before the old one goes.
#[derive(Default)]
struct Plan {
    input: Input,
    /// Fields of the old object that come along.
    used: BTreeSet<String>,
    /// What the old object holds of pools, for an attribute of the new one.
    held: Vec<(Holding, String)>,
    /// Relationships with peers from pools: the pool, and what they are called there and here.
    pooled: BTreeSet<(ObjectId, String, String)>,
}

/// The two kinds and the object between them.
struct Turn<'a> {
    object: &'a Object,
    source: &'a Arc<Kind>,
    target: &'a Arc<Kind>,
}

impl Draft {
    /// Makes an object one of another kind. What both kinds call the same and mean the same comes along with
    /// its properties; `mapping` says of other fields of the target where they come from, or otherwise of
    /// these. What the target has no place for is left, and listed. Links that only their other end declares
    /// lead to the new object where they may.
    ///
    /// A number, address or prefix of a pool stays with its reservation and identifier where the pool serves
    /// the target too; where another pool does, that one gives the same value or refuses. On a branch a
    /// reservation of main's stays main's until the branch is merged.
    ///
    /// Refused where a rule of the target breaks, where the object has values of a profile, and where the
    /// kinds are not of one branch mode and there is a branch. Linear in what the object has.
    pub fn convert(
        &mut self,
        id: ObjectId,
        target: &str,
        mapping: &BTreeMap<String, Fill>,
    ) -> Result<Converted, BranchError> {
        let object = self.must_exist(id)?.copied();
        let source = Arc::clone(object.kind());
        let target = self.concrete(target)?;
        let turn = Turn { object: &object, source: &source, target: &target };
        self.check_convertible(&turn)?;
        let mut plan = self.planned(&turn, mapping)?;
        let mut left = self.left_of(&turn, &plan.used)?;
        let (others, needing) = (self.led_to(&object)?, needing(&self.view, &object)?);
        self.release_all_but(&turn, &plan)?;
        self.take_out(&object)?;
        let new = self.create(&target.name, None, std::mem::take(&mut plan.input))?;
        for (holding, attribute) in plan.held {
            self.hand_over(&object, holding, new, &attribute)?;
        }
        for (pool, from, to) in plan.pooled {
            self.hand_over_peers(pool, (id, &from), (new, &to))?;
        }
        for (peer, rel, edge) in others {
            if rel.peer == "CoreNode" || self.view.schema().is_a(&target, &rel.peer) {
                self.link(peer, &rel, new, &linked_as(&edge, new))?;
            } else {
                let peer = self.must_exist(peer)?;
                left.push(format!("{} {}: {}", peer.kind().name, self.label_of(&peer)?, rel.name));
            }
        }
        for (peer, rel) in needing {
            if self.view.peers(peer, &rel)?.is_empty() {
                let peer = self.must_exist(peer)?;
                let (kind, label) = (&peer.kind().name, self.label_of(&peer)?);
                return self.not_convertible(&turn, format!(
                    "{kind} `{label}` cannot be without it as its `{}`, which is a `{}`; map a field of \
                     `{}` that leads there, or give `{label}` another",
                    rel.name, rel.peer, target.name,
                ));
            }
        }
        left.sort();
        Ok(Converted { id: new, left })
    }

    fn not_convertible<T>(&self, turn: &Turn<'_>, message: String) -> Result<T, BranchError> {
        // Also of one that is gone in the draft.
        let object = self.label_then_or_now(turn.object.id())?;
        let (kind, target) = (turn.source.name.clone(), turn.target.name.clone());
        Err(Violation::NotConvertible { kind, object, target, message }.into())
    }

    fn check_convertible(&self, turn: &Turn<'_>) -> Result<(), BranchError> {
        let Turn { object, source, target } = turn;
        if source.name == target.name {
            return self.not_convertible(turn, "it is one already".to_owned());
        }
        let odd = [source, target].into_iter().find(|kind| kind.category != Category::Node);
        if let Some(odd) = odd {
            let message =
                format!("`{}` is a profile or a template, and no kind of objects", odd.name);
            return self.not_convertible(turn, message);
        }
        let of_profile = |attribute: &&Attribute| object.attr(attribute).is_from_profile;
        if let Some(attribute) = source.attributes.iter().find(of_profile) {
            let message = format!(
                "`{}` comes from a profile, which is one of `{}`; take it off its profiles first",
                attribute.name, source.name
            );
            return self.not_convertible(turn, message);
        }
        if source.branch != target.branch {
            let is_alone = crate::branches::is_alone(&self.view.rows.snapshot)?;
            if self.view.branch != BranchId::MAIN || !is_alone {
                let word = |kind: &Kind| match kind.branch {
                    BranchMode::Aware => "each branch has its own",
                    BranchMode::Agnostic => "all branches share it",
                    BranchMode::Local => "it stays on its branch",
                };
                let message = format!(
                    "of `{}` {}, of `{}` {}; convert it on main while there is no branch",
                    source.name,
                    word(source),
                    target.name,
                    word(target)
                );
                return self.not_convertible(turn, message);
            }
        }
        Ok(())
    }

    fn planned(
        &mut self,
        turn: &Turn<'_>,
        mapping: &BTreeMap<String, Fill>,
    ) -> Result<Plan, BranchError> {
        let target = turn.target;
        let mut plan = Plan::default();
        if let Some(odd) = mapping.keys().find(|name| !has(target, name)) {
            return Err(unknown(target, odd));
        }
        for equivalent in equivalents(turn.source, target) {
            let name = equivalent.name;
            let given = mapping.get(&name).cloned();
            let as_is = given.is_none();
            let Some(fill) = given.or(equivalent.source.map(Fill::Field)) else { continue };
            match (target.attribute(&name), target.relationship(&name)) {
                (Some(attribute), _) => {
                    self.fill_attribute(turn, attribute, fill, as_is, &mut plan)?;
                }
                (None, Some(rel)) => self.fill_relationship(turn, rel, fill, &mut plan)?,
                (None, None) => {}
            }
        }
        Ok(plan)
    }

    fn fill_attribute(
        &mut self,
        turn: &Turn<'_>,
        attribute: &Attribute,
        fill: Fill,
        as_is: bool,
        plan: &mut Plan,
    ) -> Result<(), BranchError> {
        let name = &attribute.name;
        let field = match fill {
            Fill::Default => return Ok(()),
            Fill::Value(json) => {
                plan.input.attrs.insert(name.clone(), AttrInput::json(json));
                return Ok(());
            }
            Fill::Field(field) => field,
            Fill::Peer(_) | Fill::Peers(_) => {
                let message = format!("`{name}` is an attribute and takes an `attribute_value`");
                return self.not_convertible(turn, message);
            }
        };
        let Some(from) = turn.source.attribute(&field) else {
            if !has(turn.source, &field) {
                return Err(unknown(turn.source, &field));
            }
            let message = format!("`{field}` is a relationship, and `{name}` an attribute");
            return self.not_convertible(turn, message);
        };
        plan.used.insert(field.clone());
        let had = turn.object.attr(from);
        let value = had.value.to_value().unwrap_or(Value::Null);
        let by_default = had.is_default && attribute.default.as_ref() == Some(&value);
        if value.is_null() || by_default || attribute.computed.is_some() && as_is {
            return Ok(());
        }
        if from.kind.is_secret() && !attribute.kind.is_secret() {
            let message = format!("`{field}` is never told, and `{name}` would tell it");
            return self.not_convertible(turn, message);
        }
        let given = match from.kind == attribute.kind {
            true => Given::Value(value),
            false => Given::Json(value.to_json()),
        };
        let mut input = AttrInput { value: Some(given), by_host: as_is, ..AttrInput::default() };
        self.fill_from_pool(turn, (from, attribute), had, &mut input, plan)?;
        if input.from_pool.is_none() {
            input.is_protected = Some(had.is_protected);
            input.owner = Some(had.owner);
        }
        plan.input.attrs.insert(name.clone(), input);
        Ok(())
    }

    /// Where a value that comes along is to come from: the pool it is of, if that serves the target; else the
    /// one that fills the attribute; else none.
    fn fill_from_pool(
        &mut self,
        turn: &Turn<'_>,
        (from, attribute): (&Attribute, &Attribute),
        had: AttrRef<'_>,
        input: &mut AttrInput,
        plan: &mut Plan,
    ) -> Result<(), BranchError> {
        let pool = match had.source {
            Some(source) if self.is_pool(had.source)? => self.view.object(source)?,
            source => {
                input.source = Some(source);
                None
            }
        };
        if let Some(pool) = pool {
            let is_ip = self.is_ip(turn.target) && from.name == attribute.name;
            let numbered = self.view.numbered(&pool);
            let serves = |(kind, filled): &(Arc<Kind>, Attribute)| {
                kind.name == turn.target.name && filled.name == attribute.name
            };
            if is_ip || numbered.iter().any(serves) {
                input.source = Some(had.source);
                let value = had.value.to_value().unwrap_or(Value::Null);
                if let Some(holding) = self.holding(&pool, turn.object, &value)? {
                    plan.held.push((holding, attribute.name.clone()));
                }
                return Ok(());
            }
            input.source = None;
        }
        if let Some(pool) = &attribute.parameters.number_pool {
            let from_pool = FromPool { pool: pool.clone(), ..FromPool::default() };
            input.from_pool = Some(Box::new(from_pool));
        }
        Ok(())
    }

    fn fill_relationship(
        &mut self,
        turn: &Turn<'_>,
        rel: &Relationship,
        fill: Fill,
        plan: &mut Plan,
    ) -> Result<(), BranchError> {
        let name = &rel.name;
        let peers = match fill {
            Fill::Default => return Ok(()),
            Fill::Peer(peer) if rel.cardinality == Cardinality::One => vec![named(peer)],
            Fill::Peers(peers) if rel.cardinality == Cardinality::Many => {
                peers.into_iter().map(named).collect()
            }
            Fill::Value(_) | Fill::Peer(_) | Fill::Peers(_) => {
                let wanted = match rel.cardinality {
                    Cardinality::One => "one peer: a `peer_id`",
                    Cardinality::Many => "peers: a list of `peers_ids`",
                };
                return self.not_convertible(turn, format!("`{name}` takes {wanted}"));
            }
            Fill::Field(field) => {
                let Some(from) = turn.source.relationship(&field) else {
                    if !has(turn.source, &field) {
                        return Err(unknown(turn.source, &field));
                    }
                    let message = format!("`{field}` is an attribute, and `{name}` a relationship");
                    return self.not_convertible(turn, message);
                };
                plan.used.insert(field.clone());
                let edges = self.view.peers(turn.object.id(), from)?;
                if rel.cardinality == Cardinality::One && edges.len() > 1 {
                    let message = format!(
                        "`{field}` has {} peers, and `{name}` takes one: name it as `peer_id`",
                        edges.len()
                    );
                    return self.not_convertible(turn, message);
                }
                for pool in edges.iter().filter_map(|edge| edge.source) {
                    if self.is_pool(Some(pool))? {
                        plan.pooled.insert((pool, field.clone(), name.clone()));
                    }
                }
                edges.iter().map(|edge| linked_as(edge, edge.peer)).collect()
            }
        };
        if !peers.is_empty() {
            plan.input.rels.insert(name.clone(), RelInput::Replace(peers));
        }
        Ok(())
    }

    /// What the old object has that does not come along. What the host derives is nobody's.
    fn left_of(
        &self,
        turn: &Turn<'_>,
        used: &BTreeSet<String>,
    ) -> Result<Vec<String>, BranchError> {
        let Turn { object, source, .. } = turn;
        let label = self.label_of(object)?;
        let mut left = Vec::new();
        for attribute in &source.attributes {
            let had = object.attr(attribute);
            let derived =
                attribute.computed.is_some() || attribute.read_only && had.source.is_none();
            if !derived && !had.is_default && !had.value.is_null() {
                left.push(&attribute.name);
            }
        }
        for rel in source.relationships.iter().filter(|rel| rel.kind != RelationshipKind::Template)
        {
            if !rel.read_only && !self.view.peers(object.id(), rel)?.is_empty() {
                left.push(&rel.name);
            }
        }
        let left = left.into_iter().filter(|name| !used.contains(*name));
        Ok(left.map(|name| format!("{} {label}: {name}", source.name)).collect())
    }

    /// The links that lead to the object and that it does not declare itself.
    fn led_to(&self, object: &Object) -> Result<Vec<(ObjectId, Relationship, Edge)>, BranchError> {
        let mut all = Vec::new();
        for (peer, rel) in one_way(&self.view, object)? {
            if let Some(edge) = self.view.peer(peer, &rel, object.id())? {
                all.push((peer, rel, edge));
            }
        }
        Ok(all)
    }

    /// Gives back what the object has of pools that do not serve the target.
    fn release_all_but(&mut self, turn: &Turn<'_>, plan: &Plan) -> Result<(), BranchError> {
        for attr in turn.object.record()?.attrs.into_values() {
            let kept = plan.held.iter().any(|(holding, _)| holding.is_of(attr.source, &attr.value));
            if attr.source.is_some() && !kept {
                self.release_value(attr.source, &attr.value, Some(turn.object))?;
            }
        }
        Ok(())
    }
}

fn has(kind: &Kind, field: &str) -> bool {
    kind.attribute(field).is_some() || kind.relationship(field).is_some()
}

fn unknown(kind: &Kind, field: &str) -> BranchError {
    let names = kind.attributes.iter().map(|attribute| attribute.name.as_str());
    let rels = kind.relationships.iter().map(|rel| rel.name.as_str());
    let nearest = model::schema::nearest(field, names.chain(rels));
    Violation::UnknownField { kind: kind.name.clone(), field: field.to_owned(), nearest }.into()
}

fn named(peer: String) -> PeerInput {
    match peer.parse() {
        Ok(id) => PeerInput::id(id),
        Err(_) => PeerInput::hfid(peer.split('/').map(str::to_owned).collect()),
    }
}

/// A link to another object with the properties of this one.
fn linked_as(edge: &Edge, peer: ObjectId) -> PeerInput {
    PeerInput {
        is_protected: Some(edge.is_protected),
        source: edge.source,
        owner: edge.owner,
        ..PeerInput::id(peer)
    }
}
