//! Threads for work that would block the runtime: no more of them than pieces of work at once.
//!
//! Every thread keeps memory for itself: blocks that the C library holds ready for it, a search state for each compiled
//! pattern, the deepest it ever had its stack. A pool that starts a thread whenever none happens to wait, as the runtime's
//! own does, comes to several times as many threads as there is work for, and takes longer to get there the rarer the
//! moments are in which it grows: its memory creeps with the length of the run. Here a thread is idle again before its
//! answer is out, so that the next document finds it, and the one that rested least is taken first.

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use tokio::sync::oneshot;

/// How long a thread without work is kept.
const IDLE_LIFE: Duration = Duration::from_secs(20);

type Work = Box<dyn FnOnce() + Send>;

/// Threads that wait for work, and start when none does.
#[derive(Debug)]
pub struct Threads {
    kind: Kind,
    /// Threads that may wait at the same time.
    most: usize,
    /// The one that rested least is the last.
    idle: Mutex<Vec<Thread>>,
    started: AtomicU64,
}

/// What the threads have in common.
#[derive(Debug, Clone, Copy)]
struct Kind {
    name: &'static str,
    stack_bytes: usize,
    idle_life: Duration,
}

/// Where a thread is given its work. It ends when this is dropped.
#[derive(Debug)]
struct Thread {
    number: u64,
    work: SyncSender<Work>,
}

impl Threads {
    /// Threads of that name, of at most 15 bytes, and stack for work of which `most` pieces are under way at once. More may
    /// be begun, when some hang and are given up: their threads are not kept.
    pub fn new(name: &'static str, stack_bytes: usize, most: usize) -> Arc<Self> {
        Self::of(Kind { name, stack_bytes, idle_life: IDLE_LIFE }, most)
    }

    fn of(kind: Kind, most: usize) -> Arc<Self> {
        Arc::new(Self { kind, most, idle: Mutex::default(), started: AtomicU64::new(0) })
    }

    /// Begins `work`. What it makes comes out of the receiver; nothing does when it panics. It cannot be stopped: whoever
    /// drops the receiver leaves the thread behind, until the work ends by itself.
    ///
    /// # Errors
    ///
    /// The system's, when no thread waits and none can be started.
    pub fn begin<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<oneshot::Receiver<T>> {
        let waiting = self.idle().pop();
        let thread = match waiting {
            Some(thread) => thread,
            None => self.start()?,
        };
        let (answer, answered) = oneshot::channel();
        let (threads, handed) = (Arc::downgrade(self), thread.work.clone());
        let work: Work = Box::new(move || {
            let made = work();
            // First this: whoever has the answer may bring the next piece at once.
            if let Some(threads) = threads.upgrade() {
                threads.rest(thread);
            }
            let _nobody_waits = answer.send(made);
        });
        // Its thread takes work as long as this end is there; were it gone, so would be the answer's sender.
        let _taken = handed.send(work);
        Ok(answered)
    }

    fn start(self: &Arc<Self>) -> io::Result<Thread> {
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let (work, given) = sync_channel(1);
        let threads = Arc::downgrade(self);
        let Kind { name, stack_bytes, idle_life } = self.kind;
        thread::Builder::new().name(name.to_owned()).stack_size(stack_bytes).spawn(move || {
            serve(&given, idle_life, || {
                if let Some(threads) = threads.upgrade() {
                    threads.idle().retain(|idle| idle.number != number);
                }
            });
        })?;
        Ok(Thread { number, work })
    }

    /// Keeps a thread for later, if it may be.
    fn rest(&self, thread: Thread) {
        let mut idle = self.idle();
        if idle.len() < self.most {
            idle.push(thread);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Thread>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does what is given until there is nobody left to give it.
fn serve(given: &Receiver<Work>, idle_life: Duration, leave: impl Fn()) {
    loop {
        match given.recv_timeout(idle_life) {
            Ok(work) => work(),
            // Unless it was just taken to be given work, that was the last that held the other end.
            Err(RecvTimeoutError::Timeout) => leave(),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, sync::mpsc};

    use super::*;

    const PATIENCE: Duration = Duration::from_mins(1);

    const KIND: Kind = Kind { name: "test", stack_bytes: 1 << 20, idle_life: IDLE_LIFE };

    fn started(threads: &Threads) -> u64 {
        threads.started.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn one_thread_is_enough_for_one_piece_of_work_at_a_time() {
        let threads = Threads::of(KIND, 4);
        let mut used = HashSet::new();
        for _ in 0..1_000 {
            used.insert(threads.begin(|| thread::current().id()).unwrap().await.unwrap());
        }
        assert_eq!((used.len(), started(&threads)), (1, 1));
    }

    #[tokio::test]
    async fn work_that_hangs_holds_up_no_other_and_its_thread_is_not_kept_beyond_the_most() {
        let threads = Threads::of(KIND, 1);
        let (end, ends) = mpsc::channel::<()>();
        let hanging = threads.begin(move || ends.recv().is_err()).unwrap();
        let second = threads.begin(|| 2).unwrap().await.unwrap();
        assert_eq!((second, started(&threads), threads.idle().len()), (2, 2, 1));
        drop(end);
        assert!(hanging.await.unwrap());
        assert_eq!(threads.idle().len(), 1);
    }

    #[tokio::test]
    async fn work_that_panics_gives_no_answer_and_the_next_one_has_a_thread() {
        let threads = Threads::of(KIND, 1);
        let made = threads.begin(|| -> u8 { panic!("as a parser may") }).unwrap();
        assert!(made.await.is_err());
        assert_eq!(threads.begin(|| 3).unwrap().await.unwrap(), 3);
    }

    /// A guard that a thread holds as long as it lives.
    fn while_it_lives() -> (impl FnOnce() + Send + 'static, mpsc::Receiver<()>) {
        thread_local!(static HELD: std::cell::RefCell<Option<mpsc::Sender<()>>> = const { std::cell::RefCell::new(None) });
        let (alive, ended) = mpsc::channel();
        (move || HELD.with(|held| *held.borrow_mut() = Some(alive)), ended)
    }

    #[tokio::test]
    async fn a_thread_ends_when_it_had_nothing_to_do_for_long_and_when_nobody_is_left_to_give_it_work() {
        for (idle_life, kept) in [(Duration::from_millis(1), true), (PATIENCE * 60, false)] {
            let threads = Threads::of(Kind { idle_life, ..KIND }, 1);
            let (hold, ended) = while_it_lives();
            threads.begin(hold).unwrap().await.unwrap();
            let threads = kept.then_some(threads);
            assert_eq!(ended.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected));
            assert!(threads.is_none_or(|threads| threads.idle().is_empty()));
        }
    }
}
