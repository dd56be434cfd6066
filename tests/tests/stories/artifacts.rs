//! Artifacts: made of the data by the templates of a pushed folder, kept with their checksums, and what
//! stands in the way of one told beside the others.

use serde_json::{Value as Json, json};
use service::{Folder, Service};

use crate::mutations::done;
use crate::support::{dump, service, sound};

const MANIFEST: &str = "
schemas: [schema.yml]
objects: [data.yml]
queries: [{name: box, file_path: box.gql}]
jinja2_transforms: [{name: page, query: box, template_path: templates/page.j2}]
python_transforms: [{name: words, file_path: words.py}]
artifact_definitions:
  - {name: pages, artifact_name: page of a box, parameters: {name: name__value}, content_type: text/plain, targets: boxes, transformation: page}
  - {name: spoken, artifact_name: words, parameters: {name: name__value}, content_type: text/plain, targets: boxes, transformation: words}
";
const SCHEMA: &str = "
version: '1.0'
nodes:
  - name: Box
    namespace: Demo
    inherit_from: [CoreArtifactTarget]
    human_friendly_id: [name__value]
    display_label: name__value
    attributes: [{name: name, kind: Text, unique: true}, {name: size, kind: Number, default_value: 2}]
  - name: Plain
    namespace: Demo
    human_friendly_id: [name__value]
    display_label: name__value
    attributes: [{name: name, kind: Text, unique: true}]
";
const DATA: &str = "---
apiVersion: infrahub.app/v1
kind: Object
spec: {kind: DemoBox, data: [{name: a}, {name: b, size: 3}]}
---
apiVersion: infrahub.app/v1
kind: Object
spec:
  kind: CoreStandardGroup
  data: [{name: boxes, members: {kind: DemoBox, data: [a, b]}}]
";
const QUERY: &str = "query Box($name: String!) { DemoBox(name__value: $name) { edges { node { name { value } size { value } } } } }";
const PAGE: &str = "{% from 'templates/line.j2' import line %}
{% set box = data.DemoBox.edges[0].node %}
box {{ name }}
{% for number in range(box.size.value) %}
{{ line(box.name.value, number) }}
{% endfor %}
";
const LINE: &str = "{% macro line(name, number) %}{{ name.upper() }}-{{ number }}{% endmacro %}";

fn folder() -> Folder {
    let files = [
        ("schema.yml", SCHEMA),
        ("data.yml", DATA),
        ("box.gql", QUERY),
        ("templates/page.j2", PAGE),
        ("templates/line.j2", LINE),
    ];
    let files = files.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
    Folder { manifest: MANIFEST.to_owned(), files, ..Folder::default() }
}

fn pushed() -> Service {
    let service = service();
    service.push(&folder()).unwrap_or_else(|bad| panic!("{bad}: {:#?}", bad.details()));
    service
}

fn generate(service: &Service, nodes: &[&str]) -> Json {
    let nodes: Vec<String> = nodes.iter().map(|node| (*node).to_owned()).collect();
    service.artifacts_generate("pages", &nodes).unwrap_or_else(|bad| panic!("{bad}"))
}

/// What came of the artifact of a box.
fn of<'j>(told: &'j Json, name: &str) -> &'j Json {
    let all = told["artifacts"].as_array().unwrap();
    all.iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("{name}: {told}"))
}

fn content(service: &Service, artifact: &Json) -> String {
    let stored = service.file_of("CoreArtifact", artifact["id"].as_str().unwrap());
    String::from_utf8(stored.unwrap_or_else(|bad| panic!("{bad}")).bytes).unwrap()
}

fn text(told: &Json, key: &str) -> String {
    told[key].as_str().unwrap_or_default().to_owned()
}

/// The code of a refusal, which left everything as it was.
fn refused(service: &Service, definition: &str, nodes: &[&str]) -> (String, String) {
    let before = dump(service);
    let nodes: Vec<String> = nodes.iter().map(|node| (*node).to_owned()).collect();
    let bad = service.artifacts_generate(definition, &nodes).unwrap_err();
    assert_eq!(dump(service), before, "{bad}");
    (bad.code().to_owned(), bad.to_string())
}

#[test]
fn every_member_of_the_group_has_a_document_and_the_same_again_is_no_change() {
    let service = pushed();
    let told = generate(&service, &[]);
    assert_eq!((&told["ok"], of(&told, "a")["outcome"].as_str()), (&json!(true), Some("created")));
    assert_eq!(content(&service, of(&told, "b")), "box b\nB-0\nB-1\nB-2\n");
    // The checksum is the public one: MD5.
    assert_eq!(text(of(&told, "a"), "checksum"), "01b177ed1ae9238d913e0367d30d961c");
    let stored = done(
        &service,
        "{ CoreArtifact(name__value: \"page of a box\") { count edges { node { status { value } content_type { value } \
         parameters { value } storage_id { value } checksum { value } object { node { display_label } } definition { node { display_label } } } } } }",
    );
    assert_eq!(stored["CoreArtifact"]["count"], 2, "{stored}");
    let one = &stored["CoreArtifact"]["edges"][0]["node"];
    assert_eq!(
        (&one["status"]["value"], &one["content_type"]["value"]),
        (&json!("Ready"), &json!("text/plain"))
    );
    assert_eq!(one["parameters"]["value"]["name"], one["object"]["node"]["display_label"]);
    assert_eq!(one["definition"]["node"]["display_label"], "pages");
    // Again.
    let before = dump(&service);
    let again = generate(&service, &[]);
    assert_eq!(
        (&again["commit"], of(&again, "b")["outcome"].as_str()),
        (&Json::Null, Some("unchanged"))
    );
    assert_eq!(dump(&service), before);
    // What changes is made anew, and what was before is still there for the past.
    let then = service.last_commit();
    done(&service, "mutation { DemoBoxUpdate(data: {hfid: [\"a\"], size: {value: 1}}) { ok } }");
    let changed = generate(&service, &[]);
    assert_eq!(of(&changed, "a")["outcome"], "updated");
    assert_eq!(of(&changed, "b")["outcome"], "unchanged");
    assert_ne!(of(&changed, "a")["checksum"], of(&told, "a")["checksum"]);
    assert_eq!(content(&service, of(&changed, "a")), "box a\nA-0\n");
    let past = service.on(None, Some(&then.to_string())).unwrap();
    assert_eq!(content(&past, of(&told, "a")), "box a\nA-0\nA-1\n");
    sound(&service);
}

#[test]
fn those_that_are_named_are_made_and_no_others() {
    let service = pushed();
    let first = generate(&service, &[]);
    done(
        &service,
        "mutation { a: DemoBoxUpdate(data: {hfid: [\"a\"], size: {value: 1}}) { ok } b: DemoBoxUpdate(data: {hfid: [\"b\"], size: {value: 1}}) { ok } }",
    );
    // By the id of the artifact, and by that of the member.
    let told = generate(&service, &[&text(of(&first, "a"), "id")]);
    assert_eq!(
        (told["artifacts"].as_array().unwrap().len(), of(&told, "a")["outcome"].as_str()),
        (1, Some("updated"))
    );
    let told = generate(&service, &[&text(of(&first, "b"), "object")]);
    assert_eq!(
        (told["artifacts"].as_array().unwrap().len(), of(&told, "b")["outcome"].as_str()),
        (1, Some("updated"))
    );
    for node in
        ["none", "0190aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee", first["definition"].as_str().unwrap()]
    {
        let (code, message) = refused(&service, "pages", &[node]);
        assert_eq!(code, "unknown-artifact", "{message}");
        assert!(message.contains(node), "{message}");
    }
    sound(&service);
}

#[test]
fn who_left_the_group_or_is_gone_has_no_document() {
    let service = pushed();
    let first = generate(&service, &[]);
    done(
        &service,
        "mutation { CoreStandardGroupUpdate(data: {hfid: [\"boxes\"], members: [{hfid: [\"a\"], kind: \"DemoBox\"}]}) { ok } }",
    );
    // One that is named takes nothing away.
    generate(&service, &[&text(of(&first, "a"), "id")]);
    assert_eq!(done(&service, "{ CoreArtifact { count } }")["CoreArtifact"]["count"], 2);
    let told = generate(&service, &[]);
    let removed =
        told["artifacts"].as_array().unwrap().iter().find(|one| one["outcome"] == "removed");
    assert_eq!(removed.unwrap()["object"], of(&first, "b")["object"]);
    assert_eq!(done(&service, "{ CoreArtifact { count } }")["CoreArtifact"]["count"], 1);
    // An artifact does not keep its object from going, nor its definition.
    done(&service, "mutation { DemoBoxDelete(data: {hfid: [\"a\"]}) { ok } }");
    assert_eq!(done(&service, "{ CoreArtifact { count } }")["CoreArtifact"]["count"], 0);
    done(
        &service,
        "mutation { DemoBoxCreate(data: {name: {value: \"c\"}, member_of_groups: [{hfid: [\"boxes\"]}]}) { ok } }",
    );
    generate(&service, &[]);
    done(&service, "mutation { CoreArtifactDefinitionDelete(data: {hfid: [\"pages\"]}) { ok } }");
    assert_eq!(done(&service, "{ CoreArtifact { count } }")["CoreArtifact"]["count"], 0);
    sound(&service);
}

#[test]
fn a_document_that_cannot_be_made_is_told_and_keeps_what_was_there() {
    let service = pushed();
    let first = generate(&service, &[]);
    let page = |text: &str| {
        let mut folder = folder();
        folder.files.insert("templates/page.j2".to_owned(), text.to_owned());
        service.push(&folder).unwrap_or_else(|bad| panic!("{bad}: {:#?}", bad.details()));
    };
    page("{% if name == 'b' %}{{ data.nothing.more }}{% endif %}fine");
    let told = generate(&service, &[]);
    assert_eq!((&told["ok"], of(&told, "a")["outcome"].as_str()), (&json!(false), Some("updated")));
    let failed = of(&told, "b");
    assert_eq!((&failed["outcome"], &failed["status"]), (&json!("failed"), &json!("Error")));
    assert_eq!(failed["error"]["code"], "bad-template", "{failed}");
    assert!(
        failed["error"]["message"].as_str().unwrap().contains("templates/page.j2, line 1"),
        "{failed}"
    );
    assert_eq!(content(&service, failed), content(&service, of(&first, "b")));
    page("{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}");
    assert_eq!(of(&generate(&service, &[]), "a")["error"]["code"], "template-fuel");
    page("{% for i in range(9999) %}{{ 'x' * 9999 }}{% endfor %}");
    assert_eq!(of(&generate(&service, &[]), "a")["error"]["code"], "document-too-large");
    page("{% include name ~ '.j2' %}");
    assert_eq!(of(&generate(&service, &[]), "a")["error"]["code"], "missing-template");
    // It is whole again.
    page("fine");
    let told = generate(&service, &[]);
    assert_eq!((&told["ok"], &of(&told, "b")["status"]), (&json!(true), &json!("Ready")));
    // A member of another kind has no artifacts, and a path that leads nowhere no value.
    done(
        &service,
        "mutation { DemoPlainCreate(data: {name: {value: \"p\"}, member_of_groups: [{hfid: [\"boxes\"]}]}) { ok } \
         CoreArtifactDefinitionUpdate(data: {hfid: [\"pages\"], parameters: {value: {name: \"nam__value\"}}}) { ok } }",
    );
    let told = generate(&service, &[]);
    assert_eq!(of(&told, "p")["error"]["code"], "no-artifact-target", "{told}");
    assert!(
        of(&told, "a")["error"]["message"].as_str().unwrap().contains("has no `nam`"),
        "{told}"
    );
    sound(&service);
}

#[test]
fn what_a_definition_lacks_is_said_and_nothing_is_made() {
    let service = pushed();
    let (code, message) = refused(&service, "spoken", &[]);
    assert_eq!(code, "python-transform");
    assert!(message.contains("infrahubctl transform"), "{message}");
    let bad = service.transform_python("words").unwrap_err();
    assert_eq!(bad.code(), "python-transform");
    assert_eq!(refused(&service, "none", &[]).0, "not-found");
    let box_id = text(of(&generate(&service, &[]), "a"), "object");
    assert_eq!(refused(&service, &box_id, &[]).0, "not-found");
    done(
        &service,
        "mutation { bare: CoreTransformJinja2Create(data: {name: {value: \"bare\"}, template_path: {value: \"x.j2\"}, query: {hfid: [\"box\"]}}) { ok } \
         blind: CoreTransformJinja2Create(data: {name: {value: \"blind\"}, template_path: {value: \"x.j2\"}}) { ok } \
         d1: CoreArtifactDefinitionCreate(data: {name: {value: \"d1\"}, artifact_name: {value: \"d\"}, content_type: {value: \"text/plain\"}}) { ok } \
         d2: CoreArtifactDefinitionCreate(data: {name: {value: \"d2\"}, artifact_name: {value: \"d\"}, content_type: {value: \"text/plain\"}, transformation: {hfid: [\"page\"], kind: \"CoreTransformJinja2\"}}) { ok } \
         d3: CoreArtifactDefinitionCreate(data: {name: {value: \"d3\"}, artifact_name: {value: \"d\"}, content_type: {value: \"text/plain\"}, transformation: {hfid: [\"bare\"], kind: \"CoreTransformJinja2\"}, targets: {hfid: [\"boxes\"], kind: \"CoreStandardGroup\"}}) { ok } \
         d4: CoreArtifactDefinitionCreate(data: {name: {value: \"d4\"}, artifact_name: {value: \"d\"}, content_type: {value: \"text/plain\"}, transformation: {hfid: [\"blind\"], kind: \"CoreTransformJinja2\"}, targets: {hfid: [\"boxes\"], kind: \"CoreStandardGroup\"}}) { ok } \
         d5: CoreArtifactDefinitionCreate(data: {name: {value: \"d5\"}, artifact_name: {value: \"d\"}, content_type: {value: \"text/plain\"}, parameters: {value: [1]}, transformation: {hfid: [\"page\"], kind: \"CoreTransformJinja2\"}, targets: {hfid: [\"boxes\"], kind: \"CoreStandardGroup\"}}) { ok } }",
    );
    for (name, code, part) in [
        ("d1", "incomplete-definition", "no transformation"),
        ("d2", "incomplete-definition", "no group"),
        ("d3", "incomplete-transform", "no template here"),
        ("d4", "incomplete-transform", "no query"),
        ("d5", "incomplete-definition", "`parameters`"),
    ] {
        let (is, message) = refused(&service, name, &[]);
        assert!(is == code && message.contains(part), "{name}: {is}: {message}");
    }
    // In the past nothing is made.
    let past = service.on(None, Some(&service.last_commit().to_string())).unwrap();
    assert_eq!(past.artifacts_generate("pages", &[]).unwrap_err().code(), "past-is-read-only");
}

#[test]
fn a_transform_is_rendered_without_keeping_anything() {
    let service = pushed();
    let given = |name: &str| vec![("name".to_owned(), name.to_owned())];
    let before = dump(&service);
    assert_eq!(service.transform_render("page", &given("a")).unwrap(), "box a\nA-0\nA-1\n");
    assert_eq!(
        service.transform_render("page", &[]).unwrap_err().class(),
        service::ErrorClass::Invalid
    );
    assert_eq!(
        service.transform_render("words", &given("a")).unwrap_err().code(),
        "python-transform"
    );
    assert_eq!(service.transform_render("none", &given("a")).unwrap_err().code(), "not-found");
    assert_eq!(dump(&service), before);
    // A template that was uploaded by itself does as well as one of a folder.
    let upload = service::Upload {
        name: "t.j2".to_owned(),
        content_type: "text/plain".to_owned(),
        bytes: b"{{ data.DemoBox.edges | length }} box".to_vec(),
    };
    let stored = service.file_upload(&upload).unwrap();
    done(
        &service,
        &format!(
            "mutation {{ CoreTransformJinja2Create(data: {{name: {{value: \"own\"}}, template_path: {{value: \"t.j2\"}}, \
         storage_id: {{value: \"{}\"}}, query: {{hfid: [\"box\"]}}}}) {{ ok }} }}",
            stored.id
        ),
    );
    assert_eq!(service.transform_render("own", &given("a")).unwrap(), "1 box");
    let bytes = service::Upload { bytes: vec![0xff, 0xfe], ..upload };
    let stored = service.file_upload(&bytes).unwrap();
    done(
        &service,
        &format!(
            "mutation {{ CoreTransformJinja2Update(data: {{hfid: [\"own\"], storage_id: {{value: \"{}\"}}}}) {{ ok }} }}",
            stored.id
        ),
    );
    assert_eq!(
        service.transform_render("own", &given("a")).unwrap_err().code(),
        "incomplete-transform"
    );
}

#[test]
fn artifacts_of_a_branch_are_its_own_and_go_with_it() {
    let main = pushed();
    generate(&main, &[]);
    main.branch_create("b", "").unwrap();
    let branch = main.on(Some("b"), None).unwrap();
    assert_eq!(done(&branch, "{ CoreArtifact { count } }")["CoreArtifact"]["count"], 0);
    done(&branch, "mutation { DemoBoxUpdate(data: {hfid: [\"a\"], size: {value: 5}}) { ok } }");
    let there = generate(&branch, &[]);
    assert_eq!(of(&there, "a")["outcome"], "created");
    assert!(content(&branch, of(&there, "a")).ends_with("A-4\n"));
    let shown = "{ CoreArtifact { edges { node { storage_id { value } } } } }";
    let ids = |service: &Service| -> Vec<String> {
        let edges = done(service, shown)["CoreArtifact"]["edges"].clone();
        let ids = edges.as_array().unwrap().iter();
        ids.map(|edge| edge["node"]["storage_id"]["value"].as_str().unwrap().to_owned()).collect()
    };
    let (on_main, on_branch) = (ids(&main), ids(&branch));
    // Merged, the data is main's; the artifacts are made there when somebody asks.
    main.branch_merge("b").unwrap();
    assert_eq!(ids(&main), on_main);
    assert!(content(&main, of(&generate(&main, &[]), "a")).ends_with("A-4\n"));
    main.branch_delete("b").unwrap();
    for id in &on_branch {
        assert_eq!(main.file(id).unwrap_err().code(), "not-found", "{id}");
    }
    for id in on_main {
        main.file(&id).unwrap();
    }
    sound(&main);
}

#[test]
fn more_than_the_limit_at_once_is_refused() {
    let service = pushed();
    let member = text(of(&generate(&service, &[]), "a"), "object");
    let (code, message) = refused(&service, "pages", &vec![member.as_str(); 10_001]);
    assert_eq!(code, "too-many-artifacts");
    assert!(message.contains("10000 are at once"), "{message}");
    assert_eq!(generate(&service, &vec![member.as_str(); 10_000])["ok"], true);
}
