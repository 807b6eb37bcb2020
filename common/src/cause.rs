//! What is behind an error.

use std::{error::Error, io};

use crate::fault::said;

/// Every error in the chain below `error`, those inside I/O errors included, which `source` passes over.
pub fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        }
    })
}

/// The first error of this type in the chain.
pub fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    chain(error).find_map(|error| error.downcast_ref())
}

/// What the last error of the chain says, in words.
pub fn root(error: &(dyn Error + 'static)) -> String {
    let Some(root) = chain(error).last() else { return String::new() };
    root.downcast_ref::<io::Error>().map_or_else(|| root.to_string(), said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_inside_of_io_errors_are_found() {
        let inner = "x".parse::<u8>().unwrap_err();
        let outer = io::Error::other(io::Error::other(inner.clone()));
        assert_eq!(find::<std::num::ParseIntError>(&outer), Some(&inner));
        assert_eq!(root(&outer), inner.to_string());
        assert_eq!(root(&io::Error::from_raw_os_error(111)), "connection refused");
    }
}
