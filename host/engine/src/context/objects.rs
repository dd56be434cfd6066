//! Making and setting objects: ensure by key, adopt where allowed, claim what is set.

use std::collections::BTreeMap;
use std::sync::Arc;

use branch::{
    AttrInput, BranchError, Claim, ClaimedPeer, Input, Object, Outcome as DraftOutcome, PeerInput,
    RelInput,
};
use model::schema::{Cardinality, Kind, Path};
use model::{ObjectId, Value};
use sandbox::api::{Code, Draft as GuestDraft, Field, GuestError, Link, Outcome, Saved, Target};

use crate::context::{KEY_MARK, RunContext, error, full_key, value_json};
use crate::identity::generated_id;

use crate::limits::KEY_BYTES_MAX;

impl RunContext {
    /// Ensures an object: makes it, updates it, or leaves it alone.
    pub(crate) fn create(&mut self, mut draft: GuestDraft) -> Result<Saved, GuestError> {
        let kind = match self.draft.kind(&draft.kind) {
            Ok(kind) => Arc::clone(kind),
            Err(failure) => return Err(self.told(failure)),
        };
        let mut input = input(std::mem::take(&mut draft.fields))?;
        for link in &draft.links {
            let peers = self.peers_of(link)?;
            // One relationship may be named more than once.
            input = match input.rels.contains_key(&link.relationship) {
                true => input.add(&link.relationship, peers),
                false => input.rel(&link.relationship, peers),
            };
        }
        let key = self.key_of(&kind, &draft, &input)?;
        let Meant { id, is_there, is_ours } = self.meant(&kind, &key, &input)?;
        input = self.draw(&kind, id, &key, &draft, input)?;
        let claimed = Claimed::of(&input);
        let outcome = self.ensure(&kind, id, is_there, input)?;
        self.claim_owned(id, is_ours, &key, claimed)?;
        self.keys.insert(key, id);
        Ok(Saved { id: id.to_string(), outcome })
    }

    fn ensure(
        &mut self,
        kind: &Kind,
        id: ObjectId,
        is_there: bool,
        input: Input,
    ) -> Result<Outcome, GuestError> {
        let done = if is_there {
            self.draft.update(id, input).map(|outcome| match outcome {
                DraftOutcome::Created => Outcome::Created,
                DraftOutcome::Updated => Outcome::Updated,
                DraftOutcome::Unchanged => Outcome::Unchanged,
            })
        } else {
            self.draft.create(&kind.name, Some(id), input).map(|_id| Outcome::Created)
        };
        done.map_err(|failure| self.told(failure))
    }

    /// The key of an object within the instance: given, else its human-friendly id.
    fn key_of(
        &mut self,
        kind: &Arc<Kind>,
        draft: &GuestDraft,
        input: &Input,
    ) -> Result<String, GuestError> {
        let key = if draft.key.is_empty() {
            self.natural_key(kind, draft, input)?
        } else {
            draft.key.clone()
        };
        if key.len() > KEY_BYTES_MAX {
            let message =
                format!("a key has at most {KEY_BYTES_MAX} bytes, this has {}", key.len());
            return Err(error(Code::InvalidArgument, "bad-key", message));
        }
        Ok(full_key(&kind.name, &key))
    }

    fn natural_key(
        &mut self,
        kind: &Arc<Kind>,
        draft: &GuestDraft,
        input: &Input,
    ) -> Result<String, GuestError> {
        let needs = |what: String| error(Code::InvalidArgument, "key-needed", what);
        if kind.human_friendly_id.is_empty() {
            return Err(needs(format!("`{}` has no human-friendly id; give a key", kind.name)));
        }
        let mut parts = Vec::new();
        for path in &kind.human_friendly_id {
            let (name, part) = match path {
                Path::Attribute { attribute, .. } => {
                    let given = input.attrs.get(attribute).and_then(|attr| attr.value.clone());
                    let part = given.map(|given| match given {
                        branch::Given::Value(value) => value.to_string(),
                        branch::Given::Json(serde_json::Value::String(text)) => text,
                        branch::Given::Json(json) => json.to_string(),
                    });
                    (attribute, part)
                }
                Path::Relationship(name) | Path::Peer { relationship: name, .. } => {
                    let peer = input.rels.get(name).and_then(|rel| match rel {
                        RelInput::Replace(peers) | RelInput::Add(peers) => peers.first().cloned(),
                        _ => None,
                    });
                    let part = peer.map(|peer| match peer.peer {
                        branch::PeerRef::Id(id) => id.to_string(),
                        branch::PeerRef::Hfid { parts, .. } => parts.join("/"),
                    });
                    (name, part.or_else(|| (name == "ip_namespace").then(|| "default".into())))
                }
            };
            if draft.allocations.iter().any(|drawn| drawn.name == *name) {
                return Err(needs(format!(
                    "the human-friendly id of `{}` contains `{name}`, which is drawn from a pool; \
                     give a key",
                    kind.name
                )));
            }
            match part {
                Some(part) => parts.push(part),
                None => {
                    return Err(needs(format!(
                        "the human-friendly id of `{}` needs `{name}`; set it or give a key",
                        kind.name
                    )));
                }
            }
        }
        Ok(parts.join("/"))
    }

    /// Which object a draft means.
    fn meant(&mut self, kind: &Arc<Kind>, key: &str, input: &Input) -> Result<Meant, GuestError> {
        let own = generated_id(self.definition.id, self.target, &kind.name, key);
        let known = self.keys.get(key).or_else(|| self.old_keys.get(key)).copied();
        let id = known.unwrap_or(own);
        let is_there = self.draft.kind_of(id).map_err(|failure| self.told(failure))?.is_some();
        if is_there || self.keys.contains_key(key) {
            return Ok(Meant { id, is_there, is_ours: id == own });
        }
        match self.draft.described(kind, input).map_err(|failure| self.told(failure))? {
            None if id == own => Ok(Meant { id, is_there, is_ours: true }),
            None => {
                let is_there = self.draft.kind_of(own).map_err(|failure| self.told(failure))?;
                Ok(Meant { id: own, is_there: is_there.is_some(), is_ours: true })
            }
            Some(found) => {
                self.take_over(kind, found, input)?;
                Ok(Meant { id: found, is_there: true, is_ours: found == own })
            }
        }
    }

    /// Whether an object of another making that the draft describes may be taken: shared with the
    /// instances that make it too, or adopted where the definition allows it.
    fn take_over(
        &mut self,
        kind: &Arc<Kind>,
        found: ObjectId,
        input: &Input,
    ) -> Result<(), GuestError> {
        let others = self.others(found).map_err(|failure| self.told(failure))?;
        let mut owners = Vec::new();
        for other in others {
            let claim = self.draft.claim(other, found).map_err(|failure| self.told(failure))?;
            if claim.is_some_and(|claim| claim.owned) {
                owners.push(other);
            }
        }
        if !owners.is_empty() {
            return self.check_agreement(kind, found, input, &owners);
        }
        let was_ours = self.before.get(&found).is_some_and(|claim| claim.owned || claim.adopted);
        if was_ours || self.definition.adoption {
            return Ok(());
        }
        let label = self.label(found);
        Err(error(
            Code::Conflict,
            "not-adopted",
            format!(
                "{} `{label}` exists already and was not made by this generator; allow adoption in \
                 the definition `{}`, or use `set` to change it",
                kind.name, self.definition.name
            ),
        ))
    }

    /// Instances that share an object must want the same of it.
    fn check_agreement(
        &mut self,
        kind: &Arc<Kind>,
        found: ObjectId,
        input: &Input,
        owners: &[ObjectId],
    ) -> Result<(), GuestError> {
        let object = match self.draft.must_exist(found) {
            Ok(object) => object,
            Err(failure) => return Err(self.told(failure)),
        };
        for (name, attr) in &input.attrs {
            let Some(attribute) = kind.attribute(name) else { continue };
            let wanted = match &attr.value {
                Some(branch::Given::Json(json)) => attribute.parse(json).unwrap_or(Value::Null),
                Some(branch::Given::Value(value)) => value.clone(),
                None => continue,
            };
            let held = object.value(name);
            if wanted == held {
                continue;
            }
            for owner in owners {
                let claim = match self.draft.claim(*owner, found) {
                    Ok(claim) => claim,
                    Err(failure) => return Err(self.told(failure)),
                };
                if claim.is_some_and(|claim| claim.values.contains_key(name)) {
                    return Err(self.claim_conflict(found, name, &held, &wanted, *owner));
                }
            }
        }
        Ok(())
    }

    fn claim_conflict(
        &self,
        object: ObjectId,
        name: &str,
        held: &Value,
        wanted: &Value,
        other: ObjectId,
    ) -> GuestError {
        let mut conflict = error(
            Code::Conflict,
            "claim-conflict",
            format!(
                "`{name}` of `{}` is set to `{held}` by {}; this run wants `{wanted}`",
                self.label(object),
                self.label(other)
            ),
        );
        conflict.path = Some(format!("fields.{name}"));
        conflict.details =
            vec![("instance".to_owned(), other.to_string()), ("held".to_owned(), held.to_string())];
        conflict
    }

    /// Notes what the instance makes of an object, with what it was before.
    fn claim_owned(
        &mut self,
        id: ObjectId,
        is_ours: bool,
        key: &str,
        claimed: Claimed,
    ) -> Result<(), GuestError> {
        let fresh = !self.before.contains_key(&id);
        let shared = fresh && !is_ours && !self.others_own(id)?;
        let earlier = self.before.get(&id);
        let claim = self.now.entry(id).or_default();
        claim.key = key.to_owned();
        let adopted = earlier.map_or(shared, |claim| claim.adopted);
        claim.adopted = adopted;
        claim.owned = !adopted;
        for name in claimed.values {
            let before = earlier.and_then(|claim| claim.values.get(&name).cloned());
            claim.values.entry(name).or_insert_with(|| before.unwrap_or(Value::Null));
        }
        for peer in claimed.peers {
            if !claim.peers.contains(&peer) {
                claim.peers.push(peer);
            }
        }
        Ok(())
    }

    fn others_own(&mut self, id: ObjectId) -> Result<bool, GuestError> {
        let others = self.others(id).map_err(|failure| self.told(failure))?;
        for other in others {
            let claim = self.draft.claim(other, id).map_err(|failure| self.told(failure))?;
            if claim.is_some_and(|claim| claim.owned) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Sets values and links of an object this instance did not make, and claims them.
    pub(crate) fn set(
        &mut self,
        of: &Target,
        fields: Vec<Field>,
        links: &[Link],
    ) -> Result<Saved, GuestError> {
        let id = self.id_of(of)?;
        let object = match self.draft.must_exist(id) {
            Ok(object) => object,
            Err(failure) => return Err(self.told(failure)),
        };
        let kind = Arc::clone(object.kind());
        let mut input = input(fields)?;
        self.check_others(&kind, &object, &input)?;
        let mut claim = self.now.remove(&id).unwrap_or_else(|| {
            let mut claim = Claim::default();
            if let Some(earlier) = self.before.get(&id) {
                claim.key.clone_from(&earlier.key);
                claim.owned = earlier.owned;
                claim.adopted = earlier.adopted;
            }
            claim
        });
        self.claim_values(&object, &input, &mut claim);
        for link in links {
            let peers = self.peers_of(link)?;
            self.claim_links(&object, link, &peers, &mut claim)?;
            input = input.add(&link.relationship, peers);
        }
        for attr in input.attrs.values_mut() {
            attr.source = Some(Some(self.instance));
        }
        self.now.insert(id, claim);
        let outcome = self.draft.update(id, input).map_err(|failure| self.told(failure))?;
        let outcome = match outcome {
            DraftOutcome::Unchanged => Outcome::Unchanged,
            DraftOutcome::Created | DraftOutcome::Updated => Outcome::Updated,
        };
        Ok(Saved { id: id.to_string(), outcome })
    }

    fn check_others(
        &mut self,
        kind: &Arc<Kind>,
        object: &Object,
        input: &Input,
    ) -> Result<(), GuestError> {
        let others = self.others(object.id()).map_err(|failure| self.told(failure))?;
        let others: Vec<ObjectId> = others.into_iter().collect();
        self.check_agreement(kind, object.id(), input, &others)
    }

    fn claim_values(&self, object: &Object, input: &Input, claim: &mut Claim) {
        let earlier = self.before.get(&object.id());
        for name in input.attrs.keys() {
            let before = earlier.and_then(|claim| claim.values.get(name).cloned());
            let before = before.unwrap_or_else(|| object.value(name));
            claim.values.entry(name.clone()).or_insert(before);
        }
    }

    fn claim_links(
        &mut self,
        object: &Object,
        link: &Link,
        peers: &[PeerInput],
        claim: &mut Claim,
    ) -> Result<(), GuestError> {
        let Some(rel) = object.kind().relationship(&link.relationship).cloned() else {
            return Ok(());
        };
        let held = self.draft.peers(object.id(), &rel).map_err(|failure| self.told(failure))?;
        let earlier = self.before.get(&object.id()).cloned().unwrap_or_default();
        for peer in peers {
            let branch::PeerRef::Id(peer) = peer.peer else { continue };
            let mine = ClaimedPeer { relationship: rel.name.clone(), peer: peer.0 };
            let was_mine = earlier.peers.contains(&mine);
            let linked = held.iter().any(|edge| edge.peer == peer);
            if (was_mine || !linked) && !claim.peers.contains(&mine) {
                claim.peers.push(mine);
            }
            if rel.cardinality == Cardinality::One {
                let gave_way = held
                    .iter()
                    .filter(|edge| edge.peer != peer)
                    .map(|edge| ClaimedPeer { relationship: rel.name.clone(), peer: edge.peer.0 })
                    .filter(|other| !earlier.peers.contains(other));
                let kept =
                    earlier.displaced.iter().filter(|old| old.relationship == rel.name).cloned();
                for displaced in kept.chain(gave_way) {
                    if !claim.displaced.contains(&displaced) {
                        claim.displaced.push(displaced);
                    }
                }
            }
        }
        Ok(())
    }

    /// Keeps what an earlier run made under a key.
    pub(crate) fn keep(&mut self, key: &str) -> Result<ObjectId, GuestError> {
        let id = self.by_key(key).ok_or_else(|| self.no_key(key))?;
        if let Some(claim) = self.before.get(&id) {
            self.now.entry(id).or_insert_with(|| claim.clone());
        }
        Ok(id)
    }

    /// The id behind a target.
    pub(crate) fn id_of(&mut self, target: &Target) -> Result<ObjectId, GuestError> {
        let draft = &self.draft;
        match target {
            Target::Id(text) => {
                let missing =
                    || error(Code::NotFound, "not-found", format!("there is no object `{text}`"));
                let id = text.parse::<ObjectId>().map_err(|_bad| missing())?;
                let kind = draft.observing(|| draft.kind_of(id));
                kind.map_err(|failure| self.told(failure))?.map(|_| id).ok_or_else(missing)
            }
            Target::Key(key) => self.by_key(key).ok_or_else(|| self.no_key(key)),
            Target::Hfid(kind, parts) => draft
                .observing(|| draft.find(kind, parts))
                .map(|object| object.id())
                .map_err(|failure| self.told(failure)),
        }
    }

    /// A key as the guest gave it: with or without the kind in front.
    fn by_key(&self, key: &str) -> Option<ObjectId> {
        let find = |keys: &BTreeMap<String, ObjectId>| {
            keys.get(key)
                .copied()
                .or_else(|| keys.iter().find(|(full, _)| key_text(full) == key).map(|(_, id)| *id))
        };
        find(&self.keys).or_else(|| find(&self.old_keys))
    }

    fn no_key(&self, key: &str) -> GuestError {
        error(
            Code::NotFound,
            "unknown-key",
            format!("this instance has made nothing under the key `{key}`"),
        )
    }

    fn label(&self, id: ObjectId) -> String {
        let label = |id| -> Result<Option<String>, BranchError> {
            match self.draft.object(id)? {
                Some(object) => self.draft.display_label(&object).map(Some),
                None => Ok(None),
            }
        };
        label(id).ok().flatten().unwrap_or_else(|| id.to_string())
    }

    fn peers_of(&mut self, link: &Link) -> Result<Vec<PeerInput>, GuestError> {
        link.to.iter().map(|target| self.id_of(target).map(PeerInput::id)).collect()
    }
}

/// What a guest sets of an object, as a draft takes it.
fn input(fields: Vec<Field>) -> Result<Input, GuestError> {
    let mut input = Input::default();
    for Field { name, value } in fields {
        match value_json(value) {
            Ok(json) => input.attrs.insert(name, AttrInput::json(json)),
            Err(bad) => return Err(GuestError { path: Some(format!("fields.{name}")), ..bad }),
        };
    }
    Ok(input)
}

/// The key without its kind.
pub(crate) fn key_text(key: &str) -> &str {
    key.split_once(KEY_MARK).map_or(key, |(_, key)| key)
}

/// What an input sets, noted before the draft takes it.
struct Claimed {
    values: Vec<String>,
    peers: Vec<ClaimedPeer>,
}

impl Claimed {
    fn of(input: &Input) -> Self {
        let mut peers = Vec::new();
        for (name, rel) in &input.rels {
            if let RelInput::Replace(wanted) | RelInput::Add(wanted) = rel {
                for peer in wanted {
                    if let branch::PeerRef::Id(id) = peer.peer {
                        peers.push(ClaimedPeer { relationship: name.clone(), peer: id.0 });
                    }
                }
            }
        }
        Self { values: input.attrs.keys().cloned().collect(), peers }
    }
}

/// The object that a draft means.
struct Meant {
    id: ObjectId,
    is_there: bool,
    /// Its id is the one that this instance gives under this key.
    is_ours: bool,
}
