//! The public catalogue of errors: each code where it belongs, with its status and its facts. Two codes of it
//! are answered by nobody here: no branch has to be rebased before it takes changes, and a merge is one commit,
//! so that nobody meets one that is under way, or half of one.

use serde_json::{Value as Json, json};

use crate::{Server, code};

const SCHEMA: &str = r#"
version: "1.0"
nodes:
  - name: Site
    namespace: Demo
    human_friendly_id: [name__value]
    attributes:
      - {name: name, kind: Text, unique: true}
      - {name: floors, kind: Number, optional: true}
      - {name: city, kind: Text, optional: true}
"#;

fn load(server: &Server, text: &str, branch: &str) {
    let files = json!({"files": [{"name": "s.yml", "text": text}]});
    let (status, answer) = server.post(&format!("/api/schema/load?branch={branch}"), &files);
    assert_eq!(status, 200, "{answer}");
}

fn stocked() -> Server {
    let server = Server::start();
    load(&server, SCHEMA, "main");
    server
}

fn ask(server: &Server, branch: &str, text: &str) -> (u16, Json) {
    server.post(&format!("/graphql/{branch}"), &json!({"query": text}))
}

fn done(server: &Server, branch: &str, text: &str) {
    let (status, answer) = ask(server, branch, text);
    assert!(status == 200 && answer.get("errors").is_none(), "{text}: {answer}");
}

fn create(name: &str) -> String {
    format!("mutation {{ DemoSiteCreate(data: {{name: {{value: \"{name}\"}}}}) {{ ok }} }}")
}

/// A branch, a document, and the code, status and facts of its refusal.
type Refusal = (&'static str, String, &'static str, u16, Json);

fn refusals() -> Vec<Refusal> {
    let id = "0190aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee";
    let gone = format!("mutation {{ DemoSiteDelete(data: {{id: \"{id}\"}}) {{ ok }} }}");
    vec![
        (
            "main",
            "mutation { DemoSiteCreate(data: {name: {value: \"x\"} floors: {value: \"many\"}}) { ok } }".to_owned(),
            "ATTRIBUTE_INVALID_TYPE",
            422,
            json!({"node_kind": "DemoSite", "field_name": "floors"}),
        ),
        (
            "main",
            "mutation { DemoSiteCreate(data: {floors: {value: 1}}) { ok } }".to_owned(),
            "ATTRIBUTE_REQUIRED",
            422,
            json!({"node_kind": "DemoSite", "field_name": "name"}),
        ),
        (
            "main",
            create("ams"),
            "ATTRIBUTE_CONSTRAINT_VIOLATION",
            422,
            json!({"node_kind": "DemoSite", "field_name": "name", "constraint": "unique"}),
        ),
        ("main", gone, "NODE_NOT_FOUND", 404, json!({"node_kind": "DemoSite", "identifier": id})),
        (
            "main",
            "mutation { DemoSiteCreate(data: {name: {value: \"x\"} member_of_groups: [{hfid: [\"a\"] kind: \
             \"DemoNothing\"}]}) { ok } }".to_owned(),
            "SCHEMA_NOT_FOUND",
            422,
            Json::Null,
        ),
        (
            "main",
            "mutation { BranchMerge(data: {name: \"none\"}) { ok } }".to_owned(),
            "BRANCH_NOT_FOUND",
            400,
            json!({"branch_name": "none"}),
        ),
        ("b", create("late"), "BRANCH_ALREADY_MERGED", 400, json!({"branch_name": "b"})),
        (
            "main",
            "mutation { BranchMerge(data: {name: \"b\"}) { ok } }".to_owned(),
            "BRANCH_ALREADY_MERGED",
            400,
            json!({"branch_name": "b"}),
        ),
    ]
}

#[test]
fn each_code_has_its_status_and_its_facts() {
    let server = stocked();
    done(&server, "main", &create("ams"));
    done(&server, "main", "mutation { BranchCreate(data: {name: \"b\"}) { ok } }");
    done(&server, "b", &create("on-b"));
    done(&server, "main", "mutation { BranchMerge(data: {name: \"b\"}) { ok } }");
    for (branch, text, wanted, status, data) in refusals() {
        let (http, answer) = ask(&server, branch, &text);
        let error = &answer["errors"][0]["extensions"];
        assert_eq!((http, code(&answer)), (200, wanted), "{text}: {answer}");
        assert_eq!(error["http_status"], status, "{text}: {answer}");
        for (name, value) in data.as_object().into_iter().flatten() {
            assert_eq!(&error["data"][name], value, "{text}: {answer}");
        }
    }
    // Before a document is looked at, and where there is none, the facts are the same.
    for (http, answer) in [
        ask(&server, "none", "{ DemoSite { count } }"),
        server.get("/api/schema?branch=none"),
        server.post("/api/branches/none/merge", &json!({})),
    ] {
        let error = &answer["errors"][0]["extensions"];
        assert_eq!((http, code(&answer)), (400, "BRANCH_NOT_FOUND"), "{answer}");
        assert_eq!(error["data"], json!({"branch_name": "none"}), "{answer}");
    }
}

#[test]
fn a_branch_that_mains_schema_has_left_behind_takes_changes_and_is_merged() {
    let server = stocked();
    done(&server, "main", "mutation { BranchCreate(data: {name: \"b\"}) { ok } }");
    load(
        &server,
        &SCHEMA.replace(
            "{name: city,",
            "{name: zone, kind: Text, optional: true}\n      - {name: city,",
        ),
        "main",
    );
    let status = "{ Branch(name: \"b\") { status } }";
    assert_eq!(ask(&server, "main", status).1["data"]["Branch"][0]["status"], "NEED_REBASE");
    done(&server, "b", &create("behind"));
    done(&server, "main", "mutation { BranchMerge(data: {name: \"b\"}) { ok } }");
    let found = "{ DemoSite(name__value: \"behind\") { count edges { node { zone { value } } } } }";
    assert_eq!(ask(&server, "main", found).1["data"]["DemoSite"]["count"], 1);
}

#[test]
fn who_writes_while_branches_are_merged_is_never_told_that_a_merge_is_under_way() {
    let server = stocked();
    let names: Vec<String> = (0..12).map(|number| format!("b{number}")).collect();
    for name in &names {
        done(
            &server,
            "main",
            &format!("mutation {{ BranchCreate(data: {{name: \"{name}\"}}) {{ ok }} }}"),
        );
        for number in 0..20 {
            done(&server, name, &create(&format!("{name}-{number}")));
        }
    }
    let (merged, written) = std::thread::scope(|scope| {
        let merging = scope.spawn(|| {
            for name in &names {
                done(
                    &server,
                    "main",
                    &format!("mutation {{ BranchMerge(data: {{name: \"{name}\"}}) {{ ok }} }}"),
                );
            }
            names.len()
        });
        let writing = |start: &'static str, on_main: bool| {
            let (server, names) = (&server, &names);
            scope.spawn(move || {
                let mut written = 0;
                for number in 0..60_usize {
                    let branch =
                        if on_main { "main" } else { names[number % names.len()].as_str() };
                    let (status, answer) =
                        ask(server, branch, &create(&format!("{start}{number}")));
                    let is = code(&answer);
                    let ends = if on_main { "none" } else { "BRANCH_ALREADY_MERGED" };
                    assert!(status == 200 && (is == "none" || is == ends), "{branch}: {answer}");
                    written += usize::from(on_main || is == "none");
                }
                written
            })
        };
        let (here, there) = (writing("main-", true), writing("branch-", false));
        (merging.join().unwrap(), here.join().unwrap() + there.join().unwrap())
    });
    assert_eq!(merged, 12);
    // All that was acknowledged is there, once: what came before its branch was merged, and what was main's.
    let count =
        ask(&server, "main", "{ DemoSite { count } }").1["data"]["DemoSite"]["count"].clone();
    assert_eq!(count, json!(12 * 20 + written));
}
