//! Scripted providers in virtual time: one answer a request, nothing over a network.

#![allow(dead_code, reason = "each test file uses a part")]

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use sheaf_llm::{
    BackendSpec, Message, ModelAnswer, ModelError, ModelErrorKind, ModelRequest, Parallelism, Price,
    RateHeaders, Role, StopReason, Target, TokenUsage, ToldLimits,
};
use tokio::time::{Instant, sleep};
use tower::service_fn;

pub(crate) type Reply = Result<ModelAnswer, ModelError>;
pub(crate) type Answering = Pin<Box<dyn Future<Output = Reply> + Send>>;

/// A request of about 20 tokens.
pub(crate) fn request(id: u64) -> ModelRequest {
    let text = format!("What is document number {id} about? Answer in one sentence.");
    ModelRequest {
        id,
        stage: Arc::from("test"),
        messages: Arc::from([Message { role: Role::User, text }]),
        schema: None,
        most_output_tokens: 20,
        target: Target::Any,
        deadline: None,
    }
}

pub(crate) fn requests(count: u64) -> Vec<ModelRequest> {
    (0..count).map(request).collect()
}

pub(crate) fn spec(name: &str, parallelism: Parallelism) -> BackendSpec {
    BackendSpec {
        name: Arc::from(name),
        model: "test-model".to_owned(),
        primary: false,
        context: None,
        price: Some(Price::FREE),
        parallelism,
        key: name.to_owned(),
        limits: ToldLimits::default(),
    }
}

pub(crate) fn answer(request: &ModelRequest, backend: &str, latency: Duration) -> ModelAnswer {
    ModelAnswer {
        id: request.id,
        text: format!("answer {}", request.id),
        stop: StopReason::End,
        model: "test-model".to_owned(),
        backend: Arc::from(backend),
        usage: Some(TokenUsage { input: 20, output: 10 }),
        rates: RateHeaders::default(),
        latency,
    }
}

pub(crate) fn failure(kind: ModelErrorKind, status: u16, retry_after: Option<f64>) -> ModelError {
    let mut error = ModelError::new(kind, format!("the provider said {status}"), "", "provider");
    error.status = Some(status);
    error.retry_after = retry_after.map(Duration::from_secs_f64);
    error
}

/// What a provider saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) asked: AtomicUsize,
    pub(crate) refused: AtomicUsize,
    pub(crate) in_flight: AtomicUsize,
    pub(crate) most_in_flight: AtomicUsize,
}

impl Seen {
    pub(crate) fn refused(&self) -> usize {
        self.refused.load(Ordering::SeqCst)
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// How a provider limits.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Limit {
    None,
    /// A token bucket.
    Rate {
        per_second: f64,
        bucket: f64,
    },
    /// So many units in each window of the clock.
    Window {
        most: f64,
        seconds: f64,
    },
    /// So many in flight.
    InFlight(usize),
}

/// A provider with a limit, a latency with a relative spread, and whole seconds of `Retry-After`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Provider {
    pub(crate) limit: Limit,
    pub(crate) latency: Duration,
    pub(crate) spread: f64,
    /// Longest time on the way there, beyond the shortest: requests overtake each other.
    pub(crate) jitter: Duration,
    pub(crate) seed: u64,
    pub(crate) refusal_latency: Duration,
    pub(crate) retry_after: bool,
    /// Units of the limit that a request takes.
    pub(crate) units: f64,
}

pub(crate) fn provider(limit: Limit) -> Provider {
    Provider {
        limit,
        latency: Duration::from_millis(500),
        spread: 0.0,
        jitter: Duration::ZERO,
        seed: 7,
        refusal_latency: Duration::from_millis(2),
        retry_after: true,
        units: 1.0,
    }
}

struct Level {
    left: f64,
    at: Instant,
    window: u64,
}

impl Provider {
    pub(crate) fn service(self, name: &'static str) -> (impl sheaf_llm::ModelBackend, Arc<Seen>) {
        let seen = Arc::new(Seen::default());
        let begin = Instant::now();
        let full = match self.limit {
            Limit::Rate { bucket, .. } => bucket,
            Limit::Window { most, .. } => most,
            _ => 0.0,
        };
        let level = Arc::new(Mutex::new(Level { left: full, at: begin, window: 0 }));
        let random = Arc::new(Mutex::new(fastrand::Rng::with_seed(self.seed)));
        let service = service_fn({
            let seen = seen.clone();
            move |request: ModelRequest| -> Answering {
                let (seen, level, random) = (seen.clone(), level.clone(), random.clone());
                Box::pin(async move {
                    // The way there.
                    let delay = self.jitter.mul_f64(random.lock().unwrap().f64());
                    sleep(Duration::from_millis(1) + delay).await;
                    seen.asked.fetch_add(1, Ordering::SeqCst);
                    let wait = self.admit(&mut level.lock().unwrap(), &seen, begin);
                    if let Some(wait) = wait {
                        seen.refused.fetch_add(1, Ordering::SeqCst);
                        sleep(self.refusal_latency).await;
                        let whole = self.retry_after.then(|| wait.as_secs_f64().ceil().max(1.0));
                        return Err(failure(ModelErrorKind::RateLimited, 429, whole));
                    }
                    let now = seen.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
                    seen.most_in_flight.fetch_max(now, Ordering::SeqCst);
                    let factor = 1.0 + self.spread * (random.lock().unwrap().f64() * 2.0 - 1.0);
                    let latency = self.latency.mul_f64(factor);
                    sleep(latency).await;
                    seen.in_flight.fetch_sub(1, Ordering::SeqCst);
                    Ok(answer(&request, name, latency))
                })
            }
        });
        (service, seen)
    }

    /// `None`: admitted; else how long to wait.
    fn admit(&self, state: &mut Level, seen: &Seen, begin: Instant) -> Option<Duration> {
        let now = Instant::now();
        match self.limit {
            Limit::None => None,
            Limit::InFlight(most) => {
                (seen.in_flight.load(Ordering::SeqCst) >= most).then_some(Duration::from_secs(1))
            }
            Limit::Rate { per_second, bucket } => {
                state.left = (state.left + (now - state.at).as_secs_f64() * per_second).min(bucket);
                state.at = now;
                self.take(state, |lacking| lacking / per_second)
            }
            Limit::Window { most, seconds } => {
                let elapsed = (now - begin).as_secs_f64();
                let window = (elapsed / seconds) as u64;
                if window != state.window {
                    state.window = window;
                    state.left = most;
                }
                self.take(state, |_| (window + 1) as f64 * seconds - elapsed)
            }
        }
    }

    fn take(&self, state: &mut Level, wait: impl Fn(f64) -> f64) -> Option<Duration> {
        if state.left + 1e-9 >= self.units {
            state.left -= self.units;
            None
        } else {
            Some(Duration::from_secs_f64(wait(self.units - state.left)))
        }
    }
}
