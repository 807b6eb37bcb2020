//! Peak memory of a whole run as the set grows, and how well it uses the machine.

use std::{ffi::OsString, fs};

use clap::Args;

use crate::{
    AnyError,
    bench::Bench,
    check, efficiency,
    figures::Figures,
    machine::cores,
    nginx::Nginx,
    program,
    row::{Better, Of, Row},
    sheet::Sheet,
};

/// How much more the largest set may need than the smallest.
const FLAT: f64 = 1.1;
const ROUNDS: usize = 5;

/// What is asked.
#[derive(Debug, Clone, Args)]
pub(crate) struct Settings {
    /// Sizes of the set, in pages, from the smallest
    #[arg(default_values_t = [1_000, 4_000])]
    pages: Vec<usize>,
}

/// Measures one run for each size and round, over pages that differ, served by a private nginx.
pub(crate) fn measure(bench: &Bench, settings: &Settings) -> Result<Sheet, AnyError> {
    let mut sheet = Sheet::new(
        "A whole run over pages of a local nginx, 32 at once: the most memory that the coordinator and its children had at one \
         moment (proportional set size, looked at every 20 ms), as the set grows. Efficiency: CPU time of the coordinator, its \
         children and nginx ÷ what the cores had to give in the time of the run, less what the looking took. Larger sets: the \
         scenario cost.",
    );
    let folder = tempfile::tempdir()?;
    let most = settings.pages.iter().copied().max().unwrap_or_default();
    let nginx = Nginx::start(folder.path(), most)?;
    let mut sizes: Vec<(usize, [Figures; 3])> =
        settings.pages.iter().map(|pages| (*pages, Default::default())).collect();
    for _ in bench.rounds(ROUNDS, 1.0) {
        for (pages, [memory, rate, efficiency]) in &mut sizes {
            let urls: Vec<_> = nginx.urls.iter().take(*pages).map(url::Url::as_str).collect();
            let list = folder.path().join("urls.txt");
            fs::write(&list, urls.join("\n"))?;
            let out = folder.path().join("out");
            let mut source = OsString::from("@");
            source.push(&list);
            let arguments: [OsString; 5] =
                [source, "--out".into(), out.clone().into(), "--max-workers".into(), "32".into()];
            let served = nginx.cpu_seconds();
            let taken = program::run(bench, folder.path(), &arguments, &[], true)?;
            let served = nginx.cpu_seconds() - served;
            let found = fs::read_to_string(out.join("results.jsonl"))?;
            let breaches = check::untrue(&nginx.first(*pages), &found);
            sheet.check("every page has one record, and what it says is what the page holds", &breaches);
            fs::remove_dir_all(&out)?;
            memory.push(taken.peak_bytes as f64 / f64::from(1 << 20));
            rate.push(*pages as f64 / taken.seconds);
            // The pages come from this machine at once: what fetching takes is CPU time.
            let given = cores() as f64 * taken.seconds - taken.looking_seconds;
            efficiency.push((taken.cpu_seconds + served) / given);
        }
    }
    let smallest = sizes.first().map(|(pages, [memory, ..])| (*pages, memory.clone()));
    for (pages, [memory, rate, efficiency]) in sizes {
        let what = format!("peak memory, {pages} pages");
        sheet.rows.push(Row::new(what, "MiB", Better::Lower, memory.clone()));
        sheet.rows.push(Row::new(format!("whole run, {pages} pages"), "pages/s", Better::Higher, rate));
        let what = format!("efficiency of the whole run, {pages} pages: CPU ÷ cores ÷ time");
        sheet.rows.push(efficiency::row(what, pages, efficiency));
        if let Some((least, smallest)) = smallest.as_ref().filter(|(least, _)| *least < pages) {
            let what = format!("peak memory, {pages} pages ÷ {least} pages");
            let growth = Row::new(what, "ratio", Better::Lower, memory.per(smallest));
            sheet.rows.push(growth.ideal(1.0).target(Of::Figure, FLAT));
        }
    }
    Ok(sheet)
}
