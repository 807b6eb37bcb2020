//! Four ways to show a run's progress.

use std::{
    io::{IsTerminal, Write},
    sync::Arc,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{Snapshot, Tally, pace::Pace};

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// A bar that is drawn over.
    Bar,
    /// A line now and then.
    Plain,
    /// A JSON object a line, each second.
    Json,
    /// Nothing.
    None,
}

impl View {
    /// A bar on a terminal, plain lines elsewhere.
    pub fn automatic() -> Self {
        if std::io::stderr().is_terminal() { Self::Bar } else { Self::Plain }
    }

    fn period(self) -> Duration {
        match self {
            Self::Bar => Duration::from_millis(100),
            Self::Plain => Duration::from_secs(2),
            Self::Json | Self::None => Duration::from_secs(1),
        }
    }
}

#[derive(Serialize)]
struct JsonLine {
    event: &'static str,
    seconds: f64,
    #[serde(flatten)]
    snapshot: Snapshot,
    recorded: u64,
    documents_per_second: Option<f64>,
    seconds_left: Option<f64>,
}

/// Shows the tally on standard error until `ended`, and once more then.
pub async fn show(view: View, tally: Arc<Tally>, ended: CancellationToken) {
    if view == View::None {
        return;
    }
    let begun = Instant::now();
    let bar = (view == View::Bar).then(bar);
    let mut pace = Pace::default();
    let mut ticks = interval(view.period());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last_line = String::new();
    loop {
        let last = ended.run_until_cancelled(ticks.tick()).await.is_none();
        let snapshot = tally.snapshot();
        // What was done before says nothing about how fast this part goes.
        pace.sample(begun.elapsed(), snapshot.recorded().saturating_sub(snapshot.earlier));
        match view {
            View::Json => print(&json(snapshot, &pace, begun.elapsed(), last)),
            View::Bar => {
                if let Some(bar) = &bar {
                    bar.set_length(snapshot.accepted.max(1));
                    bar.set_position(snapshot.recorded());
                    bar.set_message(text(snapshot, &pace));
                    if last {
                        bar.finish_and_clear();
                    }
                }
            }
            View::Plain => {
                let line = text(snapshot, &pace);
                // The first tick comes before anything has happened; the summary says how it ended.
                if snapshot.accepted > 0 && !last && line != last_line && begun.elapsed() >= view.period() {
                    print(&line);
                    last_line = line;
                }
            }
            View::None => {}
        }
        if last {
            return;
        }
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{spinner} [{bar:24}] {msg}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}

/// One line for a person; "of at least" while sources are still being enumerated.
fn text(snapshot: Snapshot, pace: &Pace) -> String {
    let recorded = snapshot.recorded();
    let of = if snapshot.enumerated { "of" } else { "of at least" };
    let mut line = format!("{recorded} {of} {} documents", snapshot.accepted);
    if let Some(per_second) = pace.per_second() {
        line += &format!(", {per_second:.1}/s");
    }
    line += &format!(", {} downloading, {} analysing", snapshot.downloading, snapshot.analysing);
    if let Some(fleet) = snapshot.fleet {
        let workers = if fleet.workers == 1 { "worker" } else { "workers" };
        line +=
            &format!("; {} {workers}, {} in flight, {} waiting", fleet.workers, fleet.leased, fleet.ready);
        for (count, name) in [(fleet.redelivered, "redelivered"), (fleet.given_up, "given up")] {
            if count > 0 {
                line += &format!(", {count} {name}");
            }
        }
    }
    for (count, name) in [(snapshot.failed, "failed"), (snapshot.skipped, "skipped")] {
        if count > 0 {
            line += &format!(", {count} {name}");
        }
    }
    if snapshot.draining {
        line += ", finishing what is in flight";
    } else if snapshot.enumerated
        && let Some(left) = pace.time_for(snapshot.accepted.saturating_sub(recorded))
    {
        line += &format!(", {} left", seconds(left));
    }
    line
}

fn json(snapshot: Snapshot, pace: &Pace, at: Duration, last: bool) -> String {
    let left = snapshot.accepted.saturating_sub(snapshot.recorded());
    let rounded = |value: f64| (value * 1e3).round() / 1e3;
    let line = JsonLine {
        event: if last { "end" } else { "progress" },
        seconds: rounded(at.as_secs_f64()),
        snapshot,
        recorded: snapshot.recorded(),
        documents_per_second: pace.per_second().map(rounded),
        seconds_left: snapshot
            .enumerated
            .then(|| pace.time_for(left))
            .flatten()
            .map(|left| rounded(left.as_secs_f64())),
    };
    serde_json::to_string(&line).unwrap_or_default()
}

fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// Progress is worth nothing to a reader that has gone.
fn print(line: &str) {
    let _reader_gone = writeln!(std::io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::{super::FleetSnapshot, *};

    #[test]
    fn a_line_does_not_promise_what_it_does_not_know() {
        let snapshot =
            Snapshot { accepted: 10, ok: 3, failed: 1, downloading: 2, analysing: 4, ..Snapshot::default() };
        let mut pace = Pace::default();
        let early = text(snapshot, &pace);
        assert_eq!(early, "4 of at least 10 documents, 2 downloading, 4 analysing, 1 failed");
        pace.sample(Duration::ZERO, 0);
        pace.sample(Duration::from_secs(2), 4);
        let known = text(Snapshot { enumerated: true, ..snapshot }, &pace);
        let fleet =
            FleetSnapshot { workers: 2, leased: 6, ready: 90, redelivered: 3, ..FleetSnapshot::default() };
        let remote = text(Snapshot { fleet: Some(fleet), ..snapshot }, &Pace::default());
        assert!(
            remote.contains("4 analysing; 2 workers, 6 in flight, 90 waiting, 3 redelivered, 1 failed"),
            "{remote}"
        );
        assert_eq!(known, "4 of 10 documents, 2.0/s, 2 downloading, 4 analysing, 1 failed, 3 s left");
    }

    #[test]
    fn durations_are_readable() {
        let said: Vec<_> = [5, 65, 3_700].map(|s| seconds(Duration::from_secs(s))).to_vec();
        assert_eq!(said, ["5 s", "1 min 5 s", "1 h 1 min"]);
    }
}
