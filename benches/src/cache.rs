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

use crate::AnyError;

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

/// Measures look-ups among `entries` entries.
pub(crate) fn measure(entries: usize) -> Result<(), AnyError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let cores = std::thread::available_parallelism()?.get();
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
    let built = begun.elapsed();
    let bytes = (resident()?.saturating_sub(before)) as f64 / entries as f64;
    let counted = cache.statistics();
    println!(
        "{entries} entries of {DIMENSION} numbers, built in {:.0} s on {cores} cores",
        built.as_secs_f64()
    );
    println!(
        "bytes an entry        {bytes:.0} resident; {:.0} counted for the cap",
        counted.bytes as f64 / counted.entries as f64
    );

    let (mut times, mut of_processor, found) = runtime.block_on(lookups(&cache, scope, entries));
    print("look-up, guards too", &mut times);
    print("  processor time", &mut of_processor);
    println!(
        "found by the index    {:.2}% of {LOOKUPS} near-duplicates",
        100.0 * found as f64 / LOOKUPS as f64
    );
    let (mut times, nearest) = brute_force(&made, entries);
    print("brute force, i8", &mut times);
    println!("found by brute force  {nearest} of {SCANS}");
    beside_redis(&runtime)
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

fn beside_redis(runtime: &Runtime) -> Result<(), AnyError> {
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
        print("Redis: GET of 1,000 B", &mut times);
        let known: redis::Value =
            link.query("asking", command("COMMAND").arg("INFO").arg("VSIM").arg("FT.SEARCH")).await?;
        let none =
            matches!(&known, redis::Value::Array(all) if all.iter().all(|one| *one == redis::Value::Nil));
        let why =
            if none { "this server has neither VSIM (Redis 8) nor FT.SEARCH" } else { "not measured here" };
        println!("Redis: vector search  empty: {why}");
        Ok(())
    })
}

fn print(what: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let at = |share: f64| {
        let place = (times.len() as f64 * share) as usize;
        times.get(place.min(times.len().saturating_sub(1))).copied().unwrap_or_default().as_secs_f64()
            * 1_000.0
    };
    println!("{what:21} p50 {:.3} ms, p99 {:.3} ms", at(0.5), at(0.99));
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
