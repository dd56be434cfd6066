//! Artifacts are made by a process of its own, whatever a template does.

use crate::process::Server;

/// A folder with a box and one template; pushed.
fn pushed(server: &Server, folder: &std::path::Path, template: &str) {
    let files = [
        (
            ".infrahub.yml",
            "schemas: [s.yml]\nobjects: [d.yml]\nqueries: [{name: q, file_path: q.gql}]\n\
            jinja2_transforms: [{name: page, query: q, template_path: page.j2}]\n\
            artifact_definitions: [{name: pages, parameters: {name: name__value}, content_type: text/plain, targets: boxes, transformation: page}]\n",
        ),
        (
            "s.yml",
            "version: '1.0'\nnodes: [{name: Box, namespace: Demo, inherit_from: [CoreArtifactTarget], human_friendly_id: [name__value], \
            display_label: name__value, attributes: [{name: name, kind: Text, unique: true}]}]\n",
        ),
        (
            "d.yml",
            "---\napiVersion: infrahub.app/v1\nkind: Object\nspec: {kind: DemoBox, data: [{name: a}, {name: b}]}\n---\n\
            apiVersion: infrahub.app/v1\nkind: Object\nspec: {kind: CoreStandardGroup, data: [{name: boxes, members: {kind: DemoBox, data: [a, b]}}]}\n",
        ),
        (
            "q.gql",
            "query Q($name: String!) { DemoBox(name__value: $name) { edges { node { name { value } } } } }\n",
        ),
        ("page.j2", template),
    ];
    std::fs::create_dir_all(folder).unwrap();
    for (name, text) in files {
        std::fs::write(folder.join(name), text).unwrap();
    }
    server.kiln(&["push", folder.to_str().unwrap()]).ok();
}

#[test]
fn artifacts_are_made_shown_and_rendered() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(&scratch.path().join("data"));
    let folder = scratch.path().join("folder");
    pushed(&server, &folder, "box {{ data.DemoBox.edges[0].node.name.value }}\n");
    let said = server.kiln(&["artifact", "generate", "pages"]).ok();
    assert!(said.contains("a  created  ") && said.contains("b  created  "), "{said}");
    let id = said.lines().next().unwrap().rsplit(' ').next().unwrap().to_owned();
    assert_eq!(server.kiln(&["artifact", "show", &id]).ok(), "box a\n");
    assert_eq!(server.kiln(&["artifact", "render", "page", "name=b"]).ok(), "box b\n");
    let told = server.kiln(&["artifact", "generate", "pages", &id, "--json"]).json();
    assert_eq!(told["artifacts"][0]["outcome"], "unchanged");
    let said = server.kiln(&["artifact", "show", "none"]).refused(1);
    assert!(said.contains("none"), "{said}");
}

#[test]
fn a_template_that_takes_all_memory_or_time_ends_alone() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(&scratch.path().join("data"));
    let folder = scratch.path().join("folder");
    // Doubled fifty times, a text of eight letters has eight petabytes.
    let bomb = "{% set kept = namespace(x='12345678') %}{% if name == 'b' %}{% for i in range(50) %}{% set kept.x = kept.x ~ kept.x %}{% endfor %}{% endif %}{{ name }}\n";
    pushed(&server, &folder, bomb);
    let said = server.kiln(&["artifact", "generate", "pages"]);
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    assert!(said.out.contains("a  created  "), "{}", said.out);
    assert!(
        said.out.contains("b  failed  ") && said.out.contains("template-too-large"),
        "{}",
        said.out
    );
    let status = server.query("{ CoreArtifact(order: {by: [{field: \"status__value\"}]}) { edges { node { status { value } } } } }");
    let edges = &status["CoreArtifact"]["edges"];
    assert_eq!(
        (&edges[0]["node"]["status"]["value"], &edges[1]["node"]["status"]["value"]),
        (&"Error".into(), &"Ready".into())
    );
    // The server has lost nothing by it.
    assert_eq!(server.kiln(&["artifact", "render", "page", "name=a"]).ok(), "a\n");
}
