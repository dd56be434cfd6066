//! Components: the wasm target set up, guests built, cores encoded.

use std::path::{Path, PathBuf};
use std::process::Command;

use wit_component::ComponentEncoder;
use wit_parser::WorldItem;

use crate::run::{cargo_path, finish, root, say};

const TARGET: &str = "wasm32-unknown-unknown";
/// Imports that a guest may have: those of our world.
const OURS: &str = "kiln:generator/";

/// Where components lie.
pub(crate) fn components() -> PathBuf {
    root().join("target/components")
}

/// Builds every guest; only what changed is built again.
pub(crate) fn build() -> Result<Vec<PathBuf>, String> {
    let environment = target_environment()?;
    let mut built = Vec::new();
    for folder in ["examples", "tests/guests"] {
        say(&format!("building guests in {folder} ..."));
        let mut command = Command::new(cargo_path());
        command
            .args(["build", "--release", "--quiet", "--target", TARGET, "--target-dir"])
            .arg(root().join("target/guests"))
            .current_dir(root().join(folder))
            // These would replace the flags that lead to the std of the target.
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS");
        for (name, value) in &environment {
            command.env(name, value);
        }
        finish(command, &format!("cargo build of {folder}"))?;
        for name in members(&root().join(folder))? {
            built.push(encode(&name)?);
        }
    }
    Ok(built)
}

/// Folders with a `Cargo.toml`.
fn members(folder: &Path) -> Result<Vec<String>, String> {
    let entries =
        std::fs::read_dir(folder).map_err(|bad| format!("{}: {bad}", folder.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().join("Cargo.toml").is_file())
        .map(|entry| entry.file_name().to_string_lossy().replace('-', "_"))
        .collect();
    names.sort();
    Ok(names)
}

/// Makes a component of a core module. Foreign imports are refused: nothing would answer them.
fn encode(name: &str) -> Result<PathBuf, String> {
    let core = root().join(format!("target/guests/{TARGET}/release/{name}.wasm"));
    let failed = |what: &str, bad: String| format!("{}: {what}: {bad}", core.display());
    let bytes = std::fs::read(&core).map_err(|bad| failed("read", bad.to_string()))?;
    let component = ComponentEncoder::default()
        .validate(true)
        .module(&bytes)
        .and_then(|encoder| encoder.encode())
        .map_err(|bad| failed("encode", format!("{bad:#}")))?;
    let decoded =
        wit_component::decode(&component).map_err(|bad| failed("decode", format!("{bad:#}")))?;
    let resolve = decoded.resolve();
    let foreign = resolve
        .worlds
        .iter()
        .flat_map(|(_, world)| world.imports.iter())
        // The world may also name types of its own imports.
        .filter(|(_, item)| !matches!(item, WorldItem::Type { .. }))
        .map(|(key, _)| resolve.name_world_key(key))
        .find(|name| !name.starts_with(OURS));
    if let Some(foreign) = foreign {
        return Err(failed("foreign import", foreign));
    }
    let folder = components();
    std::fs::create_dir_all(&folder).map_err(|bad| failed("folder", bad.to_string()))?;
    let path = folder.join(format!("{name}.wasm"));
    std::fs::write(&path, component).map_err(|bad| failed("write", bad.to_string()))?;
    Ok(path)
}

/// Sets up the target, as `wasm-target.sh` does it, and returns what its builds need.
fn target_environment() -> Result<Vec<(String, String)>, String> {
    if installed() {
        return Ok(Vec::new());
    }
    say("setting up the wasm target (once) ...");
    let script = root().join("host/xtask/wasm-target.sh");
    let output = Command::new("bash")
        .arg(&script)
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|bad| format!("bash could not be started: {bad}"))?;
    if !output.status.success() {
        return Err(format!(
            "the wasm target could not be set up; with internet, `rustup target add {TARGET}` does it"
        ));
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(export).collect())
}

fn installed() -> bool {
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output();
    let Ok(sysroot) = sysroot else { return false };
    let sysroot = String::from_utf8_lossy(&sysroot.stdout).trim().to_owned();
    let library = Path::new(&sysroot).join(format!("lib/rustlib/{TARGET}/lib"));
    std::fs::read_dir(library).is_ok_and(|mut entries| {
        entries.any(|entry| {
            entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("libcore-"))
        })
    })
}

/// `export NAME='value'`.
fn export(line: &str) -> Option<(String, String)> {
    let (name, value) = line.strip_prefix("export ")?.split_once('=')?;
    Some((name.to_owned(), value.trim_matches('\'').to_owned()))
}
