//! Files below a folder.

use std::{io, path::Path};

use sheaf_common::fault::{Fault, FaultKind, said};
use walkdir::WalkDir;

use super::{Candidate, Filter};

/// Deepest folder that is walked; deeper ones are reported.
const DEEPEST: usize = 256;

/// The files below `folder` in the order of their names, hidden ones left out. Symbolic links are followed; one that
/// leads back to a folder it is in, and what cannot be read, come as broken candidates.
pub(super) fn walk<'f>(folder: &Path, filter: &'f Filter) -> impl Iterator<Item = Candidate> + use<'f> {
    let root = folder.to_owned();
    WalkDir::new(folder)
        .follow_links(true)
        .max_depth(DEEPEST)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| entry.depth() == 0 || !entry.file_name().as_encoded_bytes().starts_with(b"."))
        .filter_map(move |entry| match entry {
            Ok(entry) if entry.file_type().is_dir() => {
                (entry.depth() == DEEPEST).then(|| too_deep(entry.path()))
            }
            Ok(entry) => {
                let relative = entry.path().strip_prefix(&root).unwrap_or(entry.path());
                if !filter.takes_path(relative) {
                    None
                } else if entry.file_type().is_file() {
                    Some(Candidate::file(entry.into_path()))
                } else {
                    Some(not_a_file(entry.path()))
                }
            }
            Err(error) => Some(broken(&root, &error)),
        })
}

fn broken(root: &Path, error: &walkdir::Error) -> Candidate {
    let path = error.path().unwrap_or(root).to_string_lossy().into_owned();
    let fault = match (error.loop_ancestor(), error.io_error()) {
        (Some(ancestor), _) => Fault::new(
            FaultKind::SymlinkLoop,
            format!("the link leads back to {}, a folder it is in", ancestor.display()),
            "the files in that folder are read once; remove the link if it is not wanted",
        ),
        (None, Some(error)) => unreadable(error),
        (None, None) => Fault::new(FaultKind::Unreadable, error.to_string(), ""),
    };
    Candidate::broken(path, fault)
}

fn too_deep(path: &Path) -> Candidate {
    let fault = Fault::new(
        FaultKind::Unreadable,
        format!("folders are nested deeper than {DEEPEST}"),
        "name this folder as a source of its own",
    );
    Candidate::broken(path.to_string_lossy(), fault)
}

fn not_a_file(path: &Path) -> Candidate {
    Candidate::broken(path.to_string_lossy(), no_file())
}

/// The fault of what is neither file nor folder: to open it may wait for ever, to read it may never end.
pub(super) fn no_file() -> Fault {
    Fault::new(
        FaultKind::Unreadable,
        "this is a device, a pipe or a socket, not a file",
        "leave it out, or put what it gives into a file first",
    )
}

/// The fault of a file or folder that cannot be read.
pub(super) fn unreadable(error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::NotFound => Fault::new(
            FaultKind::NotFound,
            "there is no such file",
            "check the name; was it moved or deleted?",
        ),
        io::ErrorKind::PermissionDenied => Fault::new(
            FaultKind::Unreadable,
            "reading it is not permitted",
            "give the user who runs Sheaf the right to read it (chmod +r)",
        ),
        _ => Fault::new(
            FaultKind::Unreadable,
            format!("reading it failed: {}", said(error)),
            "check the disk and run again",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;
    use crate::source::Location;

    #[test]
    fn files_come_in_order_and_loops_are_reported_once() {
        let room = tempfile::tempdir().unwrap();
        let at = |name: &str| room.path().join(name);
        fs::create_dir(at("b")).unwrap();
        for name in ["b/2.txt", "b/10.txt", "a.txt", ".hidden", "c.log"] {
            fs::write(at(name), name).unwrap();
        }
        symlink(room.path(), at("b/loop")).unwrap();
        symlink(at("gone"), at("d.txt")).unwrap();
        let filter = Filter::new(&[], &["*.log".to_owned()]).unwrap();
        let found: Vec<_> = walk(room.path(), &filter)
            .map(|candidate| {
                let name = candidate.source.strip_prefix(&*room.path().to_string_lossy()).unwrap().to_owned();
                let kind = match candidate.at {
                    Location::Nowhere(fault) => fault.kind.name(),
                    _ => "file",
                };
                (name, kind)
            })
            .collect();
        let expected = [
            ("/a.txt", "file"),
            ("/b/10.txt", "file"),
            ("/b/2.txt", "file"),
            ("/b/loop", "symlink_loop"),
            ("/d.txt", "not_found"),
        ];
        assert_eq!(found, expected.map(|(name, kind)| (name.to_owned(), kind)));
    }
}
