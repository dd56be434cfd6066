//! Every rule of the language is broken once; each has its code, its place and its public text.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::too_many_lines,
    clippy::type_complexity,
    clippy::cloned_ref_to_slice_refs,
    reason = "a test ends by panicking, and a table has as many rows as there are cases"
)]

#[path = "rules/edges.rs"]
mod edges;

use model::Symbols;
use model::schema::{Declared, Document, Schema, SchemaError, compile, merge};

fn load(text: &str) -> Result<Schema, Vec<SchemaError>> {
    let documents = Document::parse("s.yml", text)?;
    compile(&merge(&Declared::default(), &documents)?, &mut Symbols::default())
}

/// The file breaks a rule: its code, a part of its path, a part of its text.
fn check(text: &str, code: &str, path: &str, message: &str) {
    let errors = match load(text) {
        Ok(_) => panic!("nothing is wrong with\n{text}"),
        Err(errors) => errors,
    };
    let found = errors.iter().any(|error| {
        error.code == code && error.path.contains(path) && error.to_string().contains(message)
    });
    let all: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert!(found, "wanted [{code}] at `{path}` with `{message}`, found {all:#?}");
}

/// A node `InfraThing` with these attributes and relationships, in flow style.
fn thing(attributes: &str, relationships: &str, more: &str) -> String {
    format!(
        "nodes:\n  - {{name: Thing, namespace: Infra, {more} attributes: [{{name: name, kind: \
         Text, unique: true}}, {attributes}], relationships: [{relationships}]}}\n"
    )
}

#[test]
fn shape() {
    check("nodes: 5", "not-a-list", "nodes", "must be a list, found `5`");
    check("nods: []", "unknown-key", "nods", "did you mean `nodes`?");
    check("nodes: [{name: A}]", "missing-key", "nodes[0].namespace", "`namespace` is missing");
    check(
        &thing("{name: a, kind: Txt}", "", ""),
        "wrong-type",
        "nodes[0].attributes[1].kind",
        "did you mean `Text`?",
    );
    check(
        &thing("", "{name: r, peer: InfraThing, cardinality: several}", ""),
        "wrong-type",
        "nodes[0].relationships[0].cardinality",
        "must be `one` or `many`, found `several`",
    );
    check("nodes: [a: b: c", "not-yaml", "", "not valid YAML");
}

#[test]
fn several_errors_are_told_at_once() {
    let text = "nodes:\n  - {name: A, namespac: Infra, label: 5}\n  - {namespace: Infra}\n";
    assert!(load(text).unwrap_err().len() >= 3);
}

#[test]
fn names() {
    check("nodes: [{name: thing, namespace: Infra}]", "bad-name", "name", "`thing`");
    check("nodes: [{name: Thing, namespace: InFra}]", "bad-namespace", "namespace", "`InFra`");
    check(
        "nodes: [{name: Thing, namespace: Core}]",
        "reserved-namespace",
        "namespace",
        "the host's",
    );
    check(&thing("{name: Bad, kind: Text}", "", ""), "bad-name", "Bad", "`Bad`");
    check(
        &thing("{name: hfid, kind: Text}", "", ""),
        "reserved-name",
        "hfid",
        "hfid isn't allowed as an attribute name.",
    );
    check(
        &thing("{name: both, kind: Text}", "{name: both, peer: BuiltinTag}", ""),
        "duplicate-name",
        "InfraThing",
        "Names of attributes and relationships must be unique",
    );
}

#[test]
fn attributes() {
    check(
        &thing("{name: a, kind: Text, choices: [{name: x}]}", "", ""),
        "choices-misplaced",
        "a.choices",
        "Can only specify 'choices' for kind=Dropdown",
    );
    check(
        &thing("{name: a, kind: Dropdown}", "", ""),
        "choices-missing",
        "a.choices",
        "The property 'choices' is required for kind=Dropdown",
    );
    check(
        &thing("{name: a, kind: Dropdown, choices: [{name: x, color: red}]}", "", ""),
        "bad-color",
        "a.choices",
        "#rrggbb",
    );
    check(
        &thing("{name: a, kind: Number, default_value: many}", "", ""),
        "bad-default",
        "a.default_value",
        "default value not compatible",
    );
    check(
        &thing("{name: a, kind: Number, parameters: {start_range: 1}}", "", ""),
        "bad-parameter",
        "a.parameters.start_range",
        "not a parameter of kind `Number`",
    );
    check(
        &thing("{name: a, kind: Number, parameters: {min_value: 5, max_value: 1}}", "", ""),
        "bad-limits",
        "a",
        "smallest value 5",
    );
    check(
        &thing("{name: a, kind: Text, regex: '['}", "", ""),
        "bad-regex",
        "a.regex",
        "not a pattern",
    );
    let computed =
        "{name: a, kind: Number, computed_attribute: {kind: Jinja2, jinja2_template: x}}";
    check(&thing(computed, "", ""), "computed-kind", "a.kind", "`Text` or `URL`");
    check(&thing(computed, "", ""), "computed-writable", "a.read_only", "`read_only: true`");
    let pool = "{name: a, kind: NumberPool}";
    check(&thing(pool, "", ""), "pool-writable", "a.read_only", "`NumberPool`");
}

#[test]
fn relationships() {
    check(
        &thing("", "{name: up, peer: BuiltinTag, kind: Parent}", ""),
        "parent-many",
        "up.cardinality",
        "Relationship of type parent must be cardinality=one",
    );
    check(
        &thing("", "{name: up, peer: BuiltinTag, kind: Parent, cardinality: one}", ""),
        "parent-optional",
        "up.optional",
        "Relationship of type parent must not be optional",
    );
    check(
        &thing("", "{name: r, peer: InfraThng}", ""),
        "unknown-peer",
        "r",
        "Relationship 'r' is referencing an invalid peer 'InfraThng'",
    );
    check(
        &thing("", "{name: ra, peer: BuiltinTag}, {name: rb, peer: BuiltinTag}", ""),
        "duplicate-identifier",
        "ra",
        "Identifier of relationships must be unique for a given direction",
    );
    check(
        &thing("", "{name: r, peer: BuiltinTag, cardinality: one, max_count: 3}", ""),
        "bad-count",
        "r.max_count",
        "min_count or max_count are not 1",
    );
    check(
        &thing("", "{name: r, peer: BuiltinTag, min_count: 5, max_count: 2}", ""),
        "bad-count",
        "r.min_count",
        "min_count must be lower than max_count",
    );
    check(
        &thing("", "{name: r, peer: BuiltinTag, identifier: 'A B'}", ""),
        "bad-identifier",
        "r.identifier",
        "lower-case",
    );
}

#[test]
fn kinds_together() {
    check(
        &thing("", "", "inherit_from: [BuiltinTag],"),
        "not-a-generic",
        "inherit_from",
        "Only generic model can be used as part of inherit_from, BuiltinTag is not a valid entry.",
    );
    check(
        &thing("", "", "inherit_from: [CoreArtifactTargt],"),
        "unknown-generic",
        "inherit_from",
        "did you mean `CoreArtifactTarget`?",
    );
    check(
        &thing("", "", "inherit_from: [CoreResourcePool],"),
        "closed-generic",
        "inherit_from",
        "only be inherited by kinds of the host",
    );
    check(
        &thing("", "", "inherit_from: [BuiltinIPPrefix, BuiltinIPAddress],"),
        "prefix-and-address",
        "inherit_from",
        "cannot inherit from both BuiltinIPPrefix and BuiltinIPAddress",
    );
    let needs = |name: &str, peer: &str| {
        format!(
            "  - {{name: {name}, namespace: Infra, relationships: [{{name: other, peer: \
             Infra{peer}, cardinality: one, optional: false, identifier: a__b}}]}}\n"
        )
    };
    check(
        &format!("nodes:\n{}{}", needs("Aa", "Bb"), needs("Bb", "Aa")),
        "mutual-mandatory",
        "InfraAa",
        "cannot both have required relationships to one another",
    );
    check(
        "extensions: {nodes: [{kind: BuiltinTg, attributes: []}]}",
        "unknown-kind",
        "BuiltinTg",
        "did you mean `BuiltinTag`?",
    );
}

#[test]
fn kinds_that_inherit_and_belong() {
    let long = "x".repeat(200);
    check(&thing("", "", &format!("description: {long},")), "too-long", "description", "128");
    let parent = |name: &str, peer: &str| {
        format!("{{name: {name}, peer: {peer}, kind: Parent, cardinality: one, optional: false}}")
    };
    check(
        &thing("", &[parent("tag", "BuiltinTag"), parent("group", "CoreGroup")].join(", "), ""),
        "two-parents",
        "InfraThing",
        "Only one relationship of type parent is allowed",
    );
    let belongs = |name: &str, to: &str| {
        format!(
            "  - {{name: {name}, namespace: Infra, relationships: [{{name: up_{}, peer: Infra{to}, \
             kind: Parent, cardinality: one, optional: false, identifier: {}__up}}]}}\n",
            name.to_lowercase(),
            name.to_lowercase()
        )
    };
    check(
        &format!("nodes:\n{}{}", belongs("Aa", "Bb"), belongs("Bb", "Aa")),
        "parent-cycle",
        "InfraAa",
        "Cycles exist among parents and components in schema",
    );
    let generic = "generics: [{name: Base, namespace: Shared, hierarchical: true, \
                   restricted_namespaces: [Shared], attributes: [{name: fixed, kind: Text, \
                   allow_override: none}]}, {name: Other, namespace: Infra, hierarchical: true}]\n";
    let node = thing("", "", "inherit_from: [SharedBase],");
    check(&format!("{generic}{node}"), "restricted-namespace", "inherit_from", "Shared");
    let node = thing("{name: fixed, kind: Number}", "", "inherit_from: [SharedBase],");
    check(&format!("{generic}{node}"), "no-override", "fixed", "allows no override");
    let node = thing("", "", "inherit_from: [SharedBase, InfraOther],");
    check(
        &format!("{generic}{node}"),
        "two-hierarchies",
        "inherit_from",
        "Only one generic with hierarchical support is allowed per node",
    );
    let ends = "nodes:\n  - {name: Aa, namespace: Infra, relationships: [{name: to_b, peer: InfraBb, \
                identifier: a__b, direction: outbound}]}\n  - {name: Bb, namespace: Infra, \
                relationships: [{name: to_a, peer: InfraAa, identifier: a__b, direction: \
                outbound}]}\n";
    check(ends, "direction-mismatch", "InfraAa", "Incompatible direction detected");
    let number = "{name: aaa, kind: Number, enum: [1, two]}";
    check(&thing(number, "", ""), "bad-enum", "aaa.enum", "two");
    let both = "generics: [{name: Thing, namespace: Infra}]\n";
    check(&format!("{both}{}", thing("", "", "")), "kind-changed", "InfraThing", "both as a node");
}

#[test]
fn paths() {
    check(
        &thing("", "", "human_friendly_id: [nam__value],"),
        "bad-path",
        "human_friendly_id",
        "nam__value is invalid on schema InfraThing",
    );
    check(
        &thing("", "", "human_friendly_id: [name__color],"),
        "bad-path",
        "human_friendly_id",
        "color is not a valid property of name",
    );
    let tag = "{name: tag, peer: BuiltinTag, cardinality: one}";
    check(
        &thing("", tag, "human_friendly_id: [tag__name__value],"),
        "bad-path",
        "human_friendly_id",
        "relationship must be mandatory.",
    );
    check(
        &thing("", tag, "uniqueness_constraints: [[tag__name__value]],"),
        "bad-path",
        "uniqueness_constraints",
        "cannot use attributes of related node, only the relationship",
    );
    let tags = "{name: tags, peer: BuiltinTag, cardinality: many}";
    check(
        &thing("", tags, "uniqueness_constraints: [[tags, name__value]],"),
        "bad-path",
        "uniqueness_constraints",
        "relationship must be of cardinality one",
    );
    check(
        &thing("", "", "display_label: '{{ nme__value }}',"),
        "bad-path",
        "display_label",
        "nme__value is invalid",
    );
    check(
        &thing("", "", "display_label: '{{ name__value',"),
        "bad-template",
        "display_label",
        "template",
    );
}

#[test]
fn what_is_inferred() {
    let schema = load(&thing("", "", "")).unwrap();
    let kind = schema.kind("InfraThing").unwrap();
    assert_eq!(kind.human_friendly_id.len(), 1);
    assert_eq!(kind.label, "Thing");
    assert!(kind.relationship("member_of_groups").is_some());
    assert!(schema.kind("ProfileInfraThing").is_some());
    assert!(schema.kind("TemplateInfraThing").is_none());
}

#[test]
fn loading_again_merges_and_absent_removes() {
    let first = Document::parse("a", &thing("{name: color, kind: Text, optional: true}", "", ""));
    let first = merge(&Declared::default(), &first.unwrap()).unwrap();
    let again = "nodes: [{name: Thing, namespace: Infra, attributes: [{name: size, kind: Number, \
                 optional: true}, {name: color, state: absent}]}]";
    let second = merge(&first, &Document::parse("b", again).unwrap()).unwrap();
    let schema = compile(&second, &mut Symbols::default()).unwrap();
    let kind = schema.kind("InfraThing").unwrap();
    assert!(kind.attribute("name").is_some() && kind.attribute("size").is_some());
    assert!(kind.attribute("color").is_none());
    let gone = "nodes: [{name: Thing, namespace: Infra, state: absent}]";
    let third = merge(&second, &Document::parse("c", gone).unwrap()).unwrap();
    assert!(third.kinds.is_empty());
}

#[test]
fn values_are_read_and_checked_by_their_kind() {
    let text = thing(
        "{name: nnn, kind: Number, parameters: {min_value: 2, max_value: 9, excluded_values: '4-5'}}, \
         {name: mmm, kind: MacAddress}, {name: hhh, kind: IPHost}, {name: ppp, kind: IPNetwork}, \
         {name: bbb, kind: Boolean}, {name: ttt, kind: DateTime}, {name: rrr, kind: Text, regex: \
         '^[a-z]+$'}, {name: lll, kind: List}, {name: eee, kind: Email}, {name: ddd, kind: Dropdown, \
         choices: [{name: x}]}",
        "",
        "",
    );
    let schema = load(&text).unwrap();
    let kind = schema.kind("InfraThing").unwrap();
    let read = |name: &str, json: serde_json::Value| {
        kind.attribute(name).unwrap().parse(&json).map(|value| value.to_string())
    };
    let good = [
        ("nnn", serde_json::json!("3"), "3"),
        ("mmm", serde_json::json!("00-11-22-AA-BB-CC"), "00:11:22:aa:bb:cc"),
        ("hhh", serde_json::json!("10.0.0.1"), "10.0.0.1/32"),
        ("hhh", serde_json::json!("2001:DB8:0::1/64"), "2001:db8::1/64"),
        ("ppp", serde_json::json!("10.0.0.0/24"), "10.0.0.0/24"),
        ("ttt", serde_json::json!("2026-01-31T12:00:00+01:00"), "2026-01-31T11:00:00.000000Z"),
        ("bbb", serde_json::json!("yes"), "true"),
        ("rrr", serde_json::json!("abc"), "abc"),
        ("ddd", serde_json::json!("x"), "x"),
    ];
    for (name, json, wanted) in good {
        assert_eq!(read(name, json), Ok(wanted.to_owned()), "{name}");
    }
    let bad = [
        ("nnn", serde_json::json!(1)),
        ("nnn", serde_json::json!(10)),
        ("nnn", serde_json::json!(5)),
        ("nnn", serde_json::json!("ten")),
        ("nnn", serde_json::json!(9_223_372_036_854_775_808_u64)),
        ("mmm", serde_json::json!("00:11")),
        ("hhh", serde_json::json!("10.0.0.1/33")),
        ("ppp", serde_json::json!("10.0.0.1/24")),
        ("bbb", serde_json::json!("maybe")),
        ("ttt", serde_json::json!("yesterday")),
        ("rrr", serde_json::json!("ABC")),
        ("lll", serde_json::json!("no list")),
        ("eee", serde_json::json!("nobody")),
        ("ddd", serde_json::json!("y")),
    ];
    for (name, json) in bad {
        let found = read(name, json.clone());
        assert!(found.is_err(), "{name} takes {json}: {found:?}");
    }
}

#[test]
fn the_last_bounds() {
    let many: Vec<String> = (0..2_001).map(|n| format!("{{name: attr_{n}, kind: Text}}")).collect();
    check(&thing(&many.join(", "), "", ""), "too-many", "InfraThing", "more than 2000 attributes");
    let node = "nodes: [{name: Group, namespace: Core, attributes: [{name: a, kind: Text}]}]";
    check(node, "reserved-kind", "CoreGroup", "`CoreGroup` is built in");
    let computed = |how: &str| {
        thing(
            &format!("{{name: c, kind: Text, read_only: true, computed_attribute: {how}}}"),
            "",
            "",
        )
    };
    let unknown = computed("{kind: Magic}");
    check(&unknown, "bad-computed", "computed_attribute", "`Magic` is not a kind of computed");
    let empty = computed("{kind: Jinja2}");
    check(&empty, "bad-computed", "computed_attribute", "`jinja2_template` is missing");
}
