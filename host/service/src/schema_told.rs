//! The compiled schema in the public form, as clients read it: inheritance resolved, every name of the
//! language spelled out.

use std::collections::BTreeSet;
use std::sync::Arc;

use branch::View;
use model::schema::types::{
    BranchMode, Computed, Direction, DisplayLabel, OnDelete, Order, OrderKey, Parameters, Path,
    RelationshipKind,
};
use model::schema::{Attribute, AttributeKind, Cardinality, Category, Kind, Relationship, Schema};
use serde_json::{Map, Value as Json, json};

use crate::{Service, ServiceError};

impl Service {
    /// The whole schema as bytes of JSON; kept until it changes. With namespaces, those alone.
    pub fn schema_told(&self, namespaces: &BTreeSet<String>) -> Result<Arc<[u8]>, ServiceError> {
        let view = self.view()?;
        if !namespaces.is_empty() {
            return Ok(whole(&view, namespaces).to_string().into_bytes().into());
        }
        let hash = view.schema().hash;
        let known = || self.told.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((_, bytes)) = known().as_ref().filter(|(of, _)| *of == hash) {
            return Ok(Arc::clone(bytes));
        }
        let bytes: Arc<[u8]> = whole(&view, namespaces).to_string().into_bytes().into();
        *known() = Some((hash, Arc::clone(&bytes)));
        Ok(bytes)
    }

    /// The hash of the schema, and of each kind in it.
    pub fn schema_summary(&self) -> Result<Json, ServiceError> {
        let view = self.view()?;
        let schema = view.schema();
        let hashes = |wanted: &[Category]| -> Json {
            let kinds = schema.kinds.values().filter(|kind| wanted.contains(&kind.category));
            let hash = |kind: &Arc<Kind>| {
                let told = self::kind(&view, kind).to_string();
                (kind.name.clone(), json!(model::Digest::of(told.as_bytes()).to_string()))
            };
            Json::Object(kinds.map(hash).collect())
        };
        Ok(json!({
            "main": schema.hash.to_string(), "nodes": hashes(&[Category::Node]),
            "generics": hashes(&[Category::Generic]), "profiles": hashes(&[Category::Profile]),
            "templates": hashes(&[Category::Template]),
        }))
    }

    /// One kind.
    pub fn schema_kind(&self, name: &str) -> Result<Json, ServiceError> {
        let view = self.view()?;
        Ok(kind(&view, view.kind(name)?))
    }

    /// One kind as a JSON Schema of its attributes' values.
    pub fn schema_json(&self, name: &str) -> Result<Json, ServiceError> {
        let view = self.view()?;
        let kind = view.kind(name)?;
        let properties: Map<String, Json> = kind
            .attributes
            .iter()
            .map(|attribute| (attribute.name.clone(), json_schema(attribute)))
            .collect();
        let required: Vec<&str> = kind
            .attributes
            .iter()
            .filter(|attribute| attribute.is_mandatory_input())
            .map(|attribute| attribute.name.as_str())
            .collect();
        Ok(json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema", "title": kind.name,
            "description": kind.description, "type": "object", "properties": properties,
            "required": required,
        }))
    }
}

fn whole(view: &View, namespaces: &BTreeSet<String>) -> Json {
    let schema = view.schema();
    let list = |wanted: Category| -> Vec<Json> {
        schema
            .kinds
            .values()
            .filter(|kind| kind.category == wanted)
            .filter(|kind| namespaces.is_empty() || namespaces.contains(&kind.namespace))
            .map(|kind| self::kind(view, kind))
            .collect()
    };
    json!({
        "main": schema.hash.to_string(), "nodes": list(Category::Node),
        "generics": list(Category::Generic), "profiles": list(Category::Profile),
        "templates": list(Category::Template),
    })
}

/// The text cut to what readers of schemas take.
fn short(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

fn kind(view: &View, kind: &Kind) -> Json {
    let declared = view.declared().kinds.get(&kind.name);
    let default_filter = declared.and_then(|declared| declared.default_filter.clone());
    let default_filter = default_filter.or_else(|| match kind.human_friendly_id.as_slice() {
        [only @ Path::Attribute { .. }] => Some(path(only)),
        _ => None,
    });
    let paths = |paths: &[Path]| -> Vec<String> { paths.iter().map(path).collect() };
    let hfid = &kind.human_friendly_id;
    let mut told = json!({
        "namespace": kind.namespace, "name": kind.short_name, "kind": kind.name,
        "label": short(&kind.label, 64), "description": short(&kind.description, 128),
        "icon": kind.icon, "branch": mode(kind.branch),
        "human_friendly_id": if hfid.is_empty() { Json::Null } else { json!(paths(hfid)) },
        "default_filter": default_filter,
        "display_label": kind.display_label.as_ref().map(display_label),
        "order_by": kind.order_by.iter().map(order).collect::<Vec<_>>(),
        "uniqueness_constraints": kind.uniqueness.iter().map(|set| paths(set)).collect::<Vec<_>>(),
        "attributes": kind.attributes.iter().map(attribute).collect::<Vec<_>>(),
        "relationships": relationships(view.schema(), kind),
    });
    if kind.category == Category::Generic {
        told["used_by"] = json!(kind.used_by);
        told["hierarchical"] = json!(kind.hierarchy.is_some());
        return told;
    }
    told["inherit_from"] = json!(kind.generics);
    if kind.category == Category::Node {
        told["generate_profile"] = json!(kind.derived.profile);
        told["generate_template"] = json!(kind.derived.template);
        let hierarchy = kind.hierarchy.as_ref();
        told["hierarchy"] = json!(hierarchy.map(|hierarchy| hierarchy.generic.clone()));
        told["parent"] = json!(hierarchy.and_then(|hierarchy| hierarchy.parent.clone()));
        told["children"] = json!(hierarchy.and_then(|hierarchy| hierarchy.children.clone()));
    }
    told
}

fn relationships(schema: &Schema, kind: &Kind) -> Vec<Json> {
    let known = kind.relationships.iter().filter(|rel| schema.kind(&rel.peer).is_some());
    known.map(relationship).collect()
}

fn attribute(attribute: &Attribute) -> Json {
    let choices: Vec<Json> = attribute
        .choices
        .iter()
        .map(|choice| {
            json!({
                "name": choice.name, "label": choice.label, "description": choice.description,
                "color": choice.color,
            })
        })
        .collect();
    let allowed: Vec<Json> = attribute.allowed.iter().map(model::Value::to_json).collect();
    let limits = &attribute.parameters;
    json!({
        "name": attribute.name, "kind": attribute.kind.word(),
        "label": short(&attribute.label, 64), "description": short(&attribute.description, 128),
        "optional": attribute.optional || attribute.default.is_some(),
        "default_value": attribute.default.as_ref().map(model::Value::to_json),
        "unique": attribute.unique, "read_only": attribute.read_only,
        "inherited": attribute.inherited_from.is_some(), "branch": mode(attribute.branch),
        "enum": if allowed.is_empty() { Json::Null } else { json!(allowed) },
        "choices": if choices.is_empty() { Json::Null } else { json!(choices) },
        "regex": limits.regex, "min_length": limits.min_length, "max_length": limits.max_length,
        "parameters": parameters(attribute.kind, limits), "order_weight": attribute.order_weight,
        "allow_override": allow_override(attribute.allow_override),
        "computed_attribute": attribute.computed.as_ref().map(computed),
    })
}

/// The parameters of the public language; a JSON without those that are not set.
fn parameters(kind: AttributeKind, limits: &Parameters) -> Json {
    let mut told = Map::new();
    let mut tell = |name: &str, value: Json| {
        if !value.is_null() {
            told.insert(name.to_owned(), value);
        }
    };
    match kind {
        AttributeKind::Text | AttributeKind::TextArea => {
            tell("regex", json!(limits.regex));
            tell("min_length", json!(limits.min_length));
            tell("max_length", json!(limits.max_length));
        }
        AttributeKind::List => tell("regex", json!(limits.regex)),
        AttributeKind::Number => {
            tell("min_value", json!(limits.min_value));
            tell("max_value", json!(limits.max_value));
            if !limits.excluded.is_empty() {
                let range = |(low, high): &(i64, i64)| {
                    if low == high { low.to_string() } else { format!("{low}-{high}") }
                };
                let text: Vec<String> = limits.excluded.iter().map(range).collect();
                tell("excluded_values", json!(text.join(",")));
            }
        }
        AttributeKind::NumberPool => {
            tell("start_range", json!(limits.start_range));
            tell("end_range", json!(limits.end_range));
            tell("number_pool_id", json!(limits.number_pool));
        }
        _ => {}
    }
    Json::Object(told)
}

fn relationship(rel: &Relationship) -> Json {
    json!({
        "name": rel.name, "peer": rel.peer, "kind": relationship_kind(rel.kind),
        "cardinality": match rel.cardinality { Cardinality::One => "one", Cardinality::Many => "many" },
        "identifier": rel.identifier, "direction": direction(rel.direction),
        "optional": rel.optional, "read_only": rel.read_only,
        "inherited": rel.inherited_from.is_some(),
        "min_count": rel.min_count, "max_count": rel.max_count,
        "on_delete": match rel.on_delete { OnDelete::NoAction => "no-action", OnDelete::Cascade => "cascade" },
        "branch": mode(rel.branch), "label": short(&rel.label, 64),
        "description": short(&rel.description, 128), "order_weight": rel.order_weight,
        "allow_override": allow_override(rel.allow_override), "hierarchical": rel.hierarchical,
        "common_parent": rel.common_parent, "common_relatives": rel.common_relatives,
    })
}

fn path(path: &Path) -> String {
    match path {
        Path::Attribute { attribute, property } => format!("{attribute}__{property}"),
        Path::Relationship(name) => name.clone(),
        Path::Peer { relationship, attribute, property } => {
            format!("{relationship}__{attribute}__{property}")
        }
    }
}

fn order(order: &Order) -> String {
    let by = match &order.by {
        OrderKey::Path(by) => path(by),
        OrderKey::CreatedAt => "node_metadata__created_at".to_owned(),
        OrderKey::UpdatedAt => "node_metadata__updated_at".to_owned(),
    };
    if order.descending { format!("{by}__desc") } else { by }
}

fn display_label(label: &DisplayLabel) -> String {
    match label {
        DisplayLabel::Template(template) => template.clone(),
        DisplayLabel::Paths(paths) => match paths.as_slice() {
            [only] => path(only),
            several => {
                let parts: Vec<String> =
                    several.iter().map(|one| format!("{{{{ {} }}}}", path(one))).collect();
                parts.join(" ")
            }
        },
    }
}

fn computed(computed: &Computed) -> Json {
    match computed {
        Computed::User => json!({"kind": "User"}),
        Computed::Template(text) => json!({"kind": "Jinja2", "jinja2_template": text}),
        Computed::Transform(name) => json!({"kind": "TransformPython", "transform": name}),
    }
}

fn mode(mode: BranchMode) -> &'static str {
    match mode {
        BranchMode::Aware => "aware",
        BranchMode::Agnostic => "agnostic",
        BranchMode::Local => "local",
    }
}

fn allow_override(allowed: bool) -> &'static str {
    if allowed { "any" } else { "none" }
}

fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Bidirectional => "bidirectional",
        Direction::Outbound => "outbound",
        Direction::Inbound => "inbound",
    }
}

fn relationship_kind(kind: RelationshipKind) -> &'static str {
    match kind {
        RelationshipKind::Generic => "Generic",
        RelationshipKind::Attribute => "Attribute",
        RelationshipKind::Component => "Component",
        RelationshipKind::Parent => "Parent",
        RelationshipKind::Group => "Group",
        RelationshipKind::Hierarchy => "Hierarchy",
        RelationshipKind::Profile => "Profile",
        RelationshipKind::Template => "Template",
    }
}

fn json_schema(attribute: &Attribute) -> Json {
    let limits = &attribute.parameters;
    let mut told = match attribute.kind {
        AttributeKind::Number | AttributeKind::NumberPool | AttributeKind::Bandwidth => {
            json!({"type": "integer", "minimum": limits.min_value, "maximum": limits.max_value})
        }
        AttributeKind::Boolean | AttributeKind::Checkbox => json!({"type": "boolean"}),
        AttributeKind::List => json!({"type": "array"}),
        AttributeKind::Json | AttributeKind::Any => json!({}),
        AttributeKind::DateTime => json!({"type": "string", "format": "date-time"}),
        AttributeKind::Email => json!({"type": "string", "format": "email"}),
        AttributeKind::Url => json!({"type": "string", "format": "uri"}),
        _ => json!({
            "type": "string", "minLength": limits.min_length, "maxLength": limits.max_length,
            "pattern": limits.regex,
        }),
    };
    let names: Vec<Json> = match attribute.kind {
        AttributeKind::Dropdown => {
            attribute.choices.iter().map(|choice| json!(choice.name)).collect()
        }
        _ => attribute.allowed.iter().map(model::Value::to_json).collect(),
    };
    if let Some(map) = told.as_object_mut() {
        map.retain(|_, value| !value.is_null());
        if !names.is_empty() {
            map.insert("enum".to_owned(), Json::Array(names));
        }
        if !attribute.description.is_empty() {
            map.insert("description".to_owned(), json!(attribute.description));
        }
    }
    told
}
