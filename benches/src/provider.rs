//! A provider of models in a process of its own: fixed latency, one limit, OpenAI's interface.
//!
//! It runs as `bench provider`, which the scenarios start themselves, so that its work is not measured as theirs.

use std::{
    io::{BufRead, BufReader, Write},
    net::Ipv4Addr,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::sleep,
};

use crate::{AnyError, ledger::digest};

/// What it does.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Settings {
    /// Milliseconds of an answer
    #[arg(long, default_value_t = 500)]
    pub(crate) latency_ms: u64,
    /// Requests a minute that flow into its bucket
    #[arg(long)]
    pub(crate) requests: Option<f64>,
    /// Tokens a minute that flow into its bucket
    #[arg(long)]
    pub(crate) tokens: Option<f64>,
    /// What the bucket holds
    #[arg(long, default_value_t = 10.0)]
    pub(crate) bucket: f64,
    /// Most requests in flight
    #[arg(long)]
    pub(crate) in_flight: Option<usize>,
    /// Every so many-th document fails for good with a 400
    #[arg(long)]
    pub(crate) fails: Option<u64>,
    /// What its answers follow from, beside their requests: nobody else knows it [default: another one each time]
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Address that it listens on, at a port of its own choice
    #[arg(long, default_value_t = Ipv4Addr::LOCALHOST)]
    pub(crate) listen: Ipv4Addr,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            latency_ms: 500,
            requests: None,
            tokens: None,
            bucket: 10.0,
            in_flight: None,
            fails: None,
            seed: None,
            listen: Ipv4Addr::LOCALHOST,
        }
    }
}

/// What it has seen.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) answered: usize,
    pub(crate) refused: usize,
    pub(crate) failed: usize,
    pub(crate) most_in_flight: usize,
}

/// The process. It ends when this is dropped.
pub(crate) struct Provider {
    process: Child,
    address: String,
    seed: u64,
}

impl Provider {
    /// Starts one.
    pub(crate) fn start(settings: Settings) -> Result<Self, AnyError> {
        let seed = settings.seed.unwrap_or_else(|| fastrand::u64(..));
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["provider", "--seed", &seed.to_string()]);
        for (name, value) in [
            ("--latency-ms", Some(settings.latency_ms.to_string())),
            ("--requests", settings.requests.map(|number| number.to_string())),
            ("--tokens", settings.tokens.map(|number| number.to_string())),
            ("--bucket", Some(settings.bucket.to_string())),
            ("--in-flight", settings.in_flight.map(|number| number.to_string())),
            ("--fails", settings.fails.map(|number| number.to_string())),
            ("--listen", Some(settings.listen.to_string())),
        ] {
            if let Some(value) = value {
                command.args([name, &value]);
            }
        }
        // It ends when its input does: with this process, however that ends.
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let output = process.stdout.take().ok_or("the provider has no output")?;
        let mut address = String::new();
        BufReader::new(output).read_line(&mut address)?;
        if address.trim().is_empty() {
            return Err("the provider did not start".into());
        }
        Ok(Self { process, address: address.trim().to_owned(), seed })
    }

    /// Where OpenAI's interface begins.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// What its answer to a request of this number carries.
    pub(crate) fn secret(&self, number: u64) -> u64 {
        secret(self.seed, number)
    }

    /// What it has seen so far.
    pub(crate) async fn seen(&self) -> Result<Seen, AnyError> {
        let url = format!("http://{}/seen", self.address);
        let text = reqwest::Client::builder().no_proxy().build()?.get(url).send().await?.text().await?;
        Ok(serde_json::from_str(&text)?)
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[derive(Debug)]
struct State {
    settings: Settings,
    counts: Mutex<Counts>,
}

#[derive(Debug)]
struct Counts {
    seen: Seen,
    in_flight: usize,
    level: f64,
    at: Instant,
}

/// Serves until the input ends.
pub(crate) fn serve(settings: Settings) -> Result<(), AnyError> {
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let socket = TcpSocket::new_v4()?;
        socket.bind((settings.listen, 0).into())?;
        // Hundreds connect at once; one that is turned away comes again a second later.
        let listener = socket.listen(4_096)?;
        println!("{}", listener.local_addr()?);
        std::io::stdout().flush()?;
        let counts =
            Counts { seen: Seen::default(), in_flight: 0, level: settings.bucket, at: Instant::now() };
        let state = Arc::new(State { settings, counts: Mutex::new(counts) });
        loop {
            let (stream, _) = listener.accept().await?;
            let state = Arc::clone(&state);
            // A client that goes away is no concern of a server's.
            tokio::spawn(async move { drop(converse(stream, &state).await) });
        }
    })
}

/// One connection, kept open from request to request.
async fn converse(mut stream: TcpStream, state: &State) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut bytes = Vec::new();
    loop {
        let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
            continue;
        };
        let text = String::from_utf8_lossy(bytes.get(..head).unwrap_or_default()).to_ascii_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
        let end = head + 4 + length.unwrap_or(0usize);
        if bytes.len() < end {
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
            continue;
        }
        let body = bytes.get(head + 4..end).unwrap_or_default();
        let answer = if text.starts_with("get ") {
            reply("200 OK", "", &serde_json::to_string(&state.counts().seen).unwrap_or_default())
        } else {
            state.answer(&String::from_utf8_lossy(body)).await
        };
        bytes.drain(..end);
        stream.write_all(answer.as_bytes()).await?;
    }
}

fn reply(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    )
}

/// What stands before a document's number, in requests and in their answers.
pub(crate) const MARK: &str = "Document #";

/// What stands before a notice's number: a document of a whole run.
pub(crate) const NOTICE: &str = "Notice no. ";

/// What an answer carries: only the provider, which has seen the request, and who has started it can know it.
fn secret(seed: u64, number: u64) -> u64 {
    digest(&[seed.to_be_bytes(), number.to_be_bytes()].concat())
}

/// The digest that an answer to the request of this number carries; `None` for an answer to another.
pub(crate) fn digest_of(mark: &str, answer: &str, number: u64) -> Option<u64> {
    let (answered, digest) = answer.strip_prefix(mark)?.split_once(": ")?;
    (answered.parse() == Ok(number)).then(|| u64::from_str_radix(digest, 16).ok())?
}

/// Tokens of each request, input and output together, as this provider counts them.
pub(crate) const TOKENS: u64 = 30;

/// An answer that satisfies the built-in recipe, as JSON in a JSON string, but for its summary.
const OVERVIEW: &str = r#"{\"summary\":\"SUMMARY\",\"key_points\":[],\"keywords\":[\"crane\"],\"document_type\":\"minutes\",\"confidence\":0.9}"#;

impl State {
    fn counts(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, body: &str) -> String {
        let error = |status: &str, headers: &str, kind: &str| {
            let body = format!(r#"{{"error":{{"message":"no","type":"{kind}","code":"{kind}"}}}}"#);
            reply(status, headers, &body)
        };
        let numbered = |mark: &str| {
            let digits = body.split_once(mark)?.1.chars().take_while(char::is_ascii_digit);
            digits.collect::<String>().parse::<u64>().ok()
        };
        let number = numbered(MARK);
        if let Err(wait) = self.admit() {
            self.counts().seen.refused += 1;
            let headers = format!("Retry-After: {}\r\n", wait.as_secs_f64().ceil().max(1.0));
            return error("429 Too Many Requests", &headers, "rate_limit_exceeded");
        }
        sleep(Duration::from_millis(self.settings.latency_ms)).await;
        let fails = self.settings.fails.zip(number).is_some_and(|(every, number)| number % every == 3);
        let mut counts = self.counts();
        counts.in_flight -= 1;
        if fails {
            counts.seen.failed += 1;
            return error("400 Bad Request", "", "invalid_request_error");
        }
        counts.seen.answered += 1;
        let seed = self.settings.seed.unwrap_or_default();
        let carries = |mark: &str, number| format!("{mark}{number}: {:016x}", secret(seed, number));
        let content = match (number, numbered(NOTICE)) {
            (Some(number), _) => carries(MARK, number),
            (None, notice) => OVERVIEW.replace("SUMMARY", &carries(NOTICE, notice.unwrap_or(u64::MAX))),
        };
        let body = format!(
            r#"{{"object":"chat.completion","model":"bench","choices":[{{"index":0,"message":{{"role":"assistant","content":"{content}"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":20,"completion_tokens":10,"total_tokens":{TOKENS}}}}}"#,
        );
        reply("200 OK", "", &body)
    }

    /// Lets a request pass, or says how long until it would.
    fn admit(&self) -> Result<(), Duration> {
        let Settings { requests, tokens, bucket, in_flight, .. } = self.settings;
        let counts = &mut *self.counts();
        if in_flight.is_some_and(|most| counts.in_flight >= most) {
            return Err(Duration::from_secs(1));
        }
        let rate = requests.map(|rate| (rate, 1.0)).or(tokens.map(|rate| (rate, TOKENS as f64)));
        if let Some((per_minute, need)) = rate {
            let now = Instant::now();
            let elapsed = now.saturating_duration_since(counts.at).as_secs_f64();
            counts.level = (counts.level + elapsed * per_minute / 60.0).min(bucket);
            counts.at = now;
            if counts.level + 1e-6 < need {
                return Err(Duration::from_secs_f64((need - counts.level) * 60.0 / per_minute));
            }
            counts.level -= need;
        }
        counts.in_flight += 1;
        counts.seen.most_in_flight = counts.seen.most_in_flight.max(counts.in_flight);
        Ok(())
    }
}
