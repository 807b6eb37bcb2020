//! What authors of pages call the parts of a page in `class`, `id` and `role`.
//!
//! These names are English on pages of every language, and they come from templates that thousands of sites share.

use std::sync::LazyLock;

/// Number of [`GROUPS`].
pub(crate) const COUNT: usize = 26;

/// Words that mean the same part. A word matches whole tokens of a name and, from five letters on, the start of one:
/// `comment` matches `comments-area` and `commentList`.
const GROUPS: [(&str, &[&str]); COUNT] = [
    ("nav", &["nav", "navs", "menu", "navbar", "navigation", "breadcrumb", "megamenu", "sitemap"]),
    ("footer", &["footer", "foot", "bottom", "copyright", "legal", "colophon", "disclaimer"]),
    ("header", &["header", "masthead", "topbar", "head", "top"]),
    ("sidebar", &["sidebar", "side", "aside", "rail", "widget", "secondary"]),
    ("comment", &["comment", "respond", "disqus", "commenter", "cmt"]),
    (
        "related",
        &[
            "related",
            "recommend",
            "similar",
            "also",
            "more",
            "suggest",
            "popular",
            "trending",
            "latest",
            "upsell",
            "crosssell",
            "recirc",
            "readmore",
            "recent",
            "next",
            "previous",
            "prev",
        ],
    ),
    ("share", &["share", "sharing", "social", "follow", "facebook", "twitter", "addtoany", "sharedaddy"]),
    (
        "advert",
        &[
            "ad",
            "ads",
            "advert",
            "sponsor",
            "promo",
            "promotion",
            "dfp",
            "taboola",
            "outbrain",
            "affiliate",
            "adsense",
        ],
    ),
    (
        "overlay",
        &[
            "cookie",
            "consent",
            "gdpr",
            "popup",
            "modal",
            "overlay",
            "dialog",
            "notice",
            "alert",
            "toast",
            "lightbox",
            "banner",
            "announcement",
            "drawer",
            "tooltip",
            "dropdown",
            "flyout",
        ],
    ),
    (
        "meta",
        &[
            "meta",
            "byline",
            "author",
            "date",
            "time",
            "timestamp",
            "posted",
            "published",
            "tag",
            "tags",
            "category",
            "categories",
            "info",
            "dateline",
            "bio",
        ],
    ),
    (
        "media",
        &[
            "caption",
            "figcaption",
            "credit",
            "photo",
            "gallery",
            "image",
            "media",
            "carousel",
            "slider",
            "video",
            "swiper",
        ],
    ),
    (
        "content",
        &[
            "content",
            "article",
            "post",
            "entry",
            "body",
            "story",
            "text",
            "main",
            "prose",
            "markdown",
            "richtext",
            "rte",
            "wysiwyg",
            "copy",
            "paragraph",
            "blog",
            "articlebody",
        ],
    ),
    (
        "detail",
        &[
            "description",
            "desc",
            "summary",
            "detail",
            "details",
            "spec",
            "specs",
            "specification",
            "overview",
            "about",
            "feature",
            "features",
            "attribute",
            "additional",
        ],
    ),
    ("product", &["product", "sku", "variant", "pdp", "item", "brand", "vendor", "goods"]),
    (
        "price",
        &[
            "price", "sale", "discount", "amount", "cost", "currency", "cart", "basket", "checkout",
            "wishlist", "buy", "qty", "quantity", "stock", "shipping", "delivery", "purchase", "payment",
            "swatch", "size", "option",
        ],
    ),
    (
        "thread",
        &[
            "message",
            "thread",
            "topic",
            "answer",
            "question",
            "reply",
            "replies",
            "discussion",
            "forum",
            "postbody",
            "conversation",
            "bbwrapper",
            "cooked",
            "usertext",
        ],
    ),
    (
        "card",
        &[
            "card",
            "tile",
            "grid",
            "list",
            "listing",
            "result",
            "results",
            "collection",
            "teaser",
            "archive",
            "loop",
            "row",
        ],
    ),
    (
        "subscribe",
        &[
            "subscribe",
            "newsletter",
            "signup",
            "signin",
            "login",
            "register",
            "account",
            "email",
            "cta",
            "form",
            "download",
            "button",
            "btn",
            "subscription",
            "contact",
        ],
    ),
    (
        "filter",
        &[
            "filter",
            "facet",
            "sort",
            "search",
            "pagination",
            "pager",
            "paging",
            "toolbar",
            "refine",
            "loadmore",
            "page",
            "pages",
            "actions",
            "action",
            "controls",
            "control",
            "tools",
        ],
    ),
    (
        "hidden",
        &[
            "hidden",
            "hide",
            "sr",
            "visually",
            "screenreader",
            "collapse",
            "collapsed",
            "invisible",
            "noprint",
            "skip",
        ],
    ),
    ("title", &["title", "headline", "heading", "name", "h1", "h2"]),
    (
        "lead",
        &[
            "lead",
            "intro",
            "excerpt",
            "dek",
            "subtitle",
            "standfirst",
            "abstract",
            "tagline",
            "hero",
            "blurb",
        ],
    ),
    (
        "review",
        &["review", "reviews", "rating", "ratings", "star", "stars", "testimonial", "feedback", "quote"],
    ),
    (
        "profile",
        &[
            "user",
            "avatar",
            "profile",
            "signature",
            "member",
            "badge",
            "stats",
            "stat",
            "count",
            "votes",
            "vote",
            "reaction",
            "like",
            "likes",
            "views",
            "score",
            "reputation",
            "rank",
        ],
    ),
    (
        "panel",
        &["faq", "accordion", "tab", "tabs", "panel", "toggle", "section", "block", "module", "component"],
    ),
    ("toc", &["toc", "contents", "tableofcontents", "outline", "index", "headerlink", "edit", "editsection"]),
];

/// Names of the groups, in the order of the bits that [`groups_of`] sets.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    GROUPS.iter().map(|(name, _)| *name)
}

/// Adds the groups that a `class`, `id` or `role` names, a bit each.
pub(crate) fn groups_of(value: &str) -> u32 {
    // Sites that generate their style sheets put hundreds of names on an element; the telling ones come first.
    const MOST_BYTES: usize = 300;
    let mut mask = 0;
    let mut token = String::new();
    let mut last_lower = false;
    for c in value.chars().take(MOST_BYTES) {
        let boundary = !c.is_ascii_alphanumeric() || (c.is_ascii_uppercase() && last_lower);
        if boundary {
            mask |= groups_of_token(&token);
            token.clear();
        }
        if c.is_ascii_alphanumeric() {
            token.push(c.to_ascii_lowercase());
        }
        last_lower = c.is_ascii_lowercase();
    }
    mask | groups_of_token(&token)
}

fn groups_of_token(token: &str) -> u32 {
    if token.len() < 2 {
        return 0;
    }
    let first = token.bytes().next().map_or(0, usize::from);
    let mut mask = 0;
    for (word, bit) in BY_FIRST.get(first).into_iter().flatten() {
        if token.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest == "s" || word.len() >= 5) {
            mask |= bit;
        }
    }
    mask
}

/// The words of all groups with their groups' bits, by first byte.
static BY_FIRST: LazyLock<Vec<Vec<(&str, u32)>>> = LazyLock::new(|| {
    let mut table = vec![Vec::new(); 128];
    for (bit, (_, words)) in GROUPS.iter().enumerate() {
        for word in *words {
            if let Some(entry) = word.bytes().next().and_then(|byte| table.get_mut(usize::from(byte))) {
                entry.push((*word, 1 << bit));
            }
        }
    }
    table
});

#[cfg(test)]
mod tests {
    use super::*;

    fn group_names(value: &str) -> Vec<&'static str> {
        let mask = groups_of(value);
        names().enumerate().filter(|(bit, _)| mask >> bit & 1 == 1).map(|(_, name)| name).collect()
    }

    #[test]
    fn names_are_cut_at_marks_and_capitals() {
        assert_eq!(group_names("main-nav"), ["nav", "content"]);
        assert_eq!(group_names("commentList"), ["comment", "card"]);
        assert_eq!(group_names("page_footer"), ["footer", "filter"]);
    }

    #[test]
    fn short_words_match_whole_tokens_only() {
        assert!(group_names("shadow adapter navy").is_empty());
        assert_eq!(group_names("ads"), ["advert"]);
    }
}
