//! Markdown and plain text as people write them, and the example documents.

mod support;

use std::path::Path;

use sheaf_common::document::{ContentType, Link};
use sheaf_common::fault::FaultKind;
use support::parse_as;

const MARKDOWN: &str = r#"---
title: "Tide logger"
authors:
  - The observatory
  - The harbour office
date: 2026-02-20T08:00:00Z
lang: en
tags: [tide, logger]
---
Tide *logger*
=============

It reads the [gauge](https://gauge.example/a "t") every
six seconds. ![badge](b.png)

- first
- second

  more of it

1. one
2. two

```sh
tidelog zero
```

| a | b |
|---|---|
| 1 | 2 |

> quoted & said<br>so

<details><summary>More</summary>Hidden &amp; found</details>
"#;

#[test]
fn markdown_loses_its_marks_and_keeps_its_words() {
    let document = parse_as("x.md", MARKDOWN.as_bytes()).unwrap();
    assert_eq!(document.content_type, ContentType::Markdown);
    assert_eq!(document.title.as_deref(), Some("Tide logger"));
    assert_eq!(document.author.as_deref(), Some("The observatory, The harbour office"));
    assert_eq!(document.published.as_deref(), Some("2026-02-20"));
    assert_eq!(document.declared_language.as_deref(), Some("en"));
    assert_eq!((document.headings[0].level, document.headings[0].text.as_str()), (1, "Tide logger"));
    let gauge = Link { href: "https://gauge.example/a".into(), text: "gauge".into(), nofollow: false };
    assert_eq!(document.links, [gauge]);
    assert_eq!(
        document.text,
        "Tide logger\n\nIt reads the gauge every six seconds.\n\nfirst\nsecond\nmore of it\n\none\ntwo\n\n    tidelog zero\n\n\
         a\tb\n1\t2\n\nquoted & said\nso\n\nMore\nHidden & found"
    );
}

#[test]
fn front_matter_in_toml_is_read_too() {
    let document =
        parse_as("x.md", b"+++\ntitle = 'T'\nauthor = \"A\"\ndate = 2026-01-02\n+++\ntext").unwrap();
    assert_eq!((document.title.as_deref(), document.author.as_deref()), (Some("T"), Some("A")));
    assert_eq!((document.published.as_deref(), document.text.as_str()), (Some("2026-01-02"), "text"));
}

#[test]
fn the_first_line_of_text_is_a_title_only_when_it_looks_like_one() {
    let title = |name: &str, text: &str| parse_as(name, text.as_bytes()).unwrap().title;
    assert_eq!(
        title("x.txt", "Notice to mariners\n\nThe basin is closed.").as_deref(),
        Some("Notice to mariners")
    );
    assert_eq!(
        title("x.txt", "\n\nNotice 7 (replaces 5)\n=====\nText.").as_deref(),
        Some("Notice 7 (replaces 5)")
    );
    for text in [
        "The basin is closed.\n\nMore.",
        "A letter that goes on\nin the next line.",
        "name,berth,length,draught\n\nx",
        "#!/bin/sh\n\necho",
        "2026-02-12 10:11:12 12\n\nx",
        "int main() {\n\n}",
    ] {
        assert_eq!(title("x.txt", text), None, "{text}");
    }
    assert_eq!(title("x.py", "imports\n\nx"), None);
}

#[test]
fn line_ends_are_one_kind_and_marks_nobody_sees_are_gone() {
    let document = parse_as("x.txt", "a\u{AD}b\r\nc\rd\u{2028}e\u{1b}f\tg".as_bytes()).unwrap();
    assert_eq!(document.text, "ab\nc\nd\nef\tg");
}

#[test]
fn the_example_documents_are_what_they_are_meant_to_be() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/documents");
    let parse = |name: &str| {
        let path = folder.join(name);
        parse_as(path.file_name().unwrap().to_str().unwrap(), &std::fs::read(&path).unwrap())
    };
    for (name, words) in [
        ("news-tide-gauge.html", "disagreement of eleven minutes"),
        ("forum-chafe.html", "stern lines has gone right at the fairlead"),
        ("product-barograph.html", "clubhouse wall"),
        ("listing-talks.html", "How a harbour fills with sand"),
        ("nebelhorn.html", "alle dreißig Sekunden zwei Töne"),
        ("carnet-des-marees.txt", "hauteur lue sur l'échelle"),
        ("tide-logger.md", "averages the readings over a minute"),
        ("tide-logger-changelog.txt", "Fixed: at the turn of the year"),
        ("notice-dredging-1.txt", "31,000 cubic metres"),
        ("notice-dredging-2.txt", "31,000 cubic metres"),
        ("breakwater-survey.pdf", "Survey by diver in 2027"),
        ("invoice-2026-0147.pdf", "Stainless wire 0.6 mm, 25 m\t2\t£18.50\t£37.00"),
        ("minutes-committee.docx", "Dredging reserve\t£204,000\t+£30,000"),
        ("letter-keepers-house.docx", "112 volumes from 1868 to 1984"),
    ] {
        let document = parse(name).unwrap_or_else(|fault| panic!("{name}: {fault:?}"));
        assert!(document.text.contains(words), "{name}: {}", document.text);
        assert!(document.title.is_some(), "{name}");
        assert_eq!(document.marks.replaced_characters, 0, "{name}");
    }
    assert_eq!(parse("news-tide-gauge.html").unwrap(), parse("news-tide-gauge-copy.html").unwrap());
    assert_eq!(parse("broken/empty.txt").unwrap_err().kind, FaultKind::Empty);
    assert_eq!(parse("broken/scan-0031.docx").unwrap_err().kind, FaultKind::Malformed);
    let cut = parse("broken/breakwater-survey-cut.pdf").unwrap();
    assert!(cut.marks.remarks[0].contains("damaged"), "{:?}", cut.marks.remarks);
}
