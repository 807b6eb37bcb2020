//! A key: used, never shown.

use std::{fmt, sync::Arc};

use zeroize::Zeroizing;

/// What stands in a text where a key stood.
const REDACTED: &str = "[key]";

/// Shortest part of a key that is taken for the key itself when a provider echoes it cut.
const SHORTEST_PART: usize = 8;

/// A key or a token. Neither `Debug`, `Display` nor serialisation shows it, and its memory is wiped when the last
/// clone is dropped.
#[derive(Clone)]
pub struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    /// Takes a key; white space around it is dropped, as a pasted key often has some.
    pub fn new(key: impl Into<String>) -> Self {
        let key = Zeroizing::new(key.into());
        Self(Arc::new(Zeroizing::new(key.trim().to_owned())))
    }

    /// The key itself, for the header that carries it and nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// `text` without the key: a provider may echo what it was sent, whole or cut. Parts of at least eight bytes count
    /// as the key.
    pub fn redact(&self, text: &str) -> String {
        let key = self.0.as_bytes();
        if key.is_empty() {
            return text.to_owned();
        }
        let shortest = key.len().min(SHORTEST_PART);
        let bytes = text.as_bytes();
        let mut clean: Vec<u8> = Vec::with_capacity(bytes.len());
        let mut rest = bytes;
        while let Some((&first, tail)) = rest.split_first() {
            let echoed = longest_part(rest, key);
            if echoed >= shortest {
                clean.extend_from_slice(REDACTED.as_bytes());
                rest = rest.get(echoed..).unwrap_or_default();
            } else {
                clean.push(first);
                rest = tail;
            }
        }
        // A part of a key may end inside a character of the text: lossy, never a panic.
        String::from_utf8_lossy(&clean).into_owned()
    }
}

/// How many of the first bytes of `text` are a part of `key`.
fn longest_part(text: &[u8], key: &[u8]) -> usize {
    (0..key.len())
        .map(|from| key.iter().skip(from).zip(text).take_while(|(in_key, in_text)| in_key == in_text).count())
        .max()
        .unwrap_or(0)
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(hidden)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("hidden")
    }
}

impl serde::Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("hidden")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Secret {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shows_itself_nowhere() {
        let secret = Secret::new(" sk-live-0123456789 \n");
        let shown = format!("{secret} {secret:?} {}", serde_json::to_string(&secret).unwrap());
        assert!(!shown.contains("0123456789"), "{shown}");
        assert_eq!(secret.expose(), "sk-live-0123456789");
    }

    #[test]
    fn redacts_whole_and_cut_keys() {
        let secret = Secret::new("sk-live-0123456789");
        assert_eq!(secret.redact("key sk-live-0123456789 is wrong"), "key [key] is wrong");
        assert_eq!(secret.redact("key sk-live-0*** is wrong"), "key [key]*** is wrong");
        assert_eq!(secret.redact("the sk-l is kept"), "the sk-l is kept");
        assert_eq!(Secret::new("abc").redact("is abc wrong?"), "is [key] wrong?");
        assert_eq!(Secret::new("").redact("as it is"), "as it is");
    }

    proptest! {
        #[test]
        fn no_echo_survives(key in "[a-zA-Z0-9-]{8,40}", before in ".{0,20}", after in ".{0,20}") {
            let clean = Secret::new(key.clone()).redact(&format!("{before}{key}{after}"));
            prop_assert!(!clean.contains(&key));
        }
    }
}
