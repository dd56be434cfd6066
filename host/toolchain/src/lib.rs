//! From a guest's source to a component: the wasm target set up, cargo, and the encoder. Both
//! `cargo xtask` and `kiln build` go this way.
//!
//! Must not know the host: what it makes is checked by the sandbox as anybody's upload is.

mod encode;
mod target;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

pub use encode::encode;

/// The target of guests.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// Why there is no component.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A program could not be started.
    #[error("`{program}` could not be started: {source}; is it installed?")]
    Program {
        /// Which.
        program: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The target's standard library is not there and could not be made.
    #[error(
        "the target {TARGET} could not be set up; with internet access, `rustup target add {TARGET}` does it"
    )]
    NoTarget,
    /// Cargo failed; it has said why.
    #[error("`cargo build` of {} failed", .folder.display())]
    Cargo {
        /// What was built.
        folder: PathBuf,
    },
    /// Nothing that was built is a module.
    #[error(
        "{} builds no WebAssembly module; its `Cargo.toml` needs `[lib] crate-type = [\"cdylib\", \"rlib\"]`", .folder.display()
    )]
    NoModule {
        /// What was built.
        folder: PathBuf,
    },
    /// A file cannot be read or written.
    #[error("{}: {source}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The module cannot be encoded.
    #[error("{}: {what}", .path.display())]
    Encode {
        /// The module.
        path: PathBuf,
        /// What stands in the way.
        what: String,
    },
    /// It imports what no Kiln answers.
    #[error(
        "{}: it imports `{import}`, which no host of ours has; guests reach the host through the SDK alone", .path.display()
    )]
    Foreign {
        /// The module.
        path: PathBuf,
        /// The import.
        import: String,
    },
}

/// What to build.
#[derive(Debug, Clone)]
pub struct Build<'a> {
    /// Folder of a package, or of a workspace of guests.
    pub folder: &'a Path,
    /// Where cargo works; else its own choice.
    pub target_dir: Option<&'a Path>,
    /// Where the components go.
    pub out: &'a Path,
}

/// Builds the guests of a folder and encodes each as a component, `out/NAME.wasm`; only what changed
/// is built again. Told of the steps that take time.
pub fn build(build: &Build<'_>, tell: &dyn Fn(&str)) -> Result<Vec<PathBuf>, BuildError> {
    let environment = target::environment(tell)?;
    let mut built = Vec::new();
    for module in modules(build, environment)? {
        let name = module.file_name().unwrap_or_default();
        let bytes = std::fs::read(&module)
            .map_err(|source| BuildError::File { path: module.clone(), source })?;
        let component = encode(&module, &bytes)?;
        let path = build.out.join(name);
        std::fs::create_dir_all(build.out)
            .and_then(|()| std::fs::write(&path, component))
            .map_err(|source| BuildError::File { path: path.clone(), source })?;
        built.push(path);
    }
    if built.is_empty() {
        return Err(BuildError::NoModule { folder: build.folder.to_owned() });
    }
    Ok(built)
}

/// The modules that cargo makes of a folder.
fn modules(
    build: &Build<'_>,
    environment: Vec<(String, String)>,
) -> Result<Vec<PathBuf>, BuildError> {
    let program = std::env::var("CARGO").unwrap_or_else(|_unset| "cargo".to_owned());
    let mut command = Command::new(&program);
    command
        .args(["build", "--release", "--quiet", "--target", TARGET])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(build.folder)
        .stdout(Stdio::piped())
        // These would replace the flags that lead to the std of the target.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .envs(with_heap(environment));
    if let Some(target_dir) = build.target_dir {
        command.arg("--target-dir").arg(target_dir);
    }
    let child = command.spawn().map_err(|source| BuildError::Program { program, source })?;
    let folder = || build.folder.to_owned();
    let output =
        child.wait_with_output().map_err(|_gone| BuildError::Cargo { folder: folder() })?;
    if !output.status.success() {
        return Err(BuildError::Cargo { folder: folder() });
    }
    let mut modules: Vec<PathBuf> =
        String::from_utf8_lossy(&output.stdout).lines().filter_map(module).collect();
    modules.sort();
    Ok(modules)
}

/// Heap that a component begins with, in bytes: 512 KiB, what most runs need. One that is grown costs
/// each run two changes of page protection, which every core has to hear of.
const HEAP_BYTES: u32 = 512 << 10;

/// The environment of a build, with the heap told to the linker.
fn with_heap(mut environment: Vec<(String, String)>) -> Vec<(String, String)> {
    const FLAGS: &str = "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS";
    let heap = format!("-Clink-arg=--initial-heap={HEAP_BYTES}");
    match environment.iter_mut().find(|(name, _)| name == FLAGS) {
        Some((_, flags)) => {
            flags.push(' ');
            flags.push_str(&heap);
        }
        None => environment.push((FLAGS.to_owned(), heap)),
    }
    environment
}

/// The module that one message of cargo tells of.
fn module(message: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    if message.get("reason")?.as_str()? != "compiler-artifact" {
        return None;
    }
    let files = message.get("filenames")?.as_array()?.iter().filter_map(Value::as_str);
    files.map(PathBuf::from).find(|file| file.extension().is_some_and(|end| end == "wasm"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heap_is_added_to_the_flags_there_are() {
        let name = "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS".to_owned();
        let heap = "-Clink-arg=--initial-heap=524288";
        assert_eq!(with_heap(Vec::new()), [(name.clone(), heap.to_owned())]);
        let own = vec![("A".to_owned(), "b".to_owned()), (name.clone(), "--sysroot=x".to_owned())];
        assert_eq!(with_heap(own)[1], (name, format!("--sysroot=x {heap}")));
    }
}
