//! What a run must have left, whatever was done to it. Knows nothing of the run but its results file and what an
//! undisturbed run left.

use std::{collections::BTreeMap, fmt};

use serde_json::{Map, Value};

/// What may differ between two runs over the same documents.
const MAY_DIFFER: [&str; 3] = ["timings_ms", "worker", "attempts"];
/// Breaches that are told one by one; of the others only the number.
const TOLD: usize = 10;

/// A promise that a results file breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Breach {
    /// A document without a record.
    Lost { source: String },
    /// A document with several.
    Doubled { source: String, records: usize },
    /// A record that says something else than the undisturbed run's.
    Altered { source: String, fields: Vec<String> },
    /// A document that was not analysed.
    NotOk { source: String, said: String },
    /// A record of a document that is not in the set.
    Unknown { source: String },
    /// A line that is no record.
    Unreadable { line: usize, why: String },
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost { source } => write!(f, "LOST: {source} has no record"),
            Self::Doubled { source, records } => write!(f, "DOUBLED: {source} has {records} records"),
            Self::Altered { source, fields } => {
                write!(f, "ALTERED: {source} differs from the undisturbed run in {}", fields.join(", "))
            }
            Self::NotOk { source, said } => write!(f, "NOT OK: {source}: {said}"),
            Self::Unknown { source } => write!(f, "UNKNOWN: {source} is no document of the set"),
            Self::Unreadable { line, why } => write!(f, "UNREADABLE: line {line} is no record: {why}"),
        }
    }
}

/// Every breach of `found` against `expected`; both are the text of a `results.jsonl`. None: each document of `expected`
/// has exactly one record in `found`, it is ok, and it says the same.
pub(super) fn breaches(expected: &str, found: &str) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let expected = by_source(expected, &mut breaches);
    let found = by_source(found, &mut breaches);
    for (source, wanted) in &expected {
        let source = || source.clone();
        match found.get(&source()).map(Vec::as_slice) {
            None | Some([]) => breaches.push(Breach::Lost { source: source() }),
            Some([record]) => {
                if record.get("status").is_none_or(|status| status != "ok") {
                    breaches.push(Breach::NotOk { source: source(), said: said(record) });
                    continue;
                }
                let fields = wanted.first().map(|wanted| differences(wanted, record)).unwrap_or_default();
                if !fields.is_empty() {
                    breaches.push(Breach::Altered { source: source(), fields });
                }
            }
            Some(records) => breaches.push(Breach::Doubled { source: source(), records: records.len() }),
        }
    }
    let unknown = found.into_keys().filter(|source| !expected.contains_key(source));
    breaches.extend(unknown.map(|source| Breach::Unknown { source }));
    breaches
}

/// The breaches in lines for a person.
pub(super) fn told(breaches: &[Breach]) -> String {
    let mut lines: Vec<String> = breaches.iter().take(TOLD).map(Breach::to_string).collect();
    if breaches.len() > TOLD {
        lines.push(format!("and {} more", breaches.len() - TOLD));
    }
    lines.join("\n")
}

type Record = Map<String, Value>;

fn by_source(text: &str, breaches: &mut Vec<Breach>) -> BTreeMap<String, Vec<Record>> {
    let mut records: BTreeMap<String, Vec<Record>> = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let unreadable = |why: String| Breach::Unreadable { line: number + 1, why };
        match serde_json::from_str::<Record>(line) {
            Ok(record) => match record.get("source").and_then(Value::as_str) {
                Some(source) => records.entry(source.to_owned()).or_default().push(record),
                None => breaches.push(unreadable("it names no source".to_owned())),
            },
            Err(error) => breaches.push(unreadable(error.to_string())),
        }
    }
    records
}

/// Names of the fields in which two records differ that must not.
fn differences(wanted: &Record, record: &Record) -> Vec<String> {
    let mut names: Vec<&String> = wanted.keys().chain(record.keys()).collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| !MAY_DIFFER.contains(&name.as_str()) && wanted.get(*name) != record.get(*name));
    names.into_iter().cloned().collect()
}

fn said(record: &Record) -> String {
    let status = record.get("status").and_then(Value::as_str).unwrap_or("no status");
    let message = record.get("error").and_then(|error| error.get("message")?.as_str());
    message.map_or_else(|| status.to_owned(), |message| format!("{status}: {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: usize) -> Value {
        serde_json::json!({
            "id": format!("d{number}"),
            "source": format!("set/{number}.txt"),
            "status": "ok",
            "attempts": 1,
            "analysis": {"summary": format!("About {number}.")},
            "timings_ms": {"parse": 0.5},
            "worker": "local",
            "error": null,
        })
    }

    fn records() -> Vec<Value> {
        (0..5).map(record).collect()
    }

    fn text(records: &[Value]) -> String {
        records.iter().map(|record| format!("{record}\n")).collect()
    }

    fn found(records: &[Value]) -> Vec<Breach> {
        breaches(&text(&self::records()), &text(records))
    }

    fn source() -> String {
        "set/2.txt".to_owned()
    }

    #[test]
    fn a_whole_file_keeps_every_promise() {
        let mut records = records();
        records[2]["timings_ms"]["parse"] = 17.into();
        records[2]["worker"] = "host-1-abc".into();
        records[2]["attempts"] = 3.into();
        assert_eq!(found(&records), []);
    }

    #[test]
    fn a_lost_document_is_called_out() {
        let mut records = records();
        records.remove(2);
        assert_eq!(found(&records), [Breach::Lost { source: source() }]);
        assert_eq!(found(&[]).len(), 5);
    }

    #[test]
    fn a_doubled_document_is_called_out() {
        let mut records = records();
        records.push(record(2));
        assert_eq!(found(&records), [Breach::Doubled { source: source(), records: 2 }]);
    }

    #[test]
    fn an_altered_document_is_called_out() {
        let mut records = records();
        records[2]["analysis"]["summary"] = "About something else.".into();
        assert_eq!(
            found(&records),
            [Breach::Altered { source: source(), fields: vec!["analysis".to_owned()] }]
        );
        let mut records = self::records();
        records[2].as_object_mut().unwrap().remove("error");
        assert_eq!(found(&records), [Breach::Altered { source: source(), fields: vec!["error".to_owned()] }]);
    }

    #[test]
    fn a_document_that_is_not_ok_is_called_out_with_its_reason() {
        let mut records = records();
        records[2]["status"] = "failed".into();
        records[2]["error"] = serde_json::json!({"message": "it cost three workers"});
        let said = "failed: it cost three workers".to_owned();
        assert_eq!(found(&records), [Breach::NotOk { source: source(), said }]);
    }

    #[test]
    fn what_is_no_record_of_the_set_is_called_out() {
        let mut records = records();
        records.push(record(7));
        assert_eq!(found(&records), [Breach::Unknown { source: "set/7.txt".to_owned() }]);
        let torn = text(&self::records()) + "{\"id\":\"d6\",\"sour";
        let breaches = breaches(&text(&self::records()), &torn);
        assert!(matches!(&breaches[..], [Breach::Unreadable { line: 6, .. }]), "{breaches:?}");
    }

    #[test]
    fn many_breaches_stay_readable() {
        let lost: Vec<_> = (0..1_000).map(|number| Breach::Lost { source: number.to_string() }).collect();
        assert_eq!(told(&lost).lines().count(), TOLD + 1);
        assert!(told(&lost).ends_with("and 990 more"));
    }
}
