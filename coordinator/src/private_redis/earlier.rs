//! The server of an earlier part of the run, and its end.

use std::{
    fs,
    io::{Read, Write},
    net::{IpAddr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use super::{
    CONFIGURATION, LOOK, PrivateRedisError,
    lock::{self, Lock},
    log, reached,
};

/// How long a server may take to answer before it is asked again.
const ANSWER: Duration = Duration::from_secs(1);

/// What an earlier part of the run chose.
#[derive(Debug)]
pub(super) struct Earlier {
    folder: PathBuf,
    ip: Option<IpAddr>,
    port: Option<u16>,
    password: Option<String>,
}

impl Earlier {
    /// What the configuration in this folder says; nothing where there is none.
    pub(super) fn read(folder: &Path) -> Self {
        let text = fs::read_to_string(folder.join(CONFIGURATION)).unwrap_or_default();
        let value = |name: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
            value.split(' ').next()
        };
        Self {
            folder: folder.to_owned(),
            ip: value("bind").and_then(|ip| ip.parse().ok()),
            port: value("port").and_then(|port| port.parse().ok()),
            password: value("requirepass").map(str::to_owned),
        }
    }

    /// Its port and password.
    pub(super) fn access(&self) -> Option<(u16, &str)> {
        self.port.zip(self.password.as_deref())
    }

    /// Sees to it that no server writes in the folder: asks one that does to end, and waits for that. Blocks the thread.
    ///
    /// # Errors
    ///
    /// When one still does after `patience`, or nobody can tell.
    pub(super) fn leave(&self, patience: Duration) -> Result<(), PrivateRedisError> {
        let failed = |error| PrivateRedisError::Io { doing: "locking its folder", error };
        let begun = Instant::now();
        loop {
            // One that was started before there were locks holds none.
            let asked = self.ask_to_end();
            if !asked && Lock::take(&self.folder).map_err(failed)?.is_some() {
                return Ok(());
            }
            if begun.elapsed() > patience {
                return Err(PrivateRedisError::Occupied {
                    process: lock::holder(&self.folder),
                    waited: patience,
                    log: log(&self.folder),
                });
            }
            thread::sleep(LOOK);
        }
    }

    /// Asks the server to write what it has and to end. Whether there was one that took the password.
    fn ask_to_end(&self) -> bool {
        let Some(((port, password), ip)) = self.access().zip(self.ip) else { return false };
        let at = SocketAddr::new(reached(ip), port);
        let Ok(mut server) = TcpStream::connect_timeout(&at, ANSWER) else { return false };
        let timed = server.set_read_timeout(Some(ANSWER)).and(server.set_write_timeout(Some(ANSWER)));
        let mut answer = [0; 5];
        let known = timed
            .and_then(|()| server.write_all(format!("AUTH {password}\r\n").as_bytes()))
            .and_then(|()| server.read_exact(&mut answer))
            .is_ok_and(|()| &answer == b"+OK\r\n");
        if known && server.write_all(b"SHUTDOWN\r\n").is_ok() {
            // It closes the connection when it ends, and says why when it does not; either way it is looked at again.
            let _closed = server.read(&mut answer);
        }
        known
    }
}

#[cfg(test)]
mod tests {
    use sheaf_common::redis::stand::RedisStand;

    use super::*;

    fn earlier(folder: &Path, port: u16) -> Earlier {
        let text = format!("bind 127.0.0.1\nport {port}\nrequirepass secret\n");
        fs::write(folder.join(CONFIGURATION), text).unwrap();
        Earlier::read(folder)
    }

    #[test]
    fn a_server_with_the_earlier_password_is_ended() {
        let stand = RedisStand::start(&["--requirepass", "secret"]);
        let folder = tempfile::tempdir().unwrap();
        earlier(folder.path(), stand.port()).leave(Duration::from_mins(1)).unwrap();
        assert!(TcpStream::connect(("127.0.0.1", stand.port())).is_err(), "it has ended");
    }

    #[test]
    fn a_stranger_at_the_earlier_port_is_left_alone() {
        let stand = RedisStand::start(&["--requirepass", "another"]);
        let folder = tempfile::tempdir().unwrap();
        earlier(folder.path(), stand.port()).leave(Duration::from_mins(1)).unwrap();
        assert!(TcpStream::connect(("127.0.0.1", stand.port())).is_ok());
    }

    #[test]
    fn one_that_does_not_end_is_told_with_its_process() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Lock::take(folder.path()).unwrap().unwrap();
        lock.name(4_711).unwrap();
        let refused = Earlier::read(folder.path()).leave(Duration::from_millis(200)).unwrap_err();
        assert!(matches!(refused, PrivateRedisError::Occupied { process: Some(4_711), .. }), "{refused}");
        let said = refused.to_string();
        assert!(said.contains("end it with kill 4711, and give the same command again"), "{said}");
        drop(lock);
        Earlier::read(folder.path()).leave(Duration::ZERO).unwrap();
    }
}
