//! Links that a crawl found and has not followed yet.
//!
//! A crawl goes level by level: the links of a level are followed, in the order of the pages they stand on, when every
//! page of the level has its record. So the order of documents does not depend on which page answered first, and every
//! page is reached by its shortest path.

use std::{fs::File, path::PathBuf};

use serde::{Deserialize, Serialize};
use sheaf_table::Table;
use url::Url;

use super::{
    FolderError, RunFolder,
    lines::{Lines, Span, StoredSpan},
};

/// Links of one page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrontierEntry {
    /// Place of the page in the input.
    pub page: u64,
    /// Depth of the documents that the links lead to.
    pub depth: u32,
    /// The page may be at a private address.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub private_allowed: bool,
    /// The links, in the order of the page.
    pub links: Vec<Url>,
}

/// The log of found links.
#[derive(Debug)]
pub struct Frontier {
    lines: Lines,
}

impl Frontier {
    /// Opens the log of a run.
    pub fn open(folder: &RunFolder) -> Result<Self, FolderError> {
        Lines::open(&folder.state_file("frontier.jsonl"), |_, _: FrontierEntry| Ok(()))
            .map(|lines| Self { lines })
    }

    /// Adds the links of a page, safe against the end of this process when this returns.
    pub fn add(&mut self, entry: &FrontierEntry) -> Result<(), FolderError> {
        self.lines.append(entry)?;
        self.lines.flush()
    }

    /// The links that lead to `depth`, in the order of the pages they stand on. A page that was analysed twice, because
    /// its first record was lost in a crash, counts once.
    pub fn level(folder: &RunFolder, depth: u32) -> Result<Level, FolderError> {
        let pages = folder.tables().table("links to be followed")?;
        let path = folder.state_file("frontier.jsonl");
        Lines::open(&path, |span, entry: FrontierEntry| {
            if entry.depth == depth {
                pages.insert(entry.page, &span.stored())?;
            }
            Ok(())
        })?;
        Ok(Level { pages, path })
    }
}

/// The links that lead to one depth.
#[derive(Debug)]
pub struct Level {
    /// Where the links of each page stand in the file.
    pages: Table<u64, StoredSpan>,
    path: PathBuf,
}

impl Level {
    /// The pages with their links, in the order of the input.
    pub fn pages(
        &self,
    ) -> Result<impl Iterator<Item = Result<FrontierEntry, FolderError>> + Send, FolderError> {
        let mut file = File::open(&self.path).map_err(FolderError::io(&self.path, "reading it"))?;
        Ok(self.pages.scan().map(move |page| {
            let (_, span) = page?;
            Span::of(span).read(&mut file, &self.path)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Configuration, *};

    #[test]
    fn a_level_is_in_the_order_of_its_pages_each_once() {
        let room = tempfile::tempdir().unwrap();
        let folder = RunFolder::open(room.path(), Configuration::new([]), false).unwrap();
        let mut frontier = Frontier::open(&folder).unwrap();
        for (page, depth, link) in [(7, 1, "a"), (2, 1, "b"), (7, 1, "c"), (3, 2, "d")] {
            let links = vec![Url::parse(&format!("https://a.test/{link}")).unwrap()];
            frontier.add(&FrontierEntry { page, depth, private_allowed: false, links }).unwrap();
        }
        let paths = |depth| {
            let level = Frontier::level(&folder, depth).unwrap();
            let pages: Vec<_> = level.pages().unwrap().map(Result::unwrap).collect();
            pages.iter().map(|entry| entry.links[0].path().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(paths(1), ["/b", "/a"]);
        assert_eq!(paths(2), ["/d"]);
        assert!(paths(3).is_empty());
    }
}
