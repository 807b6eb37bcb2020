//! One backend as the pool sees it. Pure.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    breaker::{Admission, Breaker},
    concurrency::{Concurrency, Parallelism},
    error::ModelErrorKind,
    limiter::Cause,
    request::Target,
    tokens::Correction,
};

/// Weight of one answer in the memory of how long answers take.
const MEMORY: f64 = 0.2;

/// What the pool has to know of a backend.
#[derive(Debug, Clone)]
pub(crate) struct MemberSpec {
    pub(crate) name: Arc<str>,
    pub(crate) primary: bool,
    /// Tokens a request may have, input and output together.
    pub(crate) context: Option<u64>,
    pub(crate) parallelism: Parallelism,
}

/// A backend: what it can do, how busy it is and whether it is in order.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) spec: MemberSpec,
    pub(crate) concurrency: Concurrency,
    breaker: Breaker,
    cooling_until: Option<Instant>,
    latency: Option<f64>,
    pub(crate) correction: Correction,
    /// Answered at least once.
    answered: bool,
}

/// How a request at a backend ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With an answer, after so long.
    Answer(Duration),
    /// With a failure.
    Failure(ModelErrorKind),
}

/// Why a backend takes no request now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Busy {
    /// All its slots are taken: an answer frees one.
    Full,
    /// It is out of order or left alone, until then where that is known.
    Broken(Option<Instant>),
}

impl Member {
    pub(crate) fn new(spec: MemberSpec) -> Self {
        Self {
            concurrency: Concurrency::new(spec.parallelism),
            spec,
            breaker: Breaker::new(),
            cooling_until: None,
            latency: None,
            correction: Correction::default(),
            answered: false,
        }
    }

    /// Whether it may be given a request for `target` with so many estimated input and most output tokens.
    pub(crate) fn fits(&self, target: Target, input: u64, output: u32) -> bool {
        let reachable = target == Target::Any || self.spec.primary;
        reachable && self.spec.context.is_none_or(|context| self.needs(input, output) <= context)
    }

    /// Tokens of context that a request takes.
    pub(crate) fn needs(&self, input: u64, output: u32) -> u64 {
        self.correction.upper_input(input).saturating_add(u64::from(output))
    }

    /// Whether it takes a request now, and whether as a probe.
    pub(crate) fn admission(&self, now: Instant) -> Result<bool, Busy> {
        if let Some(until) = self.cooling_until.filter(|until| now < *until) {
            return Err(Busy::Broken(Some(until)));
        }
        let probe = match self.breaker.admission(now) {
            Admission::Yes => false,
            Admission::Probe => true,
            Admission::No(until) => return Err(Busy::Broken(until)),
        };
        if self.concurrency.has_room() { Ok(probe) } else { Err(Busy::Full) }
    }

    /// Whether it neither cools nor is thought broken.
    pub(crate) fn in_order(&self, now: Instant) -> bool {
        self.breaker.is_closed() && self.cooling_until.is_none_or(|until| now >= until)
    }

    /// Share of its slots that are taken.
    pub(crate) fn load(&self) -> f64 {
        self.concurrency.in_flight() as f64 / self.concurrency.limit() as f64
    }

    /// Seconds that an answer usually takes.
    pub(crate) fn latency(&self) -> Option<f64> {
        self.latency
    }

    /// Never answered and not in order: most likely not there at all.
    pub(crate) fn never_there(&self) -> bool {
        !self.answered && !self.breaker.is_closed()
    }

    pub(crate) fn started(&mut self, probe: bool) {
        if probe {
            self.breaker.probe();
        }
        self.concurrency.started();
    }

    /// Nobody wants the answer any more.
    pub(crate) fn abandoned(&mut self, probe: bool, now: Instant) {
        self.concurrency.abandoned();
        if probe {
            self.breaker.probe_abandoned(now);
        }
    }

    /// Leaves the backend alone.
    pub(crate) fn cool(&mut self, pause: Duration, now: Instant) {
        self.cooling_until = self.cooling_until.max(Some(now + pause));
    }

    /// A request ended. For a 429: what it is taken for.
    pub(crate) fn ended(&mut self, ending: Ending, probe: bool, now: Instant) -> Option<Cause> {
        use ModelErrorKind as Kind;
        match ending {
            Ending::Answer(latency) => {
                let seconds = latency.as_secs_f64();
                self.latency = Some(self.latency.map_or(seconds, |usual| usual + (seconds - usual) * MEMORY));
                self.answered = true;
                self.concurrency.answered(latency);
                self.breaker.ended(true, probe, now);
                None
            }
            Ending::Failure(Kind::RateLimited) => {
                // Alive, and no fault of the backend's: only a probe has something to tell the breaker.
                if probe {
                    self.breaker.ended(true, probe, now);
                }
                Some(self.concurrency.refused())
            }
            Ending::Failure(Kind::Overloaded) => {
                self.concurrency.overloaded();
                self.breaker.ended(false, probe, now);
                None
            }
            Ending::Failure(Kind::Server | Kind::Timeout | Kind::Connect | Kind::Tls | Kind::Malformed) => {
                self.concurrency.abandoned();
                self.breaker.ended(false, probe, now);
                None
            }
            // The person's own mistake, which the breaker must not hold against the backend.
            Ending::Failure(_) => {
                self.concurrency.abandoned();
                if probe {
                    self.breaker.ended(true, probe, now);
                }
                None
            }
        }
    }
}
