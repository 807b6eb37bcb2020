//! What a block says, by its characters and words.

use super::shingle::{covered, covered_words};
use super::{Page, Put, flag, share};
use crate::block::Block;
use crate::words;

impl Page<'_> {
    pub(super) fn measure_text(&self, block: &Block, put: Put<'_>) {
        let makeup = &block.makeup;
        let (words, chars) = (block.words.len() as f64, f64::from(makeup.chars));
        put("words", words.min(400.0));
        put("word_length", share(chars, words).min(30.0));
        put("linked", share(f64::from(block.link_words), words));
        put("links", f64::from(block.links));
        put("strong", share(f64::from(block.strong_words), words));
        put("stops", f64::from(makeup.stops));
        put("stop_density", share(f64::from(makeup.stops), words));
        put("comma_density", share(f64::from(makeup.commas), words));
        put("digits", share(f64::from(makeup.digits), chars));
        put("upper", share(f64::from(makeup.upper), f64::from(makeup.letters)));
        put("letters", share(f64::from(makeup.letters), chars));
        put("money", f64::from(makeup.money));
        put("joints", f64::from(makeup.joints));
        put("copyright", f64::from(makeup.copyright));
        put("ends_stopped", flag(makeup.ends_stopped));
        put("ends_colon", flag(makeup.ends_colon));
        put("ends_ellipsis", flag(makeup.ends_ellipsis));
        put("lines", block.text.lines().count() as f64);
        put("heading", f64::from(self.heading_of(block)));
        put("dated", flag(crate::date::find(&block.text).is_some() && words < 12.0));
        put("repeated", f64::from(self.texts.get(&words::shingle(&block.words)).copied().unwrap_or(0)));
        put("in_title", covered_words(&block.words, &self.title));
        put("is_title", flag(!self.title.is_empty() && block.words == self.title));
        put("in_body", covered(&block.words, &self.body));
        put("in_description", covered(&block.words, &self.description));
    }
}
