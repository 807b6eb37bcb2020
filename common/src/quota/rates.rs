//! Requests and tokens a minute of a provider's key, booked slot by slot.

use std::{sync::LazyLock, time::Duration};

use redis::Cmd;
use serde::Serialize;

use crate::{
    keys,
    redis::{Link, RedisError, Script},
};

static TAKE: LazyLock<Script> =
    LazyLock::new(|| Script::new("booking requests of a key", include_str!("scripts/take.lua")));
static LEARN: LazyLock<Script> =
    LazyLock::new(|| Script::new("sharing what was learned of a key", include_str!("scripts/learn.lua")));

/// How long the state of a key lives when nobody uses it.
const LIFE: Duration = Duration::from_hours(1);

/// The limits of one key as a fleet shares them. Every time is in microseconds of Redis's clock.
///
/// No call may be made twice for one purpose: a booking whose answer was lost stays booked. So the link's patience should
/// be none, and whoever calls decides what a failure means.
#[derive(Debug, Clone)]
pub struct Rates {
    link: Link,
    key: String,
}

/// How limits become rates; the same for everybody who shares a key.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Pacing {
    /// A minute's limit divided by this may be sent at once.
    pub burst: f64,
    /// How much faster a learned pace grows a second, as an exponent.
    pub growth: f64,
    /// Most that it grows, as a factor.
    pub most_growth: f64,
}

/// What is known of one kind of limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// Units a minute that a person told; 0 for none.
    pub told: u64,
    /// Units a minute that headers state; 0 for none.
    pub said: u64,
    /// Units that headers say are left; -1 for nothing said.
    pub left: i64,
}

/// The connection as the caller knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contact {
    /// It is the one of before.
    Steady,
    /// It is new: the server behind it may be another.
    New,
    /// It is new, after so long without Redis.
    Back(Duration),
}

/// What is asked of the limits of a key.
#[derive(Debug, Clone)]
pub struct Ask {
    /// How limits become rates.
    pub pacing: Pacing,
    /// What is known of the limit of requests.
    pub requests: Seen,
    /// What is known of the limit of tokens.
    pub tokens: Seen,
    /// How far ahead slots are booked; the first is booked however far it is.
    pub horizon: Duration,
    /// The connection.
    pub contact: Contact,
    /// How long everybody keeps to a local share when Redis is back.
    pub grace: Duration,
    /// Requests sent without a booking since the last call.
    pub sent: u64,
    /// Tokens to give back; negative: to take.
    pub given: i64,
    /// Slots to give back, the last one first. Only the last that anybody has booked can be undone; others are lost.
    pub back: Vec<Slot>,
    /// A slot and its tokens that the holder would rather have earlier. Where nobody has booked behind it, it is booked
    /// again, before what is wanted: the first slot of the answer then has its number.
    pub again: Option<(Slot, u64)>,
    /// Tokens of each slot that is wanted.
    pub wants: Vec<u64>,
}

/// A moment at which one request may be sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slot {
    /// Its number among the requests of the key.
    pub number: u64,
    /// When.
    pub at: u64,
    /// When the slot before it is.
    from: u64,
    /// What flowed in between: requests, tokens, requests at the learned rate.
    flowed: [f64; 3],
}

impl Slot {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let mut whole = || parts.next()?.parse().ok();
        let (number, at, from) = (whole()?, whole()?, whole()?);
        let mut part = || parts.next()?.parse().ok();
        Some(Self { number, at, from, flowed: [part()?, part()?, part()?] })
    }

    fn parts(&self) -> Parts {
        let [requests, tokens, paced] = self.flowed;
        (self.number, self.at, self.from, requests, tokens, paced)
    }
}

/// A slot as the script has it.
type Parts = (u64, u64, u64, f64, f64, f64);

/// The limits of a key as they are now.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// Redis's clock.
    pub now: u64,
    /// Requests sent or booked so far, by all.
    pub sent: u64,
    /// Until then everybody keeps to a local share, and nothing is booked; 0: now the limits are shared.
    pub keep_until: u64,
    /// The provider asked for a pause until then; 0: there is none.
    pub pause_until: u64,
    /// The next slot that is free.
    pub following: u64,
    /// Requests a minute in force.
    pub requests: Option<u64>,
    /// Tokens a minute in force.
    pub tokens: Option<u64>,
    /// Requests a second that were learned.
    pub rate: Option<f64>,
    /// The slots booked: one that was booked again, then those wanted, all or as many as lie within the horizon.
    pub slots: Vec<Slot>,
}

/// What was learned of a key from refusals.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Learned {
    /// Tells one state from the next; sent back to replace it.
    pub version: u64,
    /// Redis's clock when it was read.
    pub now: u64,
    /// Requests sent or booked by then.
    pub sent: u64,
    /// Requests a second.
    pub rate: Option<f64>,
    /// Level of the bucket of that rate; when it is replaced: `None` leaves it.
    pub level: Option<f64>,
    /// When the rate begins to grow.
    pub grows: u64,
    /// Until when the provider asked for a pause; 0: there is none.
    pub pause_until: u64,
    /// What the caller keeps for the next refusal.
    pub memory: String,
}

#[derive(Serialize)]
struct Again {
    slot: Parts,
    tokens: u64,
}

#[derive(Serialize)]
struct Asked<'a> {
    pacing: Pacing,
    requests: Seen,
    tokens: Seen,
    horizon: u64,
    contact: u8,
    away: u64,
    grace: u64,
    sent: u64,
    given: i64,
    back: Vec<Parts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    again: Option<Again>,
    wants: &'a [u64],
}

#[derive(Serialize)]
struct Replacement<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grows: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pause: Option<u64>,
    sent: u64,
    memory: &'a str,
}

/// What take.lua returns.
type Taken = (u64, u64, (u64, u64, u64), u64, u64, String, Vec<String>);
/// What learn.lua returns.
type Exchanged = (u8, u64, u64, u64, String, u64, u64, String);

impl Rates {
    /// The limits of the key called `name`, the same for all that spend from it.
    pub fn new(link: Link, name: &str) -> Self {
        Self { link, key: keys::limit(name) }
    }

    /// What connects to Redis.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// Tells what is new and books slots, in one step.
    pub async fn take(&self, ask: &Ask) -> Result<View, RedisError> {
        let (contact, away) = match ask.contact {
            Contact::Steady => (0, 0),
            Contact::New => (1, 0),
            Contact::Back(away) => (2, micros(away)),
        };
        let asked = json(&Asked {
            pacing: ask.pacing,
            requests: ask.requests,
            tokens: ask.tokens,
            horizon: micros(ask.horizon),
            contact,
            away,
            grace: micros(ask.grace),
            sent: ask.sent,
            given: ask.given,
            back: ask.back.iter().map(Slot::parts).collect(),
            again: ask.again.map(|(slot, tokens)| Again { slot: slot.parts(), tokens }),
            wants: &ask.wants,
        });
        let arguments = |command: &mut Cmd| {
            command.arg(LIFE.as_millis() as u64).arg(&asked);
        };
        let (now, sent, moments, requests, tokens, rate, slots): Taken =
            TAKE.run(&self.link, &[&self.key], arguments).await?;
        let (keep_until, pause_until, following) = moments;
        Ok(View {
            now,
            sent,
            keep_until,
            pause_until,
            following,
            requests: Some(requests).filter(|limit| *limit > 0),
            tokens: Some(tokens).filter(|limit| *limit > 0),
            rate: positive(&rate),
            slots: slots.iter().filter_map(|slot| Slot::parse(slot)).collect(),
        })
    }

    /// What was learned so far.
    pub async fn learned(&self) -> Result<Learned, RedisError> {
        Ok(self.exchange("-1", "{}").await?.1)
    }

    /// Replaces what was read by `learned`, which has its version. When somebody else did so since: what they learned.
    pub async fn learn(&self, learned: &Learned) -> Result<Result<(), Learned>, RedisError> {
        let replacement = json(&Replacement {
            rate: learned.rate,
            level: learned.level,
            grows: learned.rate.map(|_| learned.grows),
            pause: Some(learned.pause_until).filter(|until| *until > 0),
            sent: learned.sent,
            memory: &learned.memory,
        });
        let (replaced, others) = self.exchange(&learned.version.to_string(), &replacement).await?;
        Ok(if replaced { Ok(()) } else { Err(others) })
    }

    async fn exchange(&self, version: &str, replacement: &str) -> Result<(bool, Learned), RedisError> {
        let arguments = |command: &mut Cmd| {
            command.arg(LIFE.as_millis() as u64).arg(version).arg(replacement);
        };
        let (replaced, version, now, sent, rate, grows, pause_until, memory): Exchanged =
            LEARN.run(&self.link, &[&self.key], arguments).await?;
        let rate = positive(&rate);
        Ok((replaced == 1, Learned { version, now, sent, rate, level: None, grows, pause_until, memory }))
    }
}

fn positive(number: &str) -> Option<f64> {
    number.parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0)
}

fn micros(duration: Duration) -> u64 {
    duration.as_micros() as u64
}

/// Structures of numbers and text always have a JSON.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
