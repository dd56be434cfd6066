//! Every rule of the language is broken once; each has its code, its place and its public text.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends by panicking")]

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

/// What is wrong with a kind whose attributes, relationships or options are these.
fn wrong(attributes: &str, relationships: &str, more: &str, told: [&str; 3]) {
    check(&thing(attributes, relationships, more), told[0], told[1], told[2]);
}

#[test]
fn texts_are_as_long_as_they_may_be() {
    let (label, text) = ("x".repeat(65), "x".repeat(129));
    wrong("", "", &format!("label: {label},"), ["too-long", "InfraThing.label", "64 characters"]);
    for (key, text) in [("label", &label), ("description", &text), ("deprecation", &text)] {
        let attribute = format!("{{name: aaa, kind: Text, {key}: {text}}}");
        wrong(&attribute, "", "", ["too-long", &format!("aaa.{key}"), key]);
        let relationship = format!("{{name: rrr, peer: BuiltinTag, {key}: {text}}}");
        wrong("", &relationship, "", ["too-long", &format!("rrr.{key}"), key]);
    }
    let fits = format!("label: {}, description: {},", &label[1..], &text[1..]);
    assert!(load(&thing("", "", &fits)).is_ok());
}

#[test]
fn names_keep_to_their_letters_and_lengths() {
    let kind =
        |name: &str, namespace: &str| format!("nodes: [{{name: {name}, namespace: {namespace}}}]");
    for name in ["A", "Thing_a", "9Thing", &format!("A{}", "b".repeat(32))] {
        check(&kind(name, "Infra"), "bad-name", "name", "2 to 32 letters");
    }
    for namespace in ["Ab", "infra", "In_fra", &format!("A{}", "b".repeat(64))] {
        check(&kind("Thing", namespace), "bad-namespace", "namespace", "3 to 64 letters");
    }
    for namespace in [
        "Account",
        "Branch",
        "Builtin",
        "Core",
        "Deprecated",
        "Diff",
        "Infrahub",
        "Internal",
        "Lineage",
        "Profile",
        "Schema",
        "Template",
    ] {
        check(&kind("Thing", namespace), "reserved-namespace", "namespace", namespace);
    }
    for name in ["ab", "a-b", "aaa__bbb", &"x".repeat(65)] {
        wrong(
            &format!("{{name: {name}, kind: Text}}"),
            "",
            "",
            ["bad-name", name, "single underscores"],
        );
        wrong(
            "",
            &format!("{{name: {name}, peer: BuiltinTag}}"),
            "",
            ["bad-name", name, "relationship"],
        );
    }
    for name in [
        "any",
        "attribute",
        "attributes",
        "attr",
        "attrs",
        "relationship",
        "relationships",
        "rel",
        "rels",
        "save",
        "hfid",
        "node_metadata",
    ] {
        let told = format!("{name} isn't allowed as an attribute name.");
        wrong(&format!("{{name: {name}, kind: Text}}"), "", "", ["reserved-name", name, &told]);
        let told = format!("{name} isn't allowed as a relationship name.");
        wrong(
            "",
            &format!("{{name: {name}, peer: BuiltinTag}}"),
            "",
            ["reserved-name", name, &told],
        );
    }
    let generic =
        "generics: [{name: Base, namespace: Infra, attributes: [{name: type, kind: Text}]}]";
    check(generic, "reserved-name", "type", "type isn't allowed as an attribute name.");
    assert!(load(&thing("{name: type, kind: Text}", "", "")).is_ok());
    let long = format!("{{name: rrr, peer: BuiltinTag, identifier: {}}}", "x".repeat(129));
    wrong("", &long, "", ["bad-identifier", "rrr.identifier", "at most 128"]);
}

#[test]
fn every_option_takes_its_own_words_alone() {
    for (option, words) in [
        ("branch: sometimes", "`aware` or `agnostic` or `local`"),
        ("state: gone", "`present` or `absent`"),
        ("include_in_menu: maybe", "found `maybe`"),
        ("inherit_from: CoreNode", "found `CoreNode`"),
        ("uniqueness_constraints: [name__value]", "list of lists of texts"),
    ] {
        let key = option.split(':').next().unwrap();
        wrong("", "", &format!("{option},"), ["wrong-type", key, words]);
    }
    for option in
        ["kind: Dependency", "direction: up", "on_delete: never", "branch: x", "min_count: few"]
    {
        let key = option.split(':').next().unwrap();
        let relationship = format!("{{name: rrr, peer: BuiltinTag, {option}}}");
        wrong("", &relationship, "", ["wrong-type", key, "must be"]);
    }
    for option in ["optional: 5", "allow_override: some", "display: never", "order_weight: heavy"] {
        let key = option.split(':').next().unwrap();
        wrong(
            &format!("{{name: aaa, kind: Text, {option}}}"),
            "",
            "",
            ["wrong-type", key, "must be"],
        );
    }
    // What only the server writes is taken and ignored.
    let told = "used_by: [CoreNode], hash: abc, kind: InfraThing, inherited: true,";
    assert!(load(&thing("{name: aaa, kind: Text, inherited: true}", "", told)).is_ok());
}

#[test]
fn parameters_have_their_types() {
    for (kind, given, told) in [
        ("Text", "min_length: short", "must be a whole number"),
        ("Text", "max_length: -1", "from 0 on"),
        ("Text", "regex: 5", "must be text"),
        ("Number", "min_value: low", "must be a whole number"),
        ("Number", "max_value: 1.5", "must be a whole number"),
        ("Number", "excluded_values: '1,x'", "comma list"),
        ("Number", "excluded_ranges: [[9, 5]]", "comma list"),
        ("Text", "min_value: 5", "not a parameter of kind `Text`"),
        ("Boolean", "regex: x", "not a parameter of kind `Boolean`"),
        ("List", "min_length: 5", "not a parameter of kind `List`"),
    ] {
        let key = given.split(':').next().unwrap();
        let attribute = format!("{{name: aaa, kind: {kind}, parameters: {{{given}}}}}");
        wrong(&attribute, "", "", ["bad-parameter", &format!("aaa.parameters.{key}"), told]);
    }
    wrong(
        "{name: aaa, kind: Text, max_length: -1}",
        "",
        "",
        ["bad-parameter", "aaa.max_length", "0"],
    );
    let turned = "{name: aaa, kind: Text, parameters: {min_length: 9, max_length: 3}}";
    wrong(turned, "", "", ["bad-limits", "aaa", "smallest length 9 is above the largest 3"]);
    let pool = "{name: aaa, kind: NumberPool, read_only: true, parameters: {start_range: 9, end_range: 1}}";
    wrong(pool, "", "", ["bad-limits", "aaa", "smallest range 9"]);
}

#[test]
fn a_default_is_a_value_that_the_attribute_takes() {
    for (attribute, told) in [
        ("kind: Text, enum: [a, b], default_value: c", "`c` must be one of `a`, `b`"),
        ("kind: Dropdown, choices: [{name: x}], default_value: y", "default value not compatible"),
        (
            "kind: Text, parameters: {max_length: 2}, default_value: abc",
            "default value not compatible",
        ),
        (
            "kind: Number, parameters: {excluded_values: '4-6'}, default_value: 5",
            "default value not",
        ),
        ("kind: IPHost, default_value: nowhere", "default value not compatible"),
        ("kind: Boolean, default_value: perhaps", "default value not compatible"),
    ] {
        let attribute = format!("{{name: aaa, {attribute}}}");
        wrong(&attribute, "", "", ["bad-default", "aaa.default_value", told]);
    }
}

#[test]
fn computed_attributes_look_at_one_object_at_a_time() {
    let computed = |how: &str, more: &str| {
        format!("{{name: ccc, kind: Text, read_only: true, {more} computed_attribute: {{{how}}}}}")
    };
    let tags = "{name: tags, peer: BuiltinTag, cardinality: many}";
    let many = computed("kind: Jinja2, jinja2_template: '{{ tags__name__value }}'", "");
    wrong(&many, tags, "", ["bad-path", "ccc", "relationship must be of cardinality one"]);
    let strange = computed("kind: Jinja2, jinja2_template: '{{ colour__value }}'", "");
    wrong(&strange, "", "", ["bad-path", "ccc", "colour__value is invalid on schema InfraThing"]);
    let broken = computed("kind: Jinja2, jinja2_template: '{% if %}'", "");
    wrong(&broken, "", "", ["bad-template", "ccc", "template"]);
    let transform = computed("kind: TransformPython, transform: t", "");
    wrong(&transform, "", "", ["computed-mandatory", "ccc.optional", "`optional: true`"]);
    let fine = computed("kind: TransformPython, transform: t", "optional: true,");
    assert!(load(&thing(&fine, "", "")).is_ok());
}

#[test]
fn counts_are_counts() {
    for (counts, told) in [
        ("max_count: 1", "max_count must be 0 or greater than 1 when cardinality is MANY"),
        ("min_count: -1", "must not be negative"),
        ("max_count: -5", "must not be negative"),
    ] {
        let relationship = format!("{{name: rrr, peer: BuiltinTag, {counts}}}");
        wrong("", &relationship, "", ["bad-count", "rrr", told]);
    }
    let one = "{name: rrr, peer: BuiltinTag, cardinality: one, min_count: 2}";
    wrong(
        "",
        one,
        "",
        ["bad-count", "rrr", "cardinality.ONE but min_count or max_count are not 1"],
    );
}

#[test]
fn paths_lead_to_one_value() {
    let tags = "{name: tags, peer: BuiltinTag, cardinality: many}";
    let tag = "{name: tag, peer: BuiltinTag, cardinality: one, optional: false}";
    for (rel, option, told) in [
        (tag, "human_friendly_id: [tag]", "tag: Must use attributes of related node."),
        (
            tag,
            "human_friendly_id: [tag__colour__value]",
            "colour is not a valid attribute of BuiltinTag",
        ),
        (tags, "human_friendly_id: [tags__name__value]", "relationship must be of cardinality one"),
        (tags, "order_by: [tags__name__value]", "relationship must be of cardinality one"),
        (tag, "order_by: [tag]", "tag: Must use attributes of related node."),
        (tag, "order_by: [size__value]", "size__value is invalid on schema InfraThing"),
        (tags, "display_labels: [tags__name__value]", "relationship must be of cardinality one"),
        (
            tags,
            "display_label: '{{ tags__name__value }}'",
            "relationship must be of cardinality one",
        ),
        (tag, "default_filter: tag__name__value", "this property only supports attributes"),
        (tag, "default_filter: size__value", "size__value is invalid on schema InfraThing"),
        (
            tag,
            "uniqueness_constraints: [[size__value]]",
            "size__value is invalid on schema InfraThing",
        ),
    ] {
        let key = option.split(':').next().unwrap();
        let key = if key == "display_labels" { "display_label" } else { key };
        wrong("", rel, &format!("{option},"), ["bad-path", key, told]);
    }
    let loose = "{name: tag, peer: BuiltinTag, cardinality: one}";
    let told = ["bad-path", "uniqueness_constraints", "relationship must be mandatory."];
    wrong("", loose, "uniqueness_constraints: [[tag, name__value]],", told);
    let pool = "{name: nnn, kind: NumberPool, read_only: true}";
    let told = ["pool-in-identity", "human_friendly_id", "not known when an object is looked up"];
    wrong(pool, "", "human_friendly_id: [nnn__value],", told);
}

#[test]
fn references_between_kinds_lead_somewhere() {
    let tag = "{name: tag, peer: BuiltinTag, common_parent: sites}";
    wrong(
        "",
        tag,
        "",
        ["unknown-relationship", "tag.common_parent", "`BuiltinTag` has no relationship `sites`"],
    );
    let tag = "{name: tag, peer: BuiltinTag, common_relatives: [sites]}";
    wrong("", tag, "", ["unknown-relationship", "tag.common_relatives", "`sites`"]);
    let told = ["bad-hierarchy", "hierarchy", "`CoreNode` is no hierarchical generic"];
    wrong("", "", "hierarchy: CoreNode,", told);
    check("nodes: [{name: Thing, namespace: Infra, hash: 1}, 7]", "not-a-map", "nodes[1]", "");
    check("5", "not-a-map", "", "a schema file is a map");
}

#[test]
fn a_file_that_is_too_large_is_refused_unread() {
    let large = format!("# {}\nnodes: []\n", "x".repeat(8 << 20));
    check(&large, "file-too-large", "", "8388608 are allowed");
    // A file that is small and becomes large by repeating itself.
    let mut bomb = "a: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let before = format!("*a{}, ", level - 1).repeat(10);
        bomb.push_str(&format!("b{level}: &a{level} [{before}]\n"));
    }
    check(&bomb, "not-yaml", "", "not valid YAML");
}
