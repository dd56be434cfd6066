//! Machine code on disk. Loading it is as good as running it, so nothing is loaded that this
//! installation did not write: each file is sealed with a secret key over what it is, for which build,
//! and for which component. A file whose seal does not fit is as good as absent.
//!
//! One file an artefact, `v1-<build>/<ab>/<digest>.aot`: the seal, then the code. One file, so that a
//! crash never leaves code beside another's seal.

use std::fmt;
use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use hmac::{Hmac, KeyInit as _, Mac as _};
use model::Digest;
use sha2::{Digest as _, Sha256};

use crate::config::{BUILD_ID, compile_engine};
use crate::limits::count;
use crate::limits::fixed::ARTEFACT_BYTES_MAX;

type Seal = Hmac<Sha256>;

/// Bytes of a seal.
const SEAL_BYTES: usize = 32;
/// What is sealed begins with this, so that no other use of the key makes a seal that fits.
const PURPOSE: &[u8] = b"kiln compiled component v1";

/// The secret that seals artefacts.
#[derive(Clone)]
pub struct CacheKey([u8; 32]);

impl CacheKey {
    /// A key from 32 secret bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CacheKey(..)")
    }
}

/// What the cache has for a component.
pub(crate) enum Found {
    /// Code whose seal fits.
    Sealed(Vec<u8>),
    /// Something that is not to be loaded. It is gone now.
    Refused,
    /// Nothing.
    Nothing,
}

pub(crate) struct Cache {
    dir: PathBuf,
    key: CacheKey,
    /// What the code depends on besides the component.
    build: Digest,
    written: AtomicU64,
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl Cache {
    /// Opens the folder, and makes it if need be. Code of other builds is removed.
    pub(crate) fn open(dir: &Path, key: CacheKey) -> io::Result<Self> {
        let build = build().map_err(|error| io::Error::other(format!("{error:#}")))?;
        let own = format!("v1-{}", &build.to_string()[..16]);
        private_dir(dir)?;
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let name = entry.file_name();
            let other = name.to_string_lossy();
            if other.starts_with("v1-") && other != own && entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            }
        }
        let dir = dir.join(own);
        private_dir(&dir)?;
        Ok(Self { dir, key, build, written: AtomicU64::new(0) })
    }

    /// Reads the code of a component.
    pub(crate) fn find(&self, component: Digest) -> Found {
        let path = self.path(component);
        let found = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Found::Nothing,
            Ok(found) if found.is_file() && found.len() <= ARTEFACT_BYTES_MAX => fs::read(&path),
            _ => Err(io::ErrorKind::InvalidData.into()),
        };
        let sealed = found.ok().and_then(|mut bytes| {
            let (seal, code) = bytes.split_first_chunk::<SEAL_BYTES>()?;
            self.seal(component, code).verify_slice(seal).ok()?;
            bytes.drain(..SEAL_BYTES);
            Some(bytes)
        });
        match sealed {
            Some(code) => Found::Sealed(code),
            None => {
                // Should it stay, it is refused again next time: nothing more is lost.
                let _removed = fs::remove_file(&path);
                Found::Refused
            }
        }
    }

    /// Writes the code of a component: aside, to the disk, then under its name in one step.
    pub(crate) fn put(&self, component: Digest, code: &[u8]) -> io::Result<()> {
        let path = self.path(component);
        let folder = path.parent().unwrap_or(&self.dir);
        private_dir(folder)?;
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let aside = folder.join(format!("{component}.{}-{number}.tmp", std::process::id()));
        let written = write(&aside, &self.seal(component, code).finalize().into_bytes(), code)
            .and_then(|()| fs::rename(&aside, &path))
            .and_then(|()| File::open(folder)?.sync_all());
        if written.is_err() {
            // The error that counts is the one before.
            let _removed = fs::remove_file(&aside);
        }
        written
    }

    fn path(&self, component: Digest) -> PathBuf {
        let name = component.to_string();
        self.dir.join(&name[..2]).join(format!("{name}.aot"))
    }

    fn seal(&self, component: Digest, code: &[u8]) -> Seal {
        let mut seal = Seal::new_from_slice(&self.key.0).expect("HMAC takes keys of any length");
        seal.update(PURPOSE);
        seal.update(&self.build.0);
        seal.update(&component.0);
        seal.update(&count(code.len()).to_be_bytes());
        seal.update(code);
        seal
    }
}

fn write(path: &Path, seal: &[u8], code: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(seal)?;
    file.write_all(code)?;
    file.sync_all()
}

/// Makes a folder that only its owner may look into.
fn private_dir(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// A digest of everything that makes code of one build useless to another.
fn build() -> wasmtime::Result<Digest> {
    /// Keeps what is hashed, instead of the 64 bits that `Hash` is for.
    struct Bytes(Sha256);
    impl Hasher for Bytes {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0
        }
    }
    let mut bytes = Bytes(Sha256::new());
    compile_engine()?.precompile_compatibility_hash().hash(&mut bytes);
    bytes.0.update(BUILD_ID);
    Ok(Digest(bytes.0.finalize().into()))
}
