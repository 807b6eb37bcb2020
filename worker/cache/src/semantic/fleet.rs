//! What a fleet shares: entries through a capped stream, and the counts of checks through a hash.

use std::{sync::Arc, time::Duration};

use redis::streams::{StreamId, StreamReadReply};
use sheaf_common::{
    keys::SemanticKeys,
    redis::{Link, Patience, command},
};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep},
};

use super::{audit::Checks, entry::Entry, inner::Inner, statistics::one_more};

/// Entries on their way to the stream. Beyond these, entries are dropped: the cache of others, not an answer, misses them.
const WAITING: usize = 1_024;
/// How long an entry is tried to be sent while Redis is away.
const PATIENCE: Duration = Duration::from_secs(2);
/// Entries read at once: some 300 KB.
const CHUNK: usize = 256;
/// How long a read waits for news; also how often the counts are looked at.
const WAIT: Duration = Duration::from_secs(1);
/// For how long the counts of a run are kept.
const KEPT: Duration = Duration::from_hours(24 * 7);

/// Where the fleet is.
#[derive(Debug, Clone)]
pub struct Fleet {
    /// The Redis.
    pub link: Link,
    /// Its keys.
    pub keys: SemanticKeys,
}

/// What goes to the fleet.
pub(super) enum Message {
    /// An entry's frame.
    Entry(Vec<u8>),
    /// A check, and whether the hit was wrong.
    Check(bool),
}

/// Starts what follows the stream and what feeds it. Both end with `tasks`.
pub(super) fn start(fleet: &Fleet, inner: &Arc<Inner>, tasks: &mut JoinSet<()>) -> mpsc::Sender<Message> {
    let (messages, waiting) = mpsc::channel(WAITING);
    tasks.spawn(feed(fleet.clone(), Arc::clone(inner), waiting));
    tasks.spawn(follow(fleet.clone(), Arc::clone(inner)));
    messages
}

/// Sends what comes. Redis away is said by the link, once.
async fn feed(fleet: Fleet, inner: Arc<Inner>, mut waiting: mpsc::Receiver<Message>) {
    let link = fleet.link.patient(Patience::For(PATIENCE));
    while let Some(message) = waiting.recv().await {
        match message {
            Message::Entry(frame) => {
                let mut add = command("XADD");
                add.arg(&fleet.keys.units).arg("MAXLEN").arg("~").arg(inner.settings.stream).arg("*");
                add.arg("e").arg(inner.embedder.id().name()).arg("f").arg(frame);
                if link.query::<String>("sharing an entry of the semantic cache", &add).await.is_err() {
                    one_more(&inner.counters.not_sent);
                }
            }
            Message::Check(wrong) => {
                for (field, by) in [("made", 1), ("wrong", u64::from(wrong))] {
                    let mut count = command("HINCRBY");
                    count.arg(&fleet.keys.checks).arg(field).arg(by);
                    if let Err(error) =
                        link.query::<u64>("counting a check of the semantic cache", &count).await
                    {
                        tracing::debug!(%error, "the fleet does not hear of a check");
                    }
                }
                let mut expire = command("EXPIRE");
                expire.arg(&fleet.keys.checks).arg(KEPT.as_secs());
                let _kept: Result<u64, _> =
                    link.query("keeping the checks of the semantic cache", &expire).await;
            }
        }
    }
}

/// Reads the stream from its beginning, chunk by chunk, and then waits for what is new.
async fn follow(fleet: Fleet, inner: Arc<Inner>) {
    let connector = fleet.link.connector().waiting(WAIT);
    let link = fleet.link.separate(connector, Patience::Endless);
    let mut last = "0-0".to_owned();
    let mut heard: Option<Instant> = None;
    loop {
        let mut read = command("XREAD");
        read.arg("COUNT").arg(CHUNK).arg("BLOCK").arg(WAIT.as_millis() as u64);
        read.arg("STREAMS").arg(&fleet.keys.units).arg(&last);
        match link.query::<Option<StreamReadReply>>("following the semantic cache", &read).await {
            Ok(reply) => {
                let found: Vec<StreamId> =
                    reply.into_iter().flat_map(|reply| reply.keys).flat_map(|key| key.ids).collect();
                if let Some(newest) = found.last() {
                    last.clone_from(&newest.id);
                    take_over(&inner, &found).await;
                }
            }
            Err(error) => {
                // Another thing than a stream is at the key, or this user may not read it: no use in asking at once.
                tracing::debug!(%error, "the semantic cache cannot be followed");
                sleep(WAIT).await;
            }
        }
        if heard.is_none_or(|heard| heard.elapsed() >= WAIT) {
            hear(&link, &fleet.keys, &inner).await;
            heard = Some(Instant::now());
        }
    }
}

async fn take_over(inner: &Arc<Inner>, found: &[StreamId]) {
    let id = inner.embedder.id();
    let mut entries = Vec::with_capacity(found.len());
    for one in found {
        let (embedder, frame) = (one.get::<Vec<u8>>("e"), one.get::<Vec<u8>>("f"));
        match (embedder, frame) {
            // Another embedder's entries are well made, and of no use here.
            (Some(embedder), Some(_)) if embedder != id.name().as_bytes() => {}
            (Some(_), Some(frame)) => match Entry::read(&frame, id.name(), id.dimension()) {
                Some((_, worker)) if worker == inner.worker => {}
                Some((entry, _)) => entries.push(entry),
                None => {
                    one_more(&inner.counters.unreadable);
                }
            },
            _ => {
                one_more(&inner.counters.unreadable);
            }
        }
    }
    for entry in entries {
        if inner.add(entry).await {
            one_more(&inner.counters.taken_over);
        }
    }
}

async fn hear(link: &Link, keys: &SemanticKeys, inner: &Inner) {
    let mut read = command("HMGET");
    read.arg(&keys.checks).arg("made").arg("wrong");
    match link.query::<(Option<u64>, Option<u64>)>("reading the checks of the semantic cache", &read).await {
        Ok((made, wrong)) => {
            let made = made.unwrap_or_default();
            inner.audit.hear(Checks { made, wrong: wrong.unwrap_or_default().min(made) });
        }
        Err(error) => tracing::debug!(%error, "the fleet's checks of the semantic cache cannot be read"),
    }
}
