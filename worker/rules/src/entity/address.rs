//! Web and e-mail addresses, by their unmistakable middle (`://`, `www.`, `@`) and from there outwards.

use super::Found;
use sheaf_common::analysis::EntityKind;

/// Bytes of an address: what browsers and servers agree on, and the limit of RFC 5321 for mailboxes.
const URL_MAX: usize = 2_000;
const LOCAL_MAX: usize = 64;
const DOMAIN_MAX: usize = 255;

/// Addresses in order of place.
pub(super) fn find(text: &str) -> Vec<Found> {
    let mut all: Vec<Found> = Vec::new();
    let mut from = 0;
    for (at, _) in text.match_indices("://") {
        let Some(start) = scheme(text, at).filter(|&start| start >= from) else { continue };
        from = push_url(text, start, at + 3, &mut all).unwrap_or(from);
    }
    let mut from = 0;
    for (at, _) in text.match_indices("www.") {
        let bounded = !text
            .get(..at)
            .is_some_and(|before| before.ends_with(|c: char| c.is_alphanumeric() || "/.@-".contains(c)));
        if bounded && at >= from {
            from = push_url(text, at, at + 4, &mut all).unwrap_or(from);
        }
    }
    for (at, _) in text.match_indices('@') {
        all.extend(email(text, at));
    }
    all.sort_by_key(|found| found.range.start);
    all
}

/// Where the scheme before `://` starts.
fn scheme(text: &str, at: usize) -> Option<usize> {
    ["https", "http", "ftp"].into_iter().find_map(|scheme| {
        let start = at.checked_sub(scheme.len())?;
        text.get(start..at)?.eq_ignore_ascii_case(scheme).then_some(start)
    })
}

fn push_url(text: &str, start: usize, host: usize, all: &mut Vec<Found>) -> Option<usize> {
    let rest = text.get(host..text.floor_char_boundary(host + URL_MAX))?;
    let stop = |c: char| {
        c.is_whitespace()
            || matches!(c, '<' | '>' | '"' | '“' | '”' | '「' | '」' | '，' | '。' | '、' | '）' | '|' | '`')
    };
    let mut tail = rest.get(..rest.find(stop).unwrap_or(rest.len()))?;
    loop {
        let opens = tail.matches('(').count();
        let trimmed =
            tail.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '’', '*', '_', ']', '}', '»', '…']);
        let trimmed = if trimmed.matches(')').count() > opens {
            trimmed.strip_suffix(')').unwrap_or(trimmed)
        } else {
            trimmed
        };
        if trimmed.len() == tail.len() {
            break;
        }
        tail = trimmed;
    }
    let name = tail.split(['/', '?', '#']).next()?;
    if name.len() < 3 || !name.contains(['.', ':']) && name != "localhost" || name.starts_with('.') {
        return None;
    }
    let end = host + tail.len();
    let whole = text.get(start..end)?;
    // Scheme and host are the same in any case; the path is not.
    let split = host - start + name.len();
    let value = format!("{}{}", whole.get(..split)?.to_lowercase(), whole.get(split..)?);
    all.push(Found { kind: EntityKind::Url, range: start..end, value: Some(value) });
    Some(end)
}

fn email(text: &str, at: usize) -> Option<Found> {
    let before = text.get(text.floor_char_boundary(at.saturating_sub(LOCAL_MAX))..at)?;
    let local = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '%' | '+' | '-');
    let user = before.rsplit(|c| !local(c)).next()?.trim_start_matches(['.', '-', '%', '+']);
    let after = text.get(at + 1..text.floor_char_boundary(at + 1 + DOMAIN_MAX))?;
    let domain = after
        .split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-')))
        .next()?
        .trim_end_matches(['.', '-']);
    let top = domain.rsplit_once('.')?.1;
    let sound = !user.is_empty()
        && !user.ends_with('.')
        && (2..=24).contains(&top.len())
        && top.bytes().all(|byte| byte.is_ascii_alphabetic())
        && !domain.starts_with(['.', '-'])
        && !domain.contains("..");
    let range = at - user.len()..at + 1 + domain.len();
    sound.then(|| Found {
        kind: EntityKind::Email,
        value: Some(format!("{user}@{domain}").to_lowercase()),
        range,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<String> {
        find(text).into_iter().filter_map(|found| found.value).collect()
    }

    #[test]
    fn punctuation_around_an_address_is_not_part_of_it() {
        assert_eq!(
            values("(see HTTP://Orrin.Example/A_(b)), www.orrin.example. Or <https://a.example/?q=1>!"),
            ["http://orrin.example/A_(b)", "www.orrin.example", "https://a.example/?q=1"]
        );
        assert_eq!(values("写信给 a.b@orrin.example。"), ["a.b@orrin.example"]);
    }

    #[test]
    fn what_only_looks_like_an_address_is_none() {
        assert!(
            values("a @ b, @handle, x@y, me@.com, foo://bar, http://, http://a, awww.b.c, a@b..cc")
                .is_empty()
        );
    }
}
