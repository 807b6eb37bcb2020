//! The page as a whole: how much of it is what, where it is from, and what it says of itself.

use super::mark::MARKS;
use super::{Page, Put, flag, log, share};
use crate::keyword;
use crate::tree::NodeId;

impl Page<'_> {
    /// Measures of the page as a whole.
    pub(crate) fn measure_page(&self, put: Put<'_>) {
        let all = self.sums.last().copied().unwrap_or_default();
        let count = self.blocks.list.len() as f64;
        let structured = &self.metadata.structured;
        put("page_words", log(all.words));
        put("page_blocks", log(count));
        put("page_link_density", share(all.link_words, all.words));
        put("page_links", log(all.links));
        put("page_stops", share(all.stops, all.words));
        put("page_headings", log(all.headings));
        put("page_prose", log(all.long));
        put("page_money", share(all.money, count));
        put("page_best_share", share(self.sums_in(self.best).words, all.words));
        put("page_best_links", share(self.sums_in(self.best).link_words, self.sums_in(self.best).words));
        put("page_best_score", log(self.scores.get(self.best as usize).copied().unwrap_or(0.0)));
        for bit in 0..crate::structured::TYPES.len() {
            put("page_type", flag(structured.types >> bit & 1 == 1));
        }
        let og = self.metadata.og_type.as_deref().unwrap_or_default();
        put("page_og_article", flag(og == "article"));
        put("page_og_website", flag(og == "website"));
        put("page_og_product", flag(og.contains("product")));
        put("page_forms", log(self.metadata.signals.forms as f64));
        put("page_images", log(self.metadata.signals.images as f64));
        put("page_dated", flag(self.metadata.published.is_some()));
        put("page_authored", flag(self.metadata.author.is_some()));
        put("page_body", log(self.body.len() as f64));
        let share_of = |mask: &Vec<u32>, bit: usize| {
            let mut covered = vec![false; self.blocks.list.len()];
            for (id, bits) in mask.iter().enumerate() {
                if bits >> bit & 1 == 1 {
                    let (from, to) = self.blocks.span_of(id as NodeId);
                    if let Some(range) = covered.get_mut(from..to) {
                        range.fill(true);
                    }
                }
            }
            let inside: usize =
                covered.iter().zip(&self.blocks.list).filter(|(c, _)| **c).map(|(_, b)| b.words.len()).sum();
            share(inside as f64, all.words)
        };
        for group in ["product", "price", "thread", "card", "review", "filter", "toc", "comment"] {
            let bit = keyword::names().position(|name| name == group).unwrap_or(0);
            put("page_share_of_group", share_of(&self.groups, bit));
        }
        for name in ["article", "main", "pre", "table", "p"] {
            let bit = MARKS.iter().position(|mark| *mark == name).unwrap_or(0);
            put("page_share_of_mark", share_of(&self.marks, bit));
        }
        let address = self.metadata.canonical.as_deref().unwrap_or_default();
        let path = address.splitn(4, '/').nth(3).unwrap_or_default();
        put("page_path_depth", path.split('/').filter(|part| !part.is_empty()).count() as f64);
        put("page_path_dashes", path.matches('-').count() as f64);
        put("page_path_digits", flag(path.chars().any(|c| c.is_ascii_digit())));
        for hints in ADDRESS_HINTS {
            put("page_path_hint", flag(hints.iter().any(|hint| address.contains(hint))));
        }
        let generator = self.metadata.generator.as_deref().unwrap_or_default();
        for hints in GENERATOR_HINTS {
            put("page_generator", flag(hints.iter().any(|hint| generator.contains(hint))));
        }
    }
}

/// Parts of addresses that sites use for pages of one kind.
const ADDRESS_HINTS: [&[&str]; 6] = [
    &["/product", "/p/", "/dp/", "/item", "/shop/"],
    &["/collection", "/category", "/categories", "/c/", "/shop", "/store"],
    &["/docs", "docs.", "/doc/", "/documentation", "/manual", "/reference", "/guide", "/api/", "/wiki"],
    &[
        "/forum",
        "/thread",
        "/topic",
        "/questions/",
        "forum.",
        "/discussion",
        "/t/",
        "community.",
        "/viewtopic",
    ],
    &["/blog", "/news", "/article", "/20", "/post"],
    &["/service", "/solutions", "/about", "/program", "/insurance"],
];

const GENERATOR_HINTS: [&[&str]; 3] = [
    &["docusaurus", "sphinx", "mkdocs", "gitbook", "hugo", "vitepress", "doxygen", "jekyll"],
    &["discourse", "xenforo", "phpbb", "vbulletin", "vanilla", "flarum", "mybb", "invision"],
    &["woocommerce", "shopify", "magento", "prestashop"],
];
