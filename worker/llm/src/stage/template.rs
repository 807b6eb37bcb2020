//! Prompts with places to fill, and comments that are never sent. Pure.

use std::borrow::Cow;

/// A comment has no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Endless;

/// The template without its comments, `{# … #}`. One that has a line to itself goes with its line.
pub(super) fn without_comments(template: &str) -> Result<Cow<'_, str>, Endless> {
    if !template.contains("{#") {
        return Ok(Cow::Borrowed(template));
    }
    let mut kept = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, comment)) = rest.split_once("{#") {
        let (_, after) = comment.split_once("#}").ok_or(Endless)?;
        kept.push_str(before);
        let begins_line = kept.is_empty() || kept.ends_with('\n');
        rest = after.strip_prefix('\n').filter(|_| begins_line).unwrap_or(after);
    }
    kept.push_str(rest);
    Ok(Cow::Owned(kept))
}

/// The words of a template with one space between them: what it means, however it is laid out.
pub(super) fn words(template: &str) -> String {
    template.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A template with its placeholders filled, in one pass: nothing that is filled in is taken for a placeholder.
pub(super) fn filled(template: &str, values: &[(&str, &str)]) -> String {
    let mut filled =
        String::with_capacity(template.len() + values.iter().map(|(_, value)| value.len()).sum::<usize>());
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        filled.push_str(before);
        if let Some((name, value)) = values.iter().find(|(name, _)| from.starts_with(name)) {
            filled.push_str(value);
            rest = from.get(name.len()..).unwrap_or_default();
        } else {
            filled.push('{');
            rest = from.get(1..).unwrap_or_default();
        }
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn comments_go_and_take_a_line_of_their_own_with_them() {
        let without = |template| without_comments(template).map(Cow::into_owned);
        assert_eq!(without("One.\n{# why #}\nTwo {# { # } #}three.").as_deref(), Ok("One.\nTwo three."));
        assert_eq!(without("{#\nmany\nlines #}\nOne {#x#}{a}").as_deref(), Ok("One {a}"));
        assert_eq!(without("One {# two"), Err(Endless));
    }

    proptest! {
        #[test]
        fn no_template_makes_it_panic(template in "[a{}#\n ]{0,40}") {
            if let Ok(kept) = without_comments(&template) {
                prop_assert!(kept.len() <= template.len());
            }
        }
    }
}
