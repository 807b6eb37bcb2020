//! What one host can take: pure, no clock but the one handed in.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::settings::PoolSettings;
use crate::{
    door::Terms,
    failure::{Advice, FetchFailure},
};

/// First time between starts that is tried when one download at a time is still too many.
const FIRST_PACE: Duration = Duration::from_millis(100);
/// A pace below this is none.
const LEAST_PACE: Duration = Duration::from_millis(10);

/// A host's health and what it has been found to take.
#[derive(Debug)]
pub(crate) struct Host {
    /// Downloads at once that it has been found to take: less by half when it refuses, more by one when a round of
    /// that many succeeded (additive increase, multiplicative decrease; Chiu and Jain, 1989).
    limit: f64,
    /// Time between starts, for hosts that refuse even one at a time.
    pace: Duration,
    /// What robots.txt asks for, clamped; `None` until it has been asked.
    crawl_delay: Option<Duration>,
    asking_terms: bool,
    in_flight: usize,
    /// Earliest time of the next start.
    not_before: Instant,
    /// Times in a row that it could not be reached.
    failures: u32,
    /// Times in a row that it asked for less.
    refusals: u32,
    /// What started before this has been accounted for by the last decrease or failure.
    round: Instant,
    /// Mean duration of downloads, recent ones weighing more; `None` before the first answer.
    mean: Option<Duration>,
    given_up: Option<(Instant, Arc<FetchFailure>)>,
}

/// Whether a host can take another download.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readiness {
    Now,
    At(Instant),
    /// Not before one of its downloads ends.
    Full,
}

/// What was known when a download started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticket {
    pub(crate) started: Instant,
    not_before: Instant,
}

impl Host {
    pub(crate) fn new(settings: &PoolSettings, now: Instant) -> Self {
        Self {
            limit: settings.max_workers.max(1) as f64,
            pace: Duration::ZERO,
            crawl_delay: None,
            asking_terms: false,
            in_flight: 0,
            not_before: now,
            failures: 0,
            refusals: 0,
            round: now,
            mean: None,
            given_up: None,
        }
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(crate) fn needs_terms(&self) -> bool {
        self.crawl_delay.is_none()
    }

    pub(crate) fn readiness(&self, settings: &PoolSettings, now: Instant) -> Readiness {
        if self.asking_terms || self.in_flight >= self.allowance(settings) {
            Readiness::Full
        } else if now < self.not_before {
            Readiness::At(self.not_before)
        } else {
            Readiness::Now
        }
    }

    /// Downloads at once.
    pub(crate) fn allowance(&self, settings: &PoolSettings) -> usize {
        let one_by_one = self.failures > 0 || self.crawl_delay.is_none_or(|delay| !delay.is_zero());
        if one_by_one || !self.pace.is_zero() {
            return 1;
        }
        let prompt = self.mean.is_some_and(|mean| mean <= settings.slow);
        let share = if prompt { settings.max_workers } else { settings.max_workers.div_ceil(2) };
        share.min(self.limit as usize).max(1)
    }

    pub(crate) fn start(&mut self, now: Instant) -> Ticket {
        let ticket = Ticket { started: now, not_before: self.not_before };
        self.in_flight += 1;
        self.not_before = self.not_before.max(now + self.pace.max(self.crawl_delay.unwrap_or_default()));
        ticket
    }

    pub(crate) fn ask_terms(&mut self, now: Instant) -> Ticket {
        self.asking_terms = true;
        self.in_flight += 1;
        Ticket { started: now, not_before: self.not_before }
    }

    pub(crate) fn learn_terms(&mut self, terms: Terms, settings: &PoolSettings) {
        self.asking_terms = false;
        self.in_flight = self.in_flight.saturating_sub(1);
        self.crawl_delay = Some(terms.crawl_delay.unwrap_or_default().min(settings.max_crawl_delay));
        self.failures = 0;
    }

    pub(crate) fn no_terms(&mut self) {
        self.asking_terms = false;
    }

    /// It answered, with whatever.
    pub(crate) fn answered(&mut self, ticket: Ticket, settings: &PoolSettings, now: Instant) {
        self.ended();
        self.observe(now.saturating_duration_since(ticket.started));
        (self.failures, self.refusals, self.given_up) = (0, 0, None);
        self.limit = (self.limit + self.limit.recip()).min(settings.max_workers.max(1) as f64);
        self.pace = self.pace.mul_f64(0.9);
        if self.pace < LEAST_PACE {
            self.pace = Duration::ZERO;
        }
    }

    /// No request reached it after all, so its time is given back.
    pub(crate) fn spared(&mut self, ticket: Ticket) {
        self.ended();
        if self.in_flight == 0 {
            self.not_before = self.not_before.min(ticket.not_before);
        }
    }

    /// A time limit passed.
    pub(crate) fn dragged(&mut self, ticket: Ticket, settings: &PoolSettings, now: Instant) {
        self.observe(now.saturating_duration_since(ticket.started));
        self.decrease(ticket, settings, now);
        self.ended();
    }

    /// It asked for less: fewer at once, and a pause.
    pub(crate) fn refused(
        &mut self,
        ticket: Ticket,
        after: Option<Duration>,
        settings: &PoolSettings,
        now: Instant,
        jitter: f64,
    ) {
        if self.decrease(ticket, settings, now) {
            self.refusals = self.refusals.saturating_add(1);
        }
        let asked = after.unwrap_or_default().min(settings.max_retry_after);
        let wait = asked.max(settings.backoff.delay(self.refusals.max(1), jitter));
        self.not_before = self.not_before.max(now + wait);
        self.ended();
    }

    /// It could not be reached. What failed together counts once.
    pub(crate) fn unreachable(
        &mut self,
        ticket: Ticket,
        failure: &FetchFailure,
        settings: &PoolSettings,
        now: Instant,
        jitter: f64,
    ) {
        self.ended();
        if ticket.started >= self.round {
            self.round = now;
            self.failures = self.failures.saturating_add(1);
            let asked = match failure.advice {
                Advice::ComeBack { after } => after.unwrap_or_default().min(settings.max_retry_after),
                _ => Duration::ZERO,
            };
            self.not_before =
                self.not_before.max(now + asked.max(settings.backoff.delay(self.failures, jitter)));
        }
        if self.failures >= settings.host_failures && self.given_up.is_none() {
            self.given_up = Some((now + settings.given_up_for, Arc::new(failure.clone())));
        }
    }

    /// Why nothing is asked of it any more.
    pub(crate) fn given_up(&mut self, settings: &PoolSettings, now: Instant) -> Option<Arc<FetchFailure>> {
        let (until, failure) = self.given_up.as_ref()?;
        if now < *until {
            return Some(Arc::clone(failure));
        }
        self.given_up = None;
        self.failures = settings.host_failures.saturating_sub(1);
        None
    }

    fn ended(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    fn observe(&mut self, took: Duration) {
        self.mean = Some(self.mean.map_or(took, |mean| mean.mul_f64(0.75) + took / 4));
    }

    /// Halves what it is given at once, once for each round; whether this was the first of its round.
    fn decrease(&mut self, ticket: Ticket, settings: &PoolSettings, now: Instant) -> bool {
        if ticket.started < self.round {
            return false;
        }
        self.round = now;
        if self.in_flight <= 1 {
            self.pace = (self.pace * 2).clamp(FIRST_PACE, settings.max_pace.max(FIRST_PACE));
        }
        self.limit = (self.limit.min(self.in_flight as f64) / 2.0).max(1.0);
        true
    }
}

#[cfg(test)]
mod tests {
    use sheaf_common::fault::FaultKind;

    use super::*;

    fn settings() -> PoolSettings {
        PoolSettings { max_workers: 32, ..PoolSettings::default() }
    }

    fn known(settings: &PoolSettings, now: Instant) -> Host {
        let mut host = Host::new(settings, now);
        host.ask_terms(now);
        host.learn_terms(Terms::default(), settings);
        host
    }

    #[tokio::test(start_paused = true)]
    async fn a_prompt_host_may_use_every_slot_and_an_unproven_or_slow_one_half() {
        let (settings, now) = (settings(), Instant::now());
        let mut host = Host::new(&settings, now);
        assert_eq!(host.allowance(&settings), 1, "before its terms are known");
        host.ask_terms(now);
        assert_eq!(host.readiness(&settings, now), Readiness::Full);
        host.learn_terms(Terms::default(), &settings);
        assert_eq!(host.allowance(&settings), 16);
        let ticket = host.start(now);
        host.answered(ticket, &settings, now + Duration::from_secs(1));
        assert_eq!(host.allowance(&settings), 32);
        for _ in 0..10 {
            let ticket = host.start(now);
            host.answered(ticket, &settings, now + Duration::from_secs(20));
        }
        assert_eq!(host.allowance(&settings), 16);
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_halve_the_limit_once_a_round_and_then_slow_the_pace() {
        let (settings, now) = (settings(), Instant::now());
        let mut host = known(&settings, now);
        let ticket = host.start(now);
        host.answered(ticket, &settings, now);
        let tickets: Vec<_> = (0..32).map(|_| host.start(now)).collect();
        let later = now + Duration::from_secs(1);
        for ticket in tickets {
            host.refused(ticket, Some(Duration::from_secs(3)), &settings, later, 1.0);
        }
        assert_eq!(host.allowance(&settings), 16);
        assert_eq!(host.readiness(&settings, later), Readiness::At(later + Duration::from_secs(3)));
        let mut now = later;
        for _ in 0..2 {
            now += Duration::from_mins(1);
            let ticket = host.start(now);
            host.refused(ticket, None, &settings, now, 1.0);
        }
        assert_eq!(host.allowance(&settings), 1);
        assert_eq!(host.pace, FIRST_PACE * 2);
        for _ in 0..60 {
            now += Duration::from_mins(1);
            let ticket = host.start(now);
            host.answered(ticket, &settings, now);
        }
        assert_eq!(host.pace, Duration::ZERO);
        assert!(host.allowance(&settings) > 5, "{host:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn waits_that_a_host_asks_for_are_clamped() {
        let (settings, now) = (settings(), Instant::now());
        let mut host = known(&settings, now);
        let ticket = host.start(now);
        host.refused(ticket, Some(Duration::from_hours(24)), &settings, now, 0.0);
        assert_eq!(host.readiness(&settings, now), Readiness::At(now + settings.max_retry_after));
        let mut host = Host::new(&settings, now);
        host.ask_terms(now);
        host.learn_terms(Terms { crawl_delay: Some(Duration::MAX) }, &settings);
        host.start(now);
        host.ended();
        assert_eq!(host.readiness(&settings, now), Readiness::At(now + settings.max_crawl_delay));
    }

    #[tokio::test(start_paused = true)]
    async fn what_fails_together_counts_once_and_three_rounds_are_the_end() {
        let (settings, mut now) = (settings(), Instant::now());
        let down = FetchFailure::new(FaultKind::Connect, "no", "", Advice::HostDown);
        let mut host = known(&settings, now);
        let tickets: Vec<_> = (0..16).map(|_| host.start(now)).collect();
        now += Duration::from_secs(1);
        for ticket in tickets {
            host.unreachable(ticket, &down, &settings, now, 0.5);
        }
        assert_eq!((host.failures, host.allowance(&settings)), (1, 1));
        for _ in 0..2 {
            assert!(host.given_up(&settings, now).is_none());
            now += Duration::from_mins(1);
            let ticket = host.start(now);
            host.unreachable(ticket, &down, &settings, now, 0.5);
        }
        assert!(host.given_up(&settings, now).is_some());
        now += settings.given_up_for;
        assert!(host.given_up(&settings, now).is_none());
        let ticket = host.start(now);
        host.unreachable(ticket, &down, &settings, now, 0.5);
        assert!(host.given_up(&settings, now).is_some(), "one failure more gives it up again");
    }

    #[tokio::test(start_paused = true)]
    async fn a_download_that_asked_nothing_gives_its_time_back() {
        let (settings, now) = (settings(), Instant::now());
        let mut host = Host::new(&settings, now);
        host.ask_terms(now);
        host.learn_terms(Terms { crawl_delay: Some(Duration::from_secs(10)) }, &settings);
        let ticket = host.start(now);
        host.spared(ticket);
        assert_eq!(host.readiness(&settings, now), Readiness::Now);
    }
}
