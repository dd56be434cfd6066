//! What the host adds to the declared kinds: groups, hierarchies, profiles, templates, identities.

use std::collections::BTreeSet;

use crate::Symbols;
use crate::schema::compile::{
    Workshop, hierarchy_of, kind_symbol, plain_attribute, plain_relationship, weigh,
};
use crate::schema::rules;
use crate::schema::types::{
    Attribute, AttributeKind, BranchMode, Cardinality, Category, Derived, Direction, DisplayLabel,
    Kind, OnDelete, Order, OrderKey, Path, Relationship, RelationshipKind,
};

/// Namespaces whose kinds are the host's own business: no profiles.
const INTERNAL: [&str; 3] = ["Core", "Lineage", "Internal"];

pub(crate) fn all(workshop: &mut Workshop, symbols: &mut Symbols) {
    hierarchies(workshop, symbols);
    groups(workshop, symbols);
    for kind in workshop.kinds.values_mut() {
        weigh(kind);
    }
    profiles(workshop, symbols);
    templates(workshop, symbols);
    identities(workshop);
    branch_modes(workshop);
    for kind in workshop.kinds.values_mut() {
        kind.used_by.sort();
        kind.used_by.dedup();
    }
}

/// `parent` and `children` for every kind below a hierarchical generic, and for the generic.
fn hierarchies(workshop: &mut Workshop, symbols: &mut Symbols) {
    let generics: BTreeSet<String> = workshop
        .decls
        .iter()
        .filter(|(_, decl)| decl.generic && decl.hierarchical == Some(true))
        .map(|(name, _)| name.clone())
        .collect();
    let names: Vec<String> = workshop.kinds.keys().cloned().collect();
    let mut wrong = Vec::new();
    for name in names {
        let Some(decl) = workshop.decls.get(&name).cloned() else { continue };
        let Some(kind) = workshop.kinds.get_mut(&name) else { continue };
        let of: Vec<&String> = if generics.contains(&name) {
            vec![&name]
        } else {
            kind.generics.iter().filter(|generic| generics.contains(*generic)).collect()
        };
        let several = of.len() > 1;
        let named = decl.hierarchy.clone().filter(|named| !of.contains(&named));
        if let Some(named) = named.filter(|_| !decl.generic) {
            let message = format!("`{named}` is no hierarchical generic that {name} inherits from");
            let remedy = "inherit from it, and declare it `hierarchical: true`";
            wrong.push((name.clone(), message, remedy));
        }
        let Some(generic) = of.first().map(|generic| (*generic).clone()) else { continue };
        let place = hierarchy_of(&decl, &generic);
        let ends = [
            ("parent", place.parent.clone(), Cardinality::One, Direction::Outbound),
            ("children", place.children.clone(), Cardinality::Many, Direction::Inbound),
        ];
        for (end, peer, cardinality, direction) in ends {
            if kind.relationship(end).is_some() {
                continue;
            }
            let peer = peer.unwrap_or_else(|| generic.clone());
            let hierarchy = RelationshipKind::Hierarchy;
            let relationship = plain_relationship(end, &peer, "parent__child", hierarchy, symbols);
            kind.relationships.push(Relationship {
                cardinality,
                direction,
                hierarchical: Some(generic.clone()),
                ..relationship
            });
        }
        kind.hierarchy = Some(place);
        if several {
            let message = "Only one generic with hierarchical support is allowed per node";
            workshop.say(&name, "inherit_from", "two-hierarchies", message, "keep one of them");
        }
    }
    for (name, message, remedy) in wrong {
        workshop.say(&name, "hierarchy", "bad-hierarchy", message, remedy);
    }
}

/// Membership of groups for every node that is not a group itself.
fn groups(workshop: &mut Workshop, symbols: &mut Symbols) {
    for kind in workshop.kinds.values_mut() {
        let is_group = kind.name == "CoreGroup" || kind.generics.iter().any(|g| g == "CoreGroup");
        let has_members = matches!(kind.category, Category::Node | Category::Generic);
        if is_group || !has_members {
            continue;
        }
        join_groups(kind, symbols);
    }
}

/// The relationships by which objects of a kind are in groups.
fn join_groups(kind: &mut Kind, symbols: &mut Symbols) {
    for (name, identifier) in
        [("member_of_groups", "group_member"), ("subscriber_of_groups", "group_subscriber")]
    {
        if kind.relationship(name).is_none() {
            let group = RelationshipKind::Group;
            let added = plain_relationship(name, "CoreGroup", identifier, group, symbols);
            kind.relationships.push(added);
        }
    }
}

/// `Profile<Kind>` for every kind that wants one. That of a generic gives values to objects of all its
/// kinds.
fn profiles(workshop: &mut Workshop, symbols: &mut Symbols) {
    let wanted: Vec<Kind> = workshop
        .kinds
        .values()
        .filter(|kind| kind.derived.profile && !INTERNAL.contains(&kind.namespace.as_str()))
        .cloned()
        .collect();
    for kind in wanted {
        let name = format!("Profile{}", kind.name);
        let link = RelationshipKind::Profile;
        if let Some(kind) = workshop.kinds.get_mut(&kind.name) {
            let profiles =
                plain_relationship("profiles", "CoreProfile", "node__profile", link, symbols);
            kind.relationships.push(profiles);
        }
        let mut profile = derived_kind(&kind, &name, "Profile", Category::Profile, symbols);
        profile.attributes = profile_attributes(symbols);
        let shared = kind.attributes.iter().filter(|attribute| {
            !attribute.unique && !attribute.read_only && attribute.computed.is_none()
        });
        profile.attributes.extend(shared.map(loosened));
        let members =
            plain_relationship("related_nodes", &kind.name, "node__profile", link, symbols);
        profile.relationships = vec![members];
        join_groups(&mut profile, symbols);
        profile.human_friendly_id = vec![value("profile_name")];
        profile.display_label = Some(DisplayLabel::Paths(vec![value("profile_name")]));
        profile.generics = vec!["CoreProfile".to_owned(), "CoreNode".to_owned()];
        weigh(&mut profile);
        adopt(workshop, profile);
    }
}

fn profile_attributes(symbols: &mut Symbols) -> Vec<Attribute> {
    let name = Attribute {
        optional: false,
        unique: true,
        ..plain_attribute("profile_name", AttributeKind::Text, symbols)
    };
    let priority = Attribute {
        default: Some(crate::Value::Int(1000)),
        ..plain_attribute("profile_priority", AttributeKind::Number, symbols)
    };
    vec![name, priority]
}

/// `Template<Kind>` for every node that wants one, and for what it is composed of.
fn templates(workshop: &mut Workshop, symbols: &mut Symbols) {
    let mut wanted: BTreeSet<String> = BTreeSet::new();
    let mut next: Vec<String> = workshop
        .kinds
        .values()
        .filter(|kind| kind.derived.template && kind.category == Category::Node)
        .map(|kind| kind.name.clone())
        .collect();
    let roots: BTreeSet<String> = next.iter().cloned().collect();
    while let Some(name) = next.pop() {
        let Some(kind) = workshop.kinds.get(&name) else { continue };
        if kind.built_in || !wanted.insert(name) {
            continue;
        }
        if kind.category == Category::Generic {
            next.extend(kind.used_by.iter().cloned());
        }
        let components =
            kind.relationships.iter().filter(|rel| rel.kind == RelationshipKind::Component);
        next.extend(components.map(|rel| rel.peer.clone()));
        next.extend(
            kind.generics
                .iter()
                .filter(|generic| *generic != "CoreNode")
                .filter(|generic| {
                    workshop.kinds.values().any(|other| {
                        other.relationships.iter().any(|rel| {
                            rel.kind == RelationshipKind::Component && rel.peer == **generic
                        }) && wanted.contains(&other.name)
                    })
                })
                .cloned(),
        );
    }
    // What a component belongs to may be a generic: its template is one too.
    let above: Vec<String> = wanted
        .iter()
        .filter_map(|name| workshop.kinds.get(name))
        .flat_map(|kind| kind.relationships.iter())
        .filter(|rel| rel.kind == RelationshipKind::Parent)
        .map(|rel| rel.peer.clone())
        .collect();
    wanted.extend(above);
    let kinds: Vec<Kind> =
        wanted.iter().filter_map(|name| workshop.kinds.get(name)).cloned().collect();
    for kind in kinds {
        let template = template_of(workshop, &kind, &wanted, symbols);
        if roots.contains(&kind.name)
            && let Some(node) = workshop.kinds.get_mut(&kind.name)
        {
            let link = RelationshipKind::Template;
            let identifier = "node__objecttemplate";
            let pattern =
                plain_relationship("object_template", &template.name, identifier, link, symbols);
            node.relationships.push(Relationship { cardinality: Cardinality::One, ..pattern });
        }
        adopt(workshop, template);
    }
}

fn template_of(
    workshop: &Workshop,
    kind: &Kind,
    wanted: &BTreeSet<String>,
    symbols: &mut Symbols,
) -> Kind {
    let name = format!("Template{}", kind.name);
    let category = match kind.category {
        Category::Generic => Category::Generic,
        _ => Category::Template,
    };
    let mut template = derived_kind(kind, &name, "Template", category, symbols);
    let title = Attribute {
        optional: false,
        unique: true,
        ..plain_attribute("template_name", AttributeKind::Text, symbols)
    };
    template.attributes = vec![title];
    let kept = kind.attributes.iter().filter(|attribute| {
        !attribute.unique && !attribute.read_only && attribute.computed.is_none()
    });
    template.attributes.extend(kept.map(|attribute| Attribute {
        default: attribute.default.clone(),
        inherited_from: None,
        ..loosened(attribute)
    }));
    for rel in &kind.relationships {
        template_relationship(workshop, rel, wanted, symbols, &mut template);
    }
    if kind.category != Category::Generic {
        let link = RelationshipKind::Template;
        let identifier = "node__objecttemplate";
        let made = plain_relationship("related_nodes", &kind.name, identifier, link, symbols);
        template.relationships.push(made);
    }
    let link = RelationshipKind::Profile;
    if template.relationship("profiles").is_none() && category != Category::Generic {
        let identifier = "template__profile";
        let peer = "CoreProfile";
        template
            .relationships
            .push(plain_relationship("profiles", peer, identifier, link, symbols));
    }
    template.human_friendly_id = vec![value("template_name")];
    template.display_label = Some(DisplayLabel::Paths(vec![value("template_name")]));
    template.generics = kind
        .generics
        .iter()
        .filter(|generic| wanted.contains(*generic))
        .map(|generic| format!("Template{generic}"))
        .chain(["CoreObjectTemplate".to_owned(), "CoreNode".to_owned()])
        .collect();
    weigh(&mut template);
    template
}

fn template_relationship(
    workshop: &Workshop,
    rel: &Relationship,
    wanted: &BTreeSet<String>,
    symbols: &mut Symbols,
    template: &mut Kind,
) {
    let skipped = matches!(
        rel.kind,
        RelationshipKind::Group | RelationshipKind::Profile | RelationshipKind::Template
    );
    if skipped || rel.read_only {
        return;
    }
    let composed = matches!(rel.kind, RelationshipKind::Component | RelationshipKind::Parent);
    let peer = if composed && wanted.contains(&rel.peer) {
        format!("Template{}", rel.peer)
    } else {
        rel.peer.clone()
    };
    let identifier = format!("template_{}", rel.identifier);
    let copy = plain_relationship(&rel.name, &peer, &identifier, rel.kind, symbols);
    template.relationships.push(Relationship {
        direction: rel.direction,
        cardinality: rel.cardinality,
        on_delete: if composed { rel.on_delete } else { OnDelete::NoAction },
        order_weight: rel.order_weight,
        label: rel.label.clone(),
        ..copy
    });
    let is_ip = workshop.kinds.get(&rel.peer).is_some_and(|peer| {
        peer.generics
            .iter()
            .chain([&peer.name])
            .any(|generic| generic == "BuiltinIPAddress" || generic == "BuiltinIPPrefix")
    });
    if is_ip && rel.cardinality == Cardinality::One {
        let name = format!("{}_from_resource_pool", rel.name);
        let identifier = format!("template_pool_{}", rel.identifier);
        let kind = RelationshipKind::Attribute;
        let pool = plain_relationship(&name, "CoreResourcePool", &identifier, kind, symbols);
        template.relationships.push(Relationship { cardinality: Cardinality::One, ..pool });
    }
}

fn derived_kind(
    kind: &Kind,
    name: &str,
    namespace: &str,
    category: Category,
    symbols: &mut Symbols,
) -> Kind {
    Kind {
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        short_name: kind.name.clone(),
        symbol: kind_symbol(name, symbols),
        category,
        label: format!("{namespace} {}", kind.label),
        description: format!("{namespace} for {}", kind.name),
        icon: kind.icon.clone(),
        branch: BranchMode::Aware,
        generics: Vec::new(),
        used_by: Vec::new(),
        attributes: Vec::new(),
        relationships: Vec::new(),
        human_friendly_id: Vec::new(),
        display_label: None,
        order_by: Vec::new(),
        uniqueness: Vec::new(),
        hierarchy: None,
        derived: Derived { profile: false, template: false },
        serves: Some(kind.name.clone()),
        built_in: true,
    }
}

/// The attribute, free to be left out.
fn loosened(attribute: &Attribute) -> Attribute {
    Attribute { optional: true, default: None, unique: false, ..attribute.clone() }
}

fn value(name: &str) -> Path {
    Path::Attribute { attribute: name.to_owned(), property: "value".to_owned() }
}

/// Adds a derived kind and tells its generics.
fn adopt(workshop: &mut Workshop, kind: Kind) {
    if kind.category != Category::Generic {
        for generic in &kind.generics {
            if let Some(generic) = workshop.kinds.get_mut(generic) {
                generic.used_by.push(kind.name.clone());
            }
        }
    }
    // A template of a generic may be adopted after its kinds: they are told apart by name.
    let used_by: Vec<String> = workshop
        .kinds
        .values()
        .filter(|other| other.category != Category::Generic && other.generics.contains(&kind.name))
        .map(|other| other.name.clone())
        .collect();
    let mut kind = kind;
    kind.used_by.extend(used_by);
    workshop.kinds.insert(kind.name.clone(), kind);
}

/// Human-friendly ids, labels, orders and constraints; what a node does not say, its generics do.
fn identities(workshop: &mut Workshop) {
    let names: Vec<String> = workshop.decls.keys().cloned().collect();
    for name in names {
        let (Some(kind), Some(decl)) =
            (workshop.kinds.get(&name).cloned(), workshop.decls.get(&name).cloned())
        else {
            continue;
        };
        let parents: Vec<_> = kind
            .generics
            .iter()
            .filter_map(|generic| workshop.decls.get(generic))
            .cloned()
            .collect();
        let hfid = decl
            .human_friendly_id
            .clone()
            .or_else(|| parents.iter().find_map(|parent| parent.human_friendly_id.clone()));
        let label = decl.display_label.clone().or_else(|| {
            if decl.display_labels.is_some() {
                return None;
            }
            parents.iter().find_map(|parent| parent.display_label.clone())
        });
        let labels = decl
            .display_labels
            .clone()
            .or_else(|| parents.iter().find_map(|parent| parent.display_labels.clone()));
        let order = decl
            .order_by
            .clone()
            .or_else(|| parents.iter().find_map(|parent| parent.order_by.clone()));
        let mut constraints = decl.uniqueness_constraints.clone().unwrap_or_default();
        for parent in &parents {
            constraints.extend(parent.uniqueness_constraints.clone().unwrap_or_default());
        }
        let mut check = rules::Paths { workshop, kind: &kind };
        let hfid_paths = check.identity(&hfid.unwrap_or_default());
        let display = match (label, labels) {
            (Some(label), _) if label.contains("{{") || label.contains("{%") => {
                check.template("display_label", &label);
                Some(DisplayLabel::Template(label))
            }
            (Some(label), _) => Some(DisplayLabel::Paths(check.labels(&[label]))),
            (None, Some(labels)) => Some(DisplayLabel::Paths(check.labels(&labels))),
            (None, None) => None,
        };
        decl.default_filter.iter().for_each(|text| check.filter(text));
        let orders = check.orders(&order.unwrap_or_default());
        let uniqueness = check.uniqueness(&constraints);
        if let Some(kind) = workshop.kinds.get_mut(&name) {
            kind.human_friendly_id = hfid_paths;
            kind.display_label = display;
            kind.order_by = orders;
            kind.uniqueness = uniqueness;
            infer(kind);
        }
    }
    for kind in workshop.kinds.values_mut() {
        if kind.serves.is_some() {
            let first = kind.human_friendly_id.first().cloned();
            kind.order_by = first
                .into_iter()
                .map(|path| Order { by: OrderKey::Path(path), descending: false })
                .collect();
        }
    }
}

/// One unique attribute and no human-friendly id: that attribute. A human-friendly id without a
/// constraint that covers it: a constraint is added.
fn infer(kind: &mut Kind) {
    if kind.human_friendly_id.is_empty() {
        let mut unique = kind.attributes.iter().filter(|attribute| attribute.unique);
        if let (Some(only), None) = (unique.next(), unique.next()) {
            kind.human_friendly_id = vec![value(&only.name)];
        }
        return;
    }
    let elements: BTreeSet<String> = kind.human_friendly_id.iter().map(element).collect();
    let covered = kind
        .uniqueness
        .iter()
        .any(|constraint| constraint.iter().map(element).collect::<BTreeSet<_>>() == elements);
    let unique_alone = kind.human_friendly_id.iter().any(|path| {
        matches!(path, Path::Attribute { attribute, .. }
            if kind.attribute(attribute).is_some_and(|attribute| attribute.unique))
    });
    if !covered && !unique_alone && kind.category == Category::Node {
        let mut constraint: Vec<Path> = Vec::new();
        for path in &kind.human_friendly_id {
            let path = match path {
                Path::Peer { relationship, .. } => Path::Relationship(relationship.clone()),
                other => other.clone(),
            };
            if !constraint.contains(&path) {
                constraint.push(path);
            }
        }
        kind.uniqueness.push(constraint);
    }
}

fn element(path: &Path) -> String {
    match path {
        Path::Attribute { attribute, .. } => attribute.clone(),
        Path::Relationship(name) | Path::Peer { relationship: name, .. } => name.clone(),
    }
}

/// A relationship is agnostic only if both ends are, local if either is.
fn branch_modes(workshop: &mut Workshop) {
    let modes: std::collections::BTreeMap<String, BranchMode> =
        workshop.kinds.values().map(|kind| (kind.name.clone(), kind.branch)).collect();
    let explicit: BTreeSet<(String, String)> = workshop
        .decls
        .values()
        .flat_map(|decl| {
            decl.relationships
                .iter()
                .filter(|rel| rel.branch.is_some())
                .map(|rel| (decl.kind(), rel.name.clone()))
        })
        .collect();
    for kind in workshop.kinds.values_mut() {
        for rel in &mut kind.relationships {
            let declared_on = rel.inherited_from.clone().unwrap_or_else(|| kind.name.clone());
            if explicit.contains(&(declared_on, rel.name.clone())) {
                continue;
            }
            let far = modes.get(&rel.peer).copied().unwrap_or(BranchMode::Aware);
            rel.branch = match (kind.branch, far) {
                (BranchMode::Agnostic, BranchMode::Agnostic) => BranchMode::Agnostic,
                (BranchMode::Local, _) | (_, BranchMode::Local) => BranchMode::Local,
                _ => BranchMode::Aware,
            };
        }
    }
}
