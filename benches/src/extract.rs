//! Main-text extraction over pages whose main text is known: pages a second of one thread, and F1, beside the floor.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::Args;
use scraper::{Html, Selector};
use serde_json::Value;
use sheaf_extract::{
    Effort, extract,
    score::{f1, mean, words},
};

use crate::{
    AnyError,
    bench::Bench,
    figures::Figures,
    peer::Peer,
    row::{Better, Of, PeerFigure, Row},
    sheet::{Sheet, Table},
};

/// Where the pages are when the repository stands beside them.
const USUAL: &str = "../shared/corpora/dev";
const PEERS: [&str; 4] = ["trafilatura", "resiliparse", "rs-trafilatura", "dom-smoothie"];
/// How long a peer's round may take.
const PATIENCE: Duration = Duration::from_mins(2);
/// Efforts, with what measures.md asks of each: F1, pages a second.
const EFFORTS: [(&str, Effort, Bounds); 3] =
    [("fast", Effort::Fast, None), ("auto", Effort::Auto, Some((0.83, 60.0))), ("best", Effort::Best, None)];

/// Least F1 and pages a second.
type Bounds = Option<(f64, f64)>;

/// What is asked.
#[derive(Debug, Clone, Args)]
pub(crate) struct Settings {
    /// Folder with pages/NAME.html and gold.json: {"NAME": {"type": KIND, "text": MAIN TEXT}} [default: ../shared/corpora/dev
    /// when it is there]
    #[arg(long, value_name = "DIR")]
    pages: Option<PathBuf>,
    /// Rounds
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    rounds: u64,
}

/// A page with its kind and its true main text.
struct Page {
    name: String,
    html: String,
    kind: String,
    words: Vec<String>,
}

/// What a way to extract did.
#[derive(Default)]
struct Way {
    rate: Figures,
    score: Figures,
    kinds: BTreeMap<String, f64>,
}

/// Measures each effort, the floor and the peers.
pub(crate) fn measure(bench: &Bench, settings: &Settings) -> Result<Sheet, AnyError> {
    let mut sheet = Sheet::new(
        "Main text of real pages, by one thread. F1 over bags of words beside the true main text; the floor is the text of every \
         <p>, as scraper finds it.",
    );
    let folder = settings.pages.clone().unwrap_or_else(|| PathBuf::from(USUAL));
    if settings.pages.is_none() && !folder.is_dir() {
        sheet.note(
            "there are no pages: bench extract --pages DIR, a folder with pages/NAME.html and gold.json",
        );
        for (name, _, target) in EFFORTS {
            rows(&mut sheet, name, target, &Way::default(), &Way::default(), &[]);
        }
        return Ok(sheet);
    }
    let pages = load(&folder)?;
    let paragraphs = Selector::parse("p").map_err(|error| error.to_string())?;
    let floor = |html: &str| {
        let tree = Html::parse_document(html);
        tree.select(&paragraphs).map(|p| p.text().collect::<String>()).collect::<Vec<_>>().join("\n")
    };
    let mut lowest = Way::default();
    let mut ways: [Way; 3] = Default::default();
    for _ in bench.rounds(settings.rounds as usize, 1.0) {
        lowest.round(&pages, floor);
        for ((_, effort, _), way) in EFFORTS.iter().zip(&mut ways) {
            way.round(&pages, |html| extract(html, *effort).map_or_else(|_| String::new(), |page| page.text));
        }
    }
    let peers = peers(bench, &std::path::absolute(folder.join("pages"))?, &pages, settings.rounds as usize)?;
    for ((name, _, target), way) in EFFORTS.iter().zip(&ways) {
        rows(&mut sheet, name, *target, way, &lowest, if *name == "auto" { &peers } else { &[] });
    }
    sheet.tables.push(by_kind(&pages, &lowest, &ways));
    sheet.checked.push(format!(
        "each of {} texts is scored against the page's true main text; an empty one scores 0",
        pages.len()
    ));
    Ok(sheet)
}

fn load(folder: &Path) -> Result<Vec<Page>, AnyError> {
    let gold = folder.join("gold.json");
    let gold: BTreeMap<String, Value> =
        serde_json::from_slice(&fs::read(&gold).map_err(|error| format!("{}: {error}", gold.display()))?)?;
    let page = |(name, want): (String, Value)| {
        let html = fs::read(folder.join("pages").join(format!("{name}.html")))?;
        let text = |key| want.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let html = String::from_utf8_lossy(&html).into_owned();
        Ok(Page { name, html, kind: text("type"), words: words(&text("text")) })
    };
    gold.into_iter().map(page).collect()
}

impl Way {
    fn round(&mut self, pages: &[Page], read: impl Fn(&str) -> String) {
        let at = Instant::now();
        let texts: Vec<String> = pages.iter().map(|page| read(&page.html)).collect();
        self.rate.push(pages.len() as f64 / at.elapsed().as_secs_f64());
        let scores: Vec<f64> =
            pages.iter().zip(&texts).map(|(page, text)| f1(&words(text), &page.words)).collect();
        self.score.push(mean(&scores));
        let mut kinds: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for (page, score) in pages.iter().zip(scores) {
            kinds.entry(&page.kind).or_default().push(score);
        }
        self.kinds = kinds.into_iter().map(|(kind, scores)| (kind.to_owned(), mean(&scores))).collect();
    }
}

fn rows(
    sheet: &mut Sheet,
    name: &str,
    target: Bounds,
    way: &Way,
    floor: &Way,
    peers: &[(PeerFigure, PeerFigure)],
) {
    let floor_score = PeerFigure {
        peer: "floor: every <p>".to_owned(),
        version: String::new(),
        settings: "scraper, in this process".to_owned(),
        figures: floor.score.clone(),
        empty: None,
    };
    let scores = std::iter::once(floor_score).chain(peers.iter().map(|(score, _)| score.clone()));
    let mut score = Row::new(format!("F1, {name}"), "", Better::Higher, way.score.clone()).ideal(1.0);
    score.peers = scores.collect();
    let mut rate = Row::new(format!("speed, {name}"), "pages/s", Better::Higher, way.rate.clone())
        .ceiling("every <p> by scraper", floor.rate.clone());
    rate.peers = peers.iter().map(|(_, rate)| rate.clone()).collect();
    if let Some((least, fastest)) = target {
        score = score.target(Of::Figure, least);
        rate = rate.target(Of::Figure, fastest);
    }
    sheet.rows.extend([score, rate]);
}

fn by_kind(pages: &[Page], floor: &Way, ways: &[Way]) -> Table {
    let mut head = ["kind", "pages", "floor"].map(str::to_owned).to_vec();
    head.extend(EFFORTS.iter().map(|(name, ..)| (*name).to_owned()));
    let line = |kind: &String| {
        let count = pages.iter().filter(|page| page.kind == *kind).count();
        let mut line = vec![kind.clone(), count.to_string()];
        let all = std::iter::once(floor).chain(ways);
        line.extend(
            all.map(|way| way.kinds.get(kind).map_or_else(String::new, |score| format!("{score:.3}"))),
        );
        line
    };
    Table { title: "F1 by kind of page".to_owned(), head, lines: floor.kinds.keys().map(line).collect() }
}

/// F1 and pages a second of each peer: its texts are scored here.
fn peers(
    bench: &Bench,
    folder: &Path,
    pages: &[Page],
    rounds: usize,
) -> Result<Vec<(PeerFigure, PeerFigure)>, AnyError> {
    let mut measured = Vec::new();
    for name in PEERS {
        // A text that a peer leaves unwritten is not to be found as another's.
        let out = tempfile::tempdir()?;
        let mut scores = Figures::default();
        let keys = || {
            // A text that a round leaves unwritten must not be an earlier round's.
            fs::remove_dir_all(out.path())?;
            fs::create_dir(out.path())?;
            Ok(vec![("pages", folder.display().to_string()), ("out", out.path().display().to_string())])
        };
        let verify = || {
            let score = |page: &Page| {
                let text =
                    fs::read_to_string(out.path().join(format!("{}.txt", page.name))).unwrap_or_default();
                f1(&words(&text), &page.words)
            };
            scores.push(mean(&pages.iter().map(score).collect::<Vec<_>>()));
            Ok(())
        };
        let peer = Peer::measure(bench.peers.as_ref(), name, "extract", rounds, PATIENCE, keys, verify);
        let rate = peer.figure("pages_per_second", |rate| rate);
        let score = PeerFigure {
            figures: if rate.empty.is_none() { scores } else { Figures::default() },
            ..rate.clone()
        };
        measured.push((score, rate));
    }
    Ok(measured)
}
