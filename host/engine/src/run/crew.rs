//! The threads that compute runs, as many as compute at once. Clients come by the dozen; were each to
//! compute on a thread of its own, every run would begin with a cold stack and a cold allocator.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Something to compute.
pub(super) type Work = Box<dyn FnOnce() + Send>;

/// The threads; they end with this.
#[derive(Debug)]
pub(super) struct Crew {
    work: Option<SyncSender<Work>>,
    threads: Vec<JoinHandle<()>>,
}

impl Crew {
    /// So many threads, with room for so much that waits. Where the system gives no thread, who has
    /// work does it.
    pub(super) fn new(threads: usize, waiting_max: usize) -> Self {
        let (work, waiting) = sync_channel::<Work>(waiting_max.max(1));
        let waiting = Arc::new(Mutex::new(waiting));
        let threads: Vec<_> = (0..threads.max(1))
            .filter_map(|_| {
                let waiting = Arc::clone(&waiting);
                let named = std::thread::Builder::new().name("kiln-run".to_owned());
                named.spawn(move || labour(&waiting)).ok()
            })
            .collect();
        let work = (!threads.is_empty()).then_some(work);
        Self { work, threads }
    }

    /// Has it done; waits only where more waits than there is room for.
    pub(super) fn give(&self, work: Work) {
        match &self.work {
            Some(threads) => {
                if let Err(back) = threads.send(work) {
                    (back.0)();
                }
            }
            None => work(),
        }
    }
}

fn labour(waiting: &Mutex<Receiver<Work>>) {
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match next {
            Ok(work) => {
                work();
                // The writer may wait for this very core, and would for as long as a time slice.
                std::thread::yield_now();
            }
            Err(_no_more) => return,
        }
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        drop(self.work.take());
        for thread in self.threads.drain(..) {
            // What a thread computed may have been the last to hold all this.
            if thread.thread().id() != std::thread::current().id() {
                let _ended = thread.join();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_work_is_done_by_as_many_threads_as_there_are_before_the_crew_ends() {
        let done = Arc::new(Mutex::new(Vec::new()));
        let crew = Crew::new(2, 3);
        for number in 0..50 {
            let done = Arc::clone(&done);
            crew.give(Box::new(move || {
                done.lock().unwrap().push((number, std::thread::current().id()));
            }));
        }
        drop(crew);
        let done = done.lock().unwrap();
        let mut numbers: Vec<_> = done.iter().map(|(number, _)| *number).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..50).collect::<Vec<_>>());
        let own = std::thread::current().id();
        assert!(done.iter().all(|(_, thread)| *thread != own));
    }

    #[test]
    fn a_crew_that_ends_on_a_thread_of_its_own_does_not_wait_for_itself() {
        let crew = Arc::new(Crew::new(1, 1));
        let last = Arc::clone(&crew);
        let (gone, goes) = sync_channel::<()>(1);
        let (told, tells) = sync_channel(1);
        crew.give(Box::new(move || {
            goes.recv().unwrap();
            drop(last);
            told.send(()).unwrap();
        }));
        drop(crew);
        gone.send(()).unwrap();
        tells.recv().unwrap();
    }
}
