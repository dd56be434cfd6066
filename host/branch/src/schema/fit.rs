//! Holding what is stored against a new schema: what does not fit is listed, and nothing is changed.
//! Linear in the objects of the kinds whose rules changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::schema::{
    Cardinality, Category, Kind, Relationship, Renames, Schema, SchemaChange, attribute_before,
    kind_before,
};
use model::{ObjectId, Symbol};

use crate::database::Compiled;
use crate::draft::Draft;
use crate::error::{BranchError, Violation};
use crate::limits::OFFENDERS_MAX;
use crate::schema::load::SchemaLoadError;

/// Kinds of a new schema by the numbers that stored objects have.
type Now<'a> = BTreeMap<Symbol, &'a Arc<Kind>>;

/// How stored objects are read while they are held against a new schema.
#[derive(Clone, Copy)]
enum Stored {
    /// As the old schema has them.
    Before,
    /// They were brought to the new one.
    Migrated,
}

/// A new schema over an old one, with how to find one's kinds in the other.
struct Change<'a> {
    old: &'a Schema,
    new: &'a Schema,
    renames: &'a Renames,
    stored: Stored,
    now: Now<'a>,
}

/// What does not fit, with whom.
#[derive(Default)]
struct Offenders {
    labels: Vec<String>,
    count: usize,
}

impl Offenders {
    fn add(
        &mut self,
        label: impl FnOnce() -> Result<String, BranchError>,
    ) -> Result<(), BranchError> {
        self.count += 1;
        if self.labels.len() < OFFENDERS_MAX {
            self.labels.push(label()?);
        }
        Ok(())
    }

    /// `2 objects with …: r1, r2`; nothing where all fit.
    fn told(&self, what: impl FnOnce(&str) -> String) -> Option<String> {
        let objects = match self.count {
            0 => return None,
            1 => "1 object".to_owned(),
            several => format!("{several} objects"),
        };
        let more = if self.count > self.labels.len() { ", ..." } else { "" };
        Some(format!("{}: {}{more}", what(&objects), self.labels.join(", ")))
    }
}

impl Draft {
    /// Refuses a schema that was set before its objects, where they do not fit.
    pub(crate) fn check_fit(&mut self, old: &Arc<Compiled>) -> Result<(), SchemaLoadError> {
        let new = Arc::clone(&self.view.compiled);
        if Arc::ptr_eq(old, &new) {
            return Ok(());
        }
        let renames = model::schema::renames(&old.declared, &new.declared);
        let changes = model::schema::changes(&old.schema, &new.schema, &renames);
        let mut offences = Vec::new();
        let stays: BTreeSet<Symbol> = new
            .schema
            .by_symbol
            .values()
            .filter_map(|kind| Some(kind_before(&old.schema, kind, &renames)?.symbol))
            .collect();
        for kind in old.schema.by_symbol.values().filter(|kind| !stays.contains(&kind.symbol)) {
            self.view.compiled = Arc::clone(old);
            let count = self.view.count(kind);
            self.view.compiled = Arc::clone(&new);
            let count = count?;
            if count > 0 {
                offences.push(still_stored(kind, count));
            }
        }
        let now = new.schema.by_symbol.iter().map(|(symbol, kind)| (*symbol, kind)).collect();
        let stored = Stored::Migrated;
        let change = Change { old: &old.schema, new: &new.schema, renames: &renames, stored, now };
        for kind in new.schema.by_symbol.values() {
            if let Some(was) = kind_before(&old.schema, kind, &renames) {
                self.check_kind(&change, was, kind, &mut offences)?;
            }
        }
        told(&changes, offences)?;
        self.check_constraints(old, &renames)
    }

    /// Refuses what stored objects do not fit, with the offenders.
    pub(super) fn check_data(
        &self,
        old: &Schema,
        new: &Schema,
        changes: &[SchemaChange],
        renames: &Renames,
    ) -> Result<(), SchemaLoadError> {
        let mut offences = Vec::new();
        let now: Now<'_> = new
            .by_symbol
            .values()
            .filter_map(|kind| Some((kind_before(old, kind, renames)?.symbol, kind)))
            .collect();
        let change = Change { old, new, renames, stored: Stored::Before, now };
        for kind in old.by_symbol.values() {
            let count = self.view.count(kind)?;
            if count == 0 {
                continue;
            }
            match change.now.get(&kind.symbol) {
                None => offences.push(still_stored(kind, count)),
                Some(now) => self.check_kind(&change, kind, now, &mut offences)?,
            }
        }
        told(changes, offences)
    }

    fn check_kind(
        &self,
        change: &Change<'_>,
        old: &Kind,
        new: &Arc<Kind>,
        offences: &mut Vec<String>,
    ) -> Result<(), BranchError> {
        let kind = match change.stored {
            Stored::Before => old,
            Stored::Migrated => new,
        };
        for attribute in &new.attributes {
            let was = old.attribute(attribute_before(new, attribute, change.renames));
            if format!("{was:?}") == format!("{:?}", Some(attribute)) {
                continue;
            }
            let read = match change.stored {
                Stored::Before => was.unwrap_or(attribute),
                Stored::Migrated => attribute,
            };
            let mut offenders = Offenders::default();
            // Objects without a value get one right after this.
            let pool = attribute.parameters.number_pool.as_deref();
            let filled = crate::draft::draws(new, attribute)
                && pool.map(|pool| self.pool_if_there(pool)).transpose()?.flatten().is_some();
            for object in self.view.objects(kind)? {
                let object = object?;
                let value = object.attr(read).value.to_value();
                let value = value.unwrap_or(model::Value::Null);
                let needed =
                    !attribute.optional && attribute.computed.is_none() && !attribute.read_only;
                // A value stays what it is: of another kind of attribute it must read as the same.
                let fits = match value.is_null() {
                    true => !needed || filled,
                    false => attribute.parse(&value.to_json()).is_ok_and(|read| read == value),
                };
                if !fits {
                    offenders.add(|| Ok(format!("{} ({value})", self.label_of(&object)?)))?;
                }
            }
            let place = format!("`{}.{}`", new.name, attribute.name);
            offences.extend(
                offenders
                    .told(|objects| format!("{place}: {objects} with a value that does not fit")),
            );
        }
        // Templates have what they have; the rules hold for what is made of them.
        let ruled = new.category != Category::Template;
        for rel in new.relationships.iter().filter(|_| ruled) {
            let was = old.relationship(&rel.name);
            let same = format!("{was:?}") == format!("{:?}", Some(rel));
            if !same || was.is_some_and(|was| change.narrows(was, rel)) {
                self.check_peers(change, (kind, new), rel, offences)?;
            }
        }
        Ok(())
    }

    /// Whether every object has as many peers as a relationship asks for by now, of kinds it takes.
    fn check_peers(
        &self,
        change: &Change<'_>,
        (kind, new): (&Kind, &Arc<Kind>),
        rel: &Relationship,
        offences: &mut Vec<String>,
    ) -> Result<(), BranchError> {
        // All of them, however many the new schema has room for.
        let every = Relationship { cardinality: Cardinality::Many, ..rel.clone() };
        let (most, wanted) = match rel.cardinality {
            Cardinality::One => (1, "one peer at most".to_owned()),
            Cardinality::Many => {
                let upto = match rel.max_count {
                    0 => "any number".to_owned(),
                    most => most.to_string(),
                };
                (rel.max_count, format!("{} to {upto} peers", rel.min_count))
            }
        };
        let most = if most == 0 { usize::MAX } else { usize::try_from(most).unwrap_or(usize::MAX) };
        let least = match rel.cardinality {
            Cardinality::One => 0,
            Cardinality::Many => usize::try_from(rel.min_count).unwrap_or(usize::MAX),
        };
        let (mut without, mut beyond, mut strange) =
            (Offenders::default(), Offenders::default(), Offenders::default());
        for object in self.view.objects(kind)? {
            let object = object?;
            let label = || self.label_of(&object);
            let peers = self.view.peers(object.id(), &every)?;
            if peers.is_empty() {
                if !rel.optional {
                    without.add(label)?;
                }
                continue;
            }
            if peers.len() < least || peers.len() > most {
                beyond.add(|| Ok(format!("{} ({})", label()?, peers.len())))?;
            }
            for peer in peers {
                // What has no kind any more is told as still stored.
                let Some(now) = self.kind_now(change, peer.peer)? else { continue };
                if !change.new.is_a(now, &rel.peer) {
                    let told =
                        || Ok(format!("{} ({})", label()?, self.label_then_or_now(peer.peer)?));
                    strange.add(told)?;
                }
            }
        }
        let place = format!("`{}.{}`", new.name, rel.name);
        offences.extend(
            without.told(|objects| format!("{place} becomes mandatory: {objects} without a peer")),
        );
        offences.extend(
            beyond.told(|objects| format!("{place} takes {wanted}: {objects} with another number")),
        );
        offences.extend(strange.told(|objects| {
            format!("{place} takes `{}`: {objects} with a peer of another kind", rel.peer)
        }));
        Ok(())
    }

    /// What an object is by the new schema.
    fn kind_now<'a>(
        &self,
        change: &Change<'a>,
        id: ObjectId,
    ) -> Result<Option<&'a Arc<Kind>>, BranchError> {
        let kind = self.view.kind_of(id)?;
        Ok(kind.and_then(|kind| change.now.get(&kind.symbol).copied()))
    }

    /// Refuses rules over several objects that are new, or other than before, where stored objects
    /// break them. The schema is set, and the indexes are those it has.
    pub(super) fn check_constraints(
        &self,
        old: &Arc<Compiled>,
        renames: &Renames,
    ) -> Result<(), SchemaLoadError> {
        let new = Arc::clone(&self.view.compiled);
        let mut offences = Vec::new();
        for kind in new.schema.by_symbol.values() {
            let Some(was) = kind_before(&old.schema, kind, renames) else { continue };
            let before = &old.indexes.of(was.symbol).constraints;
            let unique = before != &new.indexes.of(kind.symbol).constraints;
            let common = kind.relationships.iter().filter(|rel| {
                let was = was.relationship(&rel.name);
                let before = was.map(|was| (&was.common_parent, &was.common_relatives));
                before != Some((&rel.common_parent, &rel.common_relatives))
            });
            let common: Vec<&Relationship> = common.collect();
            if unique || !common.is_empty() {
                self.check_rules(kind, unique, &common, &mut offences)?;
            }
        }
        told(&[], offences)
    }

    fn check_rules(
        &self,
        kind: &Kind,
        unique: bool,
        common: &[&Relationship],
        offences: &mut Vec<String>,
    ) -> Result<(), BranchError> {
        let mut broken: BTreeMap<String, Offenders> = BTreeMap::new();
        for object in self.view.objects(kind)? {
            let object = object?;
            let one = unique.then(|| self.check_unique(&object));
            let checked = common.iter().map(|rel| self.check_common(&object, rel));
            for checked in one.into_iter().chain(checked) {
                match checked {
                    Err(BranchError::Violation(violation)) => {
                        let rule = match violation.as_ref() {
                            Violation::NotUnique { constraint, .. } => {
                                format!(
                                    "with the same values of the uniqueness constraint '{constraint}'"
                                )
                            }
                            other => format!("against a rule ({other})"),
                        };
                        broken.entry(rule).or_default().add(|| self.label_of(&object))?;
                    }
                    other => other?,
                }
            }
        }
        offences.extend(broken.iter().filter_map(|(rule, offenders)| {
            offenders.told(|objects| format!("`{}`: {objects} {rule}", kind.name))
        }));
        Ok(())
    }
}

impl Change<'_> {
    /// Whether a relationship has room for fewer kinds than before.
    fn narrows(&self, was: &Relationship, is: &Relationship) -> bool {
        let takes = self.new.kind(&is.peer).map(|peer| {
            self.new.concrete(peer).map(|kind| kind.name.as_str()).collect::<BTreeSet<_>>()
        });
        let takes = takes.unwrap_or_default();
        let Some(took) = self.old.kind(&was.peer) else { return false };
        self.new.by_symbol.values().any(|kind| {
            let before = kind_before(self.old, kind, self.renames);
            before.is_some_and(|before| self.old.concrete(took).any(|one| one.name == before.name))
                && !takes.contains(kind.name.as_str())
        })
    }
}

/// The refusal of what was found, and of what can never be changed.
fn told(changes: &[SchemaChange], mut offences: Vec<String>) -> Result<(), SchemaLoadError> {
    let never = changes.iter().filter(|change| change.is_unsupported());
    offences.extend(never.map(ToString::to_string));
    if offences.is_empty() { Ok(()) } else { Err(SchemaLoadError::Data(offences)) }
}

fn still_stored(kind: &Kind, count: u64) -> String {
    format!("`{}` is removed, but {count} objects of it are stored; delete them first", kind.name)
}
