//! Absences of Redis. While it is away nobody can extend a lease, so a worker's silence counts only while Redis is there.
//!
//! A worker that had been silent for two seconds when Redis was restarted needs to be silent for one more, not for three
//! again: absences move the moment at which it is taken for dead, they do not begin the count anew. Nor does a restart of
//! the coordinator, which counts as an absence for as long as nobody looked.

use std::time::Duration;

use crate::queue::QueueError;

/// When Redis was away, as of a look; milliseconds since 1970 by Redis's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Absences {
    now: u64,
    /// Begin and end of each, the oldest first; none overlap.
    past: Vec<(u64, u64)>,
}

impl Absences {
    /// Reads what `look.lua` answers.
    pub(super) fn read(answer: &[u64]) -> Result<Self, QueueError> {
        let (pairs, rest) = answer.get(1..).unwrap_or_default().as_chunks::<2>();
        match answer.first() {
            Some(now) if rest.is_empty() => {
                Ok(Self { now: *now, past: pairs.iter().map(|[begin, end]| (*begin, *end)).collect() })
            }
            _ => Err(QueueError::Damaged {
                doing: "looking whether it is there",
                reason: format!("{} numbers", answer.len()),
            }),
        }
    }

    /// How long ago a worker was last heard that has been silent for `silent` while Redis was there.
    pub(super) fn since(&self, silent: Duration) -> Duration {
        let mut since = u64::try_from(silent.as_millis()).unwrap_or(u64::MAX);
        for (begin, end) in self.past.iter().rev() {
            if *end <= self.now.saturating_sub(since) {
                break;
            }
            since = since.saturating_add(end.saturating_sub(*begin));
        }
        Duration::from_millis(since)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn since(answer: &[u64], silent: u64) -> u64 {
        let absences = Absences::read(answer).unwrap();
        u64::try_from(absences.since(Duration::from_millis(silent)).as_millis()).unwrap()
    }

    #[test]
    fn silence_goes_on_where_it_was_before_an_absence() {
        assert_eq!(since(&[10_000], 3_000), 3_000);
        assert_eq!(since(&[10_000, 9_000, 9_400], 3_000), 3_400, "it is not counted");
        assert_eq!(since(&[10_000, 7_500, 7_700, 9_000, 9_400], 3_000), 3_600, "nor are two");
        assert_eq!(since(&[10_000, 1_000, 7_000], 3_000), 3_000, "what is over by then does not matter");
        assert_eq!(since(&[10_000, 1_000, 7_001], 3_000), 9_001);
    }

    #[test]
    fn nothing_is_known_of_the_time_before_the_first_look() {
        let now = 1_800_000_000_000;
        assert!(since(&[now, 0, now - 2_999], 3_000) > now - 3_000);
        assert_eq!(since(&[now, 0, now - 3_000], 3_000), 3_000);
    }

    #[test]
    fn an_answer_that_is_none_is_an_error() {
        assert!(Absences::read(&[]).is_err());
        assert!(Absences::read(&[5, 1]).is_err());
    }

    proptest! {
        /// Between that moment and now Redis was there for as long as was asked.
        #[test]
        fn silence_is_time_in_which_redis_was_there(
            spans in prop::collection::vec((1_u64..40, 1_u64..40), 0..8),
            tail in 0_u64..40,
            silent in 1_u64..200,
        ) {
            let mut present = vec![true; 500];
            let mut answer = vec![0];
            for (there, away) in spans {
                let begin = present.len();
                present.extend(vec![true; there as usize]);
                answer.push((begin as u64) + there);
                present.extend(vec![false; away as usize]);
                answer.push(present.len() as u64);
            }
            present.extend(vec![true; tail as usize]);
            answer[0] = present.len() as u64;
            let since = since(&answer, silent) as usize;
            let window = &present[present.len() - since..];
            prop_assert_eq!(window.iter().filter(|there| **there).count() as u64, silent);
            prop_assert!(window[0], "no more than is needed");
        }
    }
}
