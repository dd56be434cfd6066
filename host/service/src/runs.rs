//! Runs and instances.

use engine::{
    Definition, Fixture, Instance, Mode, RunRecord, RunRequest, RunResult, RunUnderWay, Tells,
};
use model::ObjectId;
use sandbox::Cancel;
use serde_json::{Value as Json, json};

use crate::objects::{ObjectView, find};
use crate::{Service, ServiceError};

/// The runs of all targets of a definition.
#[derive(Debug)]
pub struct RunAll {
    /// In the order of the targets' ids; one that failed does not stop the others.
    pub runs: Vec<Result<RunResult, ServiceError>>,
}

/// An instance with what it holds.
#[derive(Debug, Clone)]
pub struct InstanceView {
    /// The instance.
    pub instance: Instance,
    /// Objects it owns.
    pub owns: Vec<ObjectView>,
    /// Objects it sets values or links of.
    pub sets: Vec<ObjectView>,
    /// Its newest runs.
    pub runs: Vec<RunRecord>,
}

impl InstanceView {
    /// As JSON.
    pub fn to_json(&self) -> Json {
        let objects = |objects: &[ObjectView]| -> Vec<Json> {
            objects.iter().map(ObjectView::to_json).collect()
        };
        json!({
            "id": self.instance.id.to_string(),
            "name": self.instance.name,
            "status": self.instance.state.word(),
            "definition": self.instance.definition.map(|id| id.to_string()),
            "target": self.instance.target.map(|id| id.to_string()),
            "owns": objects(&self.owns),
            "sets": objects(&self.sets),
        })
    }
}

impl Service {
    /// Runs a definition for one target, named by id, by human-friendly id within the members' kinds,
    /// or by display label.
    pub fn run(
        &self,
        definition: &str,
        target: &str,
        mode: Mode,
        cause: &str,
    ) -> Result<RunResult, ServiceError> {
        let target = self.target(definition, target)?;
        self.run_target(definition, target, mode, cause)
    }

    pub(crate) fn run_target(
        &self,
        definition: &str,
        target: ObjectId,
        mode: Mode,
        cause: &str,
    ) -> Result<RunResult, ServiceError> {
        self.may_run(&self.view()?, mode)?;
        let result = self.engine.run(&self.request(definition, target, mode, cause))?;
        if result.seq.is_some() {
            self.note_branch();
        }
        Ok(result)
    }

    /// A run for its effect alone: nobody looks at its changes, and the result tells their number.
    pub(crate) fn run_unseen(
        &self,
        definition: &str,
        target: ObjectId,
        cause: &str,
    ) -> Result<RunResult, ServiceError> {
        self.may_run(&self.view()?, Mode::Apply)?;
        let request = self.request(definition, target, Mode::Apply, cause);
        let result = self.engine.run(&RunRequest { tells: Tells::Counts, ..request })?;
        if result.seq.is_some() {
            self.note_branch();
        }
        Ok(result)
    }

    pub(crate) fn request(
        &self,
        definition: &str,
        target: ObjectId,
        mode: Mode,
        cause: &str,
    ) -> RunRequest {
        RunRequest {
            branch: self.branch,
            definition: definition.to_owned(),
            target,
            mode,
            tells: Tells::Changes,
            cause: cause.to_owned(),
            author: self.caller.author(),
            cancel: Cancel::new(),
            component: None,
        }
    }

    /// Plans a definition with another component than its own, which is not stored: for one target,
    /// or for every member of its group.
    pub fn try_out(
        &self,
        definition: &str,
        component: &[u8],
        target: Option<&str>,
    ) -> Result<RunAll, ServiceError> {
        self.may_run(&self.view()?, Mode::Plan)?;
        let component = self.engine.try_out(component)?;
        let targets = match target {
            Some(target) => vec![self.target(definition, target)?],
            None => self.targets(definition)?,
        };
        let plan = |target| {
            let request = self.request(definition, target, Mode::Plan, "try");
            Ok(self.engine.run(&RunRequest { component: Some(component), ..request })?)
        };
        Ok(RunAll { runs: targets.into_iter().map(plan).collect() })
    }

    /// Runs a component against recorded answers; nothing of the store is read or written.
    pub fn run_fixture(&self, component: &[u8], fixture: Fixture) -> Result<Json, ServiceError> {
        Ok(self.engine.run_fixture(component, fixture)?)
    }

    fn targets(&self, definition: &str) -> Result<Vec<ObjectId>, ServiceError> {
        let view = self.view()?;
        let found = Definition::find(&view, definition).map_err(engine::RunError::from)?;
        Ok(found.targets(&view)?)
    }

    /// Runs a definition for every member of its group.
    pub fn run_all(
        &self,
        definition: &str,
        mode: Mode,
        cause: &str,
    ) -> Result<RunAll, ServiceError> {
        let runs = self
            .targets(definition)?
            .into_iter()
            .map(|target| self.run_target(definition, target, mode, cause))
            .collect();
        Ok(RunAll { runs })
    }

    pub(crate) fn target(&self, definition: &str, name: &str) -> Result<ObjectId, ServiceError> {
        if let Ok(id) = name.parse::<ObjectId>() {
            return Ok(id);
        }
        let view = self.view()?;
        let definition = Definition::find(&view, definition).map_err(engine::RunError::from)?;
        let parts: Vec<String> = name.split('/').map(str::to_owned).collect();
        for id in definition.targets(&view)? {
            let Some(object) = view.object(id)? else { continue };
            let named = view.hfid(&object)?.is_some_and(|hfid| hfid == parts || hfid == [name]);
            if named || view.display_label(&object)? == name {
                return Ok(id);
            }
        }
        Err(ServiceError::NotFound { what: "target", name: name.to_owned() })
    }

    /// The newest runs, at most `limit`.
    pub fn runs(&self, limit: usize) -> Result<Vec<RunRecord>, ServiceError> {
        let view = self.view()?;
        Ok(RunRecord::newest(&view, limit)?)
    }

    /// Runs of this branch that are under way, the oldest first.
    pub fn runs_under_way(&self) -> Result<Vec<RunUnderWay>, ServiceError> {
        self.may_run(&self.view()?, Mode::Plan)?;
        let mut all = self.engine.under_way();
        all.retain(|run| run.branch == self.branch);
        Ok(all)
    }

    /// Ends a run of this branch that is under way; it keeps nothing.
    pub fn run_cancel(&self, id: &str) -> Result<RunUnderWay, ServiceError> {
        self.may_run(&self.view()?, Mode::Apply)?;
        let missing = || ServiceError::NotFound { what: "run under way", name: id.to_owned() };
        let run = id.parse::<ObjectId>().map_err(|_bad| missing())?;
        let known = self.engine.under_way().into_iter().find(|known| known.run == run);
        known.filter(|known| known.branch == self.branch).ok_or_else(missing)?;
        self.engine.cancel(run).ok_or_else(missing)
    }

    /// One run.
    pub fn run_record(&self, id: &str) -> Result<RunRecord, ServiceError> {
        let missing = || ServiceError::NotFound { what: "run", name: id.to_owned() };
        let run = id.parse::<ObjectId>().map_err(|_bad| missing())?;
        let view = self.view()?;
        RunRecord::get(&view, run)?.ok_or_else(missing)
    }

    /// All instances, by name.
    pub fn instances(&self) -> Result<Vec<Instance>, ServiceError> {
        let view = self.view()?;
        let mut all = Instance::all(&view)?;
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    /// One instance with what it holds.
    pub fn instance(&self, name: &str) -> Result<InstanceView, ServiceError> {
        let view = self.view()?;
        let missing = || ServiceError::NotFound { what: "instance", name: name.to_owned() };
        let instance = match find(&view, "CoreGeneratorInstance", name) {
            Ok(object) => Instance::get(&view, object.id())?,
            Err(_not_an_id) => {
                Instance::all(&view)?.into_iter().find(|instance| instance.name == name)
            }
        };
        let instance = instance.ok_or_else(missing)?;
        let objects = |ids: &[ObjectId]| -> Result<Vec<ObjectView>, ServiceError> {
            let mut views = Vec::new();
            for id in ids {
                if let Some(object) = view.object(*id)? {
                    views.push(ObjectView::of(&view, &object)?);
                }
            }
            views.sort_by(|a, b| (&a.kind, &a.display_label).cmp(&(&b.kind, &b.display_label)));
            Ok(views)
        };
        Ok(InstanceView {
            owns: objects(&instance.owns)?,
            sets: objects(&instance.sets)?,
            runs: RunRecord::of_instance(&view, instance.id, 20)?,
            instance,
        })
    }
}
