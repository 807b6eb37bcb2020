//! The pages of small, odd and large sets.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod sample;

use scraper::{Html, Selector};
use sheaf_common::{
    analysis::Keyword,
    fault::{Fault, FaultKind},
    id::DocumentId,
    record::Record,
};
use sheaf_report::{HtmlReport, MarkdownReport, Render, Summary, caps};

fn select(page: &str, selector: &str) -> Vec<String> {
    let selector = Selector::parse(selector).unwrap();
    Html::parse_document(page).select(&selector).map(|element| element.text().collect()).collect()
}

/// A page with a line for each tag and without its style, so that a change is seen where it is.
fn lines(page: &str) -> String {
    let (before, rest) = page.split_once("<style>").unwrap();
    let (_, after) = rest.split_once("</style>").unwrap();
    format!("{before}<style></style>{after}").replace("><", ">\n<")
}

#[test]
fn pages_of_a_small_set() {
    let summary = sample::summary(&sample::records()[..6]);
    insta::with_settings!({filters => vec![(r"sha256-[A-Za-z0-9+/=]+", "sha256-[style]")]}, {
        insta::assert_snapshot!("report.html", lines(&HtmlReport.render(&summary)));
    });
    insta::assert_snapshot!("report.md", MarkdownReport.render(&summary));
    insta::assert_snapshot!("summary.json", serde_json::to_string_pretty(&summary).unwrap());
}

#[test]
fn what_is_in_the_sample_is_found() {
    let summary = sample::summary(&sample::records());
    let counts = summary.counts;
    assert_eq!((counts.total, counts.ok, counts.failed, counts.skipped), (26, 19, 5, 2));
    assert_eq!(
        summary.headline.as_str(),
        "19 documents, mostly in English, about flood defence, storm surge and sea level rise."
    );
    let near: Vec<_> = summary.near_duplicates.items[0]
        .members
        .iter()
        .map(|member| member.source.shown().as_str())
        .collect();
    assert_eq!(near, ["https://gazette.example/2024/marsh-vote", "https://mirror.example/2024/marsh-vote"]);
    assert_eq!((summary.near_duplicates.total, summary.exact_duplicates.total, summary.copies), (1, 1, 1));
    let outliers: Vec<_> =
        summary.outliers.items.iter().map(|outlier| outlier.document.title.as_str()).collect();
    assert_eq!(outliers, ["Vorland schützt den Deich", "Tidal Wader 40: chest waders"]);
    let advised: Vec<_> = summary.advised.items.iter().map(|advised| advised.confidence).collect();
    assert_eq!(advised, [0.44, 0.58, 0.62]);
    let faults: Vec<_> =
        summary.faults.iter().map(|group| (group.kind, group.documents, group.hints.len())).collect();
    assert_eq!(faults[0], (FaultKind::NotFound, 2, 1));
    assert_eq!(faults.len(), 6);
    // A copy's phrases are not counted again: the marsh page is here twice, in four documents the phrase stands.
    let marsh = summary.topics.items.iter().find(|topic| topic.text.as_str() == "salt marsh").unwrap();
    assert_eq!(marsh.documents, 4);
}

#[test]
fn the_order_of_the_records_makes_no_difference() {
    let records: Vec<_> = (0..).zip(sample::records()).collect();
    let mut records: Vec<_> = records.iter().map(|(sequence, record)| (*sequence, record)).collect();
    let forwards = sample::summary_of(sample::facts(), &records);
    records.reverse();
    let backwards = sample::summary_of(sample::facts(), &records);
    assert_eq!(forwards, backwards);
    assert_eq!(HtmlReport.render(&forwards), HtmlReport.render(&backwards));
    assert_eq!(MarkdownReport.render(&forwards), MarkdownReport.render(&backwards));
}

#[test]
fn sets_without_documents_or_answers() {
    let none = sample::summary(&[]);
    assert_eq!(select(&HtmlReport.render(&none), "h1"), ["No documents were given."]);
    assert!(MarkdownReport.render(&none).starts_with("# No documents were given"));

    let one = sample::summary(&sample::records()[..1]);
    let page = HtmlReport.render(&one);
    assert_eq!(select(&page, "h1"), ["1 article in English."]);
    assert_eq!(select(&page, "details.doc").len(), 1);

    let failed = sample::failed("x", Fault::new(FaultKind::Dns, "no such name", "check it"));
    let page = HtmlReport.render(&sample::summary([&failed]));
    assert_eq!(select(&page, "h1"), ["The document could not be analysed."]);
    assert_eq!(select(&page, "#faults .hint"), ["check it"]);
    // Nothing was analysed and no step ran: there is nothing to draw.
    assert!(select(&page, "#glance, #times, #topics").is_empty());
}

#[test]
fn links_within_the_page_lead_somewhere() {
    for records in
        [sample::records(), Vec::new(), vec![sample::failed("x", Fault::new(FaultKind::Dns, "", ""))]]
    {
        assert_links_lead_somewhere(&HtmlReport.render(&sample::summary(&records)));
    }
}

fn assert_links_lead_somewhere(page: &str) {
    let document = Html::parse_document(page);
    let ids = Selector::parse("[id]").unwrap();
    let ids: Vec<_> = document.select(&ids).filter_map(|element| element.attr("id")).collect();
    let unique: std::collections::HashSet<_> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len(), "an id stands twice");
    let links = Selector::parse("a[href^='#']").unwrap();
    let broken: Vec<_> = document
        .select(&links)
        .filter_map(|link| link.attr("href")?.strip_prefix('#'))
        .filter(|target| !ids.contains(target))
        .collect();
    assert_eq!(broken, Vec::<&str>::new());
}

#[test]
fn every_chart_and_table_says_what_it_is() {
    let page = HtmlReport.render(&sample::summary(&sample::records()));
    let document = Html::parse_document(&page);
    let of = |selector: &str| document.select(&Selector::parse(selector).unwrap()).count();
    assert_eq!(of("svg:not([aria-hidden]) > title"), of("svg:not([aria-hidden])"));
    assert_eq!(of("svg:not([aria-hidden]) > desc"), of("svg:not([aria-hidden])"));
    assert_eq!(of("table > caption"), of("table"));
    assert_eq!(of("h1"), 1);
    assert_eq!(of("section > h2"), of("section"));
}

/// A hundred thousand documents: the sample over and over, with a failure as every tenth.
fn many() -> Summary {
    let mut records = sample::records();
    records.retain(|record| record.error.is_none());
    records.truncate(9);
    records.push(sample::failed("https://gone.example/", Fault::new(FaultKind::Dns, "no such name", "")));
    sample::summary(records.iter().cycle().take(100_000))
}

#[test]
fn a_large_set_makes_a_page_of_bounded_size() {
    let summary = many();
    assert_eq!((summary.counts.total, summary.counts.failed), (100_000, 10_000));
    assert_eq!(summary.rows.len(), caps::ROWS + caps::FAILED_ROWS);
    let page = HtmlReport.render(&summary);
    assert!(page.len() < 4_000_000, "{} bytes", page.len());
    assert_eq!(select(&page, "details.doc").len(), caps::ROWS + caps::FAILED_ROWS);
    let lead = &select(&page, "#documents .lead")[0];
    assert!(lead.contains("98,800 documents are not listed here"), "{lead}");
    let tag = &select(&page, "#faults .tag")[0];
    assert_eq!(tag, "10,000 documents failed");
    assert!(MarkdownReport.render(&summary).len() < 300_000);
    // Listed with its numbers, and without the documents one by one.
    assert!(serde_json::to_string(&summary).unwrap().len() < 200_000);
}

/// Every document shares phrases with its neighbours: there is much that could be named.
#[test]
fn few_documents_of_a_large_set_are_looked_up_again() {
    let sample = sample::records().swap_remove(0);
    let keyword = &sample.analysis.as_ref().unwrap().keywords[0];
    let records: Vec<Record> = (0..5_000)
        .map(|at| {
            let mut record = sample.clone();
            record.id = DocumentId::of_source(format!("{at}").as_bytes());
            let analysis = record.analysis.as_mut().unwrap();
            analysis.keywords = [at / 2, at / 3, 10_000 + at]
                .map(|number| Keyword { text: format!("phrase {number}"), ..keyword.clone() })
                .into();
            record
        })
        .collect();
    let records: Vec<_> = (0..).zip(&records).collect();
    let wanted = sample::draft_of(sample::facts(), &records).wanted().count();
    assert!((100..2_000).contains(&wanted), "{wanted}");
    let summary = sample::summary_of(sample::facts(), &records);
    // Each number stands in two to five documents.
    assert_eq!((summary.topics.total, summary.topics.items.len()), (2_500, caps::TOPICS));
    assert!(summary.topics.items.iter().all(|topic| topic.examples.iter().all(|of| !of.id.is_empty())));
}
