//! The page in a real browser: no title changes the document or runs.
//!
//! Needs `chromium` on the PATH; without it the test says so and passes, or fails when `SHEAF_REQUIRE_BROWSER` is set.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod chromium;
mod sample;

use std::{env, fs};

use scraper::{Html, Selector};
use sheaf_report::{HtmlReport, Render};

use self::chromium::{CANARY, browser, dump, elements, has_canary};

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
