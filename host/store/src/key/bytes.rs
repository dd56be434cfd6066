//! A key as bytes: short ones in place.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

/// Bytes of a key that are kept in place; longer keys are on the heap. Most have 20 to 60, and a key in
/// place is a line of the processor's cache.
const IN_PLACE: usize = 62;

/// A key, or the beginning of one: bytes, compared as such. Short ones need no memory of their own, so that
/// the hundreds of keys of a run are made, compared and copied in place.
#[derive(Clone)]
pub struct Key(Kept);

#[derive(Clone)]
enum Kept {
    /// So many of these bytes.
    Short(u8, [u8; IN_PLACE]),
    Long(Vec<u8>),
}

impl Deref for Key {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Kept::Short(length, bytes) => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Kept::Long(bytes) => bytes,
        }
    }
}

/// As bytes are: maps by key are asked with bytes.
impl Borrow<[u8]> for Key {
    #[inline]
    fn borrow(&self) -> &[u8] {
        self
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl Default for Key {
    fn default() -> Self {
        Self(Kept::Short(0, [0; IN_PLACE]))
    }
}

impl From<&[u8]> for Key {
    fn from(bytes: &[u8]) -> Self {
        Self::of([bytes])
    }
}

impl From<Vec<u8>> for Key {
    fn from(bytes: Vec<u8>) -> Self {
        match bytes.len() {
            ..=IN_PLACE => Self::of([&bytes[..]]),
            _ => Self(Kept::Long(bytes)),
        }
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({:02x?})", &**self)
    }
}

impl Key {
    /// Some parts, one after another.
    #[inline]
    pub(super) fn of<const N: usize>(parts: [&[u8]; N]) -> Self {
        let mut bytes = [0; IN_PLACE];
        let mut at = 0;
        for part in parts {
            let Some(place) = bytes.get_mut(at..at + part.len()) else {
                return Self(Kept::Long(parts.concat()));
            };
            place.copy_from_slice(part);
            at += part.len();
        }
        match u8::try_from(at) {
            Ok(length) => Self(Kept::Short(length, bytes)),
            Err(_long) => Self(Kept::Long(parts.concat())),
        }
    }

    /// Adds bytes at the end.
    #[inline]
    pub fn extend(&mut self, more: &[u8]) {
        if let Kept::Short(length, bytes) = &mut self.0 {
            let from = usize::from(*length);
            let to = from + more.len();
            if let (Some(place), Ok(now)) = (bytes.get_mut(from..to), u8::try_from(to)) {
                place.copy_from_slice(more);
                *length = now;
                return;
            }
            self.0 = Kept::Long(self.to_vec());
        }
        if let Kept::Long(bytes) = &mut self.0 {
            bytes.extend_from_slice(more);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_every_length_are_the_bytes_they_are_made_of() {
        let all: Vec<u8> = (0..200).collect();
        for length in 0..all.len() {
            let bytes = &all[..length];
            let key = Key::from(bytes);
            assert_eq!(&*key, bytes);
            assert_eq!(Key::from(bytes.to_vec()), key);
            let (head, tail) = bytes.split_at(length / 3);
            assert_eq!(Key::of([head, tail]), key);
            let mut longer = Key::from(head);
            longer.extend(tail);
            assert_eq!(longer, key);
            assert_eq!(matches!(key.0, Kept::Short(..)), length <= IN_PLACE);
        }
    }

    #[test]
    fn keys_have_the_order_and_the_hash_of_their_bytes() {
        let all: [&[u8]; 6] = [b"", b"a", b"a\0", &[7; 62], &[7; 63], &[8; 3]];
        let hashed = foldhash::quality::FixedState::with_seed(1);
        use std::hash::BuildHasher as _;
        for a in all {
            assert_eq!(hashed.hash_one(Key::from(a)), hashed.hash_one(a));
            for b in all {
                assert_eq!(Key::from(a).cmp(&Key::from(b)), a.cmp(b));
            }
        }
    }
}
