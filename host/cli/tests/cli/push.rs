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
