//! What a branch and main both changed and that does not go together, and which side is kept of it.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use model::{BranchId, Digest, ObjectId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use store::{Space, key};

use crate::change::Op;
use crate::commit::Cause;
use crate::error::BranchError;
use crate::limits::CONFLICTS_KNOWN_MAX;
use crate::rows::encoded;
use crate::view::View;

/// Names a conflict: the branch, and a hash of what it is about. The same as long as it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConflictId(u128);

impl ConflictId {
    /// The branch in the leading bits, so that the id alone leads to the branch; then the hash, in the
    /// form of a UUID.
    pub(crate) fn new(branch: BranchId, object: Option<ObjectId>, path: &str) -> Self {
        let object = object.map_or(0, |object| object.0).to_be_bytes();
        let hash = Digest::of(&[&object[..], path.as_bytes()].concat()).0;
        let hash = u128::from_be_bytes(*hash.first_chunk().unwrap_or(&[0; 16]));
        let number = (u128::from(branch.0) << 96) | (hash >> 32);
        // Version 8 and the usual variant.
        let number = (number & !(0xf << 76)) | (0x8 << 76);
        Self((number & !(0x3 << 62)) | (0x2 << 62))
    }

    /// The branch it is of.
    pub fn branch(self) -> BranchId {
        BranchId(u32::try_from(self.0 >> 96).unwrap_or(u32::MAX))
    }
}

impl fmt::Display for ConflictId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ObjectId(self.0).fmt(f)
    }
}

impl FromStr for ConflictId {
    type Err = <ObjectId as FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(|id: ObjectId| Self(id.0))
    }
}

/// Which side of a conflict stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Keep {
    /// What main has.
    Main,
    /// What the branch has.
    Branch,
}

impl Keep {
    /// The public word: `BASE_BRANCH`, `DIFF_BRANCH`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Main => "BASE_BRANCH",
            Self::Branch => "DIFF_BRANCH",
        }
    }

    /// Reads the public word, or `main` and `branch`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "BASE_BRANCH" | "main" => Some(Self::Main),
            "DIFF_BRANCH" | "branch" => Some(Self::Branch),
            _ => None,
        }
    }
}

/// What a conflict is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConflictKind {
    /// The object: one side deleted it, the other changed it or linked it.
    Object,
    /// A property of an attribute.
    Attribute,
    /// The one peer of a relationship.
    Peer,
    /// An element of a relationship of many.
    Element,
    /// Two objects that must not be alike; to be ended on either side by hand.
    Uniqueness,
    /// A declaration of the schema.
    Schema,
}

impl ConflictKind {
    /// The word in answers.
    pub fn word(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Attribute => "attribute",
            Self::Peer => "peer",
            Self::Element => "element",
            Self::Uniqueness => "uniqueness",
            Self::Schema => "schema",
        }
    }
}

/// What one side did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictSide {
    /// Added, changed or taken away.
    pub op: Op,
    /// What it has now; null for nothing. Peers are ids.
    pub value: Json,
    /// Who changed it last; none where that is not known of a part.
    pub by: Option<ObjectId>,
    /// When.
    pub at: Option<Timestamp>,
    /// Why.
    pub cause: Option<Cause>,
}

/// Something that a branch and main both changed, to different things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Identity.
    pub id: ConflictId,
    /// What it is about.
    pub kind: ConflictKind,
    /// The object; none of a schema.
    pub object: Option<ObjectId>,
    /// Its kind, or the kind that is declared.
    pub object_kind: String,
    /// How it is shown to people.
    pub label: String,
    /// Where in it: `color.value`, `site`, `friends/<id>`, the fields of a constraint; empty for the
    /// object as a whole.
    pub path: String,
    /// At the fork.
    pub base: Json,
    /// On main.
    pub main: ConflictSide,
    /// On the branch.
    pub branch: ConflictSide,
    /// One side can be kept. Else it is to be ended by a change.
    pub is_resolvable: bool,
    /// The side that was decided for.
    pub keep: Option<Keep>,
}

impl Conflict {
    /// What was decided of: a decision holds as long as both sides say what they said then.
    pub(crate) fn of_what(&self) -> Digest {
        let said = serde_json::json!([self.main.value, self.branch.value]);
        Digest::of(said.to_string().as_bytes())
    }

    /// Whether it stands in the way.
    pub fn is_open(&self) -> bool {
        self.keep.is_none()
    }
}

impl Conflict {
    /// Takes out what an object of a kind holds that whoever looks may not be told of.
    pub fn hide(&mut self) {
        for value in [&mut self.base, &mut self.main.value, &mut self.branch.value] {
            *value = Json::Null;
        }
        if let Some(id) = self.object {
            self.label = id.to_string();
        }
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.object_kind, self.label)?;
        if !self.path.is_empty() {
            write!(f, " {}", self.path)?;
        }
        let told = |side: &ConflictSide| match (side.op, &side.value) {
            (Op::Deleted, Json::Null) => "deleted".to_owned(),
            (_, value) => value.to_string(),
        };
        write!(f, ": {} on main, {} on the branch", told(&self.main), told(&self.branch))
    }
}

/// Where conflicts are that were found lately, so that deciding one need not find all of them again. In
/// memory; what is not known is found anew.
#[derive(Debug, Default)]
pub(crate) struct ConflictPlaces(Mutex<HashMap<ConflictId, (Option<ObjectId>, ConflictKind)>>);

impl ConflictPlaces {
    /// Remembers where conflicts are.
    pub(crate) fn note(&self, found: &[Conflict]) {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() + found.len() > CONFLICTS_KNOWN_MAX {
            places.clear();
        }
        let found = found.iter().take(CONFLICTS_KNOWN_MAX);
        places.extend(found.map(|one| (one.id, (one.object, one.kind))));
    }

    /// What a conflict is about: the object, none for a schema.
    pub(crate) fn of(&self, id: ConflictId) -> Option<(Option<ObjectId>, ConflictKind)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id).copied()
    }
}

/// A decision as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Resolution {
    pub(crate) keep: Keep,
    pub(crate) of_what: [u8; 32],
    pub(crate) by: u128,
    pub(crate) at: i64,
}

/// Decisions by conflict.
pub(crate) type Resolutions = BTreeMap<ConflictId, Resolution>;

impl View {
    /// What was decided of the conflicts of a branch. Linear in the decisions.
    pub(crate) fn resolutions(&self, branch: BranchId) -> Result<Resolutions, BranchError> {
        let mut all = BTreeMap::new();
        for row in self.rows.prefix(Space::Resolutions, &key::branch(branch))? {
            let (key, row) = row?;
            let damaged = || BranchError::Damaged { what: "a decision of a conflict".to_owned() };
            let id = key.last_chunk::<16>().ok_or_else(damaged)?;
            let read = postcard::from_bytes(&row).map_err(|_bad| damaged())?;
            all.insert(ConflictId(u128::from_be_bytes(*id)), read);
        }
        Ok(all)
    }
}

impl crate::draft::Draft {
    /// Writes a decision, or takes it away.
    pub(crate) fn put_resolution(
        &mut self,
        id: ConflictId,
        resolution: Option<&Resolution>,
    ) -> Result<(), BranchError> {
        let key = key::resolution(id.branch(), id.0);
        match resolution {
            None => self.take_row(Space::Resolutions, key),
            Some(resolution) => {
                let row = encoded(resolution);
                self.put_row(Space::Resolutions, key, row)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_leads_to_its_branch_and_comes_back() {
        let id = ConflictId::new(BranchId(7), Some(ObjectId(5)), "color.value");
        assert_eq!(id.branch(), BranchId(7));
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_ne!(id, ConflictId::new(BranchId(7), Some(ObjectId(5)), "color.owner"));
        assert_ne!(id, ConflictId::new(BranchId(7), Some(ObjectId(6)), "color.value"));
    }
}
