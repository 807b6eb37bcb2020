//! Packing and unpacking of what is large, beside the async runtime.

use std::panic;

use tokio::task;

use crate::queue::QueueError;

/// Bytes from which work over them leaves the runtime's threads: zstd's level 1 and JSON take a millisecond or two for
/// them. For fewer, going to another thread and back costs as much as it spares.
const LARGE: usize = 1 << 20;

/// What `work` makes of about `bytes` bytes: at once when they are few, on a thread for blocking work when they are many.
///
/// # Errors
///
/// [`QueueError::Closed`] when the runtime ends before the work was begun.
pub(super) async fn done<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, QueueError> {
    if bytes < LARGE {
        return Ok(work());
    }
    match task::spawn_blocking(work).await {
        Ok(made) => Ok(made),
        Err(ended) => match ended.try_into_panic() {
            // It is the caller's, wherever the work was done.
            Ok(panic) => panic::resume_unwind(panic),
            Err(_) => Err(QueueError::Closed),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[tokio::test]
    async fn only_large_work_leaves_the_runtimes_thread() {
        let here = thread::current().id();
        let place = || thread::current().id();
        assert_eq!(done(LARGE - 1, place).await.unwrap(), here);
        assert_ne!(done(LARGE, place).await.unwrap(), here);
    }
}
