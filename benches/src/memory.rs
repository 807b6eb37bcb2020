//! Peak memory of a whole run as the set grows.

use std::{ffi::OsString, fs};

use crate::{AnyError, nginx::Nginx, program};

/// Measures one run for each size, over pages that differ, served by a private nginx.
pub(crate) fn measure(sizes: &[usize]) -> Result<(), AnyError> {
    let folder = tempfile::tempdir()?;
    let most = sizes.iter().copied().max().unwrap_or_default();
    let nginx = Nginx::start(folder.path(), most)?;
    println!(
        "{:>8}  {:>8}  {:>9}  peak memory of the coordinator and its children",
        "pages", "seconds", "pages/s"
    );
    for &pages in sizes {
        let urls: Vec<_> = nginx.urls.iter().take(pages).map(url::Url::as_str).collect();
        let list = folder.path().join("urls.txt");
        fs::write(&list, urls.join("\n"))?;
        let out = folder.path().join("out");
        let mut source = OsString::from("@");
        source.push(&list);
        let arguments: [OsString; 5] =
            [source, "--out".into(), out.clone().into(), "--max-workers".into(), "32".into()];
        let taken = program::run(&arguments, true)?;
        let records = program::records(&out)?;
        let ok = records.iter().filter(|record| record["status"] == "ok").count();
        if ok != pages {
            return Err(format!("{ok} of {pages} pages are ok").into());
        }
        fs::remove_dir_all(&out)?;
        println!(
            "{pages:>8}  {:>8.1}  {:>9.0}  {:.0} MiB",
            taken.seconds,
            pages as f64 / taken.seconds,
            taken.peak_bytes as f64 / f64::from(1 << 20)
        );
    }
    Ok(())
}
