//! What an answer belongs to: a scope and a content.

use std::fmt;

use sha2::{Digest, Sha256};
use sheaf_common::id::hex;

/// Everything that an answer depends on but the content: the tenant, the recipe's stage and its meaning, the models that
/// may answer, and the parameters. Answers of one scope never serve another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope([u8; 16]);

impl Scope {
    /// The scope of a stage. `semantics` stands for what the stage means (its prompts, schema and parameters); `models` are
    /// the names of the models any of which may answer, in any order.
    pub fn new<'m>(
        tenant: &str,
        stage: &str,
        semantics: &[u8],
        models: impl IntoIterator<Item = &'m str>,
    ) -> Self {
        let mut models: Vec<&str> = models.into_iter().collect();
        models.sort_unstable();
        models.dedup();
        let mut hash = Sha256::new();
        let parts = [tenant.as_bytes(), stage.as_bytes(), semantics];
        for part in parts.into_iter().chain(models.iter().map(|model| model.as_bytes())) {
            // Lengths keep `ab` + `c` apart from `a` + `bc`.
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Self(first_half(&hash.finalize()))
    }

    /// As bytes.
    pub fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Scope({self})")
    }
}

/// A unit of a scope: the name of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnitKey {
    /// Where it belongs.
    pub scope: Scope,
    /// Hash of what a model is shown of it. Half a SHA-256: two of 10⁹ contents meet by chance once in 10²⁰ times.
    pub content: [u8; 16],
}

impl UnitKey {
    /// The key of a document, by all that a model is shown of it.
    pub fn new(scope: Scope, title: Option<&str>, text: &str) -> Self {
        let title = title.unwrap_or_default();
        let mut hash = Sha256::new();
        hash.update((title.len() as u64).to_le_bytes());
        hash.update(title);
        hash.update(text);
        Self { scope, content: first_half(&hash.finalize()) }
    }

    /// The key that is shown as `text`; `None` when none is.
    pub fn parse(text: &str) -> Option<Self> {
        let pairs = (0..text.len()).step_by(2).map(|at| text.get(at..at + 2));
        let bytes = pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect::<Option<Vec<u8>>>()?;
        let (scope, content) = bytes.split_first_chunk::<16>()?;
        let key = Self { scope: Scope(*scope), content: content.try_into().ok()? };
        // `+f` is a number, too.
        (key.to_string() == text).then_some(key)
    }
}

impl fmt::Display for UnitKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}{}", self.scope, hex(&self.content))
    }
}

fn first_half(hash: &[u8]) -> [u8; 16] {
    let mut half = [0; 16];
    for (to, from) in half.iter_mut().zip(hash) {
        *to = *from;
    }
    half
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_an_answer_depends_on_makes_another_scope() {
        let scope = Scope::new("t", "overview", b"1", ["a", "b"]);
        assert_eq!(scope, Scope::new("t", "overview", b"1", ["b", "a", "a"]));
        for other in [
            Scope::new("u", "overview", b"1", ["a", "b"]),
            Scope::new("t", "overvie", b"w1", ["a", "b"]),
            Scope::new("t", "overview", b"2", ["a", "b"]),
            Scope::new("t", "overview", b"1", ["a"]),
            Scope::new("t", "overview", b"1", ["ab"]),
        ] {
            assert_ne!(scope, other);
        }
    }

    #[test]
    fn title_and_text_are_told_apart() {
        let scope = Scope::new("t", "overview", b"1", []);
        let key = UnitKey::new(scope, Some("ab"), "c");
        assert_ne!(key, UnitKey::new(scope, Some("a"), "bc"));
        assert_ne!(key, UnitKey::new(scope, None, "abc"));
        assert_eq!(key.to_string().len(), 64);
    }

    #[test]
    fn a_key_is_read_back_as_it_is_shown() {
        let key = UnitKey::new(Scope::new("t", "overview", b"1", []), None, "text");
        let shown = key.to_string();
        assert_eq!(UnitKey::parse(&shown), Some(key));
        for other in
            ["", "0", &shown[1..], &shown.to_uppercase(), &format!("+{}", &shown[1..]), &"é".repeat(32)]
        {
            assert_eq!(UnitKey::parse(other), None, "{other}");
        }
    }
}
