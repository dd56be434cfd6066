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
}
