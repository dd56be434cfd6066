//! The outside world: the clock, randomness, and the key of this installation.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use branch::Environment;
use model::{Clock, IdSource, ObjectId, Timestamp};

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the time comes in")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let micros = since.map_or(0, |since| since.as_micros());
        Timestamp(i64::try_from(micros).unwrap_or(i64::MAX))
    }
}

/// UUIDv7: in the order of time.
#[derive(Debug, Clone, Copy, Default)]
pub struct TimeOrderedIds;

impl IdSource for TimeOrderedIds {
    fn next_id(&self, _now: Timestamp) -> ObjectId {
        ObjectId(uuid::Uuid::now_v7().as_u128())
    }
}

/// Both.
pub fn environment() -> Environment {
    Environment { clock: Arc::new(SystemClock), ids: Arc::new(TimeOrderedIds) }
}

/// A secret of this installation; made at the first start, readable by the owner alone.
/// `installation.key` seals compiled components, `access.key` signs access tokens.
pub fn installation_secret(folder: &Path, name: &str) -> std::io::Result<[u8; 32]> {
    let path = folder.join(name);
    if let Ok(bytes) = std::fs::read(&path)
        && let Ok(bytes) = <[u8; 32]>::try_from(bytes.as_slice())
    {
        return Ok(bytes);
    }
    std::fs::create_dir_all(folder)?;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let bytes = random_bytes()?;
    options.open(&path)?.write_all(&bytes)?;
    Ok(bytes)
}

/// Randomness for secrets.
pub(crate) fn random_bytes() -> std::io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|bad| std::io::Error::other(bad.to_string()))?;
    Ok(bytes)
}
