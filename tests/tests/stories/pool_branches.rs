//! Pools over several branches: one space, seen from each of them. Named after the scenarios of the
//! peer that they satisfy; `pool_scenarios.rs` has the table.

use serde_json::{Value as Json, json};
use service::{Drawing, Service};

use crate::addresses;
use crate::numbers;
use crate::support::{load, query, sound};

fn branch(service: &Service, name: &str) -> Service {
    service.branch_create(name, "").unwrap_or_else(|bad| panic!("{bad}"));
    service.on(Some(name), None).unwrap_or_else(|bad| panic!("{bad}"))
}

fn id(service: &Service, kind: &str, name: &str) -> String {
    service.object(kind, name).unwrap().id.to_string()
}

/// The answer to a query that must have one.
fn ask(service: &Service, text: &str) -> Json {
    let answer = query(service, text);
    assert!(answer.get("errors").is_none(), "{answer:#}");
    answer["data"].clone()
}

/// All together, the default branch, the others: of the pool, then of each resource by label.
fn shares(service: &Service, pool: &str) -> Vec<(String, f64, f64, f64)> {
    let answer = ask(
        service,
        &format!(
            "{{InfrahubResourcePoolUtilization(pool_id: \"{pool}\") {{
                count utilization utilization_default_branch utilization_branches
                edges {{node {{display_label weight utilization utilization_default_branch
                               utilization_branches}}}}}}}}"
        ),
    );
    let told = &answer["InfrahubResourcePoolUtilization"];
    let share = |node: &Json, label: &str| {
        let of = |name: &str| node[name].as_f64().unwrap();
        let (all, own) = (of("utilization"), of("utilization_default_branch"));
        (label.to_owned(), all, own, of("utilization_branches"))
    };
    let mut all = vec![share(told, "all")];
    for edge in told["edges"].as_array().unwrap() {
        all.push(share(&edge["node"], edge["node"]["display_label"].as_str().unwrap()));
    }
    all
}

fn row(label: &str, all: f64, own: f64, others: f64) -> (String, f64, f64, f64) {
    (label.to_owned(), all, own, others)
}

/// What is handed out of a resource: label, branch.
fn allocated(service: &Service, pool: &str, resource: &str) -> Vec<(String, String)> {
    let answer = ask(
        service,
        &format!(
            "{{InfrahubResourcePoolAllocated(pool_id: \"{pool}\", resource_id: \"{resource}\", \
               limit: 100) {{count edges {{node {{id display_label kind branch identifier}}}}}}}}"
        ),
    );
    let told = &answer["InfrahubResourcePoolAllocated"];
    let edges = told["edges"].as_array().unwrap();
    assert_eq!(told["count"], edges.len());
    let text = |edge: &Json, name: &str| edge["node"][name].as_str().unwrap().to_owned();
    edges.iter().map(|edge| (text(edge, "display_label"), text(edge, "branch"))).collect()
}

fn named(identifier: &str, length: u8) -> Drawing {
    Drawing { identifier: Some(identifier.to_owned()), ..addresses::long(length) }
}

#[test]
fn scenarios_5_and_6_prefixes_from_several_branches_stay_apart() {
    let main = addresses::d2();
    addresses::pool(
        &main,
        "CoreIPPrefixPool",
        &json!({"default_prefix_type": "IpamPrefix"}),
        &["10.10.0.0/16", "10.11.0.0/16"],
    );
    let (b1, b2) = (branch(&main, "b1"), branch(&main, "b2"));
    assert_eq!(addresses::one(&main, 17).unwrap(), "10.10.128.0/17");
    assert_eq!(addresses::one(&b1, 17).unwrap(), "10.11.0.0/17");
    assert_eq!(addresses::one(&b2, 17).unwrap(), "10.11.128.0/17");
    let refused = addresses::one(&main, 17).unwrap_err();
    assert!(refused.contains("No more resources available"), "{refused}");
    assert_eq!(addresses::one(&b2, 24).unwrap(), "10.10.0.0/24");
    assert_eq!(addresses::one(&main, 24).unwrap(), "10.10.4.0/24");
    let held = main.pool("pool").unwrap()["held"].clone();
    let drawn = held.as_array().unwrap().iter().filter(|one| !one["identifier"].is_null());
    let mut drawn: Vec<(String, String)> = drawn
        .map(|one| {
            let text = |name: &str| one[name].as_str().unwrap().to_owned();
            (text("value"), text("branch"))
        })
        .collect();
    drawn.sort();
    let wanted = [
        ("10.10.0.0/24", "b2"),
        ("10.10.128.0/17", "main"),
        ("10.10.4.0/24", "main"),
        ("10.11.0.0/17", "b1"),
        ("10.11.128.0/17", "b2"),
    ];
    let told: Vec<(&str, &str)> =
        drawn.iter().map(|(value, branch)| (value.as_str(), branch.as_str())).collect();
    assert_eq!(told, wanted);
    sound(&main);
}

#[test]
fn scenarios_23_to_25_what_is_handed_out_is_told_with_its_branch_from_everywhere() {
    let main = addresses::ready();
    addresses::prefixes(&main, &["2001:db8::/48", "2001:db8::/56"]);
    addresses::pool(
        &main,
        "CoreIPPrefixPool",
        &json!({"default_prefix_type": "IpamPrefix", "default_prefix_length": 56}),
        &["2001:db8::/48"],
    );
    let b = branch(&main, "b");
    assert_eq!(addresses::next(&main).unwrap(), "2001:db8:0:100::/56");
    assert_eq!(addresses::next(&b).unwrap(), "2001:db8:0:200::/56");
    assert_eq!(addresses::next(&main).unwrap(), "2001:db8:0:300::/56");
    let resource = id(&main, "IpamPrefix", "2001:db8::/48/default");
    let wanted: Vec<(String, String)> = [
        ("2001:db8::/56", "main"),
        ("2001:db8:0:100::/56", "main"),
        ("2001:db8:0:200::/56", "b"),
        ("2001:db8:0:300::/56", "main"),
    ]
    .map(|(value, branch)| (value.to_owned(), branch.to_owned()))
    .into();
    assert_eq!(allocated(&main, "pool", &resource), wanted);
    assert_eq!(allocated(&b, "pool", &resource), wanted);
    // A resource that a branch adds belongs to the pool everywhere, though main does not see the prefix.
    addresses::prefixes(&b, &["2001:db8:1::/48"]);
    let pool = id(&b, "CoreIPPrefixPool", "pool");
    let added = id(&b, "IpamPrefix", "2001:db8:1::/48/default");
    ask(
        &b,
        &format!(
            "mutation {{RelationshipAdd(data: {{id: \"{pool}\", name: \"resources\", \
               nodes: [{{id: \"{added}\"}}]}}) {{ok}}}}"
        ),
    );
    assert_eq!(b.pool("pool").unwrap()["resources"].as_array().unwrap().len(), 2);
    // The link is there on main too; listed and counted is what main can show (the peer counts it).
    let counted = ask(&main, "{CoreIPPrefixPool {edges {node {resources {count}}}}}");
    assert_eq!(counted["CoreIPPrefixPool"]["edges"][0]["node"]["resources"]["count"], 1);
    assert_eq!(addresses::next(&main).unwrap(), "2001:db8:0:400::/56");
    sound(&main);
    // Deleting main's parent on the branch leaves main's pool as it is.
    ask(&b, &format!("mutation {{IpamPrefixDelete(data: {{id: \"{resource}\"}}) {{ok}}}}"));
    assert_eq!(addresses::next(&main).unwrap(), "2001:db8:0:500::/56");
    assert_eq!(addresses::next(&b).unwrap(), "2001:db8:1::/56");
    sound(&main);
    main.branch_delete("b").unwrap();
    assert_eq!(addresses::next(&main).unwrap(), "2001:db8:0:200::/56");
    sound(&main);
}

#[test]
fn scenario_34_an_address_on_another_branch_is_taken() {
    let main = addresses::d2();
    let b = branch(&main, "ip_branch1");
    load(&b, "IpamIPAddress", &json!([{"address": "10.200.0.2/30"}]));
    addresses::pool(
        &main,
        "CoreIPAddressPool",
        &json!({"default_address_type": "IpamIPAddress"}),
        &["10.200.0.0/30"],
    );
    let refused = addresses::next(&main).unwrap_err();
    assert!(refused.contains("There are no more addresses available in this pool"), "{refused}");
    main.branch_delete("ip_branch1").unwrap();
    assert_eq!(addresses::next(&main).unwrap(), "10.200.0.2/30");
}

#[test]
fn scenarios_41_and_42_an_address_of_a_branch_comes_back_when_the_branch_goes() {
    let main = addresses::ready();
    addresses::prefixes(&main, &["10.0.0.0/29"]);
    addresses::pool(
        &main,
        "CoreIPAddressPool",
        &json!({"default_address_type": "IpamIPAddress"}),
        &["10.0.0.0/29"],
    );
    let b = branch(&main, "b");
    assert_eq!(addresses::next(&b).unwrap(), "10.0.0.1/29");
    assert!(main.object("IpamIPAddress", "10.0.0.1/29/default").is_err());
    assert_eq!(addresses::next(&main).unwrap(), "10.0.0.2/29");
    main.branch_delete("b").unwrap();
    assert_eq!(addresses::next(&main).unwrap(), "10.0.0.1/29");
    sound(&main);
}

#[test]
fn scenario_48_what_main_has_since_the_fork_counts_on_the_branch() {
    let main = numbers::ready();
    numbers::pool(&main, "n", "number", 1, 10);
    let b = branch(&main, "b");
    load(&main, "TestTicket", &json!([{"name": "by-hand", "number": 1}]));
    assert_eq!(numbers::draw(&b, "n", "number", "x").unwrap(), 2);
    // And what main had at the fork and gave up since is the branch's still.
    load(&main, "TestTicket", &json!([{"name": "old", "number": 5}]));
    let c = branch(&main, "c");
    main.object_delete("TestTicket", "old").unwrap();
    assert_eq!(numbers::draws(&main, "n", "number", &["m3", "m4", "m5"]), [3, 4, 5]);
    main.object_delete("TestTicket", "m5").unwrap();
    assert_eq!(numbers::draw(&c, "n", "number", "y").unwrap(), 6);
    assert_eq!(numbers::number(&c, "TestTicket", "old", "number"), 5);
    assert_eq!(numbers::draw(&main, "n", "number", "again").unwrap(), 5);
}

#[test]
fn scenarios_50_and_51_numbers_of_a_deleted_branch_come_again() {
    let main = numbers::ready();
    numbers::pool(&main, "n", "number", 1, 12);
    assert_eq!(numbers::draws(&main, "n", "number", &["a", "b", "c"]), [1, 2, 3]);
    let b = branch(&main, "branch2");
    assert_eq!(numbers::draws(&b, "n", "number", &["d", "e", "f"]), [4, 5, 6]);
    assert_eq!(numbers::draws(&main, "n", "number", &["g", "h", "i"]), [7, 8, 9]);
    let used = shares(&main, "n");
    assert_eq!(used, [row("all", 75.0, 50.0, 25.0), row("n", 75.0, 50.0, 25.0)]);
    main.branch_delete("branch2").unwrap();
    assert_eq!(numbers::draws(&main, "n", "number", &["j", "k", "l", "m"]), [4, 5, 6, 10]);
    for name in "abcghijklm".chars() {
        main.object_delete("TestTicket", &name.to_string()).unwrap();
    }
    assert_eq!(numbers::draws(&main, "n", "number", &["x", "y", "z"]), [1, 2, 3]);
    sound(&main);
}

#[test]
fn scenario_63_one_schema_on_two_branches_makes_one_pool() {
    let main = numbers::ready();
    let text = r#"
version: "1.0"
nodes:
  - name: Incident
    namespace: Test
    human_friendly_id: [name__value]
    attributes:
      - {name: name, kind: Text, unique: true}
      - {name: number, kind: NumberPool, read_only: true, parameters: {start_range: 10, end_range: 20}}
"#;
    let (b, c) = (branch(&main, "b"), branch(&main, "c"));
    numbers::schema(&b, text).unwrap();
    numbers::schema(&c, text).unwrap();
    let pools = main.pools().unwrap();
    let pools = pools["pools"].as_array().unwrap();
    assert_eq!(pools.len(), 1, "{pools:#?}");
    let pool = pools[0]["id"].as_str().unwrap();
    load(&b, "TestIncident", &json!([{"name": "one"}, {"name": "two"}]));
    load(&c, "TestIncident", &json!([{"name": "one"}]));
    let nr =
        |service: &Service, name: &str| numbers::number(service, "TestIncident", name, "number");
    assert_eq!((nr(&b, "one"), nr(&b, "two"), nr(&c, "one")), (json!(10), json!(11), json!(12)));
    // Scenario 77: from a branch that does not know the kind, it is told all the same.
    assert_eq!(shares(&main, pool)[0], row("all", 27.27, 0.0, 27.27));
}

#[test]
fn scenarios_72_to_76_shares_of_the_default_branch_and_of_the_others() {
    let main = addresses::ready();
    let address = json!({"default_address_type": "IpamIPAddress", "name": "addresses"});
    addresses::prefixes(&main, &["192.0.2.0/24", "192.0.2.0/28", "192.0.2.16/28"]);
    let hosts = |net: &str, range: std::ops::RangeInclusive<u8>| {
        json!(range.map(|host| json!({"address": format!("{net}.{host}/28")})).collect::<Vec<_>>())
    };
    load(&main, "IpamIPAddress", &hosts("192.0.2", 1..=7));
    addresses::pool(
        &main,
        "CoreIPPrefixPool",
        &json!({"default_prefix_type": "IpamPrefix"}),
        &["192.0.2.0/24"],
    );
    addresses::pool(&main, "CoreIPAddressPool", &address, &["192.0.2.0/28"]);
    let wanted = [row("all", 12.5, 12.5, 0.0), row("192.0.2.0/24", 12.5, 12.5, 0.0)];
    assert_eq!(shares(&main, "pool"), wanted);
    let wanted = [row("all", 50.0, 50.0, 0.0), row("192.0.2.0/28", 50.0, 50.0, 0.0)];
    assert_eq!(shares(&main, "addresses"), wanted);
    let b = branch(&main, "branch2");
    addresses::prefixes(&b, &["192.0.2.32/28", "192.0.2.48/28"]);
    load(&b, "IpamIPAddress", &hosts("192.0.2", 8..=14));
    load(&b, "IpamIPAddress", &hosts("192.0.2", 33..=46));
    let wanted = [row("all", 25.0, 12.5, 12.5), row("192.0.2.0/24", 25.0, 12.5, 12.5)];
    assert_eq!(shares(&main, "pool"), wanted);
    assert_eq!(shares(&b, "pool"), wanted);
    let wanted = [row("all", 100.0, 50.0, 50.0), row("192.0.2.0/28", 100.0, 50.0, 50.0)];
    assert_eq!(shares(&main, "addresses"), wanted);
    // A branch deletes its own prefix, and three of its addresses.
    b.object_delete("IpamPrefix", "192.0.2.48/28/default").unwrap();
    for host in 12..=14 {
        b.object_delete("IpamIPAddress", &format!("192.0.2.{host}/28/default")).unwrap();
    }
    assert_eq!(shares(&main, "pool")[0], row("all", 18.75, 12.5, 6.25));
    assert_eq!(shares(&main, "addresses")[0], row("all", 78.57, 50.0, 28.57));
    // Deleting main's on the branch changes nothing until it is merged.
    b.object_delete("IpamIPAddress", "192.0.2.1/28/default").unwrap();
    assert_eq!(shares(&main, "addresses")[0], row("all", 78.57, 50.0, 28.57));
    sound(&main);
}

#[test]
fn the_same_identifier_on_another_branch_is_the_same_prefix_and_outlives_the_first_branch() {
    let main = addresses::ready();
    addresses::prefixes(&main, &["10.0.0.0/16"]);
    addresses::pool(
        &main,
        "CoreIPPrefixPool",
        &json!({"default_prefix_type": "IpamPrefix"}),
        &["10.0.0.0/16"],
    );
    let (b, c) = (branch(&main, "b"), branch(&main, "c"));
    let draw = |service: &Service, drawing: &Drawing| {
        service.pool_allocate("pool", drawing).map(|answer| answer["allocated"][0].clone())
    };
    let first = draw(&b, &named("leaf", 24)).unwrap();
    assert_eq!((&first["value"], &first["branch"]), (&json!("10.0.0.0/24"), &json!("b")));
    let second = draw(&c, &named("leaf", 24)).unwrap();
    assert_eq!(second["value"], "10.0.0.0/24");
    assert_eq!((&second["branch"], &second["reused"]), (&json!("b"), &json!(true)));
    assert_eq!(second["object"], first["object"], "one object, on both");
    assert!(main.object("IpamPrefix", "10.0.0.0/24/default").is_err());
    // Another request under the identifier is told what it holds, and where.
    let before = crate::support::dump(&main);
    let refused = draw(&main, &named("leaf", 25)).unwrap_err();
    assert_eq!(refused.code(), "identifier-conflict");
    let told = refused.to_string();
    assert!(told.contains("10.0.0.0/24") && told.contains("on branch `b`"), "{told}");
    // By hand it is given back where it was taken.
    let refused = main.pool_release("pool", "leaf", "no").unwrap_err();
    assert_eq!(refused.code(), "held-elsewhere");
    assert_eq!(crate::support::dump(&main), before, "nothing changed");
    main.branch_delete("b").unwrap();
    let held = &main.pool("pool").unwrap()["held"][0];
    assert_eq!((&held["identifier"], &held["branch"]), (&json!("leaf"), &json!("c")));
    assert_eq!(draw(&c, &named("leaf", 24)).unwrap()["value"], "10.0.0.0/24");
    assert_eq!(addresses::one(&main, 24).unwrap(), "10.0.1.0/24");
    // Main's own is untouched by what a branch asks under its name.
    let kept = draw(&main, &named("spine", 24)).unwrap();
    assert_eq!(kept["value"], "10.0.2.0/24");
    assert_eq!(draw(&c, &named("spine", 24)).unwrap()["value"], "10.0.2.0/24");
    c.object_delete("IpamPrefix", "10.0.2.0/24/default").unwrap();
    assert_eq!(draw(&main, &named("spine", 24)).unwrap()["object"], kept["object"]);
    main.branch_delete("c").unwrap();
    assert_eq!(draw(&main, &named("spine", 24)).unwrap()["object"], kept["object"]);
    assert_eq!(addresses::one(&main, 24).unwrap(), "10.0.0.0/24", "nobody has it any more");
    sound(&main);
}

#[test]
fn an_identifier_in_a_parent_that_only_its_branch_has_is_told_so() {
    let main = addresses::ready();
    addresses::prefixes(&main, &["10.0.0.0/30"]);
    addresses::pool(
        &main,
        "CoreIPPrefixPool",
        &json!({"default_prefix_type": "IpamPrefix"}),
        &["10.0.0.0/30"],
    );
    let b = branch(&main, "b");
    addresses::prefixes(&b, &["10.8.0.0/16"]);
    let (pool, added) =
        (id(&b, "CoreIPPrefixPool", "pool"), id(&b, "IpamPrefix", "10.8.0.0/16/default"));
    ask(
        &b,
        &format!(
            "mutation {{RelationshipAdd(data: {{id: \"{pool}\", name: \"resources\", \
               nodes: [{{id: \"{added}\"}}]}}) {{ok}}}}"
        ),
    );
    let drawn = b.pool_allocate("pool", &named("x", 24)).unwrap();
    assert_eq!(drawn["allocated"][0]["value"], "10.8.0.0/24");
    let before = crate::support::dump(&main);
    let refused = main.pool_allocate("pool", &named("x", 24)).unwrap_err();
    assert_eq!(refused.code(), "identifier-elsewhere");
    assert!(refused.to_string().contains("on branch `b`"), "{refused}");
    assert_eq!(crate::support::dump(&main), before, "nothing changed");
    // Both draw on, each from what it sees.
    assert_eq!(addresses::one(&main, 31).unwrap(), "10.0.0.0/31");
    assert_eq!(addresses::one(&b, 31).unwrap(), "10.0.0.2/31");
    assert_eq!(addresses::one(&b, 24).unwrap(), "10.8.1.0/24");
    assert!(addresses::one(&main, 31).unwrap_err().contains("No more resources available"));
}

#[test]
fn an_object_of_main_keeps_its_number_on_a_branch_whoever_attaches_it() {
    let main = numbers::ready();
    numbers::pool(&main, "n", "number", 1, 9);
    load(&main, "TestTicket", &json!([{"name": "x", "number": 4}]));
    let b = branch(&main, "b");
    // On the branch it is the same object: its number may be attached there.
    numbers::set(&b, "x", "number", json!({"from_pool": {"id": "n"}, "value": 4})).unwrap();
    assert_eq!(numbers::number(&b, "TestTicket", "x", "number"), 4);
    let refused = main
        .pool_allocate("n", &Drawing { value: Some("4".to_owned()), ..Drawing::default() })
        .unwrap_err();
    assert_eq!(refused.code(), "value-taken");
    main.branch_delete("b").unwrap();
    assert_eq!(numbers::draws(&main, "n", "number", &["a", "b", "c", "d"]), [1, 2, 3, 5]);
    sound(&main);
}

/// An object with 1 on main and with 5 on the branch `b`.
fn exchanged() -> (Service, Service) {
    let main = numbers::ready();
    numbers::pool(&main, "n", "number", 1, 9);
    assert_eq!(numbers::draws(&main, "n", "number", &["x", "y"]), [1, 2]);
    let b = branch(&main, "b");
    let five = json!({"from_pool": {"id": "n"}, "value": 5});
    numbers::set(&b, "x", "number", five).unwrap();
    assert_eq!(numbers::number(&b, "TestTicket", "x", "number"), 5);
    assert_eq!(numbers::number(&main, "TestTicket", "x", "number"), 1);
    (main, b)
}

#[test]
fn a_branch_exchanges_a_number_of_main_and_main_keeps_its_own() {
    let (main, b) = exchanged();
    // Both are taken, each by whom it belongs to.
    let pool = id(&main, "CoreNumberPool", "n");
    let wanted = [("1", "main"), ("2", "main"), ("5", "b")];
    let wanted = wanted.map(|(label, branch)| (label.to_owned(), branch.to_owned()));
    assert_eq!(allocated(&main, "n", &pool), wanted);
    for one in ["1", "5"] {
        let asked = Drawing { value: Some(one.to_owned()), ..Drawing::default() };
        assert_eq!(main.pool_allocate("n", &asked).unwrap_err().code(), "value-taken");
        assert_eq!(b.pool_allocate("n", &asked).unwrap_err().code(), "value-taken");
    }
    // The same again changes nothing; another one gives the last back.
    let set = |value: i64| {
        numbers::set(&b, "x", "number", json!({"from_pool": {"id": "n"}, "value": value})).unwrap();
    };
    set(5);
    set(6);
    assert_eq!(numbers::draws(&main, "n", "number", &["c", "d", "e"]), [3, 4, 5]);
    // Back to what main has, which is the same thing then.
    set(1);
    assert_eq!(numbers::draw(&main, "n", "number", "f").unwrap(), 6);
    sound(&main);
    main.branch_delete("b").unwrap();
    assert_eq!(numbers::number(&main, "TestTicket", "x", "number"), 1);
    assert_eq!(numbers::draw(&main, "n", "number", "g").unwrap(), 7);
    // Under a name that somebody gave it, another request stays a conflict.
    let named = Drawing { identifier: Some("it".to_owned()), ..Drawing::default() };
    main.pool_allocate("n", &named).unwrap();
    let c = branch(&main, "c");
    let other = Drawing { value: Some("9".to_owned()), ..named };
    assert_eq!(c.pool_allocate("n", &other).unwrap_err().code(), "identifier-conflict");
}

#[test]
fn a_number_that_a_branch_exchanged_comes_to_main_and_main_gives_its_own_back() {
    let (main, _b) = exchanged();
    main.branch_merge("b").unwrap_or_else(|bad| panic!("{bad} {:#?}", bad.details()));
    assert_eq!(numbers::number(&main, "TestTicket", "x", "number"), 5);
    assert_eq!(numbers::draw(&main, "n", "number", "c").unwrap(), 1);
    sound(&main);
    main.branch_delete("b").unwrap();
    assert_eq!(numbers::draw(&main, "n", "number", "d").unwrap(), 3);
    // It is the object's as if it had been drawn on main: it goes with it, and can be exchanged.
    numbers::set(&main, "x", "number", json!({"from_pool": {"id": "n"}, "value": 7})).unwrap();
    main.object_delete("TestTicket", "x").unwrap();
    assert_eq!(numbers::draws(&main, "n", "number", &["e", "f", "g", "h"]), [4, 5, 6, 7]);
    sound(&main);
}

#[test]
fn a_number_that_a_branch_exchanged_goes_with_the_branch() {
    let (main, _b) = exchanged();
    main.branch_delete("b").unwrap();
    assert_eq!(numbers::number(&main, "TestTicket", "x", "number"), 1);
    assert_eq!(numbers::draws(&main, "n", "number", &["c", "d", "e"]), [3, 4, 5]);
    sound(&main);
}

#[test]
fn main_that_exchanged_the_number_too_decides_which_one_stays() {
    for keeps_main in [true, false] {
        let (main, _b) = exchanged();
        numbers::set(&main, "x", "number", json!({"from_pool": {"id": "n"}, "value": 8})).unwrap();
        assert!(main.branch_merge("b").is_err(), "both changed it");
        crate::merge::decide(&main, "b", if keeps_main { "main" } else { "branch" });
        main.branch_merge("b").unwrap_or_else(|bad| panic!("{bad} {:#?}", bad.details()));
        let (stays, goes) = if keeps_main { (8, 5) } else { (5, 8) };
        assert_eq!(numbers::number(&main, "TestTicket", "x", "number"), stays);
        let asked = |value: i64| Drawing { value: Some(value.to_string()), ..Drawing::default() };
        main.pool_allocate("n", &asked(goes)).unwrap();
        main.pool_allocate("n", &asked(1)).unwrap();
        assert_eq!(main.pool_allocate("n", &asked(stays)).unwrap_err().code(), "value-taken");
        sound(&main);
    }
}

#[test]
fn an_exchanged_number_rests_before_it_is_given_again() {
    let main = numbers::ready();
    let row = json!([{
        "name": "n", "node": "TestTicket", "node_attribute": "number", "start_range": 1,
        "end_range": 9, "quarantine": 3600,
    }]);
    load(&main, "CoreNumberPool", &row);
    assert_eq!(numbers::draws(&main, "n", "number", &["x", "y"]), [1, 2]);
    numbers::set(&main, "x", "number", json!({"from_pool": {"id": "n"}, "value": 5})).unwrap();
    assert_eq!(numbers::draw(&main, "n", "number", "z").unwrap(), 3, "1 rests");
    let one = Drawing { value: Some("1".to_owned()), ..Drawing::default() };
    assert_eq!(main.pool_explain("n", &one).unwrap()["state"], "resting");
    sound(&main);
}

#[test]
fn a_merge_keeps_numbers_and_gives_back_what_the_branch_gave_up() {
    let main = numbers::ready();
    numbers::pool(&main, "n", "number", 1, 20);
    assert_eq!(numbers::draws(&main, "n", "number", &["a", "b", "c"]), [1, 2, 3]);
    let b = branch(&main, "b");
    assert_eq!(numbers::draws(&b, "n", "number", &["d", "e"]), [4, 5]);
    b.object_delete("TestTicket", "a").unwrap();
    numbers::set(&b, "b", "number", json!(17)).unwrap();
    assert_eq!(numbers::draw(&main, "n", "number", "f").unwrap(), 6);
    main.branch_merge("b").unwrap_or_else(|bad| panic!("{bad} {:#?}", bad.details()));
    let number = |name: &str| numbers::number(&main, "TestTicket", name, "number");
    assert_eq!((number("d"), number("e"), number("b")), (json!(4), json!(5), json!(17)));
    let pool = id(&main, "CoreNumberPool", "n");
    let wanted = ["3", "4", "5", "6", "17"].map(|one| (one.to_owned(), "main".to_owned()));
    assert_eq!(allocated(&main, "n", &pool), wanted);
    assert_eq!(shares(&main, "n")[0], row("all", 25.0, 25.0, 0.0));
    main.branch_delete("b").unwrap();
    assert_eq!(numbers::draws(&main, "n", "number", &["g", "h", "i"]), [1, 2, 7]);
    sound(&main);
}

#[test]
fn a_rebase_frees_for_the_branch_what_main_gave_up() {
    let main = numbers::ready();
    numbers::pool(&main, "n", "number", 1, 9);
    numbers::draws(&main, "n", "number", &["a", "b"]);
    let b = branch(&main, "b");
    assert_eq!(numbers::draw(&b, "n", "number", "c").unwrap(), 3);
    main.object_delete("TestTicket", "a").unwrap();
    assert_eq!(numbers::draw(&b, "n", "number", "d").unwrap(), 4, "the branch still sees 1");
    main.branch_rebase("b").unwrap_or_else(|bad| panic!("{bad} {:#?}", bad.details()));
    assert_eq!(numbers::draw(&b, "n", "number", "e").unwrap(), 1);
    assert_eq!(numbers::number(&b, "TestTicket", "c", "number"), 3);
    sound(&main);
}
