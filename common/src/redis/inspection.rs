//! Whether a Redis may be trusted with jobs.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ::redis::{Value, from_redis_value};

use super::{Link, RedisError};

/// The first version with everything that the scripts use (flags of scripts, `XAUTOCLAIM` with deleted ids).
const OLDEST: (u32, u32) = (7, 0);

/// Between looks at a server that reads its file.
const LOADING: Duration = Duration::from_millis(50);

/// What a server said of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Name and version: `Redis 7.0.15`.
    pub version: String,
    /// Whether it is part of a cluster.
    pub cluster: bool,
    /// What is wrong, the worst first.
    pub findings: Vec<Finding>,
}

/// Something that is wrong with a server, and what mends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// The command that mends it.
    pub mend: String,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Jobs would be lost or nothing would work: a run is not begun.
    Refused,
    /// Jobs may be lost when the machine fails: said, and the run goes on.
    Warned,
}

impl Inspection {
    /// The findings for which no run is begun, in one line; `None` when there are none.
    pub fn refusal(&self) -> Option<String> {
        let refused: Vec<String> = self
            .findings
            .iter()
            .filter(|finding| finding.severity == Severity::Refused)
            .map(|finding| format!("{}; {}", finding.message, finding.mend))
            .collect();
        (!refused.is_empty()).then(|| refused.join("; "))
    }

    /// The findings that are only said.
    pub fn warnings(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.severity == Severity::Warned)
    }
}

/// Asks a server what it is and how it is set up. `skew` is how far its clock may be from this machine's.
pub async fn inspect(link: &Link, skew: Duration) -> Result<Inspection, RedisError> {
    let infos = loop {
        let answer = link.query("asking for its version", ::redis::cmd("INFO").arg("everything")).await?;
        let infos = each(answer);
        // While it reads its append-only file it says that it has none.
        if !infos.iter().flat_map(|info| info.lines()).any(|line| line.trim() == "loading:1") {
            break infos;
        }
        tokio::time::sleep(LOADING).await;
    };
    // The servers of cloud vendors may not allow CONFIG: then INFO has to do.
    let fsync = config(link, "appendfsync").await;
    let clock: (u64, u64) = link.query("asking for its time", &::redis::cmd("TIME")).await?;
    let away = distance(clock);
    let mut servers = infos.iter().map(|info| judge(info, fsync.as_deref(), away, skew));
    let mut found = servers.next().unwrap_or_else(|| judge("", None, away, skew));
    for other in servers {
        let new: Vec<_> =
            other.findings.into_iter().filter(|finding| !found.findings.contains(finding)).collect();
        found.findings.extend(new);
    }
    found.findings.sort_by_key(|finding| finding.severity);
    Ok(found)
}

/// How much of the memory that a server may use is used, 0 to 1 or a little more; of a cluster, that of its fullest node.
/// Without a limit: 0.
pub async fn fullness(link: &Link) -> Result<f64, RedisError> {
    let answer = link.query("asking how full it is", ::redis::cmd("INFO").arg("memory")).await?;
    Ok(each(answer).iter().map(|info| used(info)).fold(0.0, f64::max))
}

fn used(info: &str) -> f64 {
    let number = |name: &str| {
        let value = info.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':'));
        value.and_then(|value| value.parse().ok()).unwrap_or(0.0)
    };
    let most: f64 = number("maxmemory");
    if most > 0.0 { number("used_memory") / most } else { 0.0 }
}

/// What one server said, or each of a cluster.
fn each(answer: Value) -> Vec<String> {
    let text = |value| from_redis_value(value).unwrap_or_default();
    match answer {
        Value::Map(servers) => servers.into_iter().map(|(_, info)| text(info)).collect(),
        info => vec![text(info)],
    }
}

async fn config(link: &Link, name: &str) -> Option<String> {
    let command = ::redis::cmd("CONFIG").arg("GET").arg(name).clone();
    let pair: Result<Vec<String>, _> = link.query("asking for its configuration", &command).await;
    pair.ok().and_then(|pair| pair.into_iter().nth(1))
}

fn distance((seconds, micros): (u64, u64)) -> Duration {
    let theirs = Duration::from_secs(seconds) + Duration::from_micros(micros);
    let ours = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    theirs.abs_diff(ours)
}

/// Judges what a server says. Pure.
fn judge(info: &str, fsync: Option<&str>, clock_away: Duration, skew: Duration) -> Inspection {
    let field = |name: &str| {
        info.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':')).unwrap_or_default()
    };
    let valkey = field("server_name") == "valkey";
    let (name, number) =
        if valkey { ("Valkey", field("valkey_version")) } else { ("Redis", field("redis_version")) };
    let mut findings = Vec::new();
    let mut find = |severity, message: String, mend: &str| {
        findings.push(Finding { severity, message, mend: mend.to_owned() });
    };
    if !valkey && version(number) < OLDEST {
        find(
            Severity::Refused,
            format!("Redis {number} is too old: streams need {}.{} or later", OLDEST.0, OLDEST.1),
            "install Redis 7.0 or later, or Valkey",
        );
    }
    let policy = field("maxmemory_policy");
    if !policy.is_empty() && policy != "noeviction" {
        find(
            Severity::Refused,
            format!("its maxmemory-policy is {policy}: it would throw jobs away when it is full"),
            "CONFIG SET maxmemory-policy noeviction, and the same in its configuration file",
        );
    }
    if field("aof_enabled") != "1" {
        find(
            Severity::Warned,
            "its append-only file is off: jobs and results are lost when it stops".to_owned(),
            "CONFIG SET appendonly yes, and the same in its configuration file",
        );
    } else if fsync == Some("no") {
        find(
            Severity::Warned,
            "its appendfsync is no: the last half minute of jobs and results may be lost when its host fails"
                .to_owned(),
            "CONFIG SET appendfsync everysec",
        );
    }
    if clock_away > skew {
        find(
            Severity::Warned,
            format!(
                "its clock is {:.1} s from this machine's: times in results will be wrong",
                clock_away.as_secs_f64()
            ),
            "run an NTP client on both",
        );
    }
    findings.sort_by_key(|finding| finding.severity);
    Inspection { version: format!("{name} {number}"), cluster: field("redis_mode") == "cluster", findings }
}

fn version(text: &str) -> (u32, u32) {
    let mut numbers = text.split('.').map(|part| part.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SKEW: Duration = Duration::from_secs(30);

    fn judged(info: &str) -> Inspection {
        judge(info, Some("everysec"), Duration::ZERO, SKEW)
    }

    #[test]
    fn a_server_set_up_well_is_trusted() {
        let info = "redis_version:7.0.15\r\nredis_mode:standalone\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\n";
        let found = judged(info);
        assert_eq!((found.version.as_str(), found.cluster, found.findings.len()), ("Redis 7.0.15", false, 0));
        let valkey = "redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.0\r\nredis_mode:cluster\r\naof_enabled:1\r\n";
        assert_eq!(judged(valkey).version, "Valkey 8.1.0");
        assert!(judged(valkey).cluster);
    }

    #[test]
    fn what_would_lose_jobs_is_refused_with_the_command_that_mends_it() {
        let info = "redis_version:6.2.14\r\nmaxmemory_policy:allkeys-lru\r\naof_enabled:0\r\n";
        let found = judged(info);
        let refusal = found.refusal().unwrap();
        assert!(refusal.contains("Redis 6.2.14 is too old"), "{refusal}");
        assert!(refusal.contains("CONFIG SET maxmemory-policy noeviction"), "{refusal}");
        let warned: Vec<_> = found.warnings().collect();
        assert_eq!(warned.len(), 1);
        assert_eq!(warned[0].mend, "CONFIG SET appendonly yes, and the same in its configuration file");
    }

    #[test]
    fn fullness_is_a_share_of_the_limit() {
        assert!((used("used_memory:90\r\nused_memory_rss:7\r\nmaxmemory:100\r\n") - 0.9).abs() < 1e-9);
        for unlimited in ["used_memory:90\r\nmaxmemory:0\r\n", "", "maxmemory:x"] {
            assert_eq!(used(unlimited).to_bits(), 0.0_f64.to_bits());
        }
    }

    #[test]
    fn a_clock_that_is_off_is_said() {
        let info = "redis_version:7.0.15\r\naof_enabled:1\r\n";
        let found = judge(info, Some("no"), Duration::from_secs(31), SKEW);
        assert_eq!(found.warnings().count(), 2);
        assert!(found.refusal().is_none());
    }
}
