//! DOCX.
use sheaf_common::document::Document;
use sheaf_common::fault::{Fault, FaultKind};
pub(crate) fn parse(_: &[u8]) -> Result<Document, Fault> {
    Err(Fault::new(FaultKind::Malformed, "not yet", ""))
}
