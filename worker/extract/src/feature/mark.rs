//! Marks of an element by its tag, role and state.

use html5ever::{LocalName, local_name};

use crate::metadata::heading_level;

/// The marks, a bit each.
pub(super) const MARKS: [&str; 26] = [
    "main",
    "article",
    "section",
    "nav",
    "header",
    "footer",
    "aside",
    "form",
    "table",
    "list",
    "li",
    "dl",
    "figure",
    "dialog",
    "details",
    "pre",
    "blockquote",
    "button",
    "label",
    "a",
    "hidden",
    "heading",
    "p",
    "prop_body",
    "prop_text",
    "cell",
];

pub(super) fn mark(name: &str) -> u32 {
    MARKS.iter().position(|known| *known == name).map_or(0, |bit| 1 << bit)
}

pub(super) fn marks_of_tag(tag: &LocalName) -> u32 {
    mark(match *tag {
        local_name!("main") => "main",
        local_name!("article") => "article",
        local_name!("section") => "section",
        local_name!("nav") => "nav",
        local_name!("header") => "header",
        local_name!("footer") => "footer",
        local_name!("aside") => "aside",
        local_name!("form") => "form",
        local_name!("table") => "table",
        local_name!("ul") | local_name!("ol") | local_name!("menu") => "list",
        local_name!("li") => "li",
        local_name!("dl") => "dl",
        local_name!("figure") | local_name!("figcaption") | local_name!("caption") => "figure",
        local_name!("dialog") => "dialog",
        local_name!("details") => "details",
        local_name!("pre") | local_name!("code") => "pre",
        local_name!("blockquote") => "blockquote",
        local_name!("button") => "button",
        local_name!("label") => "label",
        local_name!("a") => "a",
        local_name!("p") => "p",
        local_name!("td") | local_name!("th") => "cell",
        _ if heading_level(tag).is_some() => "heading",
        _ => "",
    })
}

pub(super) fn marks_of_role(role: &str) -> u32 {
    mark(match role.trim() {
        "main" => "main",
        "article" => "article",
        "navigation" | "menu" | "menubar" | "tablist" => "nav",
        "banner" => "header",
        "contentinfo" => "footer",
        "complementary" => "aside",
        "dialog" | "alertdialog" => "dialog",
        "button" => "button",
        "search" | "form" => "form",
        "list" => "list",
        "listitem" => "li",
        "heading" => "heading",
        _ => "",
    })
}

pub(super) fn marks_of_property(property: &str) -> u32 {
    mark(match property.trim() {
        "articleBody" => "prop_body",
        "text" | "description" | "reviewBody" => "prop_text",
        _ => "",
    })
}

pub(super) fn is_hidden(style: &str) -> bool {
    style.split(';').filter_map(|rule| rule.split_once(':')).any(|(name, value)| {
        (name.trim().eq_ignore_ascii_case("display") && value.trim().eq_ignore_ascii_case("none"))
            || (name.trim().eq_ignore_ascii_case("visibility") && value.trim().eq_ignore_ascii_case("hidden"))
    })
}
