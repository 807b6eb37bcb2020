//! Writes what the models are trained on: `rows PAGES_FOLDER > rows.tsv`, a line of name, tab, JSON for each page.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

fn main() -> io::Result<()> {
    let folder = std::env::args().nth(1).ok_or_else(|| io::Error::other("which folder?"))?;
    let mut pages: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    pages.sort();
    let mut out = BufWriter::new(io::stdout().lock());
    for page in pages {
        let html = String::from_utf8_lossy(&std::fs::read(&page)?).into_owned();
        write!(out, "{}\t", page.file_stem().unwrap_or_default().to_string_lossy())?;
        sheaf_extract::training::write_rows(&html, &mut out)?;
    }
    out.flush()
}
