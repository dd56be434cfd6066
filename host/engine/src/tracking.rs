//! What goes: the difference between what an instance held and what it holds now.
//!
//! An object goes when the last instance that makes it lets go. A value or link that is no longer
//! set goes back to what it was, unless somebody changed it since. Deletion is one computed set.

use std::collections::{BTreeMap, BTreeSet};

use branch::{AttrInput, BranchError, Claim, ClaimedPeer, Draft, Input, Object, PeerInput};
use model::schema::Cardinality;
use model::{ObjectId, Value};

use crate::definition::{Definition, OnProtected};

/// Why letting go is refused.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Objects that are protected, for people.
    Protected(Vec<String>),
    /// The change breaks a rule, or reading failed.
    Branch(BranchError),
}

impl From<BranchError> for Refusal {
    fn from(error: BranchError) -> Self {
        Self::Branch(error)
    }
}

/// Settles an instance's claims: `before` is what it held, `now` what it holds.
pub(crate) fn settle(
    draft: &mut Draft,
    definition: &Definition,
    instance: ObjectId,
    before: &BTreeMap<ObjectId, Claim>,
    now: &BTreeMap<ObjectId, Claim>,
) -> Result<(), Refusal> {
    let mut doomed = Vec::new();
    let mut protected = Vec::new();
    for (id, claim) in before {
        // Of most objects of a large service a run says what the last one said.
        if now.get(id) == Some(claim) && draft.kind_of(*id)?.is_some() {
            continue;
        }
        let Some(object) = draft.object(*id)? else {
            // Gone already: by a cascade, or by hand. That is as good.
            draft.set_claim(instance, *id, None)?;
            continue;
        };
        match now.get(id) {
            Some(held) => restore_rest(draft, instance, &object, claim, held)?,
            None if claim.owned && sole_owner(draft, instance, *id)? => {
                if !is_protected(&object) {
                    doomed.push(*id);
                } else if definition.on_protected == OnProtected::Retain {
                    draft.set_claim(instance, *id, None)?;
                } else {
                    protected.push(draft.display_label(&object)?);
                }
            }
            None => {
                if !claim.owned {
                    restore_rest(draft, instance, &object, claim, &Claim::default())?;
                }
                draft.set_claim(instance, *id, None)?;
            }
        }
    }
    if !protected.is_empty() {
        return Err(Refusal::Protected(protected));
    }
    for id in draft.delete(&doomed)? {
        for holder in draft.claimants(id)? {
            draft.set_claim(holder, id, None)?;
        }
    }
    for (id, claim) in now.iter().filter(|(id, claim)| before.get(id) != Some(claim)) {
        if draft.kind_of(*id)?.is_some() {
            draft.set_claim(instance, *id, Some(claim))?;
        }
    }
    Ok(())
}

fn sole_owner(draft: &Draft, instance: ObjectId, id: ObjectId) -> Result<bool, BranchError> {
    for other in draft.claimants(id)? {
        if other != instance && draft.claim(other, id)?.is_some_and(|claim| claim.owned) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_protected(object: &Object) -> bool {
    object.kind().attributes.iter().any(|attribute| object.attr(attribute).is_protected)
}

/// Puts back what `held` no longer sets of what `claim` set.
fn restore_rest(
    draft: &mut Draft,
    instance: ObjectId,
    object: &Object,
    claim: &Claim,
    held: &Claim,
) -> Result<(), BranchError> {
    let mut input = Input::default();
    let kind = object.kind();
    let mut others = None;
    for (name, value) in &claim.values {
        let Some(attribute) = kind.attribute(name) else { continue };
        if held.values.contains_key(name) || attribute.read_only {
            continue;
        }
        // On what it only set, the instance signed: a later hand took the signature away.
        let changed_since = !claim.owned && object.attr(attribute).source != Some(instance);
        if changed_since {
            continue;
        }
        let others = match &mut others {
            Some(known) => known,
            None => others.insert(draft.claimants(object.id())?),
        };
        others.retain(|other| *other != instance);
        if claims_value(draft, others, object.id(), name)? {
            continue;
        }
        input = input.attr(name, before(value, attribute.default.as_ref()));
    }
    if !input.attrs.is_empty() {
        draft.update(object.id(), input)?;
    }
    for peer in claim.peers.iter().filter(|peer| !held.peers.contains(peer)) {
        unlink(draft, object, peer)?;
    }
    let kept: BTreeSet<&str> = held.peers.iter().map(|peer| peer.relationship.as_str()).collect();
    for peer in claim.displaced.iter().filter(|peer| !kept.contains(peer.relationship.as_str())) {
        put_back(draft, object, peer)?;
    }
    Ok(())
}

fn before(value: &Value, default: Option<&Value>) -> AttrInput {
    if value.is_null() && default.is_some() {
        return AttrInput { is_default: Some(true), by_host: true, ..AttrInput::default() };
    }
    AttrInput { source: Some(None), ..AttrInput::by_host(value.clone()) }
}

fn claims_value(
    draft: &Draft,
    others: &[ObjectId],
    object: ObjectId,
    name: &str,
) -> Result<bool, BranchError> {
    for other in others {
        if draft.claim(*other, object)?.is_some_and(|claim| claim.values.contains_key(name)) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn unlink(draft: &mut Draft, object: &Object, peer: &ClaimedPeer) -> Result<(), BranchError> {
    if object.kind().relationship(&peer.relationship).is_none() {
        return Ok(());
    }
    let gone = vec![PeerInput::id(ObjectId(peer.peer))];
    if draft.kind_of(ObjectId(peer.peer))?.is_some() {
        draft.remove_links(object.id(), &peer.relationship, gone)?;
    }
    Ok(())
}

/// A single peer that gave way comes back, if it is still there and nobody else took its place.
fn put_back(draft: &mut Draft, object: &Object, peer: &ClaimedPeer) -> Result<(), BranchError> {
    let Some(rel) = object.kind().relationship(&peer.relationship).cloned() else {
        return Ok(());
    };
    let free = rel.cardinality == Cardinality::Many || draft.peers(object.id(), &rel)?.is_empty();
    if free && draft.kind_of(ObjectId(peer.peer))?.is_some() {
        draft.add_links(object.id(), &rel.name, vec![PeerInput::id(ObjectId(peer.peer))])?;
    }
    Ok(())
}
