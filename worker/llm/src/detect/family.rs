//! How many requests at once to begin with, by the model's family. Pure.

/// The table, in the crate as it is in the folder.
const TABLE: &str = include_str!("families.tsv");

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Family {
    /// Its name for a person.
    pub(crate) name: &'static str,
    /// Requests a minute that keys usually allow.
    pub(crate) rpm: u64,
    /// Requests at once to begin with.
    pub(crate) at_once: u32,
}

/// The family of a model, by its name, with a provider in front of it or not.
pub(crate) fn family(model: &str) -> Option<Family> {
    let model = model.to_ascii_lowercase();
    let name = model.rsplit('/').next().unwrap_or_default();
    // Open weights, that anybody serves, are not under these limits.
    if name.starts_with("gpt-oss") {
        return None;
    }
    let words: Vec<&str> =
        name.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    rows().find_map(|(pattern, family)| pattern.split(' ').all(|part| fits(part, &words)).then_some(family))
}

fn fits(part: &str, words: &[&str]) -> bool {
    match part.strip_suffix('*') {
        Some(start) => words.iter().any(|word| word.starts_with(start)),
        None => words.contains(&part),
    }
}

fn rows() -> impl Iterator<Item = (&'static str, Family)> {
    TABLE.lines().filter(|line| !line.starts_with('#')).filter_map(row)
}

fn row(line: &'static str) -> Option<(&'static str, Family)> {
    let mut cells = line.split('\t');
    let pattern = cells.next()?;
    let family = Family {
        rpm: cells.next()?.parse().ok()?,
        at_once: cells.next()?.parse().ok()?,
        name: cells.next()?,
    };
    Some((pattern, family))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_read() {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(rows().count(), lines);
        assert!(rows().all(|(_, family)| family.at_once >= 1 && family.rpm >= 1));
    }

    #[test]
    fn models_of_each_family() {
        for (model, at_once) in [
            ("gpt-4o-mini", Some(50)),
            ("gpt-4.1", Some(50)),
            ("openai/gpt-4-turbo", Some(50)),
            ("gpt-3.5-turbo-0125", Some(100)),
            ("o1-preview", Some(10)),
            ("o3-mini", Some(10)),
            ("claude-opus-4-1", Some(20)),
            ("claude-3-5-sonnet-20241022", Some(50)),
            ("anthropic/claude-haiku-4.5", Some(100)),
            ("gpt-oss-120b", None),
            ("llama3.1:8b", None),
            ("smollm2-135m-instruct", None),
            ("", None),
        ] {
            assert_eq!(family(model).map(|family| family.at_once), at_once, "{model}");
        }
    }
}
