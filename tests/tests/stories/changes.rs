//! Proposed changes: exactly the instances a branch concerns run on it, checks stand in the way of a
//! merge, and what a merge concerns runs on main.

use serde_json::{Map, Value as Json, json};
use service::{ChangeInput, CheckInput, CheckKind, Service, ServiceError};

use crate::checks::inspect;
use crate::support::{changes, dump, labels, load, query, run, sound};
use crate::tracking::{create, ready, tell, value};

pub(crate) fn on(service: &Service, name: &str) -> Service {
    service.on(Some(name), None).unwrap_or_else(|bad| panic!("{bad}"))
}

fn set(service: &Service, kind: &str, name: &str, values: &Json) {
    let values: Map<String, Json> = values.as_object().unwrap().clone();
    service.object_update(kind, name, &values).unwrap_or_else(|bad| panic!("{bad}"));
}

pub(crate) fn open(service: &Service, source: &str) -> Json {
    let (name, source_branch) = (format!("change of {source}"), source.to_owned());
    let change = ChangeInput { name, source_branch, ..ChangeInput::default() };
    service.change_open(&change).unwrap_or_else(|bad| panic!("{bad}"))
}

/// Validators as `label conclusion message`, stale ones marked.
fn validators(change: &Json) -> Vec<String> {
    let text = |one: &Json, name: &str| one[name].as_str().unwrap_or_default().to_owned();
    let mut all: Vec<String> = change["validators"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let stale = if one["stale"] == json!(true) { " STALE" } else { "" };
            format!("{}: {}{stale}", text(one, "label"), text(one, "conclusion"))
        })
        .collect();
    all.sort();
    all
}

/// What ran, as `target: reason`.
pub(crate) fn ran(change: &Json) -> Vec<String> {
    let text = |one: &Json, name: &str| one[name].as_str().unwrap_or_default().to_owned();
    let mut all = Vec::new();
    for validator in change["validators"].as_array().unwrap() {
        for check in validator["checks"].as_array().unwrap() {
            if check["kind"] == json!("GeneratorDefinition") || check.get("reason").is_some() {
                all.push(format!("{}: {}", text(check, "name"), text(check, "reason")));
            }
        }
    }
    all.sort();
    all
}

fn code<T: std::fmt::Debug>(result: Result<T, ServiceError>) -> &'static str {
    result.map_err(|bad| bad.code()).unwrap_err()
}

/// Two targets that have run on main, each making a thing of its own.
fn two() -> Service {
    let main = ready();
    for (target, thing) in [("one", "a"), ("two", "b")] {
        tell(&main, target, &json!([create(thing, &json!({"color": "pink"}))]));
        run(&main, "probe", target);
    }
    main
}

#[test]
fn exactly_the_instances_that_a_branch_concerns_run_on_it() {
    let main = two();
    main.branch_create("b", "").unwrap();
    let b = on(&main, "b");
    load(&b, "TestThing", &json!([{"name": "aside"}]));
    set(&b, "TestTarget", "two", &json!({"note": "nobody reads this"}));
    let runs = b.runs(10).unwrap().len();
    let change = open(&main, "b");
    // Nothing that a generator reads was changed; `two` was, and its query's answer is the same.
    assert!(ran(&change).is_empty(), "{change:#}");
    assert_eq!(b.runs(10).unwrap().len(), runs);
    assert_eq!(
        validators(&change),
        [
            "Data Integrity: success",
            "Generator Validator: probe: success",
            "Schema Integrity: success"
        ]
    );
    assert_eq!((&change["mergeable"], &change["blockers"]), (&json!(true), &json!([])));

    tell(&b, "one", &json!([create("a", &json!({"color": "blue"}))]));
    let stale = main.change_show("change of b").unwrap();
    assert_eq!(
        validators(&stale),
        [
            "Data Integrity: success STALE",
            "Generator Validator: probe: success STALE",
            "Schema Integrity: success STALE",
        ]
    );
    assert_eq!(stale["mergeable"], false);
    assert_eq!(main.follow_changes().unwrap(), 1);
    let change = main.change_show("change of b").unwrap();
    let told = ran(&change);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("one: commit ") && told[0].contains("TestTarget one"), "{told:?}");
    assert_eq!(value(&b, "a", "color"), "blue");
    assert_eq!(value(&main, "a", "color"), "pink");
    assert_eq!(change["mergeable"], true, "{change:#}");
    // Nothing is stale: nothing is checked again, and nothing runs.
    assert_eq!(main.follow_changes().unwrap(), 0);
    let runs = b.runs(10).unwrap().len();
    let again = main.change_check("change of b", &CheckKind::ALL).unwrap();
    assert_eq!((b.runs(10).unwrap().len(), ran(&again)), (runs, told));
    sound(&main);
}

#[test]
fn what_a_generator_made_and_somebody_changed_is_made_again() {
    let main = two();
    main.branch_create("b", "").unwrap();
    let b = on(&main, "b");
    set(&b, "TestThing", "a", &json!({"color": "by hand"}));
    let change = open(&main, "b");
    let told = ran(&change);
    assert!(told.len() == 1 && told[0].contains("changed TestThing a, which it holds"), "{told:?}");
    assert_eq!(value(&b, "a", "color"), "pink");
    sound(&main);
}

#[test]
fn members_without_an_instance_run_and_a_failed_run_stands_in_the_way() {
    let main = two();
    main.branch_create("b", "").unwrap();
    let b = on(&main, "b");
    load(&b, "TestTarget", &json!([{"name": "three", "member_of_groups": ["targets"]}]));
    tell(&b, "three", &json!([{"do": "panic", "message": "no such luck"}]));
    let change = open(&main, "b");
    assert_eq!(ran(&change), ["three: it has never run"]);
    assert_eq!(change["mergeable"], false);
    let blockers = change["blockers"].to_string();
    assert!(blockers.contains("Generator Validator: probe: 1 failed"), "{blockers}");
    let check = change["validators"].to_string();
    assert!(check.contains("Failed to execute generator: guest_panic"), "{check}");
    assert!(check.contains("no such luck"), "{check}");
    let before = main.last_commit();
    let bad = main.change_merge("change of b").unwrap_err();
    assert_eq!(bad.code(), "checks-failed");
    assert!(bad.details()[0].starts_with("Generator Validator: probe"), "{:?}", bad.details());
    assert_eq!(main.branch("b").unwrap()["status"], "OPEN");
    assert_eq!(labels(&main, "TestTarget"), ["one", "two"]);
    assert!(main.last_commit() > before, "the checks were recorded again");

    tell(&b, "three", &json!([create("c", &json!({}))]));
    let merged = main.change_merge("change of b").unwrap();
    assert_eq!(merged["state"], "merged");
    assert_eq!(labels(&main, "TestThing"), ["a", "b", "c"]);
    // On main the instance of the new member runs, and finds what came with the merge.
    let after = merged["after"].as_array().unwrap();
    assert_eq!(after.len(), 1, "{after:?}");
    assert_eq!(
        (&after[0]["target"], &after[0]["reason"]),
        (&json!("three"), &json!("it has never run"))
    );
    assert_eq!(after[0]["outcome"], json!("Unchanged"));
    for target in ["one", "two", "three"] {
        assert!(changes(&run(&main, "probe", target)).is_empty(), "{target}");
    }
    sound(&main);
}

#[test]
fn after_a_merge_only_what_it_concerns_runs_on_main() {
    let main = two();
    main.branch_create("b", "").unwrap();
    let b = on(&main, "b");
    tell(&b, "one", &json!([create("a", &json!({"color": "blue"}))]));
    open(&main, "b");
    let main_runs = main.runs(10).unwrap().len();
    let merged = main.change_merge("change of b").unwrap();
    let after = merged["after"].as_array().unwrap();
    assert_eq!(after.len(), 1, "{after:?}");
    assert_eq!((&after[0]["target"], &after[0]["outcome"]), (&json!("one"), &json!("Unchanged")));
    assert_eq!(value(&main, "a", "color"), "blue");
    assert!(main.runs(10).unwrap().len() <= main_runs + 1);
    assert_eq!(code(main.change_merge("change of b")), "change-not-open");
    assert_eq!(code(main.change_state("change of b", "closed")), "change-merged");
    assert_eq!(code(main.change_check("change of b", &CheckKind::ALL)), "change-not-open");
    sound(&main);
}

#[test]
fn definitions_that_ask_for_neither_do_not_run() {
    let main = two();
    let off = json!({"execute_in_proposed_change": false, "execute_after_merge": false});
    set(&main, "CoreGeneratorDefinition", "probe", &off);
    main.branch_create("b", "").unwrap();
    let b = on(&main, "b");
    tell(&b, "one", &json!([create("a", &json!({"color": "blue"}))]));
    let change = open(&main, "b");
    assert_eq!(validators(&change), ["Data Integrity: success", "Schema Integrity: success"]);
    let merged = main.change_merge("change of b").unwrap();
    assert_eq!(merged["after"], json!([]));
    assert_eq!(value(&main, "a", "color"), "pink");
}

#[test]
fn a_conflict_stands_in_the_way_until_it_is_decided() {
    let main = ready();
    load(&main, "TestThing", &json!([{"name": "a", "color": "pink"}]));
    main.branch_create("b", "").unwrap();
    let b = on(&main, "b");
    set(&b, "TestThing", "a", &json!({"color": "blue"}));
    set(&main, "TestThing", "a", &json!({"color": "black"}));
    let change = open(&main, "b");
    assert_eq!(validators(&change)[0], "Data Integrity: failure");
    assert_eq!(code(main.change_merge("change of b")), "checks-failed");
    assert_eq!(value(&main, "a", "color"), "black");
    let conflict = &main.branch_conflicts("b").unwrap()["conflicts"][0];
    main.branch_resolve(conflict["id"].as_str().unwrap(), Some("branch")).unwrap();
    let merged = main.change_merge("change of b").unwrap();
    assert_eq!(merged["state"], "merged");
    assert_eq!(value(&main, "a", "color"), "blue");
    sound(&main);
}

#[test]
fn checks_of_users_stand_in_the_way_where_they_are_required() {
    let main = ready();
    load(&main, "TestThing", &json!([{"name": "a", "color": "pink"}]));
    inspect(&main, "strict", CheckInput::default());
    inspect(&main, "friendly", CheckInput { advisory: true, ..CheckInput::default() });
    main.branch_create("b", "").unwrap();
    let b = on(&main, "b");
    set(&b, "TestThing", "a", &json!({"color": "red"}));
    let change = open(&main, "b");
    let told = validators(&change);
    assert!(told.contains(&"User Validator: strict: failure".to_owned()), "{told:?}");
    assert!(told.contains(&"User Validator: friendly: failure".to_owned()), "{told:?}");
    assert_eq!(change["blockers"], json!(["User Validator: strict: a is red"]));
    assert_eq!(code(main.change_merge("change of b")), "checks-failed");
    // One that traps or loops has failed, and nothing else has.
    set(&b, "TestThing", "a", &json!({"color": "black"}));
    main.follow_changes().unwrap();
    let change = main.change_show("change of b").unwrap();
    assert!(
        change["blockers"][0].as_str().unwrap().contains("guest_panic"),
        "{}",
        change["blockers"]
    );
    set(&b, "TestThing", "a", &json!({"color": "yellow"}));
    assert_eq!(main.change_merge("change of b").unwrap()["state"], "merged");
    assert_eq!(value(&main, "a", "color"), "yellow");
}

#[test]
fn what_cannot_be_proposed_is_refused_and_nothing_changes() {
    let main = ready();
    main.branch_create("b", "").unwrap();
    open(&main, "b");
    let before = dump(&main);
    let propose = |source: &str| {
        let (name, source_branch) = ("x".to_owned(), source.to_owned());
        main.change_open(&ChangeInput { name, source_branch, ..ChangeInput::default() })
    };
    assert_eq!(code(propose("none")), "BRANCH_NOT_FOUND");
    assert_eq!(code(propose("main")), "bad-change");
    assert_eq!(code(propose("b")), "change-exists");
    assert_eq!(code(main.change_show("none")), "not-found");
    assert_eq!(code(main.change_review("change of b", "APPROVE")), "no-account");
    assert_eq!(code(main.change_review("change of b", "maybe")), "bad-review");
    let row = crate::support::rows(
        "CoreProposedChange",
        &json!([{"name": "y", "source_branch": "b", "destination_branch": "c"}]),
    );
    assert_eq!(code(main.object_load(&[row])), "bad-change");
    assert_eq!(dump(&main), before);
    assert_eq!(main.change_state("change of b", "canceled").unwrap()["state"], "canceled");
    assert_eq!(code(main.change_merge("change of b")), "change-not-open");
    assert_eq!(main.change_state("change of b", "open").unwrap()["state"], "open");
    main.branch_merge("b").unwrap();
    assert_eq!(code(propose("b")), "BRANCH_ALREADY_MERGED");
    assert_eq!(main.change_show("change of b").unwrap()["state"], "merged");
    assert_eq!(code(main.change_merge("change of b")), "change-not-open");
}

#[test]
fn a_change_ends_with_its_branch_and_follows_it_to_another_name() {
    let main = ready();
    for name in ["gone", "merged", "named"] {
        main.branch_create(name, "").unwrap();
        load(&on(&main, name), "TestThing", &json!([{"name": name}]));
        open(&main, name);
    }
    main.branch_create("closed", "").unwrap();
    open(&main, "closed");
    main.change_state("change of closed", "closed").unwrap();
    let state = |of: &str| main.change_show(&format!("change of {of}")).unwrap()["state"].clone();
    let id = main.change_show("change of gone").unwrap()["id"].clone();
    // It is told of like any other change of an object.
    let events = || {
        let asked = format!("{{ InfrahubEvent(primary_node__ids: [{id}]) {{ count }} }}");
        query(&main, &asked)["data"]["InfrahubEvent"]["count"].as_u64().unwrap()
    };
    let before = events();
    main.branch_delete("gone").unwrap();
    main.branch_delete("closed").unwrap();
    assert_eq!(events(), before + 1);
    assert_eq!((state("gone"), state("closed")), (json!("canceled"), json!("canceled")));
    assert_eq!(code(main.change_merge("change of gone")), "change-not-open");
    assert_eq!(code(main.change_state("change of gone", "open")), "BRANCH_NOT_FOUND");
    main.branch_merge("merged").unwrap();
    assert_eq!(state("merged"), "merged");
    main.branch_update("named", Some("renamed"), None).unwrap();
    assert_eq!(main.change_show("change of named").unwrap()["source_branch"], "renamed");
    assert_eq!(main.change_merge("change of named").unwrap()["state"], "merged");
    sound(&main);
}

/// States of the validators of a change, each once.
fn states(change: &Json) -> Vec<&str> {
    let validators = change["validators"].as_array().unwrap();
    let mut all: Vec<&str> = validators.iter().map(|one| one["state"].as_str().unwrap()).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn wait(main: &Service, change: &str) -> Json {
    main.change_wait(change).unwrap();
    main.change_show(change).unwrap()
}

#[test]
fn a_thread_runs_the_checks_while_who_opened_goes_on() {
    let main = ready();
    // One that loops takes its whole share of the processor.
    load(&main, "TestThing", &json!([{"name": "slow", "color": "grey"}]));
    inspect(&main, "loops", CheckInput { advisory: true, ..CheckInput::default() });
    let keeper = main.keep_changes_checked().unwrap();
    for name in ["first", "second"] {
        main.branch_create(name, "").unwrap();
        load(&on(&main, name), "TestThing", &json!([{"name": name}]));
        let opened = open(&main, name);
        assert_eq!(opened["checks_pending"], true, "{opened:#}");
        assert_eq!(opened["mergeable"], false);
        assert_ne!(states(&opened), ["completed"]);
        assert_eq!(opened["validators"].as_array().unwrap().len(), 4, "{opened:#}");
    }
    let second = main.change_show("change of second").unwrap();
    assert_eq!(states(&second), ["queued"]);
    assert!(second["blockers"].to_string().contains("it waits for its turn"), "{second:#}");
    assert_eq!(code(main.change_merge("change of second")), "checks-pending");
    assert_eq!(main.branch("second").unwrap()["status"], "OPEN");
    // The host goes down: one pass is ended, the other is not begun.
    drop(keeper);
    let first = main.change_show("change of first").unwrap();
    assert_eq!((states(&first), &first["mergeable"]), (vec!["completed"], &json!(true)));
    assert_eq!(states(&main.change_show("change of second").unwrap()), ["queued"]);
    let _keeper = main.keep_changes_checked().unwrap();
    let second = wait(&main, "change of second");
    assert_eq!((states(&second), &second["mergeable"]), (vec!["completed"], &json!(true)));
    // A change of the branch has them run again by itself, and nobody merges in between.
    load(&on(&main, "second"), "TestThing", &json!([{"name": "more"}]));
    assert_eq!(code(main.change_merge("change of second")), "checks-pending");
    let again = main.change_check("change of first", &[CheckKind::Data]).unwrap();
    assert!(validators(&again).contains(&"User Validator: loops: failure".to_owned()));
    wait(&main, "change of first");
    wait(&main, "change of second");
    assert_eq!(main.change_merge("change of second").unwrap()["state"], "merged");
    assert_eq!(main.change_merge("change of first").unwrap()["state"], "merged");
    sound(&main);
}

#[test]
fn validators_of_what_is_no_more_go() {
    let main = ready();
    inspect(&main, "strict", CheckInput::default());
    main.branch_create("b", "").unwrap();
    let b = on(&main, "b");
    load(&b, "TestThing", &json!([{"name": "a", "color": "red"}]));
    let change = open(&main, "b");
    assert_eq!(change["mergeable"], false);
    b.object_delete("CoreCheckDefinition", "strict").unwrap();
    assert_eq!(main.follow_changes().unwrap(), 1);
    let change = main.change_show("change of b").unwrap();
    assert!(!validators(&change).iter().any(|one| one.starts_with("User")), "{change:#}");
    assert_eq!(change["mergeable"], true);
}

#[test]
fn a_draft_is_not_merged_and_comments_are_kept() {
    let main = ready();
    main.branch_create("b", "").unwrap();
    load(&on(&main, "b"), "TestThing", &json!([{"name": "a"}]));
    let change = ChangeInput {
        name: "draft".to_owned(),
        description: Some("words".to_owned()),
        source_branch: "b".to_owned(),
        is_draft: true,
        ..ChangeInput::default()
    };
    let draft = main.change_open(&change).unwrap();
    assert_eq!((&draft["is_draft"], &draft["mergeable"]), (&json!(true), &json!(false)));
    assert_eq!(code(main.change_merge("draft")), "change-is-draft");
    main.change_comment("draft", "looks odd", None).unwrap();
    let told = main.change_comment("draft", "this too", Some("data/1/color")).unwrap();
    assert_eq!(told["comments"][0]["text"], "looks odd");
    assert_eq!(told["threads"][0]["object_path"], "data/1/color");
    assert_eq!(told["threads"][0]["comments"][0]["text"], "this too");
    set(&main, "CoreProposedChange", draft["id"].as_str().unwrap(), &json!({"is_draft": false}));
    assert_eq!(main.change_merge("draft").unwrap()["state"], "merged");
    assert_eq!(main.changes(Some("merged")).unwrap()["changes"].as_array().unwrap().len(), 1);
    assert_eq!(main.changes(Some("open")).unwrap()["changes"], json!([]));
    sound(&main);
}

#[test]
fn generators_that_feed_each_other_run_until_nothing_is_left() {
    let main = two();
    // `two` lists all things of a colour by a query of its own, and so reads what `one` makes.
    let ask = json!([
        {"do": "ask", "document": "query { TestThing(name__value: \"a\") { edges { node { color { value } } } } }"},
        create("b", &json!({"color": "pink"})),
    ]);
    tell(&main, "two", &ask);
    run(&main, "probe", "two");
    main.branch_create("b", "").unwrap();
    let b = on(&main, "b");
    tell(&b, "one", &json!([create("a", &json!({"color": "blue"}))]));
    let change = open(&main, "b");
    let told = ran(&change);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[1].starts_with("two: commit ") && told[1].contains("TestThing"), "{told:?}");
    assert_eq!(change["mergeable"], true);
    let again = main.change_check("change of b", &[CheckKind::Generator]).unwrap();
    assert_eq!(ran(&again), told);
}

#[test]
fn the_public_mutations() {
    let main = two();
    let ask = |text: &str| {
        let answer = query(&main, text);
        assert!(answer.get("errors").is_none(), "{answer:#}");
        answer["data"].clone()
    };
    ask("mutation { BranchCreate(data: {name: \"b\"}) { ok } }");
    let b = on(&main, "b");
    tell(&b, "one", &json!([create("a", &json!({"color": "blue"}))]));
    let made = ask(
        "mutation { CoreProposedChangeCreate(data: {name: {value: \"p\"}, source_branch: {value: \"b\"}, \
         destination_branch: {value: \"main\"}}) { ok object { id state { value } } } }",
    );
    let id = made["CoreProposedChangeCreate"]["object"]["id"].as_str().unwrap().to_owned();
    assert_eq!(made["CoreProposedChangeCreate"]["object"]["state"]["value"], "open");
    assert_eq!(value(&b, "a", "color"), "blue");
    let validations = format!(
        "{{ CoreProposedChange(ids: [\"{id}\"]) {{ edges {{ node {{ validations {{ count edges {{ node {{ \
         label {{ value }} conclusion {{ value }} checks {{ count }} }} }} }} }} }} }} }}"
    );
    let told = ask(&validations);
    let node = &told["CoreProposedChange"]["edges"][0]["node"];
    assert_eq!(node["validations"]["count"], 3, "{told:#}");
    let done = ask(&format!(
        "mutation {{ CoreProposedChangeRunCheck(data: {{id: \"{id}\", check_type: DATA}}) {{ ok }} }}"
    ));
    assert_eq!(done["CoreProposedChangeRunCheck"]["ok"], true);
    let actions = ask(&format!(
        "{{ CoreProposedChangeAvailableActions(proposed_change_id: \"{id}\") {{ count edges {{ node {{ \
         action available unavailability_reason }} }} }} }}"
    ));
    let edges = actions["CoreProposedChangeAvailableActions"]["edges"].as_array().unwrap();
    let merge = edges.iter().find(|edge| edge["node"]["action"] == "merge").unwrap();
    assert_eq!(merge["node"]["available"], true);
    let review = query(
        &main,
        &format!(
            "mutation {{ CoreProposedChangeReview(data: {{id: \"{id}\", decision: APPROVE}}) {{ ok }} }}"
        ),
    );
    assert_eq!(review["errors"][0]["extensions"]["code"], "no-account", "{review}");
    // Merging by an update of the state is the same as the mutation for it.
    ask(&format!(
        "mutation {{ CoreProposedChangeUpdate(data: {{id: \"{id}\", state: {{value: \"merged\"}}}}) {{ ok \
         object {{ state {{ value }} }} }} }}"
    ));
    assert_eq!(value(&main, "a", "color"), "blue");
    assert_eq!(main.branch("b").unwrap()["status"], "MERGED");
    let again = query(
        &main,
        &format!("mutation {{ CoreProposedChangeMerge(data: {{id: \"{id}\"}}) {{ ok }} }}"),
    );
    assert_eq!(again["errors"][0]["extensions"]["code"], "change-not-open", "{again}");
    sound(&main);
}

#[test]
fn reviews_are_somebodys_and_a_rejection_stands_in_the_way() {
    let service = crate::support::service();
    let password = "a password for tests";
    let admin =
        service::FirstAdmin { password: password.to_owned(), token: "0123456789abcdef".to_owned() };
    assert!(service.first_admin(&admin).unwrap());
    load(&service, "CoreAccount", &json!([{"name": "second", "password": password}]));
    let group = json!([{"name": service::SUPER_ADMINISTRATORS, "members": ["admin", "second"]}]);
    load(&service, "CoreAccountGroup", &group);
    let by = |name: &str, salt: u8| {
        let signed = service.login(name, password, [salt; 32]).unwrap();
        let caller = service.authenticate(service::Credential::Bearer(&signed.access)).unwrap();
        service.called_by(caller)
    };
    let (first, second) = (by("admin", 1), by("second", 2));
    first.branch_create("b", "").unwrap();
    load(&on(&first, "b"), "BuiltinTag", &json!([{"name": "t"}]));
    let change = ChangeInput {
        name: "c".to_owned(),
        source_branch: "b".to_owned(),
        reviewers: vec!["second".to_owned()],
        ..ChangeInput::default()
    };
    let opened = first.change_open(&change).unwrap();
    assert_eq!(
        (&opened["reviewers"], &opened["created_by"]),
        (&json!(["second"]), &json!("admin"))
    );
    assert_eq!(code(first.change_review("c", "APPROVE")), "own-change");
    let rejected = second.change_review("c", "REJECT").unwrap();
    assert_eq!(rejected["rejected_by"], json!(["second"]));
    assert_eq!(code(first.change_merge("c")), "checks-failed");
    // Approving takes the rejection back.
    let approved = second.change_review("c", "approve").unwrap();
    assert_eq!(
        (&approved["approved_by"], &approved["rejected_by"]),
        (&json!(["second"]), &json!([]))
    );
    let nobody = service.called_by(service.authenticate(service::Credential::Nothing).unwrap());
    assert_eq!(code(nobody.change_merge("c")), "AUTHENTICATION_REQUIRED");
    assert_eq!(code(nobody.change_comment("c", "hello", None)), "AUTHENTICATION_REQUIRED");
    assert_eq!(code(nobody.change_check("c", &CheckKind::ALL)), "AUTHENTICATION_REQUIRED");
    assert_eq!(first.change_merge("c").unwrap()["state"], "merged");
    assert_eq!(code(second.change_review("c", "REJECT")), "change-not-open");
}

#[test]
fn after_a_merge_blame_leads_to_the_run_on_the_branch() {
    let main = two();
    main.branch_create("b", "").unwrap();
    let b = on(&main, "b");
    tell(&b, "one", &json!([create("a", &json!({"color": "blue"}))]));
    open(&main, "b");
    main.change_merge("change of b").unwrap();
    let blame = main.blame("TestThing", "a", "color", None).unwrap();
    let newest = &blame["values"][0];
    assert_eq!((&newest["value"], &newest["how"]), (&json!("blue"), &json!("a branch was merged")));
    assert_eq!(newest["merged_from"]["branch"], "b");
    assert_eq!(newest["merged_from"]["run"]["definition"], "probe");
}

#[test]
fn of_a_hundred_instances_the_one_that_reads_what_changed_runs() {
    const TARGETS: usize = 100;
    let main = ready();
    let name = |number: usize| format!("t{number:03}");
    let row = |number: usize| {
        let steps = json!([
            {"do": "ask", "document": format!("query {{ TestThing(name__value: \"read-{number}\") {{ edges {{ \
              node {{ color {{ value }} }} }} }} }}")},
            create(&format!("made-{number}"), &json!({})),
        ]);
        json!({"name": name(number), "steps": steps, "member_of_groups": ["targets"]})
    };
    let rows: Vec<Json> = (0..TARGETS).map(row).collect();
    load(&main, "TestTarget", &json!(rows));
    let things: Vec<Json> = (0..TARGETS)
        .map(|number| json!({"name": format!("read-{number}"), "color": "pink"}))
        .collect();
    load(&main, "TestThing", &json!(things));
    let all = main.run_all("probe", engine::Mode::Apply, "test").unwrap();
    assert!(all.runs.iter().all(Result::is_ok));
    main.branch_create("b", "").unwrap();
    let b = on(&main, "b");
    set(&b, "TestThing", "read-42", &json!({"color": "blue"}));
    let change = open(&main, "b");
    let told = ran(&change);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("t042: commit ")
            && told[0].ends_with("TestThing read-42, which it reads"),
        "{told:?}"
    );
    assert_eq!(b.runs(1_000).unwrap().len(), 1);
    assert_eq!(main.change_merge("change of b").unwrap()["after"].as_array().unwrap().len(), 1);
}
