//! The documents one by one.

use std::fmt::{self, Write as _};

use sheaf_common::record::Status;

use super::escape::{Linked, Plain};
use crate::{
    language,
    number::{count, grouped},
    summary::{DocumentRef, DocumentRow, Summary},
};

/// Documents that are listed; a text page is for reading from top to bottom, the HTML page lists more.
const LISTED: usize = 100;

pub(super) fn documents(page: &mut String, summary: &Summary) -> fmt::Result {
    if summary.rows.is_empty() {
        return Ok(());
    }
    writeln!(page, "## The documents\n")?;
    for row in summary.rows.iter().take(LISTED) {
        document(page, row)?;
    }
    let left_out = summary.counts.total.saturating_sub(summary.rows.len().min(LISTED) as u64);
    if left_out > 0 {
        writeln!(
            page,
            "{} more, in the order of the input, in `results.jsonl`.\n",
            count(left_out, "document")
        )?;
    }
    Ok(())
}

fn document(page: &mut String, row: &DocumentRow) -> fmt::Result {
    writeln!(page, "### {}. {}\n", grouped(row.document.sequence + 1), Name(&row.document))?;
    write!(page, "{}", Linked(&row.document.source))?;
    if row.status == Status::Ok {
        let language = row.language.as_str();
        let language = language::name(language).unwrap_or(language);
        let kind = row.document_type.as_str();
        for part in [kind, language].into_iter().filter(|part| !part.is_empty() && *part != "unknown") {
            write!(page, " · {}", Plain(part))?;
        }
        write!(page, " · {}", count(row.words, "word"))?;
        if !row.published.is_empty() {
            write!(page, " · {}", Plain::from(&row.published))?;
        }
        if let Some(confidence) = row.confidence {
            write!(page, " · confidence {confidence:.2}")?;
        }
        if row.advised {
            write!(page, " · **a model should look**")?;
        }
    } else {
        write!(page, " · **{}**", row.status.name())?;
    }
    writeln!(page, "\n")?;
    if let Some((kind, message, hint)) = &row.error {
        writeln!(page, "`{}`: {}", kind.name(), Plain::from(message))?;
        if !hint.is_empty() {
            writeln!(page, "{}", Plain::from(hint))?;
        }
        writeln!(page)?;
    }
    if !row.summary.is_empty() {
        writeln!(page, "{}\n", Plain::from(&row.summary))?;
    }
    for point in &row.points {
        writeln!(page, "- {}", Plain::from(&point.text))?;
    }
    if !row.points.is_empty() {
        writeln!(page)?;
    }
    for (name, list) in [("Key phrases", &row.keywords), ("Flags", &row.flags), ("Remarks", &row.remarks)] {
        if !list.is_empty() {
            let list: Vec<_> = list.iter().map(|item| Plain::from(item).to_string()).collect();
            writeln!(page, "{name}: {}\n", list.join(", "))?;
        }
    }
    Ok(())
}

/// What a document is called: its title, or its source, or its place in the input.
pub(super) struct Name<'a>(pub(super) &'a DocumentRef);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.title.is_empty() {
            Plain::from(&self.0.title).fmt(f)
        } else if !self.0.source.shown().is_empty() {
            Plain::from(self.0.source.shown()).fmt(f)
        } else {
            write!(f, "Document {}", grouped(self.0.sequence + 1))
        }
    }
}
