//! How full pools are and how long they last: shares, marks, forecasts, the picture, and what becomes of
//! a value that was given back.

use serde_json::{Value as Json, json};
use service::{Drawing, Service, SourceFile};

use crate::support::{dump, load, rows, run, service, sound};
use crate::tracking::tell;

const SCHEMA: &str = r#"
version: "1.0"
nodes:
  - {name: Port, namespace: Test, human_friendly_id: [name__value], display_label: name__value, attributes: [{name: name, kind: Text, unique: true}, {name: number, kind: Number, optional: true}]}
  - {name: Prefix, namespace: Ipam, human_friendly_id: [prefix__value], inherit_from: [BuiltinIPPrefix]}
"#;

fn add(service: &Service) {
    let file = SourceFile { name: "schema".to_owned(), text: SCHEMA.to_owned() };
    service.schema_load(&[file]).unwrap_or_else(|bad| panic!("{bad} {:?}", bad.details()));
}

fn ready(last: i64, more: &Json) -> Service {
    let service = service();
    add(&service);
    numbers(&service, last, more);
    service
}

fn numbers(service: &Service, last: i64, more: &Json) {
    let mut row = json!({
        "name": "ports", "node": "TestPort", "node_attribute": "number", "start_range": 1,
        "end_range": last,
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        row[name] = value.clone();
    }
    load(service, "CoreNumberPool", &json!([row]));
}

fn named(identifier: &str) -> Drawing {
    Drawing { identifier: Some(identifier.to_owned()), ..Drawing::default() }
}

fn draw(service: &Service, drawing: &Drawing) -> Result<Json, String> {
    let drawn = service.pool_allocate("ports", drawing);
    drawn
        .map(|json| json["allocated"][0]["value"].clone())
        .map_err(|bad| format!("{}: {bad}", bad.code()))
}

fn events(service: &Service) -> Vec<String> {
    let alerts = service.pool_alerts().unwrap();
    let alerts = alerts["alerts"].as_array().unwrap();
    let told = |alert: &Json| {
        format!(
            "{} {}/{}",
            alert["event"].as_str().unwrap(),
            alert["used"].as_str().unwrap(),
            alert["total"].as_str().unwrap()
        )
    };
    alerts.iter().map(told).collect()
}

#[test]
fn a_mark_is_told_once_each_time_it_is_crossed_each_way() {
    let service = ready(10, &json!({}));
    for name in ["a", "b", "c", "d", "e", "f", "g"] {
        draw(&service, &named(name)).unwrap();
    }
    assert_eq!(events(&service), Vec::<String>::new());
    draw(&service, &named("h")).unwrap();
    assert_eq!(events(&service), ["pool-nearly-full 8/10"]);
    // Further in, and drawn again: nothing new.
    draw(&service, &named("i")).unwrap();
    draw(&service, &named("i")).unwrap();
    assert_eq!(events(&service).len(), 1);
    service.pool_release("ports", "a", "").unwrap();
    assert_eq!(events(&service).len(), 1);
    service.pool_release("ports", "b", "").unwrap();
    assert_eq!(events(&service)[1..], ["pool-has-room 7/10"]);
    draw(&service, &named("j")).unwrap();
    assert_eq!(events(&service)[2..], ["pool-nearly-full 8/10"]);
    sound(&service);
}

#[test]
fn what_is_set_by_hand_crosses_the_mark_as_well() {
    let service = ready(5, &json!({}));
    draw(&service, &named("a")).unwrap();
    load(&service, "TestPort", &json!([{"name": "x", "number": 2}, {"name": "y", "number": 3}]));
    assert_eq!(events(&service), Vec::<String>::new());
    load(&service, "TestPort", &json!([{"name": "z", "number": 5}]));
    assert_eq!(events(&service), ["pool-nearly-full 4/5"]);
}

#[test]
fn a_pool_without_a_mark_is_never_told_of() {
    let service = ready(1, &json!({"alert_at": 0}));
    draw(&service, &named("a")).unwrap();
    assert_eq!(events(&service), Vec::<String>::new());
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let service = ready(9, &json!({}));
    for (name, value, wanted) in [
        ("alert_at", json!(101), "`alert_at` is 0 to 100, not 101"),
        ("quarantine", json!(-1), "`quarantine` is 0 to"),
    ] {
        let before = dump(&service);
        let row = json!([{"name": "ports", name: value}]);
        let told = service.object_load(&[rows("CoreNumberPool", &row)]).unwrap_err();
        assert_eq!(told.code(), "pool-setting");
        assert!(told.to_string().contains(wanted), "{told}");
        assert_eq!(dump(&service), before);
    }
}

#[test]
fn what_was_released_by_hand_rests_and_tells_who_and_why() {
    let service = ready(10, &json!({"quarantine": 3600}));
    draw(&service, &named("a")).unwrap();
    service.pool_release("ports", "a", "the customer left").unwrap();
    let one = Drawing { value: Some("1".to_owned()), ..Drawing::default() };
    let told = service.pool_explain("ports", &one).unwrap();
    assert_eq!(told["state"], "resting");
    assert_eq!(told["released"]["why"], "the customer left");
    assert!(told["why"].as_str().unwrap().contains("given back by `a`"), "{told}");
    let refused = draw(&service, &one).unwrap_err();
    assert!(refused.starts_with("value-taken") && refused.contains("rests until"), "{refused}");
    // Another gets the next; whoever had it gets it again.
    assert_eq!(draw(&service, &named("b")), Ok(json!(2)));
    assert_eq!(draw(&service, &named("a")), Ok(json!(1)));
    let refused = service.pool_release("ports", "nobody", "").unwrap_err();
    assert_eq!(refused.code(), "unknown-identifier");
    let long = "x".repeat(2_000);
    assert_eq!(service.pool_release("ports", "a", &long).unwrap_err().code(), "bad-reason");
    sound(&service);
}

#[test]
fn a_value_is_set_aside_for_a_key_and_a_reservation_has_an_end() {
    let service = ready(10, &json!({}));
    let aside = Drawing { set_aside: true, value: Some("7".to_owned()), ..named("router-7") };
    assert_eq!(draw(&service, &aside), Ok(json!(7)));
    assert_eq!(draw(&service, &named("router-7")), Ok(json!(7)));
    for (drawing, code) in [
        (Drawing { set_aside: true, ..Drawing::default() }, "bad-identifier"),
        (Drawing { until: Some("yesterday".to_owned()), ..named("x") }, "bad-expiry"),
        (Drawing { until: Some("2020-01-01T00:00:00Z".to_owned()), ..named("x") }, "bad-expiry"),
        (Drawing { block: Some(0), ..named("x") }, "bad-block"),
        (named(&"x".repeat(600)), "bad-identifier"),
        (named("a\nb"), "bad-identifier"),
        (
            Drawing { scope: [("site".to_owned(), "a".to_owned())].into(), ..named("x") },
            "bad-scope",
        ),
    ] {
        let before = dump(&service);
        let refused = draw(&service, &drawing).unwrap_err();
        assert!(refused.starts_with(code), "{refused}");
        assert_eq!(dump(&service), before);
    }
    let brief = Drawing { until: Some("2027-01-01T00:00:00Z".to_owned()), ..named("brief") };
    assert_eq!(draw(&service, &brief), Ok(json!(1)));
    let held = service.pool("ports").unwrap();
    assert_eq!(held["held"][0]["until"], "2027-01-01T00:00:00.000000Z");
}

#[test]
fn a_forecast_draws_until_the_pool_is_full_and_keeps_nothing() {
    let service = crate::tracking::ready();
    add(&service);
    numbers(&service, 20, &json!({}));
    tell(
        &service,
        "one",
        &json!([
            {"do": "row", "pool": "ports", "identifier": "row", "count": 4, "align": 1},
            {"do": "number", "pool": "ports", "identifier": "one"},
        ]),
    );
    let nothing = service.pool_forecast("ports", Some("probe"), &Drawing::default()).unwrap_err();
    assert_eq!(nothing.code(), "nothing-drawn");
    run(&service, "probe", "one");
    let before = dump(&service);
    let told = service.pool_forecast("ports", Some("probe"), &Drawing::default()).unwrap();
    assert_eq!(told["each"], json!(["number", "number block of 4"]));
    assert_eq!((&told["room"], &told["at_least"]), (&json!(3), &json!(false)));
    assert!(told["stops"].as_str().unwrap().contains("no free number left"), "{told}");
    let plain = service.pool_forecast("ports", None, &Drawing::default()).unwrap();
    assert_eq!(plain["room"], 15);
    assert_eq!(dump(&service), before);
    // What was foreseen comes true.
    let next = service.pool_peek("ports", &Drawing::default()).unwrap();
    assert_eq!(next["next"], json!([6]));
}

#[test]
fn the_picture_has_cells_of_one_size_with_what_is_taken() {
    let service = ready(100, &json!({}));
    for name in ["a", "b", "c"] {
        draw(&service, &named(name)).unwrap();
    }
    let picture = service.pool_picture("ports", 10).unwrap();
    let cells = picture["rows"][0]["cells"].as_array().unwrap();
    assert_eq!(cells.len(), 10);
    assert_eq!((&cells[0]["first"], &cells[0]["last"]), (&json!("1"), &json!("10")));
    assert_eq!((&cells[0]["used"], &cells[1]["used"]), (&json!("3"), &json!("0")));
    load(&service, "IpamPrefix", &json!([{"prefix": "10.0.0.0/8"}, {"prefix": "10.64.0.0/10"}]));
    let pool = json!([{
        "name": "nets", "default_prefix_type": "IpamPrefix", "resources": ["10.0.0.0/8"],
        "ip_namespace": "default",
    }]);
    load(&service, "CoreIPPrefixPool", &pool);
    let picture = service.pool_picture("nets", 4).unwrap();
    let used: Vec<&Json> =
        picture["rows"][0]["cells"].as_array().unwrap().iter().map(|cell| &cell["used"]).collect();
    assert_eq!(used, [&json!("0"), &json!("4194304"), &json!("0"), &json!("0")]);
    assert_eq!(service.pool_picture("nothing", 4).unwrap_err().code(), "unknown-pool");
}

#[test]
fn an_explanation_tells_what_was_passed_over_and_who_has_it() {
    let service = ready(10, &json!({}));
    draw(&service, &named("a")).unwrap();
    load(&service, "TestPort", &json!([{"name": "by-hand", "number": 2}]));
    let told = service.pool_explain("ports", &Drawing::default()).unwrap();
    assert_eq!(told["next"], 3);
    let why: Vec<&str> = told["passed_over"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["why"].as_str().unwrap())
        .collect();
    assert_eq!(why, ["`a` has it", "TestPort by-hand has it, made by hand"]);
    let share = service.pool("ports").unwrap();
    assert_eq!(share["utilization"], json!(20.0));
    assert_eq!(share["utilization_default_branch"], json!(20.0));
    assert_eq!(share["utilization_branches"], json!(0.0));
}

fn prefix_pool(service: &Service, resources: &[&str], more: &Json) -> Result<(), String> {
    let mut row = json!({
        "name": "nets", "default_prefix_type": "IpamPrefix", "resources": resources,
        "ip_namespace": "default",
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        row[name] = value.clone();
    }
    let done = service.object_load(&[rows("CoreIPPrefixPool", &json!([row]))]);
    done.map(|_| ()).map_err(|bad| format!("{}: {bad}", bad.code()))
}

#[test]
fn parents_that_overlap_or_are_too_long_are_refused_and_an_empty_pool_tells_why() {
    let service = ready(10, &json!({}));
    load(
        &service,
        "IpamPrefix",
        &json!([
            {"prefix": "10.0.0.0/16"}, {"prefix": "10.0.4.0/24"}, {"prefix": "10.9.0.0/24"},
            {"prefix": "2001:db8::/64"},
        ]),
    );
    for (resources, more, wanted) in [
        (
            &["10.0.0.0/16", "10.0.4.0/24"][..],
            json!({}),
            "pool-parents: the parents 10.0.0.0/16 and 10.0.4.0/24 overlap",
        ),
        (
            &["10.9.0.0/24"][..],
            json!({"default_prefix_length": 20}),
            "pool-parents: none of the parents can give a /20",
        ),
        (
            &["10.9.0.0/24"][..],
            json!({"default_prefix_type": "TestPort"}),
            "pool-model: `TestPort` is not a `BuiltinIPPrefix`",
        ),
        (
            &["10.9.0.0/24"][..],
            json!({"default_prefix_type": "TestNone"}),
            "unknown-kind: 'TestNone' is not a valid kind",
        ),
    ] {
        let before = dump(&service);
        let mut told = prefix_pool(&service, resources, &more).unwrap_err();
        // Parents come in the order of their ids.
        told = told.replace("10.0.4.0/24 and 10.0.0.0/16", "10.0.0.0/16 and 10.0.4.0/24");
        assert!(told.starts_with(wanted), "{told}");
        assert_eq!(dump(&service), before);
    }
    prefix_pool(&service, &["10.9.0.0/24", "2001:db8::/64"], &json!({})).unwrap();
    let wide = Drawing { length: Some(20), ..Drawing::default() };
    let told = service.pool_allocate("nets", &wide).unwrap_err();
    assert_eq!(told.code(), "pool-exhausted");
    let told = told.to_string();
    assert!(told.contains("10.9.0.0/24 is longer than that"), "{told}");
    assert!(told.contains("2001:db8::/64 is longer than that"), "{told}");
    let half = Drawing { length: Some(25), ..Drawing::default() };
    service.pool_allocate("nets", &half).unwrap();
    service.pool_allocate("nets", &half).unwrap();
    let told = service.pool_allocate("nets", &half).unwrap_err().to_string();
    assert!(told.contains("10.9.0.0/24 is full"), "{told}");
    let odd = Drawing { value: Some("10.8.0.0/24".to_owned()), ..Drawing::default() };
    assert_eq!(service.pool_allocate("nets", &odd).unwrap_err().code(), "outside-pool");
}
