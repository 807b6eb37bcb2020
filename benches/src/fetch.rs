//! Throughput of the fetch pool beside a bare client loop, in one process and one run.
//!
//! Two cases: pages as fast as a private nginx serves them, and answers that take 100 ms each, against the time that
//! arithmetic allows. Sides take turns in going first. Each body is held to its page.

mod side;
pub(crate) mod slow;

use std::{fs, path::Path, time::Duration};

use clap::Args;
use url::Url;

use self::side::{Side, bare_loop, through_the_pool};
use crate::{
    AnyError,
    bench::Bench,
    breach::Breach,
    figures::Figures,
    ledger::{Ledger, digest},
    nginx::{self, Nginx},
    peer::Peer,
    row::{Better, Of, Row},
    sheet::Sheet,
};

const AT_ONCE: usize = 32;
const DELAY: Duration = Duration::from_millis(100);
const PEERS: [&str; 3] = ["curl", "aiohttp", "scrapy"];
/// How long a peer's round may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// What is asked.
#[derive(Debug, Clone, Args)]
pub(crate) struct Settings {
    /// Rounds
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u64).range(1..))]
    rounds: u64,
    /// Pages
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(1..))]
    pages: u64,
}

/// Measures on a runtime of its own.
pub(crate) fn measure(bench: &Bench, settings: &Settings) -> Result<Sheet, AnyError> {
    let (rounds, pages) = (settings.rounds as usize, settings.pages as usize);
    let mut sheet = Sheet::new(format!(
        "{pages} pages of {} bytes, {AT_ONCE} at once: the pool, with politeness, caps and address checks on, beside a bare \
         reqwest loop in the same process.",
        nginx::PAGE_BYTES
    ));
    let runtime = tokio::runtime::Runtime::new()?;
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("out");
    fs::create_dir(&out)?;
    let nginx = Nginx::start(folder.path(), pages)?;
    for (written, share) in [(Some(out.as_path()), 0.3), (None, 0.15)] {
        let (bare, pool) =
            runtime.block_on(compare(bench, share, &nginx.urls, rounds, written, &mut sheet))?;
        let rate = |side: &Side| side.seconds.map(|seconds| pages as f64 / seconds);
        let cpu = |side: &Side| side.cpu.map(|seconds| seconds * 1e6 / pages as f64);
        let whither = if written.is_some() { "bodies written" } else { "bodies thrown away" };
        let mut row = Row::new(format!("nginx, {whither}"), "pages/s", Better::Higher, rate(&pool))
            .ceiling("bare loop", rate(&bare));
        if written.is_some() {
            row = row.target(Of::Ceiling, 0.9);
            row.peers = peers(bench, folder.path(), &nginx.urls, rounds, &mut sheet)?
                .iter()
                .map(|peer| peer.figure("seconds", |seconds| pages as f64 / seconds))
                .collect();
        }
        sheet.rows.push(row);
        let cost = Row::new(format!("CPU, {whither}"), "µs a page", Better::Lower, cpu(&pool));
        sheet.rows.push(cost.ceiling("bare loop", cpu(&bare)));
    }
    runtime.block_on(slow_answers(bench, pages, rounds, &mut sheet))?;
    Ok(sheet)
}

/// Both sides over the same pages.
async fn compare(
    bench: &Bench,
    share: f64,
    urls: &[Url],
    rounds: usize,
    written: Option<&Path>,
    sheet: &mut Sheet,
) -> Result<(Side, Side), AnyError> {
    let right = |page| digest(&nginx::page_text(page as usize));
    let what = "every page came once, with its own body";
    // One of each to warm the page cache.
    bare_loop(urls, written).await?;
    through_the_pool(urls, written).await?;
    let (mut bare, mut pool) = (Side::default(), Side::default());
    for round in bench.rounds(rounds, share) {
        // Whichever goes first, neither always follows the other.
        for turn in 0..2 {
            let of_pool = (round + turn) % 2 == 0;
            let run = if of_pool {
                through_the_pool(urls, written).await?
            } else {
                bare_loop(urls, written).await?
            };
            sheet.check(what, &run.ledger.breaches(right));
            if let Some(out) = written {
                sheet.check("the files hold the pages", &misfiled(out, urls.len())?);
            }
            if of_pool { pool.push(&run) } else { bare.push(&run) }
        }
    }
    Ok((bare, pool))
}

/// Breaches of a folder that must hold every page once, whatever the names of its files. Leaves the files there, empty: what the
/// next round leaves must be its own, and a file system that makes thousands of files soon after as many were removed is all
/// that would be measured.
fn misfiled(out: &Path, pages: usize) -> Result<Vec<Breach>, AnyError> {
    let mut ledger = Ledger::new(pages);
    for entry in fs::read_dir(out)? {
        let path = entry?.path();
        let body = fs::read(&path)?;
        if !body.is_empty() {
            ledger.take(nginx::page_of(&body).unwrap_or(u64::MAX), Some(digest(&body)));
            fs::write(&path, "")?;
        }
    }
    Ok(ledger.breaches(|page| digest(&nginx::page_text(page as usize))))
}

/// Peers over the same pages, bodies written.
fn peers(
    bench: &Bench,
    folder: &Path,
    urls: &[Url],
    rounds: usize,
    sheet: &mut Sheet,
) -> Result<Vec<Peer>, AnyError> {
    let list = folder.join("urls.txt");
    fs::write(&list, urls.iter().map(|url| format!("{url}\n")).collect::<String>())?;
    let mut peers = Vec::new();
    for name in PEERS {
        let out = folder.join(name);
        let keys = || {
            fs::create_dir_all(&out)?;
            Ok(vec![
                ("urls", list.display().to_string()),
                ("concurrency", AT_ONCE.to_string()),
                ("out", out.display().to_string()),
            ])
        };
        let verify = || match misfiled(&out, urls.len())?.as_slice() {
            [] => Ok(()),
            breaches => Err(crate::breach::told(breaches).into()),
        };
        let peer = Peer::measure(bench.peers.as_ref(), name, "fetch", rounds, PATIENCE, keys, verify);
        peers.push(peer);
    }
    if bench.peers.is_some() {
        sheet.note("a peer's figure counts only if its files hold every page");
    }
    Ok(peers)
}

/// Both sides over answers that take their time.
async fn slow_answers(bench: &Bench, pages: usize, rounds: usize, sheet: &mut Sheet) -> Result<(), AnyError> {
    let urls = slow::serve(pages, DELAY).await?;
    let ideal = (DELAY * pages.div_ceil(AT_ONCE) as u32).as_secs_f64();
    let right = |page| digest(&nginx::page_text(page as usize));
    let (mut bare, mut pool) = (Figures::default(), Figures::default());
    for _ in bench.rounds(rounds.min(5), 0.55) {
        // They wait: at once they do not stand in each other's way.
        let (one, other) = tokio::join!(bare_loop(&urls, None), through_the_pool(&urls, None));
        let (one, other) = (one?, other?);
        sheet.check("every slow page came once", &other.ledger.breaches(right));
        bare.push(one.seconds);
        pool.push(other.seconds);
    }
    sheet.rows.push(
        Row::new(format!("each answer after {} ms", DELAY.as_millis()), "s", Better::Lower, pool)
            .ideal(ideal)
            .ceiling("bare loop", bare)
            .target(Of::Ideal, 1.05),
    );
    Ok(())
}
