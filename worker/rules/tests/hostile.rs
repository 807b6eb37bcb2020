//! Whatever the text, the rules answer: no panic, in bounded time, and every place is true.
#![allow(missing_docs, reason = "a test has no readers of its documentation")]

use proptest::prelude::*;
use sheaf_common::document::{ContentType, Document, Heading};
use sheaf_rules::{Assessment, analyse};

fn check(document: &Document) -> Assessment {
    let assessment = analyse(document);
    let analysis = &assessment.analysis;
    assert!((0.0..=1.0).contains(&analysis.confidence), "{}", analysis.confidence);
    assert!(!analysis.document_type.is_empty());
    assert!(
        analysis
            .keywords
            .iter()
            .all(|keyword| (0.0..=1.0).contains(&keyword.score) && !keyword.text.is_empty())
    );
    assert!(!analysis.review.advised || !analysis.review.reasons.is_empty(), "a review has a reason");
    let points: Vec<char> = document.text.chars().collect();
    let quote = |start: usize, end: usize| points[start..end].iter().collect::<String>();
    for point in &analysis.key_points {
        assert_eq!(quote(point.place.start, point.place.end), point.quote);
        assert!(!point.text.contains('\n'));
    }
    for entity in &analysis.entities {
        assert_eq!(quote(entity.place.start, entity.place.end), entity.text);
        assert!(entity.count > 0);
    }
    assessment
}

fn text(text: impl Into<String>) -> Document {
    Document { text: text.into(), extraction_confidence: 0.9, ..Document::default() }
}

#[test]
fn giants_are_answered_for() {
    const SIZE: usize = 5 << 20;
    for piece in [
        "a",
        "\n",
        ".",
        "!? ",
        "🎉",
        "e\u{301}",
        "א",
        "שלום עולם. ",
        "字",
        "ไทย",
        "1,",
        "1.1.",
        "@a.b",
        "http://",
        "$1 ",
        "Aa ",
    ] {
        let assessment = check(&text(piece.repeat(SIZE / piece.len())));
        assert!(assessment.analysis.summary.len() < 200_000, "{piece:?}");
    }
}

#[test]
fn a_giant_of_sentences_is_answered_for() {
    let giant: Vec<String> = (0..70_000)
        .map(|n| {
            format!("On day {n} the crew of boat {} paid ${n} to Mara Lindqvist at the harbour.", n % 977)
        })
        .collect();
    let assessment = check(&text(giant.join("\n\n")));
    assert!(!assessment.analysis.key_points.is_empty());
    assert!(assessment.analysis.entities.len() <= 300);
}

#[test]
fn an_empty_document_is_answered_for() {
    let assessment = check(&Document::default());
    assert_eq!(assessment.words, 0);
    assert_eq!(assessment.analysis.flags, ["empty"]);
    assert!(assessment.analysis.review.advised);
    assert_eq!((assessment.language, assessment.fingerprint), (None, None));
}

#[test]
fn the_same_document_gives_the_same_answer() {
    let words =
        ["harbour", "Orrin", "tide", "the", "of", "pump", "repairs", "cost", "€40", "May", "12", "2026"];
    let long: Vec<&str> =
        (0..6_000).flat_map(|n| [words[n * 7 % 12], if n % 13 == 0 { ". " } else { " " }]).collect();
    let document = text(long.concat());
    // A hash table's order differs from one table to the next.
    let first = check(&document);
    for _ in 0..5 {
        assert_eq!(analyse(&document), first);
    }
}

/// Text of pieces that mean something to some rule.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("The council of Orrin agreed on 12 March 2026 to spend €4.5 million on the harbour.".to_owned()),
        Just("Die Sitzung vom 12. März kostete 1.234,50 EUR.".to_owned()),
        Just("会议于2026年3月12日举行，共花费3万元。".to_owned()),
        Just("שלום עולם, זה טקסט מימין לשמאל.".to_owned()),
        Just("\n\n".to_owned()),
        Just("\n- ".to_owned()),
        Just("let x = f(y);\n".to_owned()),
        Just("mail a@b.example or https://a.example/(x)".to_owned()),
        Just("Mr. J. ".to_owned()),
        Just("\u{200f}\u{202e}\u{feff}\0".to_owned()),
        "[ -~]{0,20}",
        "\\PC{0,12}",
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_place_is_true(
        body in pieces(),
        title in proptest::option::of("\\PC{0,30}"),
        declared in proptest::option::of("[a-z]{2}(-[A-Z]{2})?"),
        html in any::<bool>(),
    ) {
        let mut document = text(body.clone());
        document.content_type = if html { ContentType::Html } else { ContentType::Text };
        document.headings = body.lines().step_by(3).map(|line| Heading { level: 2, text: line.to_owned() }).collect();
        document.description = title.clone();
        document.title = title;
        document.declared_language = declared;
        let first = check(&document);
        prop_assert_eq!(analyse(&document), first);
    }
}
