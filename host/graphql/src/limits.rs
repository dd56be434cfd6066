//! Limits of a GraphQL request.

model::limits! {
    pub DOCUMENT_BYTES_MAX: usize = 256 << 10, "bytes",
        "The largest public query has 5 kB",
        "the document is refused before it is read";
    pub DEPTH_MAX: usize = 64, "levels",
        "Selections within selections; the deepest public query has 28",
        "the document is refused";
    pub BRACKETS_MAX: usize = 256, "levels",
        "Brackets of any sort within one another; the parser's time grows with them",
        "the document is refused before it is read";
    pub FIELDS_MAX: usize = 20_000, "fields",
        "Of a document, fragments expanded",
        "the document is refused";
    pub ALIASES_MAX: usize = 5_000, "fields",
        "Of a document that answer under another name, fragments expanded; a client that asks for a \
         generic with all fields of its kinds has one for each of those",
        "the document is refused";
    pub(crate) INTROSPECTED_MAX: u64 = 20_000_000, "values",
        "Of types in one answer, about; all there is to know of 500 kinds has some 5,000,000",
        "the document is refused";
    pub(crate) MUTATIONS_MAX: usize = 1_000, "fields",
        "Mutations of one document; each is a commit",
        "the document is refused";
    pub(crate) VALUES_MAX: usize = 10_000, "values",
        "In one list argument of a filter",
        "the argument is refused";
    pub(crate) PEERS_MAX: usize = 100_000, "peers",
        "In one list of a mutation",
        "the mutation is refused";
    pub(crate) VISITED_MAX: u64 = 5_000_000, "objects",
        "What one query looks at, peers that filters look at included; some seconds",
        "the query ends with an error";
    pub(crate) ANSWER_BYTES_MAX: usize = 256 << 20, "bytes",
        "An answer is held in memory",
        "the query ends with an error";
    pub(crate) ERRORS_MAX: usize = 25, "errors",
        "Of one document; what follows is mostly of the same making",
        "the rest is not told";
    pub(crate) DOCUMENTS_KEPT_MAX: usize = 1_000, "documents",
        "Kept ready, of each schema",
        "they make room, and are read again when they are asked for";
    pub(crate) SCHEMAS_KEPT_MAX: usize = 16, "schemas",
        "Kept as types",
        "one makes room, and is made again when it is asked for";
}
