//! A report in lines for a terminal.

use std::fmt::{self, Write as _};

use crate::{
    number::{ratio, short, spread},
    report::Report,
    row::{Row, Verdict},
    sheet::{Sheet, Table},
};

/// Two columns of ratios apart from the figures: dashes where there is nothing to divide.
const HEAD: [&str; 8] = ["what", "unit", "Sheaf", "ideal", "÷ ideal", "÷ ceiling", "target", ""];

/// A report as text.
pub(crate) struct Told<'a>(pub(crate) &'a Report);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in self.0.machine.lines() {
            writeln!(f, "{name:>12}  {value}")?;
        }
        for sheet in &self.0.sheets {
            writeln!(f)?;
            of_sheet(f, sheet)?;
        }
        let verdicts = self.0.verdicts();
        writeln!(
            f,
            "\n{} targets met, {} missed, {} not measured; {:.0} s",
            verdicts.met, verdicts.missed, verdicts.unmeasured, self.0.seconds
        )
    }
}

fn of_sheet(f: &mut fmt::Formatter<'_>, sheet: &Sheet) -> fmt::Result {
    writeln!(f, "{}: {}", sheet.scenario, sheet.about)?;
    if !sheet.rows.is_empty() {
        let lines: Vec<Vec<String>> = sheet.rows.iter().map(line).collect();
        f.write_str(&aligned(&HEAD.map(str::to_owned), &lines))?;
    }
    for row in &sheet.rows {
        for peer in row.peers.iter().filter(|peer| peer.empty.is_none()) {
            let name = format!("{} {}", peer.peer, peer.version);
            writeln!(f, "  {} by {}: {}", row.what, name.trim_end(), spread(&peer.figures))?;
        }
        if let Some((peer, of)) = row.to_best_peer() {
            writeln!(f, "  {}: {} of the best peer, {peer}", row.what, ratio(of))?;
        }
    }
    for (peer, empty) in sheet.empty_columns() {
        writeln!(f, "  {peer}: {empty}")?;
    }
    for table in &sheet.tables {
        of_table(f, table)?;
    }
    for (mark, lines) in
        [("verified: ", &sheet.checked), ("note: ", &sheet.notes), ("BROKEN: ", &sheet.breaches)]
    {
        for text in lines {
            writeln!(f, "  {mark}{text}")?;
        }
    }
    if let Some(error) = &sheet.error {
        writeln!(f, "  NOT MEASURED: {error}")?;
    }
    writeln!(f, "  {:.0} s; again with: {}", sheet.seconds, sheet.command)
}

fn of_table(f: &mut fmt::Formatter<'_>, table: &Table) -> fmt::Result {
    writeln!(f, "  {}", table.title)?;
    f.write_str(&aligned(&table.head, &table.lines))
}

fn line(row: &Row) -> Vec<String> {
    let dash = || "–".to_owned();
    let verdict = row.verdict();
    vec![
        row.what.clone(),
        row.unit.clone(),
        spread(&row.ours),
        row.ideal.map_or_else(dash, short),
        row.to_ideal().map_or_else(dash, ratio),
        row.to_ceiling().map_or_else(dash, ratio),
        row.target_text(),
        if verdict == Verdict::None { String::new() } else { verdict.to_string() },
    ]
}

/// Columns as wide as they need to be: the first to the left, the others too, since units differ from line to line.
fn aligned(head: &[String], lines: &[Vec<String>]) -> String {
    let all = || std::iter::once(head).chain(lines.iter().map(Vec::as_slice));
    let width = |column: usize| {
        all().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut text = String::new();
    for line in all() {
        let mut told = String::from("  ");
        for (cell, width) in line.iter().zip(&widths) {
            // Writing to a string cannot fail.
            let _ = write!(told, "{cell:<width$}  ");
        }
        text += told.trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        figures::Figures,
        row::{Better, Empty, Of, PeerFigure},
    };

    #[test]
    fn a_table_says_what_is_met_what_is_missing_and_what_is_broken() {
        let mut report = Report::begin("bench queue".to_owned());
        let mut sheet = Sheet::new("jobs of 2 KB");
        sheet.scenario = "queue".to_owned();
        let figures: Figures = [90.0, 100.0, 110.0].into_iter().collect();
        let empty = Empty { why: "not run".to_owned(), command: "install it".to_owned() };
        let peer = PeerFigure {
            peer: "celery".to_owned(),
            version: String::new(),
            settings: String::new(),
            figures: Figures::default(),
            empty: Some(empty),
        };
        sheet.rows = vec![
            Row::new("enqueue", "jobs/s", Better::Higher, figures.clone())
                .ceiling("bare", figures.map(|value| value * 2.0))
                .target(Of::Figure, 60.0)
                .peers(vec![peer]),
            Row::new("drain", "jobs/s", Better::Higher, figures).target(Of::Figure, 600.0),
            Row::new("fetch", "pages/s", Better::Higher, Figures::default()).target(Of::Figure, 1.0),
        ];
        sheet.breaches.push("round 3: LOST: job 7 has no result".to_owned());
        report.sheets.push(sheet);
        let told = Told(&report).to_string();
        for line in [
            "enqueue  jobs/s   100 (90 to 110; n 3)  –      –        0.500      ≥ 60    met",
            "≥ 600   MISSED",
            "≥ 1     not measured",
            "celery: not run: install it",
            "BROKEN: round 3: LOST: job 7 has no result",
            "1 targets met, 1 missed, 1 not measured",
        ] {
            assert!(told.contains(line), "{line}\n{told}");
        }
    }
}
