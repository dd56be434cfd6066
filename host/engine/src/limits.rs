//! Limits of runs beyond those of the sandbox.

model::limits! {
    pub UNDER_WAY_MAX: usize = 1_024, "runs",
        "Each is a waiting thread of its caller and a few kilobytes",
        "a further run is refused as `busy`";
    pub(crate) KEY_BYTES_MAX: usize = 256, "bytes",
        "The key of an object within its instance; people read it",
        "`bad-key` to the guest";
    pub(crate) IDENTIFIER_BYTES_MAX: usize = 256, "bytes",
        "The identifier a guest gives to what it draws from a pool",
        "an error to the guest";
    pub(crate) REPEATS_MAX: u32 = 8, "attempts",
        "A run whose reads others change meanwhile is repeated beside them, and then alone",
        "the run goes on alone; after four more it ends as `contended`";
    pub(crate) REPEATS_ALONE_MAX: u32 = 4, "attempts",
        "Of a run that goes on alone; only changes by hand can still get in between",
        "the run ends as `contended`";
    pub(crate) GUESSES_MAX: usize = 10_000, "names",
        "Of definitions, remembered so that a run knows whose turn to take",
        "all are forgotten, and found again";
    pub(crate) LOG_LINES_MAX: usize = 2_000, "lines",
        "Of a run's log that are kept: the first ones",
        "further lines are dropped and counted";
    pub(crate) CHECK_LOG_LINES_MAX: usize = 200, "lines",
        "Of a check's log that are kept; it has its findings to speak with",
        "further lines are dropped";
    pub(crate) LOG_LINE_BYTES_MAX: usize = 4 << 10, "bytes",
        "A line of a log that is kept",
        "the rest is cut";
    pub(crate) IMPACT_COMMITS_MAX: u64 = 10_000, "commits",
        "Followed one by one to know what runs looked at; beyond, reading it all anew is as fast",
        "it is read anew, and for an older branch every member of a group is asked";
    pub(crate) IMPACT_NOTES_MAX: usize = 100_000, "notes",
        "Of runs and memberships since older branches forked, 40 bytes each",
        "for a branch from before them every member of a group is asked";
}
