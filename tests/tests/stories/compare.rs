//! What a run made, held against what the original generator of a public case made: every attribute and
//! every link of what is new, and all that was changed elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use engine::RunResult;
use serde_json::{Map, Value as Json, json};
use service::Service;

use crate::support::{changes, query};

/// The group in which the original keeps what it made: here instances and claims do that.
const TRACKING: &str = "CoreGeneratorGroup";
/// Relationships of the host's own that the original has not.
const OWN: [&str; 2] = ["profiles", "subscriber_of_groups"];
/// Attributes that the host works out.
const DERIVED: [&str; 5] =
    ["broadcast_address", "hostmask", "is_top_level", "netmask", "utilization"];
/// Attributes of pools that the original has not.
const POOLS: [&str; 2] = ["alert_at", "strategy"];

/// What is expected of a run of a case.
pub(crate) fn expected(case: &Path, name: &str) -> Json {
    let text = std::fs::read_to_string(case.join(format!("expected/{name}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The text of a public query.
pub(crate) fn public_query(case: &Path, name: &str) -> String {
    std::fs::read_to_string(case.join("files/queries").join(name)).unwrap()
}

/// The query is answered with what the original was answered.
pub(crate) fn answered(service: &Service, text: &str, expected: &Json) {
    assert_eq!(ask(service, text, expected), expected["query_response"]);
}

/// The answer of a query for the target of a run.
fn ask(service: &Service, text: &str, expected: &Json) -> Json {
    let variables = expected["params"].as_object().unwrap().clone();
    let query = text.to_owned();
    let request = graphql::Request { query, variables, ..Default::default() };
    let answer: Json = serde_json::from_slice(&service.graphql(&request).unwrap()).unwrap();
    assert!(answer.get("errors").is_none(), "{answer}");
    let mut data = answer["data"].clone();
    blank(&mut data);
    data
}

/// The same, where the original's order of a list is that of making, and the type of a list is not told.
pub(crate) fn answered_in_any_order(service: &Service, text: &str, expected: &Json) {
    let mut expected = expected.clone();
    let mut data = ask(service, text, &expected);
    for side in [&mut data, &mut expected["query_response"]] {
        sort_lists(side);
    }
    assert_eq!(data, expected["query_response"]);
}

fn sort_lists(json: &mut Json) {
    match json {
        Json::Object(map) => {
            let of_list = |value: &Json| value.as_str().is_some_and(|it| it.starts_with("Nested"));
            map.retain(|key, value| key != "__typename" || !of_list(value));
            map.values_mut().for_each(sort_lists);
        }
        Json::Array(items) => {
            items.iter_mut().for_each(sort_lists);
            items.sort_by_cached_key(ToString::to_string);
        }
        _ => {}
    }
}

/// Ids differ from store to store.
fn blank(json: &mut Json) {
    match json {
        Json::Object(map) => {
            for (key, value) in map.iter_mut() {
                if key == "id" {
                    *value = json!("<id>");
                } else {
                    blank(value);
                }
            }
        }
        Json::Array(items) => items.iter_mut().for_each(blank),
        _ => {}
    }
}

/// An object as the cases write it down: kind and human-friendly id, values, and links by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    key: String,
    attributes: BTreeMap<String, String>,
    links: BTreeMap<String, BTreeSet<String>>,
}

/// What has no human-friendly id is known by its kind.
fn key(kind: &str, hfid: &Json) -> String {
    match hfid.as_array() {
        None => kind.to_owned(),
        Some(parts) => {
            let text = |part: &Json| part.as_str().map_or_else(|| part.to_string(), str::to_owned);
            format!("{kind}:{}", parts.iter().map(text).collect::<Vec<_>>().join("/"))
        }
    }
}

fn named(peer: &str) -> Option<String> {
    let (kind, name) = peer.split_once(':').unwrap();
    let known = if name.starts_with("anonymous") { kind } else { peer };
    (kind != TRACKING).then(|| known.to_owned())
}

fn links(all: &Map<String, Json>) -> BTreeMap<String, BTreeSet<String>> {
    let peers = |peers: &Json| {
        let peers = peers.as_array().into_iter().flatten();
        peers.filter_map(|peer| named(peer.as_str().unwrap())).collect::<BTreeSet<_>>()
    };
    let all = all.iter().map(|(name, list)| (name.clone(), peers(list)));
    all.filter(|(_, peers)| !peers.is_empty()).collect()
}

fn wanted(node: &Json) -> Seen {
    let kind = node["kind"].as_str().unwrap();
    let values = node["attributes"].as_object().unwrap();
    Seen {
        key: key(kind, &node["hfid"]),
        attributes: values.iter().map(|(name, value)| (name.clone(), value.to_string())).collect(),
        links: links(node["relationships"].as_object().unwrap()),
    }
}

/// Every object of a kind, with all its links.
fn objects(service: &Service, kind: &str) -> Vec<Seen> {
    let schema = service.schema_kind(kind).unwrap();
    let mut fields = String::new();
    for rel in schema["relationships"].as_array().unwrap() {
        let name = rel["name"].as_str().unwrap();
        if OWN.contains(&name) {
            continue;
        }
        let node = "node { __typename hfid }";
        match rel["cardinality"].as_str().unwrap() {
            "one" => fields.push_str(&format!("{name} {{ {node} }} ")),
            _ => fields.push_str(&format!("{name} {{ edges {{ {node} }} }} ")),
        }
    }
    let text = format!("{{ {kind} {{ edges {{ node {{ id hfid {fields} }} }} }} }}");
    let answer = query(service, &text);
    let edges = answer["data"][kind]["edges"].as_array().unwrap_or_else(|| panic!("{answer}"));
    let values: BTreeMap<String, _> = service
        .objects(kind, 100_000)
        .unwrap()
        .into_iter()
        .map(|object| (object.id.to_string(), object.attributes))
        .collect();
    edges.iter().map(|edge| one(kind, &edge["node"], &values)).collect()
}

fn one(kind: &str, node: &Json, values: &BTreeMap<String, Map<String, Json>>) -> Seen {
    let values = &values[node["id"].as_str().unwrap()];
    let mut links = BTreeMap::new();
    for (name, value) in node.as_object().unwrap() {
        let peer = |edge: &Json| {
            let kind = edge["node"]["__typename"].as_str()?.to_owned();
            Some(key(&kind, &edge["node"]["hfid"])).filter(|_| kind != TRACKING)
        };
        let peers: BTreeSet<String> = match value.get("edges") {
            Some(edges) => edges.as_array().unwrap().iter().filter_map(peer).collect(),
            None => value.get("node").and_then(|_| peer(value)).into_iter().collect(),
        };
        if !peers.is_empty() {
            links.insert(name.clone(), peers);
        }
    }
    let attributes = values.iter().map(|(name, value)| (name.clone(), value.to_string())).collect();
    Seen { key: key(kind, &node["hfid"]), attributes, links }
}

/// A run made what the original made, no more and no less, and changed elsewhere what it changed.
pub(crate) fn as_expected(service: &Service, result: &RunResult, expected: &Json) {
    let mut made: BTreeMap<String, usize> = BTreeMap::new();
    for line in changes(result) {
        let words: Vec<&str> = line.split(' ').take(2).collect();
        *made.entry(words.join(" ")).or_default() += 1;
    }
    let mut wanted_new: BTreeMap<String, Vec<Seen>> = BTreeMap::new();
    for node in expected["new"].as_array().unwrap() {
        let kind = node["kind"].as_str().unwrap();
        if kind != TRACKING {
            wanted_new.entry(kind.to_owned()).or_default().push(wanted(node));
        }
    }
    let created: BTreeMap<String, usize> =
        wanted_new.iter().map(|(kind, all)| (format!("created {kind}"), all.len())).collect();
    let found: BTreeMap<String, usize> = made
        .iter()
        .filter(|(what, _)| !what.starts_with("updated "))
        .map(|(what, count)| (what.clone(), *count))
        .collect();
    assert_eq!(found, created, "as many of each kind");
    for (kind, count) in expected["counts"]["updated"].as_object().unwrap() {
        let found = made.get(&format!("updated {kind}")).copied().unwrap_or(0);
        assert_eq!(json!(found), *count, "updated {kind}: {made:#?}");
    }
    let mut kinds: BTreeMap<String, Vec<Seen>> = BTreeMap::new();
    for (kind, all) in &wanted_new {
        let seen = objects(service, kind);
        for node in all {
            let found = closest(&seen, node);
            assert!(found == *node, "found {found:?}\nwanted {node:?}");
        }
        kinds.insert(kind.clone(), seen);
    }
    for node in expected["updated"].as_array().unwrap() {
        let kind = node["kind"].as_str().unwrap();
        if kind == TRACKING {
            continue;
        }
        let seen = kinds.entry(kind.to_owned()).or_insert_with(|| objects(service, kind));
        let name = node["key"].as_str().unwrap();
        let found = seen.iter().find(|object| object.key == name);
        changed(found.unwrap_or_else(|| panic!("there is no {name}")), &node["changed"]);
    }
}

/// What was found under the key of what is wanted; without one, what is just like it, else any.
fn closest(seen: &[Seen], wanted: &Seen) -> Seen {
    let mut candidates: Vec<Seen> =
        seen.iter().filter(|object| object.key == wanted.key).cloned().collect();
    for found in &mut candidates {
        // What the host works out by itself is looked at only where the original tells it too.
        found.attributes.retain(|name, _| {
            let own = DERIVED.contains(&name.as_str()) || POOLS.contains(&name.as_str());
            wanted.attributes.contains_key(name) || !own
        });
        // A secret is never told.
        for (name, value) in &wanted.attributes {
            if name == "password" {
                found.attributes.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
    }
    let same = candidates.iter().find(|found| *found == wanted);
    let any = same.or(candidates.first());
    any.cloned().unwrap_or_else(|| panic!("there is no {}", wanted.key))
}

fn changed(found: &Seen, fields: &Json) {
    for (name, change) in fields.as_object().unwrap() {
        let after = &change["after"];
        let is_link = [after, &change["before"]].into_iter().any(Json::is_array);
        if is_link {
            let wanted = links(&Map::from_iter([(name.clone(), after.clone())]));
            let wanted = wanted.get(name).cloned().unwrap_or_default();
            // That the original keeps track of it is none of its links.
            if wanted.is_empty() && name == "member_of_groups" {
                continue;
            }
            let links = found.links.get(name).cloned().unwrap_or_default();
            assert_eq!(links, wanted, "{} {name}", found.key);
        } else {
            let value = found.attributes.get(name).cloned();
            let wanted = Some(after.to_string()).filter(|_| !after.is_null());
            assert_eq!(value, wanted, "{} {name}", found.key);
        }
    }
}

/// Every object there is, with its values and links: two that are equal are the same to users.
pub(crate) fn everything(service: &Service) -> BTreeSet<String> {
    let summary = service.schema_summary().unwrap();
    let kinds = summary["nodes"].as_object().unwrap().keys();
    kinds
        .filter(|kind| !kind.starts_with("CoreGenerator") && *kind != TRACKING)
        .flat_map(|kind| service.objects(kind, 100_000).unwrap())
        .map(|object| object.to_json().to_string())
        .collect()
}
