//! Which of the enumerated documents are wanted.

use std::path::Path;

use globset::{Glob, GlobSet, GlobSetBuilder};
use url::Url;

/// `--include` and `--exclude` globs. They choose among what a folder, a sitemap or a crawl names; what the person
/// named by hand is always taken.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    include: Option<GlobSet>,
    exclude: GlobSet,
}

/// A glob that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error(
    "the pattern {pattern:?} of --include or --exclude cannot be read: {reason}; a literal *, ?, [ or {{ is written \\*, \\?, \\[ or \\{{"
)]
pub struct FilterError {
    pattern: String,
    reason: String,
}

impl Filter {
    /// A filter that takes what matches any of `include` (everything when empty) and none of `exclude`.
    ///
    /// `*` stays within a path segment, `**` crosses them; a pattern without a slash is matched against the last
    /// segment too, so that `*.pdf` means every PDF.
    pub fn new(include: &[String], exclude: &[String]) -> Result<Self, FilterError> {
        let include = if include.is_empty() { None } else { Some(set(include)?) };
        Ok(Self { include, exclude: set(exclude)? })
    }

    /// Whether a file below a walked folder is wanted; `path` is relative to that folder.
    pub fn takes_path(&self, path: &Path) -> bool {
        self.takes(path)
    }

    /// Whether an address is wanted; it is matched without its scheme, as `example.org/a/b?c`.
    pub fn takes_url(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let query = url.query().map_or(String::new(), |query| format!("?{query}"));
        self.takes(Path::new(&format!("{host}{}{query}", url.path())))
    }

    fn takes(&self, path: &Path) -> bool {
        let name = path.file_name().map(Path::new);
        let matches = |set: &GlobSet| set.is_match(path) || name.is_some_and(|name| set.is_match(name));
        self.include.as_ref().is_none_or(matches) && !matches(&self.exclude)
    }
}

fn set(patterns: &[String]) -> Result<GlobSet, FilterError> {
    let error = |pattern: &str, error: &globset::Error| FilterError {
        pattern: pattern.to_owned(),
        reason: error.kind().to_string(),
    };
    let mut builder = GlobSetBuilder::new();
    for pattern in patterns {
        let glob = globset::GlobBuilder::new(pattern).literal_separator(true).build();
        let glob: Glob = glob.map_err(|reason| error(pattern, &reason))?;
        builder.add(glob);
    }
    builder.build().map_err(|reason| error(&patterns.join(" "), &reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(include: &[&str], exclude: &[&str]) -> Filter {
        let owned = |patterns: &[&str]| patterns.iter().map(ToString::to_string).collect::<Vec<_>>();
        Filter::new(&owned(include), &owned(exclude)).unwrap()
    }

    #[test]
    fn names_and_paths() {
        let filter = filter(&["*.pdf", "docs/**/*.md"], &["**/draft/**"]);
        assert!(filter.takes_path(Path::new("a/b/c.pdf")));
        assert!(filter.takes_path(Path::new("docs/x/y.md")));
        assert!(!filter.takes_path(Path::new("other/y.md")));
        assert!(!filter.takes_path(Path::new("a/draft/c.pdf")));
    }

    #[test]
    fn addresses_without_their_scheme() {
        let filter = filter(&["example.org/news/**"], &[]);
        assert!(filter.takes_url(&Url::parse("https://example.org/news/2026/a?b=1").unwrap()));
        assert!(!filter.takes_url(&Url::parse("https://example.org/shop/a").unwrap()));
    }

    #[test]
    fn a_bad_pattern_is_named() {
        let error = Filter::new(&["a[".to_owned()], &[]).unwrap_err().to_string();
        assert!(error.contains("a["), "{error}");
    }
}
