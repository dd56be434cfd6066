//! The bytes of a row that is not of the snapshot.

use std::ops::Deref;
use std::sync::Arc;

use postcard::ser_flavors::Flavor;
use serde::Serialize;

/// Bytes that are kept in place: rows of indexes, links and kinds have 9 to 13.
const IN_PLACE: usize = 22;

/// The bytes of a pending row, or of one that is remembered: short ones in place, others shared.
#[derive(Clone)]
pub(crate) enum RowBytes {
    /// So many of these bytes.
    Short(u8, [u8; IN_PLACE]),
    /// All of these.
    Long(Arc<[u8]>),
}

impl RowBytes {
    /// Two pieces as one.
    pub(crate) fn joined(first: &[u8], second: &[u8]) -> Self {
        let length = first.len() + second.len();
        let mut bytes = [0; IN_PLACE];
        if let (Ok(short), Some(place)) = (u8::try_from(length), bytes.get_mut(..length)) {
            let (head, tail) = place.split_at_mut(first.len());
            head.copy_from_slice(first);
            tail.copy_from_slice(second);
            return Self::Short(short, bytes);
        }
        Self::Long([first, second].concat().into())
    }
}

impl Deref for RowBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Short(length, bytes) => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Self::Long(bytes) => bytes,
        }
    }
}

impl From<&[u8]> for RowBytes {
    fn from(bytes: &[u8]) -> Self {
        Self::joined(bytes, &[])
    }
}

impl From<Vec<u8>> for RowBytes {
    fn from(bytes: Vec<u8>) -> Self {
        match bytes.len() {
            ..=IN_PLACE => Self::joined(&bytes, &[]),
            _ => Self::Long(Arc::from(bytes)),
        }
    }
}

impl std::fmt::Debug for RowBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RowBytes({:02x?})", &**self)
    }
}

/// Plain data as rows have it, in one piece of memory: a row is rarely longer than a few hundred bytes.
pub(crate) fn encoded(row: &impl Serialize) -> Vec<u8> {
    let onto = Onto(Vec::with_capacity(ROOM));
    postcard::serialize_with_flavor(row, onto).expect("plain data serialises")
}

/// Room for most rows.
const ROOM: usize = 256;

struct Onto(Vec<u8>);

impl Flavor for Onto {
    type Output = Vec<u8>;

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<Vec<u8>> {
        Ok(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_every_length_come_back_in_one_piece_or_two() {
        let all: Vec<u8> = (0..60).collect();
        for length in 0..all.len() {
            let bytes = &all[..length];
            assert_eq!(&*RowBytes::from(bytes), bytes);
            assert_eq!(&*RowBytes::from(bytes.to_vec()), bytes);
            for at in 0..length {
                assert_eq!(&*RowBytes::joined(&bytes[..at], &bytes[at..]), bytes);
            }
            assert_eq!(matches!(RowBytes::from(bytes), RowBytes::Short(..)), length <= IN_PLACE);
        }
    }
}
