//! One store with everything that gives its rows a meaning: schemas, clock, ids, leases.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use model::schema::{Declared, Schema};
use model::{BranchId, Clock, IdSource, ObjectId, Seq, Symbols};
use store::{Snapshot, Space, Store, key};

use crate::branches::{BranchRecord, ConflictPlaces, Locals, Moment, Overlay};
use crate::commit::{Author, Cause};
use crate::counts::Counts;
use crate::draft::Books;
use crate::draft::{AttrInput, Draft, Input};
use crate::error::{BranchError, CommitFailure};
use crate::limits::SCHEMAS_COMPILED_MAX;
use crate::object::{PAYLOAD_AT, stamp};
use crate::rows::{Bytes, Rows, Track};
use crate::schema::Indexes;
use crate::sight::Sight;
use crate::view::View;

/// What comes in from the outside world.
#[derive(Clone)]
pub struct Environment {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdSource>,
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Environment")
    }
}

/// A schema with what is derived from it; shared by all views of it.
#[derive(Debug)]
pub(crate) struct Compiled {
    /// The commit that loaded it.
    pub(crate) seq: Seq,
    pub(crate) schema: Arc<Schema>,
    pub(crate) declared: Declared,
    pub(crate) symbols: Symbols,
    pub(crate) indexes: Indexes,
    /// What a branch never sees of main.
    pub(crate) locals: Arc<Locals>,
}

#[derive(Debug)]
struct Shared {
    store: Store,
    environment: Environment,
    /// By the commit that loaded them: branches share main's.
    compiled: Mutex<BTreeMap<Seq, Arc<Compiled>>>,
    books: Books,
    counts: Arc<Counts>,
    conflicts: ConflictPlaces,
}

/// A store that knows its schema. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Database {
    shared: Arc<Shared>,
    /// Who looks through the views and drafts of this handle; whoever may see everything without one.
    sight: Option<Arc<dyn Sight>>,
}

impl Database {
    /// Takes a store; a new one gets `main`, the built-in schema and the default namespace.
    pub fn open(store: Store, environment: Environment) -> Result<Self, CommitFailure> {
        let shared = Shared {
            store,
            environment,
            compiled: Mutex::new(BTreeMap::new()),
            books: Books::default(),
            counts: Arc::default(),
            conflicts: ConflictPlaces::default(),
        };
        let database = Self { shared: Arc::new(shared), sight: None };
        let snapshot = database.store().snapshot().map_err(BranchError::from)?;
        let known = snapshot
            .get(Space::Branches, &key::branch(BranchId::MAIN))
            .map_err(BranchError::from)?;
        drop(snapshot);
        match known {
            None => database.init()?,
            Some(_) => database.finish_deletions()?,
        }
        Ok(database)
    }

    fn init(&self) -> Result<(), CommitFailure> {
        let mut draft = self.draft(BranchId::MAIN, Author(ObjectId::SYSTEM))?;
        draft
            .load_schema(&[])
            .map_err(|bad| BranchError::Damaged { what: format!("the built-in schema: {bad}") })?;
        let main = BranchRecord::main(draft.now());
        draft.put_row(Space::Branches, key::branch(BranchId::MAIN), main.encode())?;
        self.commit(draft, Cause::Init)?;
        let mut draft = self.draft(BranchId::MAIN, Author(ObjectId::SYSTEM))?;
        let input = Input::default()
            .attr("name", AttrInput::value("default"))
            .attr("default", AttrInput::by_host(true));
        draft.create("IpamNamespace", None, input)?;
        self.commit(draft, Cause::Init)?;
        Ok(())
    }

    /// The same database, looked at by somebody; without sight, by whoever may see everything. Cheap.
    #[must_use]
    pub fn seen_by(&self, sight: Option<Arc<dyn Sight>>) -> Self {
        Self { sight, shared: Arc::clone(&self.shared) }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.shared.store
    }

    /// What is known of pools, over all drafts.
    pub(crate) fn books(&self) -> &Books {
        &self.shared.books
    }

    /// Where conflicts of branches are that were found lately.
    pub(crate) fn conflicts(&self) -> &ConflictPlaces {
        &self.shared.conflicts
    }

    /// Clock and ids.
    pub fn environment(&self) -> &Environment {
        &self.shared.environment
    }

    /// The number of the newest commit.
    pub fn last_seq(&self) -> Seq {
        self.store().last_seq()
    }

    /// The newest state of a branch, for reading. About 10 us; a little more off main.
    pub fn view(&self, branch: BranchId) -> Result<View, BranchError> {
        self.open_view(branch, None, Track::Nothing)
    }

    /// A branch as it was. Indexes have no past, so what they would find is searched for.
    pub fn view_at(&self, branch: BranchId, moment: Moment) -> Result<View, BranchError> {
        self.open_view(branch, Some(moment), Track::Nothing)
    }

    /// A draft over the newest state of a branch.
    pub fn draft(&self, branch: BranchId, author: Author) -> Result<Draft, BranchError> {
        let view = self.open_view(branch, None, Track::Reads)?;
        Ok(Draft::over(view, author, self.clone()))
    }

    /// A draft over main as of `fork`, on the line of a branch: the branch put together anew.
    pub(crate) fn draft_anew(
        &self,
        branch: BranchId,
        fork: Seq,
        locals: Arc<Locals>,
        author: Author,
    ) -> Result<Draft, BranchError> {
        let now = self.environment().clock.now();
        let snapshot = self.store().snapshot()?;
        let record = crate::branches::record(&snapshot, branch)?;
        let mut overlay = Overlay::anew(branch, fork, locals);
        let compiled = self.compiled(&snapshot, branch, Some(&overlay))?;
        overlay.set_locals(&compiled.locals);
        let rows = Rows::new(snapshot, Some(overlay), Track::Reads);
        let (name, is_open) = (Arc::from(record.name.as_str()), record.is_open());
        let counts = Arc::clone(&self.shared.counts);
        let view =
            View { rows, branch, name, is_open, compiled, now, counts, sight: self.sight.clone() };
        Ok(Draft::over(view, author, self.clone()))
    }

    fn open_view(
        &self,
        branch: BranchId,
        moment: Option<Moment>,
        track: Track,
    ) -> Result<View, BranchError> {
        self.view_over(self.store().snapshot()?, branch, moment, track)
    }

    /// A branch as a snapshot has it.
    pub(crate) fn view_over(
        &self,
        snapshot: Snapshot,
        branch: BranchId,
        moment: Option<Moment>,
        track: Track,
    ) -> Result<View, BranchError> {
        let now = self.environment().clock.now();
        let at = moment.map(|moment| moment.commit(&snapshot, now)).transpose()?;
        let record = match branch {
            BranchId::MAIN => None,
            other => Some(crate::branches::record(&snapshot, other)?),
        };
        let fork = record.as_ref().and_then(|record| record.fork(at));
        let mut overlay = Overlay::new(branch, fork, at);
        let compiled = self.compiled(&snapshot, branch, overlay.as_ref())?;
        if let Some(overlay) = &mut overlay {
            overlay.set_locals(&compiled.locals);
        }
        let rows = Rows::new(snapshot, overlay, track);
        // A schema load must not slip in between.
        rows.note_point(Space::Schemas, &key::schema(branch));
        let (name, is_open) = match &record {
            None => (Arc::from("main"), true),
            Some(record) => {
                // Neither must a merge, a rebase or the end of the branch.
                rows.note_point(Space::Branches, &key::branch(branch));
                (Arc::from(record.name.as_str()), record.is_open())
            }
        };
        let counts = Arc::clone(&self.shared.counts);
        Ok(View { rows, branch, name, is_open, compiled, now, counts, sight: self.sight.clone() })
    }

    /// The schema a snapshot shows, compiled at most once per load.
    fn compiled(
        &self,
        snapshot: &Snapshot,
        branch: BranchId,
        overlay: Option<&Overlay>,
    ) -> Result<Arc<Compiled>, BranchError> {
        let damaged = |what: &str| BranchError::Damaged { what: format!("schema: {what}") };
        let row = match overlay {
            None => snapshot.get(Space::Schemas, &key::schema(branch))?.map(Bytes::Stored),
            Some(overlay) => overlay.get(snapshot, Space::Schemas, &key::schema(branch))?,
        };
        let (seq, declared) = match &row {
            None => (Seq(0), None),
            Some(row) => {
                let (seq, _) = stamp(row).ok_or_else(|| damaged("no stamp"))?;
                (seq, row.get(PAYLOAD_AT..))
            }
        };
        {
            let known = self.shared.compiled.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(compiled) = known.get(&seq) {
                return Ok(Arc::clone(compiled));
            }
        }
        let declared: Declared = match declared {
            None => Declared::default(),
            Some(bytes) => {
                serde_json::from_slice(bytes).map_err(|bad| damaged(&bad.to_string()))?
            }
        };
        let mut symbols = read_symbols(snapshot)?;
        let schema = model::schema::compile(&declared, &mut symbols)
            .map_err(|bad| damaged(&format!("{} errors on reading it back", bad.len())))?;
        let schema = Arc::new(schema);
        let indexes = Indexes::new(&schema);
        let locals = Arc::new(Locals::of(&schema));
        let compiled = Arc::new(Compiled { seq, schema, declared, symbols, indexes, locals });
        let mut known = self.shared.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        while known.len() >= SCHEMAS_COMPILED_MAX {
            // The oldest is the least likely to be asked for again.
            known.pop_first();
        }
        known.insert(seq, Arc::clone(&compiled));
        Ok(compiled)
    }

    /// Walks every table and proves what must hold between them.
    pub fn check(&self) -> Result<Vec<String>, BranchError> {
        let report = self.store().check()?;
        let mut findings: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
        for branch in self.branches()? {
            let view = self.view(branch.id)?;
            let found = crate::check::indexes(&view)?.into_iter();
            findings.extend(found.map(|finding| format!("{}: {finding}", branch.name)));
        }
        Ok(findings)
    }

    /// Writes the whole store as stable text.
    pub fn dump(&self, out: &mut dyn std::io::Write) -> Result<(), BranchError> {
        Ok(self.store().dump(out)?)
    }
}

/// The interned names as of a snapshot.
pub(crate) fn read_symbols(snapshot: &Snapshot) -> Result<Symbols, BranchError> {
    let mut names = Vec::new();
    for row in snapshot.range(Space::Symbols, &[], &[0xff; 8])? {
        let (_, name) = row?;
        names.push(String::from_utf8(name.to_vec()).map_err(|_bad| BranchError::Damaged {
            what: "an interned name is not UTF-8".to_owned(),
        })?);
    }
    Ok(Symbols::from_names(names))
}
