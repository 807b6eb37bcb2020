//! How many units a request takes: learned from how requests end. Pure.
//!
//! | what | how |
//! | --- | --- |
//! | retries | additive increase, multiplicative decrease: half above a tenth of units retried, one more after each clean batch |
//! | latency | fixed + per token, fitted by least squares with old answers forgotten; no growth where the fixed part is a tenth |
//! | answers | the usual length with a margin, and one answer as long as it may be, within what providers take |

use super::machine::{Outcome, Room, Unit};

/// Units of a request to begin with.
const START: f64 = 8.0;
/// Above this share of units that are retried, requests take half as many.
const MOST_RETRIED: f64 = 0.1;
/// Units that are judged together.
const ENOUGH_UNITS: usize = 20;
/// After a lone unit that went well, this is added: a group that was brought down to one tries two after sixteen.
const LONE_STEP: f64 = 1.0 / 16.0;
/// Where the fixed part is no more than this share of a request's latency, more units only make answers late.
const LEAST_FIXED: f64 = 0.1;
/// Weight that the memory of earlier answers loses with each.
const FORGET: f64 = 0.95;
/// Answers before the fit is believed, in weight.
const ENOUGH_ANSWERS: f64 = 6.0;
/// Answers whose lengths differ by less than this share of their mean tell nothing of what a token takes.
const LEAST_SPREAD: f64 = 0.1;
/// Answers are reckoned with as so many times their usual length.
const MARGIN: f64 = 2.0;
/// Weight of a batch in the memory of usual lengths.
const MEMORY: f64 = 0.2;

/// Bounds that nothing learned exceeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caps {
    /// Units of a request.
    pub(crate) units: usize,
    /// The number was said: it is not learned.
    pub(crate) fixed: bool,
}

/// What keeps a request from having more units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Limit {
    /// The number that was said.
    Said,
    /// The cap on units.
    Units,
    /// Too many had to be retried, or too few requests have shown that they need not be.
    Retries,
    /// More would only make answers late.
    Latency,
    /// Tokens of input.
    Input,
    /// Tokens of output.
    Output,
    /// Other slots are free for the rest.
    Slots,
    /// There are no more.
    Backlog,
}

impl Limit {
    /// In words, for the log.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Said => "--batch-size says so",
            Self::Units => "no request takes more",
            Self::Retries => "more are tried only while few have to be asked about again",
            Self::Latency => "more would only make answers late",
            Self::Input => "the tokens of their texts fill a request",
            Self::Output => "the tokens of their answers fill one",
            Self::Slots => "the rest goes to other free slots",
            Self::Backlog => "no more are waiting",
        }
    }
}

/// What a group's requests have taught.
#[derive(Debug, Clone)]
pub(crate) struct Sizing {
    caps: Caps,
    allowed: f64,
    units: usize,
    failed: usize,
    /// Usual tokens of a unit.
    usual: Option<f64>,
    fit: Fit,
}

impl Sizing {
    pub(crate) fn new(caps: Caps) -> Self {
        Self { caps, allowed: START, units: 0, failed: 0, usual: None, fit: Fit::default() }
    }

    /// A request of so many units has ended.
    pub(crate) fn learn(&mut self, units: usize, outcome: Outcome) {
        if let Some(measured) = outcome.measured {
            let each = measured.tokens as f64 / units.max(1) as f64;
            let usual = self.usual.get_or_insert(each);
            *usual += (each - *usual) * MEMORY;
            self.fit.learn(measured.tokens as f64, measured.latency.as_secs_f64());
        }
        if units > 1 {
            self.units += units;
            self.failed += outcome.failed;
        }
        let share = self.failed as f64 / self.units.max(1) as f64;
        // A batch that failed as a whole says enough by itself.
        let whole = units > 1 && outcome.failed >= units;
        if whole || (self.units >= ENOUGH_UNITS && share > MOST_RETRIED) {
            self.allowed = (self.allowed / 2.0).max(1.0);
            (self.units, self.failed) = (0, 0);
        } else {
            if self.units >= ENOUGH_UNITS {
                (self.units, self.failed) = (0, 0);
            }
            // Only a size that was in use has shown that it goes well.
            if outcome.failed == 0 && outcome.measured.is_some() && (units + 1) as f64 > self.allowed / 2.0 {
                self.allowed += if units > 1 { 1.0 } else { LONE_STEP };
                self.allowed = self.allowed.min(self.caps.units as f64);
            }
        }
    }

    /// Most units by number, and why.
    fn most(&self) -> (usize, Limit) {
        if self.caps.fixed {
            return (self.caps.units.max(1), Limit::Said);
        }
        let cap = (self.caps.units.max(1), Limit::Units);
        let learned = (self.allowed as usize, Limit::Retries);
        let knee = self.ratio().map(|ratio| (ratio * (1.0 / LEAST_FIXED - 1.0)) as usize);
        let (most, limit) = [Some(cap), Some(learned), knee.map(|knee| (knee, Limit::Latency))]
            .into_iter()
            .flatten()
            .min_by_key(|(units, _)| *units)
            .unwrap_or(cap);
        (most.max(1), limit)
    }

    /// The fixed part of a request's latency, in what a unit adds to it.
    fn ratio(&self) -> Option<f64> {
        let (fixed, token) = self.fit.line()?;
        let unit = token * self.usual?;
        (unit > 0.0).then_some(fixed / unit)
    }

    /// With fewer units, more than half of a request's latency would be its fixed part; `None` while that is not known.
    pub(crate) fn worth(&self) -> Option<usize> {
        self.ratio().map(|ratio| ratio.ceil() as usize)
    }

    /// How many of the waiting units one request takes, at least one, and what keeps it from being more.
    pub(crate) fn fitting<'u>(&self, waiting: impl Iterator<Item = &'u Unit>, room: Room) -> (usize, Limit) {
        let (most, reason) = self.most();
        let (mut input, mut output) = (0_u64, 0_u64);
        let (mut longest, mut taken) = (0_u64, 0);
        for unit in waiting {
            let expected = self.expected(unit);
            input = input.saturating_add(unit.input);
            output = output.saturating_add(expected);
            longest = longest.max(unit.output.saturating_sub(expected));
            let limit = match taken {
                0 => None,
                taken if taken >= most => Some(reason),
                _ if input > room.input => Some(Limit::Input),
                _ if output.saturating_add(longest) > room.output => Some(Limit::Output),
                _ => None,
            };
            if let Some(limit) = limit {
                return (taken, limit);
            }
            taken += 1;
        }
        (taken, if taken >= most { reason } else { Limit::Backlog })
    }

    /// Most tokens of an answer for these units: one of them may be as long as it may, the others as they usually are
    /// with a margin. A lone unit has all that it may.
    pub(crate) fn most_output(&self, units: &[Unit], cap: u64) -> u64 {
        let alone = units.iter().map(|unit| unit.output).max().unwrap_or(0);
        let expected: u64 = units.iter().map(|unit| self.expected(unit)).sum();
        let longest =
            units.iter().map(|unit| unit.output.saturating_sub(self.expected(unit))).max().unwrap_or(0);
        expected.saturating_add(longest).min(cap).max(alone)
    }

    fn expected(&self, unit: &Unit) -> u64 {
        self.usual.map_or(unit.output, |usual| ((usual * MARGIN).ceil() as u64).min(unit.output))
    }
}

/// A line through what answers took: seconds by tokens, by weighted least squares.
#[derive(Debug, Clone, Default)]
struct Fit {
    weight: f64,
    tokens: f64,
    seconds: f64,
    tokens_squared: f64,
    product: f64,
    /// The last line that was believed: requests of one size teach nothing new.
    line: Option<(f64, f64)>,
}

impl Fit {
    fn learn(&mut self, tokens: f64, seconds: f64) {
        let sums = [
            (&mut self.weight, 1.0),
            (&mut self.tokens, tokens),
            (&mut self.seconds, seconds),
            (&mut self.tokens_squared, tokens * tokens),
            (&mut self.product, tokens * seconds),
        ];
        for (sum, new) in sums {
            *sum = *sum * FORGET + new;
        }
        if self.weight < ENOUGH_ANSWERS.min(0.9 / (1.0 - FORGET)) {
            return;
        }
        let (mean, usual) = (self.tokens / self.weight, self.seconds / self.weight);
        let variance = self.tokens_squared / self.weight - mean * mean;
        if mean <= 0.0 || variance <= (mean * LEAST_SPREAD).powi(2) {
            return;
        }
        let token = (self.product / self.weight - mean * usual) / variance;
        // Answers that take less when they are longer are noise.
        self.line = (token > 0.0).then(|| ((usual - token * mean).max(0.0), token));
    }

    /// Seconds of a request before its first token, and of each token.
    fn line(&self) -> Option<(f64, f64)> {
        self.line
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{super::machine::Measured, *};

    const CAPS: Caps = Caps { units: 32, fixed: false };
    const ROOM: Room = Room { slots: 4, input: 8_000, output: 4_096 };

    /// A request whose answer takes `fixed` and `token` seconds, of units of 80 tokens each, a few more or less.
    fn ended(sizing: &mut Sizing, units: usize, turn: usize, fixed: f64, token: f64, failed: usize) {
        let tokens = (units * (70 + 20 * (turn % 2))) as u64;
        let latency = Duration::from_secs_f64(fixed + token * tokens as f64);
        sizing.learn(units, Outcome { failed, measured: Some(Measured { latency, tokens }) });
    }

    fn most(sizing: &Sizing) -> (usize, Limit) {
        let units: Vec<Unit> = (0..100).map(|id| Unit { id, group: 1, input: 100, output: 1_200 }).collect();
        sizing.fitting(units.iter(), ROOM)
    }

    #[test]
    fn begins_with_what_answers_may_have_and_grows_to_what_they_have() {
        let mut sizing = Sizing::new(CAPS);
        assert_eq!(most(&sizing), (3, Limit::Output), "answers may be 1,200 tokens, and 4,096 in all");
        ended(&mut sizing, 3, 0, 0.2, 0.0002, 0);
        assert_eq!(most(&sizing), (8, Limit::Retries));
        for turn in 0..40 {
            let (units, _) = most(&sizing);
            ended(&mut sizing, units, turn, 0.2, 0.0002, 0);
        }
        let (units, limit) = most(&sizing);
        assert!((18..=22).contains(&units) && limit == Limit::Output, "{units} {limit:?}");
    }

    #[test]
    fn a_slow_model_that_gains_nothing_is_asked_about_one_at_a_time() {
        let mut sizing = Sizing::new(CAPS);
        for turn in 0..20 {
            let (units, _) = most(&sizing);
            ended(&mut sizing, units, turn, 0.3, 0.05, 0);
        }
        assert_eq!(most(&sizing), (1, Limit::Latency));
        assert_eq!(sizing.worth(), Some(1));
    }

    #[test]
    fn retries_halve_and_clean_batches_add_one() {
        let mut sizing = Sizing::new(CAPS);
        for turn in 0..12 {
            ended(&mut sizing, 8 + turn, turn, 1.0, 0.0001, 0);
        }
        let allowed = sizing.allowed;
        assert!((allowed - 20.0).abs() < 1e-9, "from 8, one for each: {allowed}");
        ended(&mut sizing, 20, 0, 1.0, 0.0001, 0);
        assert!((sizing.allowed - allowed - 1.0).abs() < 1e-9);
        ended(&mut sizing, 21, 0, 1.0, 0.0001, 3);
        assert!(
            (sizing.allowed - f64::midpoint(allowed, 1.0)).abs() < 1e-9,
            "three of 21 are more than a tenth"
        );
        for _ in 0..10 {
            sizing.learn(4, Outcome { failed: 4, measured: None });
        }
        assert_eq!(most(&sizing), (1, Limit::Retries));
        for turn in 0..16 {
            ended(&mut sizing, 1, turn, 1.0, 0.0001, 0);
        }
        assert_eq!(most(&sizing), (2, Limit::Retries), "it comes back slowly");
    }

    #[test]
    fn a_said_number_is_kept_within_the_caps_of_tokens() {
        let mut sizing = Sizing::new(Caps { units: 12, fixed: true });
        ended(&mut sizing, 3, 0, 0.3, 0.05, 3);
        assert_eq!(most(&sizing), (12, Limit::Said));
        let long: Vec<Unit> = (0..9).map(|id| Unit { id, group: 1, input: 3_000, output: 10 }).collect();
        assert_eq!(sizing.fitting(long.iter(), ROOM), (2, Limit::Input));
        let huge = [Unit { id: 1, group: 1, input: 30_000, output: 9_000 }; 2];
        assert_eq!(sizing.fitting(huge.iter(), ROOM), (1, Limit::Input));
        assert_eq!(sizing.most_output(&huge[..1], 4_096), 9_000, "a lone unit has all that it may");
    }
}
