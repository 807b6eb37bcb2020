//! What tests of whole programs share.
//!
//! | module | noun |
//! | --- | --- |
//! | [`program`] | the coordinator as a real process in a folder of its own |
//! | [`names`] | names of hosts that a test scripts |

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "this crate is for tests alone")]

pub mod names;
pub mod program;
