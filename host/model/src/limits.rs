//! Limits as rows of a table: one line declares a constant, its documentation and its row, so that
//! they cannot differ. Each crate has its own table; the documentation shows them all.

/// A row of a table of limits, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitRow {
    /// Name of the constant or setting.
    pub name: &'static str,
    /// Its value, in `unit`.
    pub value: u64,
    /// What is counted.
    pub unit: &'static str,
    /// Why this much.
    pub reason: &'static str,
    /// What happens there.
    pub at_the_limit: &'static str,
}

/// Declares constants with their rows: `pub NAME: type = value, "unit", "why this much", "what
/// happens";`. The table is called `TABLE`.
#[macro_export]
macro_rules! limits {
    ($($vis:vis $name:ident: $type:ty = $value:expr, $unit:literal, $reason:literal, $at:literal;)*) => {
        $(
            #[doc = concat!($reason, " (", $unit, ").")]
            #[doc = ""]
            #[doc = concat!("At the limit: ", $at, ".")]
            $vis const $name: $type = $value;
        )*

        /// The limits of this crate, in the order of the documentation.
        pub const TABLE: &[$crate::limits::LimitRow] = &[
            $($crate::limits::LimitRow {
                name: stringify!($name),
                value: $value,
                unit: $unit,
                reason: $reason,
                at_the_limit: $at,
            },)*
        ];
    };
}

limits! {
    pub DOCUMENT_BYTES_MAX: usize = 8 << 20, "bytes",
        "A schema or object file; the largest public schema file has 30 kB",
        "the file is refused";
    pub TEXT_BYTES_MAX: usize = 1 << 20, "bytes",
        "Text or structure of one value; larger things belong into files",
        "the value is refused";
    pub(crate) REGEX_STEPS_MAX: usize = 100_000, "steps",
        "What a pattern of the schema may take back while it matches one value",
        "the value counts as not matching";
    pub(crate) ATTRIBUTES_MAX: usize = 2_000, "attributes",
        "Of one kind; fits the record's counter many times over, and any real schema",
        "the schema is refused";
    pub(crate) TEMPLATE_BYTES_MAX: usize = 64 << 10, "bytes",
        "What a display label or computed value renders to",
        "rendering fails as `document-too-large`";
    pub(crate) DOCUMENT_FUEL: u64 = 20_000_000, "steps",
        "Of the template of one document; a configuration of 10,000 lines takes a few hundred thousand",
        "rendering fails as `template-fuel`";
    pub RENDERED_BYTES_MAX: usize = 8 << 20, "bytes",
        "A document that a template makes; the largest public configuration has 300 kB",
        "rendering fails as `document-too-large`";
    pub ROWS_MAX: usize = 100_000, "rows",
        "Of one object file, ranges expanded",
        "the file is refused";
    pub DEPTH_MAX: usize = 16, "levels",
        "Rows within rows of an object file",
        "the file is refused";
    pub ITEMS_MAX: usize = 10_000, "items",
        "Of one section of a folder's manifest",
        "the manifest is refused";
    pub(crate) TEMPLATE_STEPS_MAX: u64 = 20_000, "steps",
        "Of rendering one label or computed value, 64 bytes of what it makes on its way being one, so that none takes more than 1.3 MB; a label takes a few dozen",
        "rendering fails as `template-fuel`";
    pub(crate) PATTERNS_KEPT_MAX: usize = 10_000, "patterns",
        "Of schemas, kept compiled",
        "they make room, and are compiled again when they are asked for";
}
