//! The HTTP API as a client meets it: a server on a port of its own.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends by panicking")]

#[path = "stories/hammer.rs"]
mod hammer;
#[path = "stories/held.rs"]
mod held;

#[path = "http/bad_input.rs"]
mod bad_input;
#[path = "http/branches.rs"]
mod branches;
#[path = "http/catalogue.rs"]
mod catalogue;
#[path = "http/door.rs"]
mod door;
#[path = "http/rest.rs"]
mod rest;
#[path = "http/wire.rs"]
mod wire;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value as Json, json};
use sha2::Sha256;

struct Server {
    base: String,
    agent: ureq::Agent,
    _runtime: tokio::runtime::Runtime,
}

impl Server {
    fn start() -> Self {
        Self::of(server::open(None, 2, None, true).unwrap())
    }

    fn of(service: server::Service) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let serving = runtime.block_on(server::serve(service, any)).unwrap();
        let base = format!("http://{}", serving.address);
        runtime.spawn(serving.until(std::future::pending()));
        let config = ureq::Agent::config_builder().http_status_as_error(false).build();
        Self { base, agent: config.into(), _runtime: runtime }
    }

    fn read(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> (u16, Json) {
        let mut answer = answer.unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(Json::String(text)))
    }

    fn get(&self, path: &str) -> (u16, Json) {
        Self::read(self.agent.get(format!("{}{path}", self.base)).call())
    }

    fn post(&self, path: &str, body: &Json) -> (u16, Json) {
        Self::read(self.agent.post(format!("{}{path}", self.base)).send_json(body))
    }

    fn put(&self, path: &str, bytes: &[u8]) -> (u16, Json) {
        Self::read(self.agent.put(format!("{}{path}", self.base)).send(bytes))
    }

    fn file(&self, path: &str, file: &str) -> (u16, Json) {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/web-service");
        let text = std::fs::read_to_string(root.join(file)).unwrap();
        self.post(path, &json!({"files": [{"name": file, "text": text}]}))
    }

    /// The example `web-service`, registered with a trigger secret.
    fn example() -> Self {
        Self::start().with_example()
    }

    fn with_example(self) -> Self {
        let server = self;
        assert_eq!(server.file("/api/schema/load", "schema.yml").0, 200);
        assert_eq!(server.file("/api/objects/load", "data.yml").0, 200);
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let wasm = std::fs::read(root.join("target/components/web_service.wasm")).unwrap();
        let (_, info) = server.put("/api/components/upload", &wasm);
        let query = std::fs::read_to_string(root.join("examples/web-service/query.gql")).unwrap();
        let definition = json!({
            "name": "web-service", "query": query, "targets": "web_services",
            "parameters": {"name": "name__value"}, "component": info["digest"],
            "trigger_secret": "s3cret",
        });
        let path = format!("{}/api/generators", server.base);
        let (status, answer) = Self::read(server.agent.put(path).send_json(&definition));
        assert_eq!(status, 200, "{answer}");
        server
    }

    fn trigger(&self, secret: &str, at: i64, body: &str) -> (u16, Json) {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("{at}.{body}").as_bytes());
        let signature: String =
            mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let sent = self
            .agent
            .post(format!("{}/api/generators/web-service/trigger", self.base))
            .header("x-kiln-timestamp", at.to_string())
            .header("x-kiln-signature", signature)
            .send(body);
        Self::read(sent)
    }
}

fn code(answer: &Json) -> &str {
    answer["errors"][0]["extensions"]["code"].as_str().unwrap_or("none")
}

fn now() -> i64 {
    model::Clock::now(&server::SystemClock).0 / 1_000_000
}

#[test]
fn bad_requests_have_a_status_and_a_stable_code() {
    let server = Server::start();
    let (status, answer) = server.get("/nowhere");
    assert_eq!((status, code(&answer)), (404, "no-such-path"));
    let (status, answer) = server.put("/api/generators", b"{");
    assert_eq!((status, code(&answer)), (400, "bad-json"));
    let schema = json!({"files": [{"name": "s.yml", "text": "nodes: [{name: x, namspace: y}]"}]});
    let (status, answer) = server.post("/api/schema/load", &schema);
    assert_eq!((status, code(&answer)), (422, "schema-invalid"));
    let details = answer["errors"][0]["extensions"]["details"].to_string();
    assert!(details.contains("did you mean `namespace`?"), "{details}");
    let (status, answer) = server.get("/api/objects/Nothing");
    assert_eq!((status, code(&answer)), (422, "unknown-kind"));
    let (status, answer) = server.get("/api/objects/BuiltinTag/none");
    assert_eq!((status, code(&answer)), (404, "not-found"));
    let (status, answer) = server.post("/api/generators/none/run", &json!({}));
    assert_eq!((status, code(&answer)), (404, "unknown-definition"));
    assert_eq!(server.get("/api/health").0, 200);
}

#[test]
fn every_verb_takes_a_branch_and_a_moment() {
    let server = Server::example();
    let (status, made) = server.post("/api/branches", &json!({"name": "team/b"}));
    assert_eq!((status, &made["status"]), (200, &json!("OPEN")), "{made}");
    let run = server.post("/api/generators/web-service/run?branch=team/b", &json!({})).1;
    assert_eq!(run["ok"], true, "{run}");
    let count = |path: &str| {
        let answer = server.post(path, &json!({"query": "{ InfraServer { count } }"})).1;
        answer["data"]["InfraServer"]["count"].as_u64().unwrap_or_else(|| panic!("{answer}"))
    };
    assert_eq!(count("/graphql"), 0);
    let made = count("/graphql/team/b");
    assert!(made > 0);
    assert_eq!(count("/graphql?branch=team/b"), made);
    let (_, health) = server.get("/api/health");
    let before = health["commit"].as_u64().unwrap() - 1;
    assert!(count(&format!("/graphql/team/b?at={before}")) < made);
    let (status, answer) =
        server.post("/graphql/none", &json!({"query": "{ InfraServer { count } }"}));
    assert_eq!((status, code(&answer)), (400, "BRANCH_NOT_FOUND"));
    let (status, answer) = server.get("/api/objects/InfraServer?at=yesterday");
    assert_eq!((status, code(&answer)), (400, "no-such-moment"));
    let (status, answer) = server.post("/api/branches", &json!({"name": "team/b"}));
    assert_eq!((status, code(&answer)), (409, "branch-exists"));
    let names = server.get("/api/branches").1;
    assert_eq!(names["branches"][1]["name"], "team/b", "{names}");
    let deleted = server.agent.delete(format!("{}/api/branches/team/b", server.base)).call();
    assert_eq!(Server::read(deleted).0, 200);
    let refused = server.agent.delete(format!("{}/api/branches/main", server.base)).call();
    let (status, answer) = Server::read(refused);
    assert_eq!((status, code(&answer)), (403, "branch-is-default"));
    assert_eq!(server.get("/api/branches/team/b").0, 400);
}

#[test]
fn branches_are_validated_decided_rebased_and_merged() {
    let server = Server::example();
    let tag = |branch: &str, description: &str| {
        let text = format!(
            "mutation {{ BuiltinTagUpsert(data: {{name: {{value: \"t\"}}, description: {{value: \
             \"{description}\"}}}}) {{ ok }} }}"
        );
        let answer = server.post(&format!("/graphql/{branch}"), &json!({"query": text})).1;
        assert_eq!(answer["data"]["BuiltinTagUpsert"]["ok"], true, "{answer}");
    };
    tag("main", "first");
    assert_eq!(server.post("/api/branches", &json!({"name": "team/b"})).0, 200);
    tag("team/b", "here");
    tag("main", "there");
    let (status, told) = server.post("/api/branches/team/b/validate", &json!({}));
    assert_eq!((status, &told["ok"]), (200, &json!(false)), "{told}");
    for verb in ["merge", "rebase"] {
        let (status, answer) = server.post(&format!("/api/branches/team/b/{verb}"), &json!({}));
        assert_eq!((status, code(&answer)), (409, "branch-conflicts"), "{answer}");
    }
    let (status, told) = server.get("/api/conflicts?branch=team/b");
    assert_eq!((status, &told["open"]), (200, &json!(1)), "{told}");
    let conflict = &told["conflicts"][0];
    assert_eq!(conflict["path"], "description.value", "{conflict}");
    assert_eq!(
        (&conflict["main"]["value"], &conflict["branch"]["value"]),
        (&json!("there"), &json!("here"))
    );
    let path = format!("/api/conflicts/{}", conflict["id"].as_str().unwrap());
    let (status, answer) = server.post(&path, &json!({"keep": "both"}));
    assert_eq!((status, code(&answer)), (422, "bad-side"));
    let (status, answer) = server.post("/api/conflicts/none", &json!({"keep": "main"}));
    assert_eq!((status, code(&answer)), (404, "no-such-conflict"));
    assert_eq!(server.post(&path, &json!({"keep": "branch"})).1["keep"], "branch");
    assert_eq!(server.post("/api/branches/team/b/rebase", &json!({})).0, 200);
    let (status, merged) = server.post("/api/branches/team/b/merge", &json!({}));
    assert_eq!((status, &merged["branch"]["status"]), (200, &json!("MERGED")), "{merged}");
    assert_eq!(merged["changes"]["updated"], 1, "{merged}");
    let (status, answer) = server.post("/api/branches/team/b/merge", &json!({}));
    assert_eq!((status, code(&answer)), (400, "BRANCH_ALREADY_MERGED"));
    let (status, answer) = server.post("/api/branches/main/merge", &json!({}));
    assert_eq!((status, code(&answer)), (403, "branch-is-default"));
    let (status, answer) = server.post("/api/branches/none/merge", &json!({}));
    assert_eq!((status, code(&answer)), (400, "BRANCH_NOT_FOUND"));
    assert_eq!(server.post("/api/branches/team/b/paint", &json!({})).0, 404);
}

#[test]
fn what_is_no_component_is_refused_and_nothing_is_kept() {
    let server = Server::start();
    let core = b"\0asm\x01\0\0\0";
    for bytes in [&b"\x7fELF 1234"[..], b"(component)", b"", core, b"\0asm\x0d\0\x01\0\xff"] {
        let (status, answer) = server.put("/api/components/upload", bytes);
        assert_eq!(status, 422, "{answer}");
        assert_ne!(code(&answer), "none");
    }
    assert_eq!(server.get("/api/components").1, json!({"components": []}));
}

#[test]
fn a_signed_trigger_runs_its_target_and_an_unsigned_one_does_not() {
    let server = Server::example();
    let body = r#"{"target": "shop"}"#;
    let (status, answer) = server.trigger("wrong", now(), body);
    assert_eq!((status, code(&answer)), (403, "bad-signature"));
    let (status, answer) = server.trigger("s3cret", now() - 3600, body);
    assert_eq!((status, code(&answer)), (403, "stale-signature"));
    let servers = |server: &Server| {
        server.get("/api/objects/InfraServer").1["objects"].as_array().unwrap().len()
    };
    assert_eq!(servers(&server), 0);
    let (status, answer) = server.trigger("s3cret", now(), body);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(servers(&server), 3);
    let (status, _) = server.trigger("s3cret", now(), r#"{"attribute": "name", "value": "blog"}"#);
    assert_eq!(status, 200);
    assert_eq!(servers(&server), 5);
}

#[test]
fn a_trigger_finds_its_target_by_id_by_hfid_and_by_attribute_or_says_why_not() {
    let server = Server::example();
    let id = server.get("/api/objects/AppWebService/blog").1["id"].as_str().unwrap().to_owned();
    for body in [
        json!({"target": id}),
        json!({"target": "shop"}),
        json!({"attribute": "name", "value": "blog"}),
        json!({"attribute": "instances", "value": 3}),
    ] {
        let (status, answer) = server.trigger("s3cret", now(), &body.to_string());
        assert_eq!(status, 200, "{body}: {answer}");
        assert_eq!(answer["cause"], "trigger", "{answer}");
    }
    let runs = || server.get("/api/runs").1["runs"].as_array().unwrap().len();
    let before = runs();
    let same = |name: &str| {
        let path = format!("{}/api/objects/AppWebService/{name}", server.base);
        Server::read(server.agent.patch(path).send_json(json!({"instances": 2}))).0
    };
    assert_eq!((same("shop"), same("blog")), (200, 200));
    for (body, told) in [
        ("{", (422, "bad-body")),
        ("[]", (422, "bad-body")),
        (r#"{"attribute": "name"}"#, (422, "bad-body")),
        (r#"{"target": 5}"#, (422, "bad-body")),
        (r#"{"target": "none"}"#, (404, "not-found")),
        (r#"{"attribute": "name", "value": "none"}"#, (404, "not-found")),
        (r#"{"attribute": "colour", "value": "red"}"#, (404, "not-found")),
        (r#"{"attribute": "instances", "value": 2}"#, (422, "ambiguous-target")),
    ] {
        let (status, answer) = server.trigger("s3cret", now(), body);
        assert_eq!((status, code(&answer)), told, "{body}: {answer}");
    }
    assert_eq!(runs(), before);
}

#[test]
fn runs_are_listed_reported_and_ended_over_http() {
    let server = Server::example();
    assert_eq!(server.get("/api/runs/under-way"), (200, json!({"runs": []})));
    let (status, answer) = server.post("/api/runs/none/cancel", &json!({}));
    assert_eq!((status, code(&answer)), (404, "not-found"));
    let run = server.post("/api/generators/web-service/run", &json!({"target": "shop"})).1;
    let id = run["runs"][0]["run"].as_str().unwrap();
    let (status, answer) = server.get(&format!("/api/runs/{id}"));
    assert_eq!((status, &answer["outcome"]["Changed"]["created"]), (200, &json!(8)), "{answer}");
    let (status, answer) = server.post(&format!("/api/runs/{id}/cancel"), &json!({}));
    assert_eq!((status, code(&answer)), (404, "not-found"), "it has ended");
}

#[test]
fn a_run_beyond_the_last_place_is_answered_busy_until_one_ends() {
    let environment = server::environment();
    let held = held::Held::over(environment.ids);
    let ids = std::sync::Arc::clone(&held) as std::sync::Arc<dyn model::IdSource>;
    let service = server::Service::open(service::ServiceOptions {
        place: service::Place::Memory,
        environment: branch::Environment { ids, ..environment },
        slots: 2,
        key: sandbox::CacheKey::new([7; 32]),
        compiler: None,
        store: store::Options::default(),
        engine: engine::EngineOptions { under_way_max: 1, ..engine::EngineOptions::default() },
        access: service::AccessOptions { key: [9; 32], anonymous_read: true },
    });
    let server = Server::of(service.unwrap()).with_example();
    let run =
        |target: &str| server.post("/api/generators/web-service/run", &json!({"target": target}));
    let standing = held.hold();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| run("shop"));
        standing.wait();
        let body = r#"{"target": "blog"}"#;
        let (status, answer) = server.trigger("s3cret", now(), body);
        assert_eq!((status, code(&answer)), (503, "busy"), "{answer}");
        let path = format!("{}/api/generators/web-service/run", server.base);
        let refused = server.agent.post(path).send_json(json!({"target": "blog"})).unwrap();
        assert_eq!(refused.headers()["retry-after"], "1");
        assert_eq!(refused.status().as_u16(), 503);
        standing.go();
        assert_eq!(first.join().unwrap().1["ok"], true);
    });
    assert_eq!(run("blog").1["ok"], true);
}

#[test]
fn graphql_answers_and_describes_itself() {
    let server = Server::example();
    let query = json!({
        "query": "query($n: String) { AppWebService(name__value: $n) { count edges { node { \
                  label: display_label __typename site { node { name { value } } } } } } }",
        "variables": {"n": "shop"},
    });
    let (status, answer) = server.post("/graphql", &query);
    assert_eq!(status, 200);
    assert_eq!(
        answer["data"]["AppWebService"],
        json!({"count": 1, "edges": [{"node": {
            "label": "shop", "__typename": "AppWebService",
            "site": {"node": {"name": {"value": "paris"}}},
        }}]})
    );
    let introspection = json!({"query": "{ __schema { queryType { name } } }"});
    let (_, answer) = server.post("/graphql", &introspection);
    assert_eq!(answer["data"]["__schema"]["queryType"]["name"], "Query");
    let (_, sdl) = server.get("/schema.graphql");
    assert!(sdl.as_str().unwrap().contains("type AppWebService implements"));
}

#[test]
fn the_openapi_document_names_every_path_of_the_api() {
    let server = Server::start();
    let (_, document) = server.get("/api/openapi.json");
    let paths = document["paths"].as_object().unwrap();
    for path in ["/api/schema/load", "/api/generators/{name}/run", "/graphql"] {
        assert!(paths.contains_key(path), "{path}");
    }
}

#[test]
fn with_accounts_a_change_takes_a_token_and_reading_none() {
    let service = server::open(None, 2, None, true).unwrap();
    let token = "0123456789abcdef".to_owned();
    let password = "a long password".to_owned();
    server::first_admin(&service, Some(password.clone()), Some(token.clone())).unwrap().unwrap();
    let server = Server::of(service);
    let create =
        json!({"query": "mutation { BuiltinTagCreate(data: {name: {value: \"red\"}}) { ok } }"});
    let send = |path: &str, header: Option<(&str, &str)>, body: &Json| {
        let request = server.agent.post(format!("{}{path}", server.base));
        let request = match header {
            Some((name, value)) => request.header(name, value),
            None => request,
        };
        Server::read(request.send_json(body))
    };
    let (_, answer) = send("/graphql", None, &create);
    assert_eq!(code(&answer), "AUTHENTICATION_REQUIRED", "{answer}");
    let (status, _) = send("/graphql", Some(("x-infrahub-key", "wrong")), &create);
    assert_eq!(status, 401);
    let (_, answer) = send("/graphql", None, &json!({"query": "{ BuiltinTag { count } }"}));
    assert_eq!(answer["data"]["BuiltinTag"]["count"], 0, "{answer}");
    let (_, answer) = send("/graphql", Some(("x-infrahub-key", &token)), &create);
    assert_eq!(answer["data"]["BuiltinTagCreate"]["ok"], true, "{answer}");
    // By password.
    let login = json!({"username": "admin", "password": "wrong"});
    let (status, answer) = send("/api/auth/login", None, &login);
    assert_eq!((status, code(&answer)), (401, "AUTHENTICATION_REQUIRED"));
    let login = json!({"username": "admin", "password": password});
    let (status, signed) = send("/api/auth/login", None, &login);
    assert_eq!(status, 200, "{signed}");
    let bearer = |name: &str| format!("Bearer {}", signed[name].as_str().unwrap());
    let (access, refresh) = (bearer("access_token"), bearer("refresh_token"));
    let (status, made) =
        send("/api/tokens", Some(("authorization", &access)), &json!({"name": "ci"}));
    assert_eq!(status, 200, "{made}");
    let (status, fresh) = send("/api/auth/refresh", Some(("authorization", &refresh)), &json!({}));
    assert!(status == 200 && fresh["access_token"].is_string(), "{fresh}");
    let own = made["token"].as_str().unwrap();
    let again =
        json!({"query": "mutation { BuiltinTagCreate(data: {name: {value: \"blue\"}}) { ok } }"});
    let (_, answer) = send("/graphql", Some(("x-infrahub-key", own)), &again);
    assert_eq!(answer["data"]["BuiltinTagCreate"]["ok"], true, "{answer}");
    assert_eq!(send("/api/auth/logout", Some(("authorization", &access)), &json!({})).0, 200);
    assert_eq!(send("/api/tokens", Some(("authorization", &access)), &json!({})).0, 401);
    for header in ["Basic YTpi", "Bearer", "Bearer a.b.c"] {
        let (status, answer) = send("/graphql", Some(("authorization", header)), &create);
        assert!(status == 401 && answer.is_object(), "{header}: {answer}");
    }
}

#[test]
fn an_address_that_others_reach_is_refused() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let service = server::open(None, 1, None, true).unwrap();
    let all = std::net::SocketAddr::from(([0, 0, 0, 0], 0));
    let refused = runtime.block_on(server::serve(service, all)).unwrap_err();
    assert!(refused.to_string().contains("there are no accounts yet"), "{refused}");
}

#[test]
fn blame_why_and_revert_over_http() {
    let server = Server::example();
    let (status, ran) = server.post("/api/generators/web-service/run", &json!({"target": "shop"}));
    assert_eq!(status, 200, "{ran}");
    let run = ran["runs"][0]["run"].as_str().unwrap();
    let (status, blame) = server.get("/api/blame/InfraServer/shop-0?field=memory_gb");
    assert_eq!((status, &blame["values"][0]["run"]["id"]), (200, &json!(run)), "{blame}");
    assert_eq!(server.get("/api/blame/InfraServer/shop-0").0, 400);
    let (status, why) = server.get(&format!("/api/runs/{run}/why"));
    assert_eq!((status, &why["cause"]), (200, &json!("api")));
    let (status, plan) = server.post("/api/revert", &json!({"run": run, "plan": true}));
    assert_eq!((status, &plan["commit"]), (200, &Json::Null), "{plan}");
    let path = format!("{}/api/objects/InfraServer/shop-0", server.base);
    let set = Server::read(server.agent.patch(path).send_json(json!({"memory_gb": 64})));
    assert_eq!(set.0, 200, "{}", set.1);
    let (status, answer) = server.post("/api/revert", &json!({"run": run}));
    assert_eq!((status, code(&answer)), (409, "revert-blocked"), "{answer}");
    let details = answer["errors"][0]["extensions"]["details"].to_string();
    assert!(details.contains("InfraServer shop-0, memory_gb"), "{details}");
    let (status, answer) = server.post("/api/revert", &json!({}));
    assert_eq!((status, code(&answer)), (422, "bad-revert"));
    let (status, answer) = server.post("/api/revert", &json!({"commit": 99_999}));
    assert_eq!((status, code(&answer)), (404, "unknown-commit"));
}

#[test]
fn a_proposed_change_over_http() {
    let server = Server::example();
    server.post("/api/generators/web-service/run", &json!({"target": "shop"}));
    assert_eq!(server.post("/api/branches", &json!({"name": "b"})).0, 200);
    let change = json!({"name": "c", "source_branch": "b"});
    let (status, opened) = server.post("/api/changes", &change);
    assert_eq!((status, &opened["state"]), (200, &json!("open")), "{opened}");
    // It answers before the checks are done; whoever wants to waits for them.
    let (status, checked) = server.get("/api/changes/c?wait=20");
    assert_eq!((status, &checked["checks_pending"]), (200, &json!(false)), "{checked}");
    assert_eq!(checked["mergeable"], true, "{checked}");
    let (status, answer) = server.post("/api/changes", &change);
    assert_eq!((status, code(&answer)), (409, "change-exists"));
    let (status, answer) =
        server.post("/api/changes", &json!({"name": "d", "source_branch": "none"}));
    assert_eq!((status, code(&answer)), (400, "BRANCH_NOT_FOUND"));
    for (verb, body, wanted) in [
        ("check", json!({"check_type": "COLOUR"}), (422, "bad-check")),
        ("review", json!({"decision": "MAYBE"}), (422, "bad-review")),
        ("review", json!({"decision": "APPROVE"}), (401, "no-account")),
        ("comment", json!({}), (422, "bad-comment")),
        ("praise", json!({}), (404, "no-such-path")),
    ] {
        let (status, answer) = server.post(&format!("/api/changes/c/{verb}"), &body);
        assert_eq!((status, code(&answer)), wanted, "{verb}: {answer}");
    }
    assert_eq!(server.get("/api/changes/none").0, 404);
    // Two of one name are named by their ids.
    assert_eq!(server.post("/api/branches", &json!({"name": "b2"})).0, 200);
    assert_eq!(server.post("/api/changes", &json!({"name": "c", "source_branch": "b2"})).0, 200);
    let (status, answer) = server.get("/api/changes/c");
    assert_eq!((status, code(&answer)), (422, "ambiguous"));
    let path = format!("/api/changes/{}", opened["id"].as_str().unwrap());
    let (status, merged) = server.post(&format!("{path}/merge"), &json!({}));
    assert_eq!((status, &merged["state"]), (200, &json!("merged")), "{merged}");
    let (status, answer) = server.post(&format!("{path}/merge"), &json!({}));
    assert_eq!((status, code(&answer)), (409, "change-not-open"));
    let (_, listed) = server.get("/api/changes?state=open");
    assert_eq!(listed["changes"].as_array().map(Vec::len), Some(1));
}
