//! The Redis of a run's own: started in the run's folder when nobody named another one.
//!
//! The server is the child of a keeper, a process of this program that ends it when the coordinator ends, however that
//! happens: the keeper reads its standard input, whose other end the coordinator holds. A server that dies by itself is
//! started again. Its append-only file stays in the folder, so that the same command carries on.

use std::{
    env, fs,
    io::{self, Read, Write},
    net::{IpAddr, TcpListener},
    os::unix::{fs::OpenOptionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use sheaf_common::{
    fault::said,
    id::hex,
    redis::{AddressError, Connector, Patience, RedisError, RedisUrl},
};

/// Servers that will do, in order of preference.
const SERVERS: [&str; 2] = ["redis-server", "valkey-server"];
/// How long a server of an earlier part of the run may take to leave its port.
const PORT_WAIT: Duration = Duration::from_secs(10);
/// How long a server may take to answer, its append-only file read.
const START: Duration = Duration::from_mins(2);
/// How often the keeper looks after the server.
const LOOK: Duration = Duration::from_millis(50);
/// How long a server may take to end in good order.
const END: Duration = Duration::from_secs(20);
/// Most times that a server is started again.
const RESTARTS: u32 = 100;
/// Its configuration, in its folder.
const CONFIGURATION: &str = "redis.conf";

/// A running server.
#[derive(Debug)]
pub struct PrivateRedis {
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
        let earlier = Earlier::read(&path);
        let port = match earlier.port {
            Some(port) if is_free_soon(ip, port).await => port,
            _ => free_port(ip).map_err(failed("finding a free port"))?,
        };
        let password = match earlier.password {
            Some(password) => password,
            None => secret().map_err(failed("making its password"))?,
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
        until_open(ip, port).await;
        let host = if ip.is_unspecified() { "127.0.0.1".to_owned() } else { ip.to_string() };
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let url = RedisUrl::parse(&format!("redis://:{password}@{host}:{port}"))?;
        match Connector::find(url, Patience::For(START)).await {
            Ok(connector) => Ok(Self { keeper, connector }),
            Err(error) => Err(PrivateRedisError::Silent(error, folder.join("redis.log"))),
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
    }
}

/// 128 random bits of the system's, in hexadecimal digits.
fn secret() -> io::Result<String> {
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(hex(&bytes))
}

fn configuration(folder: &Path, ip: IpAddr, port: u16, password: &str) -> String {
    // Quoted as Redis reads its configuration: with escapes.
    let folder = folder.to_string_lossy().replace('\\', "\\\\").replace('"', "\\\"");
    format!(
        "# Written anew at every start of the run.\n\
         bind {ip}\n\
         port {port}\n\
         requirepass {password}\n\
         dir \"{folder}\"\n\
         logfile redis.log\n\
         daemonize no\n\
         save \"\"\n\
         appendonly yes\n\
         appendfsync everysec\n\
         maxmemory-policy noeviction\n"
    )
}

/// What an earlier part of the run chose.
#[derive(Debug, Default)]
struct Earlier {
    port: Option<u16>,
    password: Option<String>,
}

impl Earlier {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_default();
        let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Self {
            port: value("port").and_then(|port| port.parse().ok()),
            password: value("requirepass").map(str::to_owned),
        }
    }
}

fn installed() -> Option<PathBuf> {
    let folders: Vec<PathBuf> = env::split_paths(&env::var_os("PATH")?).collect();
    SERVERS
        .iter()
        .flat_map(|server| folders.iter().map(move |folder| folder.join(server)))
        .find(|path| path.is_file())
}

/// Waits until the server opens its port: asking it before would only be told as an error.
async fn until_open(ip: IpAddr, port: u16) {
    let at = if ip.is_unspecified() { IpAddr::from([127, 0, 0, 1]) } else { ip };
    let begun = Instant::now();
    while tokio::net::TcpStream::connect((at, port)).await.is_err() && begun.elapsed() < START {
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

/// The keeper: runs `server` with the configuration until standard input ends.
///
/// # Errors
///
/// When the server cannot be started, or dies again and again.
pub fn keep(server: &Path, configuration: &Path) -> io::Result<()> {
    let coordinator_gone = Arc::new(AtomicBool::new(false));
    let gone = coordinator_gone.clone();
    thread::spawn(move || {
        let mut nothing = [0; 64];
        while matches!(io::stdin().read(&mut nothing), Ok(read) if read > 0) {}
        gone.store(true, Ordering::Relaxed);
    });
    let start = || {
        Command::new(server)
            .arg(configuration)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
    };
    let mut running = start()?;
    let mut restarts = 0;
    while !coordinator_gone.load(Ordering::Relaxed) {
        if let Some(status) = running.try_wait()? {
            restarts += 1;
            if restarts > RESTARTS {
                return Err(io::Error::other(format!(
                    "the server ended {restarts} times, at last with {status}"
                )));
            }
            thread::sleep(LOOK * restarts.min(20));
            running = start()?;
        }
        thread::sleep(LOOK);
    }
    end(running)
}

/// SIGTERM, on which Redis writes what it has and leaves; SIGKILL when it does not.
fn end(mut running: Child) -> io::Result<()> {
    if let Some(id) = rustix::process::Pid::from_raw(running.id().cast_signed()) {
        rustix::process::kill_process(id, rustix::process::Signal::TERM)?;
    }
    let begun = Instant::now();
    while running.try_wait()?.is_none() {
        if begun.elapsed() > END {
            return running.kill();
        }
        thread::sleep(LOOK);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_earlier_part_chose_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(CONFIGURATION);
        let text = configuration(folder.path(), "127.0.0.1".parse().unwrap(), 7_001, "secret");
        fs::write(&path, text).unwrap();
        let earlier = Earlier::read(&path);
        assert_eq!((earlier.port, earlier.password.as_deref()), (Some(7_001), Some("secret")));
        assert!(Earlier::read(Path::new("/nowhere")).port.is_none());
    }
}
