//! Rules over the whole draft, checked once before it is committed or shown as a plan.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::schema::{Cardinality, Category, Kind};
use model::{ObjectId, Value};
use store::{Key, Space, key};

use crate::draft::Draft;
use crate::error::{BranchError, Violation};
use crate::object::Object;
use crate::schema::{Constraint, Element};

impl Draft {
    /// Settles what depends on the whole: computed values, the IP hierarchy; then checks mandatory
    /// values and links, counts and uniqueness. Linear in what the draft touches.
    pub fn finish(&mut self) -> Result<(), BranchError> {
        if self.view.rows.is_clean() {
            return Ok(());
        }
        self.settle()?;
        self.check(&mut Err)?;
        self.hold_written()
    }

    /// Settles what the host derives of the whole draft.
    pub(crate) fn settle(&mut self) -> Result<(), BranchError> {
        self.fill_from_new_pools()?;
        self.follow_divisions()?;
        self.hand_on_what_was_given_back()?;
        self.settle_ip_hierarchy()?;
        self.apply_profiles()?;
        self.compute_values()
    }

    /// Checks everything the draft touches; what breaks a rule goes to `found`, whose error ends it.
    pub(crate) fn check(
        &self,
        found: &mut dyn FnMut(BranchError) -> Result<(), BranchError>,
    ) -> Result<(), BranchError> {
        let mut told = |checked: Result<(), BranchError>| match checked {
            Err(broken @ BranchError::Violation(_)) => found(broken),
            other => other,
        };
        let mut pools = BTreeSet::new();
        for id in self.touched().iter() {
            let Some(object) = self.view.object(*id)? else { continue };
            if object.kind().category != Category::Template {
                told(self.check_values(&object))?;
                told(self.check_links(&object))?;
            }
            told(self.check_unique(&object))?;
            pools.extend(self.pool_behind(&object)?);
        }
        told(self.check_pools(&pools))
    }

    /// Objects with a pending head or edge, by id. Worked out once as long as nothing is written.
    pub(super) fn touched(&self) -> Arc<[ObjectId]> {
        let writes = self.view.rows.writes();
        let mut known = self.touched.borrow_mut();
        if known.0 != writes {
            *known = (writes, self.touches().into());
        }
        Arc::clone(&known.1)
    }

    fn touches(&self) -> Vec<ObjectId> {
        let heads = self.view.rows.pending(Space::Heads);
        let heads = heads.filter_map(|(key, _)| key::parse_head(key).map(|(_, _, id)| id));
        let edges = self.view.rows.pending(Space::Edges);
        let edges = edges.filter_map(|(key, _)| key::parse_edge(key).map(|edge| edge.object));
        let mut touched: Vec<ObjectId> = heads.chain(edges).collect();
        touched.sort_unstable();
        touched.dedup();
        touched
    }

    fn check_values(&self, object: &Object) -> Result<(), BranchError> {
        let kind = object.kind();
        for attribute in &kind.attributes {
            let needed = !attribute.optional
                && attribute.computed.is_none()
                && !matches!(kind.category, Category::Profile if attribute.name != "profile_name")
                && !attribute.read_only;
            if needed && object.attr(attribute).value.is_null() {
                return Err(Violation::Required {
                    kind: kind.name.clone(),
                    field: attribute.name.clone(),
                    object: self.label_of(object)?,
                }
                .into());
            }
        }
        Ok(())
    }

    fn check_links(&self, object: &Object) -> Result<(), BranchError> {
        let kind = object.kind();
        for rel in &kind.relationships {
            self.check_common(object, rel)?;
            let bounded = rel.min_count > 0 || rel.max_count > 0;
            if rel.optional && !bounded {
                continue;
            }
            let found = self.view.peer_count(object.id(), rel)?;
            if found == 0 && !rel.optional {
                return Err(Violation::Required {
                    kind: kind.name.clone(),
                    field: rel.name.clone(),
                    object: self.label_of(object)?,
                }
                .into());
            }
            let found32 = u32::try_from(found).unwrap_or(u32::MAX);
            let few = found32 < rel.min_count && (found > 0 || !rel.optional);
            let many = rel.max_count > 0 && found32 > rel.max_count;
            if rel.cardinality == Cardinality::Many && (few || many) {
                let wanted = match (rel.min_count, rel.max_count) {
                    (least, 0) => format!("at least {least}"),
                    (0, most) => format!("at most {most}"),
                    (least, most) => format!("{least} to {most}"),
                };
                return Err(Violation::PeerCount {
                    kind: kind.name.clone(),
                    field: rel.name.clone(),
                    object: self.label_of(object)?,
                    wanted,
                    found,
                }
                .into());
            }
        }
        Ok(())
    }

    pub(crate) fn check_unique(&self, object: &Object) -> Result<(), BranchError> {
        let kind = object.kind();
        let mut keys = None;
        for constraint in &self.view.compiled.indexes.of(kind.symbol).constraints {
            let value = match constraint.elements.as_slice() {
                [Element::Attribute(name)] => {
                    let value = object.value(name);
                    (!value.is_null()).then(|| key::index_value(&value))
                }
                _ => {
                    if keys.is_none() {
                        keys = Some(self.constraint_keys(kind, object.id())?);
                    }
                    keys.as_ref().and_then(|keys| keys.get(&constraint.symbol).cloned())
                }
            };
            // Whoever takes the same value now is asked for it as well.
            if let Some(value) = value.filter(|value| self.takes(object, constraint, value)) {
                self.check_constraint(object, constraint, &value)?;
            }
        }
        Ok(())
    }

    /// Whether it is this draft that gives an object the value of a constraint.
    fn takes(&self, object: &Object, constraint: &Constraint, value: &[u8]) -> bool {
        let kind = object.kind();
        let symbol = match constraint.elements.as_slice() {
            [Element::Attribute(name)] => kind.attribute(name).map(|found| found.symbol),
            _ => Some(constraint.symbol),
        };
        symbol.is_none_or(|symbol| {
            let line = self.view.line(kind.branch);
            let key = key::index(line, kind.symbol, symbol, value, object.id());
            self.view.rows.is_pending(Space::Index, &key)
        })
    }

    fn check_constraint(
        &self,
        object: &Object,
        constraint: &Constraint,
        value: &[u8],
    ) -> Result<(), BranchError> {
        let schema = self.view.schema();
        let kind = object.kind();
        let symbol = match constraint.elements.as_slice() {
            [Element::Attribute(name)] => kind.attribute(name).map(|found| found.symbol),
            _ => Some(constraint.symbol),
        };
        let Some(symbol) = symbol else { return Ok(()) };
        let over = constraint.over.as_deref().and_then(|generic| schema.kind(generic));
        let kinds: Vec<&Arc<Kind>> = match over {
            Some(generic) => schema.concrete(generic).collect(),
            None => vec![kind],
        };
        for other in kinds {
            for id in self.view.in_index(other, symbol, value)? {
                if id != object.id() {
                    return Err(self.not_unique(object, constraint, id));
                }
            }
        }
        Ok(())
    }

    fn not_unique(&self, object: &Object, constraint: &Constraint, other: ObjectId) -> BranchError {
        let label = self.label_of(object).unwrap_or_else(|_unreadable| object.id().to_string());
        Violation::NotUnique {
            kind: object.kind().name.clone(),
            constraint: constraint.text.clone(),
            object: label,
            other,
        }
        .into()
    }

    /// The object that an input describes: by human-friendly id, else by a constraint that the
    /// input gives in full.
    pub fn described(
        &self,
        kind: &Arc<Kind>,
        input: &super::Input,
    ) -> Result<Option<ObjectId>, BranchError> {
        for constraint in &self.view.compiled.indexes.of(kind.symbol).constraints {
            if let Some((symbol, value)) = self.described_key(kind, constraint, input)?
                && let Some(id) = self.view.in_index(kind, symbol, &value)?.first()
            {
                return Ok(Some(*id));
            }
        }
        Ok(None)
    }

    fn described_key(
        &self,
        kind: &Arc<Kind>,
        constraint: &Constraint,
        input: &super::Input,
    ) -> Result<Option<(model::Symbol, Key)>, BranchError> {
        let mut bytes = Key::default();
        let mut symbol = constraint.symbol;
        for element in &constraint.elements {
            match element {
                Element::Attribute(name) => {
                    let Some(attribute) = kind.attribute(name) else { return Ok(None) };
                    let value = match input.attrs.get(name).and_then(|attr| attr.value.as_ref()) {
                        Some(super::input::Given::Value(value)) => value.clone(),
                        Some(super::input::Given::Json(json)) => {
                            attribute.parse(json).unwrap_or(Value::Null)
                        }
                        None => attribute.default.clone().unwrap_or(Value::Null),
                    };
                    if value.is_null() {
                        return Ok(None);
                    }
                    if !constraint.has_index() {
                        symbol = attribute.symbol;
                    }
                    bytes.extend(&key::index_value(&value));
                }
                Element::Relationship(name) => {
                    let Some(peer) = self.described_peer(kind, name, input)? else {
                        return Ok(None);
                    };
                    bytes.extend(&peer.0.to_be_bytes());
                }
            }
        }
        Ok(Some((symbol, bytes)))
    }

    fn described_peer(
        &self,
        kind: &Arc<Kind>,
        name: &str,
        input: &super::Input,
    ) -> Result<Option<ObjectId>, BranchError> {
        let Some(rel) = kind.relationship(name) else { return Ok(None) };
        match input.rels.get(name) {
            Some(super::RelInput::Replace(peers) | super::RelInput::Add(peers)) => {
                match peers.first() {
                    Some(peer) => self.resolve(kind, rel, &peer.peer).map(Some),
                    None => Ok(None),
                }
            }
            None if name == "ip_namespace" => self.default_namespace(),
            _ => Ok(None),
        }
    }
}
