//! Who asks, what happened, and what may be seen: the root fields that are not about objects, rights
//! within a document, secrets, and choices changed without a file.

use serde_json::{Value as Json, json};
use service::{Credential, FirstAdmin, Service, SourceFile};

use crate::mutations::{done, refused, stocked};
use crate::support::{load, query, sound};

const TOKEN: &str = "06438eb2-8019-4776-878c-0941b1f1d1ec";

/// The demo objects, an administrator, and an account that may look at some kinds only.
pub(crate) fn guarded() -> (Service, Service) {
    let service = stocked();
    let admin = FirstAdmin { password: "a long password".into(), token: TOKEN.into() };
    assert!(service.first_admin(&admin).unwrap());
    load(&service, "DemoServer", &json!([{"name": "s1", "site": "ams", "tags": ["red"]}]));
    load(
        &service,
        "CoreObjectPermission",
        &json!([
            {"namespace": "Demo", "name": "*", "action": "any", "decision": 6},
            {"namespace": "Demo", "name": "Site", "action": "view", "decision": 1},
        ]),
    );
    load(
        &service,
        "CoreAccountRole",
        &json!([{"name": "servers", "permissions": {"kind": "CoreObjectPermission", "data": [
            ["Demo", "*", "any", "6"], ["Demo", "Site", "view", "1"],
        ]}}]),
    );
    load(
        &service,
        "CoreAccount",
        &json!([{"name": "jo", "label": "Jo", "password": "another password"}]),
    );
    load(
        &service,
        "CoreAccountGroup",
        &json!([{"name": "server people", "roles": ["servers"], "members": {"kind": "CoreAccount", "data": ["jo"]}}]),
    );
    let signed = service.login("jo", "another password", [1; 32]).unwrap();
    let jo = service.authenticate(Credential::Bearer(&signed.access)).unwrap();
    let jo = service.called_by(jo);
    let admin = service.authenticate(Credential::Token(TOKEN)).unwrap();
    (service.called_by(admin), jo)
}

fn code(answer: &Json) -> (&str, &str) {
    let error = &answer["errors"][0];
    (error["extensions"]["code"].as_str().unwrap_or(""), error["message"].as_str().unwrap_or(""))
}

#[test]
fn an_account_may_ask_who_it_is_and_what_it_may_do() {
    let (admin, _jo) = guarded();
    let data = done(
        &admin,
        "{ AccountProfile { id display_label __typename account_type { value } status { label value } name { value } \
         label { value } description { value } member_of_groups { count edges { node { display_label group_type { value } \
         ... on CoreAccountGroup { id roles { count edges { node { permissions { count edges { node { display_label \
         identifier { value } } } } } } } } } } } } \
         InfrahubPermissions { global_permissions { count edges { node { name action decision identifier } } } \
         object_permissions { count } } }",
    );
    let profile = &data["AccountProfile"];
    assert_eq!(profile["name"]["value"], "admin");
    assert_eq!(profile["__typename"], "CoreAccount");
    assert_eq!(profile["status"]["value"], "active");
    let group = &profile["member_of_groups"]["edges"][0]["node"];
    assert_eq!(group["display_label"], "Super Administrators");
    let permission = &group["roles"]["edges"][0]["node"]["permissions"]["edges"][0]["node"];
    assert_eq!(permission["identifier"]["value"], "global:super_admin:allow_all");
    assert_eq!(
        data["InfrahubPermissions"]["global_permissions"],
        json!({"count": 1, "edges": [{"node": {"name": "super_admin", "action": "super_admin",
            "decision": "allow_all", "identifier": "global:super_admin:allow_all"}}]})
    );
    assert_eq!(data["InfrahubPermissions"]["object_permissions"]["count"], 0);
    let nobody = admin.called_by(admin.authenticate(Credential::Nothing).unwrap());
    for field in ["AccountProfile { id }", "InfrahubPermissions { object_permissions { count } }"] {
        let request = graphql::Request { query: format!("{{ {field} }}"), ..Default::default() };
        let answer = nobody.graphql_response(&request, &Default::default()).unwrap();
        assert_eq!(answer.status, 401);
        let answer: Json = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(code(&answer).0, "AUTHENTICATION_REQUIRED");
    }
}

#[test]
fn what_may_not_be_seen_is_refused_by_its_kind_wherever_it_stands() {
    let (_admin, jo) = guarded();
    for text in [
        "{ DemoSite { count } }",
        "{ DemoSite { edges { node { id } } } }",
        "{ DemoServer { edges { node { site { node { id } } } } } }",
        "{ CoreAccount { count } }",
        "{ BuiltinIPNamespace { count } }",
        "{ DemoServer { edges { node { tags { count } } } } }",
    ] {
        let answer = query(&jo, text);
        let (code, message) = code(&answer);
        assert_eq!(code, "PERMISSION_DENIED", "{text}: {answer}");
        assert!(message.contains(":view:allow_all"), "{text}: {message}");
        assert_eq!(answer["data"], Json::Null, "{text}");
        let missing = answer["errors"][0]["extensions"]["data"]["permission"].as_str().unwrap();
        assert!(message.contains(missing), "{message}");
    }
    // Allowed kinds are served, and neither filters, orders nor searches look at the others.
    assert_eq!(
        done(&jo, "{ DemoServer { count edges { node { name { value } } } } }")["DemoServer"]["count"],
        1
    );
    assert_eq!(
        done(&jo, "{ DemoServer(site__name__value: \"ams\") { count edges { node { id } } } }")["DemoServer"]
            ["count"],
        0
    );
    assert_eq!(
        done(
            &jo,
            "{ DemoServer(site__name__value: \"m\", partial_match: true) { count edges { node { id } } } }"
        )["DemoServer"]["count"],
        0
    );
    let (code, _) = refused(
        &jo,
        "{ DemoServer(order: { by: [{ field: \"site__name__value\" }] }) { edges { node { id } } } }",
    );
    assert_eq!(code, "BAD_REQUEST");
    assert_eq!(
        done(&jo, "{ InfrahubSearchAnywhere(q: \"ams\") { count } }")["InfrahubSearchAnywhere"]["count"],
        0
    );
    assert_eq!(
        done(&jo, "{ InfrahubSearchAnywhere(q: \"s1\") { count } }")["InfrahubSearchAnywhere"]["count"],
        1
    );
}

#[test]
fn a_generic_is_limited_to_the_kinds_that_may_be_seen() {
    let (admin, jo) = guarded();
    let kinds = |service: &Service| {
        let data = done(service, "{ CoreNode { edges { node { __typename } } } }");
        let edges = data["CoreNode"]["edges"].as_array().unwrap().clone();
        let names =
            edges.iter().map(|edge| edge["node"]["__typename"].as_str().unwrap().to_owned());
        names.collect::<std::collections::BTreeSet<String>>()
    };
    assert!(kinds(&admin).contains("DemoSite"));
    let seen = kinds(&jo);
    assert!(seen.iter().all(|kind| kind.starts_with("Demo") && kind != "DemoSite"), "{seen:?}");
    let count = |service: &Service| {
        done(service, "{ CoreNode { count } }")["CoreNode"]["count"].as_u64().unwrap()
    };
    assert!(count(&jo) < count(&admin));
    // The decision is told beside the list.
    let data = done(&jo, "{ DemoDevice { permissions { edges { node { kind view delete } } } } }");
    let node = &data["DemoDevice"]["permissions"]["edges"][0]["node"];
    assert_eq!(*node, json!({"kind": "DemoServer", "view": "ALLOW", "delete": "ALLOW_OTHER"}));
}

#[test]
fn a_stored_query_shows_no_more_than_the_caller_may_see() {
    let (admin, jo) = guarded();
    load(
        &admin,
        "CoreGraphQLQuery",
        &json!([{"name": "sites", "query": "{ DemoSite { count } }"}, {"name": "servers", "query": "{ DemoServer { count } }"}]),
    );
    let ask = |service: &Service, name: &str| {
        service.stored_query(&service::StoredQuery { name: name.to_owned(), ..Default::default() })
    };
    assert!(ask(&admin, "sites").is_ok());
    assert!(ask(&jo, "servers").is_ok());
    assert_eq!(ask(&jo, "sites").unwrap_err().code(), "PERMISSION_DENIED");
}

#[test]
fn secrets_are_written_and_never_read() {
    let (admin, _jo) = guarded();
    load(
        &admin,
        "CorePasswordCredential",
        &json!([{"name": "git", "username": "u", "password": "hunter2"}]),
    );
    let never = |text: String| {
        assert!(!text.contains("hunter2") && !text.contains("$argon2"), "{text}");
        text
    };
    let told = never(query(&admin, "{ CorePasswordCredential { edges { node { password { value is_default updated_at } } } } \
        CoreAccount { edges { node @expand { password { value } } } } }").to_string());
    assert!(told.contains("\"password\":{\"value\":null,\"is_default\":false"), "{told}");
    never(admin.object("CorePasswordCredential", "git").unwrap().to_json().to_string());
    never(admin.object("CoreAccount", "admin").unwrap().to_json().to_string());
    let changes = admin
        .object_update(
            "CorePasswordCredential",
            "git",
            json!({"password": "hunter22"}).as_object().unwrap(),
        )
        .unwrap();
    let told = never(changes.to_json().to_string());
    assert!(told.contains("********"), "{told}");
    // Nor is it found by guessing, or by putting the guesses in order.
    for (text, part) in [
        ("{ CorePasswordCredential(password__value: \"hunter22\") { count } }", "password__value"),
        (
            "{ CorePasswordCredential(password__values: [\"hunter22\"]) { count } }",
            "password__values",
        ),
        (
            "{ CoreAccountGroup(members__password__value: \"x\") { count } }",
            "members__password__value",
        ),
        (
            "{ CorePasswordCredential(order: { by: [{ field: \"password__value\" }] }) { count } }",
            "cannot order",
        ),
    ] {
        let (code, message) = refused(&admin, text);
        assert_eq!(code, "BAD_REQUEST", "{text}");
        assert!(message.contains(part), "{text}: {message}");
    }
    let count = |text: &str| done(&admin, text)["CorePasswordCredential"]["count"].clone();
    assert_eq!(count("{ CorePasswordCredential(any__value: \"hunter22\") { count } }"), 0);
    assert_eq!(
        count("{ CorePasswordCredential(any__value: \"hunter\", partial_match: true) { count } }"),
        0
    );
    assert_eq!(
        done(&admin, "{ InfrahubSearchAnywhere(q: \"hunter\") { count } }")["InfrahubSearchAnywhere"]
            ["count"],
        0
    );
    // A branch that changes it says so, and no more.
    admin.branch_create("b", "").unwrap();
    let branch = admin.on(Some("b"), None).unwrap();
    branch
        .object_update("CoreGeneratorDefinition", "none", json!({}).as_object().unwrap())
        .unwrap_err();
    never(admin.branch_diff("b", &service::DiffRequest::default()).unwrap().to_string());
    let events = "{ InfrahubEvent(limit: 100) { edges { node { event ... on NodeMutatedEvent { attributes { name value value_previous } } } } } }";
    let told = never(query(&admin, events).to_string());
    assert!(
        told.contains(
            "{\"name\":\"password\",\"value\":\"********\",\"value_previous\":\"********\"}"
        ),
        "{told}"
    );
}

#[test]
fn events_tell_what_every_commit_did_newest_first() {
    let service = stocked();
    load(&service, "DemoServer", &json!([{"name": "s1", "cores": 2, "site": "ams"}]));
    load(&service, "DemoServer", &json!([{"name": "s1", "cores": 4, "site": "lon"}]));
    service.object_delete("DemoServer", "s1").unwrap();
    service.branch_create("feature", "").unwrap();
    let branch = service.on(Some("feature"), None).unwrap();
    load(&branch, "BuiltinTag", &json!([{"name": "on-branch"}]));
    let ask = |arguments: &str| {
        let data = done(
            &service,
            &format!(
                "{{ InfrahubEvent({arguments}) {{ count edges {{ node {{ id event branch occurred_at level has_children account_id \
                 parent_id primary_node {{ id kind }} related_nodes {{ id kind }} __typename \
                 ... on NodeMutatedEvent {{ attributes {{ name kind action value value_previous }} relationships {{ name action peer {{ kind }} }} payload }} \
                 ... on BranchCreatedEvent {{ created_branch }} }} }} }} }}"
            ),
        );
        data["InfrahubEvent"].clone()
    };
    let events = |arguments: &str| -> Vec<String> {
        let edges = ask(arguments)["edges"].as_array().unwrap().clone();
        edges.iter().map(|edge| edge["node"]["event"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(events("limit: 2"), ["infrahub.node.created", "infrahub.branch.created"]);
    let made = &ask("event_type: [\"infrahub.branch.created\"]")["edges"][0]["node"];
    assert_eq!(made["created_branch"], "feature");
    assert_eq!(made["__typename"], "BranchCreatedEvent");
    assert!(made.get("attributes").is_none(), "{made}");
    assert_eq!(events("branches: [\"feature\"]"), ["infrahub.node.created"]);
    // One object, from its first event to its last.
    let gone = &ask("event_type: [\"infrahub.node.deleted\"]")["edges"][0]["node"];
    let server = gone["primary_node"]["id"].as_str().unwrap();
    let mine = format!("primary_node__ids: [\"{server}\"], order: ASC");
    assert_eq!(
        events(&mine),
        ["infrahub.node.created", "infrahub.node.updated", "infrahub.node.deleted"]
    );
    let page = ask(&format!("{mine}, limit: 1, offset: 1"));
    assert_eq!(page["count"], 3);
    let update = &page["edges"][0]["node"];
    assert_eq!(
        update["attributes"],
        json!([{"name": "cores", "kind": "Number", "action": "UPDATED", "value": "4", "value_previous": "2"}])
    );
    assert_eq!(
        update["relationships"],
        json!([{"name": "site", "action": "ADDED", "peer": {"kind": "DemoSite"}},
               {"name": "site", "action": "REMOVED", "peer": {"kind": "DemoSite"}}])
    );
    // By its id; and what nothing can match.
    let id = update["id"].as_str().unwrap();
    assert_eq!(ask(&format!("ids: [\"{id}\"]"))["edges"][0]["node"], *update);
    for nothing in [
        "level: 1",
        "has_children: true",
        "parent__ids: [\"x\"]",
        "account__ids: [\"x\"]",
        "since: \"2027-01-01T00:00:00Z\"",
        "until: \"2020-01-01T00:00:00Z\"",
    ] {
        assert_eq!(ask(nothing)["count"], 0, "{nothing}");
    }
    for (arguments, part) in [("since: \"soon\"", "since"), ("limit: 1001", "1000")] {
        let (_, message) =
            refused(&service, &format!("{{ InfrahubEvent({arguments}) {{ count }} }}"));
        assert!(message.contains(part), "{message}");
    }
    // A branch that goes takes nothing of the log with it.
    service.branch_delete("feature").unwrap();
    assert_eq!(events("limit: 1"), ["infrahub.branch.deleted"]);
    assert_eq!(ask("event_type: [\"infrahub.branch.deleted\"]")["count"], 1);
}

#[test]
fn branches_come_in_pages_with_each_value_in_a_field_of_its_own() {
    let service = stocked();
    for name in ["one", "two", "Three"] {
        service.branch_create(name, "for a test").unwrap();
    }
    let ask = |arguments: &str| {
        let text = format!(
            "{{ InfrahubBranch{arguments} {{ count default_branch {{ name {{ value }} }} edges {{ node {{ id name {{ value }} \
             description {{ value }} status {{ value }} is_default {{ value }} created_at branched_from {{ value }} \
             has_schema_changes {{ value }} }} node_metadata {{ created_at created_by {{ id }} }} }} }} }}"
        );
        done(&service, &text)["InfrahubBranch"].clone()
    };
    let names = |arguments: &str| -> Vec<String> {
        let edges = ask(arguments)["edges"].as_array().unwrap().clone();
        edges
            .iter()
            .map(|edge| edge["node"]["name"]["value"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(ask("")["count"], 4);
    assert_eq!(ask("(name__value: \"one\")")["default_branch"]["name"]["value"], "main");
    assert_eq!(names("(name__value: \"one\")"), ["one"]);
    assert_eq!(names("(name__value: \"T\", partial_match: true)").len(), 2);
    assert_eq!(names("(limit: 1, offset: 1)").len(), 1);
    assert_eq!(names("(status__value: OPEN)").len(), 4);
    assert_eq!(names("(status__value: MERGED)").len(), 0);
    assert_eq!(names("(branched_from__after: \"2027-01-01T00:00:00Z\")").len(), 0);
    assert_eq!(names("(order: { node_metadata: { created_at: DESC } })").len(), 4);
    let one = &ask("(name__value: \"one\")")["edges"][0];
    assert_eq!(one["node"]["description"]["value"], "for a test");
    assert_eq!(one["node"]["is_default"]["value"], false);
    assert!(one["node_metadata"]["created_at"].is_string());
    let id = one["node"]["id"].as_str().unwrap();
    assert_eq!(names(&format!("(ids: [\"{id}\"])")), ["one"]);
}

#[test]
fn choices_and_values_are_added_and_removed_without_a_file() {
    let service = stocked();
    let more = r#"
version: "1.0"
nodes:
  - name: Port
    namespace: Demo
    attributes:
      - {name: name, kind: Text, unique: true}
      - {name: speed, kind: Number, enum: [10, 25], optional: true}
      - {name: medium, kind: Text, enum: [copper, fibre], optional: true}
extensions:
  nodes:
    - kind: BuiltinTag
      attributes:
        - {name: weight, kind: Dropdown, optional: true, choices: [{name: light}]}
"#;
    let file = SourceFile { name: "more.yml".into(), text: more.into() };
    service.schema_load(&[file]).unwrap();
    let edit = |verb: &str, data: &str, fields: &str| {
        done(&service, &format!("mutation {{ {verb}(data: {{ {data} }}) {{ ok {fields} }} }}"))
            [verb]
            .clone()
    };
    let server = "kind: \"DemoServer\", attribute: \"state\", dropdown: \"broken\"";
    let told = edit(
        "SchemaDropdownAdd",
        &format!("{server}, label: \"Broken\", color: \"#ff0000\""),
        "object { value label color description }",
    );
    assert_eq!(
        told["object"],
        json!({"value": "broken", "label": "Broken", "color": "#ff0000", "description": null})
    );
    load(&service, "DemoServer", &json!([{"name": "s1", "state": "broken"}]));
    let state = done(&service, "{ DemoServer { edges { node { state { value label color } } } } }");
    assert_eq!(
        state["DemoServer"]["edges"][0]["node"]["state"],
        json!({"value": "broken", "label": "Broken", "color": "#ff0000"})
    );
    // What objects have stays.
    let hash = service.schema_summary().unwrap()["main"].clone();
    let (code, message) = refused(
        &service,
        &format!("mutation {{ SchemaDropdownRemove(data: {{ {server} }}) {{ ok }} }}"),
    );
    assert_eq!(code, "schema-data", "{message}");
    assert!(message.contains("s1"), "{message}");
    assert_eq!(service.schema_summary().unwrap()["main"], hash);
    service.object_delete("DemoServer", "s1").unwrap();
    edit("SchemaDropdownRemove", server, "");
    edit(
        "SchemaDropdownAdd",
        "kind: \"BuiltinTag\", attribute: \"weight\", dropdown: \"heavy\"",
        "",
    );
    load(&service, "BuiltinTag", &json!([{"name": "red", "weight": "heavy"}]));
    edit("SchemaEnumAdd", "kind: \"DemoPort\", attribute: \"speed\", enum: \"100\"", "");
    edit("SchemaEnumAdd", "kind: \"DemoPort\", attribute: \"medium\", enum: \"air\"", "");
    load(&service, "DemoPort", &json!([{"name": "p", "speed": 100, "medium": "air"}]));
    edit("SchemaEnumRemove", "kind: \"DemoPort\", attribute: \"speed\", enum: \"10\"", "");
    assert!(
        service.object_update("DemoPort", "p", json!({"speed": 10}).as_object().unwrap()).is_err()
    );
    let hash = service.schema_summary().unwrap()["main"].clone();
    for (verb, data, code) in [
        (
            "SchemaDropdownAdd",
            "kind: \"DemoServer\", attribute: \"state\", dropdown: \"active\"",
            "bad-choice",
        ),
        (
            "SchemaDropdownRemove",
            "kind: \"DemoServer\", attribute: \"state\", dropdown: \"gone\"",
            "bad-choice",
        ),
        (
            "SchemaDropdownAdd",
            "kind: \"DemoServer\", attribute: \"cores\", dropdown: \"x\"",
            "bad-choice",
        ),
        (
            "SchemaEnumAdd",
            "kind: \"DemoServer\", attribute: \"note\", enum: \"x\"",
            "inherited-attribute",
        ),
        (
            "SchemaEnumAdd",
            "kind: \"DemoServer\", attribute: \"nothing\", enum: \"x\"",
            "unknown-field",
        ),
        (
            "SchemaEnumAdd",
            "kind: \"DemoNothing\", attribute: \"name\", enum: \"x\"",
            "SCHEMA_NOT_FOUND",
        ),
        (
            "SchemaEnumAdd",
            "kind: \"CoreStandardGroup\", attribute: \"group_type\", enum: \"x\"",
            "inherited-attribute",
        ),
        (
            "SchemaEnumAdd",
            "kind: \"CoreGroup\", attribute: \"group_type\", enum: \"x\"",
            "built-in-attribute",
        ),
        (
            "SchemaDropdownAdd",
            "kind: \"DemoServer\", attribute: \"state\", dropdown: \"odd\", color: \"red\"",
            "schema-invalid",
        ),
    ] {
        let (told, message) =
            refused(&service, &format!("mutation {{ {verb}(data: {{ {data} }}) {{ ok }} }}"));
        assert_eq!(told, code, "{data}: {message}");
    }
    assert_eq!(service.schema_summary().unwrap()["main"], hash);
    sound(&service);
}

#[test]
fn errors_carry_the_public_codes_with_their_facts() {
    let service = stocked();
    load(&service, "DemoServer", &json!([{"name": "s1"}]));
    service.branch_create("taken", "").unwrap();
    let extensions = |text: &str| query(&service, text)["errors"][0]["extensions"].clone();
    let create = |data: &str| {
        extensions(&format!("mutation {{ DemoServerCreate(data: {{ {data} }}) {{ ok }} }}"))
    };
    let before = service.last_commit();
    let nobody = "0190aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee";
    for (told, code, status, data) in [
        (
            create("name: { value: \"s2\" } vlan: { value: \"many\" }"),
            "ATTRIBUTE_INVALID_TYPE",
            422,
            json!({"node_kind": "DemoServer", "field_name": "vlan", "expected_type": "number", "received_type": "string"}),
        ),
        (
            create("name: { value: \"s2\" } words: { value: 5 }"),
            "ATTRIBUTE_INVALID_TYPE",
            422,
            json!({"node_kind": "DemoServer", "field_name": "words", "expected_type": "array", "received_type": "number"}),
        ),
        (
            create("note: { value: \"x\" }"),
            "ATTRIBUTE_REQUIRED",
            422,
            json!({"node_kind": "DemoServer", "field_name": "name"}),
        ),
        (
            extensions(&format!(
                "mutation {{ DemoServerDelete(data: {{ id: \"{nobody}\" }}) {{ ok }} }}"
            )),
            "NODE_NOT_FOUND",
            404,
            json!({"node_kind": "DemoServer", "identifier": nobody}),
        ),
        (
            extensions("mutation { BranchDelete(data: { name: \"none\" }) { ok } }"),
            "BRANCH_NOT_FOUND",
            400,
            json!({"branch_name": "none"}),
        ),
    ] {
        assert_eq!((&told["code"], &told["http_status"]), (&json!(code), &json!(status)), "{told}");
        assert_eq!(told["data"], data);
    }
    for (text, field, constraint) in [
        ("name: { value: \"s2\" } cores: { value: 0 }", "cores", "value"),
        ("name: { value: \"s2\" } state: { value: \"odd\" }", "state", "value"),
        ("name: { value: \"s1\" }", "name", "unique"),
    ] {
        let told = create(text);
        assert_eq!(told["code"], "ATTRIBUTE_CONSTRAINT_VIOLATION", "{told}");
        assert_eq!(told["data"]["field_name"], field);
        assert_eq!(told["data"]["constraint"], constraint);
        assert!(told["data"]["detail"].is_string());
    }
    assert_eq!(service.last_commit(), before);
}

#[test]
fn a_diff_shows_only_what_may_be_seen() {
    let (admin, jo) = guarded();
    admin.branch_create("b", "").unwrap();
    let branch = admin.on(Some("b"), None).unwrap();
    load(&branch, "DemoServer", &json!([{"name": "s2"}]));
    load(&branch, "DemoSite", &json!([{"name": "ber"}]));
    let kinds = |service: &Service| {
        let told = service.branch_diff("b", &service::DiffRequest::default()).unwrap();
        let objects = told["objects"].as_array().unwrap().clone();
        objects.iter().map(|one| one["kind"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&admin), ["DemoServer", "DemoSite"]);
    assert_eq!(kinds(&jo), ["DemoServer"]);
    let tree = |service: &Service| {
        let data = done(service, "{ DiffTree(branch: \"b\") { num_added nodes { kind } } }");
        data["DiffTree"].clone()
    };
    assert_eq!(tree(&admin)["num_added"], 2);
    assert_eq!(tree(&jo), json!({"num_added": 1, "nodes": [{"kind": "DemoServer"}]}));
}
