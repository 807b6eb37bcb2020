//! Going through a table in order, a page at a time.

use std::vec;

use crate::TableError;

/// Entries that are read at once.
pub(crate) const PAGE: usize = 256;

/// The entries of a table in the order of their keys.
///
/// It holds 256 entries and no lock, so the tables of the same file may be used while it goes on. What is written
/// behind the place that it has reached is not seen; what is written ahead of it is seen sooner or later or not.
pub struct Scan<'t, T> {
    page: vec::IntoIter<T>,
    /// Reads the page after the last one.
    next: Box<dyn FnMut() -> Result<Vec<T>, TableError> + Send + 't>,
    ended: bool,
}

impl<'t, T> Scan<'t, T> {
    pub(crate) fn new(next: impl FnMut() -> Result<Vec<T>, TableError> + Send + 't) -> Self {
        Self { page: Vec::new().into_iter(), next: Box::new(next), ended: false }
    }
}

impl<T> Iterator for Scan<'_, T> {
    type Item = Result<T, TableError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(entry) = self.page.next() {
            return Some(Ok(entry));
        }
        if self.ended {
            return None;
        }
        match (self.next)() {
            Ok(page) => {
                self.ended = page.len() < PAGE;
                self.page = page.into_iter();
                self.page.next().map(Ok)
            }
            Err(error) => {
                self.ended = true;
                Some(Err(error))
            }
        }
    }
}
