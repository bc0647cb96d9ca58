//! The threads on which everything is computed that takes longer than a moment.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// Queries recurse along the user's code; a thread's own stack is small.
pub(crate) const STACK_SIZE: usize = 16 * 1024 * 1024;

/// How urgent a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    /// Somebody looks at it: the edited document, a hover.
    Urgent,
    /// Somebody will look at it soon: the other open documents.
    Soon,
    /// The rest of the workspace.
    Background,
}

const LANES: usize = 3;

type Job = Box<dyn FnOnce() + Send>;

/// A fixed number of threads. One of them takes urgent jobs alone, so that long work never stands in their way.
#[derive(Clone)]
pub(crate) struct Pool(Arc<Queues>);

struct Queues {
    waiting: Mutex<Waiting>,
    wake: Condvar,
}

#[derive(Default)]
struct Waiting {
    lanes: [VecDeque<Job>; LANES],
    closed: bool,
}

/// The job panicked, or the pool was closed before it ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failed;

impl Pool {
    pub(crate) fn new() -> std::io::Result<Self> {
        let pool = Self(Arc::new(Queues { waiting: Mutex::default(), wake: Condvar::new() }));
        let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        for index in 0..=workers {
            let queues = Arc::clone(&pool.0);
            let slowest = if index == 0 { Lane::Urgent } else { Lane::Background };
            std::thread::Builder::new()
                .name(format!("auditline-{index}"))
                .stack_size(STACK_SIZE)
                .spawn(move || queues.work(slowest))?;
        }
        Ok(pool)
    }

    /// Queues a job whose outcome nobody waits for.
    pub(crate) fn spawn(&self, lane: Lane, job: impl FnOnce() + Send + 'static) {
        let mut waiting = self.0.lock();
        if !waiting.closed {
            waiting.lanes[lane as usize].push_back(Box::new(job));
            drop(waiting);
            // Whichever thread wakes may not be one that takes this lane.
            self.0.wake.notify_all();
        }
    }

    /// Queues a job and waits for it. A job whose waiter is gone before it starts is not run.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        lane: Lane,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Failed> {
        let (sender, receiver) = oneshot::channel();
        self.spawn(lane, move || {
            if !sender.is_closed() {
                drop(sender.send(job()));
            }
        });
        receiver.await.map_err(|_| Failed)
    }

    /// Ends the threads once their present jobs are done; what waits is dropped.
    pub(crate) fn close(&self) {
        let mut waiting = self.0.lock();
        waiting.closed = true;
        let dropped = std::mem::take(&mut waiting.lanes);
        drop(waiting);
        drop(dropped);
        self.0.wake.notify_all();
    }
}

impl Queues {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, slowest: Lane) {
        while let Some(job) = self.next(slowest) {
            // The panic hook has told what happened; whoever waits for the job sees its channel closed.
            if catch_unwind(AssertUnwindSafe(job)).is_err() {
                tracing::error!("a job failed");
            }
        }
    }

    fn next(&self, slowest: Lane) -> Option<Job> {
        let mut waiting = self.lock();
        loop {
            if waiting.closed {
                return None;
            }
            if let Some(job) = waiting.lanes[..=slowest as usize].iter_mut().find_map(VecDeque::pop_front) {
                return Some(job);
            }
            waiting = self.wake.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn urgent_jobs_run_while_long_ones_do() {
        let pool = Pool::new().unwrap();
        let gate = Arc::new((Mutex::new(false), Condvar::new()));
        for _ in 0..64 {
            let gate = Arc::clone(&gate);
            pool.spawn(Lane::Background, move || {
                let open = gate.0.lock().unwrap();
                drop(gate.1.wait_while(open, |open| !*open).unwrap());
            });
        }
        assert_eq!(pool.run(Lane::Urgent, || 7).await, Ok(7));
        *gate.0.lock().unwrap() = true;
        gate.1.notify_all();
        assert_eq!(pool.run(Lane::Background, || 8).await, Ok(8));
        pool.close();
        assert_eq!(pool.run(Lane::Urgent, || 9).await, Err(Failed));
    }

    #[tokio::test]
    async fn a_panic_ends_the_job_and_not_the_thread() {
        let pool = Pool::new().unwrap();
        for _ in 0..8 {
            let failed: Result<(), Failed> = pool.run(Lane::Urgent, || std::panic::resume_unwind(Box::new(()))).await;
            assert_eq!(failed, Err(Failed));
        }
        assert_eq!(pool.run(Lane::Urgent, || 1).await, Ok(1));
        pool.close();
    }
}
