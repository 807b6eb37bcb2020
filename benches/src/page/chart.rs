//! Bars of one figure beside what it is judged by. Horizontal positions are percentages and vertical ones pixels, so that
//! charts fit a phone and a wall without scaling their text.

use maud::{Markup, html};

use super::shown;
use crate::{
    figures::Figures,
    number::{short, spread},
    row::{Of, Row},
};

/// Height of a bar's line, and of the bar in it.
const LINE: f64 = 26.0;
const BAR: f64 = 14.0;
/// Where bars begin and how wide the longest is, of the whole width; names stand before, numbers behind.
const LEFT: f64 = 0.28;
const WIDTH: f64 = 0.55;

struct Bar {
    name: String,
    class: &'static str,
    figures: Figures,
}

/// The chart of a row; `None` where there is nothing to set beside.
pub(super) fn chart(row: &Row) -> Option<Markup> {
    let mut bars = vec![Bar { name: "Sheaf".to_owned(), class: "ours", figures: row.ours.clone() }];
    if let Some(ideal) = row.ideal {
        bars.push(Bar { name: "ideal".to_owned(), class: "ideal", figures: Figures::of(ideal) });
    }
    if let Some(ceiling) = &row.ceiling {
        bars.push(Bar { name: shown(&ceiling.name), class: "bare", figures: ceiling.figures.clone() });
    }
    for peer in row.peers.iter().filter(|peer| peer.figures.rounds() > 0) {
        let name = format!("{} {}", shown(&peer.peer), shown(&peer.version));
        bars.push(Bar { name, class: "peer", figures: peer.figures.clone() });
    }
    bars.retain(|bar| bar.figures.rounds() > 0);
    let target = row.target.filter(|target| target.of == Of::Figure).map(|target| target.bound);
    if bars.is_empty() || (bars.len() == 1 && target.is_none()) {
        return None;
    }
    let most = bars.iter().filter_map(|bar| bar.figures.high()).chain(target).fold(0.0, f64::max);
    if most <= 0.0 {
        return None;
    }
    let at = |value: f64| {
        let share = (value / most).clamp(0.0, 1.0);
        percent(LEFT + share * WIDTH)
    };
    let wide = |value: f64| percent((value / most).clamp(0.0, 1.0) * WIDTH);
    let height = LINE * bars.len() as f64;
    let described: Vec<String> =
        bars.iter().map(|bar| format!("{} {}", bar.name, spread(&bar.figures))).collect();
    Some(html! {
        figure class="chart" {
            figcaption { (shown(&row.what)) " " span class="muted" { (shown(&row.unit)) } }
            svg width="100%" height=(format!("{height}")) role="img" aria-label=(described.join("; ")) {
                @for (number, bar) in bars.iter().enumerate() {
                    @let middle = LINE * number as f64 + LINE / 2.0;
                    @let median = bar.figures.median().unwrap_or_default();
                    text x="0" y=(format!("{}", middle + 4.0)) class="name" { (clipped(&bar.name)) }
                    rect class=(bar.class) x=(percent(LEFT)) y=(format!("{}", middle - BAR / 2.0)) width=(wide(median)) height=(format!("{BAR}")) rx="3" {}
                    @if let (Some(low), Some(high)) = (bar.figures.low(), bar.figures.high()) {
                        @if bar.figures.rounds() > 1 {
                            line class="spread" x1=(at(low)) x2=(at(high)) y1=(format!("{middle}")) y2=(format!("{middle}")) {}
                            @for end in [low, high] {
                                line class="spread" x1=(at(end)) x2=(at(end)) y1=(format!("{}", middle - 4.0)) y2=(format!("{}", middle + 4.0)) {}
                            }
                        }
                    }
                    text x=(percent(LEFT + WIDTH + 0.02)) y=(format!("{}", middle + 4.0)) class="value" { (short(median)) }
                }
                @if let Some(target) = target {
                    line class="target" x1=(at(target)) x2=(at(target)) y1="0" y2=(format!("{height}")) {}
                }
            }
            @if let Some(target) = target {
                p class="muted" { "Dashed: the target, " (short(target)) }
            }
        }
    })
}

fn percent(share: f64) -> String {
    format!("{:.2}%", share * 100.0)
}

/// What fits before the bars.
fn clipped(name: &str) -> String {
    const MOST: usize = 22;
    if name.chars().count() <= MOST {
        return name.to_owned();
    }
    name.chars().take(MOST - 1).chain(['…']).collect()
}
