//! Words by which rules know things. Lower case unless said otherwise.

use regex::Regex;
use std::sync::LazyLock;

/// Whether the text, in lower case, holds furniture of a site or the words of a paywall. One pass for all of them.
pub(crate) fn is_furniture(lower: &str) -> bool {
    // Literals, escaped: a pattern that always compiles; were it not to, nothing would be furniture.
    static PATTERN: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let cues: Vec<String> = FURNITURE.iter().chain(PAYWALL).map(|cue| regex::escape(cue)).collect();
        Regex::new(&cues.join("|")).ok()
    });
    PATTERN.as_ref().is_some_and(|pattern| pattern.is_match(lower))
}

/// Titles before a name: the full stop after one never ends a sentence.
#[rustfmt::skip]
pub(crate) const TITLES: &[&str] = &[
    "mr", "mrs", "ms", "dr", "prof", "rev", "hon", "st", "sr", "jr", "gen", "col", "capt", "lt", "sgt", "sen",
    "rep", "gov", "pres", "mme", "mlle", "mm", "sra", "srta", "dña", "sig", "dott", "ing", "hr", "fr", "dipl",
    "mag", "drs", "messrs", "e.g", "i.e", "z.b", "d.h", "p.ej", "vs", "cf", "fig", "figs", "eq", "no", "nos",
    "nr", "núm", "art", "abs", "sec", "ch", "vol", "pp", "ed", "eds", "ca", "approx", "bijv", "op.cit",
];

/// Abbreviations after which a sentence may or may not end.
#[rustfmt::skip]
pub(crate) const ABBREVIATIONS: &[&str] = &[
    "inc", "ltd", "corp", "co", "llc", "bros", "plc", "etc", "al", "dept", "est", "est", "ave", "blvd", "rd",
    "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec", "u.s", "u.k", "u.n",
    "a.m", "p.m", "ph.d", "usw", "bzw", "evtl", "ggf", "inkl", "zzgl", "str", "tel", "ecc", "pag", "enz", "avg",
    "max", "min", "s.a", "av", "env", "janv", "févr", "juil", "déc", "dez", "okt", "mrt", "abr", "ene", "ago",
    "dic",
];

/// Languages that write an ordinal number with a full stop.
#[rustfmt::skip]
pub(crate) const ORDINAL_STOP: &[&str] = &[
    "de", "da", "no", "fi", "cs", "sk", "sl", "hr", "sr", "hu", "pl", "et", "lv", "is", "tr",
];

/// How lines of programs start (as written).
#[rustfmt::skip]
pub(crate) const CODE_STARTS: &[&str] = &[
    "#include", "#define", "#!", "import ", "from ", "def ", "class ", "fn ", "pub ", "let ", "const ", "var ",
    "function ", "return ", "public ", "private ", "package ", "using ", "if (", "for (", "while (", "//", "/*",
    "*/", "</", "<?", "<!", "elif ", "else:", "} ", "@", "SELECT ", "INSERT ", "UPDATE ", "CREATE ", "async ",
    "await ", "export ", "impl ", "use ", "sudo ", "npm ", "pip ", "cargo ", "git ",
];

/// First words that point back to a sentence before: alone, such a sentence is not understood.
#[rustfmt::skip]
pub(crate) const POINTING_BACK: &[&str] = &[
    "he", "she", "it", "they", "this", "that", "these", "those", "his", "her", "their", "its", "but", "and", "or",
    "so", "however", "therefore", "thus", "also", "then", "instead", "yet", "otherwise", "moreover",
    "furthermore", "additionally", "similarly", "meanwhile", "nevertheless", "such", "both", "another", "see",
    "here", "there", "him", "them",
    // German
    "er", "sie", "es", "dies", "diese", "dieser", "dieses", "das", "aber", "und", "oder", "doch", "jedoch",
    "deshalb", "daher", "dann", "dabei", "damit", "dazu", "außerdem", "auch", "dort", "hier", "allerdings",
    // French
    "il", "elle", "ils", "elles", "cela", "ceci", "cette", "ces", "ce", "mais", "et", "donc", "ainsi", "puis",
    "cependant", "toutefois", "celui-ci", "celle-ci",
    // Spanish, Portuguese, Italian
    "él", "ella", "ellos", "ellas", "esto", "eso", "esta", "este", "estos", "estas", "pero", "y", "además",
    "entonces", "ele", "ela", "eles", "elas", "isso", "isto", "mas", "e", "também", "portanto", "egli", "lui",
    "lei", "essi", "questo", "questa", "ma", "però", "quindi", "inoltre",
    // Dutch
    "hij", "zij", "ze", "het", "dit", "deze", "maar", "en", "dus", "ook", "daarom", "echter",
];

/// Chinese characters that are words of grammar wherever they stand.
pub(crate) const PARTICLES_HAN: &str =
    "的了是在和与也都就很这那我你他她它们不被把从对之其而但或吗呢吧啊已并及让使于个為這個們與對從後於會還";

/// What only furniture of a site says.
#[rustfmt::skip]
pub(crate) const FURNITURE: &[&str] = &[
    "cookie", "all rights reserved", "privacy policy", "terms of service", "terms of use", "terms and conditions",
    "subscribe to", "sign up for", "sign up to", "newsletter", "click here", "read more", "log in", "sign in",
    "share this", "follow us", "skip to", "add to cart", "copyright ©", "© 20", "powered by", "enable javascript",
    "your browser", "advertisement", "leave a comment", "leave a reply", "your email address", "unsubscribe",
    "view all", "load more", "download the app", "related articles", "withdraw your consent",
    "withdrawing your consent", "withdraw consent", "store and access", "store and/or access", "reject all",
    "manage preferences", "our partners", "calculated at checkout", "personalised advertising",
    "personalized ads", "you may also like", "create an account", "affiliate link", "earn a commission",
    "back to top", "alle rechte vorbehalten", "datenschutz", "newsletter abonnieren", "tous droits réservés",
    "politique de confidentialité", "todos los derechos reservados", "política de privacidad",
    "tutti i diritti riservati", "todos os direitos reservados", "alle rechten voorbehouden", "版权所有", "隐私政策",
    "プライバシーポリシー",
];

/// What stands where the rest of a text must be paid for.
#[rustfmt::skip]
pub(crate) const PAYWALL: &[&str] = &[
    "subscribe to continue", "subscribe to read", "to continue reading", "continue reading with a",
    "already a subscriber", "subscribers only", "subscriber-only", "for subscribers", "become a member to read",
    "this article is for members", "start your free trial to", "unlock this article", "unlock the full",
    "purchase a subscription", "member-only story", "register to continue", "sign in to read the full",
    "log in to read the full", "you have reached your limit of free", "nur für abonnenten", "jetzt weiterlesen",
    "weiterlesen mit", "réservé aux abonnés", "article réservé", "pour lire la suite", "solo para suscriptores",
    "exclusivo para suscriptores", "suscríbete para seguir leyendo", "riservato agli abbonati",
    "exclusivo para assinantes", "alleen voor abonnees", "有料会員", "この記事は会員限定",
];

/// What error pages and challenges say.
#[rustfmt::skip]
pub(crate) const ERRORS: &[&str] = &[
    "404", "page not found", "not found", "403 forbidden", "access denied", "500 internal server error",
    "internal server error", "bad gateway", "service unavailable", "gateway timeout", "page you requested",
    "page you are looking for", "page you were looking for", "page doesn't exist", "page does not exist",
    "page can't be found", "page cannot be found", "page could not be found", "no longer available",
    "something went wrong", "just a moment", "checking your browser", "verify you are human", "are you a robot",
    "complete the captcha", "enable javascript and cookies", "you have been blocked", "unusual traffic",
    "request blocked", "an error occurred", "temporarily unavailable", "under maintenance",
    "seite nicht gefunden", "nicht gefunden", "zugriff verweigert", "page introuvable", "accès refusé",
    "página no encontrada", "acceso denegado", "página não encontrada", "pagina non trovata",
    "pagina niet gevonden", "页面不存在", "找不到", "ページが見つかりません",
];

/// Left behind by generators and templates.
#[rustfmt::skip]
pub(crate) const MACHINE: &[&str] = &[
    "as an ai language model", "as a large language model", "lorem ipsum dolor", "i cannot fulfill that request",
    "this page was automatically generated", "automatically generated by", "do not edit this file",
    "auto-generated", "autogenerated", "code generated by", "{{", "[insert ", "undefined undefined",
];

/// UTF-8 read as Windows-1252 (as written).
#[rustfmt::skip]
pub(crate) const MOJIBAKE: &[&str] = &[
    "Ã©", "Ã¨", "Ã¼", "Ã¶", "Ã¤", "Ã±", "Ã§", "â€™", "â€œ", "â€\u{9d}", "â€“", "Â ", "ï»¿", "Ð¾Ð", "å®",
];

/// Frequent words that carry no topic though no list of stop words has them.
#[rustfmt::skip]
pub(crate) const PALE: &[&str] = &[
    "also", "one", "two", "three", "may", "many", "much", "would", "could", "should", "must", "might", "can",
    "will", "get", "got", "make", "made", "makes", "use", "used", "using", "uses", "like", "new", "first", "last",
    "well", "way", "even", "still", "back", "go", "going", "see", "need", "want", "know", "take", "come", "good",
    "best", "great", "really", "thing", "things", "lot", "every", "within", "without", "however", "although",
    "though", "since", "yet", "per", "us", "let", "try", "said", "says", "say", "able", "just", "another",
    "around", "often", "always", "never", "via", "etc", "including", "based", "please", "click", "read", "page",
    "today", "yesterday", "day", "days", "year", "years", "time", "times", "people", "something", "anything",
    "everything", "someone", "sure", "find", "help", "look", "looking", "right", "left", "different", "following",
    "example", "likely", "available", "add", "already", "almost", "enough", "far", "long", "little", "big",
    "several", "full", "part", "number", "next", "work", "working", "it's", "that's", "don't", "i'm", "you're",
    "we're", "they're", "i've", "you'll", "can't", "won't", "doesn't", "isn't", "there's",
    // German, French, Spanish, Italian, Portuguese, Dutch
    "mehr", "wurde", "wurden", "sowie", "bereits", "immer", "jedoch", "dabei", "neue", "neuen", "seit", "beim",
    "etwa", "zwei", "drei", "gibt", "ganz", "laut", "ab", "schon", "fast", "plus", "aussi", "être", "fait",
    "faire", "comme", "tout", "tous", "toute", "toutes", "après", "entre", "deux", "trois", "cette", "dont",
    "peut", "si", "très", "encore", "ainsi", "chez", "sans", "sous", "selon", "depuis", "puede", "pueden", "ser",
    "según", "además", "cada", "dos", "tres", "hacer", "así", "años", "año", "si", "anche", "può", "essere",
    "fare", "due", "tre", "ogni", "dopo", "prima", "così", "ancora", "anos", "ano", "pode", "podem", "sobre",
    "ainda", "onde", "dois", "três", "jaar", "meer", "nieuwe", "wel", "twee", "drie", "onder", "kunnen", "wordt",
    "worden", "waar",
];
