//! What is too large, too deep or too many is refused by a message that names the limit, and leaves nothing.
//! Those of guests, uploads, queries and requests have stories of their own.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use service::{Drawing, Folder, Service, ServiceError, SourceFile, Upload};

use crate::support::{changes, dump, failure, load, rows, run, service, sound};
use crate::tracking::{create, ready, tell};

/// A verb that must be refused, with the limit and a part of what it says.
fn refused<T: std::fmt::Debug>(
    service: &Service,
    limit: &str,
    part: &str,
    verb: impl FnOnce(&Service) -> Result<T, ServiceError>,
) {
    let before = dump(service);
    let told = verb(service).expect_err(limit);
    let all = format!("{told} {:?}", told.details());
    assert!(all.contains(part), "{limit}: {all}");
    assert!(!told.code().is_empty(), "{limit}");
    assert!(dump(service) == before, "{limit} left something");
}

fn file(text: String) -> Vec<SourceFile> {
    vec![SourceFile { name: "file".to_owned(), text }]
}

fn objects(kind: &str, data: &str) -> Vec<SourceFile> {
    file(format!(
        "apiVersion: infrahub.app/v1\nkind: Object\nspec:\n  kind: {kind}\n  data:\n{data}\n"
    ))
}

/// A schema with a value of each sort that has a limit.
fn stocked() -> Service {
    let service = service();
    let schema = "nodes:\n  - name: Thing\n    namespace: Test\n    human_friendly_id: [name__value]\n    \
                  attributes:\n      - {name: name, kind: Text, unique: true}\n      - {name: note, kind: \
                  TextArea, optional: true}\n      - {name: word, kind: Text, optional: true, regex: \
                  '^(a|aa)+$'}\n      - {name: size, kind: Number, optional: true}\n      - {name: more, kind: \
                  JSON, optional: true}\n      - {name: big, kind: TextArea, optional: true, read_only: true, \
                  computed_attribute: {kind: Jinja2, jinja2_template: '{{ note__value }}{{ note__value \
                  }}'}}\n    relationships:\n      - {name: parts, peer: TestThing, identifier: part__whole, \
                  cardinality: many, direction: outbound}\n";
    service
        .schema_load(&file(schema.to_owned()))
        .unwrap_or_else(|bad| panic!("{:?}", bad.details()));
    load(&service, "TestThing", &json!([{"name": "a"}]));
    service
}

#[test]
fn of_values_and_object_files() {
    let service = stocked();
    let set = |value: Json| {
        move |service: &Service| service.object_update("TestThing", "a", value.as_object().unwrap())
    };
    let long = "x".repeat((1 << 20) + 1);
    refused(&service, "text_bytes_max", "longer than 1048576", set(json!({"note": long})));
    refused(&service, "text_bytes_max", "larger than 1048576", set(json!({"more": [long]})));
    // A pattern that tries for ever, and a label that would be larger than one may be.
    let word = format!("{}b", "a".repeat(60));
    refused(&service, "regex_steps_max", "word", set(json!({"word": word})));
    let half = "x".repeat(40 << 10);
    refused(&service, "template_bytes_max", "longer than 65536", set(json!({"note": half})));

    let ranged = objects("TestThing", "    - name: t[1-100001]\n      note: n");
    let ranged =
        file(ranged[0].text.replace("  data:", "  parameters: {expand_range: true}\n  data:"));
    refused(&service, "rows_max", "too-many-rows", |service| service.object_load(&ranged));
    let mut deep = "{name: t20}".to_owned();
    for level in (0..20).rev() {
        deep = format!("{{name: t{level}, parts: {{kind: TestThing, data: [{deep}]}}}}");
    }
    let deep = objects("TestThing", &format!("    - {deep}"));
    refused(&service, "depth_max", "nested deeper than 16", |service| service.object_load(&deep));
    let large = objects("TestThing", &format!("    # {}\n    - {{name: t}}", "x".repeat(8 << 20)));
    refused(&service, "document_bytes_max", "8388608 are allowed", |service| {
        service.object_load(&large)
    });
    refused(&service, "document_bytes_max", "8388608 are allowed", |service| {
        service.schema_load(&large)
    });
    sound(&service);
}

#[test]
fn of_branches_diffs_histories_and_events() {
    let service = stocked();
    refused(&service, "branch_name_bytes_max", "250", |service| {
        service.branch_create(&"b".repeat(251), "")
    });
    refused(&service, "branch_description_bytes_max", "4,096", |service| {
        service.branch_create("b", &"d".repeat(4_097))
    });
    service.branch_create(&"b".repeat(250), &"d".repeat(4_096)).unwrap();
    // What is told at most is told, and no more.
    let blamed = service.blame("TestThing", "a", "name", Some(usize::MAX)).unwrap();
    assert_eq!(blamed["values"].as_array().unwrap().len(), 1);
    let asked = |text: &str| {
        let request = graphql::Request { query: text.to_owned(), ..graphql::Request::default() };
        serde_json::from_slice::<Json>(&service.graphql(&request).unwrap()).unwrap()
    };
    let told = asked("{ InfrahubEvent(limit: 1001) { count } }")["errors"].to_string();
    assert!(told.contains("`limit` may be 1000 at most"), "{told}");
    let name = "n".repeat(251);
    let before = dump(&service);
    let told = asked(&format!(
        "mutation {{ DiffUpdate(data: {{branch: \"{}\", name: \"{name}\"}}) {{ ok }} }}",
        "b".repeat(250)
    ));
    assert!(told["errors"].to_string().contains("1 to 250 bytes"), "{told}");
    assert_eq!(dump(&service), before);
    sound(&service);
}

#[test]
fn of_queries_and_mutations() {
    let service = stocked();
    let told = |query: &str, variables: Json| {
        let request = graphql::Request {
            query: query.to_owned(),
            variables: variables.as_object().cloned().unwrap_or_default(),
            ..graphql::Request::default()
        };
        let answer = service.graphql(&request).unwrap();
        serde_json::from_slice::<Json>(&answer).unwrap()["errors"].clone()
    };
    let many: Vec<String> = (0..10_001).map(|number| format!("t{number}")).collect();
    let before = dump(&service);
    let list = "query($many: [String]) { TestThing(name__values: $many) { count } }";
    let refused = told(list, json!({"many": many})).to_string();
    assert!(refused.contains("more than 10000 values"), "{refused}");
    let ids = "query($many: [ID]) { TestThing(ids: $many) { count } }";
    let refused = told(ids, json!({"many": many})).to_string();
    assert!(refused.contains("more than 10000 ids"), "{refused}");
    let peers: Vec<Json> = (0..100_001).map(|_| json!({"id": "x"})).collect();
    let add = "mutation($to: [RelatedNodeInput]) { TestThingUpdate(data: {hfid: [\"a\"], parts: $to}) { ok } }";
    let refused = told(add, json!({"to": peers})).to_string();
    assert!(refused.contains("takes at most 100000 peers"), "{refused}");
    // Of many mistakes the first ones are told.
    let wrong: String =
        (0..100).map(|number| format!("a{number}: Nothing{number} {{ count }} ")).collect();
    let refused = told(&format!("{{ {wrong} }}"), json!({}));
    assert_eq!(refused.as_array().unwrap().len(), 25);
    assert_eq!(dump(&service), before);
    // As many as may be are taken.
    let fits = told(list, json!({"many": &many[1..]}));
    assert!(fits.is_null(), "{fits}");
}

#[test]
fn of_pools() {
    let service = stocked();
    let pool = |more: Json| {
        let mut pool = json!({
            "name": "p", "node": "TestThing", "node_attribute": "size", "start_range": 1, "end_range": 9_999,
        });
        pool.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        vec![rows("CoreNumberPool", &json!([pool]))]
    };
    let scope = json!({"allocation_scope": ["a", "b", "c", "d", "e"]});
    refused(&service, "scope_max", "at most 4 elements", |service| {
        service.object_load(&pool(scope))
    });
    let rest = json!({"quarantine": 315_360_001});
    refused(&service, "quarantine_max", "quarantine", |service| service.object_load(&pool(rest)));
    service.object_load(&pool(json!({"quarantine": 315_360_000}))).unwrap();
    let draw = |change: fn(&mut Drawing)| {
        let mut drawing =
            Drawing { count: 1, identifier: Some("i".to_owned()), ..Drawing::default() };
        change(&mut drawing);
        move |service: &Service| service.pool_allocate("p", &drawing)
    };
    refused(
        &service,
        "identifier_bytes_max",
        "1 to 512 bytes",
        draw(|drawing| {
            drawing.identifier = Some("i".repeat(513));
        }),
    );
    refused(
        &service,
        "block_max",
        "1 to 1024 numbers",
        draw(|drawing| drawing.block = Some(1_025)),
    );
    refused(&service, "batch_max", "1000", draw(|drawing| drawing.count = 1_001));
    draw(|drawing| drawing.identifier = Some("i".repeat(512)))(&service).unwrap();
    refused(&service, "reason_bytes_max", "at most 1024 bytes", |service| {
        service.pool_release("p", &"i".repeat(512), &"w".repeat(1_025))
    });
    sound(&service);
}

#[test]
fn of_tokens_passwords_and_files() {
    let service = stocked();
    let admin = service::FirstAdmin { password: "p".repeat(1_025), token: "t".repeat(36) };
    refused(&service, "password_bytes_max", "at most 1024 bytes", |service| {
        service.first_admin(&admin)
    });
    let admin = service::FirstAdmin { password: "p".repeat(1_024), token: "t".repeat(15) };
    refused(&service, "token_bytes_min", "16 to 512 bytes", |service| service.first_admin(&admin));
    let admin = service::FirstAdmin { password: "p".repeat(1_024), token: "t".repeat(513) };
    refused(&service, "token_bytes_max", "16 to 512 bytes", |service| service.first_admin(&admin));
    let admin = service::FirstAdmin { password: "p".repeat(1_024), token: "t".repeat(512) };
    service.first_admin(&admin).unwrap();
    refused(&service, "token_name_bytes_max", "at most 128 bytes", |service| {
        service.token_create("admin", &"n".repeat(129), None, [1; 32])
    });
    let long = "t".repeat(513);
    let told = service.authenticate(service::Credential::Token(&long)).unwrap_err();
    assert_eq!(told.class(), service::ErrorClass::Unauthenticated);

    let upload = |name: usize, bytes: usize| Upload {
        name: "n".repeat(name),
        content_type: "text/plain".to_owned(),
        bytes: vec![b'x'; bytes],
    };
    refused(&service, "file_bytes_max", "16777216", |service| {
        service.file_upload(&upload(5, (16 << 20) + 1))
    });
    refused(&service, "file_name_bytes_max", "255", |service| service.file_upload(&upload(256, 5)));
    service.file_upload(&upload(255, 5)).unwrap();

    let files: BTreeMap<String, String> =
        (0..10_001).map(|number| (format!("f{number}"), String::new())).collect();
    let folder = Folder { manifest: "schemas: []".to_owned(), files, ..Folder::default() };
    refused(&service, "folder_files_max", "more than 10000 files", |service| service.push(&folder));
    let items: Vec<String> = (0..10_001).map(|number| format!("s{number}.yml")).collect();
    let manifest = format!("schemas: [{}]", items.join(", "));
    let folder = Folder { manifest, ..Folder::default() };
    refused(&service, "items_max", "more than 10000 items", |service| service.push(&folder));
    sound(&service);
}

#[test]
fn of_what_a_generator_names_and_says() {
    let service = ready();
    let failed = |steps: Json, part: &str| {
        tell(&service, "one", &steps);
        let (code, message) = failure(&run(&service, "probe", "one"));
        assert!(message.contains(part), "{code}: {message}");
    };
    let key = json!([{"do": "create", "kind": "TestThing", "key": "k".repeat(257), "set": {"name": "a"}}]);
    failed(key, "a key has at most 256 bytes");
    let number = json!([{"do": "number", "pool": "vlans", "identifier": "i".repeat(257)}]);
    failed(number, "an identifier has 1 to 256 bytes");
    // Lines of log are cut, and the first ones kept.
    let mut steps = vec![create("a", &json!({})), json!({"do": "log", "text": "x".repeat(5_000)})];
    steps.extend((0..2_100).map(|number| json!({"do": "log", "text": format!("line {number}")})));
    tell(&service, "one", &json!(steps));
    let done = run(&service, "probe", "one");
    assert_eq!(changes(&done), ["created TestThing a"]);
    assert_eq!((done.record.log.len(), done.record.log_dropped), (2_000, 101));
    assert!(done.record.log[0].message.len() <= 4 << 10, "{}", done.record.log[0].message.len());
    sound(&service);
}

#[test]
fn of_computed_values_that_look_at_one_another() {
    let service = service();
    let schema = "nodes:\n  - name: Link\n    namespace: Test\n    human_friendly_id: [name__value]\n    \
                  attributes:\n      - {name: name, kind: Text, unique: true}\n      - {name: path, kind: Text, \
                  optional: true, read_only: true, computed_attribute: {kind: Jinja2, jinja2_template: '{{ \
                  above__path__value }}/{{ name__value }}'}}\n    relationships:\n      - {name: above, peer: \
                  TestLink, identifier: above__below, cardinality: one, direction: outbound}\n";
    service
        .schema_load(&file(schema.to_owned()))
        .unwrap_or_else(|bad| panic!("{:?}", bad.details()));
    // A chain of fifty is settled as its first link changes.
    let chain = |from: usize, to: usize| -> Vec<Json> {
        (from..to)
            .map(|number| match number {
                0 => json!({"name": "n0"}),
                _ => json!({"name": format!("n{number}"), "above": format!("n{}", number - 1)}),
            })
            .collect()
    };
    load(&service, "TestLink", &json!(chain(0, 50)));
    let path = |name: &str| {
        service.object("TestLink", name).unwrap().attributes["path"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    // What is above the first is nothing, as the template language writes it.
    assert_eq!(
        path("n49").split('/').filter(|part| !part.is_empty()).count(),
        51,
        "{}",
        path("n49")
    );
    let rename = json!({"name": "first"}).as_object().cloned().unwrap();
    service.object_update("TestLink", "n0", &rename).unwrap();
    assert!(path("n49").contains("first/n1/"), "{}", path("n49"));
    // In a circle they would grow for ever.
    let circle = vec![rows("TestLink", &json!([{"name": "first", "above": "n49"}]))];
    refused(&service, "computed_chain_max", "in a circle", |service| service.object_load(&circle));
    sound(&service);
}

#[test]
fn of_templates_of_labels_and_computed_values() {
    let service = service();
    let doubled = "{% set a = a ~ a %}".repeat(40);
    // What is known to grow as soon as it is read: the schema is refused.
    let kind = |label: &str, computed: &str| {
        file(format!(
            "nodes:\n  - name: Thing\n    namespace: Test\n    human_friendly_id: [name__value]\n    \
             display_label: \"{label}\"\n    attributes:\n      - {{name: name, kind: Text}}\n      \
             - {{name: long, kind: Text, optional: true, read_only: true, computed_attribute: {{kind: Jinja2, \
             jinja2_template: \"{computed}\"}}}}\n"
        ))
    };
    let list = format!("{{% set a = [1] %}}{}{{{{ a }}}}", "{% set a = a + a %}".repeat(40));
    for schema in [kind(&list, "x"), kind("{{ 1 }}", &list), kind("{{ [0] * 99999999 }}", "x")] {
        refused(&service, "template", "may be a list", |service| service.schema_load(&schema));
    }
    // What grows as it is rendered: whatever is made with it is refused.
    let text = format!("{{% set a = name__value %}}{doubled}{{{{ a }}}}");
    for schema in [kind("{{ 1 }}", &text), kind(&text, "x")] {
        let service = crate::support::service();
        service.schema_load(&schema).unwrap();
        let make = "mutation { TestThingCreate(data: {name: {value: \"n\"}}) { object { display_label } } }";
        let before = dump(&service);
        let answer = crate::support::query(&service, make);
        let error = &answer["errors"][0];
        assert_eq!(error["extensions"]["code"], "ATTRIBUTE_CONSTRAINT_VIOLATION", "{answer}");
        assert!(error["message"].as_str().unwrap().contains("steps"), "{answer}");
        assert!(dump(&service) == before, "{answer}");
        sound(&service);
    }
}
