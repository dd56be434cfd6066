//! Stored content: in pieces, whole again when it is read, and gone when nothing leads to it any more.

use std::collections::BTreeMap;

use serde_json::json;
use service::{Place, Service, Upload};

use crate::mutations::done;
use crate::support::{service, service_in, sound};

const SCHEMA: &str = "
version: '1.0'
nodes:
  - {name: Doc, namespace: Demo, inherit_from: [CoreFileObject], human_friendly_id: [title__value], display_label: title__value, attributes: [{name: title, kind: Text, unique: true}]}
  - {name: Shared, namespace: Demo, branch: agnostic, inherit_from: [CoreFileObject], human_friendly_id: [title__value], display_label: title__value, attributes: [{name: title, kind: Text, unique: true}]}
";

fn with_schema(service: &Service) {
    let file = service::SourceFile { name: "schema.yml".to_owned(), text: SCHEMA.to_owned() };
    service.schema_load(&[file]).unwrap_or_else(|bad| panic!("{bad}: {:?}", bad.details()));
}

fn upload(bytes: &[u8]) -> Upload {
    let (name, content_type) = ("a.bin".to_owned(), "text/plain".to_owned());
    Upload { name, content_type, bytes: bytes.to_vec() }
}

/// Puts a file to an object of a kind, as a mutation with a file does; the id of the content.
fn put(service: &Service, kind: &str, title: &str, bytes: &[u8]) -> String {
    let request = graphql::Request {
        query: format!(
            "mutation ($file: Upload!) {{ {kind}Upsert(data: {{title: {{value: \"{title}\"}}}}, file: $file) {{ object {{ storage_id {{ value }} }} }} }}"
        ),
        operation_name: None,
        variables: serde_json::Map::from_iter([("file".to_owned(), json!("0"))]),
    };
    let files = BTreeMap::from([("0".to_owned(), upload(bytes))]);
    let enclosed = service::Enclosed { files, ..Default::default() };
    let answer = service.graphql_response(&request, &enclosed).unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let id = &answer["data"][format!("{kind}Upsert")]["object"]["storage_id"]["value"];
    id.as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

fn is_there(service: &Service, id: &str) -> bool {
    match service.file(id) {
        Ok(_) => true,
        Err(bad) => {
            assert_eq!(bad.code(), "not-found");
            false
        }
    }
}

#[test]
fn content_of_every_size_is_read_as_it_was_stored() {
    let folder = tempfile::tempdir().unwrap();
    let piece = 256 << 10;
    let mut ids = Vec::new();
    let sizes = [0, 1, piece - 1, piece, piece + 1, 3 * piece, 3 * piece + 7];
    {
        let service = service_in(Place::Folder(folder.path().to_owned()));
        for size in sizes {
            let bytes: Vec<u8> = (0..=250).cycle().take(size).collect();
            ids.push((service.file_upload(&upload(&bytes)).unwrap().id.to_string(), bytes));
        }
    }
    let service = service_in(Place::Folder(folder.path().to_owned()));
    for (id, bytes) in &ids {
        assert!(service.file(id).unwrap().bytes == *bytes, "{} bytes", bytes.len());
    }
    let bad = service.file_upload(&upload(&vec![0; (16 << 20) + 1])).unwrap_err();
    assert_eq!(bad.code(), "file-too-large");
    sound(&service);
}

#[test]
fn content_goes_with_the_last_branch_that_leads_to_it() {
    let main = service();
    with_schema(&main);
    let alone = main.file_upload(&upload(b"alone")).unwrap().id.to_string();
    let old = put(&main, "DemoDoc", "on main", b"old");
    let new = put(&main, "DemoDoc", "on main", b"new");
    main.branch_create("b", "").unwrap();
    let branch = main.on(Some("b"), None).unwrap();
    let on_b = put(&branch, "DemoDoc", "on b", b"of b");
    let first = put(&branch, "DemoDoc", "on main", b"first of b");
    let second = put(&branch, "DemoDoc", "on main", b"second of b");
    let shared = put(&branch, "DemoShared", "shared", b"of all");
    let large = put(&branch, "DemoDoc", "large", &vec![7; 600 << 10]);
    let by_hand = branch.file_upload(&upload(b"by hand on b")).unwrap().id.to_string();
    // Somebody on main found one of them.
    let taken = put(&branch, "DemoDoc", "taken", b"taken");
    let set = format!(
        "mutation {{ DemoDocCreate(data: {{title: {{value: \"taker\"}}, storage_id: {{value: \"{taken}\"}}}}) {{ ok }} }}"
    );
    done(&main, &set);
    // As long as the branch is there, all of it is: the past of the branch, too.
    for id in [&alone, &old, &new, &on_b, &first, &second, &shared, &large, &by_hand, &taken] {
        assert!(is_there(&main, id));
    }
    main.branch_delete("b").unwrap();
    for id in [&alone, &old, &new, &shared, &by_hand, &taken] {
        assert!(is_there(&main, id), "it is led to, or was uploaded by itself");
    }
    for id in [&on_b, &first, &second, &large] {
        assert!(!is_there(&main, id), "nothing leads to it");
    }
    assert_eq!(main.file_of("DemoShared", "shared").unwrap().bytes, b"of all");
    assert_eq!(main.file_of("DemoDoc", "taker").unwrap().bytes, b"taken");
    sound(&main);
}

#[test]
fn what_was_merged_stays_and_deleting_an_object_keeps_its_past() {
    let main = service();
    with_schema(&main);
    main.branch_create("b", "").unwrap();
    let branch = main.on(Some("b"), None).unwrap();
    let first = put(&branch, "DemoDoc", "d", b"first");
    let merged = put(&branch, "DemoDoc", "d", b"merged");
    main.branch_merge("b").unwrap();
    main.branch_delete("b").unwrap();
    assert!(is_there(&main, &merged), "main leads to it");
    assert!(!is_there(&main, &first), "only the branch's past led to it");
    let then = main.last_commit();
    done(&main, "mutation { DemoDocDelete(data: {hfid: [\"d\"]}) { ok } }");
    main.branch_create("c", "").unwrap();
    main.branch_delete("c").unwrap();
    let past = main.on(None, Some(&then.to_string())).unwrap();
    assert_eq!(past.file_of("DemoDoc", "d").unwrap().bytes, b"merged");
    sound(&main);
}
