//! Polite, bounded, address-checked downloads.
//!
//! | noun | what it is |
//! | --- | --- |
//! | [`Fetch`] | the door: one attempt to download one document |
//! | [`Pool`] | many downloads at once, none of which holds up the others; the one owner of retries |
//! | [`HttpFetcher`] | the real thing: redirects, robots.txt, address checks, caps, time limits |
//! | [`FetchLimits`] | what a download may cost |
//! | [`FetchFailure`], [`Advice`] | why one failed, and what to do about it |
//! | [`Lookup`] | from names to addresses |
//! | [`canonical_url`], [`is_same_site`] | when two URLs mean the same page or site |

mod address;
mod body;
mod canonical;
mod decode;
mod door;
mod failure;
mod http;
mod limits;
mod lookup;
mod media;
mod pool;
mod robots;
mod robots_cache;
#[cfg(feature = "testing")]
pub mod testing;
mod web;

pub use address::{names_private_host, refusal};
pub use canonical::{canonical_url, displayed, is_same_site};
pub use door::{Accept, Fetch, FetchRequest, Fetched, Terms};
pub use failure::{Advice, FetchFailure};
pub use http::{HttpFetcher, SetupError};
pub use limits::FetchLimits;
pub use lookup::{Lookup, LookupAnswer, SystemLookup};
pub use pool::{Order, Outcome, Pool, PoolInput, PoolOutput, PoolSettings};
pub use web::USER_AGENT;
