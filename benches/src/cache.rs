//! The semantic cache's look-up: near-duplicates of earlier units among many, guards included, beside brute force over the
//! same vectors and beside one round trip to Redis in the same run.

use std::{
    fmt, fs,
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use clap::Args;
use futures::future::BoxFuture;
use rustix::time::{ClockId, clock_gettime};
use sheaf_cache::{
    Scope, SemanticCache, SemanticSettings, UnitKey,
    embedder::{EmbedError, Embedder, EmbedderId, Thresholds},
};
use sheaf_common::{
    id::DocumentId,
    redis::{Link, Patience, command, stand::RedisStand},
};
use tokio::runtime::Runtime;

use crate::{
    AnyError,
    bench::Bench,
    figures::Figures,
    row::{Better, Of, Row},
    sheet::Sheet,
};

/// Numbers of a vector, as all-MiniLM-L6-v2 has them.
const DIMENSION: usize = 384;
/// Units that are about the same thing, and things of one subject.
const THING: usize = 20;
const SUBJECT: usize = 100;
/// What the parts of a vector weigh that a unit shares with those of its subject, with those about the same thing and with
/// none. Cosines are then 0.37 within a subject and 0.73 about one thing, much as embeddings of real texts have them;
/// vectors that share nothing would be an index's worst case, in which nothing leads to the nearest.
const WEIGHTS: [f32; 3] = [0.7, 0.7, 0.6];
/// How far a near-duplicate is off: its cosine is 0.96. It is looked for, and no other entry is as near.
const SLIP: f32 = 0.35;
/// Look-ups, and scans by brute force.
const LOOKUPS: usize = 5_000;
const SCANS: usize = 20;

/// What is asked.
#[derive(Debug, Clone, Args)]
pub(crate) struct Settings {
    /// Entries that the cache holds
    #[arg(long, default_value_t = 1_000_000)]
    entries: usize,
}

/// Measures look-ups among so many entries, once: building them is what takes long.
pub(crate) fn measure(_bench: &Bench, settings: &Settings) -> Result<Sheet, AnyError> {
    let entries = settings.entries.max(1);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let cores = std::thread::available_parallelism()?.get();
    let mut sheet = Sheet::new(format!(
        "Look-ups of near-duplicates among {entries} earlier units of {DIMENSION} numbers each, guards included, one after \
         the other; beside brute force over the same vectors, and beside one round trip to Redis. The vectors are made: \
         units that share subjects, and a true neighbour at a cosine of 0.96 of what is looked up."
    ));
    let settings =
        SemanticSettings { entries: entries + 1, bytes: usize::MAX >> 1, ..SemanticSettings::default() };
    let (made, scope) = (Made::new(entries), Scope::new("bench", "overview", b"1", ["model"]));
    let before = resident()?;
    let begun = Instant::now();
    let cache = runtime.block_on(async {
        let cache = Arc::new(SemanticCache::open(settings, Arc::new(made.clone()), None));
        fill(&cache, scope, entries, cores).await;
        cache
    });
    let built = begun.elapsed().as_secs_f64();
    let bytes = (resident()?.saturating_sub(before)) as f64 / entries as f64;
    let counted = cache.statistics();
    let (times, of_processor, found) = runtime.block_on(lookups(&cache, scope, entries));
    let (scans, nearest) = brute_force(&made, entries);
    let (trips, vectors) = beside_redis(&runtime)?;
    let (times, of_processor, scans, trips) =
        (Times::new(times), Times::new(of_processor), Times::new(scans), Times::new(trips));
    let row = |what: &str, unit: &str, better, value: f64| Row::new(what, unit, better, Figures::of(value));
    sheet.rows.push(
        row("look-up, p99", "ms", Better::Lower, times.at(0.99))
            .ceiling("GET of 1,000 B from Redis, p99", Figures::of(trips.at(0.99)))
            .target(Of::Figure, 2.0),
    );
    sheet.rows.push(row("look-up, p99 of the processor's time", "ms", Better::Lower, of_processor.at(0.99)));
    sheet.rows.push(
        row("look-up, p50", "ms", Better::Lower, times.at(0.5))
            .ceiling("GET of 1,000 B from Redis, p50", Figures::of(trips.at(0.5))),
    );
    sheet.rows.push(row("brute force, p50", "ms", Better::Lower, scans.at(0.5)));
    sheet.rows.push(
        row("near-duplicates found", "%", Better::Higher, 100.0 * found as f64 / LOOKUPS as f64)
            .ceiling("brute force", Figures::of(100.0 * nearest as f64 / SCANS as f64)),
    );
    sheet.rows.push(row("bytes an entry, resident", "B", Better::Lower, bytes));
    let each = counted.bytes as f64 / counted.entries.max(1) as f64;
    sheet.rows.push(row("bytes an entry, as the cap counts them", "B", Better::Lower, each));
    sheet.rows.push(row("built in", "s", Better::Lower, built));
    sheet.note(format!("Redis's own vector search: {vectors}"));
    Ok(sheet)
}

/// Times, from the shortest.
struct Times(Vec<Duration>);

impl Times {
    fn new(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    /// Milliseconds that this share of them stays below.
    fn at(&self, share: f64) -> f64 {
        let place = (self.0.len() as f64 * share) as usize;
        let time = self.0.get(place.min(self.0.len().saturating_sub(1)));
        time.copied().unwrap_or_default().as_secs_f64() * 1_000.0
    }
}

async fn fill(cache: &Arc<SemanticCache>, scope: Scope, entries: usize, cores: usize) {
    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..cores {
        let (cache, next) = (Arc::clone(cache), Arc::clone(&next));
        tasks.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= entries {
                    return;
                }
                let text = earlier(number);
                if let Some(probe) = cache.probe(None, &text).await {
                    let of = DocumentId::of_source(text.as_bytes());
                    cache.insert(UnitKey::new(scope, None, &text), probe, &of).await;
                }
            }
        });
    }
    while tasks.join_next().await.is_some() {}
}

/// Times of look-ups of near-duplicates, the processor's among them, which does not count other programs; and how many
/// found what they are near.
async fn lookups(
    cache: &SemanticCache,
    scope: Scope,
    entries: usize,
) -> (Vec<Duration>, Vec<Duration>, usize) {
    let processor = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
    };
    let mut of_processor = Vec::with_capacity(LOOKUPS);
    let mut times = Vec::with_capacity(LOOKUPS);
    let mut found = 0;
    for _ in 0..LOOKUPS {
        let number = fastrand::usize(..entries);
        let text = later(number);
        let key = UnitKey::new(scope, None, &text);
        let Some(probe) = cache.probe(None, &text).await else { continue };
        let (begun, worked) = (Instant::now(), processor());
        let hit = cache.lookup(&key, &probe).await;
        times.push(begun.elapsed());
        of_processor.push(processor().saturating_sub(worked));
        found += usize::from(hit.is_some_and(|hit| hit.key == UnitKey::new(scope, None, &earlier(number))));
    }
    (times, of_processor, found)
}

fn earlier(number: usize) -> String {
    format!("Barge {number} lies at the quay with timber.")
}

fn later(number: usize) -> String {
    format!("Barge {number} lies at the quay, with timber!")
}

fn brute_force(made: &Made, entries: usize) -> (Vec<Duration>, usize) {
    let packed = |vector: Vec<f32>| vector.into_iter().map(|number| (number * 500.0) as i8);
    let mut all: Vec<i8> = Vec::with_capacity(entries * DIMENSION);
    for number in 0..entries {
        all.extend(packed(made.vector(number, false)));
    }
    let mut times = Vec::with_capacity(SCANS);
    let mut found = 0;
    for _ in 0..SCANS {
        let number = fastrand::usize(..entries);
        let question: Vec<i8> = packed(made.vector(number, true)).collect();
        let begun = Instant::now();
        let dot = |vector: &[i8]| -> i32 {
            vector.iter().zip(&question).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum()
        };
        let nearest = all.chunks_exact(DIMENSION).map(dot).enumerate().max_by_key(|(_, likeness)| *likeness);
        times.push(begun.elapsed());
        found += usize::from(black_box(nearest).is_some_and(|(at, _)| at == number));
    }
    (times, found)
}

/// Times of a round trip, and whether the server could search for vectors itself.
fn beside_redis(runtime: &Runtime) -> Result<(Vec<Duration>, &'static str), AnyError> {
    let stand = RedisStand::start(&[]);
    runtime.block_on(async {
        let link = Link::new(stand.connector().await, Patience::For(Duration::from_secs(10)));
        let mut set = command("SET");
        set.arg("bench").arg(vec![b'x'; 1_000]);
        let _ok: String = link.query("setting a key", &set).await?;
        let mut times = Vec::with_capacity(LOOKUPS);
        for _ in 0..LOOKUPS {
            let begun = Instant::now();
            let value: Vec<u8> = link.query("getting a key", command("GET").arg("bench")).await?;
            times.push(begun.elapsed());
            black_box(value);
        }
        let known: redis::Value =
            link.query("asking", command("COMMAND").arg("INFO").arg("VSIM").arg("FT.SEARCH")).await?;
        let none =
            matches!(&known, redis::Value::Array(all) if all.iter().all(|one| *one == redis::Value::Nil));
        let why = if none {
            "not measured, this server has neither VSIM (Redis 8) nor FT.SEARCH"
        } else {
            "this server has it; it is not measured here"
        };
        Ok((times, why))
    })
}

/// Bytes of this process that are in memory.
fn resident() -> Result<usize, AnyError> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS in /proc/self/status")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<usize>()? << 10)
}

/// Vectors made of a number in the text: near those about the same thing, less near those of its subject, and nearest to
/// those of the same number.
#[derive(Clone)]
struct Made {
    id: EmbedderId,
    things: usize,
}

impl fmt::Debug for Made {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Made")
    }
}

impl Made {
    fn new(entries: usize) -> Self {
        Self { id: EmbedderId::new("made", DIMENSION), things: entries / THING + 1 }
    }

    fn vector(&self, number: usize, again: bool) -> Vec<f32> {
        let noise = |seed: usize| {
            let mut random = fastrand::Rng::with_seed(seed as u64);
            std::iter::repeat_with(move || random.f32() + random.f32() - 1.0)
        };
        let thing = number % self.things;
        let parts = [(thing / SUBJECT) << 48, (thing << 24) + 1, (number << 24) + 2, (number << 24) + 3];
        let [of_subject, of_thing, of_none] = WEIGHTS;
        let weights = [of_subject, of_thing, of_none, if again { SLIP } else { 0.0 }];
        let mut vector = vec![0.0; DIMENSION];
        for (part, weight) in parts.into_iter().zip(weights) {
            for (number, noise) in vector.iter_mut().zip(noise(part)) {
                *number += weight * noise;
            }
        }
        let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
        vector.into_iter().map(|number| number / length).collect()
    }
}

impl Embedder for Made {
    fn id(&self) -> &EmbedderId {
        &self.id
    }

    fn thresholds(&self) -> Thresholds {
        Thresholds { same_words: 0.8, reworded: None }
    }

    fn longest(&self) -> usize {
        1_000
    }

    fn embed<'a>(&'a self, text: &'a str) -> BoxFuture<'a, Result<Vec<f32>, EmbedError>> {
        let number = text.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or_default();
        let vector = self.vector(number, text.ends_with('!'));
        Box::pin(async move { Ok(vector) })
    }
}
