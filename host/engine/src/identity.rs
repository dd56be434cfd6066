//! Names that are the same on every run, plan, replay and branch.

use model::ObjectId;
use sha2::{Digest as _, Sha256};

/// The id of an object that a generator makes: the leading half of its target's id, so that all
/// objects of one instance lie together in the store, and a hash of (definition, target, kind, key).
/// The variant bits are those of a UUID.
pub fn generated_id(definition: ObjectId, target: ObjectId, kind: &str, key: &str) -> ObjectId {
    let high = target.0 & (u128::from(u64::MAX) << 64);
    ObjectId(high | u128::from(low_half(definition, target, &[kind, key])))
}

/// The id of an instance: (definition, target). The branch is the line it is stored on.
pub fn instance_id(definition: ObjectId, target: ObjectId) -> ObjectId {
    let high = target.0 & (u128::from(u64::MAX) << 64);
    ObjectId(high | u128::from(low_half(definition, target, &["CoreGeneratorInstance"])))
}

/// An identifier of a pool as an instance's own.
pub(crate) fn scoped(instance: ObjectId, identifier: &str) -> String {
    format!("{instance}:{identifier}")
}

/// What a guest gets for randomness: the same on every run of an instance.
pub(crate) fn seed(definition: ObjectId, target: ObjectId) -> String {
    let mut hash = Sha256::new();
    hash.update(definition.0.to_be_bytes());
    hash.update(target.0.to_be_bytes());
    hash.update(b"seed v1");
    let digest = hash.finalize();
    model::hexadecimal(digest.get(..16).unwrap_or_default())
}

fn low_half(definition: ObjectId, target: ObjectId, parts: &[&str]) -> u64 {
    let mut hash = Sha256::new();
    hash.update(definition.0.to_be_bytes());
    hash.update(target.0.to_be_bytes());
    for part in parts {
        // The length keeps ("a", "bc") and ("ab", "c") apart.
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest: [u8; 32] = hash.finalize().into();
    let mut low = [0; 8];
    low.copy_from_slice(digest.first_chunk::<8>().unwrap_or(&[0; 8]));
    (u64::from_be_bytes(low) & (u64::MAX >> 2)) | (0b10 << 62)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_of_one_instance_lie_together_and_differ_by_kind_and_key() {
        let (definition, target) = (ObjectId(7), ObjectId(0x0190_0000_0000_7abc << 64 | 5));
        let a = generated_id(definition, target, "InfraServer", "web-0");
        let b = generated_id(definition, target, "InfraServer", "web-1");
        let c = generated_id(definition, target, "InfraServerweb", "-0");
        assert_eq!(a.0 >> 64, target.0 >> 64);
        assert!(a != b && a != c && b != c);
        assert_eq!(a, generated_id(definition, target, "InfraServer", "web-0"));
        assert_ne!(a, generated_id(ObjectId(8), target, "InfraServer", "web-0"));
    }
}
