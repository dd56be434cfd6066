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
    pub(crate) TOKEN_BYTES_MIN: usize = 16, "bytes",
        "Of a token that is given from outside; a UUID has 36",
        "the token is refused";
    pub ACCESS_SECONDS_MAX: i64 = 3_600, "seconds",
        "How long an access token is worth something",
        "the request is refused as `token-expired` (401); refresh it";
    pub REFRESH_SECONDS_MAX: i64 = 30 * 86_400, "seconds",
        "How long a session can be refreshed; 30 days",
        "the session is over; log in again";
    pub(crate) BLAMED_MAX: usize = 1_000, "values",
        "Told of one attribute's past",
        "the rest is not told";
    pub(crate) WHY_COMMITS_MAX: u64 = 100_000, "commits",
        "Looked through for what a run met, and for the commit of a run",
        "older ones are not looked at";
    pub(crate) MET_MAX: usize = 100, "commits",
        "Told of those that changed what a run looks at",
        "the rest is not told";
    pub(crate) STALE_COMMITS_MAX: u64 = 100_000, "commits",
        "Looked through for a change of main since a check",
        "the check's result is taken to be stale";
    pub(crate) GENERATOR_ROUNDS_MAX: usize = 8, "rounds",
        "In which generators of a proposed change run again because others changed what they look at",
        "the generator's check fails and says so";
    pub(crate) CHECKS_MAX: usize = 1_000, "checks",
        "Kept of one validator of a proposed change",
        "the rest is counted in its message";
    pub(crate) NAME_PARTS_MAX: usize = 8, "parts",
        "Of a name that is split in every way; prefixes have one slash, few ids four parts",
        "a name with more is read in one way only";
    pub(crate) TASKS_SCANNED_MAX: usize = 10_000, "runs",
        "Looked through for one listing of tasks: the newest",
        "older ones are not looked at";
    pub(crate) SEARCHED_MAX: usize = 5_000_000, "objects",
        "One search looks at, and links of one listing",
        "the question is refused";
    pub(crate) DIFF_NAME_BYTES_MAX: usize = 250, "bytes",
        "The name of a diff that is kept",
        "the name is refused";
    pub(crate) DIFFS_NAMED_MAX: usize = 1_000, "diffs",
        "Kept by name on one branch",
        "a further one is refused";
    pub(crate) PREVIEW_RUNS_MAX: usize = 1_000, "runs",
        "Looked ahead to in one preview of a merge; whoever asks waits for them",
        "the preview ends there and says that it is not `complete`";
}
