//! Verbs: what HTTP, the command line and tests all call. Transactions and what follows from them
//! are settled here.
//!
//! Must not know redb, wasmtime or HTTP.

mod accounts;
mod artifacts;
mod branches;
mod changes;
mod checks;
mod convert;
mod definitions;
mod dialect;
mod diff;
mod error;
mod history;
pub mod limits;
mod merge;
pub mod object_load;
mod objects;
mod pools;
mod render;
mod repository;
mod runs;
mod schema_told;
mod schemas;
mod storage;
mod stored_query;
mod trigger;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use branch::{Author, Database, Draft, Environment, Moment, View};
use engine::{Engine, EngineOptions};
use graphql::Dialect;
use model::{BranchId, Digest, Timestamp};
use sandbox::{CacheKey, InChild, InThread, Sandbox, SandboxOptions};
use store::{Options, Store};

use crate::render::Renderer;

pub use accounts::{
    ACCESS_SECONDS, AccessOptions, Caller, Credential, FirstAdmin, NAME_BYTES_MAX, REFRESH_SECONDS,
    SUPER_ADMINISTRATORS, Signed, TokenView,
};
pub use changes::{ChangeInput, CheckKind, Keeper};
pub use checks::CheckInput;
pub use convert::Conversion;
pub use definitions::{DefinitionInput, DefinitionView};
pub use diff::DiffRequest;
pub use error::{ErrorClass, ServiceError};
pub use history::{Reverted, Undone};
pub use objects::{ObjectView, SourceFile};
pub use pools::{BATCH_MAX, Drawing};
pub use render::{RenderError, render_in_this_process};
pub use repository::{Folder, PushReport, Pushed};
pub use runs::{InstanceView, RunAll};
pub use schemas::SchemaReport;
pub use storage::{StoredFile, Upload};
pub use stored_query::StoredQuery;
pub use trigger::{SIGNATURE_SECONDS_MAX, Trigger};

/// Where a service keeps its data.
#[derive(Debug, Clone)]
pub enum Place {
    /// In memory: gone with the process.
    Memory,
    /// In a folder: `kiln.redb` and the cache of compiled components.
    Folder(PathBuf),
}

/// What a service is made of.
#[derive(Debug)]
pub struct ServiceOptions {
    /// Where the data is.
    pub place: Place,
    /// Clock and ids.
    pub environment: Environment,
    /// Runs at the same time.
    pub slots: u32,
    /// Seals compiled components on disk; belongs to this installation.
    pub key: CacheKey,
    /// Compiles uploads, and makes documents, in processes of their own; without one, in a thread: for
    /// tests, and for guests and templates of one's own.
    pub compiler: Option<InChild>,
    /// Settings of the store.
    pub store: Options,
    /// Settings of runs.
    pub engine: EngineOptions,
    /// Settings of access.
    pub access: AccessOptions,
}

/// The newest schema as bytes for clients, with its hash.
type Told = Option<(Digest, Arc<[u8]>)>;

/// Everything behind the interfaces, as seen from one branch. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Service {
    /// The branch that verbs are about.
    pub(crate) branch: BranchId,
    /// The moment that reading verbs are about; the newest state without one.
    pub(crate) at: Option<Moment>,
    pub(crate) database: Database,
    pub(crate) engine: Engine,
    pub(crate) dialect: Arc<Dialect>,
    /// Makes documents of templates.
    pub(crate) renderer: Arc<Renderer>,
    /// The newest schema as clients read it, by its hash.
    pub(crate) told: Arc<Mutex<Told>>,
    pub(crate) access: Arc<AccessOptions>,
    pub(crate) caller: Arc<Caller>,
    /// Branches whose open changes are to be checked again.
    pub(crate) dirty: Arc<changes::Dirty>,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Service")
    }
}

/// What comes beside a GraphQL request.
#[derive(Debug, Clone, Default)]
pub struct Enclosed {
    /// Files, by the names of their parts.
    pub files: BTreeMap<String, Upload>,
    /// Random bytes, for mutations that make a secret; without them those are refused.
    pub random: Option<[u8; 32]>,
}

impl Service {
    /// Opens or makes a service.
    pub fn open(options: ServiceOptions) -> Result<Self, ServiceError> {
        let (store, cache_dir) = match &options.place {
            Place::Memory => (Store::in_memory(options.store), None),
            Place::Folder(folder) => {
                std::fs::create_dir_all(folder)
                    .map_err(|source| ServiceError::Folder { folder: folder.clone(), source })?;
                let store = Store::open(&folder.join("kiln.redb"), options.store);
                (store, Some(folder.join("compiled")))
            }
        };
        let database = Database::open(store?, options.environment)?;
        let sandbox_options = SandboxOptions {
            slots: options.slots,
            cache_dir,
            key: options.key,
            limits: options.engine.limits.clone(),
        };
        let renderer = Renderer::new(options.compiler.as_ref());
        let sandbox = match options.compiler {
            Some(child) => Sandbox::with_compiler(sandbox_options, Box::new(child)),
            None => Sandbox::with_compiler(sandbox_options, Box::new(InThread)),
        }?;
        let dialect = Arc::new(Dialect::new());
        let engine = Engine::new(database.clone(), Arc::clone(&dialect), sandbox, options.engine);
        let service = Self {
            branch: BranchId::MAIN,
            at: None,
            renderer: Arc::new(renderer),
            database,
            engine,
            dialect,
            told: Arc::default(),
            access: Arc::new(options.access),
            caller: Arc::new(Caller::system()),
            dirty: Arc::default(),
        };
        service.sweep_files()?;
        Ok(service)
    }

    /// The same service for a branch, main without a name, and a moment: a commit number, an ISO time
    /// or one relative to now, such as `-1h`. Nothing can be changed in the past.
    pub fn on(&self, branch: Option<&str>, at: Option<&str>) -> Result<Self, ServiceError> {
        let branch = match branch {
            Some(name) => self.database.branch(name)?,
            None => BranchId::MAIN,
        };
        let at = at.map(Moment::parse).transpose().map_err(branch::BranchError::from)?;
        Ok(Self { branch, at, ..self.clone() })
    }

    /// The branch as it is, or was.
    pub(crate) fn view(&self) -> Result<View, ServiceError> {
        Ok(match self.at {
            None => self.database.view(self.branch)?,
            Some(moment) => self.database.view_at(self.branch, moment)?,
        })
    }

    /// A draft over the branch as it is.
    pub(crate) fn draft(&self) -> Result<Draft, ServiceError> {
        self.draft_by(self.caller.author())
    }

    /// A draft of somebody's.
    pub(crate) fn draft_by(&self, author: Author) -> Result<Draft, ServiceError> {
        if self.at.is_some() {
            return Err(ServiceError::Request {
                code: "past-is-read-only",
                message: "nothing can be changed or drawn in the past; leave `at` out".to_owned(),
            });
        }
        Ok(self.database.draft(self.branch, author)?)
    }

    /// Answers a GraphQL request; errors are part of the answer, which is the body alone.
    pub fn graphql(&self, request: &graphql::Request) -> Result<Vec<u8>, ServiceError> {
        Ok(self.graphql_response(request, &Enclosed::default())?.body)
    }

    /// The same, with what came beside the request, and with the status that the answer goes with.
    pub fn graphql_response(
        &self,
        request: &graphql::Request,
        enclosed: &Enclosed,
    ) -> Result<graphql::Response, ServiceError> {
        self.may_look()?;
        let view = self.view()?;
        let host = dialect::DialectHost::new(self, enclosed);
        Ok(self.dialect.respond(&view, request, &host))
    }

    /// The GraphQL types as text.
    pub fn sdl(&self) -> Result<String, ServiceError> {
        let view = self.view()?;
        Ok(self.dialect.sdl(view.schema()))
    }

    /// Walks the whole store; what is wrong, empty when all is well.
    pub fn check(&self) -> Result<Vec<String>, ServiceError> {
        Ok(self.database.check()?)
    }

    /// The whole store as stable text.
    pub fn dump(&self, out: &mut dyn std::io::Write) -> Result<(), ServiceError> {
        Ok(self.database.dump(out)?)
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.database.environment().clock.now()
    }

    /// The number of the newest commit.
    pub fn last_commit(&self) -> u64 {
        self.database.last_seq().0
    }

    /// Waits for runs in flight.
    pub fn drain(&self) {
        self.engine.drain();
    }
}
