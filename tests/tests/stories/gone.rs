//! A folder that is pushed again under its repository's name: what it no longer names goes, in the same
//! commit, and nothing else.

use serde_json::json;
use service::{Folder, PushReport, Service};

use crate::mutations::done;
use crate::support::{component, dump, labels, load, run, service, sound};

const SCHEMA: &str = "
version: '1.0'
nodes:
  - name: Site
    namespace: Demo
    human_friendly_id: [name__value]
    display_label: name__value
    attributes: [{name: name, kind: Text, unique: true}]
";
const MENU: &str = "
apiVersion: infrahub.app/v1
kind: Menu
spec:
  data:
    - {namespace: Demo, name: Places, label: Places, children: {data: [{namespace: Demo, name: Sites, label: Sites, kind: DemoSite}]}}
";
const MANIFEST: &str = "
schemas: [schema.yml]
objects: [data.yml]
menus: [menu.yml]
queries: [{name: sites, file_path: sites.gql}, {name: other, file_path: sites.gql}]
jinja2_transforms: [{name: page, query: sites, template_path: page.j2}]
python_transforms: [{name: words, file_path: words.py}]
check_definitions: [{name: sane, file_path: sane.py, targets: sites}]
generator_definitions: [{name: servers, file_path: gen.py, query: other, targets: sites}]
artifact_definitions: [{name: pages, parameters: {}, content_type: text/plain, targets: sites, transformation: page}]
";
const DATA: &str = "---
apiVersion: infrahub.app/v1
kind: Object
spec: {kind: DemoSite, data: [{name: ams}]}
---
apiVersion: infrahub.app/v1
kind: Object
spec: {kind: CoreStandardGroup, data: [{name: sites}]}
";

fn folder(manifest: &str, repository: Option<&str>) -> Folder {
    let files = [
        ("schema.yml", SCHEMA),
        ("data.yml", DATA),
        ("menu.yml", MENU),
        ("sites.gql", "query { DemoSite { count } }"),
        ("page.j2", "{{ data.DemoSite.count }}"),
    ];
    let files = files.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
    let repository = repository.map(str::to_owned);
    Folder { manifest: manifest.to_owned(), files, repository, ..Folder::default() }
}

fn push(service: &Service, folder: &Folder) -> PushReport {
    service.push(folder).unwrap_or_else(|bad| panic!("{bad}: {:#?}", bad.details()))
}

/// What went: `section name`.
fn removed(report: &PushReport) -> Vec<String> {
    let gone = report.items.iter().filter(|item| item.outcome == "removed");
    let mut gone: Vec<String> =
        gone.map(|item| format!("{} {}", item.section, item.name)).collect();
    gone.sort();
    gone
}

const COUNTS: &str = "{ CoreGraphQLQuery { count } CoreTransformation { count } CoreCheckDefinition { count } \
     CoreGeneratorDefinition { count } CoreArtifactDefinition { count } CoreMenuItem { count } DemoSite { count } }";

fn counts(service: &Service) -> Vec<u64> {
    let data = done(service, COUNTS);
    let kinds = [
        "CoreGraphQLQuery",
        "CoreTransformation",
        "CoreCheckDefinition",
        "CoreGeneratorDefinition",
        "CoreArtifactDefinition",
        "CoreMenuItem",
        "DemoSite",
    ];
    kinds.iter().map(|kind| data[kind]["count"].as_u64().unwrap()).collect()
}

#[test]
fn what_the_folder_no_longer_names_goes_and_what_is_not_its_own_stays() {
    let service = service();
    done(
        &service,
        "mutation { CoreGraphQLQueryCreate(data: {name: {value: \"by hand\"}, query: {value: \"{ BuiltinTag { count } }\"}}) { ok } }",
    );
    let whole = folder(MANIFEST, Some("folder"));
    push(&service, &whole);
    assert_eq!(counts(&service), [3, 2, 1, 1, 1, 2, 1]);
    let repository = done(
        &service,
        "{ CoreRepository { edges { node { name { value } queries { count } transformations { count } generators { count } checks { count } } } } \
         CoreRepositoryGroup { edges { node { name { value } group_type { value } members { count } } } } }",
    );
    let shown = &repository["CoreRepository"]["edges"][0]["node"];
    assert_eq!(
        (&shown["name"]["value"], &shown["queries"]["count"]),
        (&json!("folder"), &json!(2)),
        "{repository}"
    );
    assert_eq!(repository["CoreRepositoryGroup"]["edges"][0]["node"]["members"]["count"], 9);
    // The same again is no change.
    let state = dump(&service);
    assert_eq!(push(&service, &whole).commit, None);
    assert_eq!(dump(&service), state);
    // Parts go, told, and only when it is meant.
    let part = MANIFEST
        .replace(", {name: other, file_path: sites.gql}", "")
        .replace("generator_definitions: [{name: servers, file_path: gen.py, query: other, targets: sites}]", "")
        .replace("menus: [menu.yml]", "");
    let part = folder(&part, Some("folder"));
    let wanted = ["generator_definitions servers", "menus Places", "menus Sites", "queries other"];
    let tried = push(&service, &Folder { check: true, ..part.clone() });
    assert_eq!((removed(&tried), dump(&service)), (wanted.map(str::to_owned).to_vec(), state));
    let before = service.last_commit();
    let report = push(&service, &part);
    assert_eq!(
        (removed(&report), report.commit.map(|seq| seq.0)),
        (wanted.map(str::to_owned).to_vec(), Some(before + 1))
    );
    assert_eq!(counts(&service), [2, 2, 1, 0, 1, 0, 1]);
    // All of it goes, but for schemas and objects.
    let report = push(&service, &folder("schemas: [schema.yml]\n", Some("folder")));
    assert_eq!(removed(&report).len(), 5, "{report:#?}");
    assert_eq!(counts(&service), [1, 0, 0, 0, 0, 0, 1]);
    sound(&service);
}

#[test]
fn without_a_repository_nothing_goes_and_another_repository_is_another() {
    let service = service();
    push(&service, &folder(MANIFEST, None));
    let none = folder("schemas: [schema.yml]\n", None);
    assert_eq!(removed(&push(&service, &none)), Vec::<String>::new());
    assert_eq!(counts(&service), [2, 2, 1, 1, 1, 2, 1]);
    // Two that name the same: the first to let go leaves it to the other.
    push(&service, &folder(MANIFEST, Some("one")));
    push(&service, &folder(MANIFEST, Some("two")));
    let report = push(&service, &folder("schemas: [schema.yml]\n", Some("one")));
    assert_eq!(removed(&report), Vec::<String>::new());
    let left = report.items.iter().filter(|item| item.outcome == "left").count();
    assert_eq!((left, counts(&service)), (9, vec![2, 2, 1, 1, 1, 2, 1]));
    let report = push(&service, &folder("schemas: [schema.yml]\n", Some("two")));
    assert_eq!((removed(&report).len(), counts(&service)), (9, vec![0, 0, 0, 0, 0, 0, 1]));
    sound(&service);
}

#[test]
fn a_folder_from_elsewhere_is_refused_under_a_name_that_is_taken() {
    let service = service();
    let from = |location: Option<&str>| Folder {
        location: location.map(str::to_owned),
        ..folder(MANIFEST, Some("folder"))
    };
    push(&service, &from(Some("https://example.org/a")));
    let state = dump(&service);
    let bad = service.push(&from(Some("https://example.org/b"))).unwrap_err();
    assert_eq!((bad.code(), bad.class()), ("other-repository", service::ErrorClass::Conflict));
    let told = bad.to_string();
    assert!(told.contains("example.org/a") && told.contains("--repository folder"), "{told}");
    for name in ["", "  ", "a\nb", &"x".repeat(200)] {
        let bad = service.push(&folder(MANIFEST, Some(name))).unwrap_err();
        assert_eq!(bad.code(), "bad-repository", "{name}");
    }
    assert_eq!(dump(&service), state);
    assert_eq!(push(&service, &from(None)).commit, None);
    assert_eq!(push(&service, &from(Some("https://example.org/a"))).commit, None);
}

#[test]
fn what_is_still_needed_stays_and_with_it_everything() {
    let service = service();
    push(&service, &folder(MANIFEST, Some("folder")));
    done(
        &service,
        "mutation { CoreGeneratorDefinitionCreate(data: {name: {value: \"mine\"}, query: {hfid: [\"sites\"]}, targets: {hfid: [\"sites\"], kind: \"CoreStandardGroup\"}}) { ok } }",
    );
    let state = dump(&service);
    let bad = service.push(&folder("schemas: [schema.yml]\n", Some("folder"))).unwrap_err();
    assert_eq!((bad.code(), bad.class()), ("still-needed", service::ErrorClass::Conflict), "{bad}");
    assert!(bad.to_string().contains("CoreGeneratorDefinition"), "{bad}");
    assert_eq!(dump(&service), state);
    // What somebody put into the group by hand is not the folder's.
    let site = service.object("DemoSite", "ams").unwrap().id;
    done(
        &service,
        &format!(
            "mutation {{ CoreGeneratorDefinitionDelete(data: {{hfid: [\"mine\"]}}) {{ ok }} \
         RelationshipAdd(data: {{id: \"{}\", name: \"members\", nodes: [{{id: \"{site}\"}}]}}) {{ ok }} }}",
            service.object("CoreRepositoryGroup", "repository folder").unwrap().id
        ),
    );
    push(&service, &folder("schemas: [schema.yml]\n", Some("folder")));
    assert_eq!(labels(&service, "DemoSite"), ["ams"]);
    sound(&service);
}

#[test]
fn a_generator_that_goes_takes_what_it_made_along_by_its_policy() {
    let service = service();
    let root = crate::support::root().join("examples/web-service");
    let read = |name: &str| std::fs::read_to_string(root.join(name)).unwrap();
    let info = service.component_upload(&component("web_service")).unwrap();
    let manifest = "schemas: [schema.yml]\nobjects: [data.yml]\n";
    let generators = "generator_definitions: [{name: web-service, component: c.wasm, query: query.gql, targets: web_services, parameters: {name: name__value}}]\n";
    let names = ["schema.yml", "data.yml", "query.gql"];
    let whole = Folder {
        manifest: format!("{manifest}{generators}"),
        files: names.map(|name| (name.to_owned(), read(name))).into(),
        components: [("c.wasm".to_owned(), info.digest)].into(),
        repository: Some("web".to_owned()),
        ..Folder::default()
    };
    push(&service, &whole);
    run(&service, "web-service", "shop");
    assert_eq!(labels(&service, "InfraServer").len(), 3);
    let report = push(&service, &Folder { manifest: manifest.to_owned(), ..whole });
    assert_eq!(removed(&report), ["generator_definitions web-service", "queries web-service"]);
    assert_eq!(labels(&service, "InfraServer"), Vec::<String>::new());
    assert!(service.instances().unwrap().is_empty());
    sound(&service);
}

#[test]
fn stored_queries_that_kept_groups_go_with_them() {
    let service = service();
    push(&service, &folder(MANIFEST, Some("folder")));
    let asked = service::StoredQuery {
        name: "other".to_owned(),
        update_group: true,
        ..service::StoredQuery::default()
    };
    service.stored_query(&asked).unwrap();
    assert_eq!(
        done(&service, "{ CoreGraphQLQueryGroup { count } }")["CoreGraphQLQueryGroup"]["count"],
        1
    );
    load(&service, "DemoSite", &json!([{"name": "lon"}]));
    push(&service, &folder("schemas: [schema.yml]\n", Some("folder")));
    assert_eq!(
        done(&service, "{ CoreGraphQLQueryGroup { count } }")["CoreGraphQLQueryGroup"]["count"],
        0
    );
    sound(&service);
}

#[test]
fn who_leaves_its_group_by_a_file_or_over_rest_takes_what_was_made_for_it_along() {
    let root = crate::support::root().join("examples/web-service");
    let read = |name: &str| std::fs::read_to_string(root.join(name)).unwrap();
    let file = |name: &str| service::SourceFile { name: name.to_owned(), text: read(name) };
    for by_file in [true, false] {
        let service = service();
        service.schema_load(&[file("schema.yml")]).unwrap();
        service.object_load(&[file("data.yml")]).unwrap();
        let query = read("query.gql");
        crate::support::register(&service, "web-service", "web_service", &query, "web_services");
        run(&service, "web-service", "shop");
        run(&service, "web-service", "blog");
        let before = labels(&service, "InfraServer");
        if by_file {
            let group = json!([{"name": "web_services", "members": {"kind": "AppWebService", "data": ["blog"]}}]);
            load(&service, "CoreStandardGroup", &group);
        } else {
            let members = json!({"members": [{"hfid": ["blog"], "kind": "AppWebService"}]});
            let changes = service
                .object_update("CoreStandardGroup", "web_services", members.as_object().unwrap())
                .unwrap();
            assert!(changes.changes.iter().any(|change| change.label == "shop-0"), "{changes:?}");
        }
        let left = labels(&service, "InfraServer");
        assert!(before.iter().any(|label| label.starts_with("shop-")), "{before:?}");
        assert!(left.iter().all(|label| label.starts_with("blog-")), "{left:?}");
        assert!(!left.is_empty());
        sound(&service);
    }
}
