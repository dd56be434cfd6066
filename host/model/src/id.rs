//! Identifiers, each a type of its own so that none is taken for another.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

/// The identity of an object, on every branch and for ever. Written as a UUID.
///
/// A person's object has a time-ordered id (UUIDv7); a generated one begins with the leading bits
/// of its target's id, so that all objects of one instance lie together in the store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(pub u128);

impl ObjectId {
    /// The smallest id; the start of every range.
    pub const MIN: Self = Self(0);
    /// The largest id; the end of every range.
    pub const MAX: Self = Self(u128::MAX);
    /// The account every write is attributed to until accounts exist.
    pub const SYSTEM: Self = Self(1);
}

impl ObjectId {
    /// Bytes of an id as text.
    pub const TEXT_BYTES: usize = uuid::fmt::Hyphenated::LENGTH;

    /// The id as text, in a place for it.
    pub fn text(self, place: &mut [u8; Self::TEXT_BYTES]) -> &str {
        uuid::Uuid::from_u128(self.0).hyphenated().encode_lower(place)
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text(&mut [0; Self::TEXT_BYTES]))
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ObjectId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        // Only the hyphenated form: a 32-digit hexadecimal name must stay a name.
        if text.len() != 36 {
            return Err(NotAnId);
        }
        uuid::Uuid::try_parse(text).map(|id| Self(id.as_u128())).map_err(|_bad| NotAnId)
    }
}

/// The text is not a UUID in hyphenated form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an object id: an id is a UUID such as `018f9c1e-0000-7000-8000-000000000000`")]
pub struct NotAnId;

/// A line of changes. Zero is the global line of agnostic kinds, one is `main`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BranchId(pub u32);

impl BranchId {
    /// The line of branch-agnostic objects, seen from every branch.
    pub const GLOBAL: Self = Self(0);
    /// The default branch, `main`.
    pub const MAIN: Self = Self(1);
}

/// The number of a commit; commits are totally ordered over all branches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Seq(pub u64);

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A name interned by the store: the name of a kind, an attribute, or a relationship identifier.
///
/// Numbers are given once, for all branches, and never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol(pub u32);

/// The table of interned names. It only grows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Symbols {
    names: Vec<String>,
    by_name: BTreeMap<String, Symbol>,
}

impl Symbols {
    /// Rebuilds the table from names in the order of their numbers.
    pub fn from_names(names: Vec<String>) -> Self {
        let by_name =
            (0u32..).zip(&names).map(|(number, name)| (name.clone(), Symbol(number))).collect();
        Self { names, by_name }
    }

    /// The symbol of `name`, given now if the name is new.
    pub fn intern(&mut self, name: &str) -> Symbol {
        if let Some(known) = self.by_name.get(name) {
            return *known;
        }
        let number = u32::try_from(self.names.len()).expect("fewer than 2^32 names fit in memory");
        self.names.push(name.to_owned());
        self.by_name.insert(name.to_owned(), Symbol(number));
        Symbol(number)
    }

    /// The symbol of a name that was interned before.
    pub fn get(&self, name: &str) -> Option<Symbol> {
        self.by_name.get(name).copied()
    }

    /// The name behind a symbol.
    pub fn name(&self, symbol: Symbol) -> Option<&str> {
        self.names.get(usize::try_from(symbol.0).ok()?).map(String::as_str)
    }

    /// All names in the order of their numbers.
    pub fn names(&self) -> &[String] {
        &self.names
    }
}

/// A SHA-256 digest, written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

/// Two digits a byte.
pub fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hexadecimal(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let hex = text.strip_prefix("sha256:").unwrap_or(text).as_bytes();
        let mut bytes = [0u8; 32];
        if hex.len() != 64 {
            return Err(NotADigest);
        }
        for (byte, pair) in bytes.iter_mut().zip(hex.chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_bad| NotADigest)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_bad| NotADigest)?;
        }
        Ok(Self(bytes))
    }
}

/// The text is not a SHA-256 digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a digest: a digest is 64 hexadecimal digits")]
pub struct NotADigest;
