//! The published clients of the dialect, in an environment of their own under `target/`.

use std::process::Command;

use crate::run;

/// Installs the pinned clients, unless they are there. Without Python or the registry the tests of the
/// clients are skipped; that is said, and is no failure.
pub(crate) fn install() {
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
