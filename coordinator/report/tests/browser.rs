//! The page in a real browser: no title changes the document or runs.
//!
//! Needs `chromium` on the PATH; without it the test says so and passes, or fails when `SHEAF_REQUIRE_BROWSER` is set.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod sample;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use scraper::{Html, Selector};
use sheaf_report::{HtmlReport, Render};

/// What a hostile title would do if it ran.
const CANARY: &str = "document.documentElement.setAttribute('data-canary','1')";

#[test]
fn no_title_changes_the_document_in_a_browser() {
    let Some(browser) = browser() else {
        let missing = "chromium is not on the PATH: install it (Debian: apt-get install chromium)";
        assert!(env::var_os("SHEAF_REQUIRE_BROWSER").is_none(), "{missing}");
        println!("skipped: {missing}");
        return;
    };
    let folder = tempfile::tempdir().unwrap();

    // The browser does run scripts where they are: otherwise this test could not fail.
    let control = folder.path().join("control.html");
    fs::write(&control, format!("<!DOCTYPE html><title>control</title><script>{CANARY}</script>")).unwrap();
    assert!(has_canary(&dump(&browser, folder.path(), &control)), "the control page's script did not run");

    let titles = [
        format!("<script>{CANARY}</script>"),
        format!("\"><img src=x onerror=\"{CANARY}\">"),
        format!("</title></style><script>{CANARY}</script>"),
        format!("<svg/onload={CANARY}>"),
        format!("<iframe srcdoc=\"<script>parent.{CANARY}</script>\">"),
        "\u{202e}<b>gpj.exe".to_owned(),
        "</bdi></span></summary></details></main>".to_owned(),
        "<meta http-equiv=refresh content='0;url=https://example.org'>".to_owned(),
    ];
    let mut records = sample::records();
    for (record, title) in records.iter_mut().filter(|record| record.document.is_some()).zip(&titles) {
        record.document.iter_mut().for_each(|facts| facts.title = Some(title.clone()));
        record.source = format!("https://example.org/{title}");
    }
    let rendered = HtmlReport.render(&sample::summary(&records));
    let page = folder.path().join("report.html");
    fs::write(&page, &rendered).unwrap();
    let dumped = dump(&browser, folder.path(), &page);

    assert!(!has_canary(&dumped));
    let (seen, written) = (elements(&dumped), elements(&rendered));
    assert_eq!(seen, written, "the browser made other elements of the page than its templates hold");
    let title = Selector::parse(".doc .title bdi").unwrap();
    let shown: Vec<String> =
        Html::parse_document(&dumped).select(&title).map(|title| title.text().collect()).collect();
    assert!(titles[..5].iter().all(|title| shown.contains(title)), "{shown:?}");
}

fn browser() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join("chromium")).find(|program| program.is_file())
}

fn has_canary(page: &str) -> bool {
    Html::parse_document(page).root_element().attr("data-canary").is_some()
}

/// Names of all elements, in order, with the names of their attributes.
fn elements(page: &str) -> Vec<String> {
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
fn dump(browser: &Path, folder: &Path, page: &Path) -> String {
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
