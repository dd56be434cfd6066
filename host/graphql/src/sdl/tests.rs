//! What is made of schemas is right to the letter of the language, and is what its own text says.

#![allow(clippy::print_stdout, reason = "a test says what it skips")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use apollo_compiler::Schema as Types;
use apollo_compiler::schema::ExtendedType;
use model::Symbols;
use model::schema::{Declared, Document, Schema, compile, merge};

use super::{accepted, base_text, told};

/// Generics whose kinds narrow a field, fields of one name and different types, links in a circle.
const NARROW: &str = r#"
version: "1.0"
generics:
  - name: Endpoint
    namespace: Demo
    attributes: [{name: name, kind: Text, unique: true}, {name: size, kind: Text, optional: true}]
    relationships: [{name: home, peer: CoreNode, cardinality: one, optional: true}]
  - name: Place
    namespace: Demo
    hierarchical: true
    attributes: [{name: name, kind: Text, unique: true}]
nodes:
  - name: Port
    namespace: Demo
    inherit_from: [DemoEndpoint]
    generate_template: true
    attributes: [{name: size, kind: Number, optional: true}, {name: secret, kind: Password, optional: true}]
    relationships: [{name: home, peer: DemoSite, cardinality: one, optional: true}]
  - name: Site
    namespace: Demo
    inherit_from: [DemoPlace]
    attributes: [{name: size, kind: List, optional: true}]
    relationships: [{name: ports, peer: DemoPort, cardinality: many}, {name: peers, peer: DemoSite, cardinality: many}]
"#;

fn compiled(files: &[(String, String)]) -> Schema {
    let documents: Vec<Document> = files
        .iter()
        .flat_map(|(name, text)| {
            Document::parse(name, text).unwrap_or_else(|bad| panic!("{name}: {bad:?}"))
        })
        .collect();
    let declared = merge(&Declared::default(), &documents).unwrap_or_else(|bad| panic!("{bad:?}"));
    compile(&declared, &mut Symbols::default()).unwrap_or_else(|bad| panic!("{bad:?}"))
}

fn files(folder: &Path, found: &mut Vec<(String, String)>) {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|end| end == "yml") {
            found.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
        }
    }
}

/// The stock kinds, our own sample, and the public cases where they are beside the checkout.
fn schemas() -> Vec<(String, Schema)> {
    let mut all = vec![
        ("stock".to_owned(), compiled(&[])),
        ("narrow".to_owned(), compiled(&[("narrow.yml".to_owned(), NARROW.to_owned())])),
    ];
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/cases");
    for case in std::fs::read_dir(&cases).into_iter().flatten().flatten() {
        let mut found = Vec::new();
        files(&case.path().join("files/schemas"), &mut found);
        if !found.is_empty() {
            all.push((case.file_name().display().to_string(), compiled(&found)));
        }
    }
    if all.len() == 2 {
        println!("skipped: the public cases are not beside this checkout");
    }
    all
}

#[test]
fn the_fixed_part_parses() {
    let base = Types::parse(base_text(), "base.graphql");
    assert!(base.is_ok(), "{}", base.unwrap_err().errors);
}

#[test]
fn what_clients_read_is_valid_and_is_what_was_built() {
    for (name, schema) in schemas() {
        let built = told(&schema, &accepted(&schema));
        let text = built.to_string();
        let read = match Types::parse_and_validate(&text, "schema.graphql") {
            Ok(read) => read,
            Err(bad) => panic!("{name}: {}", bad.errors),
        };
        assert!(read.types.keys().all(|of| built.types.contains_key(of)), "{name}");
        for (of, built) in &built.types {
            assert_eq!(read.types.get(of), Some(built), "{name}: {of}");
        }
        assert_eq!(read.schema_definition, built.schema_definition, "{name}");
    }
}

#[test]
fn documents_may_ask_a_generic_for_what_its_kinds_narrow() {
    let (_, schema) = schemas().swap_remove(1);
    let accepted = accepted(&schema);
    let told = told(&schema, &accepted);
    let has = |types: &Types, of: &str, field: &str| match types.types.get(of) {
        Some(ExtendedType::Interface(of)) => of.fields.contains_key(field),
        Some(ExtendedType::Object(of)) => of.fields.contains_key(field),
        _ => panic!("no type {of}"),
    };
    for field in ["size", "home"] {
        assert!(has(&accepted, "DemoEndpoint", field) && !has(&told, "DemoEndpoint", field));
        assert!(has(&told, "DemoPort", field), "{field}");
    }
    assert!(has(&told, "DemoEndpoint", "name"));
    assert!(has(&told, "DemoSite", "descendants") && has(&told, "DemoPlace", "ancestors"));
    let roots = accepted.get_object("Query").unwrap();
    let arguments = &roots.fields.get("DemoPort").unwrap().arguments;
    let given = |name: &str| arguments.iter().any(|argument| argument.name == name);
    assert!(given("size__value") && given("home__size__values") && given("secret__is_protected"));
    assert!(!given("secret__value"), "secrets are not found by guessing");
}

#[test]
fn an_unchanged_schema_is_built_once() {
    let dialect = crate::Dialect::new();
    let all = schemas();
    let types = |number: usize| dialect.typed(&all[number].1);
    assert!(Arc::ptr_eq(&types(0), &types(0)));
    assert!(!Arc::ptr_eq(&types(0), &types(1)));
}

#[test]
fn what_is_the_same_is_there_once() {
    let (_, schema) = schemas().swap_remove(0);
    let types = accepted(&schema);
    let field = |of: &str| types.get_object(of).unwrap().fields.get("member_of_groups").unwrap();
    assert!(field("BuiltinTag").ptr_eq(field("IpamNamespace")));
    let argument = |kind: &str| {
        let root = types.get_object("Query").unwrap().fields.get(kind).unwrap();
        root.arguments.iter().find(|argument| argument.name == "name__value").unwrap()
    };
    assert!(argument("BuiltinTag").ptr_eq(argument("CoreStandardGroup")));
}
