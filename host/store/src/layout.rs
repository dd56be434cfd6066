//! The one page of the layout: every space, with its key and its value. All keys are big-endian, so
//! that the order of bytes is the order of what they stand for.

/// A table of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Space {
    /// name → anything; `format` holds the version of this page; `division/` pool desk → values of a
    /// pool's scope; `division-of/` desk → pool; `last-drawn/` desk → place.
    Meta,
    /// symbol:u32 → name.
    Symbols,
    /// branch:u32 → [seq][flags][record]; 0:u32 → [seq][flags][newest fork][next id];
    /// ff ff ff ff name → [seq][flags][branch:u32].
    Branches,
    /// branch:u32 → [seq][flags][declared schema]; branch:u32 ~seq:u64 → the same, overwritten.
    Schemas,
    /// branch:u32 kind:u32 object:u128 → [seq:u64][flags:u8][payload]; flag 1 is a tombstone, flag 2
    /// says that since this commit a branch has nothing of its own here.
    Heads,
    /// branch:u32 object:u128 → [seq][flags][kind:u32]; flag 1 says that the object is gone. The
    /// commit is the one that made the object, took it away or renamed its kind.
    Kinds,
    /// branch:u32 object:u128 ~seq:u64 kind:u32 → the head that was overwritten.
    History,
    /// branch:u32 object:u128 relationship:u32 direction:u8 peer:u128 → [seq][flags][properties].
    Edges,
    /// the key of an edge, ~seq:u64 → the edge that was overwritten.
    EdgeHistory,
    /// branch:u32 kind:u32 attribute:u32 value object:u128 → [seq][flags].
    Index,
    /// space:u8 key ~seq:u64 → [until:u64] and the rest of a row of `Index`, `Claims`, `ClaimedBy`
    /// or `Reads` of main, which stood from `seq` until it went or was overwritten while a branch could see it.
    Past,
    /// seq:u64 → who, when, why, what.
    Log,
    /// desk:u128 identifier → what it holds or held. A desk is a pool, or a division of one.
    Reservations,
    /// desk:u128 value:u128 → identifier.
    PoolValues,
    /// pool:u128 identifier, after branch:u32 → nothing, or the object that carries what main gave up and the
    /// branch took back: what a branch other than main reserved. A hint: the reservation itself says whose
    /// it is.
    ReservedBy,
    /// branch:u32 instance:u128 object:u128 → [seq][flags][what is claimed].
    Claims,
    /// branch:u32 object:u128 instance:u128 → [seq][flags].
    ClaimedBy,
    /// branch:u32 instance:u128 → [seq][flags] what its last run looked at.
    Reads,
    /// branch:u32 definition:u128 target:u128 → instance.
    Instances,
    /// run:u128 → record.
    Runs,
    /// branch:u32 instance:u128 run:u128 → nothing.
    RunsBy,
    /// run:u128 number:u32 → line.
    RunLogs,
    /// digest → what the check found.
    Components,
    /// digest → the component.
    ComponentBytes,
    /// number:u64 → work to do.
    Queue,
    /// number:u64 → event to deliver.
    Outbox,
    /// digest of a token or of a session's id → whose it is, until when.
    Tokens,
    /// branch:u32 name → the part of the branch's life that a diff is about.
    Diffs,
    /// branch:u32 conflict:u128 → which side is kept, and of what it was decided.
    Resolutions,
    /// file:u128 → [length of what is told of it:u32][name, type, checksum][first piece of content];
    /// file:u128 number:u32 → the next pieces, from 1 on; ff ff ff ff branch:u32 file:u128 → nothing:
    /// the content came with an object on that branch.
    Files,
}

/// Version of this page. A store of a newer version is refused.
pub const FORMAT: u32 = 8;

impl Space {
    /// Every space, in the order of this page.
    pub const ALL: [Self; 30] = [
        Self::Meta,
        Self::Symbols,
        Self::Branches,
        Self::Schemas,
        Self::Heads,
        Self::Kinds,
        Self::History,
        Self::Edges,
        Self::EdgeHistory,
        Self::Index,
        Self::Past,
        Self::Log,
        Self::Reservations,
        Self::PoolValues,
        Self::ReservedBy,
        Self::Claims,
        Self::ClaimedBy,
        Self::Reads,
        Self::Instances,
        Self::Runs,
        Self::RunsBy,
        Self::RunLogs,
        Self::Components,
        Self::ComponentBytes,
        Self::Queue,
        Self::Outbox,
        Self::Tokens,
        Self::Diffs,
        Self::Resolutions,
        Self::Files,
    ];

    /// Name of the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Symbols => "symbols",
            Self::Branches => "branches",
            Self::Schemas => "schemas",
            Self::Heads => "heads",
            Self::Kinds => "kinds",
            Self::History => "history",
            Self::Edges => "edges",
            Self::EdgeHistory => "edge-history",
            Self::Index => "index",
            Self::Past => "past",
            Self::Log => "log",
            Self::Reservations => "reservations",
            Self::PoolValues => "pool-values",
            Self::ReservedBy => "reserved-by",
            Self::Claims => "claims",
            Self::ClaimedBy => "claimed-by",
            Self::Reads => "reads",
            Self::Instances => "instances",
            Self::Runs => "runs",
            Self::RunsBy => "runs-by",
            Self::RunLogs => "run-logs",
            Self::Components => "components",
            Self::ComponentBytes => "component-bytes",
            Self::Queue => "queue",
            Self::Outbox => "outbox",
            Self::Tokens => "tokens",
            Self::Diffs => "diffs",
            Self::Resolutions => "resolutions",
            Self::Files => "files",
        }
    }

    /// Whether rows of main that go are kept in `Past` while a branch can see them.
    pub fn has_past(self) -> bool {
        matches!(self, Self::Index | Self::Claims | Self::ClaimedBy | Self::Reads)
    }

    /// Whether rows begin with the commit that wrote them, and flags.
    pub fn is_stamped(self) -> bool {
        self.has_past()
            || matches!(
                self,
                Self::Branches | Self::Schemas | Self::Heads | Self::Kinds | Self::Edges
            )
    }

    /// Whether keys end with the id of an object that lies below what the rest of the key names.
    pub fn ends_with_object(self) -> bool {
        matches!(self, Self::Edges | Self::Index | Self::Claims | Self::ClaimedBy)
    }

    /// Whether a branch without a row of its own shows main's as of the fork.
    pub fn falls_through(self) -> bool {
        self.is_stamped() && self != Self::Branches
    }

    /// Names the space within a key of `Past`.
    pub fn byte(self) -> u8 {
        self as u8
    }

    /// Place in arrays.
    pub(crate) fn place(self) -> usize {
        self as usize
    }
}

/// Something for each space.
#[derive(Debug, Clone)]
pub struct BySpace<T>([T; Space::ALL.len()]);

impl<T: Default> Default for BySpace<T> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| T::default()))
    }
}

impl<T> BySpace<T> {
    /// That of a space.
    pub fn of(&self, space: Space) -> &T {
        &self.0[space.place()]
    }

    /// That of a space, to be changed.
    pub fn of_mut(&mut self, space: Space) -> &mut T {
        &mut self.0[space.place()]
    }

    /// All of them, in the order of the spaces.
    pub fn iter(&self) -> impl Iterator<Item = (Space, &T)> {
        Space::ALL.into_iter().zip(&self.0)
    }
}

impl<T> IntoIterator for BySpace<T> {
    type Item = (Space, T);
    type IntoIter = std::iter::Zip<
        std::array::IntoIter<Space, { Space::ALL.len() }>,
        std::array::IntoIter<T, { Space::ALL.len() }>,
    >;

    fn into_iter(self) -> Self::IntoIter {
        Space::ALL.into_iter().zip(self.0)
    }
}
