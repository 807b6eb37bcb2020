//! The documents one by one.

use maud::{Markup, html};
use sheaf_common::record::Status;

use super::{
    Section, chart,
    text::{name, source, text},
};
use crate::{
    language,
    number::{count, grouped},
    shown::Shown,
    summary::{DocumentRow, Summary},
};

/// Documents that are in sight at once; the others are behind a line that opens, unless they are few.
const IN_SIGHT: usize = 25;
/// Characters of the two lines below a name.
const PREVIEW: usize = 240;
/// Others that are not worth hiding.
const FEW: usize = 10;

pub(super) fn documents(summary: &Summary) -> Option<Section> {
    if summary.rows.is_empty() {
        return None;
    }
    let (in_sight, more) = summary.rows.split_at(if summary.rows.len() <= IN_SIGHT + FEW {
        summary.rows.len()
    } else {
        IN_SIGHT
    });
    let left_out = summary.counts.total.saturating_sub(summary.rows.len() as u64);
    Some(Section::new(
        "documents",
        "Documents",
        "The documents",
        html! {
            p class="lead" {
                "In the order of the input. Open one for its summary, key points and facts."
                @if left_out > 0 {
                    " " (count(left_out, "document")) " are not listed here: a page lists the first "
                    (grouped(crate::caps::ROWS as u64)) " and up to " (grouped(crate::caps::FAILED_ROWS as u64))
                    " failures beyond them. All are in " code { "results.jsonl" } "."
                }
            }
            div class="docs" { @for row in in_sight { (document(row)) } }
            @if !more.is_empty() {
                details class="more" {
                    summary { "Show " (count(more.len() as u64, "more document")) }
                    div class="docs" { @for row in more { (document(row)) } }
                }
            }
        },
    ))
}

fn document(row: &DocumentRow) -> Markup {
    let lang = row.language.as_str();
    let lang =
        (matches!(lang.len(), 2 | 3) && lang.bytes().all(|byte| byte.is_ascii_lowercase())).then_some(lang);
    let preview = match &row.error {
        Some((_, message, _)) if row.status != Status::Ok => message,
        _ => &row.summary,
    };
    html! {
        details class="doc" {
            summary {
                span class=(format!("dot {}", row.status.name())) title=(chart::word(row.status)) {}
                span class="title" lang=[lang] { (name(&row.document)) }
                span class="kind" { (kind(row)) }
                @if !preview.is_empty() { span class="preview" lang=[lang.filter(|_| row.status == Status::Ok)] { (text(&Shown::new(preview.as_str(), PREVIEW))) } }
            }
            div class="body" id=(format!("d{}", row.document.sequence)) {
                p class="source" { (source(&row.document.source)) }
                @if let Some((kind, message, hint)) = &row.error {
                    p { span class=(format!("tag {}", row.status.name())) { (kind.name()) } " " (text(message)) }
                    @if !hint.is_empty() { p class="hint" { (text(hint)) } }
                }
                @if !row.summary.is_empty() { p lang=[lang] { (text(&row.summary)) } }
                @if !row.points.is_empty() {
                    h3 { "Key points" }
                    ol lang=[lang] { @for point in &row.points { li title=(format!("Characters {} to {} of the text", grouped(point.place.0 as u64), grouped(point.place.1 as u64))) { (text(&point.text)) } } }
                }
                @if !row.keywords.is_empty() {
                    ul class="chips" lang=[lang] { @for keyword in &row.keywords { li { (text(keyword)) } } }
                }
                dl class="pairs" {
                    @if !row.published.is_empty() { dt { "Published" } dd { (text(&row.published)) } }
                    @if !row.author.is_empty() { dt { "Author" } dd { (text(&row.author)) } }
                    @if !row.content_type.is_empty() { dt { "Format" } dd { (row.content_type) } }
                    @if let Some(confidence) = row.confidence { dt { "Confidence" } dd { (format!("{confidence:.2}")) @if row.advised { " · a model should look" } } }
                    @if !row.flags.is_empty() {
                        dt { "Flags" }
                        dd { @for (number, flag) in row.flags.iter().enumerate() { @if number > 0 { ", " } (text(flag)) } }
                    }
                    @for remark in &row.remarks { dt { "Remark" } dd { (text(remark)) } }
                    @if !row.document.id.is_empty() { dt { "Id" } dd { code { (row.document.id.as_str()) } } }
                }
            }
        }
    }
}

/// Kind, language and length in a line; how it ended when it is not analysed.
fn kind(row: &DocumentRow) -> Markup {
    let language = row.language.as_str();
    let language = language::name(language).unwrap_or(language);
    let known = |text: &&str| !text.is_empty() && *text != "unknown";
    let parts: Vec<_> = [row.document_type.as_str(), language].into_iter().filter(known).collect();
    html! {
        @if row.status == Status::Ok {
            @for part in parts { (part) " · " } (count(row.words, "word"))
            @if row.advised { " " span class="tag look" title="A model should look" { "unsure" } }
        } @else {
            span class=(format!("tag {}", row.status.name())) { (chart::word(row.status)) }
        }
    }
}
