//! What a page says about itself: `<meta>`, `<title>`, JSON-LD, headings, links.

use html5ever::{LocalName, local_name};

use crate::block::is_silent;
use crate::date;
use crate::extraction::{Heading, Link, Signals};
use crate::structured::Structured;
use crate::tree::{NodeId, Step, Tree};
use crate::words::collapse;

/// Facts of a page other than its main text.
#[derive(Debug, Default)]
pub(crate) struct Metadata {
    pub title: Option<String>,
    pub author: Option<String>,
    pub published: Option<String>,
    pub language: Option<String>,
    pub description: Option<String>,
    pub canonical: Option<String>,
    pub site_name: Option<String>,
    pub base_href: Option<String>,
    pub headings: Vec<Heading>,
    pub links: Vec<Link>,
    pub signals: Signals,
    pub structured: Structured,
    /// `og:type`, in lower case.
    pub og_type: Option<String>,
    /// `<meta name="generator">`, in lower case.
    pub generator: Option<String>,
}

impl Metadata {
    pub(crate) fn of(tree: &Tree) -> Self {
        let mut reader = Reader { tree, found: Self::default(), raw: Raw::default() };
        reader.run();
        let Reader { mut found, raw, .. } = reader;
        raw.settle(&mut found);
        found
    }
}

/// What several places of a page say about the same thing, until it is settled which to believe.
#[derive(Debug, Default)]
struct Raw {
    title_tag: Option<String>,
    og_title: Option<String>,
    meta_author: Option<String>,
    marked_author: Option<String>,
    meta_published: Option<String>,
    time: Option<String>,
    language_meta: Option<String>,
    og_description: Option<String>,
    og_url: Option<String>,
}

impl Raw {
    fn settle(self, found: &mut Metadata) {
        let structured = &found.structured;
        found.site_name =
            found.site_name.take().or_else(|| structured.publisher.as_deref().and_then(collapse));
        let first_h1 =
            found.headings.iter().find(|heading| heading.level == 1).map(|heading| heading.text.as_str());
        found.title = settle_title(
            &[self.og_title.as_deref(), structured.headline.as_deref(), self.title_tag.as_deref()],
            first_h1,
            found.site_name.as_deref(),
        );
        found.author = self
            .meta_author
            .or_else(|| structured.author.clone())
            .or(self.marked_author)
            .and_then(|author| clean_author(&author));
        let address = found.canonical.as_deref().or(self.og_url.as_deref());
        found.published = structured
            .published
            .as_deref()
            .and_then(date::find)
            .or_else(|| self.meta_published.as_deref().and_then(date::find))
            .or_else(|| self.time.as_deref().and_then(date::find))
            .or_else(|| address.and_then(date_in_address));
        found.language = found
            .language
            .take()
            .or(self.language_meta)
            .or_else(|| structured.language.clone())
            .map(|language| language.trim().replace('_', "-"))
            .filter(|language| is_language(language));
        found.description = found
            .description
            .take()
            .or(self.og_description)
            .or_else(|| structured.description.as_deref().and_then(collapse));
        found.canonical = found.canonical.take().or(self.og_url);
        found.signals.paywalled |= structured.paywalled;
    }
}

struct Reader<'a> {
    tree: &'a Tree,
    found: Metadata,
    raw: Raw,
}

impl Reader<'_> {
    fn run(&mut self) {
        let tree = self.tree;
        let mut walk = tree.walk(Tree::ROOT);
        while let Some(step) = walk.next() {
            let Step::Enter(id) = step else { continue };
            let Some(tag) = tree.tag(id) else { continue };
            self.element(id, tag);
            if *tag != local_name!("head") && is_silent(tree, id) {
                walk.leap(id);
            }
        }
    }

    fn attr(&self, id: NodeId, name: &LocalName) -> Option<&str> {
        self.tree.attr(id, name)
    }

    fn element(&mut self, id: NodeId, tag: &LocalName) {
        let tree = self.tree;
        match *tag {
            local_name!("html") => {
                let lang = tree.attrs(id).iter().find(|a| &*a.name.local == "xml:lang").map(|a| &*a.value);
                self.found.language = tree
                    .attr(id, &local_name!("lang"))
                    .or(lang)
                    .and_then(collapse)
                    .filter(|l| is_language(l));
            }
            local_name!("title") => fill(&mut self.raw.title_tag, &tree.text_of(id)),
            local_name!("meta") => self.meta(id),
            local_name!("link") if has_word(self.attr(id, &local_name!("rel")), "canonical") => {
                if let Some(href) = tree.attr(id, &local_name!("href")) {
                    fill(&mut self.found.canonical, href);
                }
            }
            local_name!("base") => {
                if let Some(href) = tree.attr(id, &local_name!("href")) {
                    fill(&mut self.found.base_href, href);
                }
            }
            local_name!("script") if is_json_ld(tree.attr(id, &local_name!("type"))) => {
                self.found.structured.read(&tree.text_of(id));
            }
            local_name!("a") => self.link(id),
            local_name!("time") => {
                let day =
                    tree.attr(id, &local_name!("datetime")).map_or_else(|| tree.text_of(id), str::to_owned);
                if date::find(&day).is_some() {
                    fill(&mut self.raw.time, &day);
                }
            }
            local_name!("img") => self.found.signals.images += 1,
            local_name!("form") => self.found.signals.forms += 1,
            local_name!("input") => {
                let kind = self.attr(id, &local_name!("type")).unwrap_or_default();
                self.found.signals.password_fields += usize::from(kind.eq_ignore_ascii_case("password"));
            }
            _ => {
                if let Some(level) = heading_level(tag)
                    && let Some(text) = collapse(&tree.text_of(id))
                {
                    self.found.headings.push(Heading { level, text });
                }
            }
        }
        self.marked(id);
    }

    /// Microdata and rel marks on elements of the page's body.
    fn marked(&mut self, id: NodeId) {
        let tree = self.tree;
        let prop = tree.attr(id, &local_name!("itemprop"));
        if has_word(prop, "datePublished") {
            let day =
                tree.attr(id, &local_name!("datetime")).or_else(|| tree.attr(id, &local_name!("content")));
            fill(&mut self.raw.meta_published, &day.map_or_else(|| tree.text_of(id), str::to_owned));
        }
        let names_author = has_word(prop, "author") || has_word(tree.attr(id, &local_name!("rel")), "author");
        if names_author && self.raw.marked_author.is_none() && tree.tag(id) != Some(&local_name!("link")) {
            let text = tree.attr(id, &local_name!("content")).map_or_else(|| tree.text_of(id), str::to_owned);
            fill(&mut self.raw.marked_author, &text);
        }
    }

    fn meta(&mut self, id: NodeId) {
        let tree = self.tree;
        let Some(content) = tree.attr(id, &local_name!("content")) else { return };
        let name = tree
            .attr(id, &local_name!("property"))
            .or_else(|| tree.attr(id, &local_name!("name")))
            .or_else(|| tree.attr(id, &local_name!("http-equiv")));
        let Some(name) = name else { return };
        let (found, raw) = (&mut self.found, &mut self.raw);
        match name.to_ascii_lowercase().as_str() {
            "og:title" | "twitter:title" | "dc.title" | "citation_title" => fill(&mut raw.og_title, content),
            "author" | "article:author" | "dc.creator" | "citation_author" | "parsely-author"
            | "sailthru.author" => {
                fill_author(&mut raw.meta_author, content);
            }
            "article:published_time"
            | "datepublished"
            | "date"
            | "dc.date"
            | "dc.date.issued"
            | "pubdate"
            | "publishdate"
            | "publish-date"
            | "sailthru.date"
            | "parsely-pub-date"
            | "citation_publication_date"
            | "article.published"
            | "published_time"
            | "og:published_time"
            | "dcterms.created"
                if date::find(content).is_some() =>
            {
                fill(&mut raw.meta_published, content);
            }
            "content-language" | "language" | "dc.language" | "og:locale" => {
                fill(&mut raw.language_meta, content);
            }
            "description" => fill(&mut found.description, content),
            "og:description" | "twitter:description" => fill(&mut raw.og_description, content),
            "og:url" => fill(&mut raw.og_url, content),
            "og:site_name" | "application-name" => fill(&mut found.site_name, content),
            "og:type" => fill(&mut found.og_type, &content.to_ascii_lowercase()),
            "generator" => fill(&mut found.generator, &content.to_ascii_lowercase()),
            "robots" | "googlebot" => {
                let content = content.to_ascii_lowercase();
                let none = has_word(Some(&content.replace(',', " ")), "none");
                found.signals.noindex |= none || content.contains("noindex");
                found.signals.nofollow |= none || content.contains("nofollow");
            }
            "article:content_tier" => {
                found.signals.paywalled |= matches!(content.trim(), "locked" | "metered");
            }
            _ => {}
        }
    }

    fn link(&mut self, id: NodeId) {
        let Some(href) = self.attr(id, &local_name!("href")).map(str::trim).filter(|href| !href.is_empty())
        else {
            return;
        };
        let text = collapse(&self.tree.text_of(id)).unwrap_or_default();
        let rel_nofollow = has_word(self.attr(id, &local_name!("rel")), "nofollow");
        let link = Link { href: href.to_owned(), text, rel_nofollow };
        self.found.links.push(link);
    }
}

fn is_json_ld(kind: Option<&str>) -> bool {
    kind.is_some_and(|kind| kind.trim().to_ascii_lowercase().starts_with("application/ld+json"))
}

/// Whether a list of words set apart by spaces has `word`.
fn has_word(list: Option<&str>, word: &str) -> bool {
    list.is_some_and(|list| list.split_ascii_whitespace().any(|item| item.eq_ignore_ascii_case(word)))
}

fn fill(slot: &mut Option<String>, text: &str) {
    if slot.is_none() {
        *slot = collapse(text);
    }
}

fn fill_author(slot: &mut Option<String>, text: &str) {
    if !text.contains("://") {
        fill(slot, text);
    }
}

/// 1 to 6 for `<h1>` to `<h6>`.
pub(crate) fn heading_level(tag: &LocalName) -> Option<u8> {
    match *tag {
        local_name!("h1") => Some(1),
        local_name!("h2") => Some(2),
        local_name!("h3") => Some(3),
        local_name!("h4") => Some(4),
        local_name!("h5") => Some(5),
        local_name!("h6") => Some(6),
        _ => None,
    }
}

/// Shape of a language tag, as `en` or `zh-Hant-TW`.
fn is_language(tag: &str) -> bool {
    let mut parts = tag.split(['-', '_']);
    parts.next().is_some_and(|p| (2..=3).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphabetic()))
        && parts.all(|p| (1..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric()))
}

fn clean_author(author: &str) -> Option<String> {
    // Longer is no name but a box about somebody.
    const LONGEST: usize = 120;
    let author = collapse(author)?;
    let author = author.strip_prefix("By ").or_else(|| author.strip_prefix("by ")).unwrap_or(&author).trim();
    (!author.is_empty() && author.len() <= LONGEST).then(|| author.to_owned())
}

/// Marks that sites put between a page's title and their own name.
const JOINTS: [&str; 9] = [" | ", " - ", " – ", " — ", " :: ", " » ", " · ", " • ", " › "];

fn settle_title(said: &[Option<&str>], heading: Option<&str>, site: Option<&str>) -> Option<String> {
    let said = said.iter().flatten().find_map(|text| collapse(text));
    let Some(said) = said else { return heading.map(str::to_owned) };
    // A heading that the title repeats is the title without what the site adds to it.
    if let Some(heading) = heading
        && heading.len() >= 8
        && said.len() > heading.len()
        && said.to_lowercase().contains(&heading.to_lowercase())
    {
        return Some(heading.to_owned());
    }
    if let Some(site) = site.map(str::to_lowercase) {
        for joint in JOINTS {
            if let Some((front, back)) = said.rsplit_once(joint)
                && back.to_lowercase() == site
            {
                return collapse(front);
            }
            if let Some((front, back)) = said.split_once(joint)
                && front.to_lowercase() == site
            {
                return collapse(back);
            }
        }
        return Some(said);
    }
    // With no name to look for, a short tail behind the last joint is taken for the site's.
    for joint in &JOINTS[..4] {
        if let Some((front, back)) = said.rsplit_once(joint)
            && front.split_whitespace().count() >= 3
            && back.split_whitespace().count() <= 4
            && *joint != " - "
        {
            return collapse(front);
        }
    }
    Some(said)
}

/// A day in the path of an address, as in `/2024/05/06/`.
fn date_in_address(address: &str) -> Option<String> {
    let mut parts = address.split('/').skip(3);
    while let Some(part) = parts.next() {
        if part.len() == 4 && part.bytes().all(|b| b.is_ascii_digit()) {
            let (month, day) = (parts.next()?, parts.next()?);
            return (month.len() == 2 && day.len() == 2)
                .then(|| date::find(&format!("{part}-{month}-{day}")))?;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(html: &str) -> Metadata {
        Metadata::of(&Tree::parse(html, 512).unwrap())
    }

    #[test]
    fn head_of_an_article() {
        let found = read(
            r#"<html lang="pt_BR"><head><title>Long news of today | The Site</title><base href="/b/">
            <meta property="og:site_name" content="The Site"><meta name=author content="By A. Writer">
            <meta property="article:published_time" content="2024-05-06T01:02:03Z">
            <meta name=robots content="NOINDEX, nofollow"><link rel="canonical" href="https://x.test/a">"#,
        );
        assert_eq!(found.title.as_deref(), Some("Long news of today"));
        assert_eq!(found.author.as_deref(), Some("A. Writer"));
        assert_eq!(found.published.as_deref(), Some("2024-05-06"));
        assert_eq!(found.language.as_deref(), Some("pt-BR"));
        assert_eq!(found.canonical.as_deref(), Some("https://x.test/a"));
        assert_eq!(found.base_href.as_deref(), Some("/b/"));
        assert!(found.signals.noindex && found.signals.nofollow);
    }

    #[test]
    fn headings_and_links_in_order() {
        let found = read(
            "<h1>A <b>b</b></h1><a href=' x '>one\n two</a><h3>C</h3><a rel='me nofollow' href=y></a><a>none</a>",
        );
        let headings: Vec<_> = found.headings.iter().map(|h| (h.level, h.text.as_str())).collect();
        assert_eq!(headings, [(1, "A b"), (3, "C")]);
        let links: Vec<_> =
            found.links.iter().map(|l| (l.href.as_str(), l.text.as_str(), l.rel_nofollow)).collect();
        assert_eq!(links, [("x", "one two", false), ("y", "", true)]);
    }

    #[test]
    fn a_day_in_the_address_is_the_last_resort() {
        let found = read("<link rel=canonical href='https://x.test/2023/04/05/name'>");
        assert_eq!(found.published.as_deref(), Some("2023-04-05"));
        assert_eq!(read("<link rel=canonical href='https://x.test/2023/name/a'>").published, None);
    }
}
