//! The fleet on the wire: gRPC, from both ends.
//!
//! | module | noun |
//! | --- | --- |
//! | `server` | the [`Fleet`](crate::fleet::Fleet) door as a service, with health and reflection |
//! | `client` | the other end: what workers and operators hold |
//! | `tls` | certificates and keys from files |
//! | `assignment`, `member`, `exchange`, `roster` | messages, one module for each of the fleet's |
//! | `field` | what a field may hold |

mod assignment;
mod client;
mod exchange;
mod field;
mod member;
mod roster;
mod server;
mod tls;

#[cfg(test)]
mod round_trip;

pub use client::{ClientError, FleetClient, Orders, ReachSettings};
pub use server::{ServeError, ServeSettings, serve, serve_health};
pub use tls::{ClientTls, ServerTls, TlsError};
