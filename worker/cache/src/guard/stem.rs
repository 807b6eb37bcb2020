//! Inflections of a word told from another word.

/// Shortest stem that is cut out of a word.
const LEAST: usize = 4;

/// The stem of a lower-case word: English plurals, tenses and participles, which also serves for the plurals of French and
/// Spanish. Nothing is cut that makes another word of it: `careful` and `careless` stay apart.
pub(super) fn stem(word: &str) -> &str {
    if !word.is_ascii() {
        return cut(word, "s").unwrap_or(word);
    }
    let word = match word {
        _ if word.ends_with("ss") || word.ends_with("us") || word.ends_with("is") => word,
        _ => cut(word, "s").unwrap_or(word),
    };
    let Some(base) = cut(word, "ing").or_else(|| cut(word, "ed")) else {
        // `close`, `closes` and `closed` meet.
        return cut(word, "e").unwrap_or(word);
    };
    if !base.bytes().any(|byte| b"aeiouy".contains(&byte)) {
        return word;
    }
    // `planned` is of `plan`; `fall` and `pass` keep their second letter.
    match base.as_bytes() {
        [.., before, last] if before == last && !b"lsz".contains(last) => {
            base.get(..base.len() - 1).unwrap_or(base)
        }
        _ => base,
    }
}

fn cut<'w>(word: &'w str, ending: &str) -> Option<&'w str> {
    word.strip_suffix(ending).filter(|stem| stem.len() >= LEAST)
}

#[cfg(test)]
mod tests {
    use super::stem;

    #[test]
    fn inflections_meet_and_other_words_do_not() {
        for (one, other) in
            [("closes", "closed"), ("report", "reports"), ("planning", "plans"), ("closing", "close")]
        {
            assert_eq!(stem(one), stem(other), "{one} {other}");
        }
        for (one, other) in [
            ("careful", "careless"),
            ("employer", "employee"),
            ("causal", "casual"),
            ("mission", "missing"),
            ("string", "strong"),
        ] {
            assert_ne!(stem(one), stem(other), "{one} {other}");
        }
    }
}
