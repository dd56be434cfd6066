//! Everything that pools refuse: each with its code, and nothing changed. `identifier-elsewhere` and
//! `held-elsewhere` take two branches: `pool_branches.rs`.

use serde_json::{Map, Value as Json, json};
use service::{Drawing, Service, ServiceError};

use crate::addresses;
use crate::numbers;
use crate::support::{dump, load, rows, sound};

/// Prefixes, addresses and numbers: `nets` and `hosts` in 10.0.0.0/24, `v6` in an IPv6 /64, `sixteen`
/// numbers, of which a ticket holds the second, and `sites`, which counts by a note.
fn stocked() -> Service {
    let service = addresses::ready();
    let text = r#"
nodes:
  - name: Ticket
    namespace: Test
    human_friendly_id: [name__value]
    attributes:
      - {name: name, kind: Text, unique: true}
      - {name: site, kind: Text, default_value: a}
      - {name: number, kind: Number, optional: true}
      - {name: local, kind: Number, optional: true}
"#;
    numbers::schema(&service, text).unwrap();
    addresses::prefixes(&service, &["10.0.0.0/24", "2001:db8::/64"]);
    for (kind, name, parent) in [
        ("CoreIPPrefixPool", "nets", "10.0.0.0/24"),
        ("CoreIPPrefixPool", "v6", "2001:db8::/64"),
        ("CoreIPAddressPool", "hosts", "10.0.0.0/24"),
    ] {
        let default = match kind {
            "CoreIPPrefixPool" => json!({"name": name, "default_prefix_type": "IpamPrefix"}),
            _ => json!({"name": name, "default_address_type": "IpamIPAddress"}),
        };
        addresses::pool(&service, kind, &default, &[parent]);
    }
    numbers::pool(&service, "sixteen", "number", 1, 16);
    numbers::pool(&service, "two", "local", 1, 2);
    let scoped = json!([{
        "name": "sites", "node": "TestTicket", "node_attribute": "local", "start_range": 1,
        "end_range": 9, "allocation_scope": ["site"],
    }]);
    load(&service, "CoreNumberPool", &scoped);
    let asked = Drawing { value: Some("1".to_owned()), ..named("held") };
    service.pool_allocate("sixteen", &asked).unwrap();
    assert_eq!(numbers::draw(&service, "sixteen", "number", "t").unwrap(), 2);
    service.pool_allocate("two", &Drawing { count: 2, ..Drawing::default() }).unwrap();
    service.pool_allocate("nets", &Drawing { length: Some(30), ..named("net") }).unwrap();
    service
}

fn named(identifier: &str) -> Drawing {
    Drawing { identifier: Some(identifier.to_owned()), ..Drawing::default() }
}

fn value(value: &str) -> Drawing {
    Drawing { value: Some(value.to_owned()), ..Drawing::default() }
}

/// The code and the words of what is refused; nothing has changed.
fn refused(
    service: &Service,
    ask: impl FnOnce(&Service) -> Result<Json, ServiceError>,
) -> (String, String) {
    let before = dump(service);
    let bad = ask(service).map_err(|bad| (bad.code().to_owned(), bad.to_string()));
    let bad = bad.expect_err("it should be refused");
    assert_eq!(dump(service), before, "{bad:?} changed something");
    bad
}

fn draws(service: &Service, pool: &str, drawing: &Drawing) -> (String, String) {
    refused(service, |service| service.pool_allocate(pool, drawing))
}

fn loads(service: &Service, kind: &str, row: Json) -> (String, String) {
    refused(service, |service| {
        service.object_load(&[rows(kind, &json!([row]))]).map(|_| Json::Null)
    })
}

fn updates(service: &Service, kind: &str, name: &str, values: Json) -> (String, String) {
    let values: Map<String, Json> = values.as_object().unwrap().clone();
    refused(service, |service| service.object_update(kind, name, &values).map(|_| Json::Null))
}

#[test]
fn what_is_drawn_in_a_wrong_way() {
    let service = stocked();
    let long = |length: u8| Drawing { length: Some(length), ..Drawing::default() };
    let block = |block: u32, align: u32| Drawing {
        block: Some(block),
        align: Some(align),
        ..Drawing::default()
    };
    let scope = |name: &str| Drawing {
        scope: [(name.to_owned(), "x".to_owned())].into(),
        ..Drawing::default()
    };
    let kind = |name: &str| Drawing { kind: Some(name.to_owned()), ..long(30) };
    let member = Drawing { member_type: Some("host".to_owned()), ..long(30) };
    let until = |text: &str| Drawing { until: Some(text.to_owned()), ..named("brief") };
    let aside = Drawing { set_aside: true, ..Drawing::default() };
    for (pool, drawing, code, words) in [
        ("none", named("x"), "unknown-pool", "there is no pool `none`"),
        (
            "nets",
            Drawing::default(),
            "length-missing",
            "A prefixlen or a default_value must be provided",
        ),
        ("nets", kind("None"), "unknown-kind", "'None' is not a valid kind"),
        ("nets", member, "bad-member-type", "Invalid member_type value"),
        ("hosts", long(16), "bad-length", "Invalid prefix length for current selected prefix"),
        ("hosts", long(33), "bad-length", "/33 is not within /24 to /32"),
        // The space.
        ("nets", long(23), "pool-exhausted", "10.0.0.0/24 is longer than that"),
        ("nets", long(64), "pool-exhausted", "is of a family with shorter addresses"),
        ("nets", long(24), "pool-exhausted", "has at most a /25 free"),
        ("two", Drawing::default(), "pool-exhausted", "has no free number left in 1-2"),
        ("sixteen", block(15, 1), "pool-exhausted", "14 are free, the longest row is 14"),
        // A value on request.
        (
            "nets",
            value("2001:db8::/64"),
            "outside-pool",
            "is not in the pool, which has 10.0.0.0/24",
        ),
        ("v6", value("10.0.0.0/25"), "outside-pool", "2001:db8::/64"),
        ("nets", value("10.0.0.0/29"), "value-taken", "10.0.0.0/30"),
        ("nets", value("10.0.0.1"), "bad-value", "is not a value of a `CoreIPPrefixPool`"),
        ("hosts", value("ten"), "bad-value", "is not a value of a `CoreIPAddressPool`"),
        ("sixteen", value("17"), "outside-pool", "17 is not in the pool, which has 1-16"),
        ("sixteen", value("9223372036854775807"), "outside-pool", "1-16"),
        ("sixteen", value("9223372036854775808"), "bad-value", "is not a value"),
        ("sixteen", value("2"), "value-taken", "has it"),
        // Numbers in a row.
        ("hosts", block(2, 1), "bad-block", "only numbers come in a row"),
        ("sixteen", block(0, 1), "bad-block", "a block has 1 to 1024 numbers"),
        ("sixteen", block(2, 0), "bad-block", "at a multiple of at least 1"),
        ("sixteen", block(1_025, 1), "bad-block", "a block has 1 to 1024 numbers"),
        // How it is known.
        ("sixteen", named(""), "bad-identifier", "1 to 512 bytes"),
        ("sixteen", named("a\nb"), "bad-identifier", "no control characters"),
        ("sixteen", named(&"x".repeat(513)), "bad-identifier", "1 to 512 bytes"),
        ("sixteen", aside, "bad-identifier", "a value is set aside for an identifier"),
        (
            "sixteen",
            Drawing { value: Some("9".to_owned()), ..named("held") },
            "identifier-conflict",
            "already holds 1",
        ),
        (
            "sixteen",
            Drawing { block: Some(2), ..named("held") },
            "identifier-conflict",
            "asked for as `number`",
        ),
        (
            "nets",
            Drawing { length: Some(29), ..named("net") },
            "identifier-conflict",
            "already holds 10.0.0.0/30",
        ),
        // Its end, its division, how many.
        ("sixteen", until("yesterday"), "bad-expiry", "`until`"),
        ("sixteen", until("2001-01-01T00:00:00Z"), "bad-expiry", "ends after now"),
        ("hosts", until("2101-01-01T00:00:00Z"), "bad-expiry", "an object does not end by itself"),
        ("sixteen", scope("site"), "bad-scope", "which has none"),
        ("sites", scope("note"), "bad-scope", "which is site"),
        ("sites", Drawing::default(), "scope-missing", "give a value of `site`"),
        ("sixteen", Drawing { count: 1_001, ..Drawing::default() }, "bad-count", "at most 1000"),
    ] {
        let (told, text) = draws(&service, pool, &drawing);
        assert_eq!(told, code, "{pool} {drawing:?}: {text}");
        assert!(text.contains(words), "{pool} {drawing:?}: {text}");
    }
    sound(&service);
}

#[test]
fn what_is_given_back_in_a_wrong_way() {
    let service = stocked();
    let release = |identifier: &str, why: &str| {
        refused(&service, |service| service.pool_release("sixteen", identifier, why))
    };
    assert_eq!(release("nobody", "").0, "unknown-identifier");
    assert_eq!(release("held", &"x".repeat(1_025)).0, "bad-reason");
    let ticket = service.object("TestTicket", "t").unwrap().id;
    let (code, text) = release(&format!("{ticket}.number"), "");
    assert_eq!(code, "held-by-object");
    assert!(text.contains("TestTicket t"), "{text}");
    sound(&service);
}

#[test]
fn pools_that_do_not_fit_what_they_fill() {
    let service = stocked();
    let number_pool = |more: Json| {
        let mut row = json!({
            "name": "new", "node": "TestTicket", "node_attribute": "number", "start_range": 1,
            "end_range": 9,
        });
        row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        row
    };
    for (more, code, words) in [
        (json!({"node": "None"}), "pool-model", "The selected model does not exist"),
        (json!({"node_attribute": "name"}), "pool-model", "not of the kind Number"),
        (json!({"start_range": 10}), "pool-range", "start_range can't be larger than end_range"),
        (json!({"allocation_scope": ["number"]}), "pool-scope", "cannot divide the pool"),
        (json!({"allocation_scope": ["a", "b", "c", "d", "e"]}), "pool-scope", "at most 4"),
        (json!({"quarantine": -1}), "pool-setting", "`quarantine` is 0 to"),
        (json!({"alert_at": 101}), "pool-setting", "`alert_at` is 0 to 100"),
    ] {
        let (told, text) = loads(&service, "CoreNumberPool", number_pool(more));
        assert_eq!(told, code, "{text}");
        assert!(text.contains(words), "{text}");
    }
    // What it has handed out stays within it, and it stays while that is.
    let (code, text) = updates(&service, "CoreNumberPool", "sixteen", json!({"start_range": 2}));
    assert_eq!(code, "pool-range");
    assert!(text.contains("1 numbers that the pool has handed out would lie outside: 1"), "{text}");
    for (kind, name) in
        [("CoreNumberPool", "sixteen"), ("CoreNumberPool", "two"), ("CoreIPPrefixPool", "nets")]
    {
        let told =
            refused(&service, |service| service.object_delete(kind, name).map(|_| Json::Null));
        assert_eq!(told.0, "pool-in-use", "{told:?}");
    }
    let scope = json!({"allocation_scope": ["site"]});
    assert_eq!(updates(&service, "CoreNumberPool", "sixteen", scope).0, "pool-in-use");
    // A field draws from a pool of its own sort.
    let ticket = json!({"name": "x", "number": {"from_pool": {"id": "nets"}}});
    let (code, text) = loads(&service, "TestTicket", ticket);
    assert_eq!(code, "wrong-pool");
    assert!(text.contains("gives no number"), "{text}");
    let site = json!({"name": "x", "prefix": {"from_pool": {"id": "hosts"}}});
    let told = loads(&service, "TestSite", site);
    assert_eq!(told.0, "wrong-peer", "{told:?}");
    sound(&service);
}

#[test]
fn the_ends_of_all_spaces_are_given_like_the_rest() {
    let service = stocked();
    let whole = json!([{
        "name": "whole", "node": "TestTicket", "node_attribute": "number",
        "start_range": i64::MIN, "end_range": i64::MAX,
    }]);
    load(&service, "CoreNumberPool", &whole);
    for number in [i64::MIN, i64::MAX, -1, 0] {
        let drawn = service.pool_allocate("whole", &value(&number.to_string())).unwrap();
        assert_eq!(drawn["allocated"][0]["value"], number);
        let again = draws(&service, "whole", &value(&number.to_string()));
        assert_eq!(again.0, "value-taken");
    }
    let next = service.pool_allocate("whole", &Drawing::default()).unwrap();
    assert_eq!(next["allocated"][0]["value"], i64::MIN + 1);
    addresses::prefixes(&service, &["::/0", "0.0.0.0/0"]);
    let all = json!({"name": "all", "default_prefix_type": "IpamPrefix"});
    addresses::pool(&service, "CoreIPPrefixPool", &all, &["::/0", "0.0.0.0/0"]);
    let last = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128";
    for prefix in [last, "255.255.255.255/32", "8000::/1"] {
        if prefix == "8000::/1" {
            assert_eq!(draws(&service, "all", &value(prefix)).0, "value-taken");
        } else {
            let drawn = service.pool_allocate("all", &value(prefix)).unwrap();
            assert_eq!(drawn["allocated"][0]["value"], prefix);
        }
    }
    let (code, text) = draws(&service, "all", &Drawing { length: Some(129), ..Drawing::default() });
    assert_eq!(code, "pool-exhausted", "{text}");
    sound(&service);
}
