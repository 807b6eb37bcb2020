//! What a run must have left, whatever was done to it. Knows nothing of the run but its results file and what its documents
//! hold, or what an undisturbed run left.

use std::{collections::BTreeMap, ops::RangeInclusive};

use serde_json::{Map, Value};

use crate::breach::Breach;

/// What may differ between two runs over the same documents.
const MAY_DIFFER: [&str; 3] = ["timings_ms", "worker", "attempts"];

/// What a document's record must say, whoever analysed it: only who has read all of the document can know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    /// SHA-256 of the body in hexadecimal digits.
    pub(crate) sha256: String,
    pub(crate) title: String,
    /// Words of the main text.
    pub(crate) words: RangeInclusive<u64>,
}

/// Documents whose content is known.
pub(crate) trait Known {
    /// How many there are.
    fn count(&self) -> usize;
    /// The number of the document with this source, from 0; `None` where it is not one of them.
    fn number(&self, source: &str) -> Option<usize>;
    /// What the record of a document must say.
    fn expected(&self, number: usize) -> Expected;
}

/// Every breach of `found`, the text of a `results.jsonl`, against the documents themselves. None: each has exactly one
/// record, it is ok, and it says what only its analysis can know.
pub(crate) fn untrue(known: &impl Known, found: &str) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let mut seen = vec![0usize; known.count()];
    for (source, records) in by_source(found, &mut breaches) {
        let Some((number, times)) =
            known.number(&source).and_then(|number| Some((number, seen.get_mut(number)?)))
        else {
            breaches.push(Breach::Unknown { job: source });
            continue;
        };
        *times += records.len();
        if *times > 1 {
            breaches.push(Breach::Doubled { job: source.clone(), results: *times });
        }
        for record in &records {
            if !is_ok(record) {
                breaches.push(Breach::NotOk { job: source.clone(), said: said(record) });
            } else if let Some(said) = unworked(&known.expected(number), record) {
                breaches.push(Breach::Unworked { job: source.clone(), said });
            }
        }
    }
    let lost = seen.iter().enumerate().filter(|(_, times)| **times == 0);
    breaches.extend(lost.map(|(number, _)| Breach::Lost { job: format!("document {number}") }));
    breaches
}

/// What a record says that its document does not; `None` where it is right.
fn unworked(expected: &Expected, record: &Record) -> Option<String> {
    let document = record.get("document");
    let text = |name| document.and_then(|document: &Value| document.get(name)?.as_str()).unwrap_or_default();
    if text("sha256") != expected.sha256 {
        return Some(format!("its hash is `{}`", text("sha256")));
    }
    if text("title") != expected.title {
        return Some(format!("its title is `{}`, and not `{}`", text("title"), expected.title));
    }
    let words = document.and_then(|document| document.get("words")?.as_u64()).unwrap_or_default();
    if !expected.words.contains(&words) {
        return Some(format!("it counts {words} words, and not {:?}", expected.words));
    }
    let analysed = record.get("analysis").is_some_and(Value::is_object);
    (!analysed).then(|| "it holds no analysis".to_owned())
}

/// Every breach of `found` against `expected`; both are the text of a `results.jsonl`. None: each document of `expected`
/// has exactly one record in `found`, it is ok, and it says the same.
pub(crate) fn breaches(expected: &str, found: &str) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let expected = by_source(expected, &mut breaches);
    let found = by_source(found, &mut breaches);
    for (source, wanted) in &expected {
        let source = || source.clone();
        match found.get(&source()).map(Vec::as_slice) {
            None | Some([]) => breaches.push(Breach::Lost { job: source() }),
            Some([record]) => {
                if !is_ok(record) {
                    breaches.push(Breach::NotOk { job: source(), said: said(record) });
                    continue;
                }
                let fields = wanted.first().map(|wanted| differences(wanted, record)).unwrap_or_default();
                if !fields.is_empty() {
                    breaches.push(Breach::Altered { job: source(), fields });
                }
            }
            Some(records) => breaches.push(Breach::Doubled { job: source(), results: records.len() }),
        }
    }
    let unknown = found.into_keys().filter(|source| !expected.contains_key(source));
    breaches.extend(unknown.map(|job| Breach::Unknown { job }));
    breaches
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

fn is_ok(record: &Record) -> bool {
    record.get("status").is_some_and(|status| status == "ok")
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
        assert_eq!(found(&records), [Breach::Lost { job: source() }]);
        assert_eq!(found(&[]).len(), 5);
    }

    #[test]
    fn a_doubled_document_is_called_out() {
        let mut records = records();
        records.push(record(2));
        assert_eq!(found(&records), [Breach::Doubled { job: source(), results: 2 }]);
    }

    #[test]
    fn an_altered_document_is_called_out() {
        let mut records = records();
        records[2]["analysis"]["summary"] = "About something else.".into();
        assert_eq!(found(&records), [Breach::Altered { job: source(), fields: vec!["analysis".to_owned()] }]);
        let mut records = self::records();
        records[2].as_object_mut().unwrap().remove("error");
        assert_eq!(found(&records), [Breach::Altered { job: source(), fields: vec!["error".to_owned()] }]);
    }

    #[test]
    fn a_document_that_is_not_ok_is_called_out_with_its_reason() {
        let mut records = records();
        records[2]["status"] = "failed".into();
        records[2]["error"] = serde_json::json!({"message": "it cost three workers"});
        let said = "failed: it cost three workers".to_owned();
        assert_eq!(found(&records), [Breach::NotOk { job: source(), said }]);
    }

    #[test]
    fn what_is_no_record_of_the_set_is_called_out() {
        let mut records = records();
        records.push(record(7));
        assert_eq!(found(&records), [Breach::Unknown { job: "set/7.txt".to_owned() }]);
        let torn = text(&self::records()) + "{\"id\":\"d6\",\"sour";
        let breaches = breaches(&text(&self::records()), &torn);
        assert!(matches!(&breaches[..], [Breach::Unreadable { line: 6, .. }]), "{breaches:?}");
    }

    struct Two;

    impl Known for Two {
        fn count(&self) -> usize {
            2
        }

        fn number(&self, source: &str) -> Option<usize> {
            source.strip_suffix(".txt")?.parse().ok()
        }

        fn expected(&self, number: usize) -> Expected {
            Expected { sha256: format!("hash {number}"), title: format!("Title {number}"), words: 90..=110 }
        }
    }

    fn true_record(number: usize) -> Value {
        serde_json::json!({
            "source": format!("{number}.txt"),
            "status": "ok",
            "document": {"sha256": format!("hash {number}"), "title": format!("Title {number}"), "words": 100},
            "analysis": {"summary": "It says little."},
        })
    }

    #[test]
    fn records_that_follow_from_their_documents_are_true() {
        assert_eq!(untrue(&Two, &text(&[true_record(1), true_record(0)])), []);
    }

    #[test]
    fn what_was_answered_before_the_work_is_called_out() {
        let early = |field: &str, value: Value| {
            let mut record = true_record(0);
            *record.pointer_mut(field).unwrap() = value;
            untrue(&Two, &text(&[record, true_record(1)]))
        };
        for (field, value) in [
            ("/document/words", 0.into()),
            ("/document/title", "Title 1".into()),
            ("/document/sha256", "".into()),
            ("/document", Value::Null),
            ("/analysis", Value::Null),
        ] {
            let breaches = early(field, value);
            assert!(
                matches!(&breaches[..], [Breach::Unworked { job, .. }] if job == "0.txt"),
                "{field}: {breaches:?}"
            );
        }
    }

    #[test]
    fn lost_doubled_and_unknown_records_are_called_out_without_another_run() {
        let lost = untrue(&Two, &text(&[true_record(0)]));
        assert_eq!(lost, [Breach::Lost { job: "document 1".to_owned() }]);
        let doubled = untrue(&Two, &text(&[true_record(0), true_record(1), true_record(0)]));
        assert_eq!(doubled, [Breach::Doubled { job: "0.txt".to_owned(), results: 2 }]);
        let unknown = untrue(&Two, &text(&[true_record(0), true_record(1), true_record(2)]));
        assert_eq!(unknown, [Breach::Unknown { job: "2.txt".to_owned() }]);
    }
}
