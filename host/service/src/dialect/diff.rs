//! Diffs of branches in the public dialect.

use std::collections::{BTreeMap, BTreeSet};

use branch::{
    Against, BranchDiff, BranchError, BranchFault, Conflict, DiffScope, FieldDiff, Keep, LinkDiff,
    Moment, ObjectDiff, Op, ParentOf,
};
use graphql::GraphqlError;
use model::schema::Cardinality;
use model::{BranchId, ObjectId};
use serde_json::{Map, Value as Json, json};

use crate::Service;
use crate::dialect::{Arguments, DialectHost, page, told};
use crate::diff::{Counts, DiffWindow, word};

/// The public word for what a property is.
fn property_type(property: &str) -> &'static str {
    match property {
        "is_protected" => "IS_PROTECTED",
        "source" => "HAS_SOURCE",
        "owner" => "HAS_OWNER",
        _ => "HAS_VALUE",
    }
}

impl DialectHost<'_> {
    /// `DiffTree`, and `DiffTreeSummary` without nodes. Nothing for main, for a branch without a name
    /// that is known, and for a named diff that nobody asked to be kept.
    pub(super) fn diff_tree(&self, arguments: &Arguments<'_>) -> Result<Json, GraphqlError> {
        let Some((service, window)) = self.window(arguments)? else { return Ok(Json::Null) };
        let moment = |text: &Option<String>| {
            let moment = text.as_deref().map(Moment::parse).transpose();
            moment.map_err(|bad| GraphqlError::from(BranchError::from(bad)))
        };
        let (from, to) = (moment(&window.from)?, moment(&window.to)?);
        let scope = DiffScope { against: Against::Fork, from, to };
        let name = service.view().map_err(told)?.branch_name().to_owned();
        let diff = service.seen_diff(&name, scope).map_err(told)?;
        let conflicts = match (&window.from, &window.to) {
            (None, None) => clashes(&service, &name)?,
            // What two sides did in a part of a branch's life is no conflict of today.
            _ => Clashes::new(),
        };
        let filter = Filter::read(arguments)?;
        let wanted: Vec<&ObjectDiff> =
            diff.objects.iter().filter(|one| filter.accepts(one)).collect();
        let mut answer = summary(&diff, &wanted, &conflicts);
        let paged = page(wanted.iter().map(|one| node(one, &conflicts)).collect(), arguments);
        let with_parents = arguments.get("include_parents").and_then(Json::as_bool).unwrap_or(true);
        let nodes = if with_parents { parents(&wanted, paged) } else { paged };
        answer.insert("nodes".to_owned(), Json::Array(nodes));
        answer.insert("name".to_owned(), json!(arguments.text("name")));
        Ok(Json::Object(answer))
    }

    /// `DiffUpdate`: a diff is worked out when it is asked for; one with a name is kept.
    pub(super) fn diff_update(&self, arguments: &Arguments<'_>) -> Result<Json, GraphqlError> {
        let data = arguments.data()?;
        let service = self.service.on(Some(data.must("branch")?), None).map_err(told)?;
        if let Some(name) = data.text("name") {
            let text = |name: &str| data.text(name).map(str::to_owned);
            let window = DiffWindow { from: text("from_time"), to: text("to_time") };
            for moment in [&window.from, &window.to].into_iter().flatten() {
                Moment::parse(moment).map_err(BranchError::from)?;
            }
            service.diff_keep(name, &window).map_err(told)?;
        }
        Ok(json!({"ok": true, "task": null}))
    }

    /// The branch that is asked about, and which part of its life.
    fn window(
        &self,
        arguments: &Arguments<'_>,
    ) -> Result<Option<(Service, DiffWindow)>, GraphqlError> {
        let proposed = match arguments.text("proposed_change_id") {
            Some(id) => Some(self.service.change_source(id).map_err(told)?),
            None => None,
        };
        let service = match arguments.text("branch").or(proposed.as_deref()) {
            Some(branch) => self.service.on(Some(branch), None).map_err(told)?,
            None => self.service.clone(),
        };
        if service.branch == BranchId::MAIN {
            return Ok(None);
        }
        let text = |name: &str| arguments.text(name).map(str::to_owned);
        let mut window = DiffWindow { from: text("from_time"), to: text("to_time") };
        if let Some(name) = arguments.text("name") {
            match service.diff_kept(name).map_err(told)? {
                None => return Ok(None),
                Some(kept) => {
                    window =
                        DiffWindow { from: window.from.or(kept.from), to: window.to.or(kept.to) };
                }
            }
        }
        Ok(Some((service, window)))
    }
}

/// Which objects a diff shows.
struct Filter {
    ids: BTreeSet<String>,
    lists: [(&'static str, Lists); 3],
}

/// Words that are wanted, and words that are not.
struct Lists {
    includes: BTreeSet<String>,
    excludes: BTreeSet<String>,
}

impl Filter {
    fn read(arguments: &Arguments<'_>) -> Result<Self, GraphqlError> {
        let empty = Map::new();
        let given = match arguments.get("filters") {
            None | Some(Json::Null) => &empty,
            Some(Json::Object(given)) => given,
            Some(_) => {
                return Err(GraphqlError::bad_request("`filters` must be an object".to_owned()));
            }
        };
        let lists = |name: &'static str| {
            let of = |list: &str| match given.get(name) {
                Some(Json::Object(lists)) => Arguments(lists).texts(list).into_iter().collect(),
                _ => BTreeSet::new(),
            };
            (name, Lists { includes: of("includes"), excludes: of("excludes") })
        };
        let ids: BTreeSet<String> = Arguments(given)
            .texts("ids")
            .into_iter()
            .chain(arguments.texts("root_node_uuids"))
            .collect();
        Ok(Self { ids, lists: [lists("status"), lists("kind"), lists("namespace")] })
    }

    fn accepts(&self, object: &ObjectDiff) -> bool {
        if !self.ids.is_empty() && !self.ids.contains(&object.id.to_string()) {
            return false;
        }
        self.lists.iter().all(|(name, lists)| {
            let is = |wanted: &String| match *name {
                "status" => wanted == word(object.op),
                "kind" => *wanted == object.kind,
                // A kind is its namespace and its name.
                _ => object.kind.strip_prefix(wanted.as_str()).is_some_and(|rest| {
                    rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_uppercase())
                }),
            };
            let included = lists.includes.is_empty() || lists.includes.iter().any(is);
            included && !lists.excludes.iter().any(is)
        })
    }
}

/// Conflicts by object and place in it.
type Clashes = BTreeMap<(ObjectId, String), Conflict>;

/// The conflicts of a branch; none of one that was merged.
fn clashes(service: &Service, name: &str) -> Result<Clashes, GraphqlError> {
    let all = match service.database.branch_conflicts(name) {
        Err(BranchError::Branch(BranchFault::Merged { .. })) => Vec::new(),
        all => all?,
    };
    let placed = |conflict: Conflict| {
        conflict.object.map(|object| ((object, conflict.path.clone()), conflict))
    };
    Ok(all.into_iter().filter_map(placed).collect())
}

fn clash(conflicts: &Clashes, object: ObjectId, path: String) -> Option<Json> {
    let conflict = conflicts.get(&(object, path))?;
    Some(json!({
        "uuid": conflict.id.to_string(), "resolvable": conflict.is_resolvable,
        "base_branch_action": word(conflict.main.op),
        "base_branch_value": shown(&conflict.main.value),
        "base_branch_changed_at": conflict.main.at.map(|at| at.to_string()),
        "diff_branch_action": word(conflict.branch.op),
        "diff_branch_value": shown(&conflict.branch.value),
        "diff_branch_changed_at": conflict.branch.at.map(|at| at.to_string()),
        "selected_branch": conflict.keep.map(Keep::word),
    }))
}

fn summary(diff: &BranchDiff, wanted: &[&ObjectDiff], conflicts: &Clashes) -> Map<String, Json> {
    let concerned: BTreeSet<ObjectId> = wanted.iter().map(|one| one.id).collect();
    let clashing = conflicts.keys().filter(|(object, _)| concerned.contains(object)).count();
    let counts = Counts::of(wanted.iter().map(|one| one.op));
    let told = json!({
        "base_branch": "main", "diff_branch": diff.branch,
        "from_time": diff.from.to_string(), "to_time": diff.to.to_string(),
        "num_added": counts.added, "num_updated": counts.updated, "num_removed": counts.removed,
        "num_unchanged": 0,
        "num_conflicts": clashing,
        "num_untracked_base_changes": 0, "num_untracked_diff_changes": 0,
    });
    match told {
        Json::Object(told) => told,
        _ => Map::new(),
    }
}

fn counted(mut told: Json, conflicts: usize, ops: impl Iterator<Item = Op>) -> Json {
    let counts = Counts::of(ops);
    told["num_conflicts"] = json!(conflicts);
    told["num_added"] = json!(counts.added);
    told["num_updated"] = json!(counts.updated);
    told["num_removed"] = json!(counts.removed);
    told["num_unchanged"] = json!(0);
    told
}

/// What happened to a property, from its values alone.
fn op_of(field: &FieldDiff) -> Op {
    match (field.before.is_null(), field.after.is_null()) {
        (true, false) => Op::Created,
        (false, true) => Op::Deleted,
        _ => Op::Updated,
    }
}

fn node(object: &ObjectDiff, conflicts: &Clashes) -> Json {
    let path = format!("data/{}", object.id);
    let mut by_attribute: BTreeMap<&str, Vec<&FieldDiff>> = BTreeMap::new();
    for field in &object.fields {
        by_attribute.entry(&field.name).or_default().push(field);
    }
    let mut by_relationship: BTreeMap<&str, Vec<&LinkDiff>> = BTreeMap::new();
    for link in &object.links {
        by_relationship.entry(&link.name).or_default().push(link);
    }
    // Of an object that is new or gone, so are its attributes.
    let attributes: Vec<(Op, Json)> = by_attribute
        .into_iter()
        .map(|(name, fields)| {
            let conflict =
                |property: &str| clash(conflicts, object.id, format!("{name}.{property}"));
            (object.op, attribute(&path, name, object.op, (&fields, &conflict)))
        })
        .collect();
    let relationships: Vec<(Op, Json)> = by_relationship
        .into_iter()
        .map(|(name, links)| {
            let op = relationship_op(object.op, &links);
            let conflict = |part: &str| clash(conflicts, object.id, format!("{name}{part}"));
            (op, relationship(&path, name, op, (&links, &conflict)))
        })
        .collect();
    let parent = object.parent.as_ref().map(|parent| {
        json!({
            "uuid": parent.id.to_string(), "kind": parent.kind,
            "relationship_name": parent.relationship,
        })
    });
    let conflict = clash(conflicts, object.id, String::new());
    let within = (object.id, String::new())..=(object.id, char::MAX.to_string());
    let clashing = conflicts.range(within).count();
    let ops: Vec<Op> = attributes.iter().chain(&relationships).map(|(op, _)| *op).collect();
    let told = json!({
        "uuid": object.id.to_string(), "kind": object.kind, "label": object.label,
        "status": word(object.op), "path_identifier": path, "parent": parent,
        "conflict": conflict, "contains_conflict": clashing > 0,
        "last_changed_at": object.origin.at.to_string(),
        "attributes": attributes.into_iter().map(|(_, json)| json).collect::<Vec<_>>(),
        "relationships": relationships.into_iter().map(|(_, json)| json).collect::<Vec<_>>(),
    });
    counted(told, clashing, ops.into_iter())
}

/// What is in conflict about a part of something.
type Clashing<'c> = &'c dyn Fn(&str) -> Option<Json>;

fn attribute(
    path: &str,
    name: &str,
    op: Op,
    (fields, conflict): (&[&FieldDiff], Clashing<'_>),
) -> Json {
    let path = format!("{path}/{name}");
    let last = fields.iter().map(|field| field.origin.at).max();
    let mut clashing: Vec<Json> =
        fields.iter().filter_map(|field| conflict(field.property)).collect();
    let count = clashing.len();
    clashing.truncate(1);
    let clashing = clashing.pop();
    let properties: Vec<Json> =
        fields.iter().map(|field| property(&path, field, conflict(field.property))).collect();
    let told = json!({
        "name": name, "status": word(op), "path_identifier": path,
        "last_changed_at": last.map(|at| at.to_string()),
        "contains_conflict": clashing.is_some(), "conflict": clashing, "properties": properties,
    });
    counted(told, count, fields.iter().map(|field| op_of(field)))
}

fn property(path: &str, field: &FieldDiff, conflict: Option<Json>) -> Json {
    json!({
        "property_type": property_type(field.property),
        "path_identifier": format!("{path}/{}", field.property),
        "previous_value": shown(&field.before), "new_value": shown(&field.after),
        "previous_label": null, "new_label": null, "status": word(op_of(field)),
        "last_changed_at": field.origin.at.to_string(), "conflict": conflict,
    })
}

/// Values are told as text.
fn shown(value: &Json) -> Json {
    match value {
        Json::Null => Json::Null,
        Json::String(text) => json!(text),
        other => json!(other.to_string()),
    }
}

fn relationship_op(object: Op, links: &[&LinkDiff]) -> Op {
    if object != Op::Updated {
        return object;
    }
    let all = |op: Op| links.iter().all(|link| link.op == op);
    match links.first() {
        Some(first) if first.cardinality == Cardinality::One && all(Op::Created) => Op::Created,
        Some(first) if first.cardinality == Cardinality::One && all(Op::Deleted) => Op::Deleted,
        _ => Op::Updated,
    }
}

fn relationship(
    path: &str,
    name: &str,
    op: Op,
    (links, conflict): (&[&LinkDiff], Clashing<'_>),
) -> Json {
    let path = format!("{path}/{name}");
    let one = links.first().is_some_and(|link| link.cardinality == Cardinality::One);
    let element = |link: &&LinkDiff| {
        let path = format!("{path}/{}", link.peer);
        let mut properties: Vec<Json> =
            link.properties.iter().map(|field| property(&path, field, None)).collect();
        let clashing = match one {
            true => conflict(""),
            false => conflict(&format!("/{}", link.peer)),
        };
        if link.op != Op::Updated {
            let peer = Some(link.peer.to_string());
            let (before, after) = if link.op == Op::Created { (None, peer) } else { (peer, None) };
            let label = |id: &Option<String>| id.as_ref().map(|_| link.peer_label.clone());
            properties.insert(
                0,
                json!({
                    "property_type": "IS_RELATED", "path_identifier": format!("{path}/IS_RELATED"),
                    "previous_label": label(&before), "new_label": label(&after),
                    "previous_value": before, "new_value": after, "status": word(link.op),
                    "last_changed_at": link.origin.at.to_string(), "conflict": null,
                }),
            );
        }
        let count = usize::from(clashing.is_some());
        let told = json!({
            "status": word(link.op), "peer_id": link.peer.to_string(),
            "peer_label": link.peer_label, "path_identifier": path,
            "last_changed_at": link.origin.at.to_string(), "properties": properties,
            "contains_conflict": clashing.is_some(), "conflict": clashing,
        });
        let related = (link.op != Op::Updated).then_some(link.op);
        counted(told, count, related.into_iter().chain(link.properties.iter().map(op_of)))
    };
    let elements: Vec<Json> = links.iter().map(element).collect();
    let last = links.iter().map(|link| link.origin.at).max();
    let count = elements.iter().filter(|one| one["contains_conflict"] == json!(true)).count();
    let told = json!({
        "name": name, "label": name, "status": word(op), "path_identifier": path,
        "cardinality": if one { "ONE" } else { "MANY" },
        "last_changed_at": last.map(|at| at.to_string()),
        "contains_conflict": count > 0,
        "elements": elements,
    });
    counted(told, count, links.iter().map(|link| link.op))
}

/// Parents that did not change themselves, each before its first component.
fn parents(wanted: &[&ObjectDiff], shown: Vec<Json>) -> Vec<Json> {
    let changed: BTreeSet<String> = wanted.iter().map(|one| one.id.to_string()).collect();
    let by_id: BTreeMap<String, &ParentOf> = wanted
        .iter()
        .filter_map(|one| one.parent.as_ref().map(|parent| (one.id.to_string(), parent)))
        .collect();
    let mut told = BTreeSet::new();
    let mut all = Vec::with_capacity(shown.len());
    for node in shown {
        let parent = node["uuid"].as_str().and_then(|id| by_id.get(id));
        if let Some(parent) = parent
            && !changed.contains(&parent.id.to_string())
            && told.insert(parent.id)
        {
            let unchanged = json!({
                "uuid": parent.id.to_string(), "kind": parent.kind, "label": parent.label,
                "status": "UNCHANGED", "path_identifier": format!("data/{}", parent.id),
                "parent": null, "conflict": null, "contains_conflict": false,
                "attributes": [], "relationships": [],
            });
            all.push(counted(unchanged, 0, std::iter::empty()));
        }
        all.push(node);
    }
    all
}
