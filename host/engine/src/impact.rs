//! Which instances a branch's changes concern: decided from what their last runs looked at, without
//! running any. Running one too many is allowed, one too few is not.

mod index;

use std::collections::{BTreeMap, BTreeSet};

use branch::{BranchError, Met, RunInput, Touched, View};
use graphql::Request;
use model::{BranchId, ObjectId, Seq};

use crate::definition::{Definition, DefinitionError};
use crate::identity::instance_id;
use crate::instance::{Instance, InstanceState};
use crate::run::{Engine, RunError, input_digest};

use index::Concerned;
pub(crate) use index::ReadIndex;

/// Whether an instance has to run, and why, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It has to.
    Run(String),
    /// What it makes cannot be different.
    Skip(String),
}

/// What a branch changed, beside a state in which instances would run: the branch itself, or main once
/// it has been merged.
#[derive(Debug)]
pub struct Impact<'a> {
    engine: &'a Engine,
    view: &'a View,
    touched: &'a Touched,
    /// Objects that were changed, by the instances that hold something of them.
    held: BTreeMap<ObjectId, Vec<(ObjectId, Seq)>>,
    /// Whom of a definition's targets it can concern; any where nothing is said.
    concerned: Concerned,
    /// What commits are called that are none yet, or that people know by another name.
    names: BTreeMap<Seq, String>,
}

impl<'a> Impact<'a> {
    /// Linear in what was changed; the first time in all that ran on main.
    pub fn new(
        engine: &'a Engine,
        view: &'a View,
        touched: &'a Touched,
    ) -> Result<Self, BranchError> {
        let mut held: BTreeMap<ObjectId, Vec<(ObjectId, Seq)>> = BTreeMap::new();
        for (object, seq) in touched.objects() {
            for instance in view.claimants(object)? {
                held.entry(instance).or_default().push((object, seq));
            }
        }
        let concerned = match touched.schema() {
            Some(_) => BTreeMap::new(),
            None => {
                let main = engine.shared.database.view(BranchId::MAIN)?;
                let held = held.keys().copied();
                engine.shared.reads.concerned(view, &main, touched, held)?
            }
        };
        Ok(Self { engine, view, touched, held, concerned, names: BTreeMap::new() })
    }

    /// Takes targets in that are to be asked whatever is known: they ran where nothing is committed.
    #[must_use]
    pub fn asking(mut self, targets: impl IntoIterator<Item = (ObjectId, ObjectId)>) -> Self {
        for (definition, target) in targets {
            if let Some(these) = self.concerned.get_mut(&definition) {
                these.insert(target);
            }
        }
        self
    }

    /// What to call commits by in reasons.
    #[must_use]
    pub fn calling(mut self, names: BTreeMap<Seq, String>) -> Self {
        self.names = names;
        self
    }

    /// The targets of a definition that have to be asked, in the order of their ids: of all others what
    /// they make cannot be different.
    pub fn targets(&self, definition: &Definition) -> Result<Vec<ObjectId>, BranchError> {
        let Some(these) = self.concerned.get(&definition.id) else {
            return definition.targets(self.view);
        };
        debug_assert_eq!(self.missed(definition, these), None, "{}", definition.name);
        let mut targets = Vec::new();
        for target in these {
            if definition.has_target(self.view, *target)? {
                targets.push(*target);
            }
        }
        Ok(targets)
    }

    /// A target that is not to be asked and would have to run all the same: there is none.
    fn missed(
        &self,
        definition: &Definition,
        these: &BTreeSet<ObjectId>,
    ) -> Option<(ObjectId, String)> {
        let others = definition.targets(self.view).unwrap_or_default();
        others.into_iter().filter(|target| !these.contains(target)).find_map(|target| {
            match self.decide(definition, target, Seq(0)) {
                Ok(Verdict::Run(why)) => Some((target, why)),
                Ok(Verdict::Skip(_)) | Err(_) => None,
            }
        })
    }

    /// Whether the instance of a target has to run for what was changed after a commit. Linear in what
    /// its last run looked at; where only its query met a change, the query is asked again.
    pub fn decide(
        &self,
        definition: &Definition,
        target: ObjectId,
        since: Seq,
    ) -> Result<Verdict, RunError> {
        let run = |why: &str| Ok(Verdict::Run(why.to_owned()));
        let id = instance_id(definition.id, target);
        let Some((_, input)) = self.view.run_input(id)? else {
            return run("it has never run");
        };
        if Instance::get(self.view, id)?.is_some_and(|one| one.state == InstanceState::Error) {
            return run("its last run failed");
        }
        if definition.component.map(|digest| digest.0) != Some(input.component) {
            return run("its component is another one than at its last run");
        }
        if self.touched.schema().is_some_and(|seq| seq > since) {
            return run("the branch changed the schema");
        }
        let held = self.held.get(&id).into_iter().flatten();
        if let Some((object, seq)) = held.into_iter().find(|(_, seq)| *seq > since) {
            let label = self.label(*object)?;
            let by = self.called(*seq);
            return Ok(Verdict::Run(format!("{by} changed {label}, which it holds")));
        }
        if let Some((met, seq)) = self.touched.meets(&input.guest, since) {
            return Ok(Verdict::Run(self.told(met, seq)?));
        }
        match self.touched.meets(&input.query, since) {
            None => {
                let why = "it looks at nothing that was changed";
                Ok(Verdict::Skip(why.to_owned()))
            }
            Some((met, seq)) => {
                let why = self.told(met, seq)?;
                if self.is_answered_alike(definition, target, &input)? {
                    return Ok(Verdict::Skip(format!("{why}; but its query's answer is the same")));
                }
                Ok(Verdict::Run(why))
            }
        }
    }

    /// Whether the definition's query is answered as it was for the last run.
    fn is_answered_alike(
        &self,
        definition: &Definition,
        target: ObjectId,
        input: &RunInput,
    ) -> Result<bool, RunError> {
        // What names the definition and the query says nothing of what they are now.
        let own = BTreeSet::from([definition.id.0, definition.query_id.0]);
        let touched: BTreeSet<u128> = self.touched.objects().map(|(id, _)| id.0).collect();
        let Some(object) = self.view.object(target)? else { return Ok(false) };
        if !own.is_disjoint(&touched) {
            return Ok(false);
        }
        let variables = match definition.variables(self.view, &object) {
            Ok(variables) => variables,
            Err(DefinitionError::Branch(error)) => return Err(error.into()),
            Err(_no_value) => return Ok(false),
        };
        let request = Request {
            query: definition.query.clone(),
            operation_name: None,
            variables: variables.clone(),
        };
        let answer = self.engine.shared.dialect.data(self.view, &request);
        Ok(answer.is_ok_and(|answer| input_digest(&answer, &variables).0 == input.answer))
    }

    fn told(&self, met: Met, seq: Seq) -> Result<String, BranchError> {
        let kind = |symbol| {
            let kind = self.view.schema().by_symbol.get(&symbol);
            kind.map_or_else(|| "a kind".to_owned(), |kind| kind.name.clone())
        };
        let by = self.called(seq);
        Ok(match met {
            Met::Object(id) => format!("{by} changed {}, which it reads", self.label(id)?),
            Met::Existence(id) => {
                format!("{by} made or deleted {}, which it looks for", self.label(id)?)
            }
            Met::Links(id, _) => {
                format!("{by} changed links of {}, which it follows", self.label(id)?)
            }
            Met::Kind(symbol) => {
                format!("{by} changed objects of {}, which it lists", kind(symbol))
            }
            Met::Value(symbol) => {
                let kind = kind(symbol);
                format!("{by} changed values of {kind}, by which it finds objects")
            }
        })
    }

    fn called(&self, seq: Seq) -> String {
        self.names.get(&seq).cloned().unwrap_or_else(|| format!("commit {seq}"))
    }

    fn label(&self, id: ObjectId) -> Result<String, BranchError> {
        match self.view.object(id)? {
            Some(object) => {
                Ok(format!("{} {}", object.kind().name, self.view.display_label(&object)?))
            }
            None => Ok(id.to_string()),
        }
    }
}
