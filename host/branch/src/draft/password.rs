//! Attributes of kind `HashedPassword`: what is written is kept as an Argon2id hash in the PHC form,
//! and can be compared with and nothing else. Argon2's default cost: 19 MiB and two passes (RFC 9106,
//! the second recommended choice scaled down as OWASP lists it).

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use model::schema::{Attribute, AttributeKind};
use model::{ObjectId, Value};

use crate::draft::Draft;

pub use crate::limits::PASSWORD_BYTES_MAX;

/// The hash of a password. The salt need not be secret, but must not have been used before.
fn hash(password: &str, salt: ObjectId) -> Option<String> {
    let salt = salt.0.to_be_bytes();
    let made: PasswordHash =
        Argon2::default().hash_password_with_salt(password.as_bytes(), &salt).ok()?;
    Some(made.to_string())
}

/// Whether a password is the one of a hash. As long for a wrong password as for the right one.
pub fn is_password(password: &str, hash: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else { return false };
    password.len() <= PASSWORD_BYTES_MAX
        && Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
}

impl Draft {
    /// What is kept of a value. A password that is set again keeps its hash; one that comes in as a
    /// hash, from a dump or another system, is kept as it is. An error tells what is wrong.
    pub(super) fn kept(
        &self,
        attribute: &Attribute,
        value: Value,
        old: &Value,
    ) -> Result<Value, String> {
        let Value::Text(password) = &value else { return Ok(value) };
        if attribute.kind != AttributeKind::HashedPassword || PasswordHash::new(password).is_ok() {
            return Ok(value);
        }
        if password.len() > PASSWORD_BYTES_MAX {
            return Err(format!("a password has at most {PASSWORD_BYTES_MAX} bytes"));
        }
        if old.as_text().is_some_and(|old| is_password(password, old)) {
            return Ok(old.clone());
        }
        let salt = self.environment.ids.next_id(self.view.now);
        hash(password, salt).map(Value::Text).ok_or_else(|| "it cannot be hashed".to_owned())
    }
}
