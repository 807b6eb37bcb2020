//! A small set of documents such as an analyst may have, for the example and the snapshots. All of it is made up.

#![allow(dead_code, reason = "the example and every test file use a part of it")]
#![allow(clippy::unwrap_used, reason = "files in memory do not fail")]

use std::collections::BTreeSet;

use sheaf_common::{
    analysis::{Analysis, Entity, EntityKind, Fingerprint, KeyPoint, Keyword, Place, Review},
    document::ContentType,
    fault::{Fault, FaultKind},
    id::{ContentHash, DocumentId, RunId, WorkerId},
    record::{CacheUse, DecidedBy, Facts, Record, Status, Timings, Usage},
};
use sheaf_report::{Draft, InMemory, RunFacts, Setting, Shown, Summary, SummaryBuilder};

/// A document in a line: source, title, kind, language, words, published, summary, key phrases, confidence.
type Line = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    usize,
    &'static str,
    &'static str,
    &'static str,
    f64,
);

const LINES: &[Line] = &[
    (
        "https://tidewatch.example/marsh-restoration",
        "Salt marshes are the cheapest sea wall we have",
        "article",
        "en",
        1_840,
        "2024-03-11",
        "Restored salt marsh in front of a dyke takes up to half of a storm wave's height before it reaches the grass. The dyke behind it can be lower, and lasts longer.",
        "salt marsh;storm surge;flood defence;sediment supply;dyke maintenance",
        0.91,
    ),
    (
        "https://tidewatch.example/gauge-network",
        "Reading the tide: a hundred years of gauges",
        "article",
        "en",
        1_210,
        "2024-04-02",
        "Tide gauges drift, sink and are moved. Comparing neighbours shows which of them tell of the sea and which of the pier they stand on.",
        "tide gauge;sea level rise;storm surge;datum shift",
        0.88,
    ),
    (
        "reports/dyke-inspection-2023.pdf",
        "Dyke inspection 2023: northern section",
        "report",
        "en",
        9_430,
        "2023-11-30",
        "Of 212 sections inspected, 17 need work before the next winter. Burrows and drought cracks are the most frequent finding.",
        "dyke maintenance;drought cracks;flood defence;inspection interval",
        0.84,
    ),
    (
        "reports/dyke-inspection-2022.pdf",
        "Dyke inspection 2022: northern section",
        "report",
        "en",
        9_105,
        "2022-11-28",
        "Of 212 sections inspected, 11 need work before the next winter. Burrows are the most frequent finding.",
        "dyke maintenance;flood defence;inspection interval",
        0.85,
    ),
    (
        "https://coastal-forum.example/t/8841",
        "Has anyone seen cracks after the dry summer?",
        "forum",
        "en",
        760,
        "2023-09-14",
        "Several members describe cracks as wide as a hand along the inner slope. Most closed after rain; two were reported.",
        "drought cracks;dyke maintenance;clay cover",
        0.62,
    ),
    (
        "https://tidewatch.example/surge-forecast",
        "What a surge forecast can promise",
        "article",
        "en",
        2_050,
        "2024-01-22",
        "Forty-eight hours ahead a surge is known to within 30 centimetres. The last six hours decide whether a gate must close.",
        "storm surge;forecast horizon;tide gauge;flood gate",
        0.9,
    ),
    (
        "notes/gate-closing-procedure.docx",
        "Closing procedure for the inner flood gate",
        "manual",
        "en",
        2_380,
        "2021-06-01",
        "The gate closes at 2.60 m above datum, or earlier on the forecaster's word. Shipping is told six hours ahead.",
        "flood gate;storm surge;closing procedure;forecast horizon",
        0.87,
    ),
    (
        "https://gazette.example/2024/marsh-vote",
        "Council votes for marsh instead of concrete",
        "article",
        "en",
        640,
        "2024-05-17",
        "With two votes to spare the council put aside the new wall and chose to give 40 hectares back to the tide.",
        "salt marsh;managed retreat;flood defence;sediment supply",
        0.89,
    ),
    (
        "https://mirror.example/2024/marsh-vote",
        "Council votes for marsh instead of concrete",
        "article",
        "en",
        652,
        "2024-05-18",
        "With two votes to spare the council put aside the new wall and chose to give 40 hectares back to the tide.",
        "salt marsh;managed retreat;flood defence;sediment supply",
        0.88,
    ),
    (
        "https://wadden.example/de/vorland",
        "Vorland schützt den Deich",
        "article",
        "de",
        1_130,
        "2023-02-08",
        "Breites Vorland bricht die Wellen, lange bevor sie den Deich erreichen. Ohne neuen Schlick wächst es jedoch nicht mit dem Meer.",
        "Vorland;Deich;Schlick;storm surge",
        0.83,
    ),
    (
        "data/README.md",
        "Gauge readings, hourly, 1920 to 2023",
        "readme",
        "en",
        410,
        "",
        "Hourly water levels of fourteen gauges, quality-flagged. Column three is the level in millimetres above datum.",
        "tide gauge;datum shift;quality flag",
        0.8,
    ),
    (
        "https://tidewatch.example/sediment",
        "Where does the mud come from?",
        "article",
        "en",
        1_560,
        "2024-02-19",
        "A marsh lives on what the tide carries. Three dams upstream hold back a third of it, and dredging takes another third.",
        "sediment supply;salt marsh;dredging;sea level rise",
        0.9,
    ),
    (
        "https://insure.example/coast/faq",
        "Frequently asked questions on flood cover",
        "faq",
        "en",
        2_890,
        "",
        "Cover depends on the height of the floor above datum and on the state of the nearest defence.",
        "flood defence;insurance cover;sea level rise",
        0.58,
    ),
    (
        "reports/sea-level-outlook.pdf",
        "Sea level outlook to 2100 for planners",
        "report",
        "en",
        21_700,
        "2021-10-05",
        "Plan for half a metre by 2070 and keep a way open for one metre. Decisions that cannot be undone should wait for gauges, not for models.",
        "sea level rise;tide gauge;managed retreat;planning horizon",
        0.82,
    ),
    (
        "https://shop.example/boots/tidal-wader",
        "Tidal Wader 40: chest waders",
        "product",
        "en",
        290,
        "",
        "Chest waders with a reinforced knee, in four sizes.",
        "chest waders;reinforced knee;neoprene",
        0.44,
    ),
    (
        "https://gazette.example/2022/retreat",
        "A village that chose to move",
        "article",
        "en",
        3_320,
        "2022-08-20",
        "Thirty-one households moved two kilometres inland over nine years. What they kept, and what it cost, is a lesson for others.",
        "managed retreat;sea level rise;flood defence",
        0.87,
    ),
    (
        "mail/minutes-2023-12.txt",
        "",
        "minutes",
        "en",
        880,
        "2023-12-04",
        "The working group agreed to inspect the northern section twice a year and to ask for drone pictures.",
        "inspection interval;dyke maintenance;drone survey",
        0.71,
    ),
    (
        "https://wiki.example/Flood_gate",
        "Flood gate",
        "encyclopedia",
        "en",
        4_470,
        "2023-07-01",
        "A flood gate keeps a surge out of an estuary or a harbour. Mitre, sector and rising gates differ in how they carry the load.",
        "flood gate;sector gate;storm surge;estuary",
        0.9,
    ),
];

/// Facts of the run of the sample.
pub(crate) fn facts() -> RunFacts {
    RunFacts {
        started: "2025-05-14T10:31:12Z".parse().ok(),
        ended: "2025-05-14T10:31:20Z".parse().ok(),
        wall_seconds: 7.9,
        cores: 2,
        command: Shown::new("coordinator run --out coast @sources.txt reports notes mail data", 300),
        versions: vec![Setting::new("sheaf", "0.1.0"), Setting::new("record format", "1")],
        options: vec![
            Setting::new("parallelism_mode", "async"),
            Setting::new("max_workers", "5"),
            Setting::new("analysis_workers", "3"),
            Setting::new("extraction", "auto"),
            Setting::new("llm", "auto"),
            Setting::new("llm_api_key", "(redacted)"),
        ],
        ..RunFacts::new(RunId::new("r-7f3a91c2"))
    }
}

/// The records of the sample, in input order.
pub(crate) fn records() -> Vec<Record> {
    let mut records: Vec<_> = LINES.iter().enumerate().map(|(at, line)| analysed(at, line)).collect();
    let copy_of = records[0].id.clone();
    let mut copy = analysed(0, &LINES[0]);
    copy.id = DocumentId::of_source(b"copy");
    "https://archive.example/tidewatch/marsh-restoration".clone_into(&mut copy.source);
    copy.cache = CacheUse::copy_of(copy_of);
    records.insert(6, copy);
    let faults = [
        (
            "https://tidewatch.example/old/index.html",
            FaultKind::NotFound,
            "The server answered 404 Not Found; tried once, 0.2 s.",
            "Check the address, or leave it out of the list.",
        ),
        (
            "https://slow.example/archive",
            FaultKind::FetchTimeout,
            "No byte came within 20 s; tried 4 times over 96 s.",
            "Try again later, or raise --fetch-timeout.",
        ),
        (
            "https://harbour.example/members/plan",
            FaultKind::Robots,
            "robots.txt of harbour.example asks robots to stay away from /members/.",
            "Ask the site's owner, or leave it out.",
        ),
        (
            "reports/tender-sealed.pdf",
            FaultKind::Encrypted,
            "The PDF is encrypted and opens only with a password.",
            "Save a copy without the password, and run again.",
        ),
        (
            "reports/scan-1987.pdf",
            FaultKind::NoText,
            "The PDF has 14 pages and no text: pictures only.",
            "Run it through text recognition first.",
        ),
        (
            "https://gone.example/tides",
            FaultKind::Dns,
            "The name gone.example could not be resolved; tried 3 times over 7 s.",
            "Check the spelling of the host's name.",
        ),
        (
            "https://tidewatch.example/old/map",
            FaultKind::NotFound,
            "The server answered 404 Not Found; tried once, 0.1 s.",
            "Check the address, or leave it out of the list.",
        ),
    ];
    for (at, (source, kind, message, hint)) in faults.into_iter().enumerate() {
        records.insert(3 + at * 3, failed(source, Fault::new(kind, message, hint)));
    }
    records
}

/// The summary of these records.
pub(crate) fn summary<'a>(records: impl IntoIterator<Item = &'a Record>) -> Summary {
    let records: Vec<_> = (0..).zip(records).collect();
    summary_of(facts(), &records)
}

/// The summary of a run with these records, each with its place in the input, added in the order in which they stand here.
pub(crate) fn summary_of(facts: RunFacts, records: &[(u64, &Record)]) -> Summary {
    let mut draft = draft_of(facts, records);
    let wanted: BTreeSet<u64> = draft.wanted().collect();
    for (sequence, record) in records.iter().filter(|(sequence, _)| wanted.contains(sequence)) {
        draft.name(*sequence, record);
    }
    draft.summary()
}

/// The same, before its documents have names.
pub(crate) fn draft_of(facts: RunFacts, records: &[(u64, &Record)]) -> Draft {
    let mut builder = SummaryBuilder::new(facts, InMemory).unwrap();
    for (sequence, record) in records {
        builder.add(*sequence, record).unwrap();
    }
    builder.finish().unwrap()
}

/// A record of a document that failed or was skipped.
pub(crate) fn failed(source: &str, fault: Fault) -> Record {
    Record {
        id: DocumentId::of_source(source.as_bytes()),
        source: source.to_owned(),
        status: if fault.kind.is_skip() { Status::Skipped } else { Status::Failed },
        attempts: 1,
        document: None,
        analysis: None,
        decided_by: None,
        model: None,
        cache: CacheUse::default(),
        usage: Usage::default(),
        timings_ms: Timings::default(),
        worker: None,
        error: Some(fault),
    }
}

fn analysed(at: usize, line: &Line) -> Record {
    let &(source, title, kind, language, words, published, summary, phrases, confidence) = line;
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let mut end = 0;
    let point = |sentence: &str| {
        let start = end;
        end += sentence.chars().count();
        KeyPoint { text: sentence.to_owned(), quote: sentence.to_owned(), place: Place { start, end } }
    };
    let pace = 1.0 + (at % 7) as f64;
    let flags: &[&str] = match kind {
        "faq" => &["boilerplate"],
        "product" => &["thin", "boilerplate"],
        _ => &[],
    };
    let reasons: &[&str] = match kind {
        "faq" => &["two extractors disagree on the main text"],
        "forum" => &["the posts contradict each other"],
        "product" => &["too little text to summarise", "the kind of page is uncertain"],
        _ => &[],
    };
    let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    let name = |text: &str| Entity {
        kind: EntityKind::Name,
        text: text.to_owned(),
        value: None,
        count: 2,
        place: Place { start: 0, end: text.len() },
    };
    Record {
        id: DocumentId::of_source(source.as_bytes()),
        source: source.to_owned(),
        status: Status::Ok,
        attempts: 1,
        document: Some(Facts {
            title: text(title),
            content_type: match source.rsplit('.').next() {
                Some("pdf") => ContentType::Pdf,
                Some("docx") => ContentType::Docx,
                Some("md") => ContentType::Markdown,
                Some("txt") => ContentType::Text,
                _ => ContentType::Html,
            },
            language: text(language),
            words,
            sha256: ContentHash::of(source.as_bytes()).to_string(),
            published: text(published),
            author: None,
            extraction_confidence: confidence,
            extraction_method: "blocks".to_owned(),
            // The two reports of an author's hand differ, the mirrored page hardly does.
            fingerprint: Some(fingerprint(title, usize::from(source.contains("mirror")) * 9)),
            remarks: Vec::new(),
            text: None,
        }),
        analysis: Some(Analysis {
            summary: summary.to_owned(),
            key_points: summary.split_inclusive(". ").map(point).collect(),
            keywords: phrases
                .split(';')
                .zip(0..)
                .map(|(phrase, rank)| Keyword {
                    text: phrase.to_owned(),
                    score: 1.0 - 0.15 * f64::from(rank),
                })
                .collect(),
            entities: [("Wadden Sea", 3), ("North Sea", 2), ("Hamburg", 5)]
                .iter()
                .filter(|&&(_, every)| at.is_multiple_of(every))
                .map(|&(text, _)| name(text))
                .collect(),
            document_type: kind.to_owned(),
            confidence,
            review: Review { advised: !reasons.is_empty(), reasons: owned(reasons) },
            flags: owned(flags),
            readability: None,
        }),
        decided_by: Some(DecidedBy::Rules),
        model: None,
        cache: CacheUse::default(),
        usage: Usage::default(),
        timings_ms: Timings {
            queue: 0.4 * pace,
            fetch: if source.starts_with("https") { 61.0 * pace * pace } else { 0.0 },
            parse: words as f64 / 400.0,
            rules: words as f64 / 900.0,
            llm: 0.0,
        },
        worker: Some(WorkerId::new("w-1")),
        error: None,
    }
}

/// A fingerprint that is `seed`'s own but for `changed` of its 128 positions.
fn fingerprint(seed: &str, changed: usize) -> Fingerprint {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let hashes = (0..8_u8).flat_map(|block| ContentHash::of(format!("{block}{seed}").as_bytes()).0);
    let symbol = |byte: u8| char::from(ALPHABET[usize::from(byte % 64)]);
    let symbols = hashes.enumerate().map(|(at, byte)| symbol(byte.wrapping_add(u8::from(at < changed * 2))));
    Fingerprint(symbols.collect())
}
