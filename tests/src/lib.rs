//! What tests of whole programs share.
//!
//! | module | noun |
//! | --- | --- |
//! | [`program`] | the coordinator as a real process in a folder of its own |
//! | [`fleet`] | a coordinator and workers in a folder of their own |
//! | [`documents`] | generated sets of documents |
//! | [`provider`] | a provider of models that does as a script says |
//! | [`site`] | a web site that behaves |
//! | [`names`] | names of hosts that a test scripts |
//! | [`tree`] | a program and its children, and how much memory they have together |
//! | [`web`] | web servers that misbehave |

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "this crate is for tests alone"
)]

pub mod documents;
pub mod fleet;
pub mod names;
pub mod program;
pub mod provider;
pub mod site;
pub mod tree;
pub mod web;
