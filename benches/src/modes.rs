//! The four parallelism modes on CPU-bound pages.

use std::{ffi::OsString, fs, path::Path};

use crate::{AnyError, figures::Figures, program};

const MODES: [&str; 4] = ["sync", "async", "process", "hybrid"];
const PAGES: usize = 300;
/// Paragraphs of a generated page: about the 113 kB of an average page of the web.
const PARAGRAPHS: usize = 160;

/// Measures wall time of whole runs, start-up included, and checks that the results are the same.
pub(crate) fn measure(set: Option<&Path>, rounds: usize) -> Result<(), AnyError> {
    let folder = tempfile::tempdir()?;
    let set = if let Some(set) = set {
        set.to_owned()
    } else {
        let set = folder.path().join("set");
        fs::create_dir(&set)?;
        for page in 0..PAGES {
            fs::write(set.join(format!("{page:04}.html")), page_text(page))?;
        }
        set
    };
    let cores = std::thread::available_parallelism()?;
    let mut times: [Figures; 4] = Default::default();
    let mut expected = None;
    // The first round warms the page cache and is not counted.
    for round in 0..=rounds {
        for (mode, times) in MODES.iter().zip(&mut times) {
            let out = folder.path().join("out");
            let arguments: [OsString; 5] = [
                set.clone().into(),
                "--out".into(),
                out.clone().into(),
                "--parallelism-mode".into(),
                mode.into(),
            ];
            let taken = program::run(&arguments, false)?;
            let records = program::records(&out)?;
            if expected.get_or_insert_with(|| records.clone()) != &records {
                return Err(format!("{mode} gave other results than {}", MODES[0]).into());
            }
            fs::remove_dir_all(&out)?;
            if round > 0 {
                times.push(taken.seconds);
            }
        }
    }
    let documents = expected.map_or(0, |records| records.len());
    println!(
        "{documents} documents, {cores} cores, 3 analysis workers, {rounds} rounds; the results are identical"
    );
    println!("{:>8}  {:<26} speed-up over sync: median (lowest to highest)", "mode", "seconds");
    for (mode, taken) in MODES.iter().zip(&times) {
        println!("{mode:>8}  {:<26} {}", taken.to_string(), times[0].per(taken));
    }
    Ok(())
}

/// A page with navigation, paragraphs of made-up words, a list and a footer; a function of its number.
fn page_text(page: usize) -> String {
    let mut random = fastrand::Rng::with_seed(page as u64);
    let mut word = || {
        let syllables = 1 + random.usize(..3);
        (0..syllables)
            .map(|_| ["ta", "ri", "mon", "el", "sta", "no", "ver", "li", "que", "dor"][random.usize(..10)])
            .collect::<String>()
    };
    let mut sentence = |words: usize| {
        let words: Vec<_> = (0..words).map(|_| word()).collect();
        format!("The {}.", words.join(" "))
    };
    let title = sentence(5);
    let links: String =
        (0..40).map(|link| format!("<li><a href=\"/{link}\">{}</a></li>", sentence(2))).collect();
    let paragraphs: String = (0..PARAGRAPHS)
        .map(|_| format!("<p>{}</p>", (0..8).map(|_| sentence(12)).collect::<Vec<_>>().join(" ")))
        .collect();
    format!(
        "<!doctype html><html lang=en><head><title>{title}</title></head><body><nav><ul>{links}</ul></nav>\
         <main><article><h1>{title}</h1>{paragraphs}</article></main><footer><p>Imprint, contact</p></footer></body></html>"
    )
}
