//! What may not be seen is not told on the way either: labels in differences, conflicts, histories and
//! answers of pools hold nothing of kinds that the caller may not look at.

use model::permission::{
    Action, Decision, GlobalAction, GlobalPermission, ObjectPermission, Permissions,
};
use serde_json::{Value as Json, json};
use service::{Caller, DiffRequest, Drawing, Service, SourceFile};

use crate::support::{load, query, service};

/// A box is told by what it holds: by its human-friendly id, or by its display label.
const SCHEMA: &str = r#"
nodes:
  - name: Secret
    namespace: Demo
    human_friendly_id: [name__value]
    attributes:
      - {name: name, kind: Text, unique: true}
      - {name: note, kind: Text, optional: true}
  - name: Box
    namespace: Demo
    human_friendly_id: [secret__name__value, number__value]
    attributes:
      - {name: number, kind: Number}
      - {name: slot, kind: Number, optional: true}
    relationships:
      - {name: secret, peer: DemoSecret, cardinality: one, optional: false, kind: Attribute}
      - {name: lid, peer: DemoLid, cardinality: one, identifier: box__lid}
  - name: Lid
    namespace: Demo
    display_label: "lid {{ size__value }} of {{ secret__name__value }}"
    attributes:
      - {name: size, kind: Number}
      - {name: said, kind: Text, optional: true, read_only: true, computed_attribute: {kind: Jinja2,
         jinja2_template: "{{ secret__name__value }}!"}}
    relationships:
      - {name: secret, peer: DemoSecret, cardinality: one, kind: Attribute}
      - {name: box, peer: DemoBox, cardinality: one, identifier: box__lid}
"#;
/// No text of anything else.
const HIDDEN: &str = "plutonium";
/// The same word, where a value is computed from it: such a value is the object's own.
const OWN: &str = "plutonium!";

fn stocked() -> Service {
    let service = service();
    let file = SourceFile { name: "schema".to_owned(), text: SCHEMA.to_owned() };
    service.schema_load(&[file]).unwrap_or_else(|bad| panic!("{:#?}", bad.details()));
    load(&service, "DemoSecret", &json!([{"name": HIDDEN, "note": "plutonium is heavy"}]));
    load(
        &service,
        "CoreNumberPool",
        &json!([{"name": "slots", "node": "DemoBox", "node_attribute": "slot",
            "start_range": 1, "end_range": 3}]),
    );
    service
}

/// May look at everything but secrets, change boxes and lids, and merge.
fn jo(service: &Service) -> Service {
    let object = |name: &str, action, decision| ObjectPermission {
        namespace: if name == "*" { "*" } else { "Demo" }.to_owned(),
        name: name.to_owned(),
        action,
        decision,
    };
    let global = |action| GlobalPermission { action, decision: Decision::AllowAll };
    let permissions = Permissions {
        objects: vec![
            object("*", None, Decision::AllowAll),
            object("Secret", Some(Action::View), Decision::Deny),
        ],
        globals: [GlobalAction::EditDefaultBranch, GlobalAction::MergeBranch].map(global).to_vec(),
    };
    service.called_by(Caller { account: None, name: "jo".to_owned(), permissions })
}

fn on(service: &Service, branch: &str) -> Service {
    service.on(Some(branch), None).unwrap()
}

fn make(service: &Service, text: &str) -> String {
    let answer = query(service, &format!("mutation {{ m: {text} }}"));
    let id = answer["data"]["m"]["object"]["id"].as_str();
    id.unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// What a caller is told in every way that names objects beside those asked for.
fn told(service: &Service, lid: &str) -> Vec<(&'static str, Json)> {
    let branch = on(service, "b");
    let diff = |against: &str| {
        let request = DiffRequest { against: Some(against.to_owned()), ..DiffRequest::default() };
        service.branch_diff("b", &request).unwrap()
    };
    let value = |value: &str| Drawing { value: Some(value.to_owned()), ..Drawing::default() };
    let tree = "{ DiffTree(branch: \"b\") { nodes { uuid kind label parent { uuid } \
        attributes { name properties { previous_value new_value conflict { base_branch_value diff_branch_value } } } \
        relationships { name elements { peer_label properties { previous_label new_label } } } } } }";
    let held = "{ CoreNumberPool { edges { node { id } } } }";
    let pool = query(service, held)["data"]["CoreNumberPool"]["edges"][0]["node"]["id"].clone();
    let pool = pool.as_str().unwrap();
    let reports = format!(
        "{{ InfrahubResourcePoolAllocated(pool_id: \"{pool}\" resource_id: \"{pool}\") {{ edges {{ node {{ id \
         display_label kind }} }} }} InfrahubResourcePoolUtilization(pool_id: \"{pool}\") {{ edges {{ node {{ \
         display_label }} }} }} }}"
    );
    vec![
        ("diff", diff("fork")),
        ("diff against main", diff("main")),
        ("tree", query(service, tree)),
        ("tree of the branch", query(&branch, tree)),
        ("conflicts", service.branch_conflicts("b").unwrap()),
        ("validate", service.branch_validate("b").unwrap()),
        ("blame of a link", service.blame("DemoLid", lid, "secret", None).unwrap()),
        ("blame of a lid", service.blame("DemoLid", lid, "size", None).unwrap()),
        ("blame of a box", service.blame("DemoLid", lid, "box", None).unwrap()),
        ("pool", service.pool("slots").unwrap()),
        ("explain", service.pool_explain("slots", &value("1")).unwrap()),
        ("explain next", service.pool_explain("slots", &Drawing::default()).unwrap()),
        ("explain on the branch", branch.pool_explain("slots", &value("2")).unwrap()),
        ("reports", query(service, &reports)),
        ("lids", query(service, "{ DemoLid { edges { node { display_label hfid } } } }")),
        (
            "boxes",
            query(
                service,
                "{ DemoBox { edges { node { display_label hfid lid { node { display_label } } } } } }",
            ),
        ),
        ("lid over REST", service.object("DemoLid", lid).unwrap().to_json()),
    ]
}

#[test]
fn what_is_told_of_peers_holds_nothing_that_the_caller_may_not_look_at() {
    let admin = stocked();
    let secret = admin.object("DemoSecret", HIDDEN).unwrap().id;
    let slots = admin.object("CoreNumberPool", "slots").unwrap().id;
    let lid = make(
        &admin,
        &format!(
            "DemoLidCreate(data: {{size: {{value: 1}} secret: {{id: \"{secret}\"}}}}) {{ object {{ id }} }}"
        ),
    );
    let boxed = make(
        &admin,
        &format!(
            "DemoBoxCreate(data: {{number: {{value: 7}} slot: {{from_pool: {{id: \"{slots}\"}}}} \
                  secret: {{id: \"{secret}\"}} lid: {{id: \"{lid}\"}}}}) {{ object {{ id }} }}"
        ),
    );
    admin.branch_create("b", "").unwrap();
    let branch = on(&admin, "b");
    make(
        &branch,
        &format!(
            "DemoBoxCreate(data: {{number: {{value: 8}} slot: {{from_pool: {{id: \"{slots}\"}}}} secret: {{id: \"{secret}\"}}}}) {{ object {{ id }} }}"
        ),
    );
    for (service, number, note) in
        [(&branch, 9, "plutonium on the branch"), (&admin, 10, "plutonium on main")]
    {
        make(
            service,
            &format!(
                "DemoBoxUpdate(data: {{id: \"{boxed}\" number: {{value: {number}}}}}) {{ object {{ id }} }}"
            ),
        );
        make(
            service,
            &format!(
                "DemoLidUpdate(data: {{id: \"{lid}\" size: {{value: {number}}}}}) {{ object {{ id }} }}"
            ),
        );
        make(
            service,
            &format!(
                "DemoSecretUpdate(data: {{id: \"{secret}\" note: {{value: \"{note}\"}}}}) {{ object {{ id }} }}"
            ),
        );
    }
    let jo = jo(&admin);
    let before = admin.last_commit();
    let all: Vec<&str> = told(&admin, &lid)
        .iter()
        .filter(|(_, answer)| answer.to_string().replace(OWN, "").contains(HIDDEN))
        .map(|(what, _)| *what)
        .collect();
    // Whoever may look is told all of it, so that what is left out for others was there.
    assert_eq!(
        all,
        [
            "diff",
            "diff against main",
            "tree",
            "tree of the branch",
            "conflicts",
            "validate",
            "blame of a link",
            "blame of a lid",
            "blame of a box",
            "pool",
            "explain",
            "explain next",
            "explain on the branch",
            "lids",
            "boxes",
            "lid over REST",
        ]
    );
    for (what, answer) in told(&jo, &lid) {
        let text = answer.to_string().replace(OWN, "");
        assert!(!text.contains(HIDDEN), "{what}: {answer}");
        assert!(answer.get("errors").is_none(), "{what}: {answer}");
    }
    // What is not hidden is told as before.
    let diff = jo.branch_diff("b", &DiffRequest::default()).unwrap();
    let labels: Vec<&str> = diff["objects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["label"].as_str().unwrap())
        .collect();
    assert_eq!(labels, ["/8", "/9", "lid 9 of "], "{diff}");
    let conflicts = jo.branch_conflicts("b").unwrap();
    let of = |kind: &str| {
        let all = conflicts["conflicts"].as_array().unwrap();
        all.iter().find(|one| one["kind"] == kind).unwrap_or_else(|| panic!("{conflicts}")).clone()
    };
    assert_eq!(of("DemoLid")["main"]["value"], 10);
    // One of a hidden kind stands in the way, and is told as such.
    let hidden = of("DemoSecret");
    assert_eq!((&hidden["main"]["value"], &hidden["base"]), (&Json::Null, &Json::Null), "{hidden}");
    assert_eq!(hidden["label"], secret.to_string());
    assert_eq!(admin.last_commit(), before);
}

#[test]
fn who_does_not_see_all_of_a_conflict_decides_it_for_good_all_the_same() {
    let admin = stocked();
    let secret = admin.object("DemoSecret", HIDDEN).unwrap().id;
    admin.branch_create("b", "").unwrap();
    for (service, note) in [(&on(&admin, "b"), "there"), (&admin, "here")] {
        make(
            service,
            &format!(
                "DemoSecretUpdate(data: {{id: \"{secret}\" note: {{value: \"{note}\"}}}}) {{ object {{ id }} }}"
            ),
        );
    }
    let jo = jo(&admin);
    let refused = jo.branch_merge("b").unwrap_err();
    let told = format!("{refused} {:?}", refused.details());
    assert!(refused.code() == "branch-conflicts" && !told.contains("here"), "{told}");
    let conflict = jo.branch_conflicts("b").unwrap()["conflicts"][0].clone();
    let decided = jo.branch_resolve(conflict["id"].as_str().unwrap(), Some("branch")).unwrap();
    assert_eq!((&decided["keep"], &decided["branch"]["value"]), (&json!("branch"), &Json::Null));
    assert_eq!(jo.branch_conflicts("b").unwrap()["open"], 0);
    let merged = jo.branch_merge("b").unwrap();
    assert!(!merged.to_string().contains("there"), "{merged}");
    assert_eq!(admin.object("DemoSecret", HIDDEN).unwrap().attributes["note"], "there");
}

#[test]
fn a_value_that_is_computed_does_not_depend_on_who_changes_its_object() {
    let admin = stocked();
    let secret = admin.object("DemoSecret", HIDDEN).unwrap().id;
    let jo = jo(&admin);
    let lid = make(
        &jo,
        &format!(
            "DemoLidCreate(data: {{size: {{value: 1}} secret: {{id: \"{secret}\"}}}}) {{ object {{ id }} }}"
        ),
    );
    assert_eq!(admin.object("DemoLid", &lid).unwrap().attributes["said"], OWN);
    // Nor does it what finds an object again.
    let make_box = || {
        make(
            &jo,
            &format!(
                "DemoBoxUpsert(data: {{number: {{value: 7}} secret: {{id: \"{secret}\"}}}}) {{ object {{ id }} }}"
            ),
        )
    };
    assert_eq!(make_box(), make_box());
    assert_eq!(admin.object("DemoBox", "plutonium/7").unwrap().attributes["number"], 7);
    // And what the change itself tells is told without it.
    let answer = query(
        &jo,
        &format!(
            "mutation {{ DemoLidUpdate(data: {{id: \"{lid}\" size: {{value: 2}}}}) {{ object {{ display_label }} }} }}"
        ),
    );
    assert_eq!(answer["data"]["DemoLidUpdate"]["object"]["display_label"], "lid 2 of ", "{answer}");
}
