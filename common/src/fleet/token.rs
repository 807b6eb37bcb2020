//! The secret that a fleet shares.

use std::{fmt, hint::black_box, sync::Arc};

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The secret that a coordinator shares with its workers and operators. It never shows itself, and its memory is wiped
/// when the last clone is dropped.
#[derive(Clone)]
pub struct Token(Arc<Zeroizing<String>>);

/// Why a text cannot be a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Guessed too easily.
    #[error("a token has at least {} characters, such as those of `openssl rand -hex 16`", Token::SHORTEST)]
    Short,
    /// A header cannot carry it.
    #[error("a token has only visible ASCII characters, such as those of `openssl rand -hex 16`")]
    Characters,
}

impl Token {
    /// Fewest characters of a token.
    pub const SHORTEST: usize = 16;

    /// Takes a token; white space around it is dropped, as that of a file's last line.
    pub fn new(text: impl Into<String>) -> Result<Self, TokenError> {
        let text = Zeroizing::new(text.into());
        let token = text.trim();
        if token.len() < Self::SHORTEST {
            return Err(TokenError::Short);
        }
        if !token.chars().all(|character| character.is_ascii_graphic()) {
            return Err(TokenError::Characters);
        }
        Ok(Self(Arc::new(Zeroizing::new(token.to_owned()))))
    }

    /// The token itself, for the header that carries it and nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether `presented` is this token. How long that takes says nothing about either: digests are compared, and all
    /// of each.
    pub fn is(&self, presented: &str) -> bool {
        let (ours, theirs) = (Sha256::digest(self.0.as_bytes()), Sha256::digest(presented.as_bytes()));
        let differing =
            ours.iter().zip(&theirs).fold(0, |bits, (our, their)| black_box(bits | (our ^ their)));
        differing == 0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Token(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shows_itself_nowhere() {
        let token = Token::new(" 0123456789abcdef\n").unwrap();
        assert_eq!(token.expose(), "0123456789abcdef");
        assert_eq!(format!("{token:?}"), "Token(hidden)");
    }

    #[test]
    fn what_is_guessed_easily_or_cannot_be_sent_is_refused() {
        assert_eq!(Token::new("short           ").unwrap_err(), TokenError::Short);
        assert_eq!(Token::new("0123456789 abcdef").unwrap_err(), TokenError::Characters);
        assert_eq!(Token::new("0123456789äabcdef").unwrap_err(), TokenError::Characters);
    }

    proptest! {
        #[test]
        fn is_itself_and_nothing_else(text in "[!-~]{16,40}", other in "[!-~]{0,40}") {
            let token = Token::new(text.clone()).unwrap();
            prop_assert!(token.is(&text));
            prop_assert_eq!(token.is(&other), text == other);
            prop_assert!(!token.is(&text[1..]));
        }
    }
}
