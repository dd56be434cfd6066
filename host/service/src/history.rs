//! Where things come from: which commit and run set a value, why a run ran, and taking a commit or a
//! run back.

use branch::{Blamed, BranchError, Cause, ChangeSet, Committed, Origin, RunInput, View};
use engine::RunRecord;
use model::permission::Action;
use model::{BranchId, ObjectId, Seq, Symbol};
use serde_json::{Value as Json, json};

use crate::limits::{BLAMED_MAX, MET_MAX, WHY_COMMITS_MAX};
use crate::objects::find;
use crate::{Service, ServiceError};

/// Values told of an attribute without another number.
const BLAMED: usize = 20;

/// What is to be taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undone {
    /// A commit, by its number.
    Commit(u64),
    /// What a run changed, by its id.
    Run(String),
}

/// What taking something back does, or would do.
#[derive(Debug, Clone)]
pub struct Reverted {
    /// The commit that is taken back.
    pub reverts: Seq,
    /// What changes.
    pub changes: ChangeSet,
    /// The commit that did it; none for a plan, and where nothing was left to do.
    pub commit: Option<Seq>,
}

impl Reverted {
    /// As JSON.
    pub fn to_json(&self) -> Json {
        json!({
            "reverts": self.reverts.0, "commit": self.commit.map(|seq| seq.0),
            "changes": self.changes.to_json(), "digest": self.changes.digest().to_string(),
        })
    }
}

impl Service {
    /// Which commits set an attribute, or made the links of a relationship: with author, time, run,
    /// definition, and the digests of its component and input; the newest first.
    pub fn blame(
        &self,
        kind: &str,
        name: &str,
        field: &str,
        limit: Option<usize>,
    ) -> Result<Json, ServiceError> {
        let view = self.view()?;
        let object = find(&view, kind, name)?;
        self.may(object.kind(), Action::View)?;
        let mut told = json!({
            "id": object.id().to_string(), "kind": object.kind().name,
            "label": view.display_label(&object)?, "field": field,
        });
        if let Some(rel) = object.kind().relationship(field) {
            let mut peers = Vec::new();
            for edge in view.peers(object.id(), rel)? {
                let mut peer = self.origin_told(&view, &view.origin(edge.updated)?)?;
                peer["peer"] = json!(edge.peer.to_string());
                peer["label"] = json!(named(&view, edge.peer)?);
                peers.push(peer);
            }
            told["peers"] = Json::Array(peers);
            return Ok(told);
        }
        let limit = limit.unwrap_or(BLAMED).clamp(1, BLAMED_MAX);
        let values = view.blame(object.id(), field, limit)?;
        told["value"] = values.first().map_or(Json::Null, |one| one.value.clone());
        let value = |one: &Blamed| -> Result<Json, ServiceError> {
            let mut told = self.origin_told(&view, &one.origin)?;
            told["value"] = one.value.clone();
            told["is_default"] = json!(one.is_default);
            told["source"] = json!(one.source.map(|source| source.to_string()));
            if let Cause::BranchMerge { branch, .. } = one.origin.cause {
                told["merged_from"] =
                    self.merged_from(BranchId(branch), object.id(), field, one)?;
            }
            Ok(told)
        };
        told["values"] = Json::Array(values.iter().map(value).collect::<Result<_, _>>()?);
        Ok(told)
    }

    /// What set a value on the branch that it came from; null where the branch is gone.
    fn merged_from(
        &self,
        branch: BranchId,
        object: ObjectId,
        field: &str,
        merged: &Blamed,
    ) -> Result<Json, ServiceError> {
        let Ok(view) = self.database.view(branch) else { return Ok(Json::Null) };
        if view.kind_of(object)?.is_none_or(|kind| kind.attribute(field).is_none()) {
            return Ok(Json::Null);
        }
        let values = view.blame(object, field, 1)?;
        let Some(value) = values.first().filter(|one| one.value == merged.value) else {
            return Ok(Json::Null);
        };
        let mut told = self.origin_told(&view, &value.origin)?;
        told["branch"] = json!(view.branch_name());
        Ok(told)
    }

    /// A commit for people and programs, with the run behind it.
    pub(crate) fn origin_told(&self, view: &View, origin: &Origin) -> Result<Json, ServiceError> {
        let run = match &origin.cause {
            Cause::Run { run, definition, .. } => {
                let record = RunRecord::get(view, ObjectId(*run))?;
                let of = |read: fn(&RunRecord) -> Json| record.as_ref().map_or(Json::Null, read);
                json!({
                    "id": ObjectId(*run).to_string(), "definition": definition,
                    "component": of(|run| json!(run.component)), "input": of(|run| json!(run.input)),
                    "target": of(|run| json!(ObjectId(run.target).to_string())),
                    "cause": of(|run| json!(run.cause)),
                })
            }
            _ => Json::Null,
        };
        Ok(json!({
            "commit": origin.commit.0, "at": origin.at.to_string(),
            "by": origin.by.to_string(), "by_name": label(view, origin.by)?,
            "how": how(&origin.cause), "run": run,
        }))
    }

    /// Why a run ran: who or what started it, what was different since the run before it, and which
    /// commits in between changed something that it looks at.
    pub fn why(&self, run: &str) -> Result<Json, ServiceError> {
        let view = self.view()?;
        let record = self.run_record(run)?;
        let instance = ObjectId(record.instance);
        let all = RunRecord::of_instance(&view, instance, usize::MAX)?;
        let before = all.iter().find(|one| one.run < record.run);
        let mut words = vec![started(&record)];
        let mut met = Vec::new();
        match before {
            None => words.push("it is the first run of its instance that is known".to_owned()),
            Some(before) => {
                if before.component != record.component {
                    words.push("the component is another one than at the run before".to_owned());
                }
                if before.input != record.input {
                    words.push(
                        "the query's answer is another one than at the run before".to_owned(),
                    );
                }
                if let Some((_, input)) = view.run_input(instance)? {
                    met = self.met(&view, &input, (before.base, record.base))?;
                }
                if met.is_empty() {
                    words
                        .push("no commit since the run before changed what it looks at".to_owned());
                }
            }
        }
        Ok(json!({
            "run": record.id().to_string(), "definition": record.definition,
            "instance": instance.to_string(), "target": ObjectId(record.target).to_string(),
            "cause": record.cause, "began": record.began().to_string(), "as_of": record.base,
            "before": before.map(|before| before.id().to_string()), "words": words,
            "commits": met,
        }))
    }

    /// The commits after one and up to another one that changed something a run looks at.
    fn met(
        &self,
        view: &View,
        input: &RunInput,
        (after, upto): (u64, u64),
    ) -> Result<Vec<Json>, ServiceError> {
        let mut met = Vec::new();
        let fork = view.fork().map_or(u64::MAX, |fork| fork.0);
        for number in after.max(upto.saturating_sub(WHY_COMMITS_MAX)) + 1..=upto {
            let Some(entry) = view.log_entry(Seq(number))? else { continue };
            let seen_here =
                entry.branch == view.branch() || (entry.branch == BranchId::MAIN && number <= fork);
            if !seen_here || met.len() >= MET_MAX {
                continue;
            }
            let looked_at = |id: &ObjectId| input.query.mentions(*id) || input.guest.mentions(*id);
            let mut objects = Vec::new();
            for (id, symbol, op) in entry.changed.iter().filter(|(id, ..)| looked_at(id)) {
                let kind = view.schema().by_symbol.get(&Symbol(*symbol));
                objects.push(json!({
                    "id": id.to_string(), "kind": kind.map(|kind| kind.name.clone()),
                    "label": named(view, *id)?, "op": op.word(),
                }));
            }
            if !objects.is_empty() {
                let mut told = self.origin_told(view, &view.origin(Seq(number))?)?;
                told["objects"] = Json::Array(objects);
                met.push(told);
            }
        }
        Ok(met)
    }

    /// Takes a commit or a run back: the inverse of what it changed, where nothing later touched that,
    /// or else the list of what stands in the way. A plan shows the change and keeps nothing.
    pub fn revert(&self, what: &Undone, plan: bool) -> Result<Reverted, ServiceError> {
        let reverts = match what {
            Undone::Commit(number) => Seq(*number),
            Undone::Run(run) => self.commit_of(run)?,
        };
        if plan {
            let mut draft = self.draft()?;
            draft.revert(reverts)?;
            draft.finish()?;
            let changes = ChangeSet::of(&draft)?;
            self.may_change(draft.view(), &changes)?;
            return Ok(Reverted { reverts, changes, commit: None });
        }
        let cause = Cause::Revert { commit: reverts.0 };
        let Committed { seq, mut changes } =
            self.change_because(&cause, |draft| Ok(draft.revert(reverts)?))?;
        changes.changes.extend(self.sweep(&changes)?.changes.changes);
        Ok(Reverted { reverts, changes, commit: seq })
    }

    /// The commit of a run.
    fn commit_of(&self, run: &str) -> Result<Seq, ServiceError> {
        let record = self.run_record(run)?;
        let view = self.view()?;
        for number in record.base + 1..=record.base + WHY_COMMITS_MAX {
            let Some(entry) = view.log_entry(Seq(number))? else { break };
            match entry.cause {
                Cause::Run { run, .. } if run == record.run => return Ok(Seq(number)),
                Cause::Outcome { run } if run == record.run => break,
                _ => {}
            }
        }
        let message = format!("run {run} changed nothing; there is nothing to take back");
        Err(ServiceError::Request { code: "not-revertible", message })
    }
}

/// How an object that is not asked for itself is named: as it is shown, and by its id where the caller may
/// not be told of it, or it is gone.
fn named(view: &View, id: ObjectId) -> Result<String, BranchError> {
    match view.kind_of(id)? {
        Some(kind) if !view.sees(&kind) => Ok(id.to_string()),
        _ => label(view, id),
    }
}

/// How an object is shown, also one that is gone. Who did something is told by name to everybody.
pub(crate) fn label(view: &View, id: ObjectId) -> Result<String, BranchError> {
    if id == ObjectId::SYSTEM {
        return Ok("kiln".to_owned());
    }
    match view.object(id)? {
        Some(object) => view.display_label(&object),
        None => Ok(id.to_string()),
    }
}

/// How a commit came to be, in words.
pub(crate) fn how(cause: &Cause) -> String {
    match cause {
        Cause::Init => "the store was made".to_owned(),
        Cause::Schema => "a schema was loaded".to_owned(),
        Cause::Objects => "by hand or from files".to_owned(),
        Cause::Component => "a component was uploaded".to_owned(),
        Cause::Run { definition, .. } => format!("a run of {definition}"),
        Cause::Outcome { .. } => "a run that changed nothing".to_owned(),
        Cause::BranchCreate { .. } => "a branch was made".to_owned(),
        Cause::BranchUpdate { .. } => "a branch was described".to_owned(),
        Cause::BranchDelete { .. } => "a branch was taken away".to_owned(),
        Cause::BranchMerge { .. } => "a branch was merged".to_owned(),
        Cause::BranchRebase { .. } => "a branch was rebased".to_owned(),
        Cause::Checks { .. } => "checks of a proposed change were noted".to_owned(),
        Cause::Swept => "what no branch sees any more was taken away".to_owned(),
        Cause::Revert { commit } => format!("commit {commit} was taken back"),
    }
}

/// What started a run, in words.
fn started(record: &RunRecord) -> String {
    match record.cause.as_str() {
        "api" => "started by hand, over the API".to_owned(),
        "graphql" => "started by hand, over GraphQL".to_owned(),
        "trigger" => "started by a signed trigger".to_owned(),
        other => format!("started by: {other}"),
    }
}
