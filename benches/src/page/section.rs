//! One scenario.

use maud::{Markup, html};

use super::{chart::chart, shown};
use crate::{
    number::{ratio, short, spread},
    row::{Row, Verdict},
    sheet::{Sheet, Table},
};

pub(super) fn section(number: usize, sheet: &Sheet) -> Markup {
    let id = format!("s{number}");
    html! {
        section id=(id) aria-labelledby=(format!("{id}-h")) {
            h2 id=(format!("{id}-h")) { (shown(&sheet.scenario)) }
            p class="lead" { (shown(&sheet.about)) }
            @if let Some(error) = &sheet.error { p class="broken" { strong { "Not measured: " } (shown(error)) } }
            @for breach in &sheet.breaches { pre class="broken" { "BROKEN: " (shown(breach)) } }
            @if !sheet.rows.is_empty() {
                (figures(&sheet.rows))
                div class="charts" { @for row in &sheet.rows { @if let Some(chart) = chart(row) { (chart) } } }
                (peers(sheet))
            }
            @for table in &sheet.tables { (words(table)) }
            @if !sheet.checked.is_empty() {
                h3 { "Verified beside the clock" }
                ul { @for text in &sheet.checked { li { (shown(text)) } } }
            }
            @if !sheet.notes.is_empty() {
                h3 { "Notes" }
                ul { @for text in &sheet.notes { li { (shown(text)) } } }
            }
            p class="muted" { (format!("{:.0} s", sheet.seconds)) "; again with:" }
            pre { (shown(&sheet.command)) }
        }
    }
}

fn figures(rows: &[Row]) -> Markup {
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "–".to_owned());
    html! {
        div class="wide" {
            table {
                thead { tr {
                    @for head in ["what", "Sheaf", "ideal", "÷ ideal", "ceiling", "÷ ceiling", "÷ best peer", "target"] { th scope="col" { (head) } }
                } }
                tbody {
                    @for row in rows {
                        tr {
                            th scope="row" { (shown(&row.what)) " " span class="muted" { (shown(&row.unit)) } }
                            td { (spread(&row.ours)) }
                            td { (or_dash(row.ideal.map(short))) }
                            td { (or_dash(row.to_ideal().map(ratio))) }
                            td {
                                @match &row.ceiling {
                                    Some(ceiling) => { (spread(&ceiling.figures)) " " span class="muted" { (shown(&ceiling.name)) } }
                                    None => "–",
                                }
                            }
                            td { (or_dash(row.to_ceiling().map(ratio))) }
                            td {
                                @match row.to_best_peer() {
                                    Some((peer, of)) => { (ratio(of)) " " span class="muted" { (shown(peer)) } }
                                    None => "–",
                                }
                            }
                            td { (row.target_text()) " " (verdict(row.verdict())) }
                        }
                    }
                }
            }
        }
    }
}

fn verdict(verdict: Verdict) -> Markup {
    let class = match verdict {
        Verdict::Met => "tag met",
        Verdict::Missed => "tag missed",
        Verdict::Unmeasured => "tag",
        Verdict::None => return html! {},
    };
    html! { span class=(class) { (verdict.to_string()) } }
}

fn peers(sheet: &Sheet) -> Markup {
    let measured = || {
        let peers = sheet.rows.iter().flat_map(|row| row.peers.iter().map(move |peer| (row, peer)));
        peers.filter(|(_, peer)| peer.empty.is_none())
    };
    let empty = sheet.empty_columns();
    html! {
        @if measured().next().is_some() {
            details {
                summary { "Peers: versions and settings" }
                div class="wide" {
                    table {
                        thead { tr { @for head in ["what", "peer", "figure", "settings"] { th scope="col" { (head) } } } }
                        tbody {
                            @for (row, peer) in measured() {
                                tr {
                                    th scope="row" { (shown(&row.what)) }
                                    td { (shown(&peer.peer)) " " (shown(&peer.version)) }
                                    td { (spread(&peer.figures)) }
                                    td { (shown(&peer.settings)) }
                                }
                            }
                        }
                    }
                }
            }
        }
        @if !empty.is_empty() {
            details {
                summary { "Peers that were not measured, and what fills their columns" }
                ul { @for (peer, empty) in &empty { li { (shown(peer)) ": " (shown(&empty.why)) "; " code { (shown(&empty.command)) } } } }
            }
        }
    }
}

fn words(table: &Table) -> Markup {
    html! {
        div class="wide" {
            table {
                caption { (shown(&table.title)) }
                thead { tr { @for head in &table.head { th scope="col" { (shown(head)) } } } }
                tbody { @for line in &table.lines { tr { @for cell in line { td { (shown(cell)) } } } } }
            }
        }
    }
}
