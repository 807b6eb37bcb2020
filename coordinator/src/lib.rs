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
//! | [`dispatch`] | a run's part in the fleet |
//! | [`private_redis`] | the Redis of a run's own |
//! | [`finish`] | reports over the finished folder |
//! | [`progress`] | how a run is going |
//! | [`fleet`] | the workers of other processes and hosts |
//! | [`status`] | the same over HTTP |

pub mod cli;
mod contents;
pub mod dispatch;
mod downloads;
pub mod finish;
pub mod fleet;
pub mod folder;
pub mod private_redis;
pub mod progress;
mod recorder;
pub mod run;
#[cfg(test)]
mod sample;
pub mod source;
pub mod status;
