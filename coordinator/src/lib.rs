//! The coordinator: sources, fetching, a worker in its own process, results and reports.
//!
//! | module | noun |
//! | --- | --- |
//! | [`cli`] | the command line |
//! | [`run`] | one run, from sources to a finished folder |
//! | [`source`] | what a person names, and the documents it stands for |
//! | `downloads` | from an accepted document to a job in the queue |
//! | `contents` | which contents the run has met |
//! | `recorder` | writes terminal records |
//! | [`folder`] | the output folder |
//! | [`finish`] | reports over the finished folder |
//! | [`progress`] | how a run is going |
//! | [`fleet`] | the workers of other processes and hosts |
//! | [`status`] | the same over HTTP |
//! | [`models`] | which models may be asked, and the client that asks them |

pub mod cli;
mod contents;
mod downloads;
pub mod finish;
pub mod fleet;
pub mod folder;
pub mod models;
pub mod progress;
mod recorder;
pub mod run;
pub mod source;
pub mod status;
