//! Opening, snapshots, and handing proposals to the writer.

use std::io::Read as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{SendError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use model::Seq;
use redb::{Builder, Database, DatabaseError, ReadableDatabase};

use crate::check::{self, CheckReport};
use crate::error::{CommitError, OpenError, StoreError};
use crate::layout::{FORMAT, Space};
use crate::limits::{CACHE_BYTES_MAX, GROUP_MAX, QUEUE_MAX};
use crate::proposal::Proposal;
use crate::snapshot::{Snapshot, definition};
use crate::writer::{Answer, Job, Writer};
use crate::yardstick::Tap;

/// When a commit is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Once it is on disk.
    Durable,
    /// Once it is visible; a crash may lose it. For bulk tests and yardsticks only.
    Relaxed,
}

/// Settings of a store.
#[derive(Debug, Clone)]
pub struct Options {
    /// Memory for pages, in bytes. Bounds the store's memory, whatever the size of the data.
    pub cache_bytes: usize,
    /// Proposals that may wait for the writer; more callers wait in line.
    pub queue_len: usize,
    /// Proposals that become one transaction at most.
    pub group_max: usize,
    /// When a commit is answered.
    pub durability: Durability,
    /// Keeps what is written, for benchmarks.
    pub tap: Option<Arc<Tap>>,
}

impl Default for Options {
    /// 256 MiB of cache: random reads of five million rows gain nothing from more (the system's
    /// own cache does the rest). 1024 proposals: what one transaction can take.
    fn default() -> Self {
        Self {
            cache_bytes: CACHE_BYTES_MAX,
            queue_len: QUEUE_MAX,
            group_max: GROUP_MAX,
            durability: Durability::Durable,
            tap: None,
        }
    }
}

/// First bytes of every redb file.
const MAGIC: &[u8] = b"redb";

struct Shared {
    database: Arc<Database>,
    last: Arc<AtomicU64>,
    writer: Arc<Mutex<Writer>>,
    coming: Arc<AtomicUsize>,
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Closing the queue ends the writer after what is in it.
        drop(self.jobs.take());
        // The last clone may be let go of by an answer, on the writer's own thread.
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
        {
            let _ended = thread.join();
        }
    }
}

/// A proposal that is being made.
#[derive(Debug)]
pub struct Coming(Arc<AtomicUsize>);

impl Drop for Coming {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// An open store. Cheap to clone; all clones are one, closed with the last.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store({})", self.last_seq())
    }
}

impl Store {
    /// Opens a store, or makes one. A second process is refused; a file that is something else is
    /// left alone.
    pub fn open(path: &Path, options: Options) -> Result<Self, OpenError> {
        let not_a_store = || OpenError::NotAStore { path: path.to_owned() };
        if let Ok(mut file) = std::fs::File::open(path) {
            let mut head = [0; 4];
            let read = file.read(&mut head).map_err(|bad| engine(redb::Error::Io(bad)))?;
            let known = read == 0 || head.get(..read) == Some(MAGIC);
            if !known {
                return Err(not_a_store());
            }
        }
        let database = Builder::new().set_cache_size(options.cache_bytes).create(path);
        let database = database.map_err(|bad| match bad {
            DatabaseError::DatabaseAlreadyOpen => OpenError::InUse { path: path.to_owned() },
            DatabaseError::Storage(redb::StorageError::Corrupted(_)) => not_a_store(),
            other => engine(other.into()),
        })?;
        Self::start(database, options)
    }

    /// A store in memory, for plans and tests.
    pub fn in_memory(options: Options) -> Result<Self, OpenError> {
        Self::on_backend(redb::backends::InMemoryBackend::new(), options)
    }

    pub(crate) fn on_backend(
        backend: impl redb::StorageBackend,
        options: Options,
    ) -> Result<Self, OpenError> {
        let database = Builder::new()
            .set_cache_size(options.cache_bytes)
            .create_with_backend(backend)
            .map_err(|bad| engine(bad.into()))?;
        Self::start(database, options)
    }

    fn start(database: Database, options: Options) -> Result<Self, OpenError> {
        prepare(&database)?;
        let database = Arc::new(database);
        let transaction = database.begin_read().map_err(|bad| engine(bad.into()))?;
        let seq = Snapshot::new(transaction)
            .map_err(|StoreError::Engine { source, .. }| OpenError::Engine(source))?
            .seq();
        let last = Arc::new(AtomicU64::new(seq.0));
        let (jobs, queue) = sync_channel(options.queue_len.max(1));
        let writer = Writer::new(Arc::clone(&database), Arc::clone(&last), &options);
        let writer = Arc::new(Mutex::new(writer));
        let working = Arc::clone(&writer);
        let coming = Arc::new(AtomicUsize::new(0));
        let expected = Arc::clone(&coming);
        let thread = std::thread::Builder::new()
            .name("kiln-writer".to_owned())
            .spawn(move || Writer::work(&working, &queue, &expected))
            .map_err(OpenError::Thread)?;
        let (jobs, thread) = (Some(jobs), Some(thread));
        let shared = Shared { database, last, writer, coming, jobs, thread };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The newest state. About 1 us; waits for nobody.
    pub fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let transaction = self.shared.database.begin_read();
        let transaction =
            transaction.map_err(|bad| StoreError::engine("opening a snapshot")(bad.into()))?;
        Snapshot::new(transaction)
    }

    /// Validates a proposal and writes it; returns once it is on disk. Everything it read must be
    /// as it was.
    pub fn commit(&self, proposal: Proposal) -> Result<Seq, CommitError> {
        self.wait_for(|store, answer| store.submit(proposal, answer))
    }

    /// As [`commit`](Self::commit), on the calling thread where nobody writes: for who is alone and
    /// would otherwise wait for two switches of threads. Among many it would keep the caller's core
    /// from other work.
    pub fn commit_here(&self, proposal: Proposal) -> Result<Seq, CommitError> {
        self.wait_for(|store, answer| match store.shared.writer.try_lock() {
            Ok(mut writer) => writer.commit(vec![Job::new(proposal, answer)]),
            Err(_busy) => store.submit(proposal, answer),
        })
    }

    /// As [`commit`](Self::commit), without waiting: `answer` is called once it is on disk, or will not
    /// be. Waits only where the queue is full.
    pub fn submit(&self, proposal: Proposal, answer: Answer) {
        let Some(jobs) = &self.shared.jobs else { return answer(Err(CommitError::Closed)) };
        if let Err(SendError(job)) = jobs.send(Job::new(proposal, answer)) {
            (job.answer)(Err(CommitError::Closed));
        }
    }

    fn wait_for(&self, submit: impl FnOnce(&Self, Answer)) -> Result<Seq, CommitError> {
        let (answer, answered) = sync_channel(1);
        submit(
            self,
            Box::new(move |result| {
                let _gone = answer.send(result);
            }),
        );
        answered.recv().map_err(|_closed| CommitError::Closed)?
    }

    /// Says that a proposal is being made, until what this gives is dropped: the writer may wait a moment
    /// for it, so that more go into one transaction.
    pub fn coming(&self) -> Coming {
        self.shared.coming.fetch_add(1, Ordering::AcqRel);
        Coming(Arc::clone(&self.shared.coming))
    }

    /// The newest commit.
    pub fn last_seq(&self) -> Seq {
        Seq(self.shared.last.load(Ordering::Acquire))
    }

    /// Walks every table and proves what must hold between them. Linear in the store.
    pub fn check(&self) -> Result<CheckReport, StoreError> {
        check::check(&self.snapshot()?)
    }

    /// Writes every row as a line of text, in the order of the layout's page.
    pub fn dump(&self, out: &mut dyn std::io::Write) -> Result<(), StoreError> {
        crate::dump::dump(&self.snapshot()?, out)
    }
}

fn engine(bad: redb::Error) -> OpenError {
    OpenError::Engine(Box::new(bad))
}

/// Makes the tables and checks the format.
fn prepare(database: &Database) -> Result<(), OpenError> {
    let known = {
        let read = database.begin_read().map_err(|bad| engine(bad.into()))?;
        match read.open_table(definition(Space::Meta)) {
            Ok(meta) => {
                let row = meta.get(&b"format"[..]).map_err(|bad| engine(bad.into()))?;
                row.and_then(|row| <[u8; 4]>::try_from(row.value()).ok()).map(u32::from_be_bytes)
            }
            Err(redb::TableError::TableDoesNotExist(_)) => None,
            Err(bad) => return Err(engine(bad.into())),
        }
    };
    match known {
        Some(found) if found == FORMAT => Ok(()),
        Some(found) => Err(OpenError::Format { found, known: FORMAT }),
        None => create_tables(database).map_err(engine),
    }
}

fn create_tables(database: &Database) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    for space in Space::ALL {
        let mut table = transaction.open_table(definition(space))?;
        if space == Space::Meta {
            table.insert(&b"format"[..], &FORMAT.to_be_bytes()[..])?;
        }
    }
    transaction.commit()?;
    Ok(())
}
