//! rs-trafilatura over the pages of a folder, one thread: `PAGES OUT`. Prints the pages, the seconds of extracting them
//! and how many failed.
//!
//! Its defaults (docs.rs/rs-trafilatura): page kinds told apart, comments left out, tables kept.

use std::{
    env,
    error::Error,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let [pages, out] = &arguments[..] else { return Err("usage: PAGES OUT".into()) };
    let (mut count, mut failed, mut spent) = (0, 0, Duration::ZERO);
    for entry in fs::read_dir(pages)? {
        let page = entry?.path();
        let (Some("html"), Some(name)) = (page.extension().and_then(OsStr::to_str), page.file_stem()) else {
            continue;
        };
        let body = fs::read(&page)?;
        let began = Instant::now();
        let text = extract(&body);
        spent += began.elapsed();
        count += 1;
        failed += usize::from(text.is_none());
        fs::write(Path::new(out).join(name).with_extension("txt"), text.unwrap_or_default())?;
    }
    println!("{count} {} {failed}", spent.as_secs_f64());
    Ok(())
}

/// A page that makes it fail or panic has no text, as with every other extractor.
fn extract(body: &[u8]) -> Option<String> {
    std::panic::catch_unwind(|| rs_trafilatura::extract_bytes(body)).ok()?.ok().map(|page| page.content_text)
}
