//! The two sides: a bare client loop, and the pool.

use std::{
    fs, io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use sheaf_common::shutdown::Shutdown;
use sheaf_fetch::{FetchLimits, FetchRequest, HttpFetcher, Order, Outcome, Pool, PoolSettings};
use tokio::task::JoinSet;
use url::Url;

use super::AT_ONCE;
use crate::{
    AnyError,
    figures::Figures,
    ledger::{Ledger, digest},
    program::cpu_seconds,
};

/// One round of one side.
pub(super) struct Run {
    pub(super) seconds: f64,
    /// CPU time of this process, all threads.
    cpu: f64,
    /// The digests of the bodies that came, computed while the clock runs, by both sides.
    pub(super) ledger: Ledger,
}

/// All rounds of one side.
#[derive(Default)]
pub(super) struct Side {
    pub(super) seconds: Figures,
    pub(super) cpu: Figures,
}

impl Side {
    pub(super) fn push(&mut self, run: &Run) {
        self.seconds.push(run.seconds);
        self.cpu.push(run.cpu);
    }
}

/// What the pool is measured against: a client and nothing else.
pub(super) async fn bare_loop(urls: &[Url], written: Option<&Path>) -> Result<Run, AnyError> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let urls: Arc<[Url]> = urls.into();
    let next = Arc::new(AtomicUsize::new(0));
    let out = written.map(Path::to_path_buf);
    let mut ledger = Ledger::new(urls.len());
    let (start, cpu) = (Instant::now(), cpu_seconds("self"));
    let mut tasks = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (client, urls, next, out) = (client.clone(), Arc::clone(&urls), Arc::clone(&next), out.clone());
        tasks.spawn(async move {
            let mut digests = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(url) = urls.get(at) else { return Ok::<_, AnyError>(digests) };
                let body = client.get(url.clone()).send().await?.error_for_status()?.bytes().await?;
                digests.push((at, digest(&body)));
                write(out.as_deref(), at, &body)?;
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??.into_iter().for_each(|(at, digest)| ledger.take(at as u64, Some(digest)));
    }
    Ok(Run { seconds: start.elapsed().as_secs_f64(), cpu: cpu_seconds("self") - cpu, ledger })
}

/// The same through the pool.
pub(super) async fn through_the_pool(urls: &[Url], written: Option<&Path>) -> Result<Run, AnyError> {
    let fetcher = HttpFetcher::new(FetchLimits::default())?;
    let urls = urls.to_vec();
    let mut ledger = Ledger::new(urls.len());
    let (start, cpu) = (Instant::now(), cpu_seconds("self"));
    let settings = PoolSettings { max_workers: AT_ONCE, ..PoolSettings::default() };
    let (input, mut output) = Pool::start(fetcher, settings, Shutdown::new());
    tokio::spawn(async move {
        for (payload, url) in urls.into_iter().enumerate() {
            let request = FetchRequest { private_allowed: true, ..FetchRequest::document(url) };
            if input.send(Order { request, payload }).await.is_err() {
                return;
            }
        }
    });
    let out = written.map(Path::to_path_buf);
    let taking = tokio::spawn(async move {
        let (mut digests, mut writing) = (Vec::new(), JoinSet::new());
        while let Some(outcome) = output.next().await {
            match outcome {
                Outcome::Fetched(at, page) => {
                    digests.push((at, digest(&page.body)));
                    if let Some(out) = out.clone() {
                        // As many write at once as in the bare loop.
                        if writing.len() == AT_ONCE
                            && let Some(written) = writing.join_next().await
                        {
                            written??;
                        }
                        writing.spawn(async move { write(Some(&out), at, &page.body) });
                    }
                }
                Outcome::Failed(_, failure) => return Err(failure.into()),
                Outcome::HandedBack(_) => return Err("a page was handed back".into()),
            }
        }
        while let Some(written) = writing.join_next().await {
            written??;
        }
        Ok::<_, AnyError>(digests)
    });
    taking.await??.into_iter().for_each(|(at, digest)| ledger.take(at as u64, Some(digest)));
    Ok(Run { seconds: start.elapsed().as_secs_f64(), cpu: cpu_seconds("self") - cpu, ledger })
}

fn write(out: Option<&Path>, at: usize, body: &[u8]) -> io::Result<()> {
    out.map_or(Ok(()), |out| fs::write(out.join(at.to_string()), body))
}
