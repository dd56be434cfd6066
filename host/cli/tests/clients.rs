//! The published clients, and a browser, unmodified, against a server process of ours. The scripts are
//! in `tests/clients`; `cargo xtask test` installs what they need into `target/clients-*`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test ends by panicking, and says what it skips"
)]

#[path = "cli/process.rs"]
#[allow(dead_code, reason = "shared with the tests of the command line")]
mod process;

use std::process::Command;

use process::{Server, root};

const PASSWORD: &str = "a password of the test";
const TOKEN: &str = "06438eb2-8019-4776-878c-0941b1f1d1ec";

fn start(data: &std::path::Path, accounts: bool) -> Server {
    match accounts {
        true => Server::start_with_accounts(data, PASSWORD, TOKEN),
        false => Server::start(data),
    }
}

/// Runs the script of the page in a browser, against a server of its own.
fn browse(accounts: bool) {
    let installed = std::path::absolute(root().join("target/clients-node")).unwrap();
    if !installed.join("installed.json").exists() {
        println!("SKIPPED: the browser is not installed; `cargo xtask clients` does it");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = start(&folder.path().join("data"), accounts);
    // Beside what it imports; each test by itself, as they run at the same time.
    let script = installed.join(format!("explorer-{accounts}.mjs"));
    std::fs::copy(root().join("tests/clients/node/explorer.mjs"), &script).unwrap();
    let ended = Command::new("node")
        .arg(&script)
        .env("KILN_ADDRESS", &server.address)
        .env("KILN_TOKEN", if accounts { TOKEN } else { "" })
        // The browser is unpacked here.
        .env("TMPDIR", folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    println!("{said}");
    assert!(ended.status.success(), "{said}\n{}", String::from_utf8_lossy(&ended.stderr));
}

/// Runs one module of scripts against a server of its own.
fn drive(module: &str) {
    drive_with(module, false);
}

/// The same, where the server may have accounts.
fn drive_with(module: &str, accounts: bool) {
    let python = root().join("target/clients-venv/bin/python");
    if !python.exists() {
        println!("SKIPPED: the published clients are not installed; `cargo xtask clients` does it");
        return;
    }
    let python = std::path::absolute(python).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = start(&data, accounts);
    let scratch = folder.path().join("scratch");
    std::fs::create_dir(&scratch).unwrap();
    let ended = Command::new(python)
        .args(["driver.py", module])
        .current_dir(root().join("tests/clients"))
        .env("KILN_ADDRESS", &server.address)
        .env("KILN_SCRATCH", &scratch)
        .env("KILN_DATA", &data)
        .env("KILN_NODE", std::path::absolute(root().join("target/clients-node")).unwrap())
        .env("KILN_COMPONENTS", std::path::absolute(root().join("target/components")).unwrap())
        .env("KILN_PASSWORD", PASSWORD)
        .env("KILN_TOKEN", if accounts { TOKEN } else { "" })
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    println!("{said}");
    assert!(ended.status.success(), "{said}\n{}", String::from_utf8_lossy(&ended.stderr));
}

#[test]
fn objects_are_read_and_written() {
    drive("objects");
}

#[test]
fn accounts_prove_who_they_are_and_see_what_they_may() {
    drive_with("accounts", true);
}

#[test]
fn code_is_generated_from_the_types() {
    drive("typed");
}

#[test]
fn content_and_files_are_stored_and_read() {
    drive("files");
}

#[test]
fn the_description_of_the_api_holds() {
    drive_with("contract", true);
}

#[test]
fn pools_hand_out_numbers_addresses_and_prefixes() {
    drive("pools");
}

#[test]
fn tracking_generators_and_stored_queries() {
    drive("tracking");
}

#[test]
fn the_published_command_line() {
    drive("commands");
}

#[test]
fn branches_are_made_used_and_deleted() {
    drive("branches");
}

#[test]
fn every_operation_of_the_tiers_that_no_other_test_has() {
    drive_with("tiers", true);
}

#[test]
fn the_page_works_in_a_browser() {
    browse(false);
}

#[test]
fn the_page_works_in_a_browser_with_a_token() {
    browse(true);
}
