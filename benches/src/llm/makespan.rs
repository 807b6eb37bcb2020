//! How long many answers take, as a ratio to what arithmetic allows.

use std::{
    ffi::OsString,
    process::{Command, Stdio},
    time::Instant,
};

use super::{
    asker::{Backend, bare_loop, client, through_the_client},
    beside::Beside,
};
use crate::{
    AnyError,
    bench::Bench,
    efficiency,
    figures::Figures,
    notices,
    program::{self, Taken},
    provider::{Provider, Settings},
    row::{Better, Of, Row},
    sheet::Sheet,
};

/// Seconds of an answer.
pub(super) const LATENCY: f64 = 0.5;

/// So many calls, so many at once.
struct Case {
    calls: u64,
    at_once: usize,
    /// Of the scenario's time.
    share: f64,
    /// What measures.md asks of the ratio to the ideal; without it, no peers are measured either.
    bound: Option<f64>,
}

const CASES: [Case; 3] = [
    Case { calls: 91, at_once: 10, share: 0.09, bound: Some(1.01) },
    Case { calls: 1_000, at_once: 100, share: 0.185, bound: Some(1.02) },
    Case { calls: 2_500, at_once: 500, share: 0.095, bound: None },
];
/// Share of the time for whole processes.
const WHOLE: f64 = 0.31;

pub(super) async fn measure(
    bench: &Bench,
    rounds: usize,
    shrink: u64,
    sheet: &mut Sheet,
) -> Result<(), AnyError> {
    for Case { calls, at_once, share, bound } in CASES {
        let count = (calls / shrink).max(1);
        let ideal = count.div_ceil(at_once as u64) as f64 * LATENCY;
        let (one, other) = (Provider::start(Settings::default())?, Provider::start(Settings::default())?);
        let (mut bare, mut own) = (Figures::default(), Figures::default());
        for round in bench.rounds(rounds, share) {
            let client = client(&[Backend::fixed(&one, at_once)])?;
            let (asked, bare_asked) = if at_once <= 10 {
                // Twenty requests a second do not stand in each other's way.
                let url = other.url();
                let (asked, bare) =
                    tokio::join!(through_the_client(&client, count), bare_loop(&url, count, at_once));
                (asked?, bare?)
            } else if round % 2 == 0 {
                // Whichever goes first, neither always follows the other.
                let asked = through_the_client(&client, count).await?;
                (asked, bare_loop(&other.url(), count, at_once).await?)
            } else {
                let bare = bare_loop(&other.url(), count, at_once).await?;
                (through_the_client(&client, count).await?, bare)
            };
            asked.check(&one, sheet);
            bare_asked.check(&other, sheet);
            bare.push(bare_asked.seconds);
            own.push(asked.seconds);
        }
        let row = Row::new(format!("{count} calls, {at_once} at once"), "s", Better::Lower, own)
            .ideal(ideal)
            .ceiling("bare loop", bare);
        let Some(bound) = bound else {
            sheet.rows.push(row);
            continue;
        };
        let beside = Beside::measure(bench, rounds, count, at_once, &one.url());
        sheet.rows.push(row.target(Of::Ideal, bound).peers(beside.column("seconds", count)));
        if at_once == 100 {
            processes(bench, rounds, shrink, &one, &beside, sheet).await?;
        }
    }
    Ok(())
}

/// Whole processes, from their start to their end.
async fn processes(
    bench: &Bench,
    rounds: usize,
    shrink: u64,
    provider: &Provider,
    beside: &Beside,
    sheet: &mut Sheet,
) -> Result<(), AnyError> {
    let count = (1_000 / shrink).max(1);
    let ideal = count.div_ceil(100) as f64 * LATENCY;
    let [mut bare, mut own, mut run, mut efficiency]: [Figures; 4] = Default::default();
    for _ in bench.rounds(rounds, WHOLE) {
        bare.push(whole_process(&provider.url(), count, true).await?);
        own.push(whole_process(&provider.url(), count, false).await?);
        let taken = whole_run(bench, provider, count as usize, sheet)?;
        run.push(taken.seconds);
        efficiency.push(ideal / taken.seconds);
    }
    sheet.rows.extend([
        Row::new(format!("whole process, {count} calls, 100 at once"), "s", Better::Lower, own)
            .ideal(ideal)
            .ceiling("bare loop", bare.clone())
            .target(Of::Ideal, 1.03)
            .peers(beside.column("process_seconds", count)),
        Row::new(format!("whole run of the coordinator, {count} documents"), "s", Better::Lower, run)
            .ideal(ideal)
            .ceiling("bare loop, no documents", bare),
        efficiency::row(
            format!("efficiency of the whole run, {count} documents: model's ideal ÷ time"),
            count as usize,
            efficiency,
        ),
    ]);
    Ok(())
}

async fn whole_process(url: &str, count: u64, bare: bool) -> Result<f64, AnyError> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["ask", url, "--calls", &count.to_string()]).stdin(Stdio::null()).stdout(Stdio::null());
    if bare {
        command.arg("--bare");
    }
    let began = Instant::now();
    let status = tokio::task::spawn_blocking(move || command.status()).await??;
    let seconds = began.elapsed().as_secs_f64();
    if status.success() {
        Ok(seconds)
    } else {
        Err(format!("a process that asks ended with {status}").into())
    }
}

/// A whole run of the coordinator over as many documents.
fn whole_run(bench: &Bench, provider: &Provider, count: usize, sheet: &mut Sheet) -> Result<Taken, AnyError> {
    let folder = tempfile::tempdir()?;
    let (set, out) = (folder.path().join("set"), folder.path().join("out"));
    notices::write(&set, count)?;
    let mut arguments: Vec<OsString> = vec![set.into(), "--out".into(), out.clone().into()];
    arguments.extend(notices::ASKED.map(OsString::from));
    arguments.extend(["--max-parallel".into(), "100".into()]);
    let url = provider.url();
    let taken = tokio::task::block_in_place(|| {
        program::run(bench, folder.path(), &arguments, &notices::variables(&url), false)
    })?;
    notices::check(&out, count, provider, sheet)?;
    Ok(taken)
}
