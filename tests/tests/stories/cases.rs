//! The public cases load unmodified, and end up as their seeds say; their queries are valid.

use serde_json::{Value as Json, json};
use service::{Service, SourceFile};

use crate::support::{case, load_case, rows, service, sound};

/// Objects of a case after loading, as its seed has them: every value, every link.
fn check(name: &str) {
    let Some(case) = case(name) else { return };
    let service = service();
    load_case(&service, &case);
    if let Ok(targets) = std::fs::read_to_string(case.join("targets.json")) {
        let targets: Vec<Json> = serde_json::from_str(&targets).unwrap();
        for target in targets {
            let mut row = target.as_object().unwrap().clone();
            let kind = row.remove("kind").unwrap();
            let file = rows(kind.as_str().unwrap(), &json!([row]));
            service.object_load(&[file]).unwrap_or_else(|bad| panic!("{bad}"));
        }
    }
    sound(&service);
    let seed = std::fs::read_to_string(case.join("seed.json")).unwrap();
    let seed: Vec<Json> = serde_json::from_str(&seed).unwrap();
    let mut wrong = Vec::new();
    for node in &seed {
        compare(&service, node, &mut wrong);
    }
    wrong.truncate(20);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// One node of a seed against the object with its human-friendly id.
fn compare(service: &Service, node: &Json, wrong: &mut Vec<String>) {
    let kind = node["kind"].as_str().unwrap();
    let Some(hfid) = node["hfid"].as_array() else { return };
    let text = |part: &Json| part.as_str().map_or_else(|| part.to_string(), str::to_owned);
    let name = hfid.iter().map(text).collect::<Vec<_>>().join("/");
    let Ok(object) = service.object(kind, &name) else {
        wrong.push(format!("{kind} {name} is missing"));
        return;
    };
    for (field, wanted) in node["attributes"].as_object().unwrap() {
        if object.attributes.get(field) != Some(wanted) {
            let found = object.attributes.get(field);
            wrong.push(format!("{kind} {name} {field}: {found:?}, wanted {wanted}"));
        }
    }
    for (field, wanted) in node["relationships"].as_object().unwrap() {
        let found = object.relationships.get(field).and_then(Json::as_array).map_or(0, Vec::len);
        let wanted = wanted.as_array().unwrap().len();
        if found != wanted {
            wrong.push(format!("{kind} {name} {field}: {found} peers, wanted {wanted}"));
        }
    }
}

#[test]
fn the_sdwan_case_loads_as_its_seed_says() {
    check("1-sdwan");
}

#[test]
fn the_dedicated_internet_case_loads_as_its_seed_says() {
    check("2-dedicated-internet");
}

#[test]
fn the_l3vpn_case_loads_as_its_seed_says() {
    check("4-l3vpn");
}

#[test]
fn the_data_centre_case_loads_as_its_seed_says() {
    check("5-demo-dc");
}

#[test]
fn loading_a_case_again_changes_nothing() {
    let Some(case) = case("1-sdwan") else { return };
    let service = service();
    load_case(&service, &case);
    let before = service.last_commit();
    load_case(&service, &case);
    assert_eq!(service.last_commit(), before);
}

#[test]
fn every_public_query_is_valid_and_answered() {
    for name in ["1-sdwan", "2-dedicated-internet", "4-l3vpn", "5-demo-dc"] {
        let Some(case) = case(name) else { return };
        let service = service();
        load_case(&service, &case);
        for query in queries(&case.join("files")) {
            let mut request = graphql::Request { query: query.text, ..Default::default() };
            for variable in ["name", "service_identifier", "device"] {
                request.variables.insert(variable.to_owned(), json!("nothing"));
            }
            let answer = service.graphql(&request).unwrap();
            let answer: Json = serde_json::from_slice(&answer).unwrap();
            assert!(answer.get("errors").is_none(), "{}: {answer}", query.name);
        }
    }
}

fn queries(folder: &std::path::Path) -> Vec<SourceFile> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(queries(&path));
        } else if path.extension().is_some_and(|end| end == "gql") {
            found.push(crate::support::file(&path));
        }
    }
    found
}
