//! Words of time.

/// Months in English, German, French and Spanish, with their common abbreviations.
const MONTHS: [&str; 12] = [
    "january jan januar jänner janvier janv enero ene",
    "february feb februar février févr febrero",
    "march mar märz mrz mars marzo",
    "april apr avril avr abril abr",
    "may mai mayo",
    "june jun juni juin junio",
    "july jul juli juillet juil julio",
    "august aug août agosto ago",
    "september sep sept septembre septiembre",
    "october oct oktober okt octobre octubre",
    "november nov novembre noviembre",
    "december dec dezember dez décembre déc diciembre dic",
];

/// The month, from 1, that a lower-case word names.
pub(in crate::guard) fn month(word: &str) -> Option<u32> {
    let at = MONTHS.iter().position(|names| names.split(' ').any(|name| name == word))?;
    Some(at as u32 + 1)
}

/// Whether a lower-case word that names a month can hardly be anything else.
pub(in crate::guard) fn is_month_only(word: &str) -> bool {
    word.chars().count() > 3 && !matches!(word, "march" | "mars" | "august" | "sept") && month(word).is_some()
}

/// The day of the week, or the day seen from today, that a lower-case word names.
pub(in crate::guard) fn moment(word: &str) -> Option<&'static str> {
    Some(match word {
        "monday" | "mondays" | "montag" | "lundi" | "lunes" => "mon",
        "tuesday" | "tuesdays" | "dienstag" | "mardi" | "martes" => "tue",
        "wednesday" | "wednesdays" | "mittwoch" | "mercredi" | "miércoles" => "wed",
        "thursday" | "thursdays" | "donnerstag" | "jeudi" | "jueves" => "thu",
        "friday" | "fridays" | "freitag" | "vendredi" | "viernes" => "fri",
        "saturday" | "saturdays" | "samstag" | "sonnabend" | "samedi" | "sábado" => "sat",
        "sunday" | "sundays" | "sonntag" | "dimanche" | "domingo" => "sun",
        "today" | "tonight" | "heute" | "aujourd'hui" | "hoy" => "today",
        "tomorrow" | "morgen" | "demain" | "mañana" => "tomorrow",
        "yesterday" | "gestern" | "hier" | "ayer" => "yesterday",
        "noon" | "midday" | "mittag" | "midi" | "mediodía" => "noon",
        "midnight" | "mitternacht" | "minuit" | "medianoche" => "midnight",
        "spring" | "frühling" | "frühjahr" | "printemps" | "primavera" => "spring",
        "summer" | "sommer" | "verano" => "summer",
        "autumn" | "herbst" | "automne" | "otoño" => "autumn",
        "winter" | "hiver" | "invierno" => "winter",
        _ => return None,
    })
}
