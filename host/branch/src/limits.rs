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
}
