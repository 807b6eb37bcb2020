//! Redis as Sheaf uses it: one server or a cluster, connections that come back by themselves, scripts, and the checks
//! made before anything is trusted to it.
//!
//! | module | noun |
//! | --- | --- |
//! | `address` | a URL whose password is never shown |
//! | `connection` | one server or a cluster behind one type, with its timeouts |
//! | `nodes` | the nodes of a cluster, any of which a connection may begin at |
//! | `link` | a connection that is made again when it is lost |
//! | `failure` | what an error means: whether it is tried again, and what was lost with it |
//! | `script` | a Lua script, by its hash |
//! | `stand` | a Redis of a test's own |
//! | `inspection` | version, persistence, eviction: what would lose jobs, and the command that mends it |

mod address;
mod connection;
mod failure;
mod inspection;
mod link;
mod nodes;
mod script;
#[cfg(any(test, feature = "conformance"))]
pub mod stand;

pub use ::redis::cmd as command;
pub use address::{AddressError, RedisUrl};
pub use connection::{Connection, Connector};
pub use inspection::{Finding, Inspection, Severity, fullness, inspect};
pub use link::{Away, Link, Patience, RedisError};
pub use script::Script;
