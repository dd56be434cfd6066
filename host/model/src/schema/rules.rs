//! The rules of the language, each with its text. Broken ones are collected, not thrown.

use std::collections::{BTreeMap, BTreeSet};

use crate::limits::ATTRIBUTES_MAX;
use crate::schema::compile::Workshop;
use crate::schema::declared::{AttributeDecl, Declared, KindDecl, RelationshipDecl};
use crate::schema::fields;
use crate::schema::types::{
    Attribute, AttributeKind, Cardinality, Category, Computed, Direction, Kind, Order, OrderKey,
    Path, Relationship, RelationshipKind,
};

/// Namespaces that only the host declares in.
const RESERVED_NAMESPACES: [&str; 12] = [
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
];
/// Names that queries use themselves.
const RESERVED_FIELDS: [&str; 16] = [
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
    "display_label",
    "ancestors",
    "descendants",
    "_updated_at",
];
/// Generics that only the host inherits from.
const CLOSED_GENERICS: [&str; 16] = [
    "CoreGenericRepository",
    "CoreWebhook",
    "CoreCredential",
    "CoreGenericAccount",
    "CoreResourcePool",
    "CoreIPPool",
    "CoreTransformation",
    "CoreBasePermission",
    "CoreMenu",
    "CoreComment",
    "CoreThread",
    "CoreValidator",
    "CoreKeyValue",
    "CoreTriggerRule",
    "CoreAction",
    "CoreNodeTriggerMatch",
];

/// Rules that a declaration breaks by itself.
pub(crate) fn declarations(declared: &Declared, workshop: &mut Workshop) {
    for (name, decl) in &declared.kinds {
        names(name, decl, workshop);
        fields(name, decl, workshop);
        for attribute in &decl.attributes {
            attribute_rules(name, attribute, workshop);
        }
        for relationship in &decl.relationships {
            relationship_rules(name, relationship, workshop);
        }
        let parents = decl.relationships.iter().filter(|rel| rel.kind.as_deref() == Some("Parent"));
        let parents: Vec<&str> = parents.map(|rel| rel.name.as_str()).collect();
        if parents.len() > 1 {
            let message = format!(
                "Only one relationship of type parent is allowed, but all the following are of \
                 type parent: {parents:?}"
            );
            workshop.say(name, "relationships", "two-parents", message, "keep one of them");
        }
        for closed in decl.inherit_from.iter().flatten() {
            if CLOSED_GENERICS.contains(&closed.as_str()) {
                let message = format!("`{closed}` can only be inherited by kinds of the host");
                workshop.say(name, "inherit_from", "closed-generic", message, "take it away");
            }
        }
        let inherits = |generic: &str| {
            decl.inherit_from.iter().flatten().any(|inherited| inherited == generic)
        };
        if inherits("BuiltinIPPrefix") && inherits("BuiltinIPAddress") {
            let message =
                format!("{name} cannot inherit from both BuiltinIPPrefix and BuiltinIPAddress");
            workshop.say(name, "inherit_from", "prefix-and-address", message, "keep one of them");
        }
        restricted(name, decl, declared, workshop);
    }
}

fn restricted(name: &str, decl: &KindDecl, declared: &Declared, workshop: &mut Workshop) {
    for generic in decl.inherit_from.iter().flatten() {
        let Some(parent) = declared.kinds.get(generic) else { continue };
        let Some(allowed) = &parent.restricted_namespaces else { continue };
        if !allowed.is_empty() && !allowed.contains(&decl.namespace) {
            let message = format!(
                "`{generic}` can only be inherited in the namespaces {}",
                allowed.join(", ")
            );
            workshop.say(name, "inherit_from", "restricted-namespace", message, "");
        }
    }
}

fn names(name: &str, decl: &KindDecl, workshop: &mut Workshop) {
    let letters = |text: &str| text.chars().all(|letter| letter.is_ascii_alphanumeric());
    let upper = |text: &str| text.starts_with(|first: char| first.is_ascii_uppercase());
    let length = |text: &str, least: usize, most: usize| (least..=most).contains(&text.len());
    if !(upper(&decl.name) && letters(&decl.name) && length(&decl.name, 2, 32)) {
        let message = format!(
            "`{}` is not a kind's name: 2 to 32 letters and digits, the first an upper-case letter",
            decl.name
        );
        workshop.say(name, "name", "bad-name", message, "rename it");
    }
    let lower =
        decl.namespace.chars().skip(1).all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if !(upper(&decl.namespace) && lower && length(&decl.namespace, 3, 64)) {
        let message = format!(
            "`{}` is not a namespace: 3 to 64 letters and digits, only the first in upper case",
            decl.namespace
        );
        workshop.say(name, "namespace", "bad-namespace", message, "rename it");
    }
    if RESERVED_NAMESPACES.contains(&decl.namespace.as_str()) {
        let message = format!("the namespace `{}` is the host's", decl.namespace);
        workshop.say(name, "namespace", "reserved-namespace", message, "use another namespace");
    }
    fields::texts(name, decl, workshop);
}

fn field_name(kind: &str, field: &str, what: &str, generic: bool, workshop: &mut Workshop) {
    let plain = field.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    // A query could not name it otherwise.
    let plain = plain && !field.starts_with(|c: char| c.is_ascii_digit());
    if !plain || !(3..=64).contains(&field.len()) || field.contains("__") {
        let message = format!(
            "`{field}` is not a name of an {what}: 3 to 64 lower-case letters, digits and single \
             underscores, not beginning with a digit"
        );
        workshop.say(kind, field, "bad-name", message, "rename it");
    }
    if RESERVED_FIELDS.contains(&field) || (generic && field == "type") {
        let message = format!(
            "{field} isn't allowed as a{} name.",
            match what {
                "attribute" => "n attribute",
                _ => " relationship",
            }
        );
        workshop.say(kind, field, "reserved-name", message, "rename it");
    }
}

fn fields(name: &str, decl: &KindDecl, workshop: &mut Workshop) {
    let attributes: BTreeSet<&str> = decl.attributes.iter().map(|a| a.name.as_str()).collect();
    let relationships: BTreeSet<&str> =
        decl.relationships.iter().map(|r| r.name.as_str()).collect();
    let both: Vec<&&str> = attributes.intersection(&relationships).collect();
    let twice = decl.attributes.len() != attributes.len()
        || decl.relationships.len() != relationships.len();
    if !both.is_empty() || twice {
        let message = format!("Names of attributes and relationships must be unique : {both:?}");
        workshop.say(name, "", "duplicate-name", message, "rename one of them");
    }
    for attribute in &attributes {
        field_name(name, attribute, "attribute", decl.generic, workshop);
    }
    for relationship in &relationships {
        field_name(name, relationship, "relationship", decl.generic, workshop);
    }
    if decl.attributes.len() > ATTRIBUTES_MAX {
        let message = format!("more than {ATTRIBUTES_MAX} attributes");
        workshop.say(name, "attributes", "too-many", message, "split the kind");
    }
}

fn attribute_rules(kind: &str, decl: &AttributeDecl, workshop: &mut Workshop) {
    fields::parameters(kind, decl, workshop);
    let dropdown = decl.kind == "Dropdown";
    let path = |part: &str| format!("{}.{part}", decl.name);
    if decl.choices.is_some() && !dropdown {
        let message = "Can only specify 'choices' for kind=Dropdown";
        workshop.say(kind, &path("choices"), "choices-misplaced", message, "use `enum`");
    }
    if dropdown && decl.choices.as_ref().is_none_or(Vec::is_empty) {
        let message = "The property 'choices' is required for kind=Dropdown";
        workshop.say(kind, &path("choices"), "choices-missing", message, "list them");
    }
    for choice in decl.choices.iter().flatten() {
        let color = choice.color.as_deref().unwrap_or("#000000");
        let hex = color.strip_prefix('#').is_some_and(|hex| {
            (hex.len() == 6 || hex.len() == 3) && hex.chars().all(|c| c.is_ascii_hexdigit())
        });
        if !hex {
            let message = format!("`{color}` of choice `{}` is not a colour", choice.name);
            workshop.say(kind, &path("choices"), "bad-color", message, "write `#rrggbb`");
        }
    }
    if let Some(pattern) =
        decl.regex.as_deref().or_else(|| decl.parameters.as_ref()?.get("regex")?.as_str())
        && let Err(bad) = fancy_regex::Regex::new(pattern)
    {
        let message = format!("`{pattern}` is not a pattern: {bad}");
        workshop.say(kind, &path("regex"), "bad-regex", message, "");
    }
    if let Some(computed) = &decl.computed_attribute {
        if !["User", "Jinja2", "TransformPython"].contains(&computed.kind.as_str()) {
            let message = format!("`{}` is not a kind of computed attribute", computed.kind);
            let remedy = "use `Jinja2`, `TransformPython` or `User`";
            workshop.say(kind, &path("computed_attribute"), "bad-computed", message, remedy);
        } else if computed.kind != "User" {
            if decl.read_only != Some(true) {
                let message = "a computed attribute must be `read_only: true`";
                workshop.say(kind, &path("read_only"), "computed-writable", message, "set it");
            }
            if decl.kind != "Text" && decl.kind != "URL" && decl.kind != "TextArea" {
                let message = "a computed attribute must be of kind `Text` or `URL`";
                workshop.say(kind, &path("kind"), "computed-kind", message, "change the kind");
            }
            if computed.kind == "Jinja2" && computed.jinja2_template.is_none() {
                let message = "`jinja2_template` is missing";
                workshop.say(kind, &path("computed_attribute"), "bad-computed", message, "add it");
            }
        }
    }
    if decl.kind == "NumberPool" && decl.read_only != Some(true) {
        let message = "an attribute of kind `NumberPool` must be `read_only: true`";
        workshop.say(kind, &path("read_only"), "pool-writable", message, "set it");
    }
}

fn relationship_rules(kind: &str, decl: &RelationshipDecl, workshop: &mut Workshop) {
    let one = decl.cardinality.as_deref() == Some("one");
    let (least, most) = (decl.min_count.unwrap_or(0), decl.max_count.unwrap_or(0));
    let path = |part: &str| format!("{}.{part}", decl.name);
    if decl.kind.as_deref() == Some("Parent") {
        if !one {
            let message = "Relationship of type parent must be cardinality=one";
            workshop.say(kind, &path("cardinality"), "parent-many", message, "set it");
        }
        if decl.optional != Some(false) {
            let message = "Relationship of type parent must not be optional";
            workshop.say(
                kind,
                &path("optional"),
                "parent-optional",
                message,
                "set `optional: false`",
            );
        }
    }
    if least < 0 || most < 0 {
        let message = "min_count and max_count must not be negative";
        workshop.say(kind, &path("min_count"), "bad-count", message, "");
    } else if one && (least > 1 || most > 1) {
        let message = "cardinality is cardinality.ONE but min_count or max_count are not 1";
        workshop.say(kind, &path("max_count"), "bad-count", message, "take them away");
    } else if !one && most == 1 {
        let message = "max_count must be 0 or greater than 1 when cardinality is MANY";
        workshop.say(kind, &path("max_count"), "bad-count", message, "use `cardinality: one`");
    } else if most > 0 && least > most {
        let message = "min_count must be lower than max_count";
        workshop.say(kind, &path("min_count"), "bad-count", message, "");
    }
    if let Some(identifier) = &decl.identifier {
        let plain =
            identifier.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !plain || identifier.len() > 128 {
            let message = format!(
                "`{identifier}` is not an identifier: at most 128 lower-case letters, digits, \
                 underscores"
            );
            workshop.say(kind, &path("identifier"), "bad-identifier", message, "rename it");
        }
    }
}

/// Rules over the compiled kinds together.
pub(crate) fn compiled(workshop: &mut Workshop) {
    let kinds: Vec<Kind> = workshop.kinds.values().cloned().collect();
    for kind in &kinds {
        if kind.built_in {
            continue;
        }
        for rel in &kind.relationships {
            peers(kind, rel, workshop);
            fields::common(kind, rel, workshop);
        }
        identifiers(kind, workshop);
        for attribute in &kind.attributes {
            limits(kind, attribute, workshop);
            if let Some(Computed::Template(template)) = &attribute.computed {
                let name = attribute.name.clone();
                Paths { workshop, kind }.template(&name, template);
            }
        }
    }
    mutual(&kinds, workshop);
    cycles(&kinds, workshop);
}

fn peers(kind: &Kind, rel: &Relationship, workshop: &mut Workshop) {
    let Some(peer) = workshop.kinds.get(&rel.peer).cloned() else {
        let near =
            crate::schema::error::nearest(&rel.peer, workshop.kinds.keys().map(String::as_str));
        let message =
            format!("Relationship '{}' is referencing an invalid peer '{}'", rel.name, rel.peer);
        let remedy = near.map(|near| format!("did you mean `{near}`?")).unwrap_or_default();
        let owner = rel.inherited_from.clone().unwrap_or_else(|| kind.name.clone());
        workshop.say(&owner, &rel.name, "unknown-peer", message, &remedy);
        return;
    };
    let same = |far: &&Relationship| far.identifier == rel.identifier && far.peer == kind.name;
    for far in peer.relationships.iter().filter(same) {
        if peer.name != kind.name && far.direction != rel.direction.reverse() {
            let message = format!(
                "Incompatible direction detected on Reverse Relationship for '{}' ('{}') > {:?}",
                rel.name, rel.identifier, far.direction
            );
            workshop.say(&kind.name, &rel.name, "direction-mismatch", message, "");
        }
    }
}

fn identifiers(kind: &Kind, workshop: &mut Workshop) {
    let mut seen: BTreeMap<(&str, Direction), Vec<&str>> = BTreeMap::new();
    for rel in &kind.relationships {
        seen.entry((&rel.identifier, rel.direction)).or_default().push(&rel.name);
    }
    for ((identifier, _), names) in seen {
        if names.len() > 1 {
            let message = format!(
                "Identifier of relationships must be unique for a given direction > \
                 '{identifier}' : {names:?}"
            );
            workshop.say(
                &kind.name,
                names.first().copied().unwrap_or_default(),
                "duplicate-identifier",
                message,
                "give one of them another `identifier`",
            );
        }
    }
}

fn limits(kind: &Kind, attribute: &Attribute, workshop: &mut Workshop) {
    let limits = &attribute.parameters;
    let pairs = [
        (limits.min_length.map(i64::from), limits.max_length.map(i64::from), "length"),
        (limits.min_value, limits.max_value, "value"),
        (limits.start_range, limits.end_range, "range"),
    ];
    for (least, most, what) in pairs {
        if let (Some(least), Some(most)) = (least, most)
            && least > most
        {
            let message = format!("the smallest {what} {least} is above the largest {most}");
            workshop.say(&kind.name, &attribute.name, "bad-limits", message, "swap them");
        }
    }
}

/// Two kinds that both need the other first can never be made.
fn mutual(kinds: &[Kind], workshop: &mut Workshop) {
    let needs: BTreeSet<(&str, &str)> = kinds
        .iter()
        .filter(|kind| kind.category == Category::Node)
        .flat_map(|kind| {
            kind.relationships
                .iter()
                .filter(|rel| !rel.optional)
                .map(|rel| (kind.name.as_str(), rel.peer.as_str()))
        })
        .collect();
    for (a, b) in &needs {
        if a < b && needs.contains(&(*b, *a)) {
            let message =
                format!("'{a}' and '{b}' cannot both have required relationships to one another");
            workshop.say(a, "relationships", "mutual-mandatory", message, "make one optional");
        }
    }
}

fn cycles(kinds: &[Kind], workshop: &mut Workshop) {
    let parents: BTreeMap<&str, &str> = kinds
        .iter()
        .filter_map(|kind| {
            let parent =
                kind.relationships.iter().find(|rel| rel.kind == RelationshipKind::Parent)?;
            Some((kind.name.as_str(), parent.peer.as_str()))
        })
        .collect();
    for start in parents.keys() {
        let mut path = vec![*start];
        let mut at = *start;
        while let Some(next) = parents.get(at) {
            if *next == *start {
                let least = path.iter().min().copied();
                if least == Some(*start) {
                    let message =
                        format!("Cycles exist among parents and components in schema: {path:?}");
                    workshop.say(start, "relationships", "parent-cycle", message, "");
                }
                break;
            }
            if path.contains(next) {
                break;
            }
            path.push(next);
            at = next;
        }
    }
}

/// Reading and checking the paths of a kind.
pub(crate) struct Paths<'a> {
    pub(crate) workshop: &'a mut Workshop,
    pub(crate) kind: &'a Kind,
}

impl Paths<'_> {
    fn say(&mut self, property: &str, code: &'static str, message: String) {
        let message = format!("{}.{property}: {message}", self.kind.name);
        self.workshop.say(&self.kind.name, property, code, message, "");
    }

    pub(crate) fn identity(&mut self, texts: &[String]) -> Vec<Path> {
        let property = "human_friendly_id";
        let mut paths = Vec::new();
        for text in texts {
            let Some(path) = self.read(property, text) else { continue };
            match &path {
                Path::Relationship(name) => self.say(
                    property,
                    "bad-path",
                    format!("{name}: Must use attributes of related node."),
                ),
                Path::Peer { relationship, .. } => {
                    if self.single(property, relationship, true) {
                        paths.push(path);
                    }
                }
                pooled if fields::is_pooled(self.kind, pooled) => self.say(
                    property,
                    "pool-in-identity",
                    format!("{text}: a number of a pool is not known when an object is looked up"),
                ),
                Path::Attribute { .. } => paths.push(path),
            }
        }
        paths
    }

    pub(crate) fn labels(&mut self, texts: &[String]) -> Vec<Path> {
        let mut paths = Vec::new();
        for text in texts {
            let Some(path) = self.read("display_label", text) else { continue };
            let fits = match &path {
                Path::Peer { relationship, .. } => {
                    self.single("display_label", relationship, false)
                }
                _ => true,
            };
            if fits {
                paths.push(path);
            }
        }
        paths
    }

    pub(crate) fn orders(&mut self, texts: &[String]) -> Vec<Order> {
        let mut orders = Vec::new();
        for text in texts {
            let (text, descending) = match text.strip_suffix("__desc") {
                Some(text) => (text, true),
                None => (text.strip_suffix("__asc").unwrap_or(text), false),
            };
            let by = match text {
                "node_metadata__created_at" => Some(OrderKey::CreatedAt),
                "node_metadata__updated_at" => Some(OrderKey::UpdatedAt),
                _ => self.order(text).map(OrderKey::Path),
            };
            if let Some(by) = by {
                orders.push(Order { by, descending });
            }
        }
        orders
    }

    fn order(&mut self, text: &str) -> Option<Path> {
        let path = self.read("order_by", text)?;
        match &path {
            Path::Relationship(name) => {
                let message = format!("{name}: Must use attributes of related node.");
                self.say("order_by", "bad-path", message);
                None
            }
            Path::Peer { relationship, .. } => {
                self.single("order_by", relationship, false).then_some(path)
            }
            Path::Attribute { .. } => Some(path),
        }
    }

    /// A filter that is applied to what is typed is about an attribute of the kind itself.
    pub(crate) fn filter(&mut self, text: &str) {
        let property = "default_filter";
        if let Some(Path::Relationship(name) | Path::Peer { relationship: name, .. }) =
            self.read(property, text)
        {
            let message =
                format!("{name}: this property only supports attributes, not relationships");
            self.say(property, "bad-path", message);
        }
    }

    pub(crate) fn uniqueness(&mut self, constraints: &[Vec<String>]) -> Vec<Vec<Path>> {
        let property = "uniqueness_constraints";
        let mut all: Vec<Vec<Path>> = Vec::new();
        for constraint in constraints {
            let mut paths = Vec::new();
            for text in constraint {
                match self.read(property, text) {
                    Some(Path::Peer { relationship, .. }) => self.say(
                        property,
                        "bad-path",
                        format!(
                            "{relationship}: cannot use attributes of related node, only the \
                             relationship"
                        ),
                    ),
                    Some(Path::Relationship(name)) if self.single(property, &name, true) => {
                        paths.push(Path::Relationship(name));
                    }
                    Some(path) => paths.push(path),
                    None => {}
                }
            }
            if !paths.is_empty() && !all.contains(&paths) {
                all.push(paths);
            }
        }
        all
    }

    /// A relationship in a path is of cardinality one; in an identity it is mandatory too, but for
    /// the namespace of IP kinds.
    fn single(&mut self, property: &str, name: &str, mandatory: bool) -> bool {
        let Some(rel) = self.kind.relationship(name).cloned() else { return false };
        if rel.cardinality != Cardinality::One {
            self.say(
                property,
                "bad-path",
                format!("cannot use {name} relationship, relationship must be of cardinality one"),
            );
            return false;
        }
        if mandatory && rel.optional && name != "ip_namespace" {
            self.say(
                property,
                "bad-path",
                format!("cannot use {name} relationship, relationship must be mandatory."),
            );
            return false;
        }
        true
    }

    /// One path, if it leads somewhere.
    fn read(&mut self, property: &str, text: &str) -> Option<Path> {
        let parts: Vec<&str> = text.split("__").collect();
        let first = parts.first().copied().unwrap_or_default();
        if let Some(attribute) = self.kind.attribute(first) {
            let asked = parts.get(1).copied().unwrap_or("value");
            if parts.len() > 2 || !properties(attribute).contains(&asked) {
                let message = format!("{asked} is not a valid property of {first}");
                self.say(property, "bad-path", message);
                return None;
            }
            return Some(Path::Attribute {
                attribute: first.to_owned(),
                property: asked.to_owned(),
            });
        }
        let Some(rel) = self.kind.relationship(first).cloned() else {
            let message = format!("{text} is invalid on schema {}", self.kind.name);
            self.say(property, "bad-path", message);
            return None;
        };
        let Some(second) = parts.get(1) else {
            return Some(Path::Relationship(first.to_owned()));
        };
        let known = self.workshop.kinds.get(&rel.peer).is_none_or(|peer| {
            peer.attribute(second).is_some()
                || peer.category == Category::Generic
                    && peer.used_by.iter().any(|name| {
                        self.workshop
                            .kinds
                            .get(name)
                            .is_some_and(|kind| kind.attribute(second).is_some())
                    })
        });
        if !known {
            let message = format!("{second} is not a valid attribute of {}", rel.peer);
            self.say(property, "bad-path", message);
            return None;
        }
        Some(Path::Peer {
            relationship: first.to_owned(),
            attribute: (*second).to_owned(),
            property: parts.get(2).copied().unwrap_or("value").to_owned(),
        })
    }

    /// A template reads, is bounded, and every name in it leads somewhere.
    pub(crate) fn template(&mut self, property: &str, template: &str) {
        match crate::template::check(template).and_then(|()| crate::template::references(template))
        {
            Err(bad) => self.say(property, "bad-template", bad.to_string()),
            Ok(names) => {
                for name in names {
                    if let Some(Path::Peer { relationship, .. }) = self.read(property, &name) {
                        self.single(property, &relationship, false);
                    }
                }
            }
        }
    }
}

fn properties(attribute: &Attribute) -> &'static [&'static str] {
    match attribute.kind {
        AttributeKind::Dropdown => &["value", "label", "color", "description"],
        AttributeKind::IpHost => &[
            "value",
            "ip",
            "hostmask",
            "netmask",
            "prefixlen",
            "version",
            "with_hostmask",
            "with_netmask",
        ],
        AttributeKind::IpNetwork => &[
            "value",
            "broadcast_address",
            "hostmask",
            "netmask",
            "prefixlen",
            "num_addresses",
            "version",
            "with_hostmask",
            "with_netmask",
        ],
        _ => &["value"],
    }
}
