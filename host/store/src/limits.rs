//! Limits of the store.

model::limits! {
    pub CACHE_BYTES_MAX: usize = 256 << 20, "bytes",
        "Of the engine's cache; random reads of five million rows gain nothing from more",
        "what was not used for longest makes room";
    pub QUEUE_MAX: usize = 1_024, "commits",
        "That wait for the writer",
        "a further one waits for a place in the queue";
    pub GROUP_MAX: usize = 1_024, "commits",
        "Written in one transaction",
        "the next begins";
    pub(crate) KEYS_REMEMBERED_MAX: usize = 750_000, "keys",
        "Of recent commits, to find conflicts by; at 80 rows a run those of 9,000 runs, an estimated 100 MiB",
        "a commit that is based on an older state is made again";
    pub INDEX_TEXT_BYTES_MAX: usize = 224, "bytes",
        "Of a text that an index has in order",
        "a longer one is told apart by a hash of the rest";
    pub(crate) DUMPED_BYTES_MAX: usize = 256, "bytes",
        "Of a value that a dump shows",
        "a longer one is shown by length and digest";
    pub(crate) FINDINGS_MAX: usize = 1_000, "findings",
        "Listed by a check of the store; a broken store repeats itself",
        "the rest is not listed";
}
