//! The page in a real browser: no text changes the document or runs.
//!
//! Needs `chromium` on the PATH; without it the test says so and passes, or fails when `SHEAF_REQUIRE_BROWSER` is set.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "../../coordinator/report/tests/chromium/mod.rs"]
mod chromium;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use self::chromium::{CANARY, browser, dump, elements, has_canary};

const BENCH: &str = env!("CARGO_BIN_EXE_bench");

/// A report in which every text is this one.
fn report(text: &str) -> Value {
    let figures =
        |values: &[f64]| json!({"median": null, "low": null, "high": null, "n": 0, "values": values});
    let peer = |name: &str, empty: Value, values: &[f64]| json!({"peer": name, "version": text, "settings": text, "figures": figures(values), "empty": empty});
    let row = json!({
        "what": text, "unit": text, "better": "higher", "ours": figures(&[40.0, 50.0, 70.0]), "ideal": 100.0,
        "ceiling": {"name": text, "figures": figures(&[80.0, 90.0, 95.0])},
        "peers": [peer(text, Value::Null, &[20.0, 30.0, 35.0]), peer("absent", json!({"why": text, "command": text}), &[])],
        "target": {"bound": 60.0, "of": "figure"},
    });
    json!({
        "form": 1, "begun": "2026-01-01T00:00:00Z", "seconds": 1.0, "command": text,
        "machine": {
            "processor": text, "cores": 2, "memory_bytes": 1 << 30, "kernel": text, "load": text, "sheaf": text,
            "build": text, "redis": text, "rustc": text,
        },
        "sheets": [{
            "scenario": text, "about": text, "command": text, "seconds": 1.0, "rows": [row],
            "tables": [{"title": text, "head": [text, text], "lines": [[text, text]]}],
            "checked": [text], "notes": [text], "breaches": [text], "error": text,
        }],
    })
}

fn page(folder: &Path, text: &str) -> PathBuf {
    let (results, page) = (folder.join("results.json"), folder.join("page.html"));
    fs::write(&results, report(text).to_string()).unwrap();
    let output = Command::new(BENCH).arg("show").arg(&results).arg("--page").arg(&page).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "what is broken stays broken: {output:?}");
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(
        told.contains("0.500") && told.contains("MISSED"),
        "ratios and verdicts are computed anew: {told}"
    );
    page
}

#[test]
fn no_text_changes_the_document_in_a_browser() {
    let folder = tempfile::tempdir().unwrap();
    let expected = elements(&fs::read_to_string(page(folder.path(), "a plain text")).unwrap());
    assert!(expected.iter().filter(|element| element.starts_with("rect")).count() >= 4, "there is a chart");
    let Some(browser) = browser() else {
        let missing = "chromium is not on the PATH: install it (Debian: apt-get install chromium)";
        assert!(env::var_os("SHEAF_REQUIRE_BROWSER").is_none(), "{missing}");
        println!("skipped: {missing}");
        return;
    };
    // The browser does run scripts where they are: otherwise this test could not fail.
    let control = folder.path().join("control.html");
    fs::write(&control, format!("<!DOCTYPE html><title>control</title><script>{CANARY}</script>")).unwrap();
    assert!(has_canary(&dump(&browser, folder.path(), &control)), "the control page's script did not run");
    let hostile = format!(
        "<script>{CANARY}</script>\"><img src=x onerror=\"{CANARY}\"></title></style></svg><svg/onload={CANARY}>\u{202e}\
         </td></table></pre></section></main><meta http-equiv=refresh content='0;url=https://example.org'>"
    );
    let dumped = dump(&browser, folder.path(), &page(folder.path(), &hostile));
    assert!(!has_canary(&dumped));
    assert_eq!(
        elements(&dumped),
        expected,
        "the browser made other elements of the page than its templates hold"
    );
}

#[test]
fn results_of_another_form_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let results = folder.path().join("results.json");
    let mut other = report("text");
    other["form"] = 99.into();
    for (text, why) in
        [(other.to_string(), "its form is 99"), ("{}".to_owned(), "it must be what --json wrote")]
    {
        fs::write(&results, text).unwrap();
        let output = Command::new(BENCH).arg("show").arg(&results).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(why), "{said}");
    }
}
