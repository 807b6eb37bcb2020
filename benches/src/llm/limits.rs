//! Limits that were told and limits that were not, and backends of different speeds. They wait for nearly all of their time,
//! so that all cases of a round are measured at once, each with a provider of its own.

use std::time::Duration;

use futures::future::try_join_all;
use sheaf_llm::{Parallelism, ToldLimits};

use super::{
    asker::{Asked, Backend, client, through_the_client},
    beside::{Against, limited as peers_against},
};
use crate::{
    AnyError,
    bench::Bench,
    figures::Figures,
    provider::{Provider, Settings, TOKENS},
    row::{Better, Of, Row},
    sheet::Sheet,
};

/// Share of the scenario's time.
const SHARE: f64 = 0.36;
/// Calls against a limit.
const CALLS: u64 = 200;

/// A limit, and what measures.md asks of a client against it.
struct Limit {
    name: &'static str,
    settings: Settings,
    told: ToldLimits,
    at_once: usize,
    ideal: f64,
    /// Most seconds, and most 429s.
    bounds: (f64, f64),
}

fn all_limits() -> Vec<Limit> {
    let requests = Settings { requests: Some(600.0), ..Settings::default() };
    // A bucket of one second, as that of requests is.
    let tokens =
        Settings { tokens: Some(600.0 * TOKENS as f64), bucket: 10.0 * TOKENS as f64, ..Settings::default() };
    let slots = Settings { in_flight: Some(10), ..Settings::default() };
    let nothing = ToldLimits::default();
    let told_requests = ToldLimits { requests_per_minute: Some(600), tokens_per_minute: None };
    let told_tokens = ToldLimits { requests_per_minute: None, tokens_per_minute: Some(600 * TOKENS) };
    let limit =
        |name, settings, told, at_once, ideal, bounds| Limit { name, settings, told, at_once, ideal, bounds };
    vec![
        limit("600 requests/min, told", requests, told_requests, 10, 19.5, (20.1, 0.0)),
        limit("600 requests/min, told", requests, told_requests, 100, 19.5, (20.1, 0.0)),
        limit("18,000 tokens/min, told", tokens, told_tokens, 10, 19.5, (20.1, 0.0)),
        limit("18,000 tokens/min, told", tokens, told_tokens, 100, 19.5, (20.1, 0.0)),
        limit("600 requests/min, not told", requests, nothing, 10, 19.5, (21.0, 10.0)),
        limit("600 requests/min, not told", requests, nothing, 100, 19.5, (21.0, 110.0)),
        limit("18,000 tokens/min, not told", tokens, nothing, 100, 19.5, (21.0, 110.0)),
        limit("10 in flight, not told", slots, nothing, 50, 10.0, (11.0, 60.0)),
    ]
}

impl Limit {
    /// The same for peers, which can be told of requests a minute only.
    fn for_peers(&self) -> Against {
        let told = self.told.requests_per_minute.map(|told| told as u32);
        Against { settings: self.settings, at_once: self.at_once, told }
    }
}

/// Slots and milliseconds of each backend, and calls: about ten seconds of them.
const BACKENDS: [(&[(usize, u64)], u64); 4] = [
    (&[(10, 500), (10, 1_500)], 300),
    (&[(1, 100), (1, 1_000)], 150),
    (&[(4, 300), (8, 1_000), (2, 3_000)], 300),
    (&[(10, 200), (10, 500), (10, 1_000)], 300),
];

/// What one case measured in one round.
struct Case {
    asked: Asked,
    refused: f64,
    /// One of several providers that all answer alike.
    provider: Provider,
}

pub(super) async fn measure(
    bench: &Bench,
    rounds: usize,
    shrink: u64,
    sheet: &mut Sheet,
) -> Result<(), AnyError> {
    let limits = all_limits();
    let calls = (CALLS / shrink).max(1);
    let mut limited: Vec<[Figures; 3]> = limits.iter().map(|_| Default::default()).collect();
    let mut pooled: Vec<Figures> = BACKENDS.iter().map(|_| Figures::default()).collect();
    let mut failing = Figures::default();
    for _ in bench.rounds(rounds, SHARE) {
        let (against, over, failed) = tokio::try_join!(
            try_join_all(limits.iter().map(|limit| against(limit, calls))),
            try_join_all(BACKENDS.iter().map(|(speeds, calls)| over(speeds, (calls / shrink).max(1)))),
            one_in_ten_fails((1_000 / shrink).max(10)),
        )?;
        for (case, [seconds, refused, answered]) in against.iter().zip(&mut limited) {
            case.check(sheet);
            seconds.push(case.asked.seconds);
            refused.push(case.refused);
            answered.push(case.asked.answered() as f64);
        }
        for ((case, figures), (speeds, calls)) in over.iter().zip(&mut pooled).zip(BACKENDS) {
            case.check(sheet);
            let calls = (calls / shrink).max(1);
            if case.asked.answered() as u64 != calls {
                return Err(
                    format!("{} of {calls} were answered over backends", case.asked.answered()).into()
                );
            }
            figures.push(case.asked.seconds / ideal(speeds, calls));
        }
        failing.push(failed);
    }
    let cases: Vec<Against> = limits.iter().map(Limit::for_peers).collect();
    let beside = peers_against(bench, rounds, calls, &cases);
    for ((limit, [seconds, refused, answered]), columns) in limits.iter().zip(limited).zip(beside) {
        let [mut peers_seconds, mut peers_refused, mut peers_answered] = [const { Vec::new() }; 3];
        for [seconds, refused, answered] in columns {
            peers_seconds.push(seconds);
            peers_refused.push(refused);
            peers_answered.push(answered);
        }
        let what = |what: &str| format!("{}, {} at once: {what}", limit.name, limit.at_once);
        let mut row = Row::new(what("makespan"), "s", Better::Lower, seconds);
        // The ideal of fewer calls is another: the bucket holds the first ten.
        if shrink == 1 {
            row = row.ideal(limit.ideal).target(Of::Figure, limit.bounds.0);
        }
        sheet.rows.push(row);
        sheet
            .rows
            .push(Row::new(what("429s"), "", Better::Lower, refused).target(Of::Figure, limit.bounds.1));
        let row = Row::new(what("answered"), "", Better::Higher, answered).ideal(calls as f64);
        sheet.rows.push(row.target(Of::Figure, calls as f64).peers(peers_answered));
    }
    if bench.peers.is_some() {
        sheet.note(
            "peers are told of requests a minute where the client is; of tokens a minute they cannot be told",
        );
    }
    for ((speeds, _), figures) in BACKENDS.iter().zip(pooled) {
        let named: Vec<_> = speeds.iter().map(|(slots, ms)| format!("{slots} × {ms} ms")).collect();
        let what = format!("backends of {}: makespan ÷ ideal split", named.join(", "));
        sheet.rows.push(Row::new(what, "ratio", Better::Lower, figures).ideal(1.0));
    }
    let what = "one in ten fails for good, each sent once: makespan ÷ ideal";
    sheet.rows.push(Row::new(what, "ratio", Better::Lower, failing).ideal(1.0));
    Ok(())
}

impl Case {
    fn check(&self, sheet: &mut Sheet) {
        self.asked.check_answered(|id| self.provider.secret(id), sheet);
    }
}

async fn against(limit: &Limit, calls: u64) -> Result<Case, AnyError> {
    let provider = Provider::start(limit.settings)?;
    let parallelism = Parallelism::Adaptive { start: limit.at_once, most: limit.at_once };
    let client = client(&[Backend { provider: &provider, parallelism, told: limit.told }])?;
    let asked = through_the_client(&client, calls).await?;
    let seen = provider.seen().await?;
    if seen.answered < asked.answered() {
        let (claimed, answered) = (asked.answered(), seen.answered);
        return Err(format!("{claimed} answers are claimed, and the provider gave {answered}").into());
    }
    Ok(Case { asked, refused: seen.refused as f64, provider })
}

/// Seconds that so many calls take when each backend is always busy.
fn ideal(speeds: &[(usize, u64)], calls: u64) -> f64 {
    let rate: f64 =
        speeds.iter().map(|(slots, ms)| *slots as f64 / Duration::from_millis(*ms).as_secs_f64()).sum();
    calls as f64 / rate
}

async fn over(speeds: &[(usize, u64)], calls: u64) -> Result<Case, AnyError> {
    let seed = Some(fastrand::u64(..));
    let settings = speeds.iter().map(|(_, latency_ms)| Settings {
        latency_ms: *latency_ms,
        seed,
        ..Settings::default()
    });
    let mut providers = settings.map(Provider::start).collect::<Result<Vec<_>, _>>()?;
    let pool: Vec<_> =
        providers.iter().zip(speeds).map(|(provider, (slots, _))| Backend::fixed(provider, *slots)).collect();
    let asked = through_the_client(&client(&pool)?, calls).await?;
    let provider = providers.pop().ok_or("there are no backends")?;
    Ok(Case { asked, refused: 0.0, provider })
}

/// Makespan ÷ ideal when one call in ten fails for good: 100 at once.
async fn one_in_ten_fails(calls: u64) -> Result<f64, AnyError> {
    let provider = Provider::start(Settings { fails: Some(10), ..Settings::default() })?;
    let client = client(&[Backend::fixed(&provider, 100)])?;
    let asked = through_the_client(&client, calls).await?;
    let told = client.statistics();
    let good = (calls - calls / 10) as usize;
    if (asked.answered(), told.failed as usize, told.retries) != (good, calls as usize - good, 0) {
        return Err(format!("{} of {good} were answered; {told:?}", asked.answered()).into());
    }
    Ok(asked.seconds / (calls.div_ceil(100) as f64 * super::makespan::LATENCY))
}
