//! The REST routes that published clients have no call for: bodies, statuses, headers.

use serde_json::{Value as Json, json};

use crate::{Server, code};

/// Status, media type, disposition and text of an answer that is no JSON.
fn raw(server: &Server, path: &str) -> (u16, String, String, String) {
    let mut answer = server.agent.get(format!("{}{path}", server.base)).call().unwrap();
    let header = |name: &str| {
        let value = answer.headers().get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let (kind, place) = (header("content-type"), header("content-disposition"));
    assert_eq!(header("x-content-type-options"), "nosniff");
    (answer.status().as_u16(), kind, place, answer.body_mut().read_to_string().unwrap())
}

#[test]
fn parts_of_the_schema_are_told_by_themselves() {
    let server = Server::example();
    let (status, summary) = server.get("/api/schema/summary");
    assert_eq!(status, 200);
    assert!(
        summary["main"].is_string() && summary["nodes"]["AppWebService"].is_string(),
        "{summary}"
    );
    assert!(summary["generics"]["CoreNode"].is_string(), "{summary}");
    assert_eq!(server.get("/api/schema").1["main"], summary["main"]);
    let (status, kind) = server.get("/api/schema/AppWebService");
    assert_eq!((status, &kind["kind"]), (200, &json!("AppWebService")), "{kind}");
    let (status, form) = server.get("/api/schema/json_schema/AppWebService");
    assert_eq!((status, &form["type"]), (200, &json!("object")), "{form}");
    assert!(form["properties"]["name"].is_object(), "{form}");
    for path in ["/api/schema/Nothing", "/api/schema/json_schema/Nothing"] {
        let (status, answer) = server.get(path);
        assert!(status == 404 || status == 422, "{path}: {status} {answer}");
        assert!(answer["errors"][0]["message"].as_str().unwrap().contains("Nothing"), "{answer}");
    }
    // Only the namespaces that are asked for.
    let (_, part) = server.get("/api/schema?namespaces=App&namespaces=Infra");
    let nodes = part["nodes"].as_array().unwrap();
    assert!(nodes.iter().all(|node| node["namespace"] == "App" || node["namespace"] == "Infra"));
    assert!(!nodes.is_empty());
}

#[test]
fn a_file_is_uploaded_by_itself_and_never_shown_as_a_page() {
    let server = Server::start();
    let form = |parts: &str| {
        let request = server.agent.post(format!("{}/api/storage/upload/file", server.base));
        let request = request.header("content-type", "multipart/form-data; boundary=x");
        Server::read(request.send(parts))
    };
    let page = "<script>alert(1)</script>";
    let (status, stored) = form(&format!(
        "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a\\\"\u{e9};.html\"\r\ncontent-type: text/html\r\n\r\n{page}\r\n--x--\r\n"
    ));
    assert_eq!(status, 200, "{stored}");
    let id = stored["identifier"].as_str().unwrap();
    for path in ["/api/storage/object/", "/api/storage/files/by-storage-id/"] {
        let (status, kind, place, text) = raw(&server, &format!("{path}{id}"));
        assert_eq!((status, kind.as_str(), text.as_str()), (200, "text/html", page));
        assert!(
            place.starts_with("attachment; filename=\"") && !place.contains('\u{e9}'),
            "{place}"
        );
    }
    for (parts, wanted) in [
        (
            "--x\r\ncontent-disposition: form-data; name=\"file\"\r\n\r\nno file\r\n--x--\r\n",
            "bad-multipart",
        ),
        ("nothing", "bad-multipart"),
    ] {
        let (status, answer) = form(parts);
        assert_eq!((status, code(&answer)), (400, wanted), "{answer}");
    }
    assert_eq!(server.get("/api/storage/object/none").0, 404);
    assert_eq!(server.get("/api/storage/files/none").0, 404);
    assert_eq!(server.get("/api/storage/files/by-hfid/CoreFileObject?hfid=none").0, 404);
    let (status, answer) = server.post("/api/storage/upload/content", &json!({"text": "x"}));
    assert_eq!((status, code(&answer)), (400, "bad-json"));
}

#[test]
fn artifacts_and_transforms_answer_in_the_public_way() {
    let server = Server::example();
    let folder = json!({
        "manifest": "queries: [{name: q, file_path: q.gql}]\n\
            jinja2_transforms: [{name: page, query: q, template_path: page.j2}]\n\
            python_transforms: [{name: words, file_path: words.py}]\n\
            artifact_definitions: [{name: pages, parameters: {name: name__value}, content_type: text/plain, targets: web_services, transformation: page}]\n",
        "files": {"q.gql": "query Q($name: String) { AppWebService(name__value: $name) { count } }", "page.j2": "{{ name }}: {{ data.AppWebService.count }}"},
        "repository": "web",
    });
    let (status, pushed) = server.post("/api/repositories/push", &folder);
    assert_eq!(status, 200, "{pushed}");
    let path = format!("{}/api/transform/jinja2/page?name=shop", server.base);
    let mut answer = server.agent.get(path).call().unwrap();
    assert_eq!(answer.headers()["content-type"], "text/plain; charset=utf-8");
    assert_eq!(answer.body_mut().read_to_string().unwrap(), "shop: 1");
    let (status, answer) = server.get("/api/transform/python/words");
    assert_eq!((status, code(&answer)), (422, "python-transform"));
    let (status, answer) = server.get("/api/transform/jinja2/none");
    assert_eq!((status, code(&answer)), (404, "not-found"));
    // The members of the example are no targets: each is told, and nothing was made.
    let (status, answer) = server.post("/api/artifact/generate/pages", &json!({"nodes": []}));
    assert_eq!((status, &answer["ok"]), (200, &json!(false)), "{answer}");
    let errors: Vec<&Json> =
        answer["artifacts"].as_array().unwrap().iter().map(|one| &one["error"]["code"]).collect();
    assert!(
        !errors.is_empty() && errors.iter().all(|code| **code == "no-artifact-target"),
        "{answer}"
    );
    let (status, answer) = server.post("/api/artifact/generate/pages", &json!({"node": []}));
    assert_eq!((status, code(&answer)), (400, "bad-json"));
    assert_eq!(server.get("/api/artifact/none").0, 404);
    // From elsewhere under the same name: told with a conflict.
    let first = json!({"manifest": "queries: []\n", "repository": "web", "location": "a"});
    assert_eq!(server.post("/api/repositories/push", &first).0, 200);
    let other = json!({"manifest": "queries: []\n", "repository": "web", "location": "b"});
    let (status, answer) = server.post("/api/repositories/push", &other);
    assert_eq!((status, code(&answer)), (409, "other-repository"), "{answer}");
}
