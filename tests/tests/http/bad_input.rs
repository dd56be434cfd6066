//! Bad input as it comes over the wire: each is refused with a status and a stable code in the one form
//! of errors, nothing is changed by it, and the next request is answered.

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
    relationships:
      - {name: tags, peer: BuiltinTag, cardinality: many, kind: Attribute, optional: true}
"#;

fn stocked() -> Server {
    let server = Server::start();
    let files = json!({"files": [{"name": "s.yml", "text": SCHEMA}]});
    assert_eq!(server.post("/api/schema/load", &files).0, 200);
    server
}

/// Status and answer of a body that is sent as it is.
fn send(server: &Server, method: &str, path: &str, body: &[u8]) -> (u16, Json) {
    let request = ureq::http::Request::builder()
        .method(method)
        .uri(format!("{}{path}", server.base))
        .header("content-type", "application/json");
    Server::read(server.agent.run(request.body(body).unwrap()))
}

/// A number that every change raises.
fn commit(server: &Server) -> u64 {
    server.get("/api/health").1["commit"].as_u64().unwrap()
}

fn ask(server: &Server, text: &str, variables: Json) -> (u16, Json) {
    server.post("/graphql/main", &json!({"query": text, "variables": variables}))
}

/// That an answer is a refusal in the one form: no data, a message, a code, the same status everywhere.
fn is_refusal(status: u16, answer: &Json, told: &str) {
    assert!((400..500).contains(&status), "{told}: {status} {answer}");
    assert_eq!(answer["data"], Json::Null, "{told}: {answer}");
    let error = &answer["errors"][0];
    assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{told}: {answer}");
    assert_ne!(code(answer), "none", "{told}: {answer}");
    assert_eq!(error["extensions"]["http_status"], status, "{told}: {answer}");
}

#[test]
fn a_body_that_is_no_json_or_another_one_is_refused_wherever_json_is_taken() {
    let server = stocked();
    let document = server.get("/api/openapi.json").1;
    let mut taking = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if operation["requestBody"]["content"].get("application/json").is_some() {
                taking.push((method.to_uppercase(), path.replace(['{', '}'], "")));
            }
        }
    }
    assert!(taking.len() > 25, "{taking:?}");
    let before = commit(&server);
    let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
    let malformed: [&[u8]; 9] = [
        b"{",
        b"{\"query\": \"{ BuiltinTag { count } }\"",
        b"{\"query\": \"{ BuiltinTag { count } }\"} {}",
        b"{query: 1}",
        b"{'query': '{ BuiltinTag { count } }'}",
        b"{\"query\": \"\xff\"}",
        b"\0\0\0",
        b"NaN",
        &deep,
    ];
    for (method, path) in &taking {
        for body in malformed {
            let (status, answer) = send(&server, method, path, body);
            let head = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
            let told = format!("{method} {path} {head}");
            is_refusal(status, &answer, &told);
            // Before anything that it names is looked for, and whatever a body could say.
            let proves_itself = path.ends_with("/trigger");
            assert!(
                proves_itself || (status, code(&answer)) == (400, "bad-json"),
                "{told}: {answer}"
            );
        }
        // What reads, and is no object.
        for body in ["[]", "1", "\"{}\"", "true"] {
            let (status, answer) = send(&server, method, path, body.as_bytes());
            is_refusal(status, &answer, &format!("{method} {path} {body}"));
        }
    }
    assert_eq!(commit(&server), before);
    assert_eq!(ask(&server, "{ DemoSite { count } }", json!({})).0, 200);
}

#[test]
fn a_request_of_graphql_that_is_of_another_shape_is_refused() {
    let server = stocked();
    for body in [json!({}), json!({"query": ""}), json!({"query": " \n", "variables": {}})] {
        let (status, answer) = server.post("/graphql", &body);
        is_refusal(status, &answer, &body.to_string());
        assert_eq!((status, code(&answer)), (400, "BAD_REQUEST"), "{body}: {answer}");
    }
    // Half of a letter, which no text can hold.
    let half = b"{\"query\": \"{ BuiltinTag(name__value: \\\"\\ud800\\\") { count } }\"}";
    let (status, answer) = send(&server, "POST", "/graphql", half);
    assert_eq!((status, code(&answer)), (400, "bad-json"), "{answer}");
    for body in [
        json!({"query": null}),
        json!({"query": 5}),
        json!({"query": ["{ BuiltinTag { count } }"]}),
        json!({"query": "{ BuiltinTag { count } }", "variables": []}),
        json!({"query": "{ BuiltinTag { count } }", "variables": "{}"}),
        json!({"query": "{ BuiltinTag { count } }", "operationName": 5}),
    ] {
        let (status, answer) = server.post("/graphql", &body);
        is_refusal(status, &answer, &body.to_string());
        assert_eq!((status, code(&answer)), (400, "bad-json"), "{body}: {answer}");
    }
}

/// Documents that are too much, by what there is too much of.
fn too_much() -> Vec<(&'static str, String)> {
    let many = |count: usize, one: &dyn Fn(usize) -> String| -> String {
        format!("{{ {} }}", (0..count).map(one).collect::<String>())
    };
    let levels = |depth: usize| {
        let open = "tags { edges { node { member_of_groups { edges { node { ".repeat(depth / 6);
        let close = "} } } } } }".repeat(depth / 6);
        format!("{{ DemoSite {{ edges {{ node {{ {open} id {close} }} }} }} }}")
    };
    vec![
        ("1 MB of a comment", format!("{{ DemoSite {{ count }} }} # {}", "x".repeat(1 << 20))),
        ("1 MB of fields", many(1 << 17, &|_| "a:count ".to_owned())),
        (
            "1 MB of a text",
            format!("{{ DemoSite(name__value: \"{}\") {{ count }} }}", "x".repeat(1 << 20)),
        ),
        ("depth 1,000", levels(1_000)),
        (
            "depth 1,000 of lists",
            format!(
                "{{ DemoSite(name__values: {}{}) {{ count }} }}",
                "[".repeat(1_000),
                "]".repeat(1_000)
            ),
        ),
        ("10,000 aliases", many(10_000, &|n| format!("a{n}: DemoSite {{ count }} "))),
        (
            "1,001 mutations",
            format!(
                "mutation {}",
                many(1_001, &|n| {
                    format!(
                        "m{n}: DemoSiteCreate(data: {{ name: {{ value: \"s{n}\" }} }}) {{ ok }} "
                    )
                })
            ),
        ),
    ]
}

#[test]
fn documents_that_are_too_much_are_refused_before_they_are_executed() {
    let server = stocked();
    let before = commit(&server);
    for (what, text) in too_much() {
        let began = std::time::Instant::now();
        let (status, answer) = ask(&server, &text, json!({}));
        assert!(began.elapsed().as_secs() < 10, "{what}: {:?}", began.elapsed());
        // A failure of a document is an answer of GraphQL, and so are its limits.
        assert_eq!((status, &answer["data"]), (200, &Json::Null), "{what}: {answer}");
        let error = &answer["errors"][0]["extensions"];
        let told = (error["code"].as_str().unwrap(), error["http_status"].as_u64().unwrap());
        assert!(
            told == ("LIMIT_EXCEEDED", 400) || told == ("BAD_REQUEST", 400),
            "{what}: {answer}"
        );
    }
    assert_eq!(commit(&server), before);
    assert_eq!(
        ask(&server, "{ DemoSite { count } }", json!({})),
        (200, json!({"data": {"DemoSite": {"count": 0}}}))
    );
}

/// A document, its variables, the code of its refusal if it has one of its own, and what it names.
type Wrong = (&'static str, Json, &'static str, &'static str);

/// Variables of wrong types, and such that are missing.
fn wrong_values() -> Vec<Wrong> {
    let create = "mutation($v: String!) { DemoSiteCreate(data: {name: {value: \"x\"} floors: {value: $v}}) { ok } }";
    let filter = "query($v: [String]) { DemoSite(name__values: $v) { count } }";
    vec![
        (create, json!({"v": "many"}), "ATTRIBUTE_INVALID_TYPE", "floors"),
        (create, json!({"v": {"a": 1}}), "", "v"),
        (create, json!({"v": null}), "", "v"),
        (create, json!({}), "", "v"),
        (filter, json!({"v": {"a": 1}}), "", ""),
        ("query($v: Int) { DemoSite(limit: $v) { count } }", json!({"v": "ten"}), "", ""),
        ("query($v: Nothing) { DemoSite(limit: $v) { count } }", json!({"v": 1}), "", "Nothing"),
        ("{ DemoSite(limit: $v) { count } }", json!({"v": 1}), "", "v"),
    ]
}

/// Names that are nowhere, and what does not read at all.
fn wrong_names() -> Vec<Wrong> {
    vec![
        ("{ DemoSit { count } }", json!({}), "BAD_REQUEST", "did you mean `DemoSite`?"),
        (
            "{ DemoSite { edges { node { nam { value } } } } }",
            json!({}),
            "BAD_REQUEST",
            "did you mean `name`?",
        ),
        (
            "{ DemoSite(nam__value: \"x\") { count } }",
            json!({}),
            "BAD_REQUEST",
            "did you mean `name__value`?",
        ),
        (
            "{ DemoSite(tags__colour__value: \"x\") { count } }",
            json!({}),
            "BAD_REQUEST",
            "tags__colour__value",
        ),
        (
            "{ DemoSite(order: {by: [{field: \"colour__value\"}]}) { count } }",
            json!({}),
            "",
            "colour__value",
        ),
        (
            "mutation { DemoSiteCreate(data: {name: {value: \"x\"} colour: {value: 1}}) { ok } }",
            json!({}),
            "BAD_REQUEST",
            "colour",
        ),
        ("mutation { DemoSiteCreat(data: {}) { ok } }", json!({}), "BAD_REQUEST", "DemoSiteCreat"),
        (
            "query A { DemoSite { count } } query B { DemoSite { count } }",
            json!({}),
            "BAD_REQUEST",
            "",
        ),
        ("{ DemoSite { count }", json!({}), "BAD_REQUEST", ""),
        ("", json!({}), "BAD_REQUEST", ""),
        ("\u{0}", json!({}), "BAD_REQUEST", ""),
    ]
}

#[test]
fn values_and_names_that_are_wrong_are_told_and_change_nothing() {
    let server = stocked();
    let made = ask(
        &server,
        "mutation { DemoSiteCreate(data: {name: {value: \"ams\"}}) { object { id } } }",
        json!({}),
    );
    assert_eq!(made.0, 200);
    let before = commit(&server);
    for (text, variables, wanted, part) in wrong_values().into_iter().chain(wrong_names()) {
        let (status, answer) = ask(&server, text, variables.clone());
        let told = format!("{text} {variables}: {answer}");
        assert!(status < 500 && status != 404, "{told}");
        let error = &answer["errors"][0];
        let is = code(&answer);
        assert!(if wanted.is_empty() { is != "none" } else { is == wanted }, "{told}");
        assert!(error["message"].as_str().unwrap().contains(part), "{told}");
        let named = error["extensions"]["http_status"].as_u64().unwrap();
        assert!((400..500).contains(&named), "{told}");
    }
    assert_eq!(commit(&server), before);
}

#[test]
fn what_is_on_one_branch_cannot_be_named_on_another() {
    let server = stocked();
    assert_eq!(server.post("/api/branches", &json!({"name": "b"})).0, 200);
    let text = "mutation { BuiltinTagCreate(data: {name: {value: \"there\"}}) { object { id } } }";
    let made = server.post("/graphql/b", &json!({"query": text})).1;
    let far = made["data"]["BuiltinTagCreate"]["object"]["id"].as_str().unwrap().to_owned();
    let site = ask(
        &server,
        "mutation { DemoSiteCreate(data: {name: {value: \"ams\"}}) { object { id } } }",
        json!({}),
    )
    .1;
    let site = site["data"]["DemoSiteCreate"]["object"]["id"].as_str().unwrap().to_owned();
    let before = commit(&server);
    for text in [
        format!(
            "mutation {{ DemoSiteCreate(data: {{name: {{value: \"x\"}} tags: [{{id: \"{far}\"}}]}}) {{ ok }} }}"
        ),
        format!(
            "mutation {{ DemoSiteUpdate(data: {{id: \"{site}\" tags: [{{hfid: [\"there\"]}}]}}) {{ ok }} }}"
        ),
        format!(
            "mutation {{ RelationshipAdd(data: {{id: \"{site}\" name: \"tags\" nodes: [{{id: \"{far}\"}}]}}) {{ ok }} }}"
        ),
        format!(
            "mutation {{ BuiltinTagUpdate(data: {{id: \"{far}\" description: {{value: \"x\"}}}}) {{ ok }} }}"
        ),
        format!("mutation {{ BuiltinTagDelete(data: {{id: \"{far}\"}}) {{ ok }} }}"),
    ] {
        let (status, answer) = ask(&server, &text, json!({}));
        assert_eq!((status, code(&answer)), (200, "NODE_NOT_FOUND"), "{text}: {answer}");
        let message = answer["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains("Unable to find the node"), "{message}");
    }
    assert_eq!(commit(&server), before);
    let count = server.post("/graphql/b", &json!({"query": "{ BuiltinTag { count } }"})).1;
    assert_eq!(count["data"]["BuiltinTag"]["count"], 1);
}

#[test]
fn a_path_is_answered_where_it_is_and_never_leads_elsewhere() {
    let server = stocked();
    // The published clients follow nothing: a path with a stroke too much is nowhere.
    for path in ["/api/schema/", "/api/info/", "/api/query/x/", "//graphql", "/graphql//", "/api/"]
    {
        let (status, answer) = server.get(path);
        assert!((400..500).contains(&status), "{path}: {status} {answer}");
        assert!(answer["errors"].is_array(), "{path}: {answer}");
    }
    // They write a branch in two ways.
    for path in
        ["/api/schema?branch=feat%2Fx+y", "/api/schema?branch=feat/x%20y", "/graphql/feat%2Fx%20y"]
    {
        let (status, answer) = match path.starts_with("/graphql") {
            true => server.post(path, &json!({"query": "{ DemoSite { count } }"})),
            false => server.get(path),
        };
        assert_eq!((status, code(&answer)), (400, "BRANCH_NOT_FOUND"), "{path}");
        assert_eq!(answer["errors"][0]["message"], "Branch: feat/x y not found.", "{path}");
    }
    // And what is not JSON by its type is read as what it is.
    let text = "{\"query\": \"{ DemoSite { count } }\"}";
    let sent =
        server.agent.post(format!("{}/graphql", server.base)).content_type("text/plain").send(text);
    assert_eq!(Server::read(sent).0, 200);
}
