//! Texts from outside and links, as they stand in a page. The templates escape them; here they are kept from changing
//! the direction of the text around them.

use maud::{Markup, html};

use crate::{
    number::{count, grouped},
    shown::{Shown, Source},
    summary::{DocumentRef, Summary},
};

/// Text from outside.
pub(super) fn text(shown: &Shown) -> Markup {
    html! { bdi { (shown.as_str()) } }
}

/// A source, as a link when it is a web address.
pub(super) fn source(source: &Source) -> Markup {
    html! {
        @match source.href() {
            Some(href) => a href=(href) rel="noopener noreferrer nofollow" { (text(source.shown())) },
            None => (text(source.shown())),
        }
    }
}

/// What a document is called: its title, or its source, or its place in the input.
pub(super) fn name(document: &DocumentRef) -> Markup {
    html! {
        @if !document.title.is_empty() { (text(&document.title)) }
        @else if !document.source.shown().is_empty() { (text(document.source.shown())) }
        @else { "Document " (grouped(document.sequence + 1)) }
    }
}

/// A document's name; a link to its place in the list of documents when it is listed.
pub(super) fn reference(summary: &Summary, document: &DocumentRef) -> Markup {
    let listed = summary.rows.binary_search_by_key(&document.sequence, |row| row.document.sequence).is_ok();
    html! {
        @if listed { a href=(format!("#d{}", document.sequence)) { (name(document)) } }
        @else { (name(document)) }
    }
}

/// A document's name and, when that is its title, its source.
pub(super) fn reference_with_source(summary: &Summary, document: &DocumentRef) -> Markup {
    html! {
        (reference(summary, document))
        @if !document.title.is_empty() { " " span class="src" { (source(&document.source)) } }
    }
}

/// A line that says how many are not shown; nothing when all are.
pub(super) fn left_out(number: u64, noun: &str) -> Markup {
    html! { @if number > 0 { p class="muted" { "And " (count(number, noun)) " more." } } }
}
