//! Texts that try to be more than text, in every field a text can stand in.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod sample;

use proptest::prelude::*;
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use scraper::{Html, Selector};
use sheaf_common::{
    analysis::Fingerprint,
    fault::{Fault, FaultKind},
    id::{DocumentId, RunId},
    record::Record,
};
use sheaf_report::{HtmlReport, MarkdownReport, Render, RunFacts, Setting, Shown, Summary};

const HOSTILE: &[&str] = &[
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</title></style></textarea><svg onload=alert(1)>",
    "--><script>alert(1)</script><!--",
    "<![CDATA[<script>]]>",
    "&lt;script&gt;",
    "\u{202e}gpj.exe",
    "pay\u{200b}pal\u{feff}",
    "line\nbreak\r\n# heading\n\n<b>x</b>",
    "nul\0bell\u{7}escape\u{1b}[31m",
    "| cell | cell |\n| --- | --- |",
    "[click](javascript:alert(1)) ![x](https://example.org/x.png)",
    "`code` **bold** <https://example.org> https://example.org www.example.org",
    "javascript:alert(1)",
    "JAVASCRIPT:alert(1)//https://example.org",
    "data:text/html,<script>alert(1)</script>",
    "https://example.org/\"onclick=\"alert(1)",
    "https://user:secret@example.org/<script>`|\\",
    "\u{fffe}\u{10ffff}\u{2028}\u{2029}",
    "Z\u{0301}\u{0301}\u{0301}\u{0301}\u{0301}\u{0301}\u{0301}\u{0301}\u{0301}",
];

/// A record in which every text is `text`.
fn everywhere(text: &str) -> Record {
    let mut record = sample::records().swap_remove(0);
    let owned = || text.to_owned();
    record.id = DocumentId::new(text);
    record.source = owned();
    if let Some(facts) = &mut record.document {
        facts.title = Some(owned());
        facts.language = Some(owned());
        facts.published = Some(owned());
        facts.author = Some(owned());
        facts.fingerprint = Some(Fingerprint(owned()));
        facts.remarks = vec![owned()];
    }
    if let Some(analysis) = &mut record.analysis {
        analysis.summary = owned();
        analysis.document_type = owned();
        analysis.flags = vec![owned()];
        analysis.review.advised = true;
        analysis.review.reasons = vec![owned()];
        analysis.key_points.iter_mut().for_each(|point| point.text = owned());
        analysis.keywords.iter_mut().for_each(|keyword| keyword.text = owned());
        analysis.entities.iter_mut().for_each(|entity| entity.text = owned());
    }
    record.cache.of = Some(DocumentId::new(text));
    record
}

/// A summary of two documents for each text, so that topics are shared, and of a failure for each.
fn summary_of(texts: &[&str]) -> Summary {
    let first = texts.first().copied().unwrap_or_default();
    let facts = RunFacts {
        command: Shown::new(first, 300),
        options: texts.iter().map(|text| Setting::new(text, text)).collect(),
        model_requests: texts.iter().map(|&text| (text.to_owned(), 1)).collect(),
        ..RunFacts::new(RunId::new(first))
    };
    let records = texts.iter().flat_map(|text| {
        let fault = Fault::new(FaultKind::HttpStatus, *text, *text);
        [everywhere(text), everywhere(text), sample::failed(text, fault)]
    });
    let records: Vec<_> = records.collect();
    sample::summary_of(facts, &(0..).zip(&records).collect::<Vec<_>>())
}

/// Asserts that a page holds nothing but what the templates put there.
fn assert_harmless(page: &str, rows: usize) {
    const ELEMENTS: &[&str] = &[
        "html", "head", "meta", "title", "style", "body", "header", "nav", "main", "section", "footer",
        "div", "span", "p", "a", "ul", "ol", "li", "dl", "dt", "dd", "h1", "h2", "h3", "b", "strong",
        "small", "code", "pre", "bdi", "details", "summary", "table", "caption", "thead", "tbody", "tr",
        "th", "td", "svg", "path", "rect", "line", "circle", "text", "desc",
    ];
    const ATTRIBUTES: &[&str] = &[
        "lang",
        "charset",
        "http-equiv",
        "content",
        "name",
        "class",
        "href",
        "rel",
        "id",
        "title",
        "scope",
        "role",
        "aria-hidden",
        "aria-label",
        "aria-labelledby",
        "focusable",
        "viewBox",
        "fill",
        "stroke",
        "stroke-width",
        "stroke-linecap",
        "d",
        "width",
        "height",
        "x",
        "y",
        "x1",
        "x2",
        "y1",
        "y2",
        "cx",
        "cy",
        "r",
        "rx",
        "text-anchor",
    ];
    let document = Html::parse_document(page);
    for element in document.select(&Selector::parse("*").unwrap()) {
        let element = element.value();
        assert!(ELEMENTS.contains(&element.name()), "<{}>", element.name());
        for (name, value) in element.attrs() {
            assert!(ATTRIBUTES.contains(&name), "{name}={value:?} of <{}>", element.name());
            if name == "href" {
                let allowed = ["#", "https://", "http://"].iter().any(|start| value.starts_with(start));
                assert!(allowed && !value.contains("secret"), "{value}");
            }
        }
    }
    let of = |selector: &str| document.select(&Selector::parse(selector).unwrap()).count();
    assert_eq!((of("style"), of("details.doc")), (1, rows));
    let odd = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{200b}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    assert_eq!(page.chars().find(|&c| odd(c)), None);
}

/// Asserts that a Markdown page holds no HTML, no pictures, no links but web addresses, and no headings but its own.
fn assert_harmless_markdown(page: &str, rows: usize) {
    const SECTIONS: &[&str] = &[
        "What it is about",
        "At a glance",
        "The documents",
        "Nearly the same",
        "Exactly the same",
        "Unlike the rest",
        "Documents a model should see",
        "What failed or was skipped, and why",
        "How long it took",
        "What it cost",
        "How it was run",
    ];
    let mut heading: Option<(HeadingLevel, String)> = None;
    let (mut titles, mut parts) = (0, 0);
    let dialect = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_FOOTNOTES;
    for event in Parser::new_ext(page, dialect) {
        match event {
            Event::Html(html) | Event::InlineHtml(html) => panic!("HTML: {html}"),
            Event::Start(Tag::Image { dest_url, .. }) => panic!("picture: {dest_url}"),
            Event::Start(Tag::Link { dest_url, .. }) => {
                assert!(dest_url.starts_with("https://") || dest_url.starts_with("http://"), "{dest_url}");
            }
            Event::Start(Tag::Strikethrough | Tag::BlockQuote(_) | Tag::FootnoteDefinition(_))
            | Event::Rule => {
                panic!("{event:?}")
            }
            Event::Start(Tag::Heading { level, .. }) => heading = Some((level, String::new())),
            Event::Text(text) => heading.iter_mut().for_each(|(_, heading)| heading.push_str(&text)),
            Event::End(TagEnd::Heading(_)) => match heading.take() {
                Some((HeadingLevel::H1, _)) => titles += 1,
                Some((HeadingLevel::H2, text)) => assert!(SECTIONS.contains(&text.as_str()), "{text}"),
                Some((HeadingLevel::H3, _)) => parts += 1,
                other => panic!("{other:?}"),
            },
            _ => {}
        }
    }
    // A heading for each document, and one for the only kind of fault.
    assert_eq!((titles, parts), (1, rows + 1));
}

#[test]
fn hostile_texts_stay_texts() {
    for text in HOSTILE {
        let summary = summary_of(&[text]);
        assert_harmless(&HtmlReport.render(&summary), 3);
    }
    let page = HtmlReport.render(&summary_of(HOSTILE));
    assert_harmless(&page, HOSTILE.len() * 3);
    for unescaped in ["<script", "<img", "<svg onload", "onerror=alert(1)>", "javascript:alert(1)\""] {
        assert!(!page.contains(unescaped), "{unescaped}");
    }
    let titles: Vec<String> = Html::parse_document(&page)
        .select(&Selector::parse(".doc .title bdi").unwrap())
        .map(|title| title.text().collect())
        .collect();
    assert!(titles.contains(&HOSTILE[0].to_owned()), "a title is shown as it is");
    assert!(titles.contains(&"gpj.exe".to_owned()), "a title is shown without what reorders it");
}

#[test]
fn hostile_texts_stay_texts_in_markdown() {
    let page = MarkdownReport.render(&summary_of(HOSTILE));
    assert_harmless_markdown(&page, HOSTILE.len() * 3);
}

#[test]
fn tables_keep_their_cells() {
    let page = MarkdownReport.render(&summary_of(&["a | b | c"]));
    let tables =
        Parser::new_ext(&page, Options::ENABLE_TABLES).fold((0, 0), |(rows, cells), event| match event {
            Event::Start(Tag::TableRow | Tag::TableHead) => (rows + 1, cells),
            Event::Start(Tag::TableCell) => (rows, cells + 1),
            _ => (rows, cells),
        });
    let lines = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---")).count();
    assert_eq!(tables.0, lines);
    let bars = |line: &str| line.replace("\\|", "").matches('|').count() - 1;
    let cells: usize =
        page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---")).map(bars).sum();
    assert_eq!(tables.1, cells);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_text_anywhere_leaves_the_pages_whole(texts in proptest::collection::vec(any::<String>(), 1..4), markup in "[<>\"'&=/a-z|`\\[\\]()!#\\-\n ]{0,60}") {
        let texts: Vec<_> = texts.iter().map(String::as_str).chain([markup.as_str()]).collect();
        let summary = summary_of(&texts);
        assert_harmless(&HtmlReport.render(&summary), texts.len() * 3);
        assert_harmless_markdown(&MarkdownReport.render(&summary), texts.len() * 3);
    }
}
