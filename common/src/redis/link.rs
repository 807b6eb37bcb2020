//! A connection that is made again when it is lost.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ::redis::{Cmd, ErrorKind, FromRedisValue, ServerErrorKind};
use tokio::{
    sync::{Mutex, watch},
    time::Instant,
};

use super::{
    Connection, Connector, RedisUrl,
    failure::{Loss, hint, is_elsewhere, loss, may_pass, reason},
};
use crate::backoff::Backoff;

/// Between attempts: short enough that a restart of Redis costs a run little, long enough that it is not in the way.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(1));

/// Attempts after which a cluster that has not mended itself is connected to anew.
const MENDED: u32 = 16;

/// How long a command is tried again while Redis is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// For so long.
    For(Duration),
    /// Until it is back: for whoever can do nothing without it.
    Endless,
}

/// A command that Redis did not carry out.
#[derive(Debug, Clone, thiserror::Error)]
#[error("Redis at {url}: {doing} failed: {reason}{}; {hint}", tried(*attempts, *elapsed))]
pub struct RedisError {
    /// Where.
    pub url: RedisUrl,
    /// What was tried.
    pub doing: &'static str,
    /// What Redis or the network said.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u32,
    /// For how long.
    pub elapsed: Duration,
    /// What to do next.
    pub hint: &'static str,
    /// The code of Redis's answer, such as `NOGROUP`; empty when there was none.
    pub code: String,
}

fn tried(attempts: u32, elapsed: Duration) -> String {
    if attempts < 2 {
        String::new()
    } else {
        format!(" (tried {attempts} times in {:.1} s)", elapsed.as_secs_f64())
    }
}

/// Since when Redis cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Away {
    /// Since when.
    pub since: Instant,
    /// What the last attempt met.
    pub why: String,
    /// The operation that a full Redis refuses while others go on; `None` when it does not answer at all.
    refused: Option<&'static str>,
}

/// A connection that comes back by itself. Clones share it.
#[derive(Debug, Clone)]
pub struct Link {
    connector: Connector,
    patience: Patience,
    current: Arc<Mutex<Option<(u64, Connection)>>>,
    made: Arc<AtomicU64>,
    away: watch::Sender<Option<Away>>,
    quiet: bool,
}

impl Link {
    /// A link that connects at its first use, on the runtime of whoever uses it first.
    pub fn new(connector: Connector, patience: Patience) -> Self {
        Self {
            connector,
            patience,
            current: Arc::default(),
            made: Arc::default(),
            away: watch::Sender::new(None),
            quiet: false,
        }
    }

    /// The same, for whoever says itself that Redis is away.
    #[must_use]
    pub fn quiet(self) -> Self {
        Self { quiet: true, ..self }
    }

    /// The same Redis over a connection of its own, shared with nobody; both tell of being away in one place.
    #[must_use]
    pub fn separate(&self, connector: Connector, patience: Patience) -> Self {
        Self { connector, patience, current: Arc::default(), made: Arc::default(), ..self.clone() }
    }

    /// The same connection, for commands that are tried for another time.
    #[must_use]
    pub fn patient(&self, patience: Patience) -> Self {
        Self { patience, ..self.clone() }
    }

    /// What makes its connections.
    pub fn connector(&self) -> &Connector {
        &self.connector
    }

    /// Whether Redis can be used now.
    pub fn away(&self) -> watch::Receiver<Option<Away>> {
        self.away.subscribe()
    }

    /// How often it has connected. A caller that sees another number than before may have missed answers.
    pub fn connections(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    /// Sends one command, again when it may help.
    pub async fn query<T: FromRedisValue>(
        &self,
        doing: &'static str,
        command: &Cmd,
    ) -> Result<T, RedisError> {
        self.query_or(doing, command, None).await
    }

    /// Sends `command`, or what `whole` makes where the server knows no script of the command's hash; again when it may
    /// help and as long as the patience lasts.
    pub(super) async fn query_or<T: FromRedisValue>(
        &self,
        doing: &'static str,
        command: &Cmd,
        whole: Option<&(dyn Fn() -> Cmd + Sync)>,
    ) -> Result<T, RedisError> {
        let begun = Instant::now();
        let mut attempts = 0;
        loop {
            attempts += 1;
            let connection = self.connection().await;
            let connected = connection.is_ok();
            let error = match connection {
                Err(error) => error,
                Ok((number, mut connection)) => {
                    let mut answer = command.query_async(&mut connection).await;
                    if let (Err(error), Some(whole)) = (&answer, whole)
                        && error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
                    {
                        answer = whole().query_async(&mut connection).await;
                    }
                    match answer {
                        Ok(answer) => {
                            self.is_back(doing);
                            self.connector.look_around(&connection);
                            return Ok(answer);
                        }
                        Err(error) => {
                            match self.loss(&error) {
                                Loss::None => {}
                                Loss::Answers if attempts % MENDED != 0 => self.missed_answers(number).await,
                                Loss::Answers | Loss::Connection => self.drop_connection(number).await,
                            }
                            error
                        }
                    }
                }
            };
            let passing = may_pass(&error);
            // A connection that has ended says nothing of Redis: a new one does. Nor does a key that has moved.
            let silent = self.loss(&error) != Loss::None || is_elsewhere(&error);
            if passing && (attempts > 1 || !connected || !silent) {
                self.is_away(doing, &error);
            }
            let delay = BACKOFF.delay(attempts, fastrand::f64());
            let elapsed = begun.elapsed();
            let spent = matches!(self.patience, Patience::For(most) if elapsed + delay > most);
            if !passing || spent {
                return Err(RedisError {
                    url: self.connector.url().clone(),
                    doing,
                    reason: reason(&error),
                    attempts,
                    elapsed,
                    hint: hint(&error),
                    code: error.code().unwrap_or_default().to_owned(),
                });
            }
            tokio::time::sleep(delay).await;
        }
    }

    async fn connection(&self) -> Result<(u64, Connection), ::redis::RedisError> {
        let mut current = self.current.lock().await;
        if let Some((number, connection)) = &*current {
            return Ok((*number, connection.clone()));
        }
        let connection = self.connector.connect().await?;
        let number = self.made.fetch_add(1, Ordering::Relaxed) + 1;
        *current = Some((number, connection.clone()));
        Ok((number, connection))
    }

    /// Another task may have put a new one in its place already.
    async fn drop_connection(&self, number: u64) {
        self.connector.look_soon();
        let mut current = self.current.lock().await;
        if current.as_ref().is_some_and(|(held, _)| *held == number) {
            *current = None;
        }
    }

    fn loss(&self, error: &::redis::RedisError) -> Loss {
        loss(error, self.connector.is_cluster())
    }

    /// The connection goes on, as another: whoever has seen its number before may have missed answers.
    async fn missed_answers(&self, number: u64) {
        self.connector.look_soon();
        let mut current = self.current.lock().await;
        if let Some((held, _)) = &mut *current
            && *held == number
        {
            *held = self.made.fetch_add(1, Ordering::Relaxed) + 1;
        }
    }

    fn is_away(&self, doing: &'static str, error: &::redis::RedisError) {
        let why = reason(error);
        let first = self.away.send_if_modified(|away| match away {
            Some(away) if away.why == why => false,
            Some(away) => {
                away.why.clone_from(&why);
                false
            }
            None => {
                let refused = (error.code() == Some("OOM")).then_some(doing);
                *away = Some(Away { since: Instant::now(), why: why.clone(), refused });
                true
            }
        });
        if first && !self.quiet {
            tracing::warn!(url = %self.connector.url(), why, "Redis cannot be used, trying again until it can");
        }
    }

    fn is_back(&self, doing: &'static str) {
        let over = |away: &Away| away.refused.is_none_or(|refused| refused == doing);
        if !self.away.borrow().as_ref().is_some_and(over) {
            return;
        }
        let mut since = None;
        self.away.send_if_modified(|away| {
            since = away.take();
            since.is_some()
        });
        if let Some(away) = since
            && !self.quiet
        {
            let seconds = away.since.elapsed().as_secs_f64();
            tracing::warn!(url = %self.connector.url(), seconds, "Redis can be used again");
        }
    }
}
