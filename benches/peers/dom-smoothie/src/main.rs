//! `dom_smoothie` over the pages of a folder, one thread: `PAGES OUT`. Prints the pages, the seconds of extracting them
//! and how many failed.
//!
//! Settings (the documentation of `Config`): text formatted by blocks (`TextMode::Formatted`), so that words of
//! neighbours do not touch.

use std::{
    env,
    error::Error,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use dom_smoothie::{Config, Readability, TextMode};

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
    let config = Config { text_mode: TextMode::Formatted, ..Config::default() };
    let html = String::from_utf8_lossy(body);
    let parse = || Readability::new(html.as_ref(), None, Some(config))?.parse();
    let article = std::panic::catch_unwind(std::panic::AssertUnwindSafe(parse)).ok()?.ok()?;
    Some(article.text_content.to_string())
}
