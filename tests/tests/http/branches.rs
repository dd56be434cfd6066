//! Every verb on branches that is refused: the status, the code, in REST and in GraphQL, and that nothing
//! was changed by asking.

use serde_json::{Value as Json, json};

use crate::{Server, code};

/// Everything a store holds, but for the log and for which moments of main are kept: a rebase pins one before
/// it finds that it cannot be done.
fn rows(service: &server::Service) -> Vec<String> {
    let mut dump = Vec::new();
    service.dump(&mut dump).unwrap();
    let dump = String::from_utf8(dump).unwrap();
    let kept =
        |row: &&str| !row.starts_with("log ") && !row.starts_with("branches \\00\\00\\00\\00 ");
    dump.lines().filter(kept).map(str::to_owned).collect()
}

/// A server with a branch that was merged, one in conflict with main, one whose schema is, and an open one.
fn server() -> (Server, server::Service) {
    let service = server::open(None, 2, None, true).unwrap();
    let server = Server::of(service.clone());
    let done = |(status, answer): (u16, Json)| assert_eq!(status, 200, "{answer}");
    let tag = |branch: &str, text: &str| {
        let file = json!({"files": [{"name": "o.yml", "text": format!(
            "apiVersion: infrahub.app/v1\nkind: Object\nspec: {{kind: BuiltinTag, data: [{text}]}}"
        )}]});
        done(server.post(&format!("/api/objects/load?branch={branch}"), &file));
    };
    let schema = |branch: &str, kind: &str| {
        let text = format!(
            "version: '1.0'\nnodes: [{{name: Site, namespace: Demo, attributes: [{{name: size, kind: {kind}}}]}}]"
        );
        let files = json!({"files": [{"name": "s.yml", "text": text}]});
        done(server.post(&format!("/api/schema/load?branch={branch}"), &files));
    };
    tag("main", "{name: red, description: before}");
    for branch in ["done", "quarrel", "shape", "open"] {
        done(server.post("/api/branches", &json!({"name": branch})));
    }
    tag("done", "{name: blue}");
    done(server.post("/api/branches/done/merge", &json!({})));
    tag("quarrel", "{name: red, description: theirs}");
    tag("main", "{name: red, description: ours}");
    schema("shape", "Text");
    schema("main", "Number");
    (server, service)
}

#[test]
fn what_cannot_be_done_with_a_branch_has_its_status_and_code_and_changes_nothing() {
    let (server, service) = server();
    let before = rows(&service);
    let nothing = json!({});
    let object = json!({"files": [{"name": "o.yml",
        "text": "apiVersion: infrahub.app/v1\nkind: Object\nspec: {kind: BuiltinTag, data: [{name: late}]}"}]});
    let schema = json!({"files": [{"name": "s.yml", "text": "version: '1.0'\nnodes: [{name: Room, namespace: Demo, attributes: [{name: size, kind: Text}]}]"}]});
    let post = |path: &str, body: &Json| server.post(path, body);
    let delete = |name: &str| {
        let path = format!("{}/api/branches/{name}", server.base);
        Server::read(server.agent.delete(path).call())
    };
    let rename = |name: &str, to: &str| {
        let path = format!("{}/api/branches/{name}", server.base);
        Server::read(server.agent.patch(path).send_json(json!({"name": to})))
    };
    let name = |name: &str| json!({"name": name});
    for (what, (status, answer), wanted) in [
        ("unknown", server.get("/api/branches/none"), (400, "BRANCH_NOT_FOUND")),
        ("unknown", delete("none"), (400, "BRANCH_NOT_FOUND")),
        ("unknown", post("/api/branches/none/merge", &nothing), (400, "BRANCH_NOT_FOUND")),
        ("unknown", post("/api/branches/none/rebase", &nothing), (400, "BRANCH_NOT_FOUND")),
        ("unknown", post("/api/branches/none/validate", &nothing), (400, "BRANCH_NOT_FOUND")),
        ("unknown", post("/api/branches/none/preview", &nothing), (400, "BRANCH_NOT_FOUND")),
        ("unknown", post("/api/objects/load?branch=none", &object), (400, "BRANCH_NOT_FOUND")),
        ("unknown", server.get("/api/diff?branch=none"), (400, "BRANCH_NOT_FOUND")),
        ("reserved", post("/api/branches", &name("main")), (409, "branch-exists")),
        ("reserved", post("/api/branches", &name("-global-")), (400, "bad-branch-name")),
        ("no name", post("/api/branches", &name("")), (400, "bad-branch-name")),
        ("bad name", post("/api/branches", &name("a..b")), (400, "bad-branch-name")),
        ("duplicate", post("/api/branches", &name("open")), (409, "branch-exists")),
        ("duplicate", rename("open", "quarrel"), (409, "branch-exists")),
        ("main", delete("main"), (403, "branch-is-default")),
        ("main", rename("main", "other"), (403, "branch-is-default")),
        ("main", post("/api/branches/main/merge", &nothing), (403, "branch-is-default")),
        ("main", post("/api/branches/main/rebase", &nothing), (403, "branch-is-default")),
        ("merged", post("/api/branches/done/merge", &nothing), (400, "BRANCH_ALREADY_MERGED")),
        ("merged", post("/api/branches/done/rebase", &nothing), (400, "BRANCH_ALREADY_MERGED")),
        ("frozen", post("/api/objects/load?branch=done", &object), (400, "BRANCH_ALREADY_MERGED")),
        ("frozen", post("/api/schema/load?branch=done", &schema), (400, "BRANCH_ALREADY_MERGED")),
        ("conflict", post("/api/branches/quarrel/merge", &nothing), (409, "branch-conflicts")),
        ("conflict", post("/api/branches/quarrel/rebase", &nothing), (409, "branch-conflicts")),
        ("schema", post("/api/branches/shape/merge", &nothing), (409, "branch-conflicts")),
        ("schema", post("/api/branches/shape/rebase", &nothing), (409, "branch-conflicts")),
        ("verb", post("/api/branches/open/paint", &nothing), (404, "not-found")),
    ] {
        assert_eq!((status, code(&answer)), wanted, "{what}: {answer}");
        let message = answer["errors"][0]["message"].as_str().unwrap();
        assert!(message.len() > 10, "{what}: {message}");
    }
    let after = rows(&service);
    let news: Vec<_> = after.iter().filter(|row| !before.contains(row)).collect();
    assert!(after == before, "{news:#?}");
}

#[test]
fn the_public_mutations_of_branches_tell_the_same() {
    let (server, service) = server();
    let before = rows(&service);
    let ask = |mutation: &str| {
        let query = json!({"query": format!("mutation {{ {mutation} }}")});
        server.post("/graphql/main", &query).1
    };
    let on = |verb: &str, name: &str| ask(&format!("{verb}(data: {{name: \"{name}\"}}) {{ ok }}"));
    let late = "mutation { BuiltinTagCreate(data: {name: {value: \"late\"}}) { ok } }";
    for (what, answer, wanted) in [
        ("unknown", on("BranchDelete", "none"), ("BRANCH_NOT_FOUND", 400)),
        ("unknown", on("BranchMerge", "none"), ("BRANCH_NOT_FOUND", 400)),
        ("unknown", on("BranchRebase", "none"), ("BRANCH_NOT_FOUND", 400)),
        ("unknown", on("BranchValidate", "none"), ("BRANCH_NOT_FOUND", 400)),
        ("duplicate", on("BranchCreate", "open"), ("branch-exists", 409)),
        ("reserved", on("BranchCreate", "main"), ("branch-exists", 409)),
        ("bad name", on("BranchCreate", "a b"), ("bad-branch-name", 400)),
        ("main", on("BranchDelete", "main"), ("branch-is-default", 403)),
        ("merged", on("BranchMerge", "done"), ("BRANCH_ALREADY_MERGED", 400)),
        ("merged", on("BranchRebase", "done"), ("BRANCH_ALREADY_MERGED", 400)),
        (
            "frozen",
            server.post("/graphql/done", &json!({"query": late})).1,
            ("BRANCH_ALREADY_MERGED", 400),
        ),
        ("conflict", on("BranchMerge", "quarrel"), ("branch-conflicts", 409)),
        ("conflict", on("BranchRebase", "quarrel"), ("branch-conflicts", 409)),
        ("schema", on("BranchMerge", "shape"), ("branch-conflicts", 409)),
    ] {
        let extensions = &answer["errors"][0]["extensions"];
        let told = (extensions["code"].as_str().unwrap(), extensions["http_status"].as_u64());
        assert_eq!(told, (wanted.0, Some(wanted.1)), "{what}: {answer}");
    }
    let after = rows(&service);
    let news: Vec<_> = after.iter().filter(|row| !before.contains(row)).collect();
    assert!(after == before, "{news:#?}");
}
