//! What published clients never show and lean on all the same: status codes, bodies of refusals, keys
//! that must be there and keys that must not.

use serde_json::{Value as Json, json};

use crate::{Server, code};

const TOKEN: &str = "0123456789abcdef";
const PASSWORD: &str = "a long password";

fn guarded() -> Server {
    let service = server::open(None, 2, None, false).unwrap();
    let (password, token) = (PASSWORD.to_owned(), TOKEN.to_owned());
    server::first_admin(&service, Some(password), Some(token)).unwrap().unwrap();
    Server::of(service)
}

/// The keys of an object, sorted.
fn keys(json: &Json) -> Vec<&str> {
    let map = json.as_object();
    let mut keys: Vec<&str> = map.into_iter().flatten().map(|(key, _)| key.as_str()).collect();
    keys.sort_unstable();
    keys
}

/// Status and body of a request with a method, headers and perhaps a body.
fn send(server: &Server, method: &str, path: &str, headers: &[(&str, &str)]) -> (u16, Json) {
    let mut request = ureq::http::Request::builder()
        .method(method)
        .uri(format!("{}{path}", server.base))
        .header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = if method == "GET" || method == "DELETE" {
        ""
    } else {
        "{\"query\": \"{ BuiltinTag { count } }\"}"
    };
    // A connection for every request, as the published client has them.
    let config = ureq::Agent::config_builder().http_status_as_error(false).max_idle_connections(0);
    let agent: ureq::Agent = config.build().into();
    Server::read(agent.run(request.body(body).unwrap()))
}

#[test]
fn success_has_data_and_no_errors_and_failure_has_both() {
    let server = Server::start();
    let (status, answer) =
        server.post("/graphql/main", &json!({"query": "{ BuiltinTag { count } }"}));
    assert_eq!((status, keys(&answer)), (200, vec!["data"]));
    // The operation's name and variables may be there, missing or nothing.
    for more in [json!({"variables": null}), json!({"operationName": null, "variables": {}})] {
        let mut body = json!({"query": "{ BuiltinTag { count } }"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(server.post("/graphql/main", &body).1, answer);
    }
    let (status, answer) = server.post("/graphql/main", &json!({"query": "{ Nothing { count } }"}));
    assert_eq!((status, keys(&answer)), (200, vec!["data", "errors"]));
    assert_eq!(answer["data"], Json::Null);
    let error = &answer["errors"][0];
    assert!(error["message"].is_string() && error["locations"].is_array());
    assert_eq!(keys(&error["extensions"]), ["code", "data", "http_status"]);
    // A mistake of a user is no reason to try again.
    assert!(error["extensions"]["http_status"].as_u64().unwrap() < 500);
    // Neither form of the path leads elsewhere.
    for path in ["/graphql", "/graphql/", "/graphql/main"] {
        assert_eq!(
            server.post(path, &json!({"query": "{ __typename }"})),
            (200, json!({"data": {"__typename": "Query"}}))
        );
    }
}

#[test]
fn a_branch_that_is_not_there_is_a_bad_request_and_never_a_missing_page() {
    let server = Server::start();
    let query = json!({"query": "{ BuiltinTag { count } }"});
    for (status, answer) in [
        server.post("/graphql/none", &query),
        server.post("/graphql/a%2Fb%20c", &query),
        server.get("/api/schema?branch=none"),
        server.get("/schema.graphql?branch=none"),
        server.post("/api/schema/load?branch=none", &json!({"schemas": []})),
        server.post("/api/query/none?branch=none", &json!({})),
    ] {
        assert_eq!((status, code(&answer)), (400, "BRANCH_NOT_FOUND"), "{answer}");
    }
}

#[test]
fn schemas_are_loaded_with_200_and_checked_with_202() {
    let server = Server::start();
    let schema = json!({"schemas": [{"version": "1.0", "nodes": [{"name": "Site", "namespace": "Demo",
        "attributes": [{"name": "name", "kind": "Text"}]}]}]});
    let (status, checked) = server.post("/api/schema/check?branch=main", &schema);
    assert_eq!((status, keys(&checked)), (202, vec!["diff", "warnings"]));
    assert_eq!(keys(&checked["diff"]), ["added", "changed", "removed"]);
    let (status, loaded) = server.post("/api/schema/load?branch=main", &schema);
    assert_eq!(status, 200);
    assert_ne!(loaded["hash"], loaded["previous_hash"]);
    assert_eq!(loaded["warnings"], json!([]));
    let (_, again) = server.post("/api/schema/load?branch=main", &schema);
    assert_eq!((&again["hash"], &again["previous_hash"]), (&loaded["hash"], &loaded["hash"]));
    let (_, checked) = server.post("/api/schema/check", &schema);
    assert_eq!(checked["diff"], json!({"added": {}, "changed": {}, "removed": {}}));
    let bad =
        json!({"schemas": [{"version": "1.0", "nodes": [{"name": "site", "namespace": "Demo"}]}]});
    for path in ["/api/schema/load", "/api/schema/check"] {
        let (status, answer) = server.post(path, &bad);
        assert_eq!(status, 422, "{answer}");
        assert!(answer["errors"][0]["message"].is_string());
    }
}

#[test]
fn every_401_is_an_object_with_a_list_of_errors() {
    let server = guarded();
    let wrong: [&[(&str, &str)]; 5] = [
        &[("x-infrahub-key", "wrong")],
        &[("authorization", "Bearer a.b.c")],
        &[("authorization", "Bearer")],
        &[("authorization", "Basic YTpi")],
        &[],
    ];
    for headers in wrong {
        for (method, path) in [
            ("POST", "/graphql/main"),
            ("GET", "/api/schema"),
            ("GET", "/api/objects/BuiltinTag"),
            ("POST", "/api/query/none"),
            ("GET", "/api/tokens"),
            ("POST", "/api/auth/refresh"),
        ] {
            let (status, answer) = send(&server, method, path, headers);
            let told = format!("{method} {path} {headers:?}: {answer}");
            assert_eq!(status, 401, "{told}");
            assert_eq!(keys(&answer), ["data", "errors"], "{told}");
            assert_eq!(answer["data"], Json::Null, "{told}");
            let error = &answer["errors"][0];
            assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{told}");
            assert_eq!(error["extensions"]["http_status"], 401, "{told}");
            assert_eq!(error["extensions"]["code"], "AUTHENTICATION_REQUIRED", "{told}");
        }
    }
}

#[test]
fn logging_in_answers_two_tokens_and_refreshing_one() {
    let server = guarded();
    let login = json!({"username": "admin", "password": PASSWORD});
    let (status, signed) = server.post("/api/auth/login", &login);
    assert_eq!((status, keys(&signed)), (200, vec!["access_token", "refresh_token"]));
    let bearer = format!("Bearer {}", signed["refresh_token"].as_str().unwrap());
    // The published client sends no body.
    let request = ureq::http::Request::post(format!("{}/api/auth/refresh", server.base))
        .header("authorization", &bearer)
        .header("content-type", "application/json");
    let (status, fresh) = Server::read(server.agent.run(request.body(()).unwrap()));
    assert_eq!((status, keys(&fresh)), (200, vec!["access_token"]));
    for body in [json!({}), json!({"username": "admin"}), json!([])] {
        assert_eq!(server.post("/api/auth/login", &body).0, 400, "{body}");
    }
}

#[test]
fn a_refused_change_is_403_and_one_among_others_is_told_beside_them() {
    let server = guarded();
    let admin = [("x-infrahub-key", TOKEN)];
    let ask = |headers: &[(&str, &str)], text: &str| {
        let mut request = server.agent.post(format!("{}/graphql", server.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Server::read(request.send_json(json!({"query": text})))
    };
    let (status, answer) = ask(
        &admin,
        "mutation { a: CoreAccountCreate(data: {name: {value: \"jo\"} password: {value: \"a password of jo\"}}) { object { id } } \
         p: CoreObjectPermissionCreate(data: {namespace: {value: \"Builtin\"} name: {value: \"*\"} action: {value: \"view\"}}) { object { id } } }",
    );
    assert_eq!(status, 200, "{answer}");
    let id = |key: &str| answer["data"][key]["object"]["id"].as_str().unwrap().to_owned();
    let (jo, permission) = (id("a"), id("p"));
    let (status, answer) = ask(
        &admin,
        &format!(
            "mutation {{ CoreAccountRoleCreate(data: {{name: {{value: \"tags\"}} permissions: [{{id: \"{permission}\"}}]}}) {{ ok }} \
             CoreAccountGroupCreate(data: {{name: {{value: \"people\"}} roles: [{{hfid: [\"tags\"]}}] members: [{{id: \"{jo}\"}}]}}) {{ ok }} }}"
        ),
    );
    assert_eq!(status, 200, "{answer}");
    let (_, signed) =
        server.post("/api/auth/login", &json!({"username": "jo", "password": "a password of jo"}));
    let bearer = format!("Bearer {}", signed["access_token"].as_str().unwrap());
    let jo = [("authorization", bearer.as_str())];
    assert_eq!(ask(&jo, "{ BuiltinTag { count } }").0, 200);
    for text in [
        "{ BuiltinTag { count } CoreStandardGroup { count } }",
        "mutation { BuiltinTagCreate(data: {name: {value: \"x\"}}) { ok } }",
    ] {
        let (status, answer) = ask(&jo, text);
        assert_eq!((status, code(&answer)), (403, "PERMISSION_DENIED"), "{answer}");
        assert!(answer["errors"][0]["extensions"]["data"]["permission"].is_string(), "{answer}");
    }
    // One that is refused does not undo one that is done: the whole is told.
    let (status, answer) = ask(
        &admin,
        "mutation { a: BuiltinTagCreate(data: {name: {value: \"x\"}}) { ok } b: BuiltinTagCreate(data: {name: {value: \"x\"}}) { ok } }",
    );
    assert_eq!(
        (status, &answer["data"]),
        (200, &json!({"a": {"ok": true}, "b": null})),
        "{answer}"
    );
    assert_eq!(answer["errors"][0]["path"], json!(["b"]));
}

#[test]
fn a_stored_query_that_fails_is_no_success() {
    let server = Server::start();
    let (status, answer) = server.post("/api/query/none?update_group=false&", &json!({}));
    assert_eq!((status, keys(&answer)), (404, vec!["data", "errors"]));
    let store = "mutation { CoreGraphQLQueryCreate(data: {name: {value: \"tags\"} query: {value: \"query($n: String!) { BuiltinTag(name__value: $n) { count } }\"}}) { ok } }";
    assert_eq!(server.post("/graphql", &json!({"query": store})).0, 200);
    let (status, answer) = server.post("/api/query/tags", &json!({}));
    assert!((400..500).contains(&status) && answer["errors"].is_array(), "{status} {answer}");
    let good = (200, json!({"data": {"BuiltinTag": {"count": 0}}}));
    assert_eq!(
        server.post(
            "/api/query/tags?branch=main&update_group=true&",
            &json!({"variables": {"n": "x"}})
        ),
        good
    );
    assert_eq!(server.get("/api/query/tags?n=x"), good);
}

#[test]
fn the_settings_say_whether_anybody_may_look() {
    let open =
        |server: &Server| server.get("/api/config").1["main"]["allow_anonymous_access"].clone();
    assert_eq!(open(&Server::start()), true);
    let server = guarded();
    assert_eq!(open(&server), false);
    // That it lives, and what it is, is told to anybody.
    assert_eq!((server.get("/api/health").0, server.get("/api/info").0), (200, 200));
}

#[test]
fn a_browser_gets_a_page_that_fetches_nothing_from_elsewhere() {
    let server = Server::start();
    let get = |path: &str, accept: &str| {
        let request = server.agent.get(format!("{}{path}", server.base)).header("accept", accept);
        let mut answer = request.call().unwrap();
        let header = |name: &str| {
            answer
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or("")
                .to_owned()
        };
        let (kind, policy) = (header("content-type"), header("content-security-policy"));
        (answer.status().as_u16(), kind, policy, answer.body_mut().read_to_string().unwrap())
    };
    let mut page = String::new();
    for path in ["/graphql", "/graphql/", "/graphql/feature%2Fx"] {
        let (status, kind, policy, text) = get(path, "text/html,application/xhtml+xml,*/*;q=0.8");
        assert_eq!((status, kind.as_str()), (200, "text/html; charset=utf-8"));
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        page = text;
    }
    // Every part that the page names is there, and no part names another place.
    let parts: Vec<&str> = page
        .split('"')
        .filter(|part| {
            part.starts_with('/')
                && part.ends_with(|c: char| c.is_ascii_lowercase())
                && part.contains('.')
        })
        .collect();
    assert_eq!(parts, ["/explorer/page.css", "/explorer/page.js"]);
    for part in parts {
        let (status, _, _, text) = get(part, "*/*");
        assert_eq!(status, 200, "{part}");
        assert!(!text.contains("://") && !text.contains("innerHTML"), "{part}");
    }
    assert!(
        !page.contains("://") && !page.contains("<style") && !page.contains("onclick"),
        "{page}"
    );
    // The documents that it begins with are valid here.
    let script = get("/explorer/page.js", "*/*").3;
    let start = script.split("const START = \"").nth(1).unwrap().split("\";").next().unwrap();
    let start: String = serde_json::from_str(&format!("\"{start}\"")).unwrap();
    let answer = server.post("/graphql", &json!({"query": start})).1;
    assert!(answer.get("errors").is_none(), "{answer}");
    // Programs ask otherwise.
    let (status, answer) = server.get("/graphql");
    assert_eq!((status, code(&answer)), (405, "method-not-allowed"));
}

#[test]
fn connections_that_say_nothing_and_bodies_that_never_end_keep_nobody_waiting() {
    use std::io::Write as _;
    use std::net::TcpStream;

    let server = Server::start();
    let address = server.base.strip_prefix("http://").unwrap().to_owned();
    let idle: Vec<TcpStream> = (0..1_000).map(|_| TcpStream::connect(&address).unwrap()).collect();
    let mut endless: Vec<TcpStream> = (0..50)
        .map(|number| {
            let mut stream = TcpStream::connect(&address).unwrap();
            // Half of them say how much will come, half do not; all begin, and none ends.
            let length = match number % 2 {
                0 => "content-length: 1000000",
                _ => "transfer-encoding: chunked",
            };
            let head = format!(
                "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{length}\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(b"1\r\n{\r\n").unwrap();
            stream
        })
        .collect();
    for number in 0..20 {
        let create = format!(
            "mutation {{ BuiltinTagCreate(data: {{name: {{value: \"t{number}\"}}}}) {{ ok }} }}"
        );
        let (status, answer) = server.post("/graphql", &json!({"query": create}));
        assert_eq!(
            (status, &answer["data"]["BuiltinTagCreate"]["ok"]),
            (200, &json!(true)),
            "{answer}"
        );
        for stream in &mut endless {
            stream.write_all(b"1\r\n \r\n").unwrap();
        }
    }
    drop(idle);
    drop(endless);
    assert_eq!(server.get("/api/health").0, 200);
}
