//! Runs as the public dialect tells them: tasks, and starting the runs of a definition.

use branch::View;
use engine::{Definition, RunOutcome, RunRecord};
use graphql::GraphqlError;
use model::ObjectId;
use serde_json::{Value as Json, json};

use crate::dialect::{Arguments, DialectHost, page, told};
use crate::limits::TASKS_SCANNED_MAX;

impl DialectHost<'_> {
    /// Runs, newest first.
    pub(super) fn tasks(
        &self,
        view: &View,
        arguments: &Arguments<'_>,
    ) -> Result<Json, GraphqlError> {
        let (ids, states) = (arguments.texts("ids"), arguments.texts("state"));
        let (workflows, nodes) =
            (arguments.texts("workflow"), arguments.texts("related_node__ids"));
        // Runs are kept with the branch they ran on: the one that is asked, or another by name.
        let other;
        let asked = arguments.text("branch").filter(|name| *name != view.branch_name());
        let view = match asked {
            Some(name) => {
                other = self.service.on(Some(name), None).and_then(|on| on.view()).map_err(told)?;
                &other
            }
            None => view,
        };
        let text = arguments.text("q").map(str::to_lowercase);
        let mut found = self.branch_tasks(&ids)?;
        for record in RunRecord::newest(view, TASKS_SCANNED_MAX)? {
            let target = ObjectId(record.target).to_string();
            let title = format!("Run generator {}", record.definition);
            let holds = (ids.is_empty() || ids.contains(&record.id().to_string()))
                && (states.is_empty() || states.iter().any(|wanted| wanted == state(&record)))
                && (workflows.is_empty() || workflows.iter().any(|name| name == WORKFLOW))
                && (nodes.is_empty() || nodes.contains(&target))
                && text.as_ref().is_none_or(|part| title.to_lowercase().contains(part));
            if holds {
                found.push(json!({"node": task(view, &record, &title)?}));
            }
        }
        Ok(json!({"count": found.len(), "edges": page(found, arguments)}))
    }

    /// `InfrahubTaskBranchStatus`: what is under way on a branch. A run is told when it has ended, so
    /// that there is never one.
    pub(super) fn tasks_under_way(&self, arguments: &Arguments<'_>) -> Result<Json, GraphqlError> {
        if let Some(name) = arguments.text("branch") {
            self.service.on(Some(name), None).and_then(|on| on.view()).map_err(told)?;
        }
        Ok(json!({"count": 0, "edges": []}))
    }

    /// `InfrahubTaskRetry`: runs the definition for the target once more.
    pub(super) fn task_retry(
        &self,
        view: &View,
        arguments: &Arguments<'_>,
    ) -> Result<Json, GraphqlError> {
        let record = ended(view, arguments)?;
        if !has_failed(&record) {
            let message = format!("the task {} has not failed; run the definition", record.id());
            return Err(GraphqlError::of_host(message, "task-not-failed", 409));
        }
        let target = ObjectId(record.target);
        let run = self.service.run_unseen(&record.definition, target, "graphql").map_err(told)?;
        let id = run.record.id().to_string();
        Ok(json!({"ok": !has_failed(&run.record), "task": {"id": id}}))
    }

    /// `InfrahubTaskCancel`: a task that is told has ended.
    pub(super) fn task_cancel(
        &self,
        view: &View,
        arguments: &Arguments<'_>,
    ) -> Result<Json, GraphqlError> {
        let record = ended(view, arguments)?;
        let message = format!("the task {} has ended; there is nothing to cancel", record.id());
        Err(GraphqlError::of_host(message, "task-ended", 409))
    }

    /// Runs a definition for some of its targets, or for all.
    pub(super) fn run_definition(
        &self,
        view: &View,
        arguments: &Arguments<'_>,
    ) -> Result<Json, GraphqlError> {
        let data = arguments.data()?;
        let id = data.must("id")?;
        let missing = || GraphqlError::not_found("CoreGeneratorDefinition", id);
        let object = match id.parse::<ObjectId>() {
            Ok(id) => view.object(id)?,
            Err(_name) => view.by_hfid(view.kind("CoreGeneratorDefinition")?, &[id.to_owned()])?,
        };
        let object = object.filter(|object| object.kind().name == "CoreGeneratorDefinition");
        let definition = object.ok_or_else(missing)?.value("name").to_string();
        let targets = match data.texts("nodes") {
            none if none.is_empty() => Definition::find(view, &definition)
                .map_err(|bad| told(engine::RunError::from(bad).into()))?
                .targets(view)?,
            nodes => {
                let read = |node: &String| {
                    let missing = |_bad| GraphqlError::not_found("CoreNode", node);
                    node.parse::<ObjectId>().map_err(missing)
                };
                nodes.iter().map(read).collect::<Result<Vec<_>, _>>()?
            }
        };
        let mut first = None;
        let mut ok = true;
        for target in targets {
            let run = self.service.run_unseen(&definition, target, "graphql");
            let run = run.map_err(told)?;
            ok &= !has_failed(&run.record);
            first = first.or_else(|| Some(run.record.id().to_string()));
        }
        Ok(json!({"ok": ok, "task": first.map(|id| json!({"id": id}))}))
    }
}

/// What runs are called among the workflows of the public dialect.
const WORKFLOW: &str = "generator-run";

/// The run that `data.id` names.
fn ended(view: &View, arguments: &Arguments<'_>) -> Result<RunRecord, GraphqlError> {
    let data = arguments.data()?;
    let id = data.must("id")?;
    let found = RunRecord::newest(view, TASKS_SCANNED_MAX)?.into_iter();
    let found = found.into_iter().find(|record| record.id().to_string() == id);
    found.ok_or_else(|| GraphqlError::not_found("Task", id))
}

fn has_failed(record: &RunRecord) -> bool {
    matches!(record.outcome, RunOutcome::Failed { .. })
}

fn state(record: &RunRecord) -> &'static str {
    match record.outcome {
        RunOutcome::Failed { .. } => "FAILED",
        RunOutcome::Changed { .. } | RunOutcome::Unchanged => "COMPLETED",
    }
}

fn task(view: &View, record: &RunRecord, title: &str) -> Result<Json, GraphqlError> {
    let target = ObjectId(record.target);
    let kind = view.kind_of(target)?.map(|kind| kind.name.clone());
    let at = record.began().to_string();
    let id = record.id().to_string();
    let logs: Vec<Json> = record
        .log
        .iter()
        .enumerate()
        .map(|(number, line)| {
            json!({"node": {
                "id": format!("{id}.{number}"), "message": line.message, "task_id": id,
                "severity": json!(line.level).as_str().unwrap_or("info").to_lowercase(),
                "timestamp": at,
            }})
        })
        .collect();
    let (conclusion, error) = match &record.outcome {
        RunOutcome::Failed { code, message, hint, .. } => {
            ("failure", json!({"status_class": code, "message": message, "remediation": hint}))
        }
        _ => ("success", Json::Null),
    };
    let retry = (!has_failed(record)).then_some("it has not failed");
    let actions = json!([
        {"action": "RETRY", "available": retry.is_none(), "unavailability_reason": retry},
        {"action": "CANCEL", "available": false, "unavailability_reason": "it has ended"},
    ]);
    let related = kind.clone().map(|kind| json!({"id": target.to_string(), "kind": kind}));
    Ok(json!({
        "__typename": "StandardTask", "id": id, "title": title, "conclusion": conclusion, "state": state(record),
        "progress": 1.0, "workflow": WORKFLOW, "branch": view.branch_name(),
        "created_at": at, "updated_at": at, "start_time": at, "parameters": {}, "tags": [],
        "related_node": target.to_string(), "related_node_kind": kind,
        "related_nodes": related.into_iter().collect::<Vec<_>>(),
        "logs": {"count": logs.len(), "edges": logs}, "available_actions": actions, "error": error,
    }))
}
