//! Machine code on disk: loaded only when this installation sealed it, else compiled anew.

#[path = "support/guests.rs"]
mod guests;
#[path = "support/recording.rs"]
mod recording;

use std::fs;
use std::path::{Path, PathBuf};

use guests::{GOOD, component, options};
use model::Digest;
use recording::Recording;
use sandbox::{
    CacheKey, Cancel, Limits, RunEnd, Sandbox, SandboxError, SandboxOptions, SandboxStats,
};

fn open(dir: &Path) -> Sandbox {
    with_key(dir, [7; 32])
}

fn with_key(dir: &Path, key: [u8; 32]) -> Sandbox {
    let cache_dir = Some(dir.to_owned());
    Sandbox::new(SandboxOptions { cache_dir, key: CacheKey::new(key), ..options() })
        .expect("the sandbox starts")
}

/// Loads and runs the good guest; the figures afterwards.
fn run(sandbox: &Sandbox, bytes: &[u8]) -> SandboxStats {
    let good = sandbox.load(Digest::of(bytes), bytes).expect("the guest is good");
    let (host, report) = good.run(Recording::default(), "{}", &Limits::default(), &Cancel::new());
    assert_eq!(report.outcome, RunEnd::Ok);
    assert_eq!(host.made.len(), 10);
    sandbox.stats()
}

/// The files under a folder, in the order of their names.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("the folder is there") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Another component: the good one, with another text in it.
fn other() -> Vec<u8> {
    component(&GOOD.replace("ready", "steady"))
}

/// After `spoil`, the artefact is refused, compiled anew, and loaded the next time.
fn spoiled(spoil: impl FnOnce(&Path)) {
    let dir = tempfile::tempdir().expect("there is room");
    let bytes = component(GOOD);
    assert_eq!(run(&open(dir.path()), &bytes).compiled, 1);
    let artefact = files(dir.path()).pop().expect("the code was written");
    spoil(&artefact);
    let again = run(&open(dir.path()), &bytes);
    assert_eq!((again.refused, again.compiled, again.disk_hits), (1, 1, 0));
    let mended = run(&open(dir.path()), &bytes);
    assert_eq!((mended.refused, mended.compiled, mended.disk_hits), (0, 0, 1));
}

#[test]
fn a_restart_finds_the_code_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = component(GOOD);
    let first = run(&open(dir.path()), &bytes);
    assert_eq!((first.compiled, first.disk_hits), (1, 0));
    let sandbox = open(dir.path());
    let second = run(&sandbox, &bytes);
    assert_eq!((second.compiled, second.disk_hits), (0, 1));
    assert!(sandbox.loaded(Digest::of(&bytes)).is_some());
    assert!(sandbox.loaded(Digest::of(b"another")).is_none());
    assert_eq!(files(dir.path()).len(), 1, "nothing is left aside");
}

#[test]
fn code_that_was_changed_is_never_loaded() {
    for place in [0, 40, 5_000] {
        spoiled(|artefact| {
            let mut code = fs::read(artefact).unwrap();
            code[place] ^= 1;
            fs::write(artefact, code).unwrap();
        });
    }
}

#[test]
fn code_that_was_truncated_is_never_loaded() {
    for len in [0, 31, 32, 4_000] {
        spoiled(|artefact| {
            let code = fs::read(artefact).unwrap();
            fs::write(artefact, &code[..len]).unwrap();
        });
    }
}

#[test]
fn code_of_another_component_is_never_loaded() {
    let dir = tempfile::tempdir().unwrap();
    let (bytes, other) = (component(GOOD), other());
    run(&open(dir.path()), &bytes);
    run(&open(dir.path()), &other);
    let artefacts = files(dir.path());
    let [one, two] = artefacts.as_slice() else { unreachable!("two components were loaded") };
    fs::copy(one, two).unwrap();
    let (a, b) = (run(&open(dir.path()), &bytes), run(&open(dir.path()), &other));
    assert_eq!(a.refused + b.refused, 1);
    assert_eq!(a.disk_hits + b.disk_hits, 1);
}

#[test]
fn a_link_in_the_folder_is_never_followed() {
    spoiled(|artefact| {
        let aside = artefact.with_extension("elsewhere");
        fs::rename(artefact, &aside).unwrap();
        std::os::unix::fs::symlink(&aside, artefact).unwrap();
    });
}

#[test]
fn code_sealed_with_another_key_is_never_loaded() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = component(GOOD);
    run(&open(dir.path()), &bytes);
    let other = run(&with_key(dir.path(), [8; 32]), &bytes);
    assert_eq!((other.refused, other.compiled, other.disk_hits), (1, 1, 0));
}

#[test]
fn code_of_another_build_goes_when_the_sandbox_starts() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("v1-0123456789abcdef/ab")).unwrap();
    fs::write(dir.path().join("v1-0123456789abcdef/ab/old.aot"), b"old").unwrap();
    fs::write(dir.path().join("notes.txt"), b"not ours").unwrap();
    run(&open(dir.path()), &component(GOOD));
    let left: Vec<PathBuf> = files(dir.path());
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn a_folder_that_cannot_be_written_is_told_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, b"in the way").unwrap();
    let cache_dir = Some(file.clone());
    let error = Sandbox::new(SandboxOptions { cache_dir, ..options() }).unwrap_err();
    assert!(matches!(error, SandboxError::Cache { .. }));
    assert_eq!(
        error.to_string(),
        format!(
            "the cache of compiled components at `{}` cannot be used; it must be a folder that \
             the host may write",
            file.display()
        )
    );
}

#[test]
fn code_that_cannot_be_written_runs_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = component(GOOD);
    let sandbox = open(dir.path());
    // A file where the folder of the digest would be.
    let build = fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap().path();
    let shard = Digest::of(&bytes).to_string()[..2].to_owned();
    fs::write(build.join(shard), b"in the way").unwrap();
    assert_eq!(run(&sandbox, &bytes).unwritten, 1);
}

#[test]
#[cfg(unix)]
fn the_folder_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let within = dir.path().join("aot");
    run(&open(&within), &component(GOOD));
    let mode = fs::metadata(&within).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}
