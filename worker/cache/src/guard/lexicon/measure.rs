//! Words of quantity.

/// Value of a lower-case word for a whole number. English composes: see `number.rs`.
pub(in crate::guard) fn number(word: &str) -> Option<u32> {
    Some(match word {
        "zero" | "null" | "zéro" | "cero" => 0,
        "one" | "eins" | "uno" => 1,
        "two" | "zwei" | "deux" | "dos" => 2,
        "three" | "drei" | "trois" | "tres" => 3,
        "four" | "vier" | "quatre" | "cuatro" => 4,
        "five" | "fünf" | "cinq" | "cinco" => 5,
        "six" | "sechs" | "seis" => 6,
        "seven" | "sieben" | "sept" | "siete" => 7,
        "eight" | "acht" | "huit" | "ocho" => 8,
        "nine" | "neun" | "neuf" | "nueve" => 9,
        "ten" | "zehn" | "dix" | "diez" => 10,
        "eleven" | "elf" | "onze" | "once" => 11,
        "twelve" | "dozen" | "zwölf" | "dutzend" | "douze" | "douzaine" | "doce" | "docena" => 12,
        "thirteen" | "dreizehn" | "treize" | "trece" => 13,
        "fourteen" | "vierzehn" | "quatorze" | "catorce" => 14,
        "fifteen" | "fünfzehn" | "quinze" | "quince" => 15,
        "sixteen" | "sechzehn" | "seize" | "dieciséis" => 16,
        "seventeen" | "siebzehn" | "diecisiete" => 17,
        "eighteen" | "achtzehn" | "dieciocho" => 18,
        "nineteen" | "neunzehn" | "diecinueve" => 19,
        "twenty" | "zwanzig" | "vingt" | "veinte" => 20,
        "thirty" | "dreißig" | "dreissig" | "trente" | "treinta" => 30,
        "forty" | "vierzig" | "quarante" | "cuarenta" => 40,
        "fifty" | "fünfzig" | "cinquante" | "cincuenta" => 50,
        "sixty" | "sechzig" | "soixante" | "sesenta" => 60,
        "seventy" | "siebzig" | "setenta" => 70,
        "eighty" | "achtzig" | "ochenta" => 80,
        "ninety" | "neunzig" | "noventa" => 90,
        _ => return None,
    })
}

/// Power of ten of a lower-case word that multiplies the number before it.
pub(in crate::guard) fn scale(word: &str) -> Option<usize> {
    Some(match word {
        "hundred" | "hundert" => 2,
        "thousand" | "tausend" | "mille" | "mil" => 3,
        "million" | "millions" | "mn" | "mio" | "millionen" | "millones" | "millón" => 6,
        "billion" | "bn" | "mrd" | "milliarde" | "milliarden" | "milliard" | "milliards" => 9,
        "trillion" | "billionen" | "billones" | "billón" => 12,
        _ => return None,
    })
}

/// Words of order and of parts, each as its English one; they never equal a plain number.
pub(in crate::guard) fn ordinal(word: &str) -> Option<&'static str> {
    Some(match word {
        "second" | "zweite" | "zweiten" | "zweiter" | "deuxième" | "segundo" | "segunda" => "2nd",
        "third" | "dritte" | "dritten" | "dritter" | "troisième" | "tercer" | "tercero" | "tercera" => "3rd",
        "fourth" | "vierte" | "vierten" | "vierter" | "quatrième" | "cuarto" | "cuarta" => "4th",
        "fifth" | "fünfte" | "fünften" | "cinquième" | "quinto" | "quinta" => "5th",
        "sixth" | "sechste" | "sechsten" | "sixième" | "sexto" | "sexta" => "6th",
        "seventh" | "siebte" | "siebten" | "septième" | "séptimo" => "7th",
        "eighth" | "achte" | "achten" | "huitième" | "octavo" => "8th",
        "ninth" | "neunte" | "neunten" | "neuvième" | "noveno" => "9th",
        "tenth" | "zehnte" | "zehnten" | "dixième" | "décimo" => "10th",
        "half" | "halb" | "halbe" | "hälfte" | "moitié" | "demi" | "mitad" | "medio" | "media" => "1/2",
        "quarter" | "viertel" | "quart" => "1/4",
        "double" | "doubled" | "doubles" | "twice" | "doppelt" | "verdoppelt" | "zweimal" | "doublé"
        | "doble" | "duplicó" => "x2",
        "triple" | "tripled" | "thrice" | "dreifach" | "verdreifacht" | "dreimal" | "triplé" => "x3",
        "single" | "einzig" | "einmal" => "x1",
        "dozens" | "dutzende" | "douzaines" | "docenas" => "dozens",
        "hundreds" | "hunderte" | "centaines" | "cientos" => "hundreds",
        "thousands" | "tausende" | "milliers" => "thousands",
        _ => return None,
    })
}

/// The unit that a lower-case word or sign beside a number is.
pub(in crate::guard) fn unit(word: &str) -> Option<&'static str> {
    Some(match word {
        "%" | "percent" | "prozent" | "pourcent" => "%",
        "€" | "eur" | "euro" | "euros" => "€",
        "$" | "usd" | "dollar" | "dollars" | "dólar" | "dólares" => "$",
        "£" | "gbp" | "pound" | "pounds" | "pfund" => "£",
        "¥" | "jpy" | "yen" => "¥",
        "chf" | "franken" | "francs" => "chf",
        "cent" | "cents" | "céntimos" => "cent",
        "km" | "kilometre" | "kilometres" | "kilometer" | "kilometers" | "kilomètres" | "kilómetros" => {
            "km"
        }
        "m" | "metre" | "metres" | "meter" | "meters" | "metern" | "mètres" | "metros" => "m",
        "cm" | "centimetre" | "centimetres" | "centimeter" | "centimeters" | "zentimeter" => "cm",
        "mm" | "millimetre" | "millimetres" | "millimeter" | "millimeters" => "mm",
        "mi" | "mile" | "miles" | "meilen" => "mi",
        "ft" | "foot" | "feet" => "ft",
        "inch" | "inches" | "zoll" => "in",
        "kg" | "kilogram" | "kilograms" | "kilogramm" | "kilo" | "kilos" => "kg",
        "g" | "gram" | "grams" | "gramm" | "grammes" | "gramos" => "g",
        "mg" | "milligram" | "milligrams" | "milligramm" => "mg",
        "µg" | "mcg" | "microgram" | "micrograms" => "µg",
        "t" | "ton" | "tons" | "tonne" | "tonnes" | "tonnen" | "toneladas" => "t",
        "lb" | "lbs" => "lb",
        "l" | "litre" | "litres" | "liter" | "liters" | "litern" | "litros" => "l",
        "ml" | "millilitre" | "millilitres" | "milliliter" | "milliliters" => "ml",
        "ms" | "millisecond" | "milliseconds" => "ms",
        "s" | "sec" | "secs" | "seconds" | "sekunden" | "secondes" | "segundos" => "s",
        "min" | "mins" | "minute" | "minutes" | "minuten" | "minutos" => "min",
        "h" | "hr" | "hrs" | "hour" | "hours" | "stunde" | "stunden" | "heure" | "heures" | "horas" => "h",
        "day" | "days" | "tag" | "tage" | "tagen" | "jour" | "jours" | "día" | "días" => "d",
        "week" | "weeks" | "woche" | "wochen" | "semaine" | "semaines" | "semana" | "semanas" => "wk",
        "month" | "months" | "monat" | "monate" | "monaten" | "mois" | "mes" | "meses" => "mo",
        "year" | "years" | "jahr" | "jahre" | "jahren" | "an" | "ans" | "année" | "années" | "año"
        | "años" => "y",
        "am" | "a.m" => "am",
        "pm" | "p.m" => "pm",
        "kb" | "kilobytes" => "kb",
        "mb" | "megabyte" | "megabytes" => "mb",
        "gb" | "gigabyte" | "gigabytes" => "gb",
        "tb" | "terabyte" | "terabytes" => "tb",
        "w" | "watt" | "watts" => "w",
        "kw" | "kilowatt" | "kilowatts" => "kw",
        "mw" | "megawatt" | "megawatts" => "mw",
        "gw" | "gigawatt" | "gigawatts" => "gw",
        "v" | "volt" | "volts" => "v",
        "hz" | "hertz" => "hz",
        "khz" => "khz",
        "mhz" => "mhz",
        "ghz" => "ghz",
        "°" | "deg" | "degree" | "degrees" | "grad" | "degrés" | "grados" => "°",
        _ => return None,
    })
}
