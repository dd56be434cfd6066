//! The kinds every schema begins with, written in the same language.

use std::sync::OnceLock;

use crate::schema::declared::{Declared, merge};
use crate::schema::document::Document;

const TEXT: &str = include_str!("builtin.yml");

/// The built-in kinds.
pub(crate) fn declared() -> &'static Declared {
    static DECLARED: OnceLock<Declared> = OnceLock::new();
    DECLARED.get_or_init(|| {
        let documents = Document::parse("built-in", TEXT)
            .unwrap_or_else(|bad| unreachable!("the built-in schema is tested: {bad:?}"));
        merge(&Declared::default(), &documents)
            .unwrap_or_else(|bad| unreachable!("the built-in schema is tested: {bad:?}"))
    })
}
