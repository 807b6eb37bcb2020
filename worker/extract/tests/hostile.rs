//! Pages built to break readers: each must give a result, soon, and the same one every time.
#![allow(clippy::unwrap_used, clippy::format_collect)] // Helpers of tests are not seen as tests.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use sheaf_extract::{DEPTH_LIMIT, Effort, Extraction, Method, extract, nesting_depth};

/// Long enough for an unoptimised build on a busy machine; a page that takes the square of its length takes minutes.
const SOON: Duration = Duration::from_mins(1);

fn read(html: &str) -> Extraction {
    let start = Instant::now();
    let page = extract(html, Effort::Best).unwrap();
    assert!(start.elapsed() < SOON, "{:?} for {} bytes", start.elapsed(), html.len());
    assert!((0.0..=1.0).contains(&page.confidence));
    page
}

const SENTENCE: &str = "<p>This is a sentence that is long enough to be taken for a text.</p>";

#[test]
fn deep_nesting_gives_flat_text() {
    for tag in ["div", "b", "span", "table", "foo-bar", "svg", "font size=1", "a href=x", "ul><li", "div/"] {
        let html = format!("{}{SENTENCE}", format!("<{tag}>").repeat(50_000));
        let page = read(&html);
        assert!(page.text.contains("a sentence that is long enough"), "{tag}: {:?}", page.method);
    }
    assert_eq!(read(&format!("{}{SENTENCE}", "<div>".repeat(200_000))).method, Method::Flat);
    assert_eq!(read(&format!("{}{SENTENCE}", "<div>".repeat(DEPTH_LIMIT - 20))).method, Method::Stacked);
}

#[test]
fn deep_nesting_fits_a_small_stack() {
    let html = format!("{}{SENTENCE}", "<div><span>".repeat(DEPTH_LIMIT / 2 - 10));
    let reader = std::thread::Builder::new().stack_size(2 << 20).spawn(move || read(&html).method);
    assert_eq!(reader.unwrap().join().unwrap(), Method::Stacked);
}

#[test]
fn formatting_reopened_in_every_paragraph_is_bounded() {
    let opened: String = (0..2_000).map(|i| format!("<p><b id={i}>")).collect();
    read(&format!("{opened}{}", "<p>x".repeat(100_000)));
}

#[test]
fn many_attributes_entities_and_comments() {
    read(&format!("<p {}>{SENTENCE}", (0..100_000).map(|i| format!("a{i}=1 ")).collect::<String>()));
    read(&format!("<p>{}", "&amp;".repeat(1_000_000)));
    read(&"<!--".repeat(200_000));
    read(&"<!".repeat(200_000));
    read(&"</".repeat(200_000));
    read(&"</p>".repeat(200_000));
    read(&"<a".repeat(200_000));
    read(&"<script>".repeat(200_000));
}

#[test]
fn ten_megabytes_on_one_line() {
    let page = read(&format!("<p>{}", "word ".repeat(2_000_000)));
    assert_eq!(page.signals.page_words, 2_000_000);
}

#[test]
fn a_hundred_thousand_unclosed_tags_of_mixed_names() {
    let tags =
        ["<p>", "<li>", "<td>", "<i>", "<div>", "<table>", "<a>", "<h2>", "<form>", "<select>", "<option>"];
    read(&(0..100_000).map(|i| tags[i * 7 % tags.len()]).collect::<String>());
}

#[test]
fn an_empty_page_is_empty() {
    for html in ["", " ", "<html>", "<script>x</script>"] {
        let page = read(html);
        assert_eq!((page.text.as_str(), page.method), ("", Method::Empty));
    }
}

#[test]
fn the_same_page_gives_the_same_result() {
    let item = |i| format!("<div class=card><h3>Name {i}</h3><a href=/{i}>Read {i}</a>{SENTENCE}</div>");
    let html = format!("<nav><a href=/>Home</a></nav><main>{}</main>", (0..50).map(item).collect::<String>());
    let first = read(&html);
    for _ in 0..5 {
        assert_eq!(read(&html), first);
    }
}

fn fragment() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z<>/=\"'&; !-]{0,12}",
        "\\PC{0,8}",
        prop::sample::select(vec![
            "<p>",
            "</p>",
            "<div class='post'>",
            "</div>",
            "<table>",
            "<tr>",
            "<td>",
            "<a href=x>",
            "</a>",
            "<b>",
            "</b>",
            "<svg>",
            "</svg>",
            "<template>",
            "</template>",
            "<noscript>",
            "<select>",
            "<option>",
            "<h1>",
            "<li>",
            "<pre>",
            "<br>",
            "<!--",
            "-->",
            "<script type='application/ld+json'>",
            "</script>",
            "<title>",
            "<html lang=de>",
            "<frameset>",
            "<form>",
            "<math>",
            "<foreignObject>",
            "<body>",
            "</body>",
            "<p hidden>",
            "。",
            "Text of it. ",
        ])
        .prop_map(str::to_owned),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_page_gives_a_result(parts in prop::collection::vec(fragment(), 0..60)) {
        let html = parts.concat();
        nesting_depth(&html);
        let page = extract(&html, Effort::Best).unwrap();
        prop_assert!((0.0..=1.0).contains(&page.confidence));
        prop_assert_eq!(extract(&html, Effort::Best).unwrap(), page);
    }
}
