//! The sandbox: the engine, its ticker and slots, and the components that are loaded.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use model::Digest;
use wasmtime::Engine;
use wasmtime::component::Linker;

use crate::cache::{Cache, CacheKey, Found};
use crate::check::{CheckError, check};
use crate::compile::{Compile, CompileError, InThread};
use crate::config::run_engine;
use crate::limits::Limits;
use crate::limits::fixed::COMPONENTS_LOADED_MAX;
use crate::link::linker;
use crate::run::Component;
use crate::slots::Slots;
use crate::state::RunState;
use crate::ticker::Ticker;

/// What a sandbox is made of.
#[derive(Debug)]
pub struct SandboxOptions {
    /// Runs at the same time; further ones wait.
    pub slots: u32,
    /// Where machine code is kept between starts. Without it every start compiles anew.
    pub cache_dir: Option<PathBuf>,
    /// Seals what lies in `cache_dir`: only code sealed with this key is ever loaded. It must be
    /// secret and belong to this installation.
    pub key: CacheKey,
    /// Limits of uploads, and of what the engine fixes for all runs: stack, tables, places.
    pub limits: Limits,
}

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The engine does not start.
    #[error(
        "the WebAssembly engine does not start; {slots} slots may be more address space than this system gives: {detail}"
    )]
    Engine {
        /// Slots asked for.
        slots: u32,
        /// What it says.
        detail: String,
    },
    /// The ticker does not start.
    #[error("no thread for the epoch ticker")]
    Ticker(#[source] std::io::Error),
    /// The cache cannot be used.
    #[error("the cache of compiled components at `{}` cannot be used; it must be a folder that the host may write", dir.display())]
    Cache {
        /// Where.
        dir: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// Why a component cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The bytes are not those of the digest.
    #[error(
        "the stored bytes of component {asked} are damaged: they have the digest {found}; upload it again"
    )]
    Digest {
        /// What was asked for.
        asked: Digest,
        /// What the bytes have.
        found: Digest,
    },
    /// The bytes do not pass the check.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// They do not compile.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// They do not link, though the check found nothing.
    #[error("component {digest} does not fit this host, though the check found nothing: {detail}")]
    Link {
        /// Which.
        digest: Digest,
        /// What wasmtime says.
        detail: String,
    },
}

impl LoadError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Digest { .. } => "component_damaged",
            Self::Check(error) => error.code.name(),
            Self::Compile(error) => error.code(),
            Self::Link { .. } => "component_unlinkable",
        }
    }
}

/// Figures since the start, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SandboxStats {
    /// Loads answered from memory.
    pub memory_hits: u64,
    /// Loads answered from disk.
    pub disk_hits: u64,
    /// Components compiled.
    pub compiled: u64,
    /// Artefacts on disk that were not loaded because their seal did not fit. Above zero, somebody
    /// or something changed the folder.
    pub refused: u64,
    /// Artefacts that could not be written.
    pub unwritten: u64,
    /// Epochs; flat while runs are under way means that nothing watches the clock.
    pub ticks: u64,
    /// Slots free now.
    pub slots_free: u32,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    memory_hits: AtomicU64,
    disk_hits: AtomicU64,
    compiled: AtomicU64,
    refused: AtomicU64,
    unwritten: AtomicU64,
}

/// What components share with their sandbox, so that they can outlive it.
pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) slots: Slots,
    pub(crate) ticker: Ticker,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("slots", &self.slots).finish_non_exhaustive()
    }
}

/// A place for one component: whoever comes first loads, the others wait for the lock.
type Place = Arc<Mutex<Option<Arc<Component>>>>;

#[derive(Debug, Default)]
struct Loaded {
    places: BTreeMap<Digest, (u64, Place)>,
    /// Counts uses, to know which was longest ago.
    uses: u64,
}

/// Loads components and runs them.
pub struct Sandbox {
    shared: Arc<Shared>,
    linker: Linker<RunState>,
    limits: Limits,
    compiler: Box<dyn Compile>,
    /// One compilation at a time: it takes all the memory and time it may have.
    compiling: Mutex<()>,
    cache: Option<Cache>,
    loaded: Mutex<Loaded>,
    counters: Counters,
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl Sandbox {
    /// A sandbox that compiles in a thread of this process.
    pub fn new(options: SandboxOptions) -> Result<Self, SandboxError> {
        Self::with_compiler(options, Box::new(InThread))
    }

    /// A sandbox that compiles elsewhere: in a child process, say.
    pub fn with_compiler(
        options: SandboxOptions,
        compiler: Box<dyn Compile>,
    ) -> Result<Self, SandboxError> {
        let SandboxOptions { slots, cache_dir, key, limits } = options;
        let slots = slots.max(1);
        let broken =
            |error: wasmtime::Error| SandboxError::Engine { slots, detail: format!("{error:#}") };
        let engine = run_engine(slots, &limits).map_err(broken)?;
        let cache = match cache_dir {
            None => None,
            Some(dir) => match Cache::open(&dir, key) {
                Ok(cache) => Some(cache),
                Err(source) => return Err(SandboxError::Cache { dir, source }),
            },
        };
        let linker = linker(&engine).map_err(broken)?;
        let ticker = Ticker::start(engine.clone()).map_err(SandboxError::Ticker)?;
        Ok(Self {
            shared: Arc::new(Shared { engine, slots: Slots::new(slots), ticker }),
            linker,
            limits,
            compiler,
            compiling: Mutex::new(()),
            cache,
            loaded: Mutex::default(),
            counters: Counters::default(),
        })
    }

    /// The component, if it is ready in memory: then its bytes need not be read.
    pub fn loaded(&self, digest: Digest) -> Option<Arc<Component>> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.uses += 1;
        let now = loaded.uses;
        let (used, place) = loaded.places.get_mut(&digest)?;
        *used = now;
        let place = Arc::clone(place);
        drop(loaded);
        // One that is being loaded is not ready.
        let component = place.try_lock().ok()?.clone();
        if component.is_some() {
            self.counters.memory_hits.fetch_add(1, Ordering::Relaxed);
        }
        component
    }

    /// Makes a component ready: from memory, from disk, or by check and compilation. Callers that ask
    /// for the same one at the same time share the work.
    pub fn load(&self, digest: Digest, component: &[u8]) -> Result<Arc<Component>, LoadError> {
        let place = self.place(digest);
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ready) = place.as_ref() {
            self.counters.memory_hits.fetch_add(1, Ordering::Relaxed);
            return Ok(Arc::clone(ready));
        }
        let ready = Arc::new(self.load_now(digest, component)?);
        *place = Some(Arc::clone(&ready));
        Ok(ready)
    }

    /// Figures since the start.
    pub fn stats(&self) -> SandboxStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SandboxStats {
            memory_hits: read(&self.counters.memory_hits),
            disk_hits: read(&self.counters.disk_hits),
            compiled: read(&self.counters.compiled),
            refused: read(&self.counters.refused),
            unwritten: read(&self.counters.unwritten),
            ticks: self.shared.ticker.ticks(),
            slots_free: self.shared.slots.free(),
        }
    }

    fn place(&self, digest: Digest) -> Place {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.uses += 1;
        let now = loaded.uses;
        if let Some((used, place)) = loaded.places.get_mut(&digest) {
            *used = now;
            return Arc::clone(place);
        }
        if loaded.places.len() >= COMPONENTS_LOADED_MAX {
            let oldest = loaded.places.iter().min_by_key(|(_, (used, _))| *used);
            if let Some(oldest) = oldest.map(|(digest, _)| *digest) {
                loaded.places.remove(&oldest);
            }
        }
        let place = Place::default();
        loaded.places.insert(digest, (now, Arc::clone(&place)));
        place
    }

    fn load_now(&self, digest: Digest, component: &[u8]) -> Result<Component, LoadError> {
        let found = Digest::of(component);
        if found != digest {
            return Err(LoadError::Digest { asked: digest, found });
        }
        if let Some(cache) = &self.cache {
            match cache.find(digest) {
                Found::Sealed(artefact) => {
                    // An artefact that wasmtime does not take is compiled anew, as any other.
                    if let Ok(ready) = self.linked(digest, &artefact) {
                        self.counters.disk_hits.fetch_add(1, Ordering::Relaxed);
                        return Ok(ready);
                    }
                    self.counters.refused.fetch_add(1, Ordering::Relaxed);
                }
                Found::Refused => {
                    self.counters.refused.fetch_add(1, Ordering::Relaxed);
                }
                Found::Nothing => {}
            }
        }
        // Bytes may have been stored by an older version that checked less.
        check(component, &self.limits)?;
        let artefact = {
            let _one_at_a_time = self.compiling.lock().unwrap_or_else(PoisonError::into_inner);
            self.compiler.compile(component)?
        };
        self.counters.compiled.fetch_add(1, Ordering::Relaxed);
        let ready = self.linked(digest, &artefact)?;
        if let Some(cache) = &self.cache
            && cache.put(digest, &artefact).is_err()
        {
            // The component runs all the same; the next start compiles it again.
            self.counters.unwritten.fetch_add(1, Ordering::Relaxed);
        }
        Ok(ready)
    }

    fn linked(&self, digest: Digest, artefact: &[u8]) -> Result<Component, LoadError> {
        let broken =
            |error: wasmtime::Error| LoadError::Link { digest, detail: format!("{error:#}") };
        #[expect(unsafe_code, reason = "the one place where machine code becomes callable")]
        // SAFETY: `artefact` was made by this build's compiler, either just now, or earlier and then
        // read from disk under a seal that only this installation can make.
        let component =
            unsafe { wasmtime::component::Component::deserialize(&self.shared.engine, artefact) }
                .map_err(broken)?;
        let pre = self.linker.instantiate_pre(&component).map_err(broken)?;
        Component::new(digest, pre, Arc::clone(&self.shared)).map_err(broken)
    }
}
