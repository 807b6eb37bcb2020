//! Everything but the documents one by one.

use std::fmt::{self, Write as _};

use super::{
    document::Name,
    escape::{Linked, Plain},
};
use crate::{
    language,
    number::{count, dollars, grouped, milliseconds, seconds},
    savings,
    summary::{Count, DuplicateGroup, Listed, Summary},
};
use sheaf_common::record::Status;

pub(super) fn header(page: &mut String, summary: &Summary) -> fmt::Result {
    let run = &summary.run;
    writeln!(page, "# {}\n", Plain::from(&summary.headline))?;
    write!(page, "Sheaf report of run {}", Plain(run.run.as_str()))?;
    if let Some(ended) = run.ended.or(run.started) {
        write!(page, ", {}", ended.strftime("%-d %B %Y, %H:%M UTC"))?;
    }
    if run.wall_seconds > 0.0 {
        write!(page, ", took {}", seconds(run.wall_seconds))?;
        if run.cores > 0 {
            write!(page, " on {}", count(run.cores as u64, "core"))?;
        }
    }
    writeln!(page, ".\n")?;
    if run.interrupted {
        writeln!(
            page,
            "**This run was cut short**: the same command with the same output folder carries on.\n"
        )?;
    }
    writeln!(page, "| Documents | {} |\n| --- | ---: |", grouped(summary.counts.total))?;
    for status in Status::ALL {
        if summary.counts.of(status) > 0 {
            writeln!(page, "| {} | {} |", status.name(), grouped(summary.counts.of(status)))?;
        }
    }
    writeln!(page, "| words read | {} |", grouped(summary.lengths.words))?;
    writeln!(
        page,
        "| copies and near-copies | {} |",
        grouped(summary.near_duplicate_documents + summary.copies)
    )?;
    writeln!(page, "| for a model to see | {} |", grouped(summary.advised.total))?;
    writeln!(page, "| spent on models | {} |\n", dollars(summary.cost.cost_usd))
}

pub(super) fn topics(page: &mut String, summary: &Summary) -> fmt::Result {
    if summary.counts.ok == 0 {
        return Ok(());
    }
    writeln!(page, "## What it is about\n")?;
    if summary.topics.is_empty() {
        writeln!(page, "No key phrase occurs in more than one document.\n")?;
    } else {
        writeln!(page, "| Key phrase | Documents | Such as |\n| --- | ---: | --- |")?;
        for topic in &summary.topics.items {
            let examples: Vec<_> = topic.examples.iter().map(|document| Name(document).to_string()).collect();
            writeln!(
                page,
                "| {} | {} | {} |",
                Plain::from(&topic.text),
                grouped(topic.documents),
                examples.join("; ")
            )?;
        }
        writeln!(page)?;
    }
    if !summary.entities.is_empty() {
        let name =
            |entity: &crate::Topic| format!("{} ({})", Plain::from(&entity.text), grouped(entity.documents));
        let names: Vec<_> = summary.entities.items.iter().map(name).collect();
        writeln!(page, "Names that recur: {}\n", names.join(", "))?;
    }
    Ok(())
}

pub(super) fn glance(page: &mut String, summary: &Summary) -> fmt::Result {
    if summary.counts.ok == 0 {
        return Ok(());
    }
    writeln!(page, "## At a glance\n")?;
    let line = |page: &mut String, name: &str, counts: &Listed<Count>, named: &dyn Fn(&str) -> String| {
        if counts.is_empty() {
            return Ok(());
        }
        let items: Vec<_> = counts
            .items
            .iter()
            .map(|item| format!("{} {}", Plain(&named(item.name.as_str())), grouped(item.documents)))
            .collect();
        let more = match counts.left_out() {
            0 => String::new(),
            more => format!(", and {} more", grouped(more)),
        };
        writeln!(page, "- {name}: {}{more}", items.join(", "))
    };
    line(page, "Languages", &summary.languages, &|code| language::name(code).unwrap_or(code).to_owned())?;
    line(page, "Kinds of document", &summary.document_types, &|kind| kind.replace('_', " "))?;
    line(page, "Formats", &summary.content_types, &str::to_owned)?;
    line(page, "Sites", &summary.hosts, &str::to_owned)?;
    line(page, "Quality flags", &summary.flags, &|flag| flag.replace('_', " "))?;
    let lengths = &summary.lengths;
    let (median, p95) = (grouped(lengths.median), grouped(lengths.p95));
    writeln!(page, "- Length in words: median {median}, p95 {p95}, longest {}\n", grouped(lengths.longest))
}

pub(super) fn duplicates(page: &mut String, summary: &Summary) -> fmt::Result {
    let parts =
        [("Nearly the same", &summary.near_duplicates), ("Exactly the same", &summary.exact_duplicates)];
    for (heading, groups) in parts.into_iter().filter(|(_, groups)| !groups.is_empty()) {
        writeln!(page, "## {heading}\n")?;
        for group in &groups.items {
            duplicate_group(page, group)?;
        }
        if groups.left_out() > 0 {
            writeln!(page, "- and {} more", count(groups.left_out(), "group"))?;
        }
        writeln!(page)?;
    }
    Ok(())
}

fn duplicate_group(page: &mut String, group: &DuplicateGroup) -> fmt::Result {
    let Some(first) = group.members.first() else { return Ok(()) };
    writeln!(page, "- {}, {}: {}", Name(first), count(group.documents, "document"), Linked(&first.source))?;
    for member in group.members.iter().skip(1) {
        writeln!(page, "  - {}: {}", Name(member), Linked(&member.source))?;
    }
    match group.documents.saturating_sub(group.members.len() as u64) {
        0 => Ok(()),
        more => writeln!(page, "  - and {} more", grouped(more)),
    }
}

pub(super) fn outliers(page: &mut String, summary: &Summary) -> fmt::Result {
    if summary.outliers.is_empty() && summary.remarks.is_empty() {
        return Ok(());
    }
    writeln!(page, "## Unlike the rest\n")?;
    for remark in &summary.remarks {
        writeln!(page, "{}\n", Plain::from(remark))?;
    }
    for outlier in &summary.outliers.items {
        let why: Vec<_> = outlier.why.iter().map(|why| Plain::from(why).to_string()).collect();
        writeln!(page, "- {}: {}", Name(&outlier.document), why.join("; "))?;
    }
    more(page, summary.outliers.left_out())
}

pub(super) fn advised(page: &mut String, summary: &Summary) -> fmt::Result {
    if summary.advised.is_empty() {
        return Ok(());
    }
    writeln!(page, "## Documents a model should see\n")?;
    writeln!(
        page,
        "The rules are unsure of {}. The least certain first:\n",
        count(summary.advised.total, "document")
    )?;
    for advised in &summary.advised.items {
        let why: Vec<_> = advised.reasons.iter().map(|why| Plain::from(why).to_string()).collect();
        let confidence = advised.confidence;
        writeln!(page, "- {} (confidence {confidence:.2}): {}", Name(&advised.document), why.join("; "))?;
    }
    more(page, summary.advised.left_out())
}

pub(super) fn faults(page: &mut String, summary: &Summary) -> fmt::Result {
    if summary.faults.is_empty() {
        return Ok(());
    }
    writeln!(page, "## What failed or was skipped, and why\n")?;
    for group in &summary.faults {
        writeln!(
            page,
            "### `{}`: {} {}\n",
            group.kind.name(),
            count(group.documents, "document"),
            group.status.name()
        )?;
        for hint in &group.hints {
            writeln!(page, "{}\n", Plain::from(hint))?;
        }
        for (document, message) in &group.examples {
            writeln!(page, "- {}: {}", Name(document), Plain::from(message))?;
        }
        more(page, group.documents.saturating_sub(group.examples.len() as u64))?;
    }
    Ok(())
}

fn more(page: &mut String, left_out: u64) -> fmt::Result {
    if left_out > 0 {
        writeln!(page, "- and {} more", grouped(left_out))?;
    }
    writeln!(page)
}

pub(super) fn times(page: &mut String, summary: &Summary) -> fmt::Result {
    if summary.stages.is_empty() {
        return Ok(());
    }
    writeln!(page, "## How long it took\n")?;
    writeln!(page, "| Step | Documents | p50 | p95 | p99 | Longest | All together |")?;
    writeln!(page, "| --- | ---: | ---: | ---: | ---: | ---: | ---: |")?;
    for stage in &summary.stages {
        write!(page, "| {} | {} |", stage.stage, grouped(stage.documents))?;
        for time in [stage.p50_ms, stage.p95_ms, stage.p99_ms, stage.max_ms] {
            write!(page, " {} |", milliseconds(time))?;
        }
        writeln!(page, " {} |", seconds(stage.total_seconds))?;
    }
    writeln!(page)
}

pub(super) fn cost(page: &mut String, summary: &Summary) -> fmt::Result {
    let (cost, counts) = (&summary.cost, &summary.counts);
    writeln!(page, "## What it cost\n")?;
    writeln!(page, "{}\n", savings::spending(summary))?;
    writeln!(page, "| Spent | {} |\n| --- | ---: |", dollars(cost.cost_usd))?;
    let rows = [
        ("decided by rules", counts.decided_by_rules),
        ("decided by a model", counts.decided_by_llm),
        ("copies of another document", counts.copied),
        ("answered before, about the same text", counts.cache_exact),
        ("answered before, about a text that says the same", counts.cache_semantic),
        ("tokens sent", cost.input_tokens),
        ("tokens received", cost.output_tokens),
    ];
    for (name, value) in rows {
        writeln!(page, "| {name} | {} |", grouped(value))?;
    }
    for (name, value) in savings::rows(summary) {
        writeln!(page, "| {} | {value} |", name.to_lowercase())?;
    }
    for (name, requests) in &summary.run.model_requests {
        let name = crate::Shown::new(name, crate::caps::NAME);
        writeln!(page, "| model requests: {} | {} |", Plain::from(&name), grouped(*requests))?;
    }
    writeln!(page)
}

pub(super) fn configuration(page: &mut String, summary: &Summary) -> fmt::Result {
    let run = &summary.run;
    if run.command.is_empty() && run.options.is_empty() && run.versions.is_empty() {
        return Ok(());
    }
    writeln!(page, "## How it was run\n")?;
    if !run.command.is_empty() {
        // Indented code needs no escaping, and a command is one line.
        writeln!(page, "    {}\n", run.command)?;
    }
    if run.options.is_empty() && run.versions.is_empty() {
        return Ok(());
    }
    writeln!(page, "| Setting | Value |\n| --- | --- |")?;
    for setting in run.options.iter().chain(&run.versions).take(crate::caps::SETTINGS) {
        writeln!(page, "| {} | {} |", Plain::from(&setting.name), Plain::from(&setting.value))?;
    }
    writeln!(page)
}
