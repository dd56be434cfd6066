//! Limits of the verbs.

model::limits! {
    pub BATCH_MAX: usize = 1_000, "values",
        "Drawn in one request; a pool is not emptied by a slip",
        "the request is refused";
    pub(crate) PASSED_MAX: usize = 16, "values",
        "Told of those before the next one of a pool",
        "the rest is not told";
    pub(crate) HELD_MAX: usize = 10_000, "values",
        "Listed of those that are held of a pool",
        "the rest is not listed";
    pub SIGNATURE_SECONDS_MAX: i64 = 300, "seconds",
        "How far the time of a trigger's signature may be from ours, against replays",
        "the trigger is refused as `stale-signature`";
    pub TOKEN_NAME_BYTES_MAX: usize = 128, "bytes",
        "The name of a token",
        "the name is refused";
    pub(crate) TOKEN_BYTES_MAX: usize = 512, "bytes",
        "A token that comes in",
        "it counts as unknown";
    pub(crate) TOKENS_LISTED_MAX: usize = 10_000, "tokens",
        "Read for one listing",
        "the rest is not listed";
    pub FOLDER_FILES_MAX: usize = 10_000, "files",
        "Of a folder that is pushed",
        "the push is refused as `too-many-files`";
    pub FILE_BYTES_MAX: usize = 16 << 20, "bytes",
        "Of a stored file, which is read and written as a whole",
        "the upload is refused as `file-too-large`";
    pub(crate) FILE_ROW_BYTES_MAX: usize = 256 << 10, "bytes",
        "Of one row of a stored file: pages of a few rows, and none that a commit has to find in one piece",
        "the content goes on in another row";
    pub FOLDER_REPOSITORY_BYTES_MAX: usize = 128, "bytes",
        "The name of the repository that a folder is pushed as",
        "the push is refused as `bad-repository`";
    pub ARTIFACTS_MAX: usize = 10_000, "artifacts",
        "Made for one request",
        "the request is refused as `too-many-artifacts`; naming nodes helps";
    pub RENDER_SECONDS_MAX: u64 = 10, "seconds",
        "Of processor time for one document, in a process of its own",
        "the document is not made: `template-too-slow`";
    pub RENDER_MEMORY_BYTES_MAX: u64 = 1 << 30, "bytes",
        "Address space for one document, most of it the program itself",
        "the document is not made: `template-too-large`";
    pub(crate) RENDERS_MAX: usize = 4, "processes",
        "Documents made at the same time",
        "a further one waits";
    pub(crate) FILE_NAME_BYTES_MAX: usize = 255, "bytes",
        "Name or media type of a stored file; what file systems take",
        "the upload is refused as `bad-file-name`";
    pub(crate) EVENTS_SCANNED_MAX: usize = 1_000_000, "commits",
        "Looked through for one question about events",
        "the question is refused; a later `since` helps";
    pub(crate) EVENTS_LISTED_MAX: usize = 1_000, "events",
        "Of one page; for each, two states of its object are compared",
        "the question is refused";
}
