//! Who is let in: credentials come before everything else that a request says.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::{Server, code, now};

const TOKEN: &str = "0123456789abcdef";
const PASSWORD: &str = "a long password";

fn guarded(anonymous_read: bool) -> Server {
    let service = server::open(None, 2, None, anonymous_read).unwrap();
    let secrets = (Some(PASSWORD.to_owned()), Some(TOKEN.to_owned()));
    server::first_admin(&service, secrets.0, secrets.1).unwrap().unwrap();
    Server::of(service)
}

/// Sends bytes as they are; what comes back until the server closes, and how long that took.
fn raw(server: &Server, sent: &[u8]) -> (String, Duration) {
    let address = server.base.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let began = Instant::now();
    stream.write_all(sent).unwrap();
    let mut answer = String::new();
    let mut bytes = [0; 4096];
    // The head and the whole body are one object: it ends where the braces do.
    while !answer.ends_with("]}") {
        match stream.read(&mut bytes) {
            Ok(0) | Err(_) => break,
            Ok(count) => answer.push_str(&String::from_utf8_lossy(&bytes[..count])),
        }
    }
    (answer, began.elapsed())
}

/// Every operation of the description with a body, the names in its path filled in.
fn with_bodies(document: &Json) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if operation.get("requestBody").is_some() {
                let mut filled = String::new();
                for part in path.split('/').skip(1) {
                    filled.push('/');
                    filled.push_str(if part.starts_with('{') { "x" } else { part });
                }
                all.push((method.to_uppercase(), filled));
            }
        }
    }
    assert!(all.len() > 30, "{all:?}");
    all
}

/// What carries its own proof.
fn is_open(path: &str) -> bool {
    path == "/api/auth/login" || path.ends_with("/trigger")
}

/// Every operation of the description as it says itself: method, path with its names filled in, the schemes
/// of its security, and whether it says that it may answer 401 and 403.
fn with_access(document: &Json) -> Vec<(String, String, Vec<String>, [bool; 2])> {
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let filled: Vec<&str> =
            path.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect();
        for (method, operation) in methods.as_object().unwrap() {
            let ways = operation["security"].as_array().unwrap().iter();
            let ways = ways.map(|way| way.as_object().unwrap().keys().cloned().collect::<String>());
            let answers = ["401", "403"].map(|status| operation["responses"].get(status).is_some());
            all.push((method.to_uppercase(), filled.join("/"), ways.collect(), answers));
        }
    }
    assert!(all.len() > 80, "{}", all.len());
    all
}

#[test]
fn the_description_says_of_each_operation_what_it_asks_of_who_calls() {
    let shut = guarded(false);
    let open = guarded(true);
    let document = shut.get("/api/openapi.json").1;
    let send = |server: &Server, method: &str, path: &str| {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", server.base))
            .header("content-type", "application/json");
        let (status, answer) = Server::read(server.agent.run(request.body("{}").unwrap()));
        (status, code(&answer).to_owned())
    };
    let known = ["token", "session"].map(str::to_owned);
    let mut seen = std::collections::BTreeMap::new();
    for (method, path, ways, [unknown, denied]) in with_access(&document) {
        let told = format!("{method} {path} {ways:?}");
        let (shut, open) = (send(&shut, &method, &path), send(&open, &method, &path));
        let refused = |answer: &(u16, String)| answer.0 == 401;
        if ways.is_empty() {
            // For everybody, or the proof is in the body.
            assert!(!denied && unknown == (path == "/api/auth/login"), "{told}");
            assert!(unknown || !refused(&shut) && !refused(&open), "{told}: {shut:?} {open:?}");
        } else if ways == known {
            assert!(unknown && denied, "{told}");
            assert!(refused(&shut) && refused(&open), "{told}: {shut:?} {open:?}");
        } else if ways[0].is_empty() {
            assert!(unknown && denied && ways[1..] == known, "{told}");
            assert!(refused(&shut), "{told}: {shut:?}");
            // Who has none is let in, and told what else is wrong.
            assert!(!refused(&open) || method == "POST", "{told}: {open:?}");
        } else {
            // It proves itself, and says by what.
            let is_session = ways == ["session"];
            assert!(is_session == path.starts_with("/api/auth/"), "{told}");
            assert_eq!((unknown, denied), (is_session, !is_session), "{told}");
            assert_eq!(refused(&shut), is_session, "{told}: {shut:?}");
        }
        *seen.entry(ways).or_insert(0) += 1;
    }
    // All five sorts are there: nothing, credentials, perhaps credentials, a session, a signature.
    assert_eq!(seen.len(), 5, "{seen:?}");
}

#[test]
fn credentials_come_before_whatever_else_is_wrong() {
    let server = guarded(false);
    let document = server.get("/api/openapi.json").1;
    let send = |method: &str, path: &str, token: Option<&str>| {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", server.base))
            .header("content-type", "application/json");
        if let Some(token) = token {
            request = request.header("x-infrahub-key", token);
        }
        Server::read(server.agent.run(request.body("{no json").unwrap()))
    };
    for (method, path) in with_bodies(&document).iter().filter(|(_, path)| !is_open(path)) {
        for token in [None, Some("wrong")] {
            let (status, answer) = send(method, path, token);
            let told = format!("{method} {path} {token:?}: {answer}");
            assert_eq!((status, code(&answer)), (401, "AUTHENTICATION_REQUIRED"), "{told}");
        }
        // Who is known is told what else is wrong.
        let (status, answer) = send(method, path, Some(TOKEN));
        assert!((400..500).contains(&status) && status != 401, "{method} {path}: {answer}");
    }
    // And before parameters that do not read, and methods that are not there.
    for path in ["/api/objects/X?limit=many", "/api/runs?limit=-1", "/api/blame/X/y"] {
        assert_eq!(server.get(path).0, 401, "{path}");
    }
    assert_eq!(server.put("/api/runs", b"").0, 401);
    // What is nowhere is nobody's secret.
    assert_eq!(server.get("/nowhere").0, 404);
}

#[test]
fn a_body_that_never_ends_is_not_waited_for_without_credentials() {
    for anonymous_read in [false, true] {
        let server = guarded(anonymous_read);
        for (method, path) in [
            ("POST", "/api/objects/load"),
            ("PUT", "/api/components/upload"),
            ("POST", "/api/storage/upload/content"),
            ("POST", "/api/repositories/push"),
            ("POST", "/api/tokens"),
        ] {
            let head = format!(
                "{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                 transfer-encoding: chunked\r\n\r\n5\r\n{{\"a\":\r\n"
            );
            let (answer, took) = raw(&server, head.as_bytes());
            assert!(answer.starts_with("HTTP/1.1 401 "), "{method} {path}: {answer}");
            assert!(answer.contains("AUTHENTICATION_REQUIRED"), "{method} {path}: {answer}");
            assert!(took < Duration::from_secs(2), "{method} {path}: {took:?}");
        }
        // One that says how long it is is thrown away for a moment, and answered all the same.
        let head = "POST /api/objects/load HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n{";
        let (answer, took) = raw(&server, head.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
        assert!(took < Duration::from_secs(10), "{took:?}");
        // A wrong token is no better than none.
        let head = "POST /graphql HTTP/1.1\r\nhost: x\r\nx-infrahub-key: wrong\r\n\
                    transfer-encoding: chunked\r\n\r\n1\r\n{\r\n";
        let (answer, _) = raw(&server, head.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    }
}

#[test]
fn a_whole_body_with_a_wrong_token_is_answered_and_never_cut_off() {
    let server = guarded(false);
    let body = json!({"files": [{"name": "x", "text": "x".repeat(4 << 20)}]});
    for _ in 0..5 {
        let request = server.agent.post(format!("{}/api/objects/load", server.base));
        let (status, answer) =
            Server::read(request.header("x-infrahub-key", "wrong").send_json(&body));
        assert_eq!((status, code(&answer)), (401, "AUTHENTICATION_REQUIRED"), "{answer}");
    }
}

#[test]
fn strangers_that_may_look_send_little() {
    let server = guarded(true);
    let ask = |bytes: usize, token: Option<&str>| {
        let mut request = server.agent.post(format!("{}/graphql", server.base));
        if let Some(token) = token {
            request = request.header("x-infrahub-key", token);
        }
        let filler = " ".repeat(bytes);
        Server::read(
            request.send_json(json!({"query": format!("{{ BuiltinTag {{ count }} }}{filler}")})),
        )
    };
    let good = json!({"data": {"BuiltinTag": {"count": 0}}});
    assert_eq!(ask(1_000, None), (200, good));
    let (status, answer) = ask(2 << 20, None);
    assert_eq!((status, code(&answer)), (413, "body-too-large"), "{answer}");
    // Who is known may send more: the document's own limit is the next.
    let (status, answer) = ask(2 << 20, Some(TOKEN));
    assert!(status != 413 || code(&answer) != "body-too-large", "{status} {answer}");
    // A component of a stranger is not even looked at, though plans may be looked at.
    let (status, answer) = server.put("/api/components/upload", b"\0asm");
    assert_eq!((status, code(&answer)), (401, "AUTHENTICATION_REQUIRED"));
    let tried =
        server.agent.post(format!("{}/api/generators/x/try", server.base)).send(&b"\0asm"[..]);
    assert_eq!(Server::read(tried).0, 401);
    let (status, answer) = server.post("/api/generators/none/run", &json!({"plan": true}));
    assert_eq!((status, code(&answer)), (404, "unknown-definition"), "{answer}");
}

#[test]
fn a_signature_is_proof_enough_where_nobody_may_look_without_credentials() {
    let open = server::open(None, 2, None, false).unwrap();
    let server = Server::of(open.clone()).with_example();
    let secrets = (Some(PASSWORD.to_owned()), Some(TOKEN.to_owned()));
    server::first_admin(&open, secrets.0, secrets.1).unwrap().unwrap();
    assert_eq!(server.get("/api/runs").0, 401);
    let body = r#"{"target": "shop"}"#;
    let (status, answer) = server.trigger("wrong", now(), body);
    assert_eq!((status, code(&answer)), (403, "bad-signature"), "{answer}");
    let (status, answer) = server.trigger("s3cret", now(), body);
    assert_eq!(status, 200, "{answer}");
}
