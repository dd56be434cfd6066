//! Many clients at one pool over HTTP, while runs draw and fail, requests fail, and branches come and go:
//! no value has two owners at any instant, what was acknowledged is there, and nothing leaks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use serde_json::{Value as Json, json};

use super::{Server, code};

const CLIENTS: usize = 64;
/// What each client does; more is the same again.
const ROUNDS: usize = 6;

const SCHEMA: &str = r#"
version: "1.0"
nodes:
  - name: Target
    namespace: Test
    human_friendly_id: [name__value]
    attributes:
      - {name: name, kind: Text, unique: true}
      - {name: steps, kind: JSON, optional: true}
  - name: Thing
    namespace: Test
    human_friendly_id: [name__value]
    attributes:
      - {name: name, kind: Text, unique: true}
      - {name: note, kind: Text, optional: true, regex: "^[a-z]*$"}
      - {name: vlan, kind: Number, optional: true}
"#;

const QUERY: &str = "query Probe($name: String!) { TestTarget(name__value: $name) \
                     { edges { node { id steps { value } } } } }";

/// Who has what, as the clients were told.
#[derive(Default)]
struct Ledger(Mutex<BTreeMap<i64, String>>);

impl Ledger {
    /// A client was told that it has a value: nobody else may have been.
    fn has(&self, value: i64, who: &str) {
        let before = self.0.lock().unwrap().insert(value, who.to_owned());
        assert_eq!(before, None, "{value} has two owners, the second is {who}");
    }

    /// A client is about to give a value back.
    fn gives(&self, value: i64) {
        assert!(self.0.lock().unwrap().remove(&value).is_some());
    }
}

impl Server {
    fn object(&self, path: &str, kind: &str, rows: &Json) -> (u16, Json) {
        let text = format!(
            "apiVersion: infrahub.app/v1\nkind: Object\nspec:\n  kind: {kind}\n  data: {rows}\n"
        );
        self.post(path, &json!({"files": [{"name": "rows", "text": text}]}))
    }

    fn allocate(&self, branch: &str, identifier: &str) -> i64 {
        let path = format!("/api/pools/vlans/allocate?branch={branch}");
        let (status, answer) = self.post(&path, &json!({"identifier": identifier}));
        assert_eq!(status, 200, "{answer}");
        answer["allocated"][0]["value"].as_i64().unwrap()
    }

    fn drop_branch(&self, name: &str) {
        let deleted = self.agent.delete(format!("{}/api/branches/{name}", self.base)).call();
        assert_eq!(Self::read(deleted).0, 200);
    }

    /// A pool, and four targets of a generator: two draw, two draw and fail.
    fn with_pool() -> Self {
        let server = Self::start();
        let schema = json!({"files": [{"name": "schema", "text": SCHEMA}]});
        let (status, answer) = server.post("/api/schema/load", &schema);
        assert_eq!(status, 200, "{answer}");
        let pool = json!([{
            "name": "vlans", "node": "TestThing", "node_attribute": "vlan", "start_range": 1,
            "end_range": 100_000,
        }]);
        let groups = json!([{"name": "targets"}]);
        let draw = |name: &str| json!({"do": "draw", "kind": "TestThing", "name": name, "field": "vlan", "pool": "vlans"});
        let fail = json!({"do": "fail", "message": "no"});
        let target = |name: &str, steps: Json| json!({"name": name, "member_of_groups": ["targets"], "steps": steps});
        let targets = json!([
            target("t0", json!([draw("t0-a"), draw("t0-b")])),
            target("t1", json!([draw("t1-a"), draw("t1-b"), fail])),
            target("t2", json!([draw("t2-a"), draw("t2-b")])),
            target("t3", json!([draw("t3-a"), draw("t3-b"), fail])),
        ]);
        let rows =
            [("CoreNumberPool", pool), ("CoreStandardGroup", groups), ("TestTarget", targets)];
        for (kind, rows) in rows {
            let (status, answer) = server.object("/api/objects/load", kind, &rows);
            assert_eq!(status, 200, "{answer}");
        }
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let wasm = std::fs::read(root.join("target/components/probe.wasm")).unwrap();
        let (_, info) = server.put("/api/components/upload", &wasm);
        let definition = json!({
            "name": "probe", "query": QUERY, "targets": "targets",
            "parameters": {"name": "name__value"}, "component": info["digest"],
        });
        let put =
            server.agent.put(format!("{}/api/generators", server.base)).send_json(&definition);
        let (status, answer) = Self::read(put);
        assert_eq!(status, 200, "{answer}");
        server
    }
}

/// One client: draws, gives back, draws into objects, and sends what is refused after it has drawn.
fn client(server: &Server, ledger: &Ledger, who: usize) {
    let mut mine: Vec<(i64, String)> = Vec::new();
    for round in 0..ROUNDS {
        let name = format!("c{who}-{round}");
        match (who + round) % 4 {
            0 | 1 => {
                let value = server.allocate("main", &name);
                ledger.has(value, &name);
                // The same again is the same.
                assert_eq!(server.allocate("main", &name), value);
                mine.push((value, name));
            }
            2 => {
                let Some((value, name)) = mine.pop() else { continue };
                ledger.gives(value);
                let body = json!({"identifier": name, "why": "a test"});
                let (status, answer) = server.post("/api/pools/vlans/release", &body);
                assert_eq!((status, &answer["released"]), (200, &json!(value)), "{answer}");
            }
            _ => {
                let row = json!([{
                    "name": name, "note": "NOT FINE", "vlan": {"from_pool": {"id": "vlans"}},
                }]);
                let (status, answer) = server.object("/api/objects/load", "TestThing", &row);
                assert_eq!((status, code(&answer)), (422, "bad-value"), "{answer}");
            }
        }
    }
}

/// Branches that draw, some of which go.
fn branches(server: &Server, ledger: &Ledger, who: usize) {
    for round in 0..3 {
        let name = format!("b{who}-{round}");
        let (status, answer) = server.post("/api/branches", &json!({"name": name}));
        assert_eq!(status, 200, "{answer}");
        let mut drawn = Vec::new();
        for nth in 0..3 {
            let identifier = format!("{name}-{nth}");
            let value = server.allocate(&name, &identifier);
            ledger.has(value, &identifier);
            drawn.push(value);
        }
        if round != 1 {
            drawn.into_iter().for_each(|value| ledger.gives(value));
            server.drop_branch(&name);
        }
    }
}

fn runs(server: &Server, target: &str, fails: bool) {
    for _round in 0..4 {
        let path = "/api/generators/probe/run";
        let (status, run) = server.post(path, &json!({"target": target}));
        assert_eq!(status, 200, "{run}");
        assert_eq!(run["ok"], !fails, "{run}");
    }
}

#[test]
fn no_value_has_two_owners_however_many_draw_fail_and_go() {
    let server = Server::with_pool();
    let ledger = Ledger::default();
    std::thread::scope(|scope| {
        for who in 0..CLIENTS {
            let (server, ledger) = (&server, &ledger);
            scope.spawn(move || client(server, ledger, who));
        }
        for who in 0..4 {
            let (server, ledger) = (&server, &ledger);
            scope.spawn(move || branches(server, ledger, who));
            scope.spawn(move || runs(server, &format!("t{who}"), who % 2 == 1));
        }
    });
    let told = ledger.0.into_inner().unwrap();
    let (_, pool) = server.get("/api/pools/vlans");
    let held: Vec<&Json> =
        pool["held"].as_array().unwrap().iter().filter(|one| one["released"].is_null()).collect();
    let of = |one: &Json| one["value"].as_i64().unwrap();
    let values: BTreeSet<i64> = held.iter().map(|one| of(one)).collect();
    assert_eq!(values.len(), held.len(), "each is listed once");
    for (value, who) in &told {
        let one = held.iter().find(|one| of(one) == *value);
        assert_eq!(
            one.map(|one| &one["identifier"]),
            Some(&json!(who)),
            "{value} was acknowledged"
        );
    }
    // What is held beyond that is what the runs that did not fail have.
    let things: Vec<&&Json> = held.iter().filter(|one| !told.contains_key(&of(one))).collect();
    let mut labels: Vec<&str> =
        things.iter().map(|one| one["label"].as_str().unwrap_or_default()).collect();
    labels.sort_unstable();
    let wanted = ["t0-a", "t0-b", "t2-a", "t2-b"].map(|name| format!("TestThing {name}"));
    assert_eq!(labels, wanted, "nothing leaks");
    assert_eq!(pool["used"], held.len().to_string());
}
