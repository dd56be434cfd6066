//! What every command owes its users: help with exit codes, JSON where it is asked for, errors by code.

use crate::process::{Server, kiln, root};

fn path(name: &str) -> String {
    root().join(name).to_str().unwrap().to_owned()
}

#[test]
fn help_tells_the_exit_codes_and_wrong_arguments_are_code_2() {
    let help = kiln(&["--help"]).ok();
    assert!(
        help.contains("Exit codes: 0 done, 1 refused or a run failed, 2 wrong arguments"),
        "{help}"
    );
    let said = kiln(&["object", "lost"]).refused(2);
    assert!(said.contains("unrecognized subcommand"), "{said}");
}

#[test]
fn completion_is_a_script_for_each_shell() {
    for (shell, mark) in [
        ("bash", "complete -F _kiln"),
        ("zsh", "#compdef kiln"),
        ("fish", "complete -c kiln"),
        ("powershell", "Register-ArgumentCompleter"),
        ("elvish", "set edit:completion"),
    ] {
        let script = kiln(&["completion", shell]).ok();
        assert!(script.contains(mark) && script.contains("generator"), "{shell}: {script}");
    }
}

#[test]
fn the_limits_are_told_with_their_reasons() {
    let told = kiln(&["limits"]).ok();
    for row in
        ["## HTTP", "| `fuel` | 2,000,000,000 | fuel |", "| `document_bytes_max` | 262,144 |"]
    {
        assert!(told.contains(row), "{row} is not in {told}");
    }
    let tables = kiln(&["limits", "--json"]).json();
    assert!(tables["tables"].as_array().unwrap().len() >= 7, "{tables}");
}

#[test]
fn a_component_is_checked_and_what_is_none_is_refused_by_its_code() {
    let report = kiln(&["check", &path("target/components/web_service.wasm")]).json();
    let imports = report["imports"].to_string();
    assert!(imports.contains("kiln:generator/objects@0.1.0"), "{report}");
    let said = kiln(&["check", &path("README.md")]).refused(1);
    assert!(said.starts_with("error[component_"), "{said}");
    let said = kiln(&["check", "/nowhere/at.wasm"]).refused(4);
    assert!(said.starts_with("error[bad-file]"), "{said}");
    let told = kiln(&["--json", "check", &path("README.md")]);
    assert_eq!(told.code, 1);
    let told: serde_json::Value = serde_json::from_str(&told.out).unwrap();
    let code = told["errors"][0]["extensions"]["code"].as_str().unwrap();
    assert!(code.starts_with("component_"), "{told}");
}

#[test]
fn every_command_of_a_session_answers_in_json_where_that_is_asked_for() {
    let scratch = tempfile::tempdir().unwrap();
    let made = scratch.path().join("shop");
    let told = kiln(&["new", made.to_str().unwrap(), "--json"]).json();
    assert_eq!(told["made"], made.to_str().unwrap());
    let data = scratch.path().join("data");
    let server = Server::start(&data);
    let json = |arguments: &[&str]| server.kiln(&[arguments, &["--json"]].concat()).json();
    let example = |name: &str| path(&format!("examples/web-service/{name}"));
    let loaded = json(&["schema", "load", &example("schema.yml")]);
    assert!(!loaded["changes"].as_array().unwrap().is_empty(), "{loaded}");
    assert_eq!(
        json(&["schema", "check", &example("schema.yml")])["changes"],
        serde_json::json!([])
    );
    assert!(json(&["object", "load", &example("data.yml")])["created"].as_u64().unwrap() > 5);
    let components = path("target/components");
    let folder = path("examples/web-service");
    let pushed = json(&["generator", "push", &folder, "--components", &components]);
    assert_eq!(pushed["registered"], serde_json::json!(["web-service"]));
    assert_eq!(json(&["generator", "list"])["generators"][0]["name"], "web-service");
    let planned = json(&["generator", "run", "web-service", "--target", "shop", "--plan"]);
    let ran = json(&["generator", "run", "web-service", "--target", "shop"]);
    assert_eq!(planned["runs"][0]["digest"], ran["runs"][0]["digest"]);
    assert_eq!(json(&["generator", "show"])["instances"][0]["name"], "web-service: shop");
    assert_eq!(json(&["generator", "runs", "--under-way"])["runs"], serde_json::json!([]));
    let runs = json(&["generator", "runs", "--limit", "1"]);
    assert_eq!(runs["runs"][0]["run"], ran["runs"][0]["run"]);
    let run = ran["runs"][0]["run"].as_str().unwrap();
    assert_eq!(json(&["generator", "report", run])["outcome"]["Changed"]["created"], 8);
    let told = server.kiln(&["generator", "report", run]).ok();
    assert!(told.contains("8 created, ") && told.contains("log: shop has 3 servers"), "{told}");
    assert!(server.kiln(&["generator", "cancel", run]).refused(1).contains("not-found"));
    let shown = json(&["generator", "show", "web-service: shop"]);
    assert_eq!(shown["owns"].as_array().unwrap().len(), 8, "{shown}");
    assert_eq!(json(&["object", "list", "InfraServer"])["objects"].as_array().unwrap().len(), 3);
    assert_eq!(json(&["object", "get", "InfraServer", "shop-0"])["display_label"], "shop-0");
    assert_eq!(json(&["object", "set", "AppWebService", "shop", "instances=1"])["updated"], 1);
    let mut convert = vec!["object", "convert", "InfraServer", "shop-0", "BuiltinTag"];
    convert.extend(["--from", "name=name", "--set", "description=was a server"]);
    assert_eq!(json(&convert)["changes"]["deleted"], 1);
    let tag = json(&["object", "get", "BuiltinTag", "shop-0"]);
    assert_eq!(tag["attributes"]["description"], "was a server");
    assert!(json(&["object", "delete", "AppWebService", "shop"])["deleted"].as_u64().unwrap() > 1);
    server.stop();
    let checked = kiln(&["store", "check", "--data", data.to_str().unwrap(), "--json"]).json();
    assert_eq!(checked["findings"], serde_json::json!([]));
    // The dump is text, a row a line, and the same each time.
    let dumped = kiln(&["store", "dump", "--data", data.to_str().unwrap()]).ok();
    assert!(dumped.lines().count() > 100 && dumped.contains("heads "), "{dumped}");
    assert_eq!(kiln(&["store", "dump", "--data", data.to_str().unwrap()]).ok(), dumped);
    let nowhere = scratch.path().join("nowhere");
    kiln(&["store", "check", "--data", nowhere.to_str().unwrap()]).refused(4);
    assert!(!nowhere.exists());
}

#[test]
fn a_server_that_goes_down_ends_what_it_began_and_waits_for_no_silent_connection() {
    use std::io::{Read as _, Write as _};

    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(&scratch.path().join("data"));
    let address = server.address.strip_prefix("http://").unwrap().to_owned();
    let connect = || std::net::TcpStream::connect(&address).unwrap();
    // One says nothing, one kept its connection for more.
    let silent = connect();
    let mut kept = connect();
    kept.write_all(b"GET /api/health HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut answer = [0; 15];
    kept.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    let began = std::time::Instant::now();
    server.stop();
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    drop((silent, kept));
}

#[test]
fn an_argument_that_does_not_read_is_code_2() {
    let said = kiln(&["object", "set", "AppWebService", "shop", "instances"]).refused(2);
    assert!(said.starts_with("error[bad-argument]") && said.contains("attribute=value"), "{said}");
    let said = kiln(&["schema", "load"]).refused(2);
    assert!(said.contains("name at least one file or folder"), "{said}");
    let told = kiln(&["--json", "object", "set", "AppWebService", "shop", "x"]);
    let told: serde_json::Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!(told["errors"][0]["extensions"]["code"], "bad-argument");
}

#[test]
fn the_first_administrator_is_told_once_at_the_first_start() {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};

    let scratch = tempfile::tempdir().unwrap();
    // What it says up to where it listens, and where; it is killed when it has been asked.
    let start = |ask: &dyn Fn(&str, &[String])| {
        let mut serve = Command::new(env!("CARGO_BIN_EXE_kiln"));
        serve.args(["serve", "--accounts", "--listen", "127.0.0.1:0", "--data"]);
        let mut child = serve.arg(scratch.path()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if let Some(address) = line.strip_prefix("listening on ") {
                ask(address, &said);
                break;
            }
            said.push(line);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        said
    };
    let token = std::cell::RefCell::new(String::new());
    let first = start(&|address, said| {
        let told = said.iter().find_map(|line| line.trim().strip_prefix("KILN_TOKEN="));
        *token.borrow_mut() = told.unwrap_or_else(|| panic!("{said:?}")).to_owned();
        let password = said.iter().find_map(|line| line.trim().strip_prefix("password")).unwrap();
        let login = serde_json::json!({"username": "admin", "password": password.trim()});
        let answer = ureq::post(format!("{address}/api/auth/login")).send_json(login).unwrap();
        assert_eq!(answer.status().as_u16(), 200);
    });
    assert!(first.len() == 3, "{first:?}");
    let again = start(&|address, _| {
        let made = crate::process::kiln_at(address, &["--token", &token.borrow(), "token", "list"]);
        made.ok();
    });
    assert_eq!(again, Vec::<String>::new());
}

#[test]
fn a_thousand_idle_connections_keep_nobody_out_where_files_are_few() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start_with_few_files(&scratch.path().join("data"), 200);
    let address = server.address.strip_prefix("http://").unwrap();
    let idle: Vec<_> = (0..1_000).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
    let began = std::time::Instant::now();
    for _ in 0..20 {
        assert_eq!(server.query("{ BuiltinTag { count } }")["BuiltinTag"]["count"], 0);
    }
    // Nobody waited for an idle one to be closed.
    assert!(began.elapsed() < std::time::Duration::from_secs(50), "{:?}", began.elapsed());
    drop(idle);
}
