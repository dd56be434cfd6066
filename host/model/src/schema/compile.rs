//! From declarations to the complete schema.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::schema::builtin;
use crate::schema::declared::{AttributeDecl, Declared, KindDecl, RelationshipDecl};
use crate::schema::derive;
use crate::schema::error::SchemaError;
use crate::schema::rename;
use crate::schema::rules;
use crate::schema::types::{
    Attribute, AttributeKind, BranchMode, Cardinality, Category, Choice, Computed, Derived,
    Direction, Hierarchy, Kind, OnDelete, Parameters, Relationship, RelationshipKind, Schema,
};
use crate::{Digest, Symbol, Symbols, Value};

/// Steps between the order weights that are given automatically.
const WEIGHT_STEP: i64 = 1000;

/// Kinds being compiled, with the declarations they come from.
#[derive(Debug, Default)]
pub(crate) struct Workshop {
    pub(crate) kinds: BTreeMap<String, Kind>,
    pub(crate) decls: BTreeMap<String, KindDecl>,
    pub(crate) errors: Vec<SchemaError>,
}

impl Workshop {
    pub(crate) fn say(
        &mut self,
        kind: &str,
        path: &str,
        code: &'static str,
        message: impl Into<String>,
        remedy: &str,
    ) {
        let file = self.decls.get(kind).map(|decl| decl.file.clone()).unwrap_or_default();
        let path = if path.is_empty() { kind.to_owned() } else { format!("{kind}.{path}") };
        self.errors.push(SchemaError {
            file,
            path,
            code,
            message: message.into(),
            remedy: remedy.to_owned(),
        });
    }
}

/// Compiles what is declared, together with the built-in kinds. All broken rules are told.
///
/// Cost: about a millisecond for a hundred kinds.
pub fn compile(declared: &Declared, symbols: &mut Symbols) -> Result<Schema, Vec<SchemaError>> {
    let mut workshop = Workshop::default();
    for (name, decl) in builtin::declared().kinds.iter().chain(&declared.kinds) {
        if workshop.decls.contains_key(name) {
            workshop.say(
                name,
                "",
                "reserved-kind",
                format!("`{name}` is built in"),
                "use another name",
            );
        }
        workshop.decls.insert(name.clone(), decl.clone());
    }
    rules::declarations(declared, &mut workshop);
    for (name, additions) in &declared.extensions {
        match workshop.decls.get_mut(name) {
            Some(decl) => {
                decl.attributes.extend(additions.attributes.iter().cloned());
                decl.relationships.extend(additions.relationships.iter().cloned());
            }
            None => {
                let nearest =
                    crate::schema::error::nearest(name, workshop.decls.keys().map(String::as_str));
                workshop.errors.push(SchemaError {
                    file: additions.file.clone(),
                    path: format!("extensions.nodes[{name}]"),
                    code: "unknown-kind",
                    message: format!("there is no kind `{name}` to extend"),
                    remedy: nearest.map(|n| format!("did you mean `{n}`?")).unwrap_or_default(),
                });
            }
        }
    }
    own(&mut workshop, symbols);
    inherit(&mut workshop);
    derive::all(&mut workshop, symbols);
    rules::compiled(&mut workshop);
    if !workshop.errors.is_empty() {
        workshop.errors.sort();
        workshop.errors.dedup();
        return Err(workshop.errors);
    }
    let hash = Digest::of(serde_json::to_string(declared).unwrap_or_default().as_bytes());
    let kinds: BTreeMap<String, Arc<Kind>> =
        workshop.kinds.into_iter().map(|(name, kind)| (name, Arc::new(kind))).collect();
    let by_symbol = kinds
        .values()
        .filter(|kind| kind.category != Category::Generic)
        .map(|kind| (kind.symbol, Arc::clone(kind)))
        .collect();
    Ok(Schema { hash, kinds, by_symbol })
}

/// Every declared kind with its own attributes and relationships.
fn own(workshop: &mut Workshop, symbols: &mut Symbols) {
    for (name, decl) in workshop.decls.clone() {
        let category = if decl.generic { Category::Generic } else { Category::Node };
        let attributes = decl
            .attributes
            .iter()
            .map(|attribute| attribute_of(&name, attribute, &decl, symbols, workshop))
            .collect();
        let relationships = decl
            .relationships
            .iter()
            .map(|relationship| relationship_of(&name, relationship, symbols))
            .collect();
        let kind = Kind {
            symbol: symbols.intern(&format!("kind:{name}")),
            namespace: decl.namespace.clone(),
            short_name: decl.name.clone(),
            category,
            label: decl.label.clone().unwrap_or_else(|| label_of_camel(&decl.name)),
            description: decl.description.clone().unwrap_or_default(),
            icon: decl.icon.clone(),
            branch: branch_of(decl.branch.as_deref()),
            generics: Vec::new(),
            used_by: Vec::new(),
            attributes,
            relationships,
            human_friendly_id: Vec::new(),
            display_label: None,
            order_by: Vec::new(),
            uniqueness: Vec::new(),
            hierarchy: None,
            derived: Derived {
                profile: decl.generate_profile.unwrap_or(true),
                template: decl.generate_template.unwrap_or(false),
            },
            serves: None,
            built_in: builtin::declared().kinds.contains_key(&name),
            name: name.clone(),
        };
        workshop.kinds.insert(name, kind);
    }
}

pub(crate) fn branch_of(text: Option<&str>) -> BranchMode {
    match text {
        Some("agnostic") => BranchMode::Agnostic,
        Some("local") => BranchMode::Local,
        _ => BranchMode::Aware,
    }
}

fn attribute_of(
    kind: &str,
    decl: &AttributeDecl,
    of: &KindDecl,
    symbols: &mut Symbols,
    workshop: &mut Workshop,
) -> Attribute {
    let parameters = parameters_of(kind, decl, workshop);
    let branch = decl.branch.as_deref().or(of.branch.as_deref());
    let mut attribute = Attribute {
        name: decl.name.clone(),
        symbol: symbols.intern(&format!("attr:{}", decl.name)),
        kind: attribute_kind(&decl.kind),
        label: decl.label.clone().unwrap_or_else(|| label_of_snake(&decl.name)),
        description: decl.description.clone().unwrap_or_default(),
        optional: decl.optional.unwrap_or(false),
        default: None,
        unique: decl.unique.unwrap_or(false),
        allowed: Vec::new(),
        choices: decl
            .choices
            .iter()
            .flatten()
            .map(|choice| Choice {
                name: choice.name.clone(),
                label: choice.label.clone().unwrap_or_else(|| label_of_snake(&choice.name)),
                description: choice.description.clone(),
                color: choice.color.clone(),
            })
            .collect(),
        parameters,
        read_only: decl.read_only.unwrap_or(false),
        branch: branch_of(branch),
        computed: decl.computed_attribute.as_ref().map(|computed| {
            match (computed.kind.as_str(), &computed.jinja2_template, &computed.transform) {
                ("Jinja2", Some(template), _) => Computed::Template(template.clone()),
                ("TransformPython", _, Some(transform)) => Computed::Transform(transform.clone()),
                _ => Computed::User,
            }
        }),
        order_weight: decl.order_weight.unwrap_or(0),
        inherited_from: None,
        allow_override: decl.allow_override.as_deref() != Some("none"),
    };
    if attribute.computed == Some(Computed::User) {
        attribute.computed = None;
    }
    for allowed in decl.allowed.iter().flatten() {
        match attribute.read(allowed) {
            Ok(value) => attribute.allowed.push(value),
            Err(bad) => {
                workshop.say(kind, &format!("{}.enum", decl.name), "bad-enum", bad.to_string(), "");
            }
        }
    }
    if let Some(default) = &decl.default_value {
        match attribute.parse(default) {
            Ok(value) if value.is_null() => {}
            Ok(value) => attribute.default = Some(value),
            Err(bad) => workshop.say(
                kind,
                &format!("{}.default_value", decl.name),
                "bad-default",
                format!("default value not compatible with the attribute: {bad}"),
                "give a value the attribute takes",
            ),
        }
    }
    attribute
}

pub(crate) fn attribute_kind(text: &str) -> AttributeKind {
    match text {
        "ID" => AttributeKind::Id,
        "Dropdown" => AttributeKind::Dropdown,
        "TextArea" => AttributeKind::TextArea,
        "DateTime" => AttributeKind::DateTime,
        "Email" => AttributeKind::Email,
        "Password" => AttributeKind::Password,
        "HashedPassword" => AttributeKind::HashedPassword,
        "URL" => AttributeKind::Url,
        "File" => AttributeKind::File,
        "MacAddress" => AttributeKind::MacAddress,
        "Color" => AttributeKind::Color,
        "Number" => AttributeKind::Number,
        "NumberPool" => AttributeKind::NumberPool,
        "Bandwidth" => AttributeKind::Bandwidth,
        "IPHost" => AttributeKind::IpHost,
        "IPNetwork" => AttributeKind::IpNetwork,
        "IPAddress" => AttributeKind::IpAddress,
        "Boolean" => AttributeKind::Boolean,
        "Checkbox" => AttributeKind::Checkbox,
        "List" => AttributeKind::List,
        "JSON" => AttributeKind::Json,
        "Any" => AttributeKind::Any,
        _ => AttributeKind::Text,
    }
}

fn parameters_of(kind: &str, decl: &AttributeDecl, workshop: &mut Workshop) -> Parameters {
    let mut given = decl.parameters.clone().unwrap_or_default();
    // The form that hangs a pool on a plain number: its keys are those of the attribute.
    if decl.kind == "Number"
        && let Some(Json::Object(nested)) = given.remove("NumberPool")
    {
        for (name, value) in nested {
            let name = if name == "pool" { "number_pool_id".to_owned() } else { name };
            given.entry(name).or_insert(value);
        }
    }
    let known: &[&str] = match decl.kind.as_str() {
        "Text" | "TextArea" => &["regex", "min_length", "max_length"],
        "List" => &["regex"],
        "Number" => {
            &["min_value", "max_value", "excluded_values", "excluded_ranges", "number_pool_id"]
        }
        "NumberPool" => &[
            "start_range",
            "end_range",
            "number_pool_id",
            "excluded_values",
            "excluded_ranges",
            "min_value",
            "max_value",
        ],
        _ => &[],
    };
    let path = |name: &str| format!("{}.parameters.{name}", decl.name);
    for name in given.keys().filter(|name| !known.contains(&name.as_str())) {
        let message = format!("`{name}` is not a parameter of kind `{}`", decl.kind);
        workshop.say(kind, &path(name), "bad-parameter", message, "take it away");
    }
    let int = |name: &str| given.get(name).and_then(Json::as_i64);
    let text = |name: &str| given.get(name).and_then(Json::as_str).map(str::to_owned);
    let length = |number: Option<i64>| number.and_then(|number| u32::try_from(number).ok());
    let excluded = excluded_of(&given).unwrap_or_else(|name| {
        let message = format!("`{name}` is a comma list of numbers and a-b ranges, or a list");
        let remedy = "write `12,14-16`, `[12, 14]` or `[[14, 16]]`";
        workshop.say(kind, &path(name), "bad-parameter", message, remedy);
        Vec::new()
    });
    let (first, last) = bounds_of(&decl.kind, &given);
    for (low, high) in excluded.iter().filter(|(low, high)| *high < first || *low > last) {
        let what = if low == high { low.to_string() } else { format!("{low}-{high}") };
        let message =
            format!("{what} is excluded, but the attribute takes {first} to {last} anyway");
        let remedy = "leave the exclusion out, or widen the range";
        workshop.say(kind, &path("excluded_values"), "exclusion-outside", message, remedy);
    }
    let excluded = apart(excluded);
    let own_pool = || {
        let id = rename::id_text(decl.id.as_ref()).filter(|_| decl.kind == "NumberPool");
        id.map(|id| rename::derived(&format!("pool {id}")))
    };
    Parameters {
        regex: text("regex").or_else(|| decl.regex.clone()),
        min_length: length(int("min_length").or(decl.min_length)),
        max_length: length(int("max_length").or(decl.max_length)),
        min_value: int("min_value"),
        max_value: int("max_value"),
        excluded,
        start_range: int("start_range"),
        end_range: int("end_range"),
        own_pool: text("number_pool_id").is_none() && decl.kind == "NumberPool",
        number_pool: text("number_pool_id").or_else(own_pool),
    }
}

/// The least and the largest number that an attribute takes, exclusions left out: what its bounds and the
/// range of a pool of its own have in common.
fn bounds_of(kind: &str, given: &BTreeMap<String, Json>) -> (i64, i64) {
    let int = |name: &str| given.get(name).and_then(Json::as_i64);
    let (mut first, mut last) = (int("min_value"), int("max_value"));
    if kind == "NumberPool" && !given.contains_key("number_pool_id") {
        first = Some(int("start_range").unwrap_or(1).max(first.unwrap_or(i64::MIN)));
        last = int("end_range").into_iter().chain(last).min();
    }
    (first.unwrap_or(i64::MIN), last.unwrap_or(i64::MAX))
}

/// What both keys exclude; what does not read is named.
fn excluded_of(given: &BTreeMap<String, Json>) -> Result<Vec<(i64, i64)>, &'static str> {
    let mut ranges = match given.get("excluded_values") {
        None => Vec::new(),
        Some(Json::String(text)) => ranges_in(text).ok_or("excluded_values")?,
        Some(Json::Array(list)) => {
            let single = |json: &Json| json.as_i64().map(|number| (number, number));
            list.iter().map(single).collect::<Option<_>>().ok_or("excluded_values")?
        }
        Some(_) => return Err("excluded_values"),
    };
    if let Some(list) = given.get("excluded_ranges") {
        let pair = |json: &Json| match json.as_array()?.as_slice() {
            [low, high] => Some((low.as_i64()?, high.as_i64()?)).filter(|(low, high)| low <= high),
            _ => None,
        };
        let pairs =
            list.as_array().and_then(|list| list.iter().map(pair).collect::<Option<Vec<_>>>());
        ranges.extend(pairs.ok_or("excluded_ranges")?);
    }
    Ok(ranges)
}

/// `12,14-16` as ranges, as they are written.
fn ranges_in(text: &str) -> Option<Vec<(i64, i64)>> {
    let mut ranges = Vec::new();
    for part in text.split(',') {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        let (low, high) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
        ranges.push(if low <= high { (low, high) } else { return None });
    }
    Some(ranges)
}

/// Ranges sorted and joined where they touch.
fn apart(mut ranges: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    ranges.sort_unstable();
    let mut merged: Vec<(i64, i64)> = Vec::new();
    for (low, high) in ranges {
        match merged.last_mut() {
            Some(last) if low <= last.1.saturating_add(1) => last.1 = last.1.max(high),
            _ => merged.push((low, high)),
        }
    }
    merged
}

/// The identifier of a relationship that gives none.
pub(crate) fn default_identifier(owner: &str, peer: &str) -> String {
    let mut ends = [owner.to_lowercase(), peer.to_lowercase()];
    ends.sort();
    ends.join("__")
}

pub(crate) fn relationship_of(
    owner: &str,
    decl: &RelationshipDecl,
    symbols: &mut Symbols,
) -> Relationship {
    let identifier = decl.identifier.clone();
    let identifier = identifier.unwrap_or_else(|| default_identifier(owner, &decl.peer));
    let kind = match decl.kind.as_deref() {
        Some("Attribute") => RelationshipKind::Attribute,
        Some("Component") => RelationshipKind::Component,
        Some("Parent") => RelationshipKind::Parent,
        Some("Group") => RelationshipKind::Group,
        Some("Hierarchy") => RelationshipKind::Hierarchy,
        Some("Profile") => RelationshipKind::Profile,
        Some("Template") => RelationshipKind::Template,
        _ => RelationshipKind::Generic,
    };
    let count = |count: Option<i64>| count.and_then(|count| u32::try_from(count).ok()).unwrap_or(0);
    Relationship {
        name: decl.name.clone(),
        symbol: symbols.intern(&format!("rel:{identifier}")),
        identifier,
        direction: match decl.direction.as_deref() {
            Some("outbound") => Direction::Outbound,
            Some("inbound") => Direction::Inbound,
            _ => Direction::Bidirectional,
        },
        peer: decl.peer.clone(),
        kind,
        cardinality: match decl.cardinality.as_deref() {
            Some("one") => Cardinality::One,
            _ => Cardinality::Many,
        },
        min_count: count(decl.min_count),
        max_count: count(decl.max_count),
        optional: decl.optional.unwrap_or(true),
        on_delete: match (decl.on_delete.as_deref(), kind) {
            (Some("cascade"), _) | (None, RelationshipKind::Component) => OnDelete::Cascade,
            _ => OnDelete::NoAction,
        },
        branch: branch_of(decl.branch.as_deref()),
        read_only: decl.read_only.unwrap_or(false),
        label: decl.label.clone().unwrap_or_else(|| label_of_snake(&decl.name)),
        description: decl.description.clone().unwrap_or_default(),
        order_weight: decl.order_weight.unwrap_or(0),
        inherited_from: None,
        allow_override: decl.allow_override.as_deref() != Some("none"),
        hierarchical: None,
        common_parent: decl.common_parent.clone(),
        common_relatives: decl.common_relatives.clone().unwrap_or_default(),
    }
}

/// Gives every node what its generics declare, nearest generic first, `CoreNode` last.
fn inherit(workshop: &mut Workshop) {
    let names: Vec<String> = workshop.kinds.keys().cloned().collect();
    for name in &names {
        let Some(decl) = workshop.decls.get(name).cloned() else { continue };
        if decl.generic {
            continue;
        }
        let mut parents = decl.inherit_from.clone().unwrap_or_default();
        parents.retain(|parent| parent != "CoreNode");
        let mut generics = Vec::new();
        for parent in &parents {
            let usable = workshop.kinds.get(parent).map(|kind| kind.category);
            match usable {
                Some(Category::Generic) => generics.push(parent.clone()),
                Some(_) => workshop.say(
                    name,
                    "inherit_from",
                    "not-a-generic",
                    format!(
                        "Only generic model can be used as part of inherit_from, {parent} is not a \
                         valid entry."
                    ),
                    "declare it under `generics`",
                ),
                None => {
                    let names = workshop.kinds.keys().map(String::as_str);
                    let near = crate::schema::error::nearest(parent, names);
                    let remedy = near.map(|near| format!("did you mean `{near}`?"));
                    workshop.say(
                        name,
                        "inherit_from",
                        "unknown-generic",
                        format!("`{parent}` is not a kind of this schema"),
                        &remedy.unwrap_or_default(),
                    );
                }
            }
        }
        for generic in &generics {
            if let Some(parent) = workshop.kinds.get(generic).cloned() {
                inherit_from(workshop, name, &parent);
            }
        }
        generics.push("CoreNode".to_owned());
        for generic in &generics {
            if let Some(parent) = workshop.kinds.get_mut(generic) {
                parent.used_by.push(name.clone());
            }
        }
        if let Some(kind) = workshop.kinds.get_mut(name) {
            kind.generics = generics;
        }
    }
}

fn inherit_from(workshop: &mut Workshop, name: &str, parent: &Kind) {
    let mut closed = Vec::new();
    if let Some(kind) = workshop.kinds.get_mut(name) {
        for attribute in &parent.attributes {
            if let Some(own) = kind.attributes.iter().find(|own| own.name == attribute.name) {
                if !attribute.allow_override && own.inherited_from.is_none() {
                    closed.push(attribute.name.clone());
                }
                continue;
            }
            kind.attributes
                .push(Attribute { inherited_from: Some(parent.name.clone()), ..attribute.clone() });
        }
        for relationship in &parent.relationships {
            if let Some(own) = kind.relationships.iter().find(|own| own.name == relationship.name) {
                if !relationship.allow_override && own.inherited_from.is_none() {
                    closed.push(relationship.name.clone());
                }
                continue;
            }
            kind.relationships.push(Relationship {
                inherited_from: Some(parent.name.clone()),
                ..relationship.clone()
            });
        }
    }
    for field in closed {
        let message =
            format!("`{field}` is declared by `{}`, which allows no override", parent.name);
        workshop.say(name, &field, "no-override", message, "take it away here");
    }
}

/// Weights in steps where none are given, then in their order.
pub(crate) fn weigh(kind: &mut Kind) {
    let mut next = WEIGHT_STEP;
    for attribute in &mut kind.attributes {
        if attribute.order_weight == 0 {
            attribute.order_weight = next;
        }
        next += WEIGHT_STEP;
    }
    for relationship in &mut kind.relationships {
        if relationship.order_weight == 0 {
            relationship.order_weight = next;
        }
        next += WEIGHT_STEP;
    }
    kind.attributes.sort_by_key(|attribute| attribute.order_weight);
    kind.relationships.sort_by_key(|relationship| relationship.order_weight);
}

/// `WebService` → `Web Service`.
pub(crate) fn label_of_camel(name: &str) -> String {
    let mut label = String::new();
    let mut before_lower = false;
    for letter in name.chars() {
        if letter.is_uppercase() && before_lower {
            label.push(' ');
        }
        before_lower = letter.is_lowercase() || letter.is_ascii_digit();
        label.push(letter);
    }
    label
}

/// `instance_count` → `Instance Count`.
pub(crate) fn label_of_snake(name: &str) -> String {
    name.split('_')
        .filter(|word| !word.is_empty())
        .map(|word| {
            let mut letters = word.chars();
            let first = letters.next().map(|first| first.to_uppercase().to_string());
            format!("{}{}", first.unwrap_or_default(), letters.as_str())
        })
        .collect::<Vec<_>>()
        .join(" ")
}

/// A plain attribute made by the host, for derived kinds.
pub(crate) fn plain_attribute(name: &str, kind: AttributeKind, symbols: &mut Symbols) -> Attribute {
    Attribute {
        name: name.to_owned(),
        symbol: symbols.intern(&format!("attr:{name}")),
        kind,
        label: label_of_snake(name),
        description: String::new(),
        optional: true,
        default: None::<Value>,
        unique: false,
        allowed: Vec::new(),
        choices: Vec::new(),
        parameters: Parameters::default(),
        read_only: false,
        branch: BranchMode::Aware,
        computed: None,
        order_weight: 0,
        inherited_from: None,
        allow_override: true,
    }
}

/// A plain relationship made by the host, for derived kinds.
pub(crate) fn plain_relationship(
    name: &str,
    peer: &str,
    identifier: &str,
    kind: RelationshipKind,
    symbols: &mut Symbols,
) -> Relationship {
    let decl = RelationshipDecl {
        name: name.to_owned(),
        peer: peer.to_owned(),
        identifier: Some(identifier.to_owned()),
        ..RelationshipDecl::default()
    };
    Relationship { kind, ..relationship_of("", &decl, symbols) }
}

/// Places a hierarchical kind.
pub(crate) fn hierarchy_of(decl: &KindDecl, generic: &str) -> Hierarchy {
    let named = |name: &Option<String>| name.clone().filter(|name| !name.is_empty());
    Hierarchy {
        generic: generic.to_owned(),
        parent: named(&decl.parent),
        children: named(&decl.children),
    }
}

/// The symbol of a derived kind.
pub(crate) fn kind_symbol(name: &str, symbols: &mut Symbols) -> Symbol {
    symbols.intern(&format!("kind:{name}"))
}
