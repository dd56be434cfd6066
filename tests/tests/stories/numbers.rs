//! Number pools: what they hand out, what they refuse, what comes back. Named after the scenarios of the
//! peer that they satisfy, where there is one.

use serde_json::{Map, Value as Json, json};
use service::{Drawing, Service, SourceFile};

use crate::support::{dump, load, rows, service, sound};

const SCHEMA: &str = r#"
version: "1.0"
generics:
  - name: Notice
    namespace: Test
    attributes:
      - {name: number, kind: Number, optional: true}
nodes:
  - {name: Speeding, namespace: Test, inherit_from: [TestNotice], human_friendly_id: [name__value], display_label: name__value, attributes: [{name: name, kind: Text, unique: true}]}
  - {name: Parking, namespace: Test, inherit_from: [TestNotice], human_friendly_id: [name__value], display_label: name__value, attributes: [{name: name, kind: Text, unique: true}]}
  - name: Ticket
    namespace: Test
    human_friendly_id: [name__value]
    display_label: name__value
    attributes:
      - {name: name, kind: Text, unique: true}
      - {name: number, kind: Number, optional: true}
      - {name: strict, kind: Number, optional: true, unique: true, parameters: {excluded_values: "12,14-16", min_value: 10, max_value: 30}}
      - {name: note, kind: Text, optional: true, regex: "^[a-z]*$"}
"#;

pub(crate) fn ready() -> Service {
    let service = service();
    schema(&service, SCHEMA).unwrap();
    service
}

pub(crate) fn schema(service: &Service, text: &str) -> Result<(), String> {
    let file = SourceFile { name: "schema".to_owned(), text: text.to_owned() };
    let loaded = service.schema_load(&[file]);
    loaded.map(|_report| ()).map_err(|bad| format!("{bad} {:?}", bad.details()))
}

pub(crate) fn pool(service: &Service, name: &str, attribute: &str, first: i64, last: i64) {
    let row = json!([{
        "name": name, "node": "TestTicket", "node_attribute": attribute,
        "start_range": first, "end_range": last,
    }]);
    load(service, "CoreNumberPool", &row);
}

/// A ticket that draws its number.
pub(crate) fn draw(
    service: &Service,
    pool: &str,
    attribute: &str,
    name: &str,
) -> Result<i64, String> {
    let mut row = json!({"name": name});
    row[attribute] = json!({"from_pool": {"id": pool}});
    let loaded = service.object_load(&[rows("TestTicket", &json!([row]))]);
    loaded.map_err(|bad| bad.to_string())?;
    Ok(number(service, "TestTicket", name, attribute).as_i64().unwrap())
}

pub(crate) fn draws(service: &Service, pool: &str, attribute: &str, names: &[&str]) -> Vec<i64> {
    names.iter().map(|name| draw(service, pool, attribute, name).unwrap()).collect()
}

pub(crate) fn number(service: &Service, kind: &str, name: &str, attribute: &str) -> Json {
    let object = service.object(kind, name).unwrap();
    object.attributes.get(attribute).cloned().unwrap_or(Json::Null)
}

pub(crate) fn set(
    service: &Service,
    name: &str,
    attribute: &str,
    value: Json,
) -> Result<(), String> {
    let values: Map<String, Json> = [(attribute.to_owned(), value)].into_iter().collect();
    let done = service.object_update("TestTicket", name, &values);
    done.map(|_changes| ()).map_err(|bad| bad.to_string())
}

#[test]
fn scenario_44_lowest_first_and_what_is_deleted_comes_again() {
    let service = ready();
    pool(&service, "tickets", "number", 1, 10);
    assert_eq!(draws(&service, "tickets", "number", &["a", "b"]), [1, 2]);
    service.object_delete("TestTicket", "a").unwrap();
    assert_eq!(draws(&service, "tickets", "number", &["c", "d"]), [1, 3]);
    // Saved again, nothing is renumbered.
    assert_eq!(draw(&service, "tickets", "number", "d"), Ok(3));
    sound(&service);
}

#[test]
fn scenario_45_a_pool_on_a_generic_is_shared_by_its_kinds() {
    let service = ready();
    let row = json!([{
        "name": "notices", "node": "TestNotice", "node_attribute": "number",
        "start_range": 1, "end_range": 10,
    }]);
    load(&service, "CoreNumberPool", &row);
    let drawn = json!([{"name": "x", "number": {"from_pool": {"id": "notices"}}}]);
    load(&service, "TestSpeeding", &drawn);
    load(&service, "TestParking", &drawn);
    assert_eq!(number(&service, "TestSpeeding", "x", "number"), json!(1));
    assert_eq!(number(&service, "TestParking", "x", "number"), json!(2));
    service.object_delete("TestParking", "x").unwrap();
    load(
        &service,
        "TestParking",
        &json!([{"name": "y", "number": {"from_pool": {"id": "notices"}}}]),
    );
    assert_eq!(number(&service, "TestParking", "y", "number"), json!(2));
}

#[test]
fn scenario_46_excluded_values_and_bounds_of_the_attribute_are_left_out() {
    let service = ready();
    pool(&service, "strict", "strict", 10, 30);
    let names = ["a", "b", "c", "d", "e"];
    assert_eq!(draws(&service, "strict", "strict", &names), [10, 11, 13, 17, 18]);
}

#[test]
fn exclusions_are_taken_as_lists_and_ranges_too() {
    let service = ready();
    schema(&service, "nodes: [{name: Ticket, namespace: Test, attributes: [{name: other, kind: Number, optional: true, \
        parameters: {excluded_values: [1, 3], excluded_ranges: [[5, 6]]}}]}]").unwrap();
    pool(&service, "others", "other", 1, 9);
    assert_eq!(draws(&service, "others", "other", &["a", "b", "c"]), [2, 4, 7]);
    let bad = schema(&service, "nodes: [{name: Ticket, namespace: Test, attributes: [{name: other, kind: Number, optional: true, \
        parameters: {excluded_ranges: [[6, 5]]}}]}]").unwrap_err();
    assert!(bad.contains("`excluded_ranges` is a comma list"), "{bad}");
}

#[test]
fn an_exclusion_outside_the_range_is_refused() {
    let service = ready();
    let attribute = |text: &str| {
        format!("nodes: [{{name: Ticket, namespace: Test, attributes: [{{name: other, {text}}}]}}]")
    };
    // In the schema itself: the range of a pool of its own, and the bounds of a number.
    for (text, words) in [
        (
            "kind: NumberPool, read_only: true, parameters: {start_range: 10, end_range: 20, \
             excluded_values: \"9,12\"}",
            "9 is excluded, but the attribute takes 10 to 20 anyway",
        ),
        (
            "kind: NumberPool, read_only: true, parameters: {start_range: 10, end_range: 20, \
             excluded_ranges: [[21, 30]]}",
            "21-30 is excluded, but the attribute takes 10 to 20 anyway",
        ),
        (
            "kind: Number, optional: true, parameters: {min_value: 5, excluded_values: [1]}",
            "1 is excluded, but the attribute takes 5 to",
        ),
    ] {
        let before = dump(&service);
        let file = SourceFile { name: "schema".to_owned(), text: attribute(text) };
        let bad = service.schema_load(&[file]).unwrap_err();
        assert_eq!(bad.code(), "schema-invalid");
        let details = format!("{:?}", bad.details());
        assert!(details.contains(words) && details.contains("exclusion-outside"), "{details}");
        assert_eq!(dump(&service), before);
    }
    // What only reaches out of the range is no mistake.
    let reaching = "kind: NumberPool, read_only: true, parameters: {start_range: 10, end_range: 20, \
                    excluded_ranges: [[5, 10], [20, 99]]}";
    schema(&service, &attribute(reaching)).unwrap();
    load(&service, "TestTicket", &json!([{"name": "a"}]));
    assert_eq!(number(&service, "TestTicket", "a", "other"), json!(11));
    // Of a pool that an attribute names: when the pool comes, when it shrinks, and when the schema changes.
    let named = |excluded: i64| {
        format!(
            "nodes: [{{name: Ticket, namespace: Test, attributes: [{{name: named, kind: Number, optional: \
             true, parameters: {{NumberPool: {{pool: named, excluded_values: [{excluded}]}}}}}}]}}]"
        )
    };
    schema(&service, &named(7)).unwrap();
    let row = |last: i64| {
        rows(
            "CoreNumberPool",
            &json!([{
                "name": "named", "node": "TestTicket", "node_attribute": "named", "start_range": 1,
                "end_range": last,
            }]),
        )
    };
    let refused = |last: i64| {
        let before = dump(&service);
        let bad = service.object_load(&[row(last)]).unwrap_err();
        assert_eq!(bad.code(), "exclusion-outside", "{bad}");
        let words = "`named` excludes 7, which pool `named` does not have: it has 1-";
        assert!(bad.to_string().contains(words), "{bad}");
        assert_eq!(dump(&service), before);
    };
    refused(6);
    service.object_load(&[row(9)]).unwrap();
    refused(5);
    let before = dump(&service);
    let file = SourceFile { name: "schema".to_owned(), text: named(10) };
    assert_eq!(service.schema_load(&[file]).unwrap_err().code(), "exclusion-outside");
    assert_eq!(dump(&service), before);
    schema(&service, &named(2)).unwrap();
    // The ticket there was has the first: it got it with the pool.
    assert_eq!(number(&service, "TestTicket", "a", "named"), json!(1));
    assert_eq!(draws(&service, "named", "named", &["x", "y"]), [3, 4]);
    sound(&service);
}

#[test]
fn what_is_excluded_is_no_room_for_the_objects_that_are_there() {
    let service = ready();
    for name in ["a", "b", "c"] {
        load(&service, "TestTicket", &json!([{"name": name}]));
    }
    let with = |last: i64| {
        format!(
            "nodes: [{{name: Ticket, namespace: Test, attributes: [{{name: other, kind: NumberPool, \
             read_only: true, parameters: {{start_range: 1, end_range: {last}, excluded_values: [2]}}}}]}}]"
        )
    };
    let before = dump(&service);
    let told = schema(&service, &with(3)).unwrap_err();
    let words = "The size of the NumberPool is smaller than the number of existing nodes 2 < 3.";
    assert!(told.contains(words), "{told}");
    assert_eq!(dump(&service), before);
    schema(&service, &with(4)).unwrap();
    let mut given: Vec<i64> = ["a", "b", "c"]
        .map(|name| number(&service, "TestTicket", name, "other").as_i64().unwrap())
        .into();
    given.sort_unstable();
    assert_eq!(given, [1, 3, 4]);
    sound(&service);
}

#[test]
fn scenario_47_numbers_set_by_hand_count_as_taken_unique_or_not() {
    let service = ready();
    pool(&service, "tickets", "number", 1, 10);
    load(&service, "TestTicket", &json!([{"name": "mine", "number": 1}]));
    assert_eq!(draw(&service, "tickets", "number", "a"), Ok(2));
    service.object_delete("TestTicket", "mine").unwrap();
    assert_eq!(draw(&service, "tickets", "number", "b"), Ok(1));
}

#[test]
fn scenario_49_two_pools_on_one_attribute_do_not_collide() {
    let service = ready();
    pool(&service, "low", "number", 1, 10);
    pool(&service, "high", "number", 8, 20);
    assert_eq!(draws(&service, "low", "number", &["a", "b"]), [1, 2]);
    assert_eq!(draws(&service, "high", "number", &["c"]), [8]);
    for name in ["d", "e", "f", "g", "h"] {
        draw(&service, "low", "number", name).unwrap();
    }
    assert_eq!(draw(&service, "low", "number", "i"), Ok(9));
}

#[test]
fn scenario_52_an_exhausted_pool_is_told_and_nothing_is_half_written() {
    let service = ready();
    pool(&service, "two", "number", 1, 2);
    draws(&service, "two", "number", &["a", "b"]);
    let before = dump(&service);
    let told = draw(&service, "two", "number", "c").unwrap_err();
    assert!(told.contains("There are no more values available in this pool."), "{told}");
    assert!(told.contains("`two` has no free number left in 1-2"), "{told}");
    assert_eq!(dump(&service), before);
}

#[test]
fn scenario_53_pools_that_make_no_sense_are_refused() {
    let service = ready();
    let before = dump(&service);
    for (node, attribute, first, last, wanted) in [
        ("TestNothing", "number", 1, 9, "The selected model does not exist"),
        ("ProfileTestTicket", "number", 1, 9, "The selected model is not a Node"),
        (
            "TestTicket",
            "missing",
            1,
            9,
            "The selected attribute doesn't exist in the selected model",
        ),
        ("TestTicket", "note", 1, 9, "The selected attribute is not of the kind Number"),
        ("TestTicket", "number", 10, 5, "start_range can't be larger than end_range"),
    ] {
        let row = json!([{
            "name": "p", "node": node, "node_attribute": attribute, "start_range": first,
            "end_range": last,
        }]);
        let told = service.object_load(&[rows("CoreNumberPool", &row)]).unwrap_err().to_string();
        assert!(told.contains(wanted), "{told}");
    }
    let open = json!([{"name": "p", "node": "TestTicket", "node_attribute": "number"}]);
    let told = service.object_load(&[rows("CoreNumberPool", &open)]).unwrap_err().to_string();
    assert!(told.contains("needs `start_range` and `end_range`, or `ranges`"), "{told}");
    assert_eq!(dump(&service), before);
}

#[test]
fn scenario_54_what_a_pool_fills_cannot_change_its_name_can() {
    let service = ready();
    pool(&service, "tickets", "number", 1, 10);
    draws(&service, "tickets", "number", &["a", "b", "c"]);
    let update = |name: &str, value: Json| {
        let values: Map<String, Json> = [(name.to_owned(), value)].into_iter().collect();
        service.object_update("CoreNumberPool", "tickets", &values).map_err(|bad| bad.to_string())
    };
    let told = update("node", json!("TestParking")).unwrap_err();
    assert_eq!(told, "The fields 'node' or 'node_attribute' can't be changed.");
    update("node", json!("TestTicket")).unwrap();
    assert!(update("start_range", json!(30)).is_err());
    // Shrinking below what it has handed out.
    let told = update("end_range", json!(2)).unwrap_err();
    assert!(told.contains("1 numbers that the pool has handed out would lie outside: 3"), "{told}");
    update("end_range", json!(3)).unwrap();
    update("name", json!("renamed")).unwrap();
    assert!(draw(&service, "renamed", "number", "d").is_err());
}

#[test]
fn a_pool_in_use_is_not_deleted_and_an_empty_one_is() {
    let service = ready();
    pool(&service, "tickets", "number", 1, 10);
    draws(&service, "tickets", "number", &["a"]);
    let refused = service.object_delete("CoreNumberPool", "tickets").unwrap_err();
    assert_eq!(refused.code(), "pool-in-use");
    service.object_delete("TestTicket", "a").unwrap();
    service.object_delete("CoreNumberPool", "tickets").unwrap();
    sound(&service);
}

#[test]
fn scenario_56_a_value_written_by_hand_leaves_the_pool() {
    let service = ready();
    pool(&service, "tickets", "number", 1, 10);
    draws(&service, "tickets", "number", &["a"]);
    set(&service, "a", "number", json!(77)).unwrap();
    assert_eq!(draw(&service, "tickets", "number", "b"), Ok(1));
    sound(&service);
}

#[test]
fn scenario_58_a_create_that_fails_consumes_nothing() {
    let service = ready();
    pool(&service, "tickets", "number", 1, 10);
    let row = json!([{"name": "a", "number": {"from_pool": {"id": "tickets"}}, "note": "NO"}]);
    assert!(service.object_load(&[rows("TestTicket", &row)]).is_err());
    assert_eq!(draw(&service, "tickets", "number", "b"), Ok(1));
}

const INCIDENT: &str = "nodes: [{name: Incident, namespace: Test, human_friendly_id: [name__value], \
    attributes: [{name: name, kind: Text, unique: true}]}]";

fn incident_with_number(end: &str) -> String {
    format!(
        "nodes: [{{name: Incident, namespace: Test, attributes: [{{name: ref, kind: NumberPool, \
         read_only: true, unique: true, parameters: {{start_range: 10{end}}}}}]}}]"
    )
}

#[test]
fn scenarios_61_and_62_an_attribute_has_a_pool_of_its_own_that_fills_in_and_goes_with_it() {
    let service = ready();
    schema(&service, INCIDENT).unwrap();
    for name in ["a", "b", "c", "d", "e", "f"] {
        load(&service, "TestIncident", &json!([{"name": name}]));
    }
    let before = dump(&service);
    let told = schema(&service, &incident_with_number(", end_range: 12")).unwrap_err();
    let wanted = "The size of the NumberPool is smaller than the number of existing nodes 3 < 6.";
    assert!(told.contains(wanted), "{told}");
    assert_eq!(dump(&service), before);

    schema(&service, &incident_with_number("")).unwrap();
    let mut given: Vec<i64> = ["a", "b", "c", "d", "e", "f"]
        .iter()
        .map(|name| number(&service, "TestIncident", name, "ref").as_i64().unwrap())
        .collect();
    given.sort_unstable();
    assert_eq!(given, [10, 11, 12, 13, 14, 15]);
    load(&service, "TestIncident", &json!([{"name": "g"}]));
    assert_eq!(number(&service, "TestIncident", "g", "ref"), json!(16));
    let pools = service.objects("CoreNumberPool", 10).unwrap();
    assert_eq!(pools.len(), 1);
    assert!(pools[0].display_label.starts_with("TestIncident.ref ["), "{}", pools[0].display_label);
    assert_eq!(pools[0].attributes["pool_type"], "Schema");
    sound(&service);

    // 63: the same schema again makes no second pool; 60: a new name keeps it.
    schema(&service, &incident_with_number("")).unwrap();
    let declared = service.schema_declared().unwrap();
    let kind = declared["nodes"].as_array().unwrap().iter().find(|kind| kind["name"] == "Incident");
    let attributes = kind.unwrap()["attributes"].as_array().unwrap();
    let id = attributes.iter().find(|known| known["name"] == "ref").unwrap()["id"].clone();
    let renamed = incident_with_number("").replace("name: ref", &format!("id: {id}, name: code"));
    schema(&service, &renamed).unwrap();
    assert_eq!(number(&service, "TestIncident", "g", "code"), json!(16));
    load(&service, "TestIncident", &json!([{"name": "h"}]));
    assert_eq!(number(&service, "TestIncident", "h", "code"), json!(17));
    assert_eq!(service.objects("CoreNumberPool", 10).unwrap().len(), 1);
    sound(&service);

    schema(
        &service,
        "nodes: [{name: Incident, namespace: Test, attributes: [{name: code, \
        kind: NumberPool, read_only: true, state: absent}]}]",
    )
    .unwrap();
    assert_eq!(service.objects("CoreNumberPool", 10).unwrap().len(), 0);
    sound(&service);
}

#[test]
fn a_plain_number_draws_from_the_pool_its_parameters_name() {
    let service = ready();
    schema(&service, "nodes: [{name: Vlan, namespace: Test, human_friendly_id: [name__value], attributes: [\
        {name: name, kind: Text, unique: true}, {name: vid, kind: Number, unique: true, \
        parameters: {NumberPool: {pool: vlans, excluded_values: [110], excluded_ranges: [[112, 119]], \
        min_value: 109}}}]}]").unwrap();
    let row = json!([{
        "name": "vlans", "node": "TestVlan", "node_attribute": "vid", "start_range": 100,
        "end_range": 200,
    }]);
    load(&service, "CoreNumberPool", &row);
    for (name, wanted) in [("a", 109), ("b", 111), ("c", 120)] {
        load(&service, "TestVlan", &json!([{"name": name}]));
        assert_eq!(number(&service, "TestVlan", name, "vid"), json!(wanted));
    }
    // Given, it is not drawn.
    load(&service, "TestVlan", &json!([{"name": "d", "vid": 150}]));
    assert_eq!(number(&service, "TestVlan", "d", "vid"), json!(150));
}

fn ranged(service: &Service, ranges: &Json) -> Result<(), String> {
    let row = json!([{"name": "ranged", "node": "TestTicket", "node_attribute": "number"}]);
    let loaded = service.object_load(&[SourceFile {
        name: "rows".to_owned(),
        text: format!("{}---\n{}", rows("CoreNumberPool", &with_ranges(&row, ranges)).text, ""),
    }]);
    loaded.map(|_load| ()).map_err(|bad| bad.to_string())
}

fn with_ranges(row: &Json, ranges: &Json) -> Json {
    let mut row = row.clone();
    row[0]["ranges"] = json!({"kind": "CoreNumberPoolRange", "data": ranges});
    row
}

#[test]
fn scenario_66_the_heavier_range_first_then_the_lower() {
    let service = ready();
    ranged(
        &service,
        &json!([
            {"start": 15, "end": 17}, {"start": 10, "end": 12, "allocation_weight": 10},
        ]),
    )
    .unwrap();
    let names = ["a", "b", "c", "d", "e", "f"];
    assert_eq!(draws(&service, "ranged", "number", &names), [10, 11, 12, 15, 16, 17]);
    let told = draw(&service, "ranged", "number", "g").unwrap_err();
    assert!(told.contains("no free number left in 10-12, 15-17"), "{told}");
    sound(&service);
}

#[test]
fn scenario_68_numbers_set_by_hand_count_in_every_range() {
    let service = ready();
    for (name, number) in [("h1", 1), ("h3", 3), ("h7", 7), ("h10", 10), ("h11", 11)] {
        load(&service, "TestTicket", &json!([{"name": name, "number": number}]));
    }
    ranged(
        &service,
        &json!([
            {"start": 1, "end": 5, "allocation_weight": 10}, {"start": 10, "end": 15},
        ]),
    )
    .unwrap();
    assert_eq!(draws(&service, "ranged", "number", &["a", "b", "c", "d"]), [2, 4, 5, 12]);
}

#[test]
fn ranges_that_overlap_are_refused() {
    let service = ready();
    let told =
        ranged(&service, &json!([{"start": 1, "end": 5}, {"start": 5, "end": 9}])).unwrap_err();
    assert!(told.contains("the ranges 1-5 and 5-9 overlap"), "{told}");
}

#[test]
fn scenario_69_a_number_is_attached_moved_and_exchanged() {
    let service = ready();
    pool(&service, "one", "number", 1, 10);
    pool(&service, "two", "number", 1, 10);
    let attach = |name: &str, pool: &str, value: i64| {
        let row = json!([{"name": name, "number": {"value": value, "from_pool": {"id": pool}}}]);
        service.object_load(&[rows("TestTicket", &row)]).map_err(|bad| bad.to_string())
    };
    for (name, value) in [("a", 1), ("b", 2), ("e", 5)] {
        attach(name, "one", value).unwrap();
        assert_eq!(number(&service, "TestTicket", name, "number"), json!(value));
    }
    assert_eq!(draw(&service, "one", "number", "c"), Ok(3));
    // One that is taken, and one that is outside.
    let before = dump(&service);
    let told = attach("x", "one", 2).unwrap_err();
    assert!(told.contains("2 is taken: `TestTicket b` has it"), "{told}");
    let told = attach("x", "one", 11).unwrap_err();
    assert!(told.contains("11 is not in the pool, which has 1-10"), "{told}");
    assert_eq!(dump(&service), before);
    // Detached: it stays what it is, as if it had been set by hand, and can be attached again.
    set(&service, "e", "number", json!({"from_pool": null})).unwrap();
    assert_eq!(number(&service, "TestTicket", "e", "number"), json!(5));
    let five = Drawing { value: Some("5".to_owned()), ..Drawing::default() };
    assert_eq!(service.pool_explain("one", &five).unwrap()["state"], "taken-by-hand");
    attach("e", "one", 5).unwrap();
    assert_eq!(service.pool_explain("one", &five).unwrap()["state"], "allocated");
    let text = "mutation {TestTicketUpsert(data: {name: {value: \"e\"} number: {from_pool: null}}) \
                {object {number {value source {id}}}}}";
    let answer = crate::support::query(&service, text);
    let told = &answer["data"]["TestTicketUpsert"]["object"]["number"];
    assert_eq!(*told, json!({"value": 5, "source": null}), "{answer:#}");
    attach("e", "one", 5).unwrap();
    // Moved: free in the one, held in the other.
    set(&service, "a", "number", json!({"from_pool": {"id": "two"}})).unwrap();
    assert_eq!(number(&service, "TestTicket", "a", "number"), json!(1));
    assert_eq!(draw(&service, "one", "number", "f"), Ok(4));
    // Exchanged.
    set(&service, "b", "number", json!({"value": 9, "from_pool": {"id": "one"}})).unwrap();
    assert_eq!(number(&service, "TestTicket", "b", "number"), json!(9));
    assert_eq!(draw(&service, "one", "number", "g"), Ok(2));
    sound(&service);
}

/// Tickets with a further number, from a pool that is named.
fn further(more: &str) -> String {
    format!(
        "nodes: [{{name: Ticket, namespace: Test, attributes: [{{name: further, kind: Number, {more} \
         parameters: {{NumberPool: {{pool: further}}}}}}]}}]"
    )
}

fn further_pool(last: i64) -> SourceFile {
    let row = json!([{
        "name": "further", "node": "TestTicket", "node_attribute": "further", "start_range": 10,
        "end_range": last,
    }]);
    rows("CoreNumberPool", &row)
}

#[test]
fn objects_from_before_get_numbers_when_the_pool_that_their_attribute_names_is_there() {
    let service = ready();
    let names = ["a", "b", "c"];
    load(&service, "TestTicket", &json!(names.map(|name| json!({"name": name}))));
    schema(&service, &further("optional: true,")).unwrap();
    assert!(names.iter().all(|name| number(&service, "TestTicket", name, "further").is_null()));
    // Said to be nothing, it stays nothing.
    set(&service, "b", "further", json!(7)).unwrap();
    set(&service, "b", "further", Json::Null).unwrap();
    load(&service, "TestTicket", &json!([{"name": "d", "further": 10}]));
    // Too small for them: both counts, and nothing is made of it.
    let before = dump(&service);
    let refused = service.object_load(&[further_pool(11)]).unwrap_err();
    assert_eq!(refused.code(), "pool-too-small");
    assert!(refused.to_string().contains("objects without one: 1 < 2"), "{refused}");
    assert_eq!(dump(&service), before);
    service.object_load(&[further_pool(12)]).unwrap();
    let given = ["a", "b", "c", "d"].map(|name| number(&service, "TestTicket", name, "further"));
    assert_eq!(given, [json!(11), Json::Null, json!(12), json!(10)]);
    let source =
        "{TestTicket(name__value: \"a\") {edges {node {further {source {display_label}}}}}}";
    let answer = crate::support::query(&service, source);
    let node = &answer["data"]["TestTicket"]["edges"][0]["node"];
    assert_eq!(node["further"]["source"]["display_label"], "further");
    assert_eq!(service.pool("further").unwrap()["used"], "3");
    // Loaded again, with a change elsewhere, nobody is renumbered or filled.
    schema(&service, &further("optional: true, label: Further,")).unwrap();
    assert_eq!(number(&service, "TestTicket", "b", "further"), Json::Null);
    sound(&service);
}

#[test]
fn an_attribute_that_comes_with_the_name_of_a_pool_fills_the_objects_there_are_or_is_refused() {
    let named = "nodes: [{name: Ticket, namespace: Test, attributes: [{name: further, kind: NumberPool, \
                 read_only: true, optional: true, parameters: {number_pool_id: further}}]}]";
    let pooled = [further("optional: true,"), further(""), named.to_owned()];
    for pooled in pooled {
        let service = ready();
        let names = ["a", "b", "c"];
        load(&service, "TestTicket", &json!(names.map(|name| json!({"name": name}))));
        // The pool is there before the attribute names it.
        let plain = "nodes: [{name: Ticket, namespace: Test, attributes: [{name: further, kind: Number, \
                     optional: true}]}]";
        schema(&service, plain).unwrap();
        service.object_load(&[further_pool(11)]).unwrap();
        load(&service, "TestTicket", &json!([{"name": "d", "further": 10}]));
        let before = dump(&service);
        let told = schema(&service, &pooled).unwrap_err();
        let words = "`TestTicket.further`: pool `further` has fewer free numbers than there are objects \
                     without one: 1 < 3";
        assert!(told.contains(words), "{told}");
        assert_eq!(dump(&service), before);
        service.object_load(&[further_pool(20)]).unwrap();
        schema(&service, &pooled).unwrap();
        let given = names.map(|name| number(&service, "TestTicket", name, "further"));
        let mut given: Vec<i64> = given.iter().map(|number| number.as_i64().unwrap()).collect();
        given.sort_unstable();
        assert_eq!(given, [11, 12, 13]);
        load(&service, "TestTicket", &json!([{"name": "e"}]));
        assert_eq!(number(&service, "TestTicket", "e", "further"), json!(14));
        sound(&service);
    }
}

#[test]
fn what_a_branch_adds_with_a_named_pool_fills_mains_objects_as_it_comes_to_main() {
    let main = ready();
    load(&main, "TestTicket", &json!([{"name": "a"}]));
    main.branch_create("b", "").unwrap();
    let b = main.on(Some("b"), None).unwrap();
    schema(&b, &further("optional: true,")).unwrap();
    b.object_load(&[further_pool(20)]).unwrap();
    assert_eq!(number(&b, "TestTicket", "a", "further"), json!(10));
    load(&main, "TestTicket", &json!([{"name": "later"}]));
    main.branch_merge("b").unwrap_or_else(|bad| panic!("{bad} {:#?}", bad.details()));
    let given = ["a", "later"].map(|name| number(&main, "TestTicket", name, "further"));
    assert_eq!(given, [json!(10), json!(11)]);
    sound(&main);
}
