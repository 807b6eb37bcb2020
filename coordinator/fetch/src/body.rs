//! Reading a body: never too much of it, never too slowly.

use std::{fmt::Display, time::Duration};

use bytes::Bytes;
use reqwest::{Response, header};
use sheaf_common::fault::FaultKind;
use tokio::time::{Instant, timeout_at};

use crate::{
    decode::{Decoder, Stop},
    failure::{Advice, FetchFailure, excerpt},
    limits::FetchLimits,
};

/// A body as read.
#[derive(Debug)]
pub(crate) struct Body {
    /// Content encoding undone.
    pub(crate) bytes: Bytes,
    /// Bytes as sent.
    pub(crate) wire_bytes: u64,
}

/// What to do with a body that is longer than the cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Excess {
    /// It is a failure.
    Refuse,
    /// The beginning will do (robots.txt).
    Cut,
}

/// Reads the body of `response`, whose host is called `host` in messages.
pub(crate) async fn read(
    mut response: Response,
    host: &(dyn Display + Sync),
    limits: &FetchLimits,
    excess: Excess,
) -> Result<Body, FetchFailure> {
    let announced = announced_length(&response);
    let too_large = |what: String| {
        let hint = "Raise the size cap if the document is wanted all the same.";
        FetchFailure::new(FaultKind::TooLarge, what, hint, Advice::GiveUp)
    };
    if let Some(announced) =
        announced.filter(|&announced| announced > limits.wire_bytes && excess == Excess::Refuse)
    {
        let cap = size(limits.wire_bytes);
        return Err(too_large(format!("{host} announced a body of {}; the cap is {cap}", size(announced))));
    }
    let encoding = encoding(&response);
    let Some(mut decoder) = Decoder::new(&encoding, limits.body_bytes, announced) else {
        let what =
            format!("{host} sent the body in the encoding `{}`, which was not asked for", excerpt(&encoding));
        let hint = "Download the document by other means and give the file instead.";
        return Err(FetchFailure::new(FaultKind::Body, what, hint, Advice::GiveUp));
    };
    let start = Instant::now();
    let mut pace = Pace::new(limits, start);
    let mut wire_bytes = 0u64;
    loop {
        let piece = match timeout_at(pace.next_check(), response.chunk()).await {
            Ok(Ok(Some(piece))) => piece,
            Ok(Ok(None)) => break,
            Ok(Err(_)) => return Err(broken_off(host, wire_bytes, announced)),
            Err(_) => {
                pace.check(Instant::now()).map_err(|slow| slow.failure(host, wire_bytes, limits))?;
                continue;
            }
        };
        wire_bytes += piece.len() as u64;
        pace.count(piece.len());
        if wire_bytes > limits.wire_bytes {
            if excess == Excess::Cut {
                return Ok(Body { bytes: decoder.so_far(), wire_bytes });
            }
            let cap = size(limits.wire_bytes);
            return Err(too_large(format!(
                "the body from {host} is larger than the cap of {cap}; stopped there"
            )));
        }
        match decoder.push(piece) {
            Ok(()) => {}
            Err(Stop::TooLarge) if excess == Excess::Cut => {
                return Ok(Body { bytes: decoder.so_far(), wire_bytes });
            }
            Err(Stop::TooLarge) => {
                let (sent, cap) = (size(wire_bytes), size(limits.body_bytes));
                let what =
                    format!("the body from {host} unpacks to more than the cap of {cap} ({sent} were sent)");
                return Err(too_large(what));
            }
            Err(Stop::Damaged) => return Err(damaged(host, &encoding, wire_bytes)),
        }
    }
    match decoder.finish() {
        Ok(bytes) => Ok(Body { bytes, wire_bytes }),
        Err(_) => Err(damaged(host, &encoding, wire_bytes)),
    }
}

fn announced_length(response: &Response) -> Option<u64> {
    response.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

fn encoding(response: &Response) -> String {
    let values = response.headers().get_all(header::CONTENT_ENCODING).iter();
    let values: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    values.join(", ")
}

fn broken_off(host: &dyn Display, received: u64, announced: Option<u64>) -> FetchFailure {
    let of = announced.map(|announced| format!(" of the {announced} announced")).unwrap_or_default();
    let what = format!("{host} broke the body off after {received} bytes{of}");
    FetchFailure::new(
        FaultKind::Body,
        what,
        "Run again later; the server or the line fails.",
        Advice::TryAgain,
    )
}

fn damaged(host: &dyn Display, encoding: &str, received: u64) -> FetchFailure {
    let encoding = excerpt(encoding);
    let what =
        format!("the body from {host} ({received} bytes) is not the whole `{encoding}` stream it says it is");
    let hint = "Run again later; if it stays so, the server packs its answers wrongly.";
    FetchFailure::new(FaultKind::Body, what, hint, Advice::TryAgain)
}

/// A number of bytes for people.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..10_240 => format!("{bytes} bytes"),
        10_240..10_485_760 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}

/// Watches the pace of one body: a whole one must arrive within the limit for bodies, and every full window must
/// bring a least number of bytes.
#[derive(Debug)]
struct Pace {
    deadline: Instant,
    window_end: Instant,
    window: Duration,
    least: u64,
    in_window: u64,
}

#[derive(Debug, PartialEq, Eq)]
enum Slow {
    Deadline,
    Window { received: u64 },
}

impl Pace {
    fn new(limits: &FetchLimits, now: Instant) -> Self {
        Self {
            deadline: now + limits.body,
            window_end: now + limits.pace_window,
            window: limits.pace_window,
            least: limits.pace_bytes,
            in_window: 0,
        }
    }

    fn next_check(&self) -> Instant {
        self.window_end.min(self.deadline)
    }

    fn count(&mut self, bytes: usize) {
        self.in_window += bytes as u64;
    }

    fn check(&mut self, now: Instant) -> Result<(), Slow> {
        if now >= self.deadline {
            return Err(Slow::Deadline);
        }
        if now >= self.window_end {
            if self.in_window < self.least {
                return Err(Slow::Window { received: self.in_window });
            }
            self.in_window = 0;
            self.window_end = now + self.window;
        }
        Ok(())
    }
}

impl Slow {
    fn failure(&self, host: &dyn Display, received: u64, limits: &FetchLimits) -> FetchFailure {
        let what = match self {
            Self::Deadline => {
                let limit = limits.body.as_secs_f64();
                format!("the body from {host} had not ended after {limit:.0} s ({} received)", size(received))
            }
            Self::Window { received: in_window } => {
                let (least, window) = (limits.pace_bytes, limits.pace_window.as_secs_f64());
                format!(
                    "{host} sent {in_window} bytes of the body in {window:.0} s, fewer than the least pace of {least} \
                     ({received} in all)"
                )
            }
        };
        FetchFailure::new(
            FaultKind::FetchTimeout,
            what,
            "Run again later; the server is too slow.",
            Advice::TryAgain,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_trickle_ends_at_the_first_window_and_a_stream_at_the_deadline() {
        let limits = FetchLimits::default();
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut pace = Pace::new(&limits, start);
        assert_eq!(pace.next_check(), after(10));
        pace.count(10);
        assert_eq!(pace.check(after(10)), Err(Slow::Window { received: 10 }));

        let mut pace = Pace::new(&limits, start);
        for seconds in (10..120).step_by(10) {
            pace.count(1024);
            assert_eq!(pace.check(after(seconds)), Ok(()));
        }
        assert_eq!(pace.next_check(), after(120));
        pace.count(1 << 20);
        assert_eq!(pace.check(after(120)), Err(Slow::Deadline));
    }

    #[test]
    fn sizes_are_for_people() {
        assert_eq!([size(17), size(20_480), size(32 << 20)], ["17 bytes", "20 KiB", "32 MiB"]);
    }
}
