//! Where a run by a fleet takes place: everything on the loopback interface, or each worker on a host of its own.

use std::{io, net::Ipv4Addr};

use sheaf_common::redis::stand::{RedisStand, free_port};

use crate::{
    AnyError,
    network::{self, Namespace, Network},
    queue::stand,
};

/// What the programs of one site know each other by. Nobody else is on its network: these keep nobody out, the programs and
/// Redis only insist on them off the loopback interface.
const TOKEN: &str = "a-token-of-these-hosts-alone";
const PASSWORD: &str = "a-password-of-these-hosts-alone";

/// A Redis, and where the programs of runs over it are.
#[derive(Debug)]
pub(crate) struct Site {
    redis: RedisStand,
    network: Option<Network>,
}

impl Site {
    /// Everything on the loopback interface.
    pub(crate) fn loopback() -> Result<Self, AnyError> {
        Ok(Self { redis: stand(&[])?, network: None })
    }

    /// Each worker on a host of its own; Redis, the coordinator and whatever else they need at the hub.
    pub(crate) fn on(network: Network) -> Result<Self, AnyError> {
        let addresses = format!("127.0.0.1 {}", network::HUB);
        let redis = network.hub().inside(|| stand(&["--bind", &addresses, "--requirepass", PASSWORD]))??;
        Ok(Self { redis, network: Some(network) })
    }

    pub(crate) fn redis(&self) -> &RedisStand {
        &self.redis
    }

    /// Where workers reach what listens at the hub.
    pub(crate) fn address(&self) -> Ipv4Addr {
        self.network.as_ref().map_or(Ipv4Addr::LOCALHOST, |_| network::HUB)
    }

    /// What connects programs of this site to its Redis.
    pub(crate) fn redis_url(&self) -> String {
        if self.network.is_none() {
            return self.redis.url().expose().to_owned();
        }
        format!("redis://:{PASSWORD}@{}:{}", network::HUB, self.redis.port())
    }

    /// An address and a port of it that nobody has now.
    pub(crate) fn free_address(&self) -> Result<String, AnyError> {
        let port = self.at_hub(free_port)?;
        Ok(format!("{}:{port}", self.address()))
    }

    /// Variables that every program of this site needs.
    pub(crate) fn variables(&self) -> &[(&'static str, &'static str)] {
        if self.network.is_some() { &[("SHEAF_TOKEN", TOKEN)] } else { &[] }
    }

    /// Does this, starting a process say, where workers reach it.
    pub(crate) fn at_hub<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, AnyError> {
        inside(self.network.as_ref().map(Network::hub), work)
    }

    /// Does this where the worker of this number is, from 0.
    pub(crate) fn at_worker<T: Send>(
        &self,
        number: usize,
        work: impl FnOnce() -> T + Send,
    ) -> Result<T, AnyError> {
        let missing = || io::Error::other(format!("there is no host for worker {number}"));
        let host = self.network.as_ref().map(|network| network.hosts().get(number).ok_or_else(missing));
        inside(host.transpose()?, work)
    }
}

fn inside<T: Send>(namespace: Option<&Namespace>, work: impl FnOnce() -> T + Send) -> Result<T, AnyError> {
    match namespace {
        Some(namespace) => namespace.inside(work),
        None => Ok(work()),
    }
}
