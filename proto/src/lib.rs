//! The messages that travel between Sheaf's programs.
//!
//! The `.proto` files stand in `proto/`; the Rust in `src/gen` is generated from them and committed, so that a
//! build needs no code generator. `cargo test -p sheaf-proto` fails when the two differ and
//! `UPDATE_GENERATED=1 cargo test -p sheaf-proto` writes the Rust anew.
//!
//! Nothing but `sheaf_common::wire` converts these messages to and from domain types.

/// Version 1 of the messages.
#[allow(missing_docs, clippy::all, clippy::pedantic, reason = "generated code")]
pub mod v1 {
    include!("gen/sheaf.v1.rs");
}

/// The descriptors of every message and service, as an encoded `FileDescriptorSet`: what server reflection answers from.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("gen/sheaf.v1.bin");
