//! A Redis of a test's own: started on a free port with its own folder, ended when dropped.

#![allow(clippy::expect_used, clippy::missing_panics_doc, reason = "a test without its Redis must fail")]

use std::{
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::{Connector, Patience, RedisUrl};

/// How long a server may take to answer its port, its file read.
const START: Duration = Duration::from_secs(30);

/// A running redis-server.
#[derive(Debug)]
pub struct RedisStand {
    folder: TempDir,
    port: u16,
    arguments: Vec<String>,
    server: Option<Child>,
}

impl RedisStand {
    /// A server with its append-only file on, and these arguments more.
    pub fn start(arguments: &[&str]) -> Self {
        let port = free_port();
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let mut stand =
            Self { folder: tempfile::tempdir().expect("a temporary folder"), port, arguments, server: None };
        stand.begin();
        stand
    }

    /// Starts the server again in the same folder, at the same port.
    pub fn begin(&mut self) {
        let mut command = Command::new("redis-server");
        command.args([
            "--port",
            &self.port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--daemonize",
            "no",
        ]);
        command.args(["--appendonly", "yes", "--appendfsync", "everysec"]);
        command.arg("--dir").arg(self.folder.path()).args(&self.arguments);
        let server = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.server = Some(server.expect("redis-server starts: apt-get install redis-server"));
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(begun.elapsed() < START, "redis-server does not answer its port");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends the server with SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().expect("the server was there to be killed");
            server.wait().expect("the server ended");
        }
    }

    /// Its process id, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.server.as_ref().map(Child::id)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where it is.
    pub fn url(&self) -> RedisUrl {
        RedisUrl::parse(&format!("redis://127.0.0.1:{}", self.port)).expect("a URL")
    }

    /// What connects to it.
    pub async fn connector(&self) -> Connector {
        Connector::find(self.url(), Patience::For(START)).await.expect("Redis answers")
    }
}

impl Drop for RedisStand {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that nobody has now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}
