//! What the dialect has beside objects and their fields: reports on queries, tasks tried again, tokens of
//! one's own, profiles of stock kinds, hierarchies, and labels for those who may not see everything.

use serde_json::{Value as Json, json};
use service::{Credential, Enclosed, Service, SourceFile};

use crate::asking::guarded;
use crate::mutations::{done, id, refused, stocked, with};
use crate::support::{labels, load, query, run, sound};
use crate::tracking::{create, ready, tell};

fn names_of(edges: &Json) -> Vec<String> {
    let name = |edge: &Json| edge["node"]["display_label"].as_str().unwrap().to_owned();
    let mut names: Vec<String> = edges.as_array().unwrap().iter().map(name).collect();
    names.sort();
    names
}

#[test]
fn a_query_is_reported_as_being_about_one_object_or_many() {
    let service = stocked();
    let report = |text: &str| {
        let ask = "query($q: String!) { InfrahubGraphQLQueryReport(query: $q) { targets_unique_nodes __typename } }";
        with(&service, ask, json!({"q": text}))
    };
    for (text, unique) in [
        ("query($n: String!) { DemoServer(name__value: $n) { count } }", true),
        ("query($n: String) { DemoServer(name__value: $n) { count } }", false),
        ("query($n: String = \"a\") { DemoServer(name__value: $n) { count } }", false),
        ("{ DemoServer(name__value: \"a\") { count } }", true),
        ("{ DemoServer(name__value: \"a\", partial_match: true) { count } }", false),
        ("{ DemoServer(name__value: \"a\", partial_match: false) { count } }", true),
        ("{ DemoServer(cores__value: 4) { count } }", false),
        ("{ DemoServer { count } }", false),
        ("query($i: ID!) { DemoServer(ids: [$i]) { count } }", true),
        ("query($i: [ID!]!) { DemoServer(ids: $i) { count } }", true),
        ("query($i: [ID!]) { DemoServer(ids: $i) { count } }", false),
        ("{ DemoServer(ids: [\"a\", \"b\"]) { count } }", false),
        ("{ DemoServer(hfid: [\"a\"]) { count } }", true),
        ("query($s: String!, $n: String!) { DemoNic(hfid: [$s, $n]) { count } }", true),
        // A generic has its own; one field that is about many makes the whole so.
        ("{ DemoDevice(name__value: \"a\") { count } }", true),
        ("{ a: DemoServer(name__value: \"a\") { count } b: DemoSite { count } }", false),
        ("query { ...F } fragment F on Query { DemoServer(ids: \"a\") { count } }", true),
        // Something unique through a relationship.
        ("{ IpamPrefix(prefix__value: \"10.0.0.0/29\") { count } }", false),
        (
            "query($n: ID!) { IpamPrefix(prefix__value: \"10.0.0.0/29\", ip_namespace__ids: [$n]) { count } }",
            true,
        ),
        (
            "query($n: [ID!]!) { IpamPrefix(prefix__value: \"10.0.0.0/29\", ip_namespace__ids: $n) { count } }",
            false,
        ),
        // What is about no kind does not count.
        ("{ InfrahubInfo { version } DemoServer(name__value: \"a\") { count } }", true),
        ("{ InfrahubInfo { version } }", false),
    ] {
        let told = report(text);
        let told = &told["data"]["InfrahubGraphQLQueryReport"];
        assert_eq!(told["targets_unique_nodes"], json!(unique), "{text}");
        assert_eq!(told["__typename"], "GraphQLQueryReport");
    }
    for (text, part) in [("", ""), ("{", ""), ("{ DemoNothing { count } }", "DemoNothing")] {
        let told = report(text);
        let error = &told["errors"][0];
        assert_eq!(error["extensions"]["code"], "BAD_REQUEST", "{text}: {told}");
        assert!(error["message"].as_str().unwrap().contains(part), "{told}");
    }
}

#[test]
fn a_task_that_failed_is_tried_again_and_one_that_ended_is_not_cancelled() {
    let service = ready();
    tell(&service, "one", &json!([create("a", &json!({})), {"do": "fail", "message": "no"}]));
    run(&service, "probe", "one");
    let tasks = || {
        let text = "{ InfrahubTask { count edges { node { id __typename state title \
                    available_actions { action available unavailability_reason } \
                    error { status_class message remediation } \
                    ... on TaskNode { workflow } ... on WebhookDeliveryTask { http_request { url headers } \
                    http_response { status_code body latency_ms } } \
                    logs { count edges { node { message severity timestamp } } } } } } }";
        done(&service, text)["InfrahubTask"].clone()
    };
    let told = tasks();
    assert_eq!(told["count"], 1);
    let node = &told["edges"][0]["node"];
    assert_eq!((&node["state"], &node["__typename"]), (&json!("FAILED"), &json!("StandardTask")));
    assert_eq!(node["workflow"], "generator-run");
    assert!(node.get("http_request").is_none(), "{node}");
    assert_eq!(
        node["available_actions"],
        json!([{"action": "RETRY", "available": true, "unavailability_reason": null},
               {"action": "CANCEL", "available": false, "unavailability_reason": "it has ended"}])
    );
    let first = node["id"].as_str().unwrap().to_owned();
    tell(&service, "one", &json!([create("a", &json!({}))]));
    let ask = |verb: &str, id: &str| {
        format!(
            "mutation {{ InfrahubTask{verb}(data: {{ id: \"{id}\" }}) {{ ok task {{ id }} }} }}"
        )
    };
    let again = done(&service, &ask("Retry", &first));
    assert_eq!(again["InfrahubTaskRetry"]["ok"], true);
    assert_eq!(labels(&service, "TestThing"), ["a"]);
    let second = again["InfrahubTaskRetry"]["task"]["id"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    assert_eq!(tasks()["count"], 2);
    let before = service.last_commit();
    let nobody = "0190aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee";
    for (text, code) in [
        (ask("Retry", &second), "task-not-failed"),
        (ask("Cancel", &first), "task-ended"),
        (ask("Retry", nobody), "NODE_NOT_FOUND"),
        (ask("Cancel", nobody), "NODE_NOT_FOUND"),
    ] {
        assert_eq!(refused(&service, &text).0, code, "{text}");
    }
    assert_eq!(service.last_commit(), before);
    let status = done(
        &service,
        "{ InfrahubTaskBranchStatus(branch: \"main\") { count edges { node { id } } } }",
    );
    assert_eq!(status["InfrahubTaskBranchStatus"], json!({"count": 0, "edges": []}));
    let (code, _) = refused(&service, "{ InfrahubTaskBranchStatus(branch: \"none\") { count } }");
    assert_eq!(code, "BRANCH_NOT_FOUND");
    sound(&service);
}

/// The answer to a request that comes with randomness.
fn sent(service: &Service, text: &str) -> Json {
    let request = graphql::Request { query: text.to_owned(), ..Default::default() };
    let enclosed = Enclosed { random: Some([3; 32]), ..Enclosed::default() };
    let answer = service.graphql_response(&request, &enclosed).unwrap();
    serde_json::from_slice(&answer.body).unwrap()
}

#[test]
fn an_account_has_tokens_of_its_own_and_sets_its_own_password() {
    let (_admin, jo) = guarded();
    let text = "mutation { a: InfrahubAccountTokenCreate(data: { name: \"laptop\" }) { ok object { id token { value } } } \
                b: InfrahubAccountTokenCreate(data: { name: \"ci\", expiration: \"2027-01-01T00:00:00Z\" }) { object { token { value } } } }";
    let made = sent(&jo, text);
    assert!(made.get("errors").is_none(), "{made}");
    let token =
        |key: &str| made["data"][key]["object"]["token"]["value"].as_str().unwrap().to_owned();
    assert_ne!(token("a"), token("b"));
    let caller = jo.authenticate(Credential::Token(&token("a"))).unwrap();
    assert_eq!(caller.name, "jo");
    let listed =
        done(&jo, "{ InfrahubAccountToken { count edges { node { id name expiration } } } }");
    let listed = &listed["InfrahubAccountToken"];
    assert_eq!(listed["count"], 2);
    assert_eq!(listed["edges"][1]["node"]["expiration"], "2027-01-01T00:00:00.000000Z");
    let id = made["data"]["a"]["object"]["id"].as_str().unwrap();
    done(
        &jo,
        &format!("mutation {{ InfrahubAccountTokenDelete(data: {{ id: \"{id}\" }}) {{ ok }} }}"),
    );
    assert!(jo.authenticate(Credential::Token(&token("a"))).is_err());
    // Without randomness no secret is made; what is wrong leaves nothing.
    let before = jo.last_commit();
    for (text, code) in [
        (
            "mutation { InfrahubAccountTokenCreate(data: { name: \"x\" }) { ok } }".to_owned(),
            "BAD_REQUEST",
        ),
        (
            "mutation { InfrahubAccountTokenCreate(data: { expiration: \"soon\" }) { ok } }"
                .to_owned(),
            "BAD_REQUEST",
        ),
        (
            "mutation { InfrahubAccountTokenDelete(data: { id: \"x\" }) { ok } }".to_owned(),
            "NODE_NOT_FOUND",
        ),
        (
            format!("mutation {{ InfrahubAccountTokenDelete(data: {{ id: \"{id}\" }}) {{ ok }} }}"),
            "not-found",
        ),
    ] {
        assert_eq!(refused(&jo, &text).0, code, "{text}");
    }
    assert_eq!(jo.last_commit(), before);
    // A password of one's own needs no permission; nothing else goes this way.
    done(
        &jo,
        "mutation { InfrahubAccountSelfUpdate(data: { password: \"a third password\", description: \"me\" }) { ok } }",
    );
    assert!(jo.login("jo", "another password", [2; 32]).is_err());
    assert!(jo.login("jo", "a third password", [2; 32]).is_ok());
    let nobody = jo.called_by(jo.authenticate(Credential::Nothing).unwrap());
    for text in [
        "{ InfrahubAccountToken { count } }",
        "mutation { InfrahubAccountSelfUpdate(data: { description: \"x\" }) { ok } }",
        "mutation { InfrahubAccountTokenCreate(data: { name: \"x\" }) { ok } }",
    ] {
        assert_eq!(
            sent(&nobody, text)["errors"][0]["extensions"]["code"],
            "AUTHENTICATION_REQUIRED"
        );
    }
}

#[test]
fn stock_kinds_and_generics_have_profiles() {
    let service = stocked();
    let data = done(
        &service,
        r#"mutation {
            tags: ProfileBuiltinTagCreate(data: { profile_name: { value: "described" } description: { value: "a tag" } }) { object { id } }
            nets: ProfileBuiltinIPPrefixCreate(data: { profile_name: { value: "pools" } is_pool: { value: true }
                description: { value: "for all" } member_of_groups: [] }) { ok }
            devices: ProfileDemoDeviceCreate(data: { profile_name: { value: "noted" } note: { value: "of a profile" } }) { ok }
        }"#,
    );
    assert!(data["tags"]["object"]["id"].is_string());
    done(
        &service,
        r#"mutation {
            BuiltinTagUpdate(data: { hfid: ["red"] profiles: [{ hfid: ["described"] kind: "ProfileBuiltinTag" }] }) { ok }
            IpamPrefixUpdate(data: { hfid: ["10.0.0.0/29", "default"] profiles: [{ hfid: ["pools"] kind: "ProfileBuiltinIPPrefix" }] }) { ok }
            DemoServerCreate(data: { name: { value: "s1" } profiles: [{ hfid: ["noted"] kind: "ProfileDemoDevice" }] }) { ok }
        }"#,
    );
    let value = |text: &str, kind: &str, field: &str| {
        let data = done(&service, text);
        data[kind]["edges"][0]["node"][field].clone()
    };
    let of = |value: Json| json!({"value": value, "is_from_profile": true, "is_default": true});
    let fields = "{ value is_from_profile is_default }";
    assert_eq!(
        value(
            &format!(
                "{{ BuiltinTag(name__value: \"red\") {{ edges {{ node {{ description {fields} }} }} }} }}"
            ),
            "BuiltinTag",
            "description"
        ),
        of(json!("a tag"))
    );
    assert_eq!(
        value(
            &format!(
                "{{ BuiltinIPPrefix(prefix__value: \"10.0.0.0/29\") {{ edges {{ node {{ is_pool {fields} }} }} }} }}"
            ),
            "BuiltinIPPrefix",
            "is_pool"
        ),
        of(json!(true))
    );
    assert_eq!(
        value(
            &format!(
                "{{ DemoServer(name__value: \"s1\") {{ edges {{ node {{ note {fields} }} }} }} }}"
            ),
            "DemoServer",
            "note"
        ),
        of(json!("of a profile"))
    );
    // Taken away, the values go with it.
    done(&service, "mutation { ProfileBuiltinTagDelete(data: { hfid: [\"described\"] }) { ok } }");
    let left = done(
        &service,
        "{ BuiltinTag(name__value: \"red\") { edges { node { description { value is_from_profile } } } } CoreProfile { count } }",
    );
    assert_eq!(
        left["BuiltinTag"]["edges"][0]["node"]["description"],
        json!({"value": null, "is_from_profile": false})
    );
    assert_eq!(left["CoreProfile"]["count"], 2);
    sound(&service);
}

#[test]
fn a_hierarchy_is_followed_up_and_down() {
    let service = stocked();
    load(
        &service,
        "CoreStandardGroup",
        &json!([{"name": "world"}, {"name": "europe", "parent": "world"}, {"name": "nl", "parent": "europe"},
                {"name": "asia", "parent": "world"}]),
    );
    load(
        &service,
        "DemoServer",
        &json!([{"name": "a", "member_of_groups": ["nl"]}, {"name": "b", "member_of_groups": ["europe"]}]),
    );
    let group = |name: &str, fields: &str| {
        let text = format!(
            "{{ CoreStandardGroup(name__value: \"{name}\") {{ edges {{ node {{ {fields} }} }} }} }}"
        );
        done(&service, &text)["CoreStandardGroup"]["edges"][0]["node"].clone()
    };
    let list = "{ count edges { node { display_label __typename } } }";
    let world = group(
        "world",
        &format!("descendants {list} ancestors {list} children {list} parent {{ node {{ id }} }}"),
    );
    assert_eq!(names_of(&world["descendants"]["edges"]), ["asia", "europe", "nl"]);
    assert_eq!(names_of(&world["children"]["edges"]), ["asia", "europe"]);
    assert_eq!((&world["ancestors"]["count"], &world["parent"]["node"]), (&json!(0), &Json::Null));
    let nl = group(
        "nl",
        &format!(
            "ancestors(name__value: \"world\") {list} all: ancestors {list} parent {{ node {{ display_label }} }}"
        ),
    );
    assert_eq!(names_of(&nl["ancestors"]["edges"]), ["world"]);
    assert_eq!(names_of(&nl["all"]["edges"]), ["europe", "world"]);
    assert_eq!(nl["parent"]["node"]["display_label"], "europe");
    // Peers of everything below, each once.
    let members = |arguments: &str| {
        group("world", &format!("members{arguments} {list}"))["members"]["count"].clone()
    };
    assert_eq!(members(""), 0);
    assert_eq!(members("(include_descendants: true)"), 2);
    assert_eq!(members("(include_descendants: false)"), 0);
}

#[test]
fn labels_and_identifiers_are_without_what_may_not_be_seen() {
    let (admin, jo) = guarded();
    let text = r#"
version: "1.0"
nodes:
  - name: Rack
    namespace: Demo
    human_friendly_id: [site__name__value, name__value]
    display_label: "{{ site__name__value }}/{{ name__value }}"
    order_by: [site__name__value]
    attributes: [{name: name, kind: Text}]
    relationships: [{name: site, peer: DemoSite, cardinality: one, optional: false, kind: Attribute, identifier: rack__site}]
  - name: Shelf
    namespace: Demo
    display_label: rack__name__value
    attributes: [{name: name, kind: Text, unique: true}]
    relationships: [{name: rack, peer: DemoRack, cardinality: one, optional: true, kind: Attribute, identifier: shelf__rack}]
"#;
    let file = SourceFile { name: "racks".into(), text: text.into() };
    admin.schema_load(&[file]).unwrap_or_else(|bad| panic!("{:#?}", bad.details()));
    load(
        &admin,
        "DemoRack",
        &json!([{"name": "r1", "site": "lon"}, {"name": "r2", "site": "ams"}]),
    );
    load(&admin, "DemoShelf", &json!([{"name": "top", "rack": ["lon", "r1"]}]));
    let racks = |service: &Service, arguments: &str| {
        let text = format!(
            "{{ DemoRack{arguments} {{ count edges {{ node {{ id display_label hfid }} }} }} }}"
        );
        done(service, &text)["DemoRack"].clone()
    };
    let told = |service: &Service| {
        let edges = racks(service, "")["edges"].as_array().unwrap().clone();
        edges
            .iter()
            .map(|edge| (edge["node"]["display_label"].clone(), edge["node"]["hfid"].clone()))
            .collect::<Vec<_>>()
    };
    // In the order of the sites for one who may see them, in that of their making for who may not.
    assert_eq!(
        told(&admin),
        [(json!("ams/r2"), json!(["ams", "r2"])), (json!("lon/r1"), json!(["lon", "r1"]))]
    );
    assert_eq!(told(&jo), [(json!("/r1"), json!(["", "r1"])), (json!("/r2"), json!(["", "r2"]))]);
    // What is not shown is not found by guessing either.
    let ams = id(&admin, "DemoSite", "ams");
    for (arguments, seen) in [
        ("(display_label__value: \"ams/r2\")".to_owned(), 0),
        ("(display_label__value: \"am\", partial_match: true)".to_owned(), 0),
        ("(hfid: [\"ams\", \"r2\"])".to_owned(), 0),
        (format!("(site__ids: [\"{ams}\"])"), 0),
        ("(site__isnull: false)".to_owned(), 0),
        ("(site__isnull: true)".to_owned(), 2),
    ] {
        assert_eq!(racks(&jo, &arguments)["count"], seen, "{arguments}");
        let admins = if seen == 0 { 1 } else { 0 };
        let admins = if arguments.contains("isnull: false") { 2 } else { admins };
        assert_eq!(racks(&admin, &arguments)["count"], admins, "{arguments}");
    }
    // A peer that may be seen keeps its part.
    let shelf = done(
        &jo,
        "{ DemoShelf { edges { node { display_label rack { node { display_label } } } } } }",
    );
    let shelf = &shelf["DemoShelf"]["edges"][0]["node"];
    assert_eq!(
        (&shelf["display_label"], &shelf["rack"]["node"]["display_label"]),
        (&json!("r1"), &json!("/r1"))
    );
    // The other interface shows no more.
    let rack =
        racks(&jo, "(name__value: \"r2\")")["edges"][0]["node"]["id"].as_str().unwrap().to_owned();
    let object = jo.object("DemoRack", &rack).unwrap();
    assert_eq!(
        (object.display_label.as_str(), object.relationships.contains_key("site")),
        ("/r2", false)
    );
    assert_eq!(admin.object("DemoRack", &rack).unwrap().relationships["site"], json!(["ams"]));
    assert_eq!(
        jo.object("DemoShelf", "top").map(|o| o.relationships["rack"].clone()).ok(),
        Some(json!(["/r1"]))
    );
}

#[test]
fn who_changed_a_value_and_a_link_is_told_of_each() {
    let service = stocked();
    load(&service, "CoreAccount", &json!([{"name": "robot"}]));
    load(&service, "DemoServer", &json!([{"name": "s1", "site": "ams"}]));
    let robot = id(&service, "CoreAccount", "robot");
    done(
        &service,
        &format!(
            "mutation {{ DemoServerUpdate(context: {{ account: {{ id: \"{robot}\" }} }} data: {{ hfid: [\"s1\"] note: {{ value: \"x\" }} tags: [{{ hfid: [\"red\"] }}] }}) {{ ok }} }}"
        ),
    );
    let node = done(
        &service,
        "{ DemoServer { edges { node_metadata { updated_by { display_label } created_by { display_label } } node { \
         name { updated_by { display_label } } note { updated_by { display_label __typename } } \
         site { _updated_at relationship_metadata { updated_at updated_by { display_label } created_at __typename } } \
         uplink { _updated_at relationship_metadata { updated_by { id } __typename } } \
         tags { edges { _updated_at properties { updated_by { display_label } } relationship_metadata { updated_by { display_label } } } } } } } }",
    );
    let edge = &node["DemoServer"]["edges"][0];
    assert_eq!(edge["node_metadata"]["updated_by"]["display_label"], "robot");
    assert_eq!(edge["node_metadata"]["created_by"]["display_label"], "system");
    let node = &edge["node"];
    assert_eq!(node["name"]["updated_by"]["display_label"], "system");
    assert_eq!(
        node["note"]["updated_by"],
        json!({"display_label": "robot", "__typename": "CoreAccount"})
    );
    let site = &node["site"];
    assert!(site["_updated_at"].is_string());
    assert_eq!(site["relationship_metadata"]["updated_by"]["display_label"], "system");
    assert_eq!(site["relationship_metadata"]["__typename"], "InfrahubRelationshipMetadata");
    assert_eq!(site["relationship_metadata"]["created_at"], Json::Null);
    assert_eq!(
        node["uplink"],
        json!({"_updated_at": null, "relationship_metadata": {"updated_by": null, "__typename": "InfrahubRelationshipMetadata"}})
    );
    let tag = &node["tags"]["edges"][0];
    assert_eq!(tag["properties"]["updated_by"]["display_label"], "robot");
    assert_eq!(tag["relationship_metadata"]["updated_by"]["display_label"], "robot");
}

#[test]
fn what_is_only_on_another_branch_cannot_be_referred_to() {
    let service = stocked();
    service.branch_create("b", "").unwrap();
    let branch = service.on(Some("b"), None).unwrap();
    load(&branch, "DemoSite", &json!([{"name": "ber"}]));
    let ber = id(&branch, "DemoSite", "ber");
    load(&service, "DemoServer", &json!([{"name": "s1"}]));
    let s1 = id(&service, "DemoServer", "s1");
    let before = service.last_commit();
    for text in [
        format!(
            "mutation {{ DemoServerCreate(data: {{ name: {{ value: \"s2\" }} site: {{ id: \"{ber}\" }} }}) {{ ok }} }}"
        ),
        format!(
            "mutation {{ DemoServerUpdate(data: {{ id: \"{s1}\" site: {{ hfid: [\"ber\"] }} }}) {{ ok }} }}"
        ),
        format!(
            "mutation {{ DemoSiteUpdate(data: {{ id: \"{ber}\" name: {{ value: \"x\" }} }}) {{ ok }} }}"
        ),
        format!("mutation {{ DemoSiteDelete(data: {{ id: \"{ber}\" }}) {{ ok }} }}"),
        format!(
            "mutation {{ RelationshipAdd(data: {{ id: \"{ber}\", name: \"servers\", nodes: [{{ id: \"{s1}\" }}] }}) {{ ok }} }}"
        ),
        format!(
            "mutation {{ RelationshipAdd(data: {{ id: \"{s1}\", name: \"site\", nodes: [{{ id: \"{ber}\" }}] }}) {{ ok }} }}"
        ),
    ] {
        let (code, message) = refused(&service, &text);
        assert_eq!(code, "NODE_NOT_FOUND", "{text}: {message}");
    }
    // Nor the other way about, where main made something after the fork.
    let (code, _) = refused(
        &branch,
        &format!(
            "mutation {{ DemoSiteUpdate(data: {{ hfid: [\"ber\"] servers: [{{ id: \"{s1}\" }}] }}) {{ ok }} }}"
        ),
    );
    assert_eq!(code, "NODE_NOT_FOUND");
    assert_eq!(service.last_commit(), before);
    assert_eq!(
        query(&service, &format!("{{ DemoSite(ids: [\"{ber}\"]) {{ count }} }}"))["data"]["DemoSite"]
            ["count"],
        0
    );
    sound(&service);
}
