//! Profiles: values that objects take where they set none themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::schema::{Category, Kind};
use model::{ObjectId, Seq, Value};

use crate::draft::Draft;
use crate::error::BranchError;
use crate::object::Object;
use crate::record::Attr;

/// The priority of a profile that gives none.
const PRIORITY_DEFAULT: i64 = 1000;

impl Draft {
    /// Gives every touched object, and every object of a touched profile, what its profiles say.
    pub(super) fn apply_profiles(&mut self) -> Result<(), BranchError> {
        let touched = self.touched();
        let mut members = BTreeSet::new();
        for id in touched.iter() {
            let Some(kind) = self.view.kind_at(*id)? else { continue };
            if kind.category == Category::Profile
                && let Some(rel) = kind.relationship("related_nodes")
            {
                members.extend(self.view.peers(*id, rel)?.into_iter().map(|edge| edge.peer));
            }
        }
        for id in touched.iter() {
            members.remove(id);
            self.apply_profiles_to(*id)?;
        }
        for id in members {
            self.apply_profiles_to(id)?;
        }
        Ok(())
    }

    fn apply_profiles_to(&mut self, id: ObjectId) -> Result<(), BranchError> {
        let Some(kind) = self.view.kind_at(id)? else { return Ok(()) };
        let Some(rel) = kind.relationship("profiles") else { return Ok(()) };
        let Some(object) = self.view.object_of(kind, id)? else { return Ok(()) };
        if self.view.peer_count(id, rel)? == 0 && !object.has_value_of_profile() {
            return Ok(());
        }
        let edges = self.view.peers(id, rel)?;
        let kind = Arc::clone(kind);
        let mut profiles = Vec::new();
        for edge in edges {
            if let Some(profile) = self.view.object(edge.peer)? {
                let priority = profile.value("profile_priority").as_int();
                profiles.push((priority.unwrap_or(PRIORITY_DEFAULT), edge.peer, profile));
            }
        }
        // The smaller number wins, then the older profile.
        profiles.sort_by_key(|(priority, id, _)| (*priority, *id));
        let values = values_of(&kind, profiles.iter().map(|(_, _, profile)| profile));
        let before = object.record()?;
        let mut record = before.clone();
        for attribute in &kind.attributes {
            let now = record.attrs.get(&attribute.symbol);
            let own = now.is_some_and(|attr| {
                !attr.is_default && !attr.is_from_profile && !attr.value.is_null()
            });
            if own || attribute.read_only {
                continue;
            }
            let wanted = match values.get(attribute.name.as_str()) {
                Some((value, profile)) => Attr {
                    is_default: true,
                    is_from_profile: true,
                    source: Some(*profile),
                    ..Attr::plain(value.clone())
                },
                None if now.is_some_and(|attr| attr.is_from_profile) => Attr {
                    is_default: true,
                    ..Attr::plain(attribute.default.clone().unwrap_or(Value::Null))
                },
                None => continue,
            };
            if now.is_none_or(|now| !now.same_as(&wanted)) {
                record.attrs.insert(attribute.symbol, Attr { changed: Seq(0), ..wanted });
            }
        }
        if record.attrs != before.attrs {
            self.write_record(&kind, id, Some(&before), &record)?;
        }
        Ok(())
    }
}

/// The first value that a profile gives, by attribute, with the profile.
fn values_of<'a>(
    kind: &'a Kind,
    profiles: impl Iterator<Item = &'a Object>,
) -> BTreeMap<&'a str, (Value, ObjectId)> {
    let mut values = BTreeMap::new();
    for profile in profiles {
        for attribute in &kind.attributes {
            let value = profile.value(&attribute.name);
            if !value.is_null() && profile.kind().attribute(&attribute.name).is_some() {
                values.entry(attribute.name.as_str()).or_insert((value, profile.id()));
            }
        }
    }
    values
}
