//! What a document costs as the set grows: CPU in coordinator, worker and Redis, commands and bytes of Redis, memory.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;

use crate::{
    AnyError,
    bench::Bench,
    check,
    documents::Set,
    figures::Figures,
    fleet::{self, Asked, Ran},
    number::short,
    queue::{Cost, Meter},
    row::{Better, Of, Row},
    sheet::{Sheet, Table},
    site::Site,
};

/// How much more a document of the largest set may cost than one of the smallest.
const FLAT: f64 = 1.1;
/// Runs over each of the smaller sets in a round, which count as one, their mean: what a process has used is told in
/// hundredths of a second, and a run over a small set takes few.
const SMALL: usize = 2;
/// When a run is called stuck.
const PATIENCE: Duration = Duration::from_mins(8);

/// What is asked.
#[derive(Debug, Clone, Args)]
pub(crate) struct Settings {
    /// Sizes of the set, from the smallest
    #[arg(default_values_t = [1_000, 10_000, 100_000])]
    documents: Vec<usize>,
    /// Rounds, where there is time for them: of 100,000 documents one takes a minute
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    rounds: u64,
}

/// What is counted, in the order of [`Size::figures`].
const COUNTED: [(&str, &str); 8] = [
    ("coordinator CPU", "µs a document"),
    ("worker CPU", "µs a document"),
    ("Redis CPU", "µs a document"),
    ("Redis commands", "a document"),
    ("bytes to Redis", "a document"),
    ("bytes from Redis", "a document"),
    ("peak memory of the coordinator", "MiB"),
    ("peak memory of the worker", "MiB"),
];
/// From here on figures are of the whole run, not of a document.
const WHOLE: usize = 6;

/// All runs over a set of one size.
struct Size {
    documents: usize,
    seconds: Figures,
    figures: [Figures; COUNTED.len()],
}

/// Measures, and holds every record to its document.
pub(crate) fn measure(bench: &Bench, settings: &Settings) -> Result<Sheet, AnyError> {
    let mut sheet = Sheet::new(
        "A run by a coordinator, one worker and one Redis over short texts and pages of about 600 bytes: what a document costs by \
         the size of the set. Start-up is in it: the smallest set carries it on the fewest documents.",
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut sizes: Vec<Size> = settings
        .documents
        .iter()
        .map(|documents| Size {
            documents: *documents,
            seconds: Figures::default(),
            figures: Default::default(),
        })
        .collect();
    let rounds = bench.rounds(settings.rounds as usize, 1.0);
    let folder = tempfile::tempdir()?;
    for size in &sizes {
        size.set().write(&size.place(folder.path()))?;
    }
    let largest = sizes.len().saturating_sub(1);
    // All sizes in each round: a machine that slows down is not taken for a cost that grows.
    for _ in rounds {
        for (number, size) in sizes.iter_mut().enumerate() {
            let times = if number == largest { 1 } else { SMALL };
            let runs: Vec<_> = (0..times)
                .map(|_| runtime.block_on(run(bench, &size.set(), &size.place(folder.path()), &mut sheet)))
                .collect::<Result<_, _>>()?;
            size.push(&runs);
        }
    }
    rows(&mut sheet, &sizes);
    Ok(sheet)
}

impl Size {
    fn set(&self) -> Set {
        Set { documents: self.documents, paragraphs: 1, seed: 31 }
    }

    /// Where the set is, below the folder of all sets.
    fn place(&self, folder: &Path) -> PathBuf {
        folder.join(self.documents.to_string())
    }

    /// A round: the mean of its runs.
    fn push(&mut self, runs: &[(Ran, Cost)]) {
        let mean = |value: &dyn Fn(&Ran, &Cost) -> f64| {
            runs.iter().map(|(ran, cost)| value(ran, cost)).sum::<f64>() / runs.len() as f64
        };
        let each = 1e6 / self.documents as f64;
        let mebibyte = f64::from(1 << 20);
        let values = [
            mean(&|ran, _| ran.coordinator_cpu * each),
            mean(&|ran, _| ran.worker_cpu * each),
            mean(&|_, cost| cost.cpu_us()),
            mean(&|_, cost| cost.commands()),
            mean(&|_, cost| cost.bytes_in()),
            mean(&|_, cost| cost.bytes_out()),
            mean(&|ran, _| ran.coordinator_peak / mebibyte),
            mean(&|ran, _| ran.worker_peak / mebibyte),
        ];
        self.figures.iter_mut().zip(values).for_each(|(figures, value)| figures.push(value));
        self.seconds.push(mean(&|ran, _| ran.seconds));
    }
}

async fn run(bench: &Bench, set: &Set, place: &Path, sheet: &mut Sheet) -> Result<(Ran, Cost), AnyError> {
    // A Redis that has never seen another run, so that what it needs is this run's.
    let site = Site::loopback()?;
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("out");
    let meter = Meter::new(site.redis()).await?;
    let before = meter.read(set.documents).await?;
    let asked = Asked {
        set: place,
        out: &out,
        coordinator: &["--llm", "never"],
        workers: 1,
        worker: &[],
        variables: &[],
        patience: PATIENCE,
    };
    let ran = fleet::run(bench, &site, folder.path(), &asked).await?;
    let cost = meter.read(set.documents).await?.since(&before);
    let found = fs::read_to_string(out.join("results.jsonl"))?;
    sheet.check(
        "every document has one record, which says what only its analysis can know",
        &check::untrue(set, &found),
    );
    Ok((ran, cost))
}

fn rows(sheet: &mut Sheet, sizes: &[Size]) {
    let (Some(first), Some(last)) = (sizes.first(), sizes.last()) else { return };
    let mut slopes = Vec::new();
    for (place, (what, unit)) in COUNTED.into_iter().enumerate() {
        for size in sizes {
            let what = format!("{what}, {} documents", size.documents);
            sheet.rows.push(Row::new(what, unit, Better::Lower, size.figures[place].clone()));
        }
        if first.documents == last.documents {
            continue;
        }
        let what_grows = format!("{what}, {} ÷ {} documents", last.documents, first.documents);
        let growth = last.figures[place].per(&first.figures[place]);
        sheet
            .rows
            .push(Row::new(what_grows, "ratio", Better::Lower, growth).ideal(1.0).target(Of::Figure, FLAT));
        slopes.push((what, place));
    }
    for size in sizes {
        let rate = size.seconds.map(|seconds| size.documents as f64 / seconds);
        let what = format!("whole run, {} documents", size.documents);
        sheet.rows.push(Row::new(what, "documents/s", Better::Higher, rate));
    }
    if sizes.len() > 1 {
        sheet.tables.push(marginal(sizes, &slopes));
        grown(sheet, sizes, &slopes);
    }
}

/// What one more document costs between each size and the next: start-up is not in it.
fn marginal(sizes: &[Size], counted: &[(&str, usize)]) -> Table {
    let steps: Vec<(&Size, &Size)> = sizes.iter().zip(sizes.iter().skip(1)).collect();
    let mut head = vec!["one more document costs".to_owned()];
    head.extend(steps.iter().map(|(from, to)| format!("{} to {}", from.documents, to.documents)));
    let lines = counted.iter().map(|(what, place)| {
        let unit = COUNTED[*place].1.split(' ').next().filter(|unit| *unit == "µs");
        let unit = if *place < WHOLE { unit } else { Some("bytes") };
        let mut line = vec![unit.map_or_else(|| (*what).to_owned(), |unit| format!("{what} ({unit})"))];
        line.extend(
            steps.iter().map(|(from, to)| slope(from, to, *place).map_or_else(|| "–".to_owned(), short)),
        );
        line
    });
    Table {
        title: "slope: the cost of one more document, start-up apart".to_owned(),
        head,
        lines: lines.collect(),
    }
}

fn slope(from: &Size, to: &Size, place: usize) -> Option<f64> {
    let whole = |size: &Size| {
        let median = size.figures[place].median()?;
        Some(if place < WHOLE { median * size.documents as f64 } else { median * f64::from(1 << 20) })
    };
    let more = to.documents as f64 - from.documents as f64;
    Some((whole(to)? - whole(from)?) / more).filter(|slope| slope.is_finite())
}

/// Says what grows: of costs a document their slope, of memory itself.
fn grown(sheet: &mut Sheet, sizes: &[Size], counted: &[(&str, usize)]) {
    let [.., first, second, third] = sizes else { return };
    for (what, place) in counted {
        let (before, after) = if *place < WHOLE {
            (slope(first, second, *place), slope(second, third, *place))
        } else {
            (second.figures[*place].median(), third.figures[*place].median())
        };
        let Some(growth) = before.zip(after).map(|(before, after)| after / before) else { continue };
        if growth > FLAT {
            let (from, to) = (second.documents, third.documents);
            sheet.note(format!(
                "GROWS: {what}, {} times from {from} to {to} documents, start-up apart",
                short(growth)
            ));
        }
    }
}
