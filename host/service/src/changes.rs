//! Proposed changes: a branch put forward for merging, with what its checks say.
//!
//! Everything is kept in objects of agnostic kinds, so that every interface shows it: the change, its
//! validators with their checks, reviews, comments. A result says as of which commits it holds; one
//! that no longer does counts for nothing.

mod aftermath;
mod follow;
mod pipeline;
mod queue;
mod record;
mod verbs;

use branch::{AttrInput, BranchInfo, ChangeSet, Draft, Input, Object, Op, PeerInput, View};
use model::{BranchId, ObjectId, Seq, Symbol, Value};
use serde_json::{Value as Json, json};

use crate::history::label;
use crate::limits::STALE_COMMITS_MAX;
use crate::{Service, ServiceError};

pub use follow::Keeper;
pub use pipeline::CheckKind;
pub(crate) use queue::Dirty;
pub use verbs::ChangeInput;

/// The kind of proposed changes.
pub(crate) const KIND: &str = "CoreProposedChange";
/// Kinds of which the host says who made one, and when.
const SIGNED: [&str; 5] =
    [KIND, "CoreChangeComment", "CoreThreadComment", "CoreChangeThread", "CoreObjectThread"];

/// Where a source branch stands: what results of its checks are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Standing {
    /// The newest commit that changed anything of the branch's own.
    newest: Seq,
    /// The commit as of which it reads main.
    fork: Seq,
}

/// A proposed change, read from its object.
#[derive(Debug, Clone)]
struct Proposed {
    id: ObjectId,
    name: String,
    source: String,
    state: String,
    is_draft: bool,
}

impl Proposed {
    fn read(object: &Object) -> Self {
        let text = |name: &str| object.value(name).as_text().unwrap_or_default().to_owned();
        Self {
            id: object.id(),
            name: text("name"),
            source: text("source_branch"),
            state: text("state"),
            is_draft: object.value("is_draft") == Value::Bool(true),
        }
    }

    fn is_open(&self) -> bool {
        self.state == "open"
    }
}

/// One validator of a change, as its merge sees it.
struct Verdictful {
    label: String,
    required: bool,
    success: bool,
    stale: bool,
    /// It waits for its turn, or runs.
    pending: bool,
    /// The commit of the branch that it holds for.
    branch: Seq,
    message: String,
}

fn refused(code: &'static str, message: String) -> ServiceError {
    ServiceError::Change { code, message, details: Vec::new() }
}

impl Service {
    /// The same service on main.
    pub(crate) fn on_main(&self) -> Self {
        Self { branch: BranchId::MAIN, at: None, ..self.clone() }
    }

    /// A change by its id, or by its name where one alone has it; of several, the open one.
    fn proposed(&self, view: &View, name: &str) -> Result<Proposed, ServiceError> {
        let missing = || ServiceError::NotFound { what: "proposed change", name: name.to_owned() };
        let kind = view.kind(KIND)?;
        if let Ok(id) = name.parse::<ObjectId>() {
            let object = view.object(id)?.filter(|object| object.kind().name == KIND);
            return object.map(|object| Proposed::read(&object)).ok_or_else(missing);
        }
        let mut found = Vec::new();
        for object in view.objects(kind)? {
            let change = Proposed::read(&object?);
            if change.name == name {
                found.push(change);
            }
        }
        if found.len() > 1 {
            found.retain(Proposed::is_open);
        }
        if found.len() > 1 {
            let message =
                format!("`{name}` names {} open changes; name one by its id", found.len());
            return Err(ServiceError::Request { code: "ambiguous", message });
        }
        found.pop().ok_or_else(missing)
    }

    /// Where a branch stands; nothing where it is gone.
    fn standing(&self, source: &str) -> Result<Option<Standing>, ServiceError> {
        let Ok(id) = self.database.branch(source) else { return Ok(None) };
        let view = self.database.view(id)?;
        let newest = view.touched()?.newest();
        Ok(Some(Standing { newest, fork: view.fork().unwrap_or_default() }))
    }

    /// Whether main's own data was changed after a commit.
    fn main_moved(&self, view: &View, since: Seq) -> Result<bool, ServiceError> {
        if view.seq().0.saturating_sub(since.0) > STALE_COMMITS_MAX {
            return Ok(true);
        }
        for number in since.0 + 1..=view.seq().0 {
            let Some(entry) = view.log_entry(Seq(number))? else { continue };
            let aware = |symbol: &u32| {
                let kind = view.schema().by_symbol.get(&Symbol(*symbol));
                kind.is_none_or(|kind| kind.branch == model::schema::BranchMode::Aware)
            };
            let changed = entry.changed.iter().any(|(_, symbol, _)| aware(symbol));
            // The host's own notes are linked to definitions, and change nothing of them.
            let noted = matches!(entry.cause, branch::Cause::Checks { .. });
            if entry.branch == BranchId::MAIN
                && !noted
                && (changed || matches!(entry.cause, branch::Cause::Schema))
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The validators of a change, each with whether it still holds.
    fn verdicts(&self, view: &View, change: &Proposed) -> Result<Vec<Verdictful>, ServiceError> {
        let standing = self.standing(&change.source)?;
        let mut all = Vec::new();
        for validator in peers(view, change.id, "validations")? {
            let number = |name: &str| match validator.value(name) {
                Value::Int(number) => Seq(u64::try_from(number).unwrap_or(0)),
                _ => Seq(0),
            };
            let (branch, main) = (number("branch_commit"), number("main_commit"));
            let stale = match &standing {
                None => true,
                Some(now) if branch != now.newest => true,
                Some(now) => match validator.kind().name.as_str() {
                    "CoreDataValidator" | "CoreSchemaValidator" => self.main_moved(view, main)?,
                    _ => main != now.fork,
                },
            };
            let text = |name: &str| validator.value(name).as_text().unwrap_or_default().to_owned();
            all.push(Verdictful {
                label: text("label"),
                required: validator.value("required") != Value::Bool(false),
                success: text("conclusion") == "success",
                stale,
                pending: text("state") != record::Progress::Completed.word(),
                branch,
                message: text("message"),
            });
        }
        Ok(all)
    }

    /// What stands in the way of merging a change, for people; nothing when it can be merged.
    fn blockers(&self, view: &View, change: &Proposed) -> Result<Vec<String>, ServiceError> {
        let mut found = Vec::new();
        if !change.is_open() {
            found.push(format!("the change is {}", change.state));
        }
        if change.is_draft {
            found.push("the change is a draft".to_owned());
        }
        for by in peers(view, change.id, "rejected_by")? {
            found.push(format!("{} rejected it", label(view, by.id())?));
        }
        let verdicts = self.verdicts(view, change)?;
        if verdicts.is_empty() {
            found.push("its checks have not run".to_owned());
        }
        for one in verdicts.iter().filter(|one| one.required) {
            match (one.pending, one.stale, one.success) {
                (true, ..) => found.push(format!("{}: {}", one.label, one.message)),
                (_, true, _) => found.push(format!("{}: the branch was changed since", one.label)),
                (_, false, false) => found.push(format!("{}: {}", one.label, one.message)),
                (_, false, true) => {}
            }
        }
        Ok(found)
    }

    /// Whether a change of objects keeps to the rules of proposed changes. Asked of every change made
    /// by hand before it is committed.
    pub(crate) fn may_propose(&self, view: &View, changes: &ChangeSet) -> Result<(), ServiceError> {
        for change in changes.changes.iter().filter(|change| change.kind == KIND) {
            let field = |name: &str| change.fields.iter().find(|field| field.name == name);
            let Some(object) = view.object(change.id)? else { continue };
            let proposed = Proposed::read(&object);
            let was = field("state").map_or(json!(proposed.state), |field| field.before.clone());
            if change.op == Op::Updated && was == "merged" && !change.fields.is_empty() {
                let message = format!("`{}` was merged; it stays as it is", proposed.name);
                return Err(refused("change-merged", message));
            }
            let reopened = change.op == Op::Updated && proposed.is_open() && was != "open";
            let opened = change.op == Op::Created || reopened || field("source_branch").is_some();
            if opened {
                self.may_open(view, &proposed, object.value("destination_branch").as_text())?;
            }
            if change.op == Op::Created && !proposed.is_open() {
                let message = "a change is opened, and then merged or closed".to_owned();
                return Err(ServiceError::Request { code: "bad-change", message });
            }
        }
        Ok(())
    }

    fn may_open(
        &self,
        view: &View,
        proposed: &Proposed,
        destination: Option<&str>,
    ) -> Result<(), ServiceError> {
        let bad = |message: String| ServiceError::Request { code: "bad-change", message };
        if destination.is_some_and(|name| name != "main") {
            return Err(bad("changes are proposed to `main`, which branches fork from".to_owned()));
        }
        if proposed.source == "main" {
            return Err(bad("main cannot be proposed to itself; name a branch".to_owned()));
        }
        let info: BranchInfo = self.database.branch_info(&proposed.source)?;
        if info.status == branch::BranchStatus::Merged {
            let name = proposed.source.clone();
            return Err(branch::BranchError::from(branch::BranchFault::Merged { name }).into());
        }
        let open = self.changes_of(view, &proposed.source, &["open"])?;
        if let Some(other) = open.iter().find(|other| other.id != proposed.id) {
            let message = format!(
                "branch `{}` is proposed already, by `{}`; close that first",
                proposed.source, other.name
            );
            return Err(refused("change-exists", message));
        }
        Ok(())
    }

    /// Signs what was opened or said, whichever way it came in: who, and when. The draft is finished once
    /// more where there was something to sign.
    pub(crate) fn sign(&self, draft: &mut Draft, changes: &ChangeSet) -> Result<(), ServiceError> {
        let mut signed = false;
        let made = changes.changes.iter().filter(|change| change.op == Op::Created);
        for change in made.filter(|change| SIGNED.contains(&change.kind.as_str())) {
            let Some(object) = draft.object(change.id)? else { continue };
            let mut input = Input::default();
            if object.kind().attribute("created_at").is_some() {
                let now = AttrInput::by_host(Value::Time(draft.now()));
                input = input.attr("created_at", now);
            }
            if let Some(by) = self.caller.account {
                input = input.rel("created_by", vec![PeerInput::id(by)]);
            }
            draft.update(change.id, input)?;
            signed = true;
        }
        if signed {
            draft.finish()?;
        }
        Ok(())
    }

    /// The change that an update of its state asks to be merged.
    pub(crate) fn asks_to_merge(changes: &ChangeSet) -> Option<ObjectId> {
        let asks = |change: &&branch::Change| {
            change.kind == KIND
                && change.op == Op::Updated
                && change
                    .fields
                    .iter()
                    .any(|field| field.name == "state" && field.after == json!("merged"))
        };
        changes.changes.iter().find(asks).map(|change| change.id)
    }

    /// What follows from a change made by hand: a change that was opened is checked; open changes of
    /// the branch are to be checked again.
    pub(crate) fn follow(&self, changes: &ChangeSet) -> Result<(), ServiceError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.note_branch();
        let main = self.on_main();
        for change in changes.changes.iter().filter(|change| change.kind == KIND) {
            let opened = change.op == Op::Created
                || change
                    .fields
                    .iter()
                    .any(|field| field.name == "state" && field.after == json!("open"));
            if opened {
                let change = main.proposed(&main.view()?, &change.id.to_string())?;
                main.check_soon(&change, &CheckKind::ALL)?;
            }
        }
        Ok(())
    }
}

/// The peers of a relationship, as objects.
fn peers(view: &View, id: ObjectId, relationship: &str) -> Result<Vec<Object>, ServiceError> {
    let Some(kind) = view.kind_of(id)? else { return Ok(Vec::new()) };
    let Some(rel) = kind.relationship(relationship) else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for edge in view.peers(id, rel)? {
        all.extend(view.object(edge.peer)?);
    }
    Ok(all)
}

/// The values of an object that are set, without those of relationships.
fn values(object: &Object) -> Json {
    let mut told = json!({"id": object.id().to_string(), "type": object.kind().name});
    for attribute in &object.kind().attributes {
        let value = object.value(&attribute.name);
        if !value.is_null() {
            told[&attribute.name] = value.to_json();
        }
    }
    told
}
