//! Throughput of the pool beside a bare client loop, in one process and one run.
//!
//! Two cases: pages as fast as a private nginx serves them, and answers that take 100 ms each, against the time that
//! arithmetic allows. Alternating rounds; medians and spread.

use std::{
    fs, io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use sheaf_common::shutdown::Shutdown;
use sheaf_fetch::{FetchLimits, FetchRequest, HttpFetcher, Order, Outcome, Pool, PoolSettings};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinSet,
};
use url::Url;

use crate::{
    AnyError,
    figures::Figures,
    nginx::{Nginx, PAGE_BYTES, page_text},
};

const PAGES: usize = 2_000;
const AT_ONCE: usize = 32;
const DELAY: Duration = Duration::from_millis(100);

/// Measures on a runtime of its own.
pub(crate) fn measure(rounds: usize) -> Result<(), AnyError> {
    tokio::runtime::Runtime::new()?.block_on(all_cases(rounds))
}

async fn all_cases(rounds: usize) -> Result<(), AnyError> {
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("out");
    fs::create_dir(&out)?;

    match Nginx::start(folder.path(), PAGES) {
        Ok(nginx) => {
            println!(
                "{PAGES} pages of about {PAGE_BYTES} bytes from nginx, {AT_ONCE} at once, {rounds} rounds"
            );
            println!("\nBodies written to files:");
            compare(&nginx.urls, rounds, Some(&out)).await?;
            println!("\nBodies thrown away:");
            compare(&nginx.urls, rounds, None).await?;
        }
        Err(error) => println!("nginx does not start here ({error}); the case without delay is left out"),
    }

    let urls = delayed_server().await?;
    let ideal = DELAY * PAGES.div_ceil(AT_ONCE) as u32;
    println!("\n{PAGES} pages, each after {DELAY:?}, {AT_ONCE} at once, ideal {:.3} s", ideal.as_secs_f64());
    let (mut bare, mut pool) = (Side::default(), Side::default());
    for _ in 0..rounds.min(5) {
        bare.push(bare_loop(&urls, None).await?);
        pool.push(through_the_pool(&urls, None).await?);
    }
    for (name, times) in [("bare loop", bare), ("pool", pool)] {
        println!("{name:>10}: {:.3} of the ideal", times.seconds.median() / ideal.as_secs_f64());
        times.report(name);
    }
    Ok(())
}

async fn compare(urls: &[Url], rounds: usize, written: Option<&Path>) -> Result<(), AnyError> {
    // One of each to warm the page cache.
    bare_loop(urls, written).await?;
    through_the_pool(urls, written).await?;
    let (mut bare, mut pool) = (Side::default(), Side::default());
    for round in 0..rounds {
        // Whichever goes first, neither always follows the other.
        let (first, second) = if round % 2 == 0 {
            let first = bare_loop(urls, written).await?;
            (first, through_the_pool(urls, written).await?)
        } else {
            let second = through_the_pool(urls, written).await?;
            (bare_loop(urls, written).await?, second)
        };
        bare.push(first);
        pool.push(second);
    }
    bare.report("bare loop");
    pool.report("pool");
    println!("     ratio of speeds, by round: {}", bare.seconds.per(&pool.seconds));
    Ok(())
}

/// What the pool is measured against: a client and nothing else.
async fn bare_loop(urls: &[Url], written: Option<&Path>) -> Result<Run, AnyError> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let urls: Arc<[Url]> = urls.into();
    let next = Arc::new(AtomicUsize::new(0));
    let out = written.map(Path::to_path_buf);
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let mut tasks = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (client, urls, next, out) = (client.clone(), Arc::clone(&urls), Arc::clone(&next), out.clone());
        tasks.spawn(async move {
            let mut bytes = 0;
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(url) = urls.get(at) else { return Ok::<_, AnyError>(bytes) };
                let body = client.get(url.clone()).send().await?.error_for_status()?.bytes().await?;
                bytes += body.len();
                write(out.as_deref(), at, &body)?;
            }
        });
    }
    let mut bytes = 0;
    while let Some(done) = tasks.join_next().await {
        bytes += done??;
    }
    let run = Run { seconds: start.elapsed().as_secs_f64(), cpu: cpu_seconds() - cpu };
    assert_eq!(bytes, PAGES * PAGE_BYTES, "every page came whole");
    Ok(run)
}

async fn through_the_pool(urls: &[Url], written: Option<&Path>) -> Result<Run, AnyError> {
    let fetcher = HttpFetcher::new(FetchLimits::default())?;
    let urls = urls.to_vec();
    let (start, cpu) = (Instant::now(), cpu_seconds());
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
        let (mut bytes, mut writing) = (0, JoinSet::new());
        while let Some(outcome) = output.next().await {
            match outcome {
                Outcome::Fetched(at, page) => {
                    bytes += page.body.len();
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
        Ok::<_, AnyError>(bytes)
    });
    let bytes = taking.await??;
    let run = Run { seconds: start.elapsed().as_secs_f64(), cpu: cpu_seconds() - cpu };
    assert_eq!(bytes, PAGES * PAGE_BYTES, "every page came whole");
    Ok(run)
}

fn write(out: Option<&Path>, at: usize, body: &[u8]) -> io::Result<()> {
    out.map_or(Ok(()), |out| fs::write(out.join(at.to_string()), body))
}

/// One round of one side.
#[derive(Clone, Copy)]
struct Run {
    seconds: f64,
    /// CPU time of this process, all threads.
    cpu: f64,
}

/// All rounds of one side.
#[derive(Default)]
struct Side {
    seconds: Figures,
    cpu: Figures,
}

impl Side {
    fn push(&mut self, run: Run) {
        self.seconds.push(run.seconds);
        self.cpu.push(run.cpu);
    }

    fn report(&self, name: &str) {
        let per_second = PAGES as f64 / self.seconds.median();
        println!("{name:>10}: {} s, {per_second:.0} pages/s, {} s of CPU", self.seconds, self.cpu);
    }
}

/// CPU time of this process so far: user and system, of all threads. 0 where it cannot be told.
fn cpu_seconds() -> f64 {
    /// Clock ticks a second: fixed for programs on Linux, whatever the kernel's own is (proc(5), `USER_HZ`).
    const TICKS: f64 = 100.0;
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program, in parentheses, may hold spaces; `utime` and `stime` are fields 14 and 15.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    fields.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>()
        / TICKS
}

/// A server in this process that takes its time for each answer.
async fn delayed_server() -> Result<Vec<Url>, AnyError> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {PAGE_BYTES}\r\n\r\n");
    let answer: Arc<[u8]> = [head.into_bytes(), page_text(0)].concat().into();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = Arc::clone(&answer);
            tokio::spawn(async move {
                let mut request = Vec::new();
                while stream.read_buf(&mut request).await.is_ok_and(|read| read > 0) {
                    if request.ends_with(b"\r\n\r\n") {
                        request.clear();
                        tokio::time::sleep(DELAY).await;
                        if stream.write_all(&answer).await.is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
    Ok((0..PAGES).map(|page| Url::parse(&format!("http://{address}/{page}"))).collect::<Result<_, _>>()?)
}
