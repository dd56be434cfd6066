//! Limits of the command line.

model::limits! {
    pub(crate) ANSWER_BYTES_MAX: u64 = 256 << 20, "bytes",
        "The largest answer that is read, as large as a server makes one",
        "the command fails";
    pub(crate) DIFFERENCES_SHOWN_MAX: usize = 40, "lines",
        "Of a schema's differences, for people; `--json` tells all",
        "the rest is not shown";
}

/// What `kiln limits` tells behind those of the host.
pub(crate) const TABLES: [server::LimitTable; 1] = [("The command line", TABLE)];
