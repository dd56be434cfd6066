//! The one thread that looks at a clock: it advances the engine's epoch while guests run, so that
//! each of them asks now and then whether it should stop. What a guest computes cannot depend on it;
//! only whether it is ended can.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use wasmtime::Engine;

/// Time between two epochs: 10 ms, as most hosts have it. A cancelled guest goes on at most so long.
const TICK: Duration = Duration::from_millis(10);
/// Ticks without a guest after which the thread sleeps: one second. Waking it costs a run more than
/// all the rest, so it is not done between two runs of a busy host.
const IDLE_TICKS: u32 = 100;

#[derive(Debug, Default)]
struct Wanted {
    /// Guests under way.
    guests: usize,
    /// The thread sleeps until it is told.
    asleep: bool,
    stop: bool,
}

#[derive(Debug, Default)]
struct Shared {
    wanted: Mutex<Wanted>,
    changed: Condvar,
    ticks: AtomicU64,
}

/// Owns the thread, and joins it when dropped.
#[derive(Debug)]
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// As long as it lives, epochs advance.
#[derive(Debug)]
pub(crate) struct Ticking<'a>(&'a Ticker);

impl Ticker {
    pub(crate) fn start(engine: Engine) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let seen = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("epoch-ticker".to_owned())
            .spawn(move || tick(&seen, &engine))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    pub(crate) fn during(&self) -> Ticking<'_> {
        self.change(|wanted| wanted.guests += 1);
        Ticking(self)
    }

    /// Ticks so far; flat while guests run means that the thread is gone.
    pub(crate) fn ticks(&self) -> u64 {
        self.shared.ticks.load(Ordering::Relaxed)
    }

    fn change(&self, change: impl FnOnce(&mut Wanted)) {
        let mut wanted = self.shared.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut wanted);
        // A thread that is ticking looks by itself.
        if (wanted.asleep && wanted.guests > 0) || wanted.stop {
            self.shared.changed.notify_one();
        }
    }
}

impl Drop for Ticking<'_> {
    fn drop(&mut self) {
        self.0.change(|wanted| wanted.guests -= 1);
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.change(|wanted| wanted.stop = true);
        if let Some(thread) = self.thread.take() {
            // It has nothing to tell: it counts.
            let _ended = thread.join();
        }
    }
}

fn tick(shared: &Shared, engine: &Engine) {
    let mut wanted = shared.wanted.lock().unwrap_or_else(PoisonError::into_inner);
    let mut idle_ticks = IDLE_TICKS;
    while !wanted.stop {
        idle_ticks = if wanted.guests == 0 { idle_ticks.saturating_add(1) } else { 0 };
        if idle_ticks > IDLE_TICKS {
            wanted.asleep = true;
            wanted = shared.changed.wait(wanted).unwrap_or_else(PoisonError::into_inner);
            wanted.asleep = false;
            continue;
        }
        let waited = shared.changed.wait_timeout(wanted, TICK);
        wanted = waited.unwrap_or_else(PoisonError::into_inner).0;
        // Plain increments: time that was missed is not made up for in a burst.
        engine.increment_epoch();
        shared.ticks.fetch_add(1, Ordering::Relaxed);
    }
}
