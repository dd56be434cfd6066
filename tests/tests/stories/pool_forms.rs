//! What pools owe beyond the scenarios and threads of others: every form in which a field asks for a value,
//! what an explanation passes over, ranges that change while they are drawn from, who gave something back,
//! and what a guest has of addresses.

use serde_json::{Map, Value as Json, json};
use service::{Drawing, Service};

use crate::addresses::{self, prefixes};
use crate::mutations::{done, stocked};
use crate::numbers::{self, draws, number};
use crate::support::{changes, dump, failure, load, rows, run, service, sound};

fn values(of: &Json) -> Map<String, Json> {
    of.as_object().unwrap().clone()
}

/// Servers that draw numbers, addresses and prefixes.
fn pools() -> Service {
    let service = stocked();
    done(
        &service,
        r#"mutation {
        CoreNumberPoolCreate(data: { name: { value: "vlans" } node: { value: "DemoServer" } node_attribute: { value: "vlan" }
            start_range: { value: 1 } end_range: { value: 99 } }) { ok }
        CoreIPAddressPoolCreate(data: { name: { value: "hosts" } default_address_type: { value: "IpamIPAddress" }
            ip_namespace: { id: "default" } resources: [{ hfid: ["10.0.0.0/29"] }] }) { ok }
        CoreIPPrefixPoolCreate(data: { name: { value: "nets" } default_prefix_type: { value: "IpamPrefix" }
            default_prefix_length: { value: 24 } ip_namespace: { id: "default" } resources: [{ hfid: ["10.1.0.0/16"] }] }) { ok }
    }"#,
    );
    service
}

#[test]
fn every_form_of_asking_in_a_field_is_taken_by_create_update_and_upsert() {
    for verb in ["Create", "Update", "Upsert"] {
        let service = pools();
        let pool = |name: &str| service.object("CoreResourcePool", name).unwrap().id.to_string();
        let (vlans, hosts, nets) = (pool("vlans"), pool("hosts"), pool("nets"));
        let ask = |name: &str, fields: &str| {
            let named = format!("name: {{ value: \"{name}\" }}");
            let whom = match verb {
                "Update" => {
                    load(&service, "DemoServer", &json!([{"name": name}]));
                    format!("hfid: [\"{name}\"]")
                }
                _ => named,
            };
            let text = format!(
                "mutation {{ DemoServer{verb}(data: {{ {whom} {fields} }}) {{ object {{ vlan {{ value }} \
                   address {{ node {{ display_label ... on IpamIPAddress {{ description {{ value }} }} }} }} \
                   nets {{ edges {{ node {{ display_label ... on IpamPrefix {{ member_type {{ value }} }} \
                   }} }} }} }} }} }}"
            );
            done(&service, &text)[format!("DemoServer{verb}")]["object"].clone()
        };
        // Attributes: by id or name, under an identifier, with a value to be attached.
        for (fields, wanted) in [
            (format!("vlan: {{ from_pool: {{ id: \"{vlans}\" }} }}"), 1),
            ("vlan: { from_pool: { id: \"vlans\" } }".to_owned(), 2),
            (format!("vlan: {{ from_pool: {{ id: \"{vlans}\" identifier: \"x\" }} }}"), 3),
            (format!("vlan: {{ value: 50 from_pool: {{ id: \"{vlans}\" }} }}"), 50),
            (format!("vlan: {{ from_pool: {{ id: \"{vlans}\" }} is_protected: true }}"), 4),
        ] {
            assert_eq!(
                ask(&format!("n{wanted}"), &fields)["vlan"]["value"],
                wanted,
                "{verb} {fields}"
            );
        }
        // Relationships of one: the length, values of what is made, an identifier.
        let address = format!(
            "address: {{ from_pool: {{ id: \"{hosts}\" identifier: \"y\" prefixlen: 32 data: \
             {{description: \"made\"}} }} }}"
        );
        let node = ask("a", &address)["address"]["node"].clone();
        assert!(node["display_label"].as_str().unwrap().starts_with("10.0.0.1/32"), "{node}");
        assert_eq!(node["description"]["value"], "made");
        let node = ask("b", &format!("address: {{ from_pool: {{ id: \"{hosts}\" }} }}"));
        assert!(
            node["address"]["node"]["display_label"].as_str().unwrap().starts_with("10.0.0.2/29")
        );
        // The same identifier, whoever asks.
        let node = ask("c", &address)["address"]["node"].clone();
        assert!(node["display_label"].as_str().unwrap().starts_with("10.0.0.1/32"), "{node}");
        // Relationships of many: one resource each.
        let asked = format!(
            "nets: [{{ from_pool: {{ id: \"{nets}\" size: 30 member_type: \"address\" }} }} {{ from_pool: {{ \
             id: \"{nets}\" prefix_type: \"IpamPrefix\" }} }}]"
        );
        let edges = ask("d", &asked)["nets"]["edges"].clone();
        let mut told: Vec<String> =
            edges.as_array().unwrap().iter().map(|edge| edge["node"].to_string()).collect();
        told.sort();
        assert!(told.len() == 2 && told[0].contains("10.1.0.0/30") && told[0].contains("address"));
        assert!(told[1].contains("10.1.1.0/24"), "{told:?}");
        sound(&service);
    }
}

#[test]
fn scenario_30_another_kind_under_an_identifier_is_told_by_name() {
    let service = addresses::ready();
    let more = "nodes: [{name: Transfer, namespace: Ipam, inherit_from: [BuiltinIPPrefix], \
                human_friendly_id: [prefix__value], display_label: prefix__value}]";
    numbers::schema(&service, more).unwrap();
    prefixes(&service, &["10.0.0.0/16"]);
    addresses::pool(
        &service,
        "CoreIPPrefixPool",
        &json!({"default_prefix_type": "IpamPrefix"}),
        &["10.0.0.0/16"],
    );
    let asked = |kind: &str| Drawing {
        identifier: Some("x".to_owned()),
        length: Some(24),
        kind: Some(kind.to_owned()),
        ..Drawing::default()
    };
    assert_eq!(addresses::draw(&service, &asked("IpamTransfer")).unwrap(), ["10.0.0.0/24"]);
    let before = dump(&service);
    let refused = service.pool_allocate("pool", &asked("IpamPrefix")).unwrap_err();
    assert_eq!(refused.code(), "identifier-conflict");
    let told = refused.to_string();
    assert!(told.contains("IpamTransfer") && told.contains("IpamPrefix"), "{told}");
    assert_eq!(dump(&service), before);
    sound(&service);
}

#[test]
fn scenario_66_a_weight_that_is_raised_redirects_the_next_and_a_range_in_use_stays() {
    let service = numbers::ready();
    let row = json!([{"name": "n", "node": "TestTicket", "node_attribute": "number", "ranges": {
        "kind": "CoreNumberPoolRange",
        "data": [{"start": 50, "end": 51}, {"start": 10, "end": 11}, {"start": 20, "end": 21}],
    }}]);
    load(&service, "CoreNumberPool", &row);
    assert_eq!(draws(&service, "n", "number", &["a", "b"]), [10, 11]);
    let range = |first: i64| {
        let all = service.objects("CoreNumberPoolRange", 9).unwrap();
        let of = all.iter().find(|one| one.attributes["start"] == first).unwrap();
        of.id.to_string()
    };
    let set = |first: i64, of: Json| {
        service.object_update("CoreNumberPoolRange", &range(first), &values(&of)).map(|_| ())
    };
    set(50, json!({"allocation_weight": 7})).unwrap();
    assert_eq!(draws(&service, "n", "number", &["c"]), [50]);
    set(20, json!({"allocation_weight": 8})).unwrap();
    assert_eq!(draws(&service, "n", "number", &["d"]), [20]);
    // What was handed out stays inside: of a range that shrinks, of one that goes.
    let before = dump(&service);
    let refused = set(20, json!({"start": 21})).unwrap_err();
    assert_eq!(refused.code(), "pool-range");
    assert!(refused.to_string().contains("would lie outside: 20"), "{refused}");
    let refused = service.object_delete("CoreNumberPoolRange", &range(10)).unwrap_err();
    assert_eq!(refused.code(), "pool-range", "{refused}");
    assert_eq!(dump(&service), before);
    set(20, json!({"end": 22})).unwrap();
    assert_eq!(draws(&service, "n", "number", &["e", "f", "g"]), [21, 22, 51]);
    sound(&service);
}

#[test]
fn an_explanation_passes_over_what_is_excluded_and_what_is_not_for_hosts() {
    let service = numbers::ready();
    numbers::pool(&service, "strict", "strict", 5, 40);
    let explained = |service: &Service, pool: &str| {
        let told = service.pool_explain(pool, &Drawing::default()).unwrap();
        let passed = told["passed_over"].as_array().unwrap().iter();
        let passed: Vec<String> = passed
            .map(|one| {
                let value = one["value"].as_str().map_or(one["value"].to_string(), str::to_owned);
                format!("{value}: {}", one["why"].as_str().unwrap())
            })
            .collect();
        (told["next"].clone(), passed)
    };
    // The attribute takes 10 to 30, without 12 and 14 to 16.
    assert_eq!(draws(&service, "strict", "strict", &["a", "b", "c"]), [10, 11, 13]);
    let (next, passed) = explained(&service, "strict");
    assert_eq!(next, 17);
    let whose = |name: &str, at: i64| {
        let ticket = service.object("TestTicket", name).unwrap().id;
        format!("{at}: TestTicket {name} has it, drawn as `{ticket}.strict`")
    };
    let excluded = |what: &str| format!("{what}: `strict` does not take it");
    let wanted = [
        excluded("5-9"),
        whose("a", 10),
        whose("b", 11),
        excluded("12"),
        whose("c", 13),
        excluded("14-16"),
    ];
    assert_eq!(passed, wanted);
    let twelve = Drawing { value: Some("12".to_owned()), ..Drawing::default() };
    let told = service.pool_explain("strict", &twelve).unwrap();
    assert_eq!(told["state"], "unavailable");
    assert!(told["message"].as_str().unwrap().contains("excluded"), "{told}");
    let service = addresses::ready();
    prefixes(&service, &["10.0.0.0/29", "2001:db8::/64"]);
    for (name, parent, first, passed) in [
        ("v4", "10.0.0.0/29", "10.0.0.2/29", "10.0.0.0: it is not for hosts"),
        ("v6", "2001:db8::/64", "2001:db8::2/64", "2001:db8::: it is not for hosts"),
    ] {
        let more = json!({"name": name, "default_address_type": "IpamIPAddress"});
        addresses::pool(&service, "CoreIPAddressPool", &more, &[parent]);
        service.pool_allocate(name, &Drawing::default()).unwrap();
        let (next, told) = explained(&service, name);
        assert_eq!((next, &told[0]), (json!(first), &passed.to_owned()), "{told:?}");
        assert_eq!(told.len(), 2, "{told:?}");
    }
}

#[test]
fn what_is_given_back_tells_by_whom_and_when() {
    let service = numbers::ready();
    numbers::pool(&service, "n", "number", 1, 9);
    let named = Drawing { identifier: Some("x".to_owned()), ..Drawing::default() };
    service.pool_allocate("n", &named).unwrap();
    service.pool_release("n", "x", "moved away").unwrap();
    let one = Drawing { value: Some("1".to_owned()), ..Drawing::default() };
    let told = service.pool_explain("n", &one).unwrap()["released"].clone();
    assert_eq!((&told["identifier"], &told["why"]), (&json!("x"), &json!("moved away")));
    assert_eq!(told["by"], model::ObjectId::SYSTEM.to_string());
    assert_eq!(told["at"], service.now().to_string());
}

/// What a run makes and takes away.
fn made(result: &engine::RunResult) -> Vec<String> {
    changes(result).into_iter().filter(|change| !change.starts_with("updated")).collect()
}

#[test]
fn a_guest_draws_addresses_and_prefixes_and_a_plan_or_a_failure_keeps_none() {
    let service = crate::tracking::ready();
    addresses::load_schema(&service);
    prefixes(&service, &["10.0.0.0/29", "10.1.0.0/16"]);
    let more = json!({"name": "hosts", "default_address_type": "IpamIPAddress"});
    addresses::pool(&service, "CoreIPAddressPool", &more, &["10.0.0.0/29"]);
    let more = json!({"name": "nets", "default_prefix_type": "IpamPrefix"});
    addresses::pool(&service, "CoreIPPrefixPool", &more, &["10.1.0.0/16"]);
    let steps = |more: &[Json]| {
        let mut steps = vec![
            json!({"do": "address", "pool": "hosts", "identifier": "a"}),
            json!({"do": "prefix", "pool": "nets", "identifier": "n", "length": 24}),
            json!({"do": "address", "pool": "hosts", "identifier": "a"}),
        ];
        steps.extend_from_slice(more);
        crate::tracking::tell(&service, "one", &json!(steps));
    };
    steps(&[]);
    let before = dump(&service);
    let plan = service.run("probe", "one", engine::Mode::Plan, "test").unwrap();
    assert_eq!(
        made(&plan),
        ["created IpamIPAddress 10.0.0.1/29/default", "created IpamPrefix 10.1.0.0/24/default"]
    );
    assert_eq!(dump(&service), before, "a plan leaves no trace");
    let held = |pool: &str| service.pool(pool).unwrap()["held"].clone();
    let nothing = (held("hosts"), held("nets"));
    steps(&[json!({"do": "fail", "message": "enough"})]);
    failure(&run(&service, "probe", "one"));
    assert_eq!((held("hosts"), held("nets")), nothing, "a failure leaves no reservation");
    steps(&[]);
    let result = run(&service, "probe", "one");
    let said: Vec<&str> = result.record.log.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(said, ["address 10.0.0.1/29", "prefix 10.1.0.0/24", "address 10.0.0.1/29"]);
    assert_eq!(changes(&run(&service, "probe", "one")), Vec::<String>::new(), "the same again");
    crate::tracking::tell(&service, "one", &json!([]));
    assert_eq!(
        made(&run(&service, "probe", "one")),
        ["deleted IpamIPAddress 10.0.0.1/29/default", "deleted IpamPrefix 10.1.0.0/24/default"]
    );
    assert_eq!((held("hosts"), held("nets")), nothing);
    sound(&service);
}

#[test]
fn what_the_host_knows_of_a_prefix_follows_it_at_every_length() {
    let service = addresses::ready();
    let derived = |prefix: &str| {
        let object = service.object("IpamPrefix", &format!("{prefix}/default")).unwrap();
        ["netmask", "hostmask", "network_address", "broadcast_address", "is_top_level"]
            .map(|name| object.attributes.get(name).cloned().unwrap_or_default())
    };
    let all = ["0.0.0.0/0", "10.0.0.0/30", "10.0.0.9/32", "::/0", "2001:db8::/126", "::1/128"];
    prefixes(&service, &all);
    for (prefix, texts, top) in [
        ("0.0.0.0/0", ["0.0.0.0", "255.255.255.255", "0.0.0.0", "255.255.255.255"], true),
        ("10.0.0.0/30", ["255.255.255.252", "0.0.0.3", "10.0.0.0", "10.0.0.3"], false),
        ("10.0.0.9/32", ["255.255.255.255", "0.0.0.0", "10.0.0.9", "10.0.0.9"], false),
        (
            "::/0",
            [
                "::",
                "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                "::",
                "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            ],
            true,
        ),
        (
            "2001:db8::/126",
            ["ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffc", "::3", "2001:db8::", "2001:db8::3"],
            false,
        ),
        ("::1/128", ["ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::", "::1", "::1"], false),
    ] {
        let [a, b, c, d] = texts.map(Json::from);
        assert_eq!(derived(prefix), [a, b, c, d, json!(top)], "{prefix}");
    }
    let wider = values(&json!({"prefix": "10.0.0.0/24"}));
    service.object_update("IpamPrefix", "10.0.0.0/30/default", &wider).unwrap();
    assert_eq!(derived("10.0.0.0/24")[0], "255.255.255.0");
    assert_eq!(addresses::parent_of(&service, "10.0.0.9/32"), addresses::below("10.0.0.0/24"));
    sound(&service);
}

#[test]
fn scenario_70_a_branch_whose_schema_lacks_what_the_pool_counts_by_is_refused() {
    let main = service();
    let with = |more: &str| {
        format!(
            "nodes: [{{name: Vlan, namespace: Test, human_friendly_id: [name__value], display_label: \
             name__value, attributes: [{{name: name, kind: Text, unique: true}}, {{name: number, kind: \
             Number, optional: true}}{more}]}}]"
        )
    };
    numbers::schema(&main, &with("")).unwrap();
    let pool = |scope: Json| {
        json!([{
            "name": "n", "node": "TestVlan", "node_attribute": "number", "start_range": 1,
            "end_range": 9, "allocation_scope": scope,
        }])
    };
    load(&main, "CoreNumberPool", &pool(Json::Null));
    main.branch_create("old", "").unwrap();
    let old = main.on(Some("old"), None).unwrap();
    numbers::schema(&main, &with(", {name: role, kind: Text, default_value: access}")).unwrap();
    load(&main, "CoreNumberPool", &pool(json!(["role"])));
    let vlan = |service: &Service, name: &str, role: Option<&str>| {
        let mut row = json!([{"name": name, "number": {"from_pool": {"id": "n"}}}]);
        if let Some(role) = role {
            row[0]["role"] = json!(role);
        }
        let done = service.object_load(&[rows("TestVlan", &row)]);
        done.map(|_| number(service, "TestVlan", name, "number"))
    };
    assert_eq!(vlan(&main, "a", Some("core")).unwrap(), 1);
    let before = dump(&main);
    let refused = vlan(&old, "b", None).unwrap_err();
    assert!(refused.to_string().contains("the pool counts by role"), "{refused}");
    assert_eq!(dump(&main), before);
    main.branch_rebase("old").unwrap_or_else(|bad| panic!("{bad} {:#?}", bad.details()));
    assert_eq!(vlan(&old, "b", Some("core")).unwrap(), 2);
    assert_eq!(vlan(&old, "c", Some("edge")).unwrap(), 1);
    main.branch_merge("old").unwrap_or_else(|bad| panic!("{bad} {:#?}", bad.details()));
    assert_eq!(vlan(&main, "d", Some("core")).unwrap(), 3);
    assert_eq!(vlan(&main, "e", Some("edge")).unwrap(), 2);
    sound(&main);
}
