//! Limits of objects, branches and pools.

model::limits! {
    pub(crate) BRANCH_NAME_BYTES_MAX: usize = 250, "bytes",
        "The name of a branch",
        "the name is refused";
    pub(crate) BRANCHES_MAX: usize = 10_000, "branches",
        "Each costs a row when they are listed",
        "a further branch is refused";
    pub(crate) BRANCH_DESCRIPTION_BYTES_MAX: usize = 4_096, "bytes",
        "The description of a branch",
        "the description is refused";
    pub IDENTIFIER_BYTES_MAX: usize = 512, "bytes",
        "The identifier of what is drawn from a pool; it is a key, and people read it",
        "the request is refused";
    pub REASON_BYTES_MAX: usize = 1_024, "bytes",
        "Why something was given back",
        "the request is refused";
    pub(crate) SCOPE_MAX: usize = 4, "elements",
        "What a pool counts by",
        "the pool is refused";
    pub BLOCK_MAX: u32 = 1_024, "numbers",
        "Numbers in a row; each has rows of its own",
        "the request is refused";
    pub FORECAST_MAX: u32 = 10_000, "draws",
        "Of one forecast",
        "what lasts longer is told to last at least so long";
    pub CELLS_MAX: u128 = 512, "cells",
        "Of the picture of one resource",
        "fewer, larger cells are drawn";
    pub(crate) QUARANTINE_MAX: i64 = 315_360_000, "seconds",
        "The rest of a value before it is given again; ten years",
        "the pool is refused";
    pub PASSWORD_BYTES_MAX: usize = 1_024, "bytes",
        "A hash is computed of all of a password",
        "the password is refused";
    pub(crate) OFFENDERS_MAX: usize = 20, "objects",
        "Listed of those that a schema change does not fit",
        "the rest is not listed";
    pub(crate) VIOLATIONS_MAX: usize = 100, "rules",
        "Told of at once by a merge or rebase; the rest shows when these are kept",
        "the rest is not told";
    pub(crate) CONFLICTS_TOLD_MAX: usize = 5, "conflicts",
        "Named by an error; all of them have a verb of their own",
        "the rest is counted";
    pub(crate) BLOCKERS_MAX: usize = 100, "changes",
        "Listed of those that stand in the way of taking a commit back",
        "the rest is not listed";
    pub(crate) OUTSIDE_TOLD_MAX: usize = 10, "numbers",
        "Listed of those that a changed range leaves outside",
        "the rest is not listed";
    pub(crate) GAPS_MAX: usize = 64, "gaps",
        "Told of one resource of a pool; the sums have them all",
        "the rest is not told";
    pub(crate) ALERTS_LISTED_MAX: usize = 1_000, "events",
        "Of pools that crossed their mark, read for one listing: the newest",
        "the rest is not listed";
    pub(crate) COMPUTED_CHAIN_MAX: usize = 64, "values",
        "Computed values made of computed values of peers; in a circle they may change for ever",
        "the change is refused";
    pub(crate) SWEPT_ROWS_MAX: usize = 20_000, "rows",
        "That go in one commit when no branch sees them any more; others are not held up for longer",
        "the rest goes in the next commit";
    pub(crate) DELETED_ROWS_MAX: usize = 20_000, "rows",
        "Of a deleted branch that go in one commit; others are not held up for longer",
        "the rest goes in the next commit";
    pub(crate) ROWS_KNOWN_MAX: usize = 100_000, "rows",
        "That a draft remembers; what a run looks at again and again is far less",
        "further rows are read again from the snapshot";
    pub(crate) BESIDE_ROWS_MAX: usize = 32, "rows",
        "Of kinds of objects that lie together, read at once where two of them are asked for",
        "each is looked for by itself";
    pub(crate) SCHEMAS_COMPILED_MAX: usize = 64, "schemas",
        "Kept ready: one for main, and one for each branch that changed it or is behind",
        "one makes room, and is compiled again when it is asked for";
    pub(crate) COUNTED_COMMITS_MAX: u64 = 10_000, "commits",
        "That a count is brought over one by one; as long as counting 100,000 objects",
        "the kind is counted anew";
    pub(crate) BOOK_COMMITS_MAX: u64 = 10_000, "commits",
        "That what is free in a pool is brought over one by one",
        "it is worked out anew";
    pub(crate) CONFLICTS_KNOWN_MAX: usize = 100_000, "conflicts",
        "Of which it is remembered where they are, 60 bytes each, so that one is decided by itself",
        "deciding one that is forgotten finds all conflicts of its branch again";
}
