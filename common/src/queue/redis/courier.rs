//! Many callers, few round trips: what is asked while a batch is under way goes with the next one. Nothing waits for a
//! batch to fill.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::sync::{Mutex, mpsc, oneshot};

use crate::{queue::QueueError, redis::RedisError};

/// Orders in one batch. Scripts run alone in Redis: this bounds how long one holds up everybody else, to about 1 ms.
const BATCH: usize = 128;
/// Batches under way at once: while Redis works on one, the next is made up.
const UNDER_WAY: usize = 2;
/// Orders that wait to be taken into a batch.
const WAITING: usize = 256;
/// How long a batch waits that found no room.
const ROOM_WAIT: Duration = Duration::from_millis(20);

/// One order, and whoever waits for it.
struct Order<I, O> {
    item: Arc<I>,
    answer: oneshot::Sender<Result<O, RedisError>>,
}

/// Takes orders and carries them out in batches.
#[derive(Debug)]
pub(super) struct Courier<I, O> {
    orders: mpsc::Sender<Order<I, O>>,
}

impl<I: Send + Sync + 'static, O: Send + 'static> Courier<I, O> {
    /// A courier that hands batches to `deliver`, which answers for each order in turn; `None` where there was no room
    /// for it yet. Ends with its last clone.
    pub(super) fn start<D, F>(deliver: D) -> Self
    where
        D: Fn(Vec<Arc<I>>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Vec<Option<O>>, RedisError>> + Send + 'static,
    {
        let (orders, waiting) = mpsc::channel(WAITING);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..UNDER_WAY {
            tokio::spawn(deliver_all(waiting.clone(), deliver.clone()));
        }
        Self { orders }
    }

    /// Hands in an order and waits until it is carried out.
    pub(super) async fn send(&self, item: I) -> Result<O, QueueError> {
        let (answer, answered) = oneshot::channel();
        self.orders.send(Order { item: Arc::new(item), answer }).await.map_err(|_| QueueError::Closed)?;
        Ok(answered.await.map_err(|_| QueueError::Closed)??)
    }
}

async fn deliver_all<I, O, D, F>(waiting: Arc<Mutex<mpsc::Receiver<Order<I, O>>>>, deliver: D)
where
    D: Fn(Vec<Arc<I>>) -> F,
    F: Future<Output = Result<Vec<Option<O>>, RedisError>>,
{
    let mut batch: VecDeque<Order<I, O>> = VecDeque::with_capacity(BATCH);
    let mut taken = Vec::with_capacity(BATCH);
    loop {
        if batch.is_empty() && waiting.lock().await.recv_many(&mut taken, BATCH).await == 0 {
            return;
        }
        batch.extend(taken.drain(..));
        let items = batch.iter().map(|order| order.item.clone()).collect();
        match deliver(items).await {
            Err(error) => {
                for order in batch.drain(..) {
                    // Whoever no longer waits does not care.
                    let _nobody_waits = order.answer.send(Err(error.clone()));
                }
            }
            Ok(answers) => {
                let left = std::mem::take(&mut batch)
                    .into_iter()
                    .zip(answers.into_iter().chain(std::iter::repeat_with(|| None)));
                for (order, answer) in left {
                    match answer {
                        Some(answer) => drop(order.answer.send(Ok(answer))),
                        None if order.answer.is_closed() => {}
                        None => batch.push_back(order),
                    }
                }
                if !batch.is_empty() {
                    tokio::time::sleep(ROOM_WAIT).await;
                }
            }
        }
    }
}
