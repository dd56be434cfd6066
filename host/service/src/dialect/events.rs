//! Events in the public dialect: what the commit log says of objects, schemas and branches, one event
//! for each object that a commit changed.

use std::collections::{BTreeMap, BTreeSet};

use branch::{BranchError, Cause, LogEntry, Moment, Object, Op, View};
use graphql::GraphqlError;
use model::schema::Kind;
use model::{BranchId, ObjectId, Seq, Timestamp};
use serde_json::{Value as Json, json};

use crate::Service;
use crate::dialect::{Arguments, DialectHost};
use crate::limits::{EVENTS_LISTED_MAX, EVENTS_SCANNED_MAX};

/// Events of a page, where the request does not say.
const PAGE: usize = 10;
/// How far back events are told, where the request does not say: 180 days.
const SINCE_MICROS: i64 = 180 * 86_400 * 1_000_000;
/// Bits of an event's id that count within its commit; 62 to leave room for the marks of a UUID.
const WITHIN: u128 = (1 << 62) - 1;

/// An event: its place, and what happened.
struct Event {
    seq: Seq,
    within: u64,
    branch: Option<String>,
    author: ObjectId,
    at: Timestamp,
    what: What,
}

/// What happened.
enum What {
    Object { id: ObjectId, kind: String, op: Op, on: BranchId },
    Schema,
    BranchCreated(String),
    BranchDeleted(String),
    BranchMerged(String),
    BranchRebased(String),
}

impl What {
    fn name(&self) -> &'static str {
        match self {
            Self::Object { op: Op::Created, .. } => "infrahub.node.created",
            Self::Object { op: Op::Updated, .. } => "infrahub.node.updated",
            Self::Object { op: Op::Deleted, .. } => "infrahub.node.deleted",
            Self::Schema => "infrahub.schema.updated",
            Self::BranchCreated(_) => "infrahub.branch.created",
            Self::BranchDeleted(_) => "infrahub.branch.deleted",
            Self::BranchMerged(_) => "infrahub.branch.merged",
            Self::BranchRebased(_) => "infrahub.branch.rebased",
        }
    }

    fn type_name(&self) -> &'static str {
        match self {
            Self::Object { .. } => "NodeMutatedEvent",
            Self::Schema => "StandardEvent",
            Self::BranchCreated(_) => "BranchCreatedEvent",
            Self::BranchDeleted(_) => "BranchDeletedEvent",
            Self::BranchMerged(_) => "BranchMergedEvent",
            Self::BranchRebased(_) => "BranchRebasedEvent",
        }
    }
}

/// The id of an event, a UUID (version 8): the commit, and the place within it.
fn id(seq: Seq, within: u64) -> ObjectId {
    let commit = u128::from(seq.0 & 0xffff_ffff_ffff) << 80;
    ObjectId(commit | 0x8 << 76 | 0b10 << 62 | (u128::from(within) & WITHIN))
}

/// Which events are wanted.
struct Wanted {
    ids: BTreeSet<String>,
    types: Vec<String>,
    primary: BTreeSet<String>,
    related: BTreeSet<String>,
    branches: Vec<String>,
    accounts: Vec<String>,
    since: Timestamp,
    until: Timestamp,
    nothing: bool,
}

impl Wanted {
    fn read(arguments: &Arguments<'_>, now: Timestamp) -> Result<Self, GraphqlError> {
        let moment = |name: &str| match arguments.text(name) {
            None => Ok(None),
            Some(text) => text
                .parse::<Timestamp>()
                .map(Some)
                .map_err(|bad| GraphqlError::bad_request(format!("`{name}`: `{text}` is {bad}"))),
        };
        // Every event stands at the first level, and none is the parent of another.
        let nothing = arguments.number("level").is_some_and(|level| level > 0)
            || arguments.get("has_children").and_then(Json::as_bool) == Some(true)
            || !arguments.texts("parent__ids").is_empty();
        Ok(Self {
            ids: arguments.texts("ids").into_iter().collect(),
            types: arguments.texts("event_type"),
            primary: arguments.texts("primary_node__ids").into_iter().collect(),
            related: arguments.texts("related_node__ids").into_iter().collect(),
            branches: arguments.texts("branches"),
            accounts: arguments.texts("account__ids"),
            since: moment("since")?.unwrap_or(Timestamp(now.0.saturating_sub(SINCE_MICROS))),
            until: moment("until")?.unwrap_or(Timestamp(i64::MAX)),
            nothing,
        })
    }

    fn holds(&self, event: &Event) -> bool {
        let among = |list: &BTreeSet<String>| {
            let object = match &event.what {
                What::Object { id, .. } => Some(id.to_string()),
                _ => None,
            };
            list.is_empty() || object.is_some_and(|id| list.contains(&id))
        };
        let one_of = |list: &[String], is: Option<&str>| {
            list.is_empty() || is.is_some_and(|is| list.iter().any(|one| one == is))
        };
        let author = event.author.to_string();
        (self.ids.is_empty() || self.ids.contains(&id(event.seq, event.within).to_string()))
            && one_of(&self.types, Some(event.what.name()))
            && among(&self.primary)
            && among(&self.related)
            && one_of(&self.branches, event.branch.as_deref())
            && one_of(&self.accounts, Some(author.as_str()))
    }
}

/// The branches there are: their names and schemas, each looked up once.
struct Branches<'s> {
    service: &'s Service,
    names: BTreeMap<u32, String>,
    views: BTreeMap<u32, Option<View>>,
    main: View,
}

impl<'s> Branches<'s> {
    fn of(service: &'s Service) -> Result<Self, BranchError> {
        let all = service.database.branches()?;
        let names = all.into_iter().map(|branch| (branch.id.0, branch.name)).collect();
        let main = service.database.view(BranchId::MAIN)?;
        Ok(Self { service, names, views: BTreeMap::new(), main })
    }

    fn name(&self, number: u32) -> Option<String> {
        self.names.get(&number).cloned()
    }

    /// The kind of a symbol, as the branch has it, or main.
    fn kind(&mut self, branch: BranchId, symbol: u32) -> Option<std::sync::Arc<Kind>> {
        let symbol = model::Symbol(symbol);
        if let Some(kind) = self.main.schema().by_symbol.get(&symbol) {
            return Some(kind.clone());
        }
        let database = &self.service.database;
        let view = self.views.entry(branch.0).or_insert_with(|| database.view(branch).ok());
        view.as_ref()?.schema().by_symbol.get(&symbol).cloned()
    }
}

impl DialectHost<'_> {
    /// `InfrahubEvent`: newest first, unless asked otherwise.
    pub(super) fn events(
        &self,
        view: &View,
        arguments: &Arguments<'_>,
    ) -> Result<Json, GraphqlError> {
        let wanted = Wanted::read(arguments, view.now())?;
        let mut branches = Branches::of(self.service)?;
        let mut found = Vec::new();
        let mut deleted = BTreeSet::new();
        let mut seq = view.seq();
        let mut scanned = 0;
        while seq.0 > 0 && !wanted.nothing {
            let entry = view.log_entry(seq)?;
            scanned += 1;
            if scanned > EVENTS_SCANNED_MAX {
                let message = format!(
                    "more than {EVENTS_SCANNED_MAX} commits would be looked through; ask for a later `since`"
                );
                return Err(GraphqlError::bad_request(message));
            }
            if let Some(entry) = entry {
                if entry.at < wanted.since {
                    break;
                }
                if entry.at <= wanted.until {
                    let events = self.of_commit(seq, &entry, &mut branches, &mut deleted);
                    found.extend(events.into_iter().filter(|event| wanted.holds(event)));
                }
            }
            seq = Seq(seq.0 - 1);
        }
        if arguments.text("order") == Some("ASC") {
            found.reverse();
        }
        let count = found.len();
        let limit = arguments.number("limit").filter(|limit| *limit > 0).unwrap_or(PAGE);
        if limit > EVENTS_LISTED_MAX {
            let message =
                format!("`limit` may be {EVENTS_LISTED_MAX} at most; ask for pages with `offset`");
            return Err(GraphqlError::bad_request(message));
        }
        let offset = arguments.number("offset").unwrap_or(0);
        let page = found.iter().skip(offset).take(limit);
        let edges: Result<Vec<Json>, GraphqlError> =
            page.map(|event| Ok(json!({"node": self.event(event)?}))).collect();
        Ok(json!({"count": count, "edges": edges?}))
    }

    /// The events of a commit that the caller may see, the last first.
    fn of_commit(
        &self,
        seq: Seq,
        entry: &LogEntry,
        branches: &mut Branches<'_>,
        deleted: &mut BTreeSet<u32>,
    ) -> Vec<Event> {
        let mut whats = Vec::new();
        for (object, symbol, op) in &entry.changed {
            let kind = branches.kind(entry.branch, *symbol);
            if kind.as_ref().is_some_and(|kind| !self.service.sees(kind)) {
                continue;
            }
            let kind = kind.map(|kind| kind.name.clone()).unwrap_or_default();
            whats.push(What::Object { id: *object, kind, op: *op, on: entry.branch });
        }
        let name = |number: u32| branches.name(number).unwrap_or_else(|| number.to_string());
        match &entry.cause {
            Cause::Schema => whats.push(What::Schema),
            Cause::BranchCreate { branch } => whats.push(What::BranchCreated(name(*branch))),
            // A branch goes in several commits; the last of them, which is met first, counts.
            Cause::BranchDelete { branch } if deleted.insert(*branch) => {
                whats.push(What::BranchDeleted(name(*branch)));
            }
            Cause::BranchMerge { branch, .. } => whats.push(What::BranchMerged(name(*branch))),
            // A rebase begins with a commit on main that only pins a moment of it.
            Cause::BranchRebase { branch } if entry.branch != BranchId::MAIN => {
                whats.push(What::BranchRebased(name(*branch)));
            }
            _ => {}
        }
        let branch = branches.name(entry.branch.0);
        let event = |(within, what)| Event {
            seq,
            within,
            branch: branch.clone(),
            author: entry.author,
            at: entry.at,
            what,
        };
        let mut events: Vec<Event> = (0_u64..).zip(whats).map(event).collect();
        events.reverse();
        events
    }

    fn event(&self, event: &Event) -> Result<Json, GraphqlError> {
        let account = (event.author != ObjectId::SYSTEM).then(|| event.author.to_string());
        let mut told = json!({
            "__typename": event.what.type_name(), "id": id(event.seq, event.within).to_string(),
            "event": event.what.name(), "branch": event.branch, "account_id": account,
            "occurred_at": event.at.to_string(), "level": 0, "has_children": false,
            "parent_id": null, "primary_node": null, "related_nodes": [],
            "payload": {"commit": event.seq.0},
        });
        match &event.what {
            What::Object { id, kind, op, on } => {
                let node = json!({"id": id.to_string(), "kind": kind});
                let (attributes, relationships) = self.differences(event.seq, *on, *id)?;
                told["payload"]["kind"] = json!(kind);
                told["payload"]["node_id"] = json!(id.to_string());
                told["payload"]["action"] = json!(op.word());
                told["related_nodes"] = json!([node]);
                told["primary_node"] = node;
                told["attributes"] = Json::Array(attributes);
                told["relationships"] = Json::Array(relationships);
            }
            What::Schema => {}
            What::BranchCreated(name) => {
                told["created_branch"] = json!(name);
                told["payload"]["branch_name"] = json!(name);
            }
            What::BranchDeleted(name) => {
                told["deleted_branch"] = json!(name);
                told["payload"]["branch_name"] = json!(name);
            }
            What::BranchMerged(name) => {
                told["source_branch"] = json!(name);
                told["payload"]["branch_name"] = json!(name);
            }
            What::BranchRebased(name) => {
                told["rebased_branch"] = json!(name);
                told["payload"]["branch_name"] = json!(name);
            }
        }
        Ok(told)
    }

    /// What a commit changed of an object: its states right before and after are compared. Nothing of
    /// a branch that is gone.
    fn differences(
        &self,
        seq: Seq,
        on: BranchId,
        id: ObjectId,
    ) -> Result<(Vec<Json>, Vec<Json>), GraphqlError> {
        let on = if on == BranchId::GLOBAL { BranchId::MAIN } else { on };
        let at = |seq: u64| match seq {
            0 => None,
            seq => self.service.database.view_at(on, Moment::Commit(Seq(seq))).ok(),
        };
        let (before, after) = (at(seq.0 - 1), at(seq.0));
        let state = |view: &Option<View>| -> Result<Option<Object>, BranchError> {
            view.as_ref().map(|view| view.object(id)).transpose().map(Option::flatten)
        };
        let (old, new) = (state(&before)?, state(&after)?);
        let Some(kind) = new.as_ref().or(old.as_ref()).map(|object| object.kind().clone()) else {
            return Ok((Vec::new(), Vec::new()));
        };
        let mut attributes = Vec::new();
        for attribute in &kind.attributes {
            let value = |object: &Option<Object>| {
                object.as_ref().map_or(Json::Null, |object| object.value(&attribute.name).to_json())
            };
            let (old, new) = (value(&old), value(&new));
            if old == new {
                continue;
            }
            let action = match (old.is_null(), new.is_null()) {
                (true, _) => "ADDED",
                (_, true) => "REMOVED",
                _ => "UPDATED",
            };
            attributes.push(json!({
                "name": attribute.name, "kind": attribute.kind.word(), "action": action,
                "value": text(attribute.told(new)), "value_previous": text(attribute.told(old)),
            }));
        }
        let mut relationships = Vec::new();
        for rel in &kind.relationships {
            let peers = |view: &Option<View>| -> Result<BTreeSet<ObjectId>, BranchError> {
                let Some(view) = view else { return Ok(BTreeSet::new()) };
                Ok(view.peers(id, rel)?.into_iter().map(|edge| edge.peer).collect())
            };
            let (old, new) = (peers(&before)?, peers(&after)?);
            let added = new.difference(&old).map(|peer| (peer, "ADDED", &after));
            let removed = old.difference(&new).map(|peer| (peer, "REMOVED", &before));
            for (peer, action, view) in added.chain(removed) {
                let kind = view.as_ref().map(|view| view.kind_of(*peer)).transpose()?.flatten();
                let kind = kind.map_or_else(|| rel.peer.clone(), |kind| kind.name.clone());
                relationships.push(json!({
                    "name": rel.name, "action": action,
                    "peer": {"id": peer.to_string(), "kind": kind},
                }));
            }
        }
        Ok((attributes, relationships))
    }
}

/// A value as text, which is how events carry it.
fn text(value: Json) -> Json {
    match value {
        Json::Null | Json::String(_) => value,
        other => json!(other.to_string()),
    }
}
