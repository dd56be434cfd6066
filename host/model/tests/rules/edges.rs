//! The rules at their edges: lengths, letters, reserved words, types, and every kind of attribute.

use crate::{check, load, thing};

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

/// What each kind of attribute takes, with how it is kept, and what it refuses.
#[test]
fn every_kind_of_attribute_takes_its_values_alone() {
    use serde_json::json;
    let (texts, none) = (json!("any text"), json!(["a list"]));
    let large = json!("x".repeat((1 << 20) + 1));
    type Given = serde_json::Value;
    let kinds: [(&str, &str, &[(Given, &str)], &[Given]); 23] = [
        ("ID", "", &[(texts.clone(), "any text")], &[none.clone(), json!({})]),
        (
            "Text",
            "",
            &[(texts.clone(), "any text"), (json!(5), "5")],
            &[none.clone(), large.clone()],
        ),
        ("TextArea", "", &[(json!("a\nb"), "a\nb")], &[none.clone(), large.clone()]),
        (
            "Dropdown",
            "choices: [{name: x}, {name: y}]",
            &[(json!("y"), "y")],
            &[json!("z"), none.clone()],
        ),
        (
            "DateTime",
            "",
            &[(json!("2026-01-31T12:00:00Z"), "2026-01-31T12:00:00.000000Z")],
            &[json!("2026-13-01T00:00:00Z"), json!("noon"), json!(5), none.clone()],
        ),
        (
            "Email",
            "",
            &[(json!("a@example.org"), "a@example.org")],
            &[json!("a"), json!("@example.org"), json!("a b@example.org"), json!("a@host")],
        ),
        ("Password", "", &[(texts.clone(), "any text")], &[none.clone(), large.clone()]),
        ("HashedPassword", "", &[(texts.clone(), "any text")], &[none.clone()]),
        ("URL", "", &[(json!("https://example.org/"), "https://example.org/")], &[none.clone()]),
        ("File", "", &[(json!("a/b.txt"), "a/b.txt")], &[none.clone()]),
        (
            "MacAddress",
            "",
            &[
                (json!("0011.22AA.BBCC"), "00:11:22:aa:bb:cc"),
                (json!("001122aabbcc"), "00:11:22:aa:bb:cc"),
            ],
            &[json!("00:11:22:aa:bb"), json!("00:11:22:aa:bb:cg"), json!(5)],
        ),
        (
            "Color",
            "",
            &[(json!("#0a1B2c"), "#0a1B2c"), (json!("#fff"), "#fff")],
            &[json!("#12"), json!("#gggggg"), none.clone()],
        ),
        (
            "Number",
            "",
            &[(json!(-5), "-5"), (json!(i64::MAX), "9223372036854775807"), (json!(" 7 "), "7")],
            &[
                json!(1.5),
                json!("1e3"),
                json!(true),
                json!(9_223_372_036_854_775_808_u64),
                none.clone(),
            ],
        ),
        ("NumberPool", "read_only: true", &[(json!(5), "5")], &[json!("five"), none.clone()]),
        ("Bandwidth", "", &[(json!(1000), "1000")], &[json!("fast"), none.clone()]),
        (
            "IPHost",
            "",
            &[(json!("10.0.0.1/8"), "10.0.0.1/8"), (json!("::1"), "::1/128")],
            &[json!("10.0.0.256"), json!("10.0.0.1/33"), json!("::1/129"), json!(5)],
        ),
        (
            "IPNetwork",
            "",
            &[(json!("10.0.0.0/8"), "10.0.0.0/8"), (json!("10.0.0.1"), "10.0.0.1/32")],
            &[json!("10.0.0.1/8"), json!("10.0.0.0/33"), json!("lan"), json!(5)],
        ),
        (
            "IPAddress",
            "",
            &[(json!("10.0.0.1"), "10.0.0.1"), (json!("2001:DB8::1"), "2001:db8::1")],
            &[json!("10.0.0.1/8"), json!("10.0.0"), json!(5)],
        ),
        (
            "Boolean",
            "",
            &[(json!(true), "true"), (json!("no"), "false")],
            &[json!("maybe"), json!(2), none.clone()],
        ),
        ("Checkbox", "", &[(json!(false), "false")], &[json!("maybe"), json!(2), none.clone()]),
        (
            "List",
            "",
            &[(json!(["a", 5]), "[\"a\",5]")],
            &[json!("a"), json!({}), json!([large.clone()])],
        ),
        ("JSON", "", &[(json!({"a": [1]}), "{\"a\":[1]}")], &[json!({"a": large.clone()})]),
        ("Any", "", &[(json!({"a": 1}), "{\"a\":1}")], &[json!([large.clone()])]),
    ];
    for (kind, more, good, bad) in kinds {
        let schema = load(&thing(&format!("{{name: aaa, kind: {kind}, {more}}}"), "", "")).unwrap();
        let attribute = schema.kind("InfraThing").unwrap().attribute("aaa").unwrap().clone();
        for (given, kept) in good {
            let read = attribute.parse(given).unwrap_or_else(|bad| panic!("{kind}: {bad}"));
            assert_eq!(read.to_string(), *kept, "{kind}");
            // What is kept reads as itself.
            assert_eq!(attribute.parse(&read.to_json()).unwrap(), read, "{kind}");
        }
        for given in bad {
            let told = attribute.parse(given).expect_err(kind).to_string();
            assert!(told.contains("aaa"), "{kind}: {told}");
        }
        assert!(attribute.parse(&json!(null)).unwrap().is_null(), "{kind}");
    }
}
