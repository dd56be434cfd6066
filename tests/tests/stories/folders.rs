//! Repository folders as they are: everything their manifest names, in one commit, or nothing.

use std::collections::BTreeMap;
use std::path::Path;

use model::repository;
use serde_json::json;
use service::{Folder, PushReport, Service, ServiceError};

use crate::mutations::done;
use crate::support::{case, component, dump, load_case, service, sound};

const MANIFEST: &str = "
schemas: [schemas]
objects: [objects/sites.yml, objects/groups.yml]
menus: [menu.yml]
queries: [{name: site, file_path: queries/site.gql}]
graphql_fragments: [{name: parts, file_path: fragments}]
generator_definitions:
  - {name: ours, component: ours.wasm, query: site, targets: sites, parameters: {name: name__value}, adoption: true}
  - {name: own_query, component: ours.wasm, query: queries/other.gql, targets: sites, on_release: retain}
  - {name: theirs, file_path: gen.py, class_name: Gen, query: site, targets: sites, execute_in_proposed_change: false}
python_transforms: [{name: words, file_path: words.py}]
jinja2_transforms: [{name: page, query: site, template_path: page.j2, description: A page}]
check_definitions: [{name: sane, file_path: sane.py, class_name: Sane, targets: sites}]
artifact_definitions:
  - {name: site page, artifact_name: page, parameters: {name: name__value}, content_type: text/plain, targets: sites, transformation: page}
";

const FILES: [(&str, &str); 9] = [
    ("page.j2", "{{ data.DemoSite.edges[0].node.name.value }}\n"),
    (
        "schemas/site.yml",
        "version: \"1.0\"\nnodes:\n  - {name: Site, namespace: Demo, human_friendly_id: [name__value], display_label: name__value, \
         attributes: [{name: name, kind: Text, unique: true}]}\n",
    ),
    ("schemas/README.md", "not a schema"),
    (
        "objects/sites.yml",
        "apiVersion: infrahub.app/v1\nkind: Object\nspec:\n  kind: DemoSite\n  data: [{name: ams}, {name: lon}]\n",
    ),
    (
        "objects/groups.yml",
        "apiVersion: infrahub.app/v1\nkind: Object\nspec:\n  kind: CoreStandardGroup\n  data: [{name: sites, members: {kind: DemoSite, data: [ams]}}]\n",
    ),
    (
        "menu.yml",
        "apiVersion: infrahub.app/v1\nkind: Menu\nspec:\n  data:\n    - namespace: Demo\n      name: Places\n      label: Places\n      icon: map\n\
         \x20     children:\n        data:\n          - {namespace: Demo, name: Sites, label: Sites, kind: DemoSite}\n          - {namespace: Demo, name: Elsewhere, label: Elsewhere, path: /away}\n",
    ),
    (
        "queries/site.gql",
        "query Site($name: String!) { DemoSite(name__value: $name) { edges { node { ...Part } } } }\n",
    ),
    ("queries/other.gql", "query { DemoSite { count } }\n"),
    ("fragments/part.gql", "fragment Part on DemoSite { id name { value } }\n"),
];

fn folder(service: &Service) -> Folder {
    let info = service.component_upload(&component("web_service")).unwrap();
    let text = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
    Folder {
        manifest: MANIFEST.to_owned(),
        files: FILES.iter().map(text).collect(),
        components: [("ours.wasm".to_owned(), info.digest)].into(),
        ..Folder::default()
    }
}

fn pushed(service: &Service, folder: &Folder) -> PushReport {
    service.push(folder).unwrap_or_else(|bad| panic!("{bad}: {:#?}", bad.details()))
}

/// What an item came to.
fn outcome<'r>(report: &'r PushReport, section: &str, name: &str) -> (&'r str, &'r str) {
    let item = report.items.iter().find(|item| item.section == section && item.name == name);
    let item = item.unwrap_or_else(|| panic!("{section} {name}: {report:#?}"));
    (&item.outcome, item.note.as_deref().unwrap_or(""))
}

#[test]
fn a_folder_is_taken_in_one_commit_and_again_without_a_change() {
    let service = service();
    let folder = folder(&service);
    let before = service.last_commit();
    let state = dump(&service);
    let tried = pushed(&service, &Folder { check: true, ..folder.clone() });
    assert_eq!((dump(&service), tried.commit), (state, None));
    let report = pushed(&service, &folder);
    assert_eq!(tried.items, report.items);
    assert_eq!(service.last_commit(), before + 1);
    assert_eq!(outcome(&report, "schemas", "schemas/site.yml"), ("loaded", ""));
    assert_eq!(outcome(&report, "queries", "site"), ("created", ""));
    let counted = outcome(&report, "objects", "objects/sites.yml").0;
    assert_eq!(counted, "2 created, 0 updated, 0 unchanged");
    assert_eq!(outcome(&report, "menus", "menu.yml").0, "3 created, 0 updated, 0 unchanged");
    assert_eq!(outcome(&report, "generator_definitions", "ours"), ("created", ""));
    let python = "recorded; Python does not run here";
    assert_eq!(outcome(&report, "generator_definitions", "theirs"), ("created", python));
    assert_eq!(outcome(&report, "python_transforms", "words"), ("created", python));
    assert_eq!(outcome(&report, "check_definitions", "sane"), ("created", python));
    assert_eq!(outcome(&report, "jinja2_transforms", "page").0, "created");
    assert_eq!(outcome(&report, "artifact_definitions", "site page").0, "created");
    let data = done(
        &service,
        "{ CoreGraphQLQuery(name__value: \"site\") { edges { node { query { value } } } } \
         own: CoreGraphQLQuery(name__value: \"own_query\") { count } \
         CoreGeneratorDefinition(order: { by: [{ field: \"name__value\" }] }) { edges { node { name { value } component { value } file_path { value } \
           class_name { value } adoption { value } on_release { value } execute_in_proposed_change { value } targets { node { display_label } } query { node { display_label } } } } } \
         CoreMenuItem(order: { by: [{ field: \"name__value\" }] }) { edges { node { name { value } path { value } order_weight { value } parent { node { display_label } } } } } \
         CoreTransformation { edges { node { __typename name { value } query { node { display_label } } ... on CoreTransformPython { class_name { value } } } } } \
         CoreArtifactDefinition { edges { node { artifact_name { value } transformation { node { __typename display_label } } parameters { value } } } } }",
    );
    let query = data["CoreGraphQLQuery"]["edges"][0]["node"]["query"]["value"].as_str().unwrap();
    assert!(query.contains("fragment Part on DemoSite"), "{query}");
    assert_eq!(data["own"]["count"], 1);
    let definitions: Vec<_> =
        (0..3).map(|at| &data["CoreGeneratorDefinition"]["edges"][at]["node"]).collect();
    assert_eq!(definitions[0]["name"]["value"], "ours");
    assert_eq!(definitions[0]["adoption"]["value"], true);
    assert!(definitions[0]["component"]["value"].is_string());
    assert_eq!(definitions[1]["on_release"]["value"], "retain");
    assert_eq!(definitions[1]["query"]["node"]["display_label"], "own_query");
    assert_eq!(definitions[2]["class_name"]["value"], "Gen");
    assert_eq!(definitions[2]["execute_in_proposed_change"]["value"], false);
    assert_eq!(definitions[2]["targets"]["node"]["display_label"], "sites");
    let menu = &data["CoreMenuItem"]["edges"];
    assert_eq!(menu[0]["node"]["path"]["value"], "/away");
    assert_eq!(menu[0]["node"]["order_weight"]["value"], 2000);
    assert_eq!(menu[2]["node"]["path"]["value"], "/objects/DemoSite");
    assert_eq!(menu[2]["node"]["parent"]["node"]["display_label"], "Places");
    let artifact = &data["CoreArtifactDefinition"]["edges"][0]["node"];
    assert_eq!(artifact["artifact_name"]["value"], "page");
    assert_eq!(
        artifact["transformation"]["node"],
        json!({"__typename": "CoreTransformJinja2", "display_label": "page"})
    );
    assert_eq!(artifact["parameters"]["value"], json!({"name": "name__value"}));
    // Once more.
    let state = dump(&service);
    let again = pushed(&service, &folder);
    assert_eq!(again.commit, None);
    assert_eq!(dump(&service), state);
    assert_eq!(outcome(&again, "schemas", "schemas/site.yml").0, "unchanged");
    assert_eq!(outcome(&again, "generator_definitions", "ours").0, "unchanged");
    sound(&service);
}

#[test]
fn a_folder_with_a_mistake_leaves_nothing_and_says_all_of_them() {
    let service = service();
    let good = folder(&service);
    let state = dump(&service);
    let without = |path: &str| {
        let mut folder = good.clone();
        assert!(folder.files.remove(path).is_some());
        folder
    };
    let with = |path: &str, text: &str| {
        let mut folder = good.clone();
        folder.files.insert(path.to_owned(), text.to_owned());
        folder
    };
    let manifest = |from: &str, to: &str| {
        assert!(MANIFEST.contains(from));
        Folder { manifest: MANIFEST.replace(from, to), ..good.clone() }
    };
    let object =
        "apiVersion: infrahub.app/v1\nkind: Object\nspec:\n  kind: DemoSite\n  data: [{nam: x}]\n";
    for (folder, code, parts) in [
        (without("menu.yml"), "missing-file", vec!["menu.yml"]),
        (without("fragments/part.gql"), "missing-file", vec!["fragments"]),
        (without("page.j2"), "missing-file", vec!["jinja2_transforms.page", "page.j2"]),
        (with("page.j2", "{% include 'part.j2' %}"), "missing-file", vec!["part.j2"]),
        (with("page.j2", "{% if %}"), "bad-template", vec!["page.j2, line 1"]),
        (manifest("schemas: [", "schema: ["), "unknown-key", vec!["did you mean `schemas`?"]),
        (with("schemas/site.yml", "nodes: [{name: x}]"), "missing-key", vec!["site.yml"]),
        (with("objects/sites.yml", "kind: Object"), "bad-api-version", vec!["sites.yml"]),
        (with("objects/sites.yml", object), "unknown-field", vec![]),
        (
            with("queries/site.gql", "{ DemoSite { edges { node { nam { value } } } } }"),
            "bad-query",
            vec!["nam", "queries.site"],
        ),
        (with("fragments/part.gql", "{ DemoSite { count } }"), "bad-query", vec!["part.gql"]),
        (
            manifest("targets: sites, parameters", "targets: nobody, parameters"),
            "not-found",
            vec!["generator_definitions.ours", "nobody"],
        ),
        (
            manifest("transformation: page", "transformation: none"),
            "not-found",
            vec!["artifact_definitions.site page"],
        ),
        (
            manifest("component: ours.wasm, query: site", "component: other.wasm, query: site"),
            "missing-component",
            vec!["other.wasm"],
        ),
        (
            manifest("query: site, targets: sites, execute", "query: gone, targets: gone, execute"),
            "not-found",
            vec!["generator_definitions.theirs"],
        ),
    ] {
        let bad = service.push(&folder).unwrap_err();
        let told = format!("{bad}\n{}", bad.details().join("\n"));
        let is = bad.code();
        assert!(is == code || told.contains(code), "{is}, wanted {code}: {told}");
        for part in parts {
            assert!(told.contains(part), "{part} is not in {told}");
        }
        assert_eq!(dump(&service), state, "{told}");
    }
    // Two mistakes in two sections are told at once.
    let mut both = without("menu.yml");
    both.files.insert("queries/site.gql".to_owned(), "{".to_owned());
    let Err(ServiceError::Files(errors)) = service.push(&both) else { panic!("it was taken") };
    assert!(errors.len() > 1, "{errors:#?}");
    sound(&service);
}

/// The files of a folder on disk, by path.
fn read(root: &Path, below: &Path, found: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(root, &path, found);
        } else if let Ok(text) = std::fs::read_to_string(&path) {
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            found.insert(name, text);
        }
    }
}

/// A public folder; of its files only those that the cases hold are there.
fn public(name: &str) {
    let Some(case) = case(name) else { return };
    let root = case.join("files");
    let mut files = BTreeMap::new();
    read(&root, &root, &mut files);
    let text = files.remove(".infrahub.yml").unwrap();
    let manifest =
        repository::parse(".infrahub.yml", &text).unwrap_or_else(|bad| panic!("{bad:#?}"));
    let service = service();
    let mut folder = Folder { manifest: text, files, ..Folder::default() };
    // What is not there is told, all of it, and nothing is taken.
    let empty = dump(&service);
    let bad = service.push(&folder).unwrap_err();
    let told = bad.details().join("\n");
    let mut missing = 0;
    let queries = manifest.queries.iter().map(|query| (&query.path, true));
    let menus = manifest.menus.iter().map(|path| (path, false));
    let templates = manifest.jinja2_transforms.iter();
    let templates: Vec<String> =
        templates.filter_map(|item| item.text("template_path").map(str::to_owned)).collect();
    let stand_in = |is_query: bool| match is_query {
        true => "query { CoreNode { count } }\n",
        false => {
            "apiVersion: infrahub.app/v1\nkind: Menu\nspec:\n  data: [{namespace: Demo, name: Main, label: Main}]\n"
        }
    };
    for (path, is_query) in queries.chain(menus) {
        if !folder.files.contains_key(path) {
            missing += 1;
            assert!(told.contains(&format!("`{path}` is not in the folder")), "{path}: {told}");
            folder.files.insert(path.clone(), stand_in(is_query).to_owned());
        }
    }
    for path in templates {
        let is_told = told.contains(&format!("`{path}` is not in the folder"));
        folder.files.entry(path).or_insert_with_key(|path| {
            missing += 1;
            assert!(is_told, "{path}: {told}");
            "a template\n".to_owned()
        });
    }
    assert!(missing > 0 && dump(&service) == empty, "{name}: {told}");
    // The objects come as the source says, in its order, where the manifest does not name them.
    if manifest.objects.is_empty() {
        load_case(&service, &case);
    }
    // Groups that the source makes by its scripts.
    let items = [&manifest.generators, &manifest.checks, &manifest.artifacts];
    let mut groups: Vec<&str> =
        items.into_iter().flatten().filter_map(|item| item.text("targets")).collect();
    groups.sort_unstable();
    groups.dedup();
    let rows: Vec<_> = groups.iter().map(|name| json!({"name": name})).collect();
    if manifest.objects.is_empty() {
        crate::support::load(&service, "CoreStandardGroup", &json!(rows));
    } else {
        let row = crate::support::rows("CoreStandardGroup", &json!(rows));
        folder.files.insert("groups.yml".to_owned(), row.text);
        let with = "objects:\n  - groups.yml\n";
        folder.manifest = folder.manifest.replacen("objects:\n", with, 1);
    }
    let before = service.last_commit();
    let report = pushed(&service, &folder);
    assert_eq!(service.last_commit(), before + 1, "{name}");
    let recorded =
        |note: &Option<String>| note.as_deref().is_some_and(|note| note.starts_with("recorded"));
    let count = report.items.iter().filter(|item| recorded(&item.note)).count();
    let all = [&manifest.generators, &manifest.checks, &manifest.python_transforms];
    assert_eq!(count, all.iter().map(|items| items.len()).sum::<usize>(), "{name}");
    let stored = done(&service, "{ CoreGraphQLQuery { count } CoreGeneratorDefinition { count } }");
    assert_eq!(stored["CoreGraphQLQuery"]["count"], manifest.queries.len());
    assert_eq!(stored["CoreGeneratorDefinition"]["count"], manifest.generators.len());
    assert_eq!(pushed(&service, &folder).commit, None, "{name}");
    sound(&service);
}

#[test]
fn the_sdwan_folder_is_taken_as_it_is() {
    public("1-sdwan");
}

#[test]
fn the_dedicated_internet_folder_is_taken_as_it_is() {
    public("2-dedicated-internet");
}

#[test]
fn the_l3vpn_folder_is_taken_as_it_is() {
    public("4-l3vpn");
}

#[test]
fn the_data_centre_folder_is_taken_as_it_is() {
    public("5-demo-dc");
}
