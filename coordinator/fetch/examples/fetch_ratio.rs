//! Throughput of the pool beside a bare client loop, in one process and one run.
//!
//! Two cases: pages as fast as a private nginx serves them, and answers that take 100 ms each, against the time that
//! arithmetic allows. Alternating rounds; medians and spread.
//!
//! ```text
//! cargo run --release -p sheaf-fetch --example fetch_ratio [-- ROUNDS [--write]]
//! ```
//!
//! With `--write`, both sides write every body to a file.

#![allow(clippy::print_stdout, reason = "it is a program for people")]

use std::{
    error::Error,
    fs, io,
    net::TcpListener as StdListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
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

const PAGES: usize = 2_000;
const AT_ONCE: usize = 32;
const PAGE_BYTES: usize = 41_450;
const DELAY: Duration = Duration::from_millis(100);

type AnyError = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let rounds = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(7).max(5);
    let folder = tempfile::tempdir()?;
    let written = arguments.iter().any(|argument| argument == "--write").then(|| folder.path().join("out"));
    if let Some(out) = &written {
        fs::create_dir(out)?;
    }

    match Nginx::start(folder.path()) {
        Ok(nginx) => {
            println!(
                "{PAGES} pages of about {PAGE_BYTES} bytes from nginx, {AT_ONCE} at once, {rounds} rounds"
            );
            compare(&nginx.urls, rounds, written.as_deref()).await?;
        }
        Err(error) => println!("nginx does not start here ({error}); the case without delay is left out"),
    }

    let urls = delayed_server().await?;
    let ideal = DELAY * PAGES.div_ceil(AT_ONCE) as u32;
    println!("\n{PAGES} pages, each after {DELAY:?}, {AT_ONCE} at once, ideal {:.3} s", ideal.as_secs_f64());
    let (mut bare, mut pool) = (Vec::new(), Vec::new());
    for _ in 0..rounds.min(5) {
        bare.push(bare_loop(&urls, None).await?);
        pool.push(through_the_pool(&urls, None).await?);
    }
    for (name, times) in [("bare loop", bare), ("pool", pool)] {
        println!("{name:>10}: {:.3} of the ideal", median(&times) / ideal.as_secs_f64());
        report(name, &times);
    }
    Ok(())
}

async fn compare(urls: &[Url], rounds: usize, written: Option<&Path>) -> Result<(), AnyError> {
    // One of each to warm the page cache.
    bare_loop(urls, written).await?;
    through_the_pool(urls, written).await?;
    let (mut bare, mut pool, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
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
        ratios.push(first / second);
    }
    report("bare loop", &bare);
    report("pool", &pool);
    let (low, high) = spread(&ratios);
    let of_medians = median(&bare) / median(&pool);
    println!(
        "     ratio: {of_medians:.3} of medians (by round: median {:.3}, {low:.3} to {high:.3})",
        median(&ratios)
    );
    Ok(())
}

/// What the pool is measured against: a client and nothing else.
async fn bare_loop(urls: &[Url], written: Option<&Path>) -> Result<f64, AnyError> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let urls: Arc<[Url]> = urls.into();
    let next = Arc::new(AtomicUsize::new(0));
    let out = written.map(Path::to_path_buf);
    let start = Instant::now();
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
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(bytes, PAGES * PAGE_BYTES, "every page came whole");
    Ok(seconds)
}

async fn through_the_pool(urls: &[Url], written: Option<&Path>) -> Result<f64, AnyError> {
    let fetcher = HttpFetcher::new(FetchLimits::default())?;
    let urls = urls.to_vec();
    let start = Instant::now();
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
    let mut bytes = 0;
    while let Some(outcome) = output.next().await {
        match outcome {
            Outcome::Fetched(at, fetched) => {
                bytes += fetched.body.len();
                write(written, at, &fetched.body)?;
            }
            Outcome::Failed(_, failure) => return Err(failure.into()),
            Outcome::HandedBack(_) => return Err("a page was handed back".into()),
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(bytes, PAGES * PAGE_BYTES, "every page came whole");
    Ok(seconds)
}

fn write(out: Option<&Path>, at: usize, body: &[u8]) -> io::Result<()> {
    out.map_or(Ok(()), |out| fs::write(out.join(at.to_string()), body))
}

fn report(name: &str, times: &[f64]) {
    let (low, high) = spread(times);
    let middle = median(times);
    println!(
        "{name:>10}: median {middle:.3} s ({:.0} pages/s), {low:.3} to {high:.3} s",
        PAGES as f64 / middle
    );
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn spread(values: &[f64]) -> (f64, f64) {
    values
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &value| (low.min(value), high.max(value)))
}

/// An nginx with a folder, a port and pages of its own.
struct Nginx {
    process: Child,
    urls: Vec<Url>,
}

impl Nginx {
    fn start(folder: &Path) -> Result<Self, AnyError> {
        // Its workers run as another user when it is started by root.
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
        let pages = folder.join("pages");
        fs::create_dir(&pages)?;
        for page in 0..PAGES {
            fs::write(pages.join(format!("{page}.html")), page_text(page))?;
        }
        let port = StdListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let configuration = folder.join("nginx.conf");
        let here = folder.display();
        fs::write(
            &configuration,
            format!(
                "daemon off; pid {here}/pid; error_log {here}/error.log; worker_processes 1;
                 events {{ worker_connections 512; }}
                 http {{
                   access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
                   types {{ text/html html; }}
                   client_body_temp_path {here}/t1; proxy_temp_path {here}/t2; fastcgi_temp_path {here}/t3;
                   uwsgi_temp_path {here}/t4; scgi_temp_path {here}/t5;
                   server {{ listen 127.0.0.1:{port}; root {pages}; }}
                 }}",
                pages = pages.display()
            ),
        )?;
        let program = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/opt/homebrew/bin/nginx"]
            .iter()
            .map(PathBuf::from)
            .find(|program| program.exists())
            .ok_or("it is not installed")?;
        let mut process =
            Command::new(program).arg("-c").arg(&configuration).stderr(Stdio::null()).spawn()?;
        let deadline = Instant::now() + Duration::from_secs(10);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Some(status) = process.try_wait()? {
                let log = fs::read_to_string(folder.join("error.log")).unwrap_or_default();
                return Err(format!("it ended with {status}: {log}").into());
            }
            if Instant::now() > deadline {
                return Err("it does not listen after 10 s".into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let urls = (0..PAGES).map(|page| Url::parse(&format!("http://127.0.0.1:{port}/{page}.html")));
        let urls = urls.collect::<Result<_, _>>()?;
        Ok(Self { process, urls })
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // The master passes SIGTERM on to its workers; a plain kill would leave them behind.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}

fn page_text(page: usize) -> Vec<u8> {
    let mut text = format!("<!doctype html><title>Page {page}</title><p>").into_bytes();
    while text.len() < PAGE_BYTES {
        text.extend_from_slice(format!("Sentence {} of page {page} says little. ", text.len()).as_bytes());
    }
    text.truncate(PAGE_BYTES);
    text
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
