//! Looking ahead: runs and ends of instances over a draft that is never committed, each as if those before
//! it had been. The same steps as a real run, but for the commit.

use branch::{Draft, Succeeded};
use model::ObjectId;

use crate::definition::Definition;
use crate::instance::{self, InstanceState};
use crate::run::{
    Begun, Ended, Engine, Job, Retired, RunError, RunRequest, RunResult, failed_result, remember,
};

/// What a step of looking ahead came to, with the draft to go on from.
#[derive(Debug)]
pub struct Ahead<T> {
    /// The draft, with what was made in it.
    pub draft: Draft,
    /// What was made, or why there was nothing.
    pub done: Result<T, RunError>,
}

impl Engine {
    /// A run over a draft: a plan of it, whose outcome stays in the draft. A run that fails leaves nothing
    /// there but the state of its instance.
    pub fn run_ahead(
        &self,
        draft: Draft,
        request: &RunRequest,
    ) -> Result<Ahead<RunResult>, RunError> {
        let busy = RunError::Busy { most: self.shared.options.under_way_max };
        let _under_way = self.shared.gate.admit().ok_or(busy)?;
        let _beside_others = self.shared.gate.shared();
        let environment = self.shared.database.environment();
        let began = environment.clock.now();
        let definition = match Definition::find(&draft, &request.definition) {
            Ok(definition) => definition.id,
            Err(missing) => return Ok(Ahead { draft, done: Err(missing.into()) }),
        };
        let run = environment.ids.next_id(began);
        let job = Job { request: request.clone(), run, began, repeats: 0, definition };
        let begun = match self.begin(&job, &draft) {
            Ok(Some(begun)) => begun,
            Ok(None) => {
                let done = Err(RunError::Contended { repeats: 0 });
                return Ok(Ahead { draft, done });
            }
            Err(refused) => return Ok(Ahead { draft, done: Err(refused) }),
        };
        self.go_ahead(&job, draft, begun)
    }

    fn go_ahead(
        &self,
        job: &Job,
        mut draft: Draft,
        begun: Begun,
    ) -> Result<Ahead<RunResult>, RunError> {
        let attempt = draft.begin();
        let (mut draft, result) = match self.guest(job, draft, begun)? {
            Ended::Made(mut context, report) => {
                let result = Self::result(job, &context, report, true)?;
                let (definition, target) = (context.definition.clone(), context.target);
                let unchanged = context.draft.is_clean();
                instance::ensure(&mut context.draft, &definition, target, InstanceState::Ready)?;
                remember(&mut context, unchanged)?;
                context.draft.end(attempt, Succeeded::Yes);
                (context.draft, result)
            }
            Ended::Failed(context, report, outcome) => {
                let result = failed_result(job, &context, report, outcome);
                let (definition, target) = (context.definition.clone(), context.target);
                let mut draft = context.draft;
                draft.end(attempt, Succeeded::No);
                instance::ensure(&mut draft, &definition, target, InstanceState::Error)?;
                (draft, result)
            }
        };
        draft.go_ahead();
        Ok(Ahead { draft, done: Ok(result) })
    }

    /// The end of an instance over a draft, by its definition's policy.
    pub fn retire_ahead(
        &self,
        mut draft: Draft,
        instance: ObjectId,
        policy: &Definition,
    ) -> Ahead<Retired> {
        let attempt = draft.begin();
        let done = self.retire_in(&mut draft, instance, policy);
        draft.end(attempt, Succeeded::from(&done));
        draft.go_ahead();
        Ahead { draft, done }
    }
}
