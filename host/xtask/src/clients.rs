//! The published clients of the dialect, in an environment of their own under `target/`.

use std::process::Command;

use crate::run;

/// Installs the pinned clients, a browser and a code generator, unless they are there. Without Python, Node or a registry
/// their tests are skipped; that is said, and is no failure.
pub(crate) fn install() {
    python();
    node();
}

/// A browser with what drives it, and a code generator for TypeScript, into `target/clients-node`.
fn node() {
    let from = run::root().join("tests/clients/node/package.json");
    let folder = run::root().join("target/clients-node");
    // Written last: what was cut short is done again.
    let stamp = folder.join("installed.json");
    let wanted = std::fs::read(&from).unwrap_or_default();
    if std::fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return;
    }
    run::say("installing the browser and the code generator ...");
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--loglevel", "error"]).current_dir(&folder);
    let told = |bad: std::io::Error| bad.to_string();
    let installed = std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(folder.join("package.json"), &wanted))
        .map_err(told)
        .and_then(|()| run::finish(npm, "npm install"))
        .and_then(|()| std::fs::write(&stamp, &wanted).map_err(told));
    if let Err(message) = installed {
        run::say(&format!("SKIPPING the tests in a browser and of TypeScript: {message}"));
    }
}

fn python() {
    let requirements = run::root().join("tests/clients/requirements.txt");
    let environment = run::root().join("target/clients-venv");
    let stamp = environment.join("requirements.txt");
    let wanted = std::fs::read(&requirements).unwrap_or_default();
    if std::fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return;
    }
    run::say("installing the published clients ...");
    let mut create = Command::new("python3");
    create.args(["-m", "venv"]).arg(&environment);
    let mut install = Command::new(environment.join("bin/python"));
    install.args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(&requirements);
    let installed = run::finish(create, "python3 -m venv")
        .and_then(|()| run::finish(install, "pip install"))
        .and_then(|()| std::fs::write(&stamp, &wanted).map_err(|bad| bad.to_string()));
    if let Err(message) = installed {
        run::say(&format!("SKIPPING the tests of published clients: {message}"));
    }
}
