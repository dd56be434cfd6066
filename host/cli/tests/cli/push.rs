//! A folder is pushed as it is, and says what became of each item.

use crate::process::{Server, root};

#[test]
fn a_folder_is_pushed_and_its_generator_runs() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(&scratch.path().join("data"));
    let folder = root().join("examples/web-service");
    let (folder, components) = (folder.to_str().unwrap(), root().join("target/components"));
    let push = ["push", folder, "--components", components.to_str().unwrap()];
    let said = server.kiln(&[&push[..], &["--check"]].concat()).ok();
    assert!(
        said.contains("schemas  schema.yml: loaded") && said.contains("nothing was kept"),
        "{said}"
    );
    let stored = server.query("{ CoreGeneratorDefinition { count } }");
    assert_eq!(stored["CoreGeneratorDefinition"]["count"], 0);
    let said = server.kiln(&push).ok();
    assert!(said.contains("generator_definitions  web-service: created\n"), "{said}");
    assert!(said.contains("objects  data.yml: ") && said.ends_with("done\n"), "{said}");
    let again = server.kiln(&[&push[..], &["--json"]].concat()).json();
    assert!(again["commit"].is_null(), "{again}");
    assert_eq!(again["items"][0]["outcome"], "unchanged");
    let run = server.kiln(&["generator", "run", "web-service", "--target", "shop"]).ok();
    assert!(run.contains("InfraServer shop-0"), "{run}");
}

#[test]
fn a_folder_that_is_not_whole_is_refused_with_what_is_missing() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(&scratch.path().join("data"));
    let folder = scratch.path().join("folder");
    std::fs::create_dir(&folder).unwrap();
    let path = folder.to_str().unwrap();
    assert!(server.kiln(&["push", path]).refused(4).contains(".infrahub.yml"));
    let manifest = folder.join(".infrahub.yml");
    std::fs::write(&manifest, "schemas: [a.yml, b]\nqueries: [{name: q, file_path: q.gql}]\n")
        .unwrap();
    let said = server.kiln(&["push", path]).refused(4);
    assert!(["a.yml", "b", "q.gql"].iter().all(|part| said.contains(part)), "{said}");
    std::fs::write(&manifest, "schema: [a.yml]\n").unwrap();
    assert!(server.kiln(&["push", path]).refused(1).contains("did you mean `schemas`?"));
    std::fs::write(&manifest, "queries: [{name: q, file_path: q.gql}]\n").unwrap();
    std::fs::write(folder.join("q.gql"), "{ Nothing { count } }\n").unwrap();
    let said = server.kiln(&["push", path]).refused(1);
    assert!(said.contains("queries.q") && said.contains("Nothing"), "{said}");
}

#[test]
fn what_the_folder_no_longer_names_goes_and_a_folder_from_elsewhere_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(&scratch.path().join("data"));
    let make = |place: &str, queries: &str| {
        let folder = scratch.path().join(place).join("folder");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("q.gql"), "{ BuiltinTag { count } }\n").unwrap();
        std::fs::write(folder.join(".infrahub.yml"), format!("queries: [{queries}]\n")).unwrap();
        folder.to_str().unwrap().to_owned()
    };
    let (a, b) = ("{name: a, file_path: q.gql}", "{name: b, file_path: q.gql}");
    let here = make("here", &format!("{a}, {b}"));
    assert!(server.kiln(&["push", &here]).ok().contains("queries  b: created\n"));
    make("here", a);
    let said = server.kiln(&["push", &here, "--keep"]).ok();
    assert!(!said.contains("removed"), "{said}");
    let said = server.kiln(&["push", &here, "--check"]).ok();
    assert!(said.contains("queries  b: removed (the folder no longer names it)\n"), "{said}");
    // Another folder of the same name is another, until somebody says that it is not.
    let there = make("there", b);
    let said = server.kiln(&["push", &there]).refused(1);
    assert!(said.contains("--repository folder"), "{said}");
    assert_eq!(server.query("{ CoreGraphQLQuery { count } }")["CoreGraphQLQuery"]["count"], 2);
    let said = server.kiln(&["push", &there, "--repository", "folder"]).ok();
    assert!(said.contains("queries  a: removed") && !said.contains("b: removed"), "{said}");
    let said = server.kiln(&["push", &here, "--repository", "other"]).ok();
    assert!(said.contains("queries  a: created"), "{said}");
    // What is outside of the folder is not sent, whoever names it.
    std::fs::write(scratch.path().join("secret.gql"), "{ BuiltinTag { count } }\n").unwrap();
    make("here", "{name: c, file_path: ../../secret.gql}");
    assert!(server.kiln(&["push", &here]).refused(1).contains("../../secret.gql"));
    let manifest = format!(
        "queries: [{a}]\njinja2_transforms: [{{name: t, query: a, template_path: t.j2}}]\n"
    );
    let folder = scratch.path().join("here/folder");
    std::fs::write(folder.join(".infrahub.yml"), manifest).unwrap();
    for path in ["../../secret.gql", scratch.path().join("secret.gql").to_str().unwrap()] {
        std::fs::write(folder.join("t.j2"), format!("{{% include '{path}' %}}")).unwrap();
        assert!(server.kiln(&["push", &here]).refused(4).contains(path), "{path}");
    }
}
