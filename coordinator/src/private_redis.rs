//! The Redis of a run's own: started in the run's folder when nobody named another one.
//!
//! The server is the child of a keeper, a process of this program that ends it when the coordinator ends, however that
//! happens: the keeper reads its standard input, whose other end the coordinator holds. A server that dies by itself is
//! started again. Its append-only file stays in the folder, so that the same command carries on.
//!
//! A keeper that is killed leaves its server behind. So keeper and server hold the folder's lock, and no other server is
//! begun there before it is free: two that write one append-only file would ruin it.
//!
//! | module | noun |
//! | --- | --- |
//! | `earlier` | the server of an earlier part of the run, and its end |
//! | `keeper` | the process that starts the server and ends it |
//! | `lock` | held as long as anything of a server runs |

mod earlier;
mod keeper;
mod lock;

use std::{
    env, fs,
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    os::unix::{fs::OpenOptionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use sheaf_common::{
    fault::said,
    id::hex,
    redis::{AddressError, Connector, Patience, RedisError, RedisUrl},
};

use self::earlier::Earlier;
pub use self::keeper::keep;

/// Servers that will do, in order of preference.
const SERVERS: [&str; 2] = ["redis-server", "valkey-server"];
/// How long somebody who leaves may take to leave the port, before another one is taken.
const PORT_WAIT: Duration = Duration::from_secs(10);
/// How long a server may take to answer, its append-only file read.
const START: Duration = Duration::from_mins(2);
/// How often is looked whether something has come.
const LOOK: Duration = Duration::from_millis(50);
/// How long a server may take to end in good order.
const END: Duration = Duration::from_secs(20);
/// How long the server of an earlier part may take to end: its keeper may just be ending it.
const LEAVE: Duration = END.saturating_add(PORT_WAIT);
/// Its configuration, in its folder.
const CONFIGURATION: &str = "redis.conf";

/// A running server.
#[derive(Debug)]
pub struct PrivateRedis {
    folder: PathBuf,
    keeper: Child,
    connector: Connector,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub enum PrivateRedisError {
    /// No program.
    #[error(
        "--enable-queue needs a Redis, and neither redis-server nor valkey-server is installed: install one \
         (apt-get install redis-server), or give --redis-url"
    )]
    NotInstalled,
    /// The folder or the keeper.
    #[error("the run's own Redis could not be started: {doing} failed: {}; or give --redis-url", said(.error))]
    Io {
        /// What was tried.
        doing: &'static str,
        /// Why it failed.
        error: io::Error,
    },
    /// It does not answer.
    #[error("the run's own Redis does not answer: {0}; its log is {1}")]
    Silent(RedisError, PathBuf),
    /// Another one writes in its folder, and does not end.
    #[error(
        "a Redis that an earlier part of this run has started still runs{} and did not end within {} s, though it was asked \
         to: two must not write one file; end it with {}, and give the same command again; its log is {}",
        process.map_or_else(String::new, |process| format!(" as process {process}")),
        waited.as_secs(),
        process.map_or_else(|| "kill".to_owned(), |process| format!("kill {process}")),
        log.display()
    )]
    Occupied {
        /// Its process, where that is known.
        process: Option<u32>,
        /// How long its end was waited for.
        waited: Duration,
        /// Where it says how it is.
        log: PathBuf,
    },
    /// Its address, which cannot be wrong.
    #[error(transparent)]
    Address(#[from] AddressError),
}

impl PrivateRedis {
    /// Starts a server in `folder` that listens at `ip`; `program` is this program, for the keeper.
    pub async fn start(folder: &Path, program: &Path, ip: IpAddr) -> Result<Self, PrivateRedisError> {
        let failed = |doing| move |error| PrivateRedisError::Io { doing, error };
        let server = installed().ok_or(PrivateRedisError::NotInstalled)?;
        fs::create_dir_all(folder).map_err(failed("making its folder"))?;
        let path = folder.join(CONFIGURATION);
        let earlier = Earlier::read(folder);
        let leaving = tokio::task::spawn_blocking(move || earlier.leave(LEAVE).map(|()| earlier));
        let earlier = leaving.await.map_err(io::Error::other).map_err(failed("ending an earlier one"))??;
        // A stranger at the port may have been shown the password.
        let (port, password) = match earlier.access() {
            Some((port, password)) if is_free_soon(ip, port).await => (port, password.to_owned()),
            _ => (
                free_port(ip).map_err(failed("finding a free port"))?,
                secret().map_err(failed("making its password"))?,
            ),
        };
        let text = configuration(folder, ip, port, &password);
        // The password is in it.
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed("writing its configuration"))?;
        file.write_all(text.as_bytes()).map_err(failed("writing its configuration"))?;
        let keeper = Command::new(program)
            .arg("keep-redis")
            .arg(server)
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C in a terminal reaches the whole group; the server outlives the coordinator's drain.
            .process_group(0)
            .spawn()
            .map_err(failed("starting its keeper"))?;
        let at = SocketAddr::new(reached(ip), port);
        let begun = Instant::now();
        until_open(at).await;
        let url = RedisUrl::parse(&format!("redis://:{password}@{at}"))?;
        let left = START.saturating_sub(begun.elapsed());
        match Connector::find(url, Patience::For(left)).await {
            Ok(connector) => Ok(Self { folder: folder.to_owned(), keeper, connector }),
            Err(error) => Err(PrivateRedisError::Silent(error, log(folder))),
        }
    }

    /// What connects to it.
    pub fn connector(&self) -> &Connector {
        &self.connector
    }

    /// Ends it in good order. Its data stays.
    pub fn stop(mut self) {
        drop(self.keeper.stdin.take());
        if let Err(error) = self.keeper.wait() {
            tracing::warn!(%error, "the keeper of the run's own Redis could not be waited for");
        }
        // A keeper that was killed has not ended its server.
        if let Err(error) = Earlier::read(&self.folder).leave(LEAVE) {
            tracing::warn!(%error, "the run's own Redis could not be ended");
        }
    }
}

/// 128 random bits of the system's, in hexadecimal digits.
fn secret() -> io::Result<String> {
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(hex(&bytes))
}

/// What the server is started with. Bodies are compressed where that is worth it: compressing them again whenever the
/// append-only file is rewritten would be a tenth of what Redis does under load.
fn configuration(folder: &Path, ip: IpAddr, port: u16, password: &str) -> String {
    // Quoted as Redis reads its configuration: with escapes.
    let folder = folder.to_string_lossy().replace('\\', "\\\\").replace('"', "\\\"");
    format!(
        "# Written anew at every start of the run.\n\
         bind {}\n\
         port {port}\n\
         requirepass {password}\n\
         dir \"{folder}\"\n\
         logfile redis.log\n\
         daemonize no\n\
         save \"\"\n\
         appendonly yes\n\
         appendfsync everysec\n\
         rdbcompression no\n\
         maxmemory-policy noeviction\n",
        bound(ip)
    )
}

/// Where a server is to listen. Redis takes `::` for IPv6 alone; to everybody else it is every address.
fn bound(ip: IpAddr) -> String {
    if ip == IpAddr::V6(Ipv6Addr::UNSPECIFIED) { ":: -0.0.0.0".to_owned() } else { ip.to_string() }
}

/// Where a server that listens at `ip` is reached from this host.
fn reached(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    }
}

/// Where a server says how it is.
fn log(folder: &Path) -> PathBuf {
    folder.join("redis.log")
}

fn installed() -> Option<PathBuf> {
    let folders: Vec<PathBuf> = env::split_paths(&env::var_os("PATH")?).collect();
    SERVERS
        .iter()
        .flat_map(|server| folders.iter().map(move |folder| folder.join(server)))
        .find(|path| path.is_file())
}

/// Waits until the server opens its port: asking it before would only be told as an error.
async fn until_open(at: SocketAddr) {
    let begun = Instant::now();
    while tokio::net::TcpStream::connect(at).await.is_err() && begun.elapsed() < START {
        tokio::time::sleep(LOOK).await;
    }
}

async fn is_free_soon(ip: IpAddr, port: u16) -> bool {
    let begun = Instant::now();
    while TcpListener::bind((ip, port)).is_err() {
        if begun.elapsed() > PORT_WAIT {
            return false;
        }
        tokio::time::sleep(LOOK).await;
    }
    true
}

fn free_port(ip: IpAddr) -> io::Result<u16> {
    Ok(TcpListener::bind((ip, 0))?.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_earlier_part_chose_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Earlier::read(folder.path()).access().is_none());
        let text = configuration(folder.path(), "127.0.0.1".parse().unwrap(), 7_001, "secret");
        fs::write(folder.path().join(CONFIGURATION), text).unwrap();
        assert_eq!(Earlier::read(folder.path()).access(), Some((7_001, "secret")));
    }

    #[test]
    fn a_server_that_listens_everywhere_is_reached_in_its_own_family() {
        let at = |ip: &str| reached(ip.parse().unwrap()).to_string();
        assert_eq!([at("0.0.0.0"), at("::"), at("10.0.0.1")], ["127.0.0.1", "::1", "10.0.0.1"]);
        assert_eq!(bound("::".parse().unwrap()), ":: -0.0.0.0");
        assert_eq!(bound("::1".parse().unwrap()), "::1");
    }
}
