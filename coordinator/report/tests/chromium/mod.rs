//! A real browser, and what it makes of a page. Tests of other crates' pages include this file too.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use scraper::{Html, Selector};

/// What a hostile text would do if it ran.
pub(crate) const CANARY: &str = "document.documentElement.setAttribute('data-canary','1')";

/// Chromium, where it is on the PATH.
pub(crate) fn browser() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join("chromium")).find(|program| program.is_file())
}

/// Whether a script with the [`CANARY`] ran in the page.
pub(crate) fn has_canary(page: &str) -> bool {
    Html::parse_document(page).root_element().attr("data-canary").is_some()
}

/// Names of all elements, in order, with the names of their attributes.
pub(crate) fn elements(page: &str) -> Vec<String> {
    let all = Selector::parse("*").unwrap();
    let document = Html::parse_document(page);
    let name = |element: scraper::ElementRef<'_>| {
        let mut attributes: Vec<_> = element.value().attrs().map(|(name, _)| name).collect();
        attributes.sort_unstable();
        format!("{} {attributes:?}", element.value().name())
    };
    document.select(&all).map(name).collect()
}

/// The document a browser makes of a page, after its scripts, if any, have run.
pub(crate) fn dump(browser: &Path, folder: &Path, page: &Path) -> String {
    let profile = tempfile::tempdir_in(folder).unwrap();
    let output = folder.join("dumped.html");
    let mut child = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
        ])
        .args(["--disable-component-update", "--disable-sync", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}", page.display()))
        .stdin(Stdio::null())
        .stdout(fs::File::create(&output).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Far more than a browser needs; it only keeps a browser that hangs from holding up the tests.
    let give_up = Instant::now() + Duration::from_mins(3);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > give_up {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("chromium did not load {} within 3 minutes", page.display());
        }
        thread::sleep(Duration::from_millis(50));
    };
    assert!(status.success(), "chromium ended with {status}");
    fs::read_to_string(&output).unwrap()
}
