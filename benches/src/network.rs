//! Hosts on this machine: network namespaces, each with an address of its own, on one bridge.
//!
//! ```text
//!  hub 10.77.0.1 ── bridge ──┬── veth ── eth0 10.77.0.2  first host
//!                            └── veth ── eth0 10.77.0.3  second host
//! ```
//!
//! The bridge is in a namespace too, so that the machine's own network is not touched. No namespace has a name: each exists
//! as long as this process holds it open or a process runs in it. Whatever ends this process, the kernel takes all of it
//! away; there is nothing to be cleared up at the next start.

use std::{
    fmt,
    fs::File,
    io::Read,
    net::Ipv4Addr,
    os::fd::{AsFd, AsRawFd},
    panic,
    process::{Command, Stdio},
    thread,
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::{AnyError, machine::installed};

/// The address of the hub; hosts have those that follow.
pub(crate) const HUB: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// Most hosts: each has an address of the hub's /24.
pub(crate) const MOST: usize = 64;

/// What is started to make namespaces, and the packages that have it.
const NEEDED: [(&str, &str); 2] = [("ip", "iproute2"), ("unshare", "util-linux")];

/// Why this machine gives no hosts, and what it would take.
#[derive(Debug)]
pub(crate) struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<AnyError> for Refused {
    fn from(error: AnyError) -> Self {
        Self(error.to_string())
    }
}

/// A hub and hosts that reach it, and each other.
#[derive(Debug)]
pub(crate) struct Network {
    hub: Namespace,
    hosts: Vec<Namespace>,
}

impl Network {
    /// A network of so many hosts, at most [`MOST`].
    pub(crate) fn new(hosts: usize) -> Result<Self, Refused> {
        for (program, package) in NEEDED {
            if !installed(program) {
                return Err(Refused(format!("{program} is not on the PATH: install the package {package}")));
            }
        }
        if hosts > MOST {
            return Err(Refused(format!("{hosts} hosts are asked for, and there are addresses for {MOST}")));
        }
        let hub = Namespace::new()?;
        hub.ip("link set lo up")?;
        hub.ip("link add bridge type bridge")?;
        hub.ip(&format!("address add {HUB}/24 dev bridge"))?;
        hub.ip("link set bridge up")?;
        let mut network = Self { hub, hosts: Vec::with_capacity(hosts) };
        for number in 1..=hosts {
            let host = network.connect(number)?;
            network.hosts.push(host);
        }
        Ok(network)
    }

    /// A namespace with a cable to the bridge.
    fn connect(&self, number: usize) -> Result<Namespace, AnyError> {
        let host = Namespace::new()?;
        let address = Ipv4Addr::from_bits(HUB.to_bits() + number as u32);
        let there = host.path();
        self.hub.ip(&format!("link add host{number} type veth peer name eth0 netns {there}"))?;
        self.hub.ip(&format!("link set host{number} master bridge up"))?;
        host.ip("link set lo up")?;
        host.ip(&format!("address add {address}/24 dev eth0"))?;
        host.ip("link set eth0 up")?;
        Ok(host)
    }

    /// Where all hosts reach what is started there, at [`HUB`].
    pub(crate) fn hub(&self) -> &Namespace {
        &self.hub
    }

    /// The hosts, each with the same network to itself.
    pub(crate) fn hosts(&self) -> &[Namespace] {
        &self.hosts
    }
}

/// A network namespace, for as long as this is kept or a process runs in it.
#[derive(Debug)]
pub(crate) struct Namespace(File);

impl Namespace {
    fn new() -> Result<Self, AnyError> {
        // A process makes it and says so; once it is held open here, that process has done its part.
        let mut maker = Command::new("unshare")
            .args(["--net", "sh", "-c", "echo made && read -r _"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut said = [0];
        let made = maker.stdout.as_mut().is_some_and(|output| output.read_exact(&mut said).is_ok());
        let namespace = File::open(format!("/proc/{}/ns/net", maker.id()));
        // Its input ends here, and with it the process.
        let ended = maker.wait_with_output()?;
        if made {
            return Ok(Self(namespace?));
        }
        let why = String::from_utf8_lossy(&ended.stderr);
        Err(format!("no network namespace can be made, which takes root: {}", why.trim()).into())
    }

    /// Where another process finds it.
    fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd())
    }

    /// Does this inside: connections and ports are those of the namespace, and processes that are started stay in it.
    pub(crate) fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, AnyError> {
        // A thread moves alone, and this one is gone when its work is done.
        let moved = thread::scope(|scope| {
            let moved = scope.spawn(|| {
                move_into_link_name_space(self.0.as_fd(), Some(LinkNameSpaceType::Network))?;
                Ok::<T, rustix::io::Errno>(work())
            });
            moved.join()
        });
        let done = moved.unwrap_or_else(|panicked| panic::resume_unwind(panicked));
        done.map_err(|error| format!("a network namespace cannot be entered: {error}").into())
    }

    /// Configures it: the arguments of the program `ip`.
    fn ip(&self, arguments: &str) -> Result<(), AnyError> {
        let output =
            self.inside(|| Command::new("ip").args(arguments.split(' ')).stdin(Stdio::null()).output())??;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("`ip {arguments}` ended with {}: {}", output.status, said.trim()).into())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        env, fs,
        io::Write,
        net::{SocketAddr, TcpListener, TcpStream},
        time::Duration,
    };

    use super::*;

    /// Set where a machine must allow it.
    const REQUIRED: &str = "SHEAF_REQUIRE_NAMESPACES";
    const PATIENCE: Duration = Duration::from_secs(10);

    /// Names of the interfaces that a thread sees.
    fn interfaces() -> BTreeSet<String> {
        let text = fs::read_to_string("/proc/thread-self/net/dev").unwrap();
        let names = text.lines().filter_map(|line| line.split_once(':'));
        names.map(|(name, _)| name.trim().to_owned()).collect()
    }

    /// `None`, with a word why, where this machine does not allow it.
    fn network(hosts: usize) -> Option<Network> {
        match Network::new(hosts) {
            Ok(network) => Some(network),
            Err(refused) => {
                assert!(env::var_os(REQUIRED).is_none(), "{refused}");
                println!("skipped, or a failure when {REQUIRED} is set: {refused}");
                None
            }
        }
    }

    #[test]
    fn hosts_reach_the_hub_and_nothing_else_of_this_machine() {
        let before = interfaces();
        let Some(network) = network(2) else { return };
        assert_eq!(interfaces(), before, "the machine's own network is left alone");
        let listener = network.hub().inside(|| TcpListener::bind((HUB, 0))).unwrap().unwrap();
        let hub = listener.local_addr().unwrap();
        let outside = TcpListener::bind("127.0.0.1:0").unwrap();
        let outside = || outside.local_addr().unwrap();
        assert!(TcpStream::connect(outside()).is_ok());
        let connect = |to: SocketAddr| TcpStream::connect_timeout(&to, PATIENCE);
        for (number, host) in network.hosts().iter().enumerate() {
            assert_eq!(host.inside(interfaces).unwrap(), ["eth0", "lo"].map(str::to_owned).into());
            let mut stream = host.inside(|| connect(hub)).unwrap().unwrap();
            let (mut accepted, from) = listener.accept().unwrap();
            assert_eq!(from.ip(), Ipv4Addr::new(10, 77, 0, number as u8 + 2));
            stream.write_all(b"x").unwrap();
            accepted.read_exact(&mut [0]).unwrap();
            assert!(host.inside(|| connect(outside())).unwrap().is_err());
        }
    }

    #[test]
    fn a_namespace_goes_with_what_holds_it() {
        let Some(network) = network(1) else { return };
        // The end of the cable on the bridge goes when the host at its other end does.
        let Network { hub, hosts } = network;
        let names = || hub.inside(interfaces).unwrap();
        assert!(names().contains("host1"));
        drop(hosts);
        let begun = std::time::Instant::now();
        while names().contains("host1") {
            assert!(begun.elapsed() < PATIENCE, "the host's namespace is still there");
            thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn more_hosts_than_addresses_are_refused() {
        assert!(Network::new(MOST + 1).is_err());
    }
}
