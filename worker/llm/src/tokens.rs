//! How many tokens a text has, before a provider has counted them.
//!
//! Tokenizers differ by model and none is loaded here. The estimate counts characters by class, with weights a little
//! above what byte-pair vocabularies of 100,000 to 200,000 entries need on prose of that class: English prose of 4.5
//! characters a token is estimated at about 3.3. What a backend reports as usage corrects it ([`Correction`]).

use crate::request::ModelRequest;

/// Tokens that a chat template puts around a message: role, delimiters, line ends.
const AROUND_MESSAGE: f64 = 8.0;

/// Estimate for a text. Linear, and never more than a token a byte.
pub fn estimate(text: &str) -> u64 {
    let tokens: f64 = text.chars().map(weight).sum();
    (tokens.ceil() as u64).min(text.len() as u64)
}

fn weight(character: char) -> f64 {
    match character {
        ' ' => 0.05,
        'a'..='z' | 'A'..='Z' => 0.28,
        // Vocabularies group digits by up to three.
        '0'..='9' => 0.5,
        '\n' | '\t' | '\r' => 0.4,
        '\0'..='\u{7f}' => 0.7,
        // Latin beyond ASCII, Greek, Cyrillic: words break into more pieces.
        '\u{80}'..='\u{52f}' => 0.6,
        // Armenian to the scripts of India and South-East Asia: few whole words in any vocabulary.
        '\u{530}'..='\u{1fff}' => 1.0,
        '\u{2000}'..='\u{206f}' => 0.8,
        // Han, Kana, Hangul: about a token a character.
        '\u{3000}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' => 1.2,
        // Emoji and what is rare: a token a byte at worst.
        _ => 3.0,
    }
}

/// Estimate for the whole input of a request, the schema included: providers that enforce one put it in the prompt.
pub fn of_request(request: &ModelRequest) -> u64 {
    let messages: f64 =
        request.messages.iter().map(|message| AROUND_MESSAGE + estimate(&message.text) as f64).sum();
    let schema = request.schema.as_ref().map_or(0, |schema| estimate(&schema.schema.to_string()));
    messages as u64 + schema
}

/// What usage has taught of one model's tokens: counted ÷ estimated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Correction {
    seen: u32,
    usual: f64,
    high: f64,
    output: f64,
}

impl Default for Correction {
    fn default() -> Self {
        Self { seen: 0, usual: 1.0, high: 1.0, output: 1.0 }
    }
}

/// Answers before the correction is believed.
const ENOUGH: u32 = 5;
/// Weight of one answer.
const WEIGHT: f64 = 0.1;
/// No tokenizer is further from the estimate than this; what claims to be is not believed.
const FARTHEST: f64 = 8.0;

impl Correction {
    /// An answer's usage is in.
    pub fn learn(&mut self, estimated: u64, counted: u64, most_output: u32, output: u64) {
        if estimated == 0 || counted == 0 {
            return;
        }
        let ratio = (counted as f64 / estimated as f64).clamp(1.0 / FARTHEST, FARTHEST);
        let share = (output as f64 / f64::from(most_output.max(1))).clamp(0.0, 1.0);
        if self.seen == 0 {
            (self.usual, self.high, self.output) = (ratio, ratio, share);
        } else {
            self.usual += (ratio - self.usual) * WEIGHT;
            // The high mark forgets slowly: it stands for the worst document, not for the usual one.
            self.high = (self.high - (self.high - ratio) * WEIGHT / 10.0).max(ratio);
            // Answers longer than usual are followed at once, shorter ones slowly.
            let step = if share > self.output { 0.5 } else { WEIGHT };
            self.output += (share - self.output) * step;
        }
        self.seen = self.seen.saturating_add(1);
    }

    /// What the input will most likely be counted as.
    pub fn likely_input(&self, estimated: u64) -> u64 {
        (estimated as f64 * self.usual).ceil() as u64
    }

    /// What it will hardly exceed. Below the estimate only when enough answers say so.
    pub fn upper_input(&self, estimated: u64) -> u64 {
        let factor = if self.seen >= ENOUGH { self.high * 1.05 } else { self.high.max(1.0) };
        (estimated as f64 * factor).ceil() as u64
    }

    /// What the provider will most likely count in all, for pacing: a tenth above what it usually is.
    pub fn likely_total(&self, estimated: u64, most_output: u32) -> u64 {
        let output = f64::from(most_output) * self.output;
        ((estimated as f64 * self.usual + output) * 11.0 / 10.0).ceil() as u64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn prose_is_estimated_a_little_high() {
        // 44 characters that common vocabularies make 10 tokens of.
        let english = estimate("The quick brown fox jumps over the lazy dog.");
        assert!((10..=15).contains(&english), "{english}");
        // 12 characters, 9 to 14 tokens.
        let chinese = estimate("敏捷的棕色狐狸跳过懒狗。");
        assert!((12..=16).contains(&chinese), "{chinese}");
        assert_eq!(estimate(""), 0);
    }

    #[test]
    fn usage_corrects_the_estimate() {
        let mut correction = Correction::default();
        assert_eq!((correction.upper_input(100), correction.likely_total(100, 100)), (100, 220));
        for _ in 0..10 {
            correction.learn(100, 80, 100, 20);
        }
        assert_eq!(correction.likely_input(100), 80);
        assert!((84..=85).contains(&correction.upper_input(100)));
        assert_eq!(correction.likely_total(100, 100), 110);
        correction.learn(100, 160, 100, 20);
        assert!((168..=169).contains(&correction.upper_input(100)), "the worst one seen counts");
    }

    proptest! {
        #[test]
        fn never_more_than_a_token_a_byte_and_never_less_for_more(text: String, more: String) {
            prop_assert!(estimate(&text) <= text.len() as u64);
            let longer = [&*text, &*more].concat();
            prop_assert!(estimate(&longer) >= estimate(&text));
        }
    }
}
