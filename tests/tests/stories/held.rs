//! Ids that are given when somebody lets them: so a run stands still in the middle, as long as a test
//! wants.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use model::{IdSource, ObjectId, Timestamp};

/// Gives the ids of another source, the next one only when it is let.
pub(crate) struct Held {
    ids: Arc<dyn IdSource>,
    next: Mutex<Option<(SyncSender<()>, Receiver<()>)>>,
}

/// Whoever asks for the next id.
#[derive(Debug)]
pub(crate) struct Standing {
    stands: Receiver<()>,
    go: SyncSender<()>,
}

impl Held {
    pub(crate) fn over(ids: Arc<dyn IdSource>) -> Arc<Self> {
        Arc::new(Self { ids, next: Mutex::default() })
    }

    /// From here on who asks for an id stands still, once.
    pub(crate) fn hold(&self) -> Standing {
        let (told, stands) = sync_channel(1);
        let (go, gone) = sync_channel(1);
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some((told, gone));
        Standing { stands, go }
    }
}

impl Standing {
    /// Waits until somebody stands still.
    pub(crate) fn wait(&self) {
        self.stands.recv().unwrap();
    }

    /// Lets them go on.
    pub(crate) fn go(&self) {
        self.go.send(()).unwrap();
    }
}

impl IdSource for Held {
    fn next_id(&self, now: Timestamp) -> ObjectId {
        let held = self.next.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((stands, go)) = held {
            stands.send(()).unwrap();
            go.recv().unwrap();
        }
        self.ids.next_id(now)
    }
}
