//! Links that a crawl found and has not followed yet.
//!
//! A crawl goes level by level: the links of a level are followed, in the order of the pages they stand on, when every
//! page of the level has its record. So the order of documents does not depend on which page answered first, and every
//! page is reached by its shortest path.

use serde::{Deserialize, Serialize};
use url::Url;

use super::{FolderError, RunFolder, lines::Lines};

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
        Lines::open(&folder.state_file("frontier.jsonl"), |_, _: FrontierEntry| {})
            .map(|lines| Self { lines })
    }

    /// Adds the links of a page, safe against the end of this process when this returns.
    pub fn add(&mut self, entry: &FrontierEntry) -> Result<(), FolderError> {
        self.lines.append(entry)?;
        self.lines.flush()
    }

    /// The links that lead to `depth`, in the order of the pages they stand on. A page that was analysed twice, because
    /// its first record was lost in a crash, counts once.
    pub fn level(folder: &RunFolder, depth: u32) -> Result<Vec<FrontierEntry>, FolderError> {
        let mut level = Vec::new();
        Lines::open(&folder.state_file("frontier.jsonl"), |_, entry: FrontierEntry| {
            if entry.depth == depth {
                level.push(entry);
            }
        })?;
        level.sort_by_key(|entry| entry.page);
        level.dedup_by_key(|entry| entry.page);
        Ok(level)
    }
}
