//! What a page says of itself for machines in JSON-LD.

use serde_json::Value;

/// Types that tell the kind of a page, a bit each in [`Structured::types`].
pub(crate) const TYPES: [(&str, &[&str]); 8] = [
    (
        "article",
        &["Article", "NewsArticle", "BlogPosting", "ReportageNewsArticle", "ScholarlyArticle", "Report"],
    ),
    ("product", &["Product", "ProductGroup", "IndividualProduct", "ProductModel"]),
    (
        "list",
        &["ItemList", "CollectionPage", "OfferCatalog", "SearchResultsPage", "Blog", "ProductCollection"],
    ),
    ("forum", &["DiscussionForumPosting", "QAPage", "SocialMediaPosting", "Question", "Answer", "Comment"]),
    ("faq", &["FAQPage"]),
    ("docs", &["TechArticle", "APIReference", "HowTo", "SoftwareSourceCode"]),
    (
        "service",
        &["Service", "LocalBusiness", "ProfessionalService", "Course", "Dentist", "Attorney", "LegalService"],
    ),
    ("recipe", &["Recipe", "Event", "JobPosting", "VideoObject", "Movie", "Book"]),
];

/// Facts from all JSON-LD of a page; of each the first found.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Structured {
    pub types: u32,
    pub headline: Option<String>,
    pub author: Option<String>,
    pub published: Option<String>,
    pub description: Option<String>,
    pub language: Option<String>,
    pub publisher: Option<String>,
    /// The text of an article, where the page gives it.
    pub body: Option<String>,
    /// Name of a product.
    pub product: Option<String>,
    pub product_description: Option<String>,
    pub paywalled: bool,
}

impl Structured {
    /// Reads one script's content. What is no JSON is passed over.
    pub(crate) fn read(&mut self, json: &str) {
        let json = json.trim().trim_start_matches("<![CDATA[").trim_end_matches("]]>");
        if let Ok(value) = serde_json::from_str::<Value>(json) {
            self.visit(&value, 0, true);
        }
    }

    fn visit(&mut self, value: &Value, depth: usize, top: bool) {
        // Deep enough for every vocabulary in use.
        const DEPTH: usize = 8;
        if depth > DEPTH {
            return;
        }
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.visit(item, depth + 1, top)),
            Value::Object(map) => {
                let types = value.get("@type").map_or(0, types_of);
                if top {
                    self.types |= types;
                    self.take(value, types);
                }
                for (key, child) in map {
                    // What is nested below a graph or a page's main entity speaks for the page, all else for itself.
                    let counts = top && matches!(key.as_str(), "@graph" | "mainEntity" | "mainEntityOfPage");
                    if counts || key == "hasPart" {
                        self.visit(child, depth + 1, counts);
                    }
                }
                if truthless(value.get("isAccessibleForFree")) {
                    self.paywalled = true;
                }
            }
            _ => {}
        }
    }

    fn take(&mut self, value: &Value, types: u32) {
        let text = |key: &str| value.get(key).and_then(text_of);
        let is_work = types & 0b0010_1001 != 0;
        let is_product = types & 0b10 != 0;
        if is_work {
            fill(&mut self.headline, text("headline"));
            fill(&mut self.author, value.get("author").and_then(names_of));
            fill(&mut self.body, text("articleBody").or_else(|| text("text")));
            fill(&mut self.publisher, value.get("publisher").and_then(names_of));
        }
        if is_product {
            fill(&mut self.product, text("name"));
            fill(&mut self.product_description, text("description"));
        }
        if value.get("@type").is_some_and(|t| is_type(t, "WebSite")) {
            fill(&mut self.publisher, text("name"));
        } else {
            fill(&mut self.published, text("datePublished").or_else(|| text("dateCreated")));
            fill(&mut self.description, text("description"));
        }
        fill(&mut self.language, text("inLanguage"));
    }
}

fn fill(slot: &mut Option<String>, value: Option<String>) {
    if slot.is_none() {
        *slot = value.filter(|text| !text.trim().is_empty());
    }
}

fn truthless(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Bool(free)) => !free,
        Some(Value::String(free)) => free.eq_ignore_ascii_case("false"),
        _ => false,
    }
}

fn is_type(value: &Value, name: &str) -> bool {
    match value {
        Value::String(text) => text.rsplit(['/', ':']).next() == Some(name),
        Value::Array(items) => items.iter().any(|item| item.as_str() == Some(name)),
        _ => false,
    }
}

fn types_of(value: &Value) -> u32 {
    let mut mask = 0;
    for (bit, (_, names)) in TYPES.iter().enumerate() {
        if names.iter().any(|name| is_type(value, name)) {
            mask |= 1 << bit;
        }
    }
    mask
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => items.first().and_then(Value::as_str).map(str::to_owned),
        Value::Object(_) => {
            value.get("@value").or_else(|| value.get("name")).and_then(Value::as_str).map(str::to_owned)
        }
        _ => None,
    }
}

/// Names of people or organisations, joined by commas.
fn names_of(value: &Value) -> Option<String> {
    let mut names: Vec<String> = Vec::new();
    let items = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
    for name in items.iter().filter_map(text_of) {
        let name = name.trim().to_owned();
        if !name.is_empty() && !name.contains("://") && !names.contains(&name) {
            names.push(name);
        }
    }
    (!names.is_empty()).then(|| names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Structured {
        let mut facts = Structured::default();
        facts.read(json);
        facts
    }

    #[test]
    fn an_article_in_a_graph() {
        let facts = read(
            r#"{"@context":"https://schema.org","@graph":[{"@type":"WebSite","name":"Site"},
            {"@type":["NewsArticle"],"headline":"H","author":[{"name":"A"},{"name":"B"}],
            "datePublished":"2024-05-06T07:08:09Z","isAccessibleForFree":"False"}]}"#,
        );
        assert_eq!(facts.headline.as_deref(), Some("H"));
        assert_eq!(facts.author.as_deref(), Some("A, B"));
        assert_eq!(facts.publisher.as_deref(), Some("Site"));
        assert!(facts.paywalled);
        assert_eq!(facts.types, 1);
    }

    #[test]
    fn broken_or_deep_json_is_passed_over() {
        assert_eq!(read("{"), Structured::default());
        assert_eq!(read(&"[".repeat(100_000)), Structured::default());
    }
}
