//! Each origin's robots.txt, asked for once.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::{FutureExt, future::Shared};
use reqwest::header;
use sheaf_common::fault::FaultKind;
use tokio::time::Instant;
use url::Url;

use crate::{
    body::{self, Excess},
    canonical::{Server, without_credentials},
    failure::{Advice, FetchFailure},
    limits::FetchLimits,
    robots::{ROBOTS_CAP, Robots},
    web::{ROBOT, Web},
};

/// Origins remembered; beyond it the ones used least recently make room.
const MAX_ORIGINS: usize = 4_096;

/// Redirects followed for a robots.txt; RFC 9309 (2.3.1.2) asks for at least five.
const MAX_REDIRECTS: u32 = 5;

/// Asks for each origin's robots.txt once, however many downloads want it at the same time.
pub(crate) struct RobotsCache {
    web: Arc<Web>,
    origins: Mutex<Origins>,
}

#[derive(Default)]
struct Origins {
    entries: HashMap<Origin, Entry>,
    /// Counts uses, to tell which origin was used least recently.
    clock: u64,
}

/// An address reached with private addresses allowed is not the one reached without, even under the same name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Origin {
    https: bool,
    host: String,
    port: Option<u16>,
    private_allowed: bool,
}

struct Entry {
    answer: Shared<Pin<Box<dyn Future<Output = Answer> + Send>>>,
    used: u64,
}

#[derive(Clone)]
struct Answer {
    robots: Result<Arc<Robots>, Arc<FetchFailure>>,
    good_until: Instant,
}

impl RobotsCache {
    pub(crate) fn new(web: Arc<Web>) -> Self {
        Self { web, origins: Mutex::default() }
    }

    /// The rules of the origin of `url`. With `insist`, an earlier failure to read them is not taken for an answer.
    pub(crate) async fn rules(
        &self,
        url: &Url,
        private_allowed: bool,
        insist: bool,
    ) -> Result<Arc<Robots>, Arc<FetchFailure>> {
        let origin = Origin {
            https: url.scheme() == "https",
            host: url.host_str().unwrap_or_default().to_owned(),
            port: url.port(),
            private_allowed,
        };
        let answer = {
            let mut origins = self.lock();
            origins.clock += 1;
            let clock = origins.clock;
            let known = origins.entries.get_mut(&origin).filter(|entry| {
                entry.answer.peek().is_none_or(|answer| {
                    answer.good_until > Instant::now() && !(insist && answer.robots.is_err())
                })
            });
            if let Some(entry) = known {
                entry.used = clock;
                if let Some(answer) = entry.answer.peek() {
                    return answer.robots.clone();
                }
                entry.answer.clone()
            } else {
                origins.make_room(self.web.limits.robots_cache_bytes);
                let answer = ask(Arc::clone(&self.web), url.clone(), private_allowed).boxed().shared();
                origins.entries.insert(origin, Entry { answer: answer.clone(), used: clock });
                answer
            }
        };
        answer.await.robots
    }

    fn lock(&self) -> MutexGuard<'_, Origins> {
        // The map is whole at every point where a panic could happen.
        self.origins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Origins {
    /// Forgets the origins used least recently until there is room for one more.
    fn make_room(&mut self, cap: usize) {
        let weight = |entry: &Entry| match entry.answer.peek() {
            Some(Answer { robots: Ok(robots), .. }) => robots.weight(),
            // Being asked for, or failed: some hundred bytes.
            _ => 512,
        };
        let mut bytes: usize = self.entries.values().map(weight).sum();
        if bytes <= cap && self.entries.len() < MAX_ORIGINS {
            return;
        }
        let mut by_use: Vec<_> =
            self.entries.iter().map(|(origin, entry)| (entry.used, weight(entry), origin.clone())).collect();
        by_use.sort_unstable_by_key(|(used, ..)| *used);
        for (_, weight, origin) in by_use {
            // An eighth more than needed, so that this is rare.
            if bytes <= cap - cap / 8 && self.entries.len() < MAX_ORIGINS - MAX_ORIGINS / 8 {
                break;
            }
            self.entries.remove(&origin);
            bytes -= weight;
        }
    }
}

async fn ask(web: Arc<Web>, url: Url, private_allowed: bool) -> Answer {
    let robots = read(&web, &url, private_allowed).await;
    let ttl = if robots.is_ok() { web.limits.robots_ttl } else { web.limits.robots_failure_ttl };
    Answer { robots: robots.map(Arc::new).map_err(Arc::new), good_until: Instant::now() + ttl }
}

/// Reads a robots.txt as RFC 9309 (2.3.1) has it: a client error, or redirects without end, mean that there are no
/// rules; a server error or silence mean that robots are to stay away for now. 429 is counted with the latter.
async fn read(web: &Web, page: &Url, private_allowed: bool) -> Result<Robots, FetchFailure> {
    let Ok(mut url) = page.join("/robots.txt").map(without_credentials) else { return Ok(Robots::default()) };
    for _ in 0..=MAX_REDIRECTS {
        let here = url.host() == page.host();
        let response = web.get(&url, private_allowed && here).await?;
        let (host, status) = (Server(&url), response.status());
        match status.as_u16() {
            200..=299 => {
                let cap = ROBOTS_CAP as u64;
                let limits = FetchLimits { wire_bytes: 2 * cap, body_bytes: cap, ..web.limits.clone() };
                let host = format!("{host} (robots.txt)");
                let body = body::read(response, &host, &limits, Excess::Cut).await?;
                return Ok(Robots::parse(&body.bytes, ROBOT));
            }
            300..=399 => {
                let location =
                    response.headers().get(header::LOCATION).and_then(|location| location.to_str().ok());
                let Some(next) = location.and_then(|location| url.join(location).ok()) else {
                    return Ok(Robots::default());
                };
                url = without_credentials(next);
            }
            429 | 500..=599 => {
                let what = format!("robots.txt of {host} answered {status}, which asks robots to stay away");
                let hint = "Run again later; the site is in trouble or wants fewer requests.";
                let kind =
                    if status.as_u16() == 429 { FaultKind::RateLimited } else { FaultKind::HttpStatus };
                let after = crate::http::retry_after(response.headers());
                return Err(FetchFailure::new(kind, what, hint, Advice::ComeBack { after }));
            }
            _ => return Ok(Robots::default()),
        }
    }
    Ok(Robots::default())
}
