//! When what has come is handed in. Pure: the clock is the caller's.

use std::time::{Duration, Instant};

/// How much is handed in together, and how long it is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gathering {
    /// Most requests of a batch. Providers take 50,000 (OpenAI) and 100,000 (Anthropic); a run has no more than 4,096
    /// documents in flight, so more never wait here.
    pub most_requests: usize,
    /// Most bytes of a batch's messages. Providers take 200 MB and 256 MB of JSON, in which a byte may need six: 24 MiB
    /// become 151 MB at worst.
    pub most_bytes: usize,
    /// A batch that has not had a new request for so long is handed in. Documents come from parsing many a second; when
    /// none has come for two seconds, all that may be in flight is waiting here, or the sources have no more. Beside the
    /// minutes to hours that a batch takes it is nothing.
    pub quiet: Duration,
    /// The oldest request waits no longer than this for others, even where they trickle in. A minute gathers sixty pages
    /// of a polite crawl of one host.
    pub longest: Duration,
    /// Most batches that are open at once; what comes while there are as many waits for one to end.
    pub most_open: usize,
}

impl Default for Gathering {
    fn default() -> Self {
        Self {
            most_requests: 4_096,
            most_bytes: 24 << 20,
            quiet: Duration::from_secs(2),
            longest: Duration::from_mins(1),
            most_open: 32,
        }
    }
}

/// The pause after which the last ones are handed in: what is said to be the last comes over a few moments, and each of it in
/// a batch of its own would be many batches.
const LAST: Duration = Duration::from_millis(200);

/// What has been gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gathered {
    /// Requests.
    pub(crate) requests: usize,
    /// Bytes of their messages.
    pub(crate) bytes: usize,
    /// When the oldest came.
    pub(crate) oldest: Instant,
    /// When the youngest came.
    pub(crate) youngest: Instant,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Hand it in.
    Submit,
    /// Look again at this moment, unless something comes before.
    WaitUntil(Instant),
    /// Look again when something comes or a batch ends.
    Wait,
}

impl Gathering {
    /// Decides at `now`, with so many batches open. `closing`: the run says that nothing more is coming.
    pub(crate) fn decide(
        &self,
        gathered: Option<Gathered>,
        open: usize,
        closing: bool,
        now: Instant,
    ) -> Decision {
        let Some(gathered) = gathered.filter(|_| open < self.most_open.max(1)) else { return Decision::Wait };
        let quiet = if closing { self.quiet.min(LAST) } else { self.quiet };
        let due = (gathered.youngest + quiet).min(gathered.oldest + self.longest);
        let full = gathered.requests >= self.most_requests || gathered.bytes >= self.most_bytes;
        if full || due <= now { Decision::Submit } else { Decision::WaitUntil(due) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RULE: Gathering = Gathering {
        most_requests: 10,
        most_bytes: 1_000,
        quiet: Duration::from_secs(2),
        longest: Duration::from_mins(1),
        most_open: 3,
    };

    #[allow(clippy::unnecessary_wraps, reason = "it is what is passed")]
    fn gathered(requests: usize, bytes: usize, oldest: Instant, youngest: Instant) -> Option<Gathered> {
        Some(Gathered { requests, bytes, oldest, youngest })
    }

    #[test]
    fn each_reason_to_hand_in() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let decide = |gathered, open, closing, now| RULE.decide(gathered, open, closing, now);
        assert_eq!(decide(None, 0, true, begun), Decision::Wait, "nothing has come");
        let few = gathered(1, 1, begun, at(1));
        assert_eq!(decide(few, 0, false, at(2)), Decision::WaitUntil(at(3)));
        assert_eq!(decide(few, 0, false, at(3)), Decision::Submit, "it is quiet");
        let last = at(1) + LAST;
        assert_eq!(decide(few, 0, true, at(1)), Decision::WaitUntil(last), "nothing more is coming");
        assert_eq!(decide(few, 0, true, last), Decision::Submit, "nothing more is coming");
        assert_eq!(decide(gathered(10, 1, begun, at(1)), 0, false, at(1)), Decision::Submit, "many");
        assert_eq!(decide(gathered(1, 1_000, begun, at(1)), 0, false, at(1)), Decision::Submit, "large");
        let trickle = gathered(5, 5, begun, at(59));
        assert_eq!(
            decide(trickle, 0, false, at(59)),
            Decision::WaitUntil(at(60)),
            "not later than the longest"
        );
        assert_eq!(decide(trickle, 3, true, at(99)), Decision::Wait, "too many are open");
    }

    proptest! {
        #[test]
        fn nobody_waits_longer_than_the_longest(requests in 1usize..20, bytes in 0usize..2_000, young in 0u64..100, now in 0u64..200) {
            let begun = Instant::now();
            let at = |seconds| begun + Duration::from_secs(seconds);
            match RULE.decide(gathered(requests, bytes, begun, at(young)), 0, false, at(now)) {
                Decision::Submit => {}
                Decision::WaitUntil(due) => prop_assert!(due > at(now) && due <= begun + RULE.longest),
                Decision::Wait => prop_assert!(false, "nothing would wake it"),
            }
        }
    }
}
