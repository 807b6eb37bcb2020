//! What is known of a page after it was read.

/// How hard to look for the main text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Effort {
    /// One parse and the block model.
    Fast,
    /// As `Fast`, and a second opinion where the block model is unsure.
    #[default]
    Auto,
    /// Every opinion for every page.
    Best,
}

/// Main text of a page, how far to trust it, and what the page says about itself.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Extraction {
    /// Main text. Lines are blocks of the page in its own order; paragraphs are set apart by an empty line.
    pub text: String,
    /// Expected F1 of `text` against what a reader would call the main text, 0 to 1.
    pub confidence: f64,
    /// How `text` was found.
    pub method: Method,
    /// What sort of page it is.
    pub page_kind: PageKind,
    /// Title of the page without the name of the site.
    pub title: Option<String>,
    /// Whoever wrote it, as the page names them.
    pub author: Option<String>,
    /// Day of publication, `YYYY-MM-DD`.
    pub published: Option<String>,
    /// Language as the page declares it, such as `en` or `pt-BR`. Not checked against the text.
    pub language: Option<String>,
    /// The page's summary of itself.
    pub description: Option<String>,
    /// The page's own address, as written.
    pub canonical: Option<String>,
    /// Name of the site.
    pub site_name: Option<String>,
    /// `href` of `<base>`, as written: what relative links are relative to.
    pub base_href: Option<String>,
    /// Every heading of the page, in order.
    pub headings: Vec<Heading>,
    /// Every link of the page, in order.
    pub links: Vec<Link>,
    /// Marks and counts that cost nothing to take along.
    pub signals: Signals,
}

/// A heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// 1 to 6.
    pub level: u8,
    /// Its text, white space collapsed.
    pub text: String,
}

/// A link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// As written: relative links are relative to [`Extraction::base_href`] or the page's address.
    pub href: String,
    /// Its text, white space collapsed.
    pub text: String,
    /// Whether the page asks that it not be followed (`rel="nofollow"`).
    pub rel_nofollow: bool,
}

/// What sort of page it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum PageKind {
    /// News, a post, an essay, an entry of an encyclopaedia.
    Article,
    /// A shop's or a library's page of many items.
    Collection,
    /// Reference, manual or tutorial of something technical.
    Documentation,
    /// A thread of posts, or questions and their answers.
    Forum,
    /// A page of links to other pages with a few words on each.
    Listing,
    /// One thing on sale.
    Product,
    /// What somebody offers: a company's or an institution's page.
    Service,
    /// None of these, or nothing to tell it by.
    #[default]
    Other,
}

impl PageKind {
    /// All kinds.
    pub const ALL: [Self; 8] = [
        Self::Article,
        Self::Collection,
        Self::Documentation,
        Self::Forum,
        Self::Listing,
        Self::Product,
        Self::Service,
        Self::Other,
    ];

    /// The kind's name in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Article => "article",
            Self::Collection => "collection",
            Self::Documentation => "documentation",
            Self::Forum => "forum",
            Self::Listing => "listing",
            Self::Product => "product",
            Self::Service => "service",
            Self::Other => "other",
        }
    }
}

/// How the text was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Method {
    /// The page has no text.
    #[default]
    Empty,
    /// The block model alone.
    Blocks,
    /// The block model with a second opinion.
    Stacked,
    /// Tags were stripped: the page is nested too deep, or is otherwise built in a way that no tree can be made of it.
    Flat,
}

impl Method {
    /// The method's name in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Blocks => "blocks",
            Self::Stacked => "stacked",
            Self::Flat => "flat",
        }
    }
}

/// Marks and counts that rules may want.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Signals {
    /// A `<meta name="robots">` asks not to be indexed.
    pub noindex: bool,
    /// A `<meta name="robots">` asks that no link be followed.
    pub nofollow: bool,
    /// The page's structured data says that the text is not free to read.
    pub paywalled: bool,
    /// Words of `text`: runs of letters and digits; of scripts without spaces each character.
    pub words: usize,
    /// Words of the whole page, main text and all else.
    pub page_words: usize,
    /// Share of the page's words that are link text, 0 to 1.
    pub link_density: f64,
    /// Share of the main text's words that are link text, 0 to 1.
    pub text_link_density: f64,
    /// Elements open at once, at most.
    pub depth: usize,
    /// `<form>` elements.
    pub forms: usize,
    /// `<input type=password>` elements.
    pub password_fields: usize,
    /// `<img>` elements.
    pub images: usize,
}
