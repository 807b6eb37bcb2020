//! Hands a submission in, or finds out that it was.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    Notice,
    endpoint::Parcel,
    state::{Sight, Stage},
    store::Step,
    tend::{Left, Tending, tried},
};
use crate::error::{ModelError, ModelErrorKind};

/// How much later than ours the provider's clock may be behind: batches that it says were created so long before our
/// intention are looked at too.
const SKEW: Duration = Duration::from_mins(5);

/// What came of handing in.
#[derive(Debug)]
pub(super) enum Handed {
    /// The provider has it, under this name.
    Accepted(String),
    /// The provider has had it, and it has ended.
    Found(Sight),
    /// The provider has nothing of it.
    Never,
}

/// What a failure of handing in means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// Refused, and so it would be again.
    Refused,
    /// Not taken now; later it may be.
    Later,
    /// Nobody can tell whether it was taken.
    Unknown,
}

impl Tending<'_> {
    /// Hands it in where this process can; else finds out whether it was handed in.
    pub(super) async fn hand_in(&mut self) -> Result<Handed, Left> {
        match self.kept.parcel.take() {
            Some(parcel) => self.send(&parcel).await,
            None => self.find().await,
        }
    }

    async fn send(&mut self, parcel: &Parcel) -> Result<Handed, Left> {
        let (shared, begun) = (self.shared, Instant::now());
        let mut failures = 0;
        loop {
            let creating = self.submission.file.is_some() || !shared.endpoint.wants_file();
            let error = if creating {
                match shared.endpoint.create(&self.submission, parcel).await {
                    Ok(sight) => return self.accepted(sight.id).await,
                    Err(error) => error,
                }
            } else {
                match shared.endpoint.upload(parcel).await {
                    Ok(file) => {
                        self.note(Step::Uploaded(file.clone())).await?;
                        self.submission.file = Some(file);
                        failures = 0;
                        continue;
                    }
                    Err(error) => error,
                }
            };
            failures += 1;
            let meaning = meaning(&error);
            if meaning == Meaning::Refused {
                self.give_up(&[]).await?;
                return Err(Left::Stop(error));
            }
            self.wait_for(failures, "handing in a batch", &error).await;
            // A file that went up unseen harms nobody; a batch does.
            if meaning == Meaning::Unknown && creating {
                match self.find().await? {
                    Handed::Never => {}
                    found => return Ok(found),
                }
            }
            if meaning == Meaning::Unknown && begun.elapsed() > shared.settings.patience {
                self.fail(&error, failures, begun.elapsed());
                return Ok(Handed::Never);
            }
        }
    }

    /// Whoever waits for one of its requests is told; the next start tries again.
    fn fail(&self, error: &ModelError, failures: u32, time: Duration) {
        let message = format!("{}; {}", error.message, tried(failures, time));
        let error = ModelError { kind: ModelErrorKind::Unavailable, message, ..error.clone() };
        let mut desk = self.shared.desk();
        for id in &self.submission.items {
            desk.fail(id, &error);
        }
    }

    async fn accepted(&mut self, batch: String) -> Result<Handed, Left> {
        self.note(Step::Accepted(batch.clone())).await?;
        self.submission.batch = Some(batch.clone());
        let requests = self.submission.items.len();
        self.shared.tell(&Notice::HandedIn { batch: batch.clone(), requests });
        Ok(Handed::Accepted(batch))
    }

    async fn note(&mut self, step: Step) -> Result<(), Left> {
        if !self.shared.store.note(&self.submission.id, &step).await? {
            return Err(Left::Lost);
        }
        if let (Step::Accepted(_), Some(tended)) =
            (&step, self.shared.desk().tended.get_mut(&self.submission.id))
        {
            tended.accepted = true;
        }
        Ok(())
    }

    /// Looks at the provider for a batch that was created without our noting its name.
    async fn find(&mut self) -> Result<Handed, Left> {
        let since = self.submission.begun_ms.saturating_sub(u64::try_from(SKEW.as_millis()).unwrap_or(0));
        let mut failures = 0;
        let listed = loop {
            match self.shared.endpoint.since(since).await {
                Ok(listed) => break listed,
                Err(error) if meaning(&error) == Meaning::Refused => return Err(Left::Stop(error)),
                Err(error) => {
                    failures += 1;
                    self.wait_for(failures, "looking for a batch", &error).await;
                }
            }
        };
        if let Some(ours) = listed.iter().find(|sight| sight.submission.as_ref() == Some(&self.submission.id))
        {
            return self.accepted(ours.id.clone()).await;
        }
        if self.shared.endpoint.wants_file() {
            return Ok(Handed::Never);
        }
        let count = Some(self.submission.items.len() as u64);
        let known: Vec<String> =
            self.shared.store.open().await?.into_iter().filter_map(|other| other.batch).collect();
        let alike = listed.into_iter().filter(|sight| sight.requests == count && !known.contains(&sight.id));
        for sight in alike {
            if let Some(ours) = self.if_ours(sight).await? {
                self.note(Step::Accepted(ours.id.clone())).await?;
                self.submission.batch = Some(ours.id.clone());
                return Ok(Handed::Found(ours));
            }
        }
        Ok(Handed::Never)
    }

    /// Waits for the end of a batch that may be ours, and looks whether its results name our requests.
    async fn if_ours(&mut self, sight: Sight) -> Result<Option<Sight>, Left> {
        let ended =
            if sight.stage == Stage::Working { self.until_ended(&sight.id, true).await? } else { sight };
        let mut failures = 0;
        let results = loop {
            match self.shared.endpoint.results(&ended).await {
                Ok(results) => break results,
                Err(error) if meaning(&error) == Meaning::Refused => return Ok(None),
                Err(error) => {
                    failures += 1;
                    self.wait_for(failures, "fetching the results of a batch", &error).await;
                }
            }
        };
        // A name is made of a request's content: one of ours is enough.
        let lines = results.iter().flat_map(|reply| reply.body.split(|byte| *byte == b'\n'));
        let mut named = lines.filter_map(|line| self.shared.endpoint.item(line));
        let ours = named.next().is_some_and(|(id, _)| self.submission.items.contains(&id));
        Ok(ours.then_some(ended))
    }
}

fn meaning(error: &ModelError) -> Meaning {
    use ModelErrorKind as Kind;
    match error.kind {
        Kind::Unauthorized
        | Kind::UnknownModel
        | Kind::OutOfQuota
        | Kind::TooLong
        | Kind::BadRequest
        | Kind::Budget => Meaning::Refused,
        Kind::RateLimited | Kind::Overloaded => Meaning::Later,
        Kind::Server | Kind::Timeout | Kind::Connect | Kind::Tls | Kind::Malformed | Kind::Unavailable => {
            Meaning::Unknown
        }
    }
}
