//! What a site's robots.txt asks of us (RFC 9309).

use std::time::Duration;

use memchr::memmem;

/// Bytes of a robots.txt that are read; RFC 9309 (2.5) asks for at least 500 KiB.
pub(crate) const ROBOTS_CAP: usize = 500 * 1024;

/// Rules of one group that are kept; far beyond any honest file, it bounds what a hostile one costs for each URL.
const MAX_RULES: usize = 10_000;

/// The rules of a robots.txt that apply to one robot.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Robots {
    /// Longest pattern first, an `Allow` before a `Disallow` of the same length: the first that matches decides.
    rules: Vec<Rule>,
    /// Wait between two requests that the site asks for (`Crawl-delay`, not in the RFC and widely used).
    crawl_delay: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq)]
struct Rule {
    allow: bool,
    pattern: Vec<u8>,
}

impl Robots {
    /// Reads the first [`ROBOTS_CAP`] bytes of `text` for the robot whose product token is `robot` (lower case).
    ///
    /// Groups that name the robot are taken together; where none does, those for `*` are (RFC 9309, 2.2.1). Lines
    /// that are not understood are passed over, as the RFC asks.
    pub(crate) fn parse(text: &[u8], robot: &str) -> Self {
        let text = text.get(..ROBOTS_CAP).unwrap_or(text);
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let (mut named, mut anyone) = (Group::default(), Group::default());
        // A group starts with one or more user-agent lines; a user-agent line after a rule starts the next group.
        let (mut for_named, mut for_anyone, mut in_agents) = (false, false, false);
        for line in text.split(|&byte| matches!(byte, b'\n' | b'\r' | 0)) {
            let Some((key, value)) = key_and_value(line) else { continue };
            let entry = match key.to_ascii_lowercase().as_slice() {
                b"user-agent" | b"useragent" | b"user agent" => {
                    if !in_agents {
                        (for_named, for_anyone, in_agents) = (false, false, true);
                    }
                    let token = product_token(value);
                    if value.first() == Some(&b'*') {
                        for_anyone = true;
                    } else if token.eq_ignore_ascii_case(robot.as_bytes()) {
                        for_named = true;
                        named.present = true;
                    }
                    continue;
                }
                b"allow" => Entry::Rule { allow: true, pattern: value },
                b"disallow" => Entry::Rule { allow: false, pattern: value },
                b"crawl-delay" | b"crawldelay" => Entry::CrawlDelay(value),
                // Sitemap and unknown lines belong to no group and end none.
                _ => continue,
            };
            in_agents = false;
            if for_named {
                named.add(&entry);
            }
            if for_anyone {
                anyone.add(&entry);
            }
        }
        let Group { mut rules, crawl_delay, .. } = if named.present { named } else { anyone };
        rules.sort_by_key(|rule| (std::cmp::Reverse(rule.pattern.len()), !rule.allow));
        Self { rules, crawl_delay }
    }

    /// Whether the path and query of a URL (as [`url::Url`] spells them) may be fetched: the longest pattern that
    /// matches decides, `Allow` wins a tie, and nothing matching means yes (RFC 9309, 2.2.2).
    pub(crate) fn allows(&self, path: &str, query: Option<&str>) -> bool {
        if path == "/robots.txt" || self.rules.is_empty() {
            return true;
        }
        let mut target = path.as_bytes().to_vec();
        if let Some(query) = query {
            target.push(b'?');
            target.extend_from_slice(query.as_bytes());
        }
        let target = normal(&target);
        self.rules.iter().find(|rule| matches(&rule.pattern, &target)).is_none_or(|rule| rule.allow)
    }

    /// The wait between requests that the site asks for.
    pub(crate) fn crawl_delay(&self) -> Option<Duration> {
        self.crawl_delay
    }

    /// Bytes held, about.
    pub(crate) fn weight(&self) -> usize {
        128 + self.rules.iter().map(|rule| rule.pattern.capacity() + size_of::<Rule>()).sum::<usize>()
    }
}

enum Entry<'a> {
    Rule { allow: bool, pattern: &'a [u8] },
    CrawlDelay(&'a [u8]),
}

#[derive(Default)]
struct Group {
    present: bool,
    rules: Vec<Rule>,
    crawl_delay: Option<Duration>,
}

impl Group {
    fn add(&mut self, entry: &Entry<'_>) {
        match *entry {
            Entry::Rule { allow, pattern } => {
                // An empty pattern matches nothing: `Disallow:` is the old way to allow everything.
                if !pattern.is_empty() && self.rules.len() < MAX_RULES {
                    self.rules.push(Rule { allow, pattern: normal(pattern) });
                }
            }
            Entry::CrawlDelay(value) => {
                let seconds = std::str::from_utf8(value).ok().and_then(|value| value.parse::<f64>().ok());
                let delay = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
                self.crawl_delay = self.crawl_delay.max(delay);
            }
        }
    }
}

/// Splits `key: value # comment`, trimmed.
fn key_and_value(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = line.split(|&byte| byte == b'#').next().unwrap_or(line);
    let colon = line.iter().position(|&byte| byte == b':')?;
    let (key, value) = line.split_at(colon);
    Some((key.trim_ascii(), value.get(1..).unwrap_or_default().trim_ascii()))
}

/// The leading product token of a user-agent line: letters, `-` and `_`.
fn product_token(value: &[u8]) -> &[u8] {
    let end = value.iter().position(|byte| !(byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_')));
    end.and_then(|end| value.get(..end)).unwrap_or(value)
}

/// One spelling for what percent-encoding can spell in several ways (RFC 9309, 2.2.2): octets that need no encoding
/// plain, all other encoded octets with upper-case digits, and raw octets outside ASCII encoded.
fn normal(text: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = Vec::with_capacity(text.len());
    let encode = |out: &mut Vec<u8>, byte: u8| {
        out.push(b'%');
        out.extend([byte >> 4, byte & 15].map(|nibble| DIGITS[usize::from(nibble)]));
    };
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after) {
            (b'%', [high, low, beyond @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let byte = hex_value(*high) << 4 | hex_value(*low);
                if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                    out.push(byte);
                } else {
                    encode(&mut out, byte);
                }
                rest = beyond;
            }
            // A stray per cent sign means itself.
            (b'%' | 0x80.., _) => encode(&mut out, byte),
            _ => out.push(byte),
        }
    }
    out
}

fn hex_value(digit: u8) -> u8 {
    char::from(digit).to_digit(16).unwrap_or(0) as u8
}

/// Whether `pattern` matches a prefix of `target`; `*` stands for any octets, `$` at the end for the target's end.
///
/// Greedy from the left: taking the earliest place for each piece between wildcards never loses a match, so the target
/// is read once and a hostile pattern costs no more than an honest one.
fn matches(pattern: &[u8], target: &[u8]) -> bool {
    let (pattern, to_the_end) = match pattern.strip_suffix(b"$") {
        Some(pattern) => (pattern, true),
        None => (pattern, false),
    };
    let mut pieces = pattern.split(|&byte| byte == b'*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = target.strip_prefix(first) else { return false };
    let mut pieces = pieces.peekable();
    if pieces.peek().is_none() {
        return !to_the_end || rest.is_empty();
    }
    while let Some(piece) = pieces.next() {
        if to_the_end && pieces.peek().is_none() {
            return rest.ends_with(piece);
        }
        if piece.is_empty() {
            continue;
        }
        let Some(at) = memmem::find(rest, piece) else { return false };
        rest = rest.get(at + piece.len()..).unwrap_or_default();
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn allowed(text: &str, path: &str) -> bool {
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        Robots::parse(text.as_bytes(), "sheaf").allows(path, query)
    }

    #[test]
    fn our_own_group_replaces_the_general_one() {
        let text = "User-agent: *\nDisallow: /\n\nUser-agent: Sheaf/2.0\nDisallow: /private\n";
        assert!(allowed(text, "/public"));
        assert!(!allowed(text, "/private/a"));
        assert!(!Robots::parse(text.as_bytes(), "other").allows("/public", None));
        // A longer token is another robot.
        assert!(allowed("User-agent: sheafbot\nDisallow: /\n", "/a"));
    }

    #[test]
    fn groups_for_the_same_robot_are_taken_together() {
        let text = "user-agent: sheaf\nDisallow: /a\n\nUser-Agent: other\nUSER-AGENT: SHEAF\nDisallow: /b\r\
                    user-agent: third\nDisallow: /c";
        assert!(!allowed(text, "/a"));
        assert!(!allowed(text, "/b"));
        assert!(allowed(text, "/c"));
    }

    #[test]
    fn lines_outside_of_groups_do_not_end_one() {
        let text =
            "User-agent: sheaf\nSitemap: http://a/s.xml\nUser-agent: other\nnonsense\nDisallow: /a # why\n";
        assert!(!allowed(text, "/a"));
        // Rules before the first user-agent line belong to nobody.
        assert!(allowed("Disallow: /\nUser-agent: *\nAllow: /a", "/b"));
    }

    #[test]
    fn the_longest_match_decides_and_allow_wins_a_tie() {
        let text = "User-agent: *\nDisallow: /shop\nAllow: /shop/open\nDisallow: /same\nAllow: /same\n";
        assert!(!allowed(text, "/shop/closed"));
        assert!(allowed(text, "/shop/open/1"));
        assert!(allowed(text, "/same"));
        assert!(allowed("User-agent: *\nDisallow:\n", "/anything"));
        assert!(allowed("User-agent: *\nDisallow: /\n", "/robots.txt"));
        assert!(!allowed("User-agent: *\nDisallow: /\n", "/"));
    }

    #[test]
    fn wildcards_and_end_marks() {
        let text =
            "User-agent: *\nDisallow: /*.pdf$\nDisallow: /a*b*c\nDisallow: /*?print=\nDisallow: /exact$";
        assert!(!allowed(text, "/x/y.pdf"));
        assert!(allowed(text, "/x/y.pdf?z=1"));
        assert!(!allowed(text, "/aXbYcZ"));
        assert!(allowed(text, "/aXcYb"));
        assert!(!allowed(text, "/page?print=1"));
        assert!(!allowed(text, "/exact"));
        assert!(allowed(text, "/exactly"));
        assert!(!allowed("User-agent: *\nDisallow: *end", "/the/end/of"));
    }

    #[test]
    fn spellings_of_one_path_are_one() {
        let text = "User-agent: *\nDisallow: /%7Ejoe/\nDisallow: /ü\nDisallow: /a%2fb\n";
        assert!(!allowed(text, "/~joe/x"));
        assert!(!allowed(text, "/%c3%bc"));
        assert!(!allowed(text, "/a%2Fb"));
        assert!(allowed(text, "/a/b"));
    }

    #[test]
    fn crawl_delay_is_the_longest_of_the_group() {
        let delay = |text: &str| Robots::parse(text.as_bytes(), "sheaf").crawl_delay();
        assert_eq!(
            delay("User-agent: *\nCrawl-delay: 2.5\nCrawl-delay: 1"),
            Some(Duration::from_millis(2500))
        );
        assert_eq!(delay("User-agent: *\nCrawl-delay: 9\nUser-agent: sheaf\nDisallow:"), None);
        for wrong in ["-1", "soon", "nan", "1e300", ""] {
            assert_eq!(delay(&format!("User-agent: *\nCrawl-delay: {wrong}")), None, "{wrong}");
        }
    }

    #[test]
    fn ten_megabytes_are_read_to_the_cap_and_no_further() {
        let mut text = b"User-agent: *\nDisallow: /early\n".to_vec();
        text.resize(ROBOTS_CAP, b'#');
        text.extend_from_slice(b"\nDisallow: /late\n");
        text.resize(10_000_000, b'\n');
        let robots = Robots::parse(&text, "sheaf");
        assert!(!robots.allows("/early", None));
        assert!(robots.allows("/late", None));
    }

    #[test]
    fn a_hostile_file_stays_cheap() {
        let text = "User-agent: *\n".to_owned() + &"Disallow: /*a*a*a*a*a*a*a*a*a*b\n".repeat(15_000);
        let robots = Robots::parse(text.as_bytes(), "sheaf");
        assert!(robots.rules.len() <= MAX_RULES);
        assert!(robots.weight() < 2 * 1024 * 1024);
        assert!(robots.allows(&format!("/{}", "a".repeat(100)), None));
    }

    /// The definition of a match, by trying every split.
    fn matches_by_definition(pattern: &[u8], target: &[u8]) -> bool {
        match pattern {
            [] => true,
            b"$" => target.is_empty(),
            [b'*', rest @ ..] => (0..=target.len()).any(|at| matches_by_definition(rest, &target[at..])),
            [byte, rest @ ..] => target.first() == Some(byte) && matches_by_definition(rest, &target[1..]),
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(text: Vec<u8>, path in "/[ -~]{0,20}") {
            let robots = Robots::parse(&text, "sheaf");
            let _ = robots.allows(&path, None);
        }

        #[test]
        fn matching_is_as_defined(pattern in "[/ab*]{0,8}\\$?", target in "[/ab]{0,10}") {
            prop_assert_eq!(
                matches(pattern.as_bytes(), target.as_bytes()),
                matches_by_definition(pattern.as_bytes(), target.as_bytes())
            );
        }

        #[test]
        fn normal_form_is_idempotent(text in "[%0-9a-fA-F/é~]{0,20}") {
            let once = normal(text.as_bytes());
            prop_assert_eq!(normal(&once), once);
        }
    }
}
