//! Which models may be asked: from options, the environment, a `.env` file and `sheaf.toml`, in this order.
//!
//! A setting in a stronger place wins. A list of backends is one setting: where the environment names backends, those
//! of `sheaf.toml` are not used, and a note says so.

mod address;
mod backend;
mod file;
mod pool;
mod provider;
mod resolve;
mod table;
mod variables;

#[cfg(test)]
mod resolve_tests;

pub use backend::{
    BackendConfig, BackendRole, CONNECT_TIMEOUT, Credential, REQUEST_TIMEOUT, Said, Scheme, Structure,
};
pub use pool::{Parallel, PoolConfig};
pub use provider::{Dialect, Provider, UnknownProvider};
pub use resolve::{ModelOptions, Sources};
pub use variables::{Environment, MOST_NUMBERED, Setting, VARIABLES, Variable, help};

/// A configuration that cannot be used: where, what and how to mend it. Never holds a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct ConfigError {
    /// The option, the variable, or the file with the line.
    pub place: String,
    /// What is wrong there.
    pub what: String,
    /// What to do.
    pub hint: String,
}

impl ConfigError {
    fn new(place: impl Into<String>, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into(), hint: hint.into() }
    }
}
