//! Which language a text is written in: trigram detection of a sample (the `whatlang` crate), weighed against what
//! the document declares.
//!
//! A declaration is evidence and no more: templates declare `en` on pages in any language. It decides where the
//! text is too short or the detector undecided, and between languages too close for trigrams.

use whatlang::{Lang, Script};

/// Letters below which a text alone says nothing; in scripts written without spaces a tenth of it does.
const LETTERS_MIN: usize = 60;
/// Letters from which a reliable detection overrules a declaration.
const LETTERS_SURE: usize = 200;
/// Bytes of each of the three samples (start, middle, end). Trigram statistics gain nothing from more.
const SAMPLE: usize = 1_200;

/// A language and how sure it is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Language {
    /// ISO 639-1.
    pub(crate) code: Option<&'static str>,
    /// 0 to 1.
    pub(crate) certainty: f64,
}

/// The language of a text.
pub(crate) fn of(text: &str, declared: Option<&str>) -> Language {
    let sample = sample(text);
    let (letters, unspaced) = letters(&sample);
    let declared = declared.and_then(code_of_tag);
    let none = Language { code: None, certainty: 0.0 };
    let Some(info) = whatlang::detect(&sample) else {
        return none;
    };
    let detected = code(info.lang());
    let agreed = declared.filter(|declared| *declared == detected || are_close(declared, detected));
    if let Some(code) = agreed {
        return Language { code: Some(code), certainty: 1.0_f64.min(0.9 + info.confidence() / 10.0) };
    }
    let enough = letters >= LETTERS_MIN || unspaced >= LETTERS_MIN / 10;
    let fits = declared.filter(|code| script_fits(code, info.script()));
    match fits {
        // Short, or undecided: the declaration stands unless the script forbids it.
        Some(code) if !enough => Language { code: Some(code), certainty: 0.5 },
        Some(code) if !(info.is_reliable() && letters >= LETTERS_SURE) => {
            Language { code: Some(code), certainty: 0.6 }
        }
        _ if !enough => none,
        _ if info.is_reliable() => {
            Language { code: Some(detected), certainty: if declared.is_none() { 0.95 } else { 0.85 } }
        }
        _ if letters >= LETTERS_SURE && info.confidence() > 0.3 => {
            Language { code: Some(detected), certainty: 0.5 + info.confidence() / 2.0 * 0.6 }
        }
        _ => none,
    }
}

/// Three pieces of the text, without its web addresses.
fn sample(text: &str) -> String {
    let piece = |from: usize| {
        let from = text.floor_char_boundary(from);
        text.get(from..text.floor_char_boundary(from + SAMPLE)).unwrap_or_default()
    };
    let pieces = if text.len() <= 3 * SAMPLE {
        vec![text]
    } else {
        vec![piece(0), piece(text.len() / 2), piece(text.len() - SAMPLE)]
    };
    let words = pieces.iter().flat_map(|piece| piece.split_whitespace());
    let mut sample = String::with_capacity(3 * SAMPLE);
    for word in words.filter(|word| !word.contains("://") && !word.contains('@')) {
        sample.push_str(word);
        sample.push(' ');
    }
    sample
}

/// Letters in all, and those of scripts without spaces.
fn letters(sample: &str) -> (usize, usize) {
    sample
        .chars()
        .filter(|c| c.is_alphabetic())
        .fold((0, 0), |(all, unspaced), c| (all + 1, unspaced + usize::from(crate::word::is_unspaced(c))))
}

/// The two-letter code of a BCP 47 tag, if it is one that Sheaf knows.
fn code_of_tag(tag: &str) -> Option<&'static str> {
    let primary = tag.trim().split(['-', '_']).next()?.to_ascii_lowercase();
    let primary = match primary.as_str() {
        "nb" | "nn" => "no",
        "iw" => "he",
        "in" => "id",
        "sh" => "sr",
        "fil" => "tl",
        other => other,
    };
    CODES
        .iter()
        .map(|&(_, code)| code)
        .chain(["eu", "ga", "gl", "is", "ms", "sq", "bs", "sw", "mt"])
        .find(|&code| code == primary)
}

/// Languages that trigrams confuse; the second is what the detector says when it sees the first, or the reverse.
fn are_close(one: &str, other: &str) -> bool {
    const CLOSE: [(&str, &str); 14] = [
        ("no", "da"),
        ("no", "sv"),
        ("hr", "sr"),
        ("bs", "hr"),
        ("bs", "sr"),
        ("sl", "hr"),
        ("cs", "sk"),
        ("gl", "pt"),
        ("gl", "es"),
        ("ca", "es"),
        ("ms", "id"),
        ("af", "nl"),
        ("bg", "mk"),
        ("ms", "jv"),
    ];
    CLOSE.iter().any(|&(a, b)| (a, b) == (one, other) || (b, a) == (one, other))
}

/// Whether a language can be written in the script.
fn script_fits(code: &str, script: Script) -> bool {
    CODES.iter().find(|entry| entry.1 == code).map_or(script == Script::Latin, |&(lang, _)| {
        script.langs().contains(&lang) || (code == "ja" && matches!(script, Script::Mandarin))
    })
}

fn code(lang: Lang) -> &'static str {
    CODES.iter().find(|entry| entry.0 == lang).map_or("", |entry| entry.1)
}

/// ISO 639-1 of every language that the detector knows.
const CODES: [(Lang, &str); 70] = [
    (Lang::Afr, "af"),
    (Lang::Aka, "ak"),
    (Lang::Amh, "am"),
    (Lang::Ara, "ar"),
    (Lang::Aze, "az"),
    (Lang::Bel, "be"),
    (Lang::Ben, "bn"),
    (Lang::Bul, "bg"),
    (Lang::Cat, "ca"),
    (Lang::Ces, "cs"),
    (Lang::Cmn, "zh"),
    (Lang::Cym, "cy"),
    (Lang::Dan, "da"),
    (Lang::Deu, "de"),
    (Lang::Ell, "el"),
    (Lang::Eng, "en"),
    (Lang::Epo, "eo"),
    (Lang::Est, "et"),
    (Lang::Fin, "fi"),
    (Lang::Fra, "fr"),
    (Lang::Guj, "gu"),
    (Lang::Heb, "he"),
    (Lang::Hin, "hi"),
    (Lang::Hrv, "hr"),
    (Lang::Hun, "hu"),
    (Lang::Hye, "hy"),
    (Lang::Ind, "id"),
    (Lang::Ita, "it"),
    (Lang::Jav, "jv"),
    (Lang::Jpn, "ja"),
    (Lang::Kan, "kn"),
    (Lang::Kat, "ka"),
    (Lang::Khm, "km"),
    (Lang::Kor, "ko"),
    (Lang::Lat, "la"),
    (Lang::Lav, "lv"),
    (Lang::Lit, "lt"),
    (Lang::Mal, "ml"),
    (Lang::Mar, "mr"),
    (Lang::Mkd, "mk"),
    (Lang::Mya, "my"),
    (Lang::Nep, "ne"),
    (Lang::Nld, "nl"),
    (Lang::Nob, "no"),
    (Lang::Ori, "or"),
    (Lang::Pan, "pa"),
    (Lang::Pes, "fa"),
    (Lang::Pol, "pl"),
    (Lang::Por, "pt"),
    (Lang::Ron, "ro"),
    (Lang::Rus, "ru"),
    (Lang::Sin, "si"),
    (Lang::Slk, "sk"),
    (Lang::Slv, "sl"),
    (Lang::Sna, "sn"),
    (Lang::Spa, "es"),
    (Lang::Srp, "sr"),
    (Lang::Swe, "sv"),
    (Lang::Tam, "ta"),
    (Lang::Tel, "te"),
    (Lang::Tgl, "tl"),
    (Lang::Tha, "th"),
    (Lang::Tuk, "tk"),
    (Lang::Tur, "tr"),
    (Lang::Ukr, "uk"),
    (Lang::Urd, "ur"),
    (Lang::Uzb, "uz"),
    (Lang::Vie, "vi"),
    (Lang::Yid, "yi"),
    (Lang::Zul, "zu"),
];

#[cfg(test)]
mod tests {
    use super::*;

    const GERMAN: &str = "Die Versammlung beschloss nach kurzer Aussprache, den Haushalt des kommenden Jahres \
        unverändert zu lassen und die Arbeiten am Dach erst im Frühling wieder aufzunehmen, weil der Winter früh \
        gekommen war und die Handwerker keine Zeit mehr hatten.";

    #[test]
    fn a_long_text_overrules_a_wrong_declaration() {
        let language = of(GERMAN, Some("en-US"));
        assert_eq!(language.code, Some("de"));
        assert!(language.certainty < of(GERMAN, Some("de")).certainty);
        assert_eq!(of(GERMAN, None).code, Some("de"));
    }

    #[test]
    fn a_short_text_is_not_guessed_at() {
        assert_eq!(of("Menu Login", None).code, None);
        assert_eq!(of("Menu Login", Some("fr")).code, Some("fr"));
        assert_eq!(of("Вход в систему", Some("fr")).code, None, "French is not written in Cyrillic");
        assert_eq!(of("", Some("en")).code, None);
        assert_eq!(of("123 456 !!!", None).code, None);
    }

    #[test]
    fn scripts_without_spaces_need_less() {
        assert_eq!(of("東京は日本の首都であり、世界最大級の都市です。", None).code, Some("ja"));
        assert_eq!(of("北京是中华人民共和国的首都和直辖市。", None).code, Some("zh"));
    }

    #[test]
    fn close_languages_follow_the_declaration() {
        let text =
            "O Concello aprobou onte o novo orzamento para a rede de bibliotecas da cidade e das parroquias.";
        assert_eq!(of(text, Some("gl")).code, Some("gl"));
    }

    #[test]
    fn every_language_of_the_detector_has_a_code() {
        for lang in Lang::all() {
            assert!(!code(*lang).is_empty(), "{lang}");
        }
    }
}
