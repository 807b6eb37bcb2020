//! A web server on loopback that misbehaves on request.

#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot serve has failed")]

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use url::Url;

/// What a client asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) path: String,
    /// The request's head as sent, lower case.
    pub(crate) head: String,
    /// Answers given before on the same server.
    pub(crate) before: usize,
}

/// What a server does.
#[derive(Debug, Clone)]
pub(crate) enum Piece {
    Send(Vec<u8>),
    Wait(Duration),
    /// Keeps the connection open and says no more.
    Hang,
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    /// Serves on 127.0.0.1. Connections are kept when the last piece is complete and the handler does not hang up,
    /// which it does by ending with an empty `Send`.
    pub(crate) async fn start(handler: impl Fn(&Asked) -> Vec<Piece> + Send + Sync + 'static) -> Self {
        Self::start_at("127.0.0.1".parse().unwrap(), handler).await
    }

    pub(crate) async fn start_at(
        ip: IpAddr,
        handler: impl Fn(&Asked) -> Vec<Piece> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, handler) = (Arc::clone(&asked), Arc::new(handler));
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(stream, Arc::clone(&log), Arc::clone(&handler)));
            }
        });
        Self { address, asked, connections }
    }

    pub(crate) fn url(&self, path: &str) -> Url {
        Url::parse(&format!("http://{}{path}", self.address)).unwrap()
    }

    /// The same page under another name.
    pub(crate) fn url_at(&self, host: &str, path: &str) -> Url {
        Url::parse(&format!("http://{host}:{}{path}", self.address.port())).unwrap()
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Paths asked for, in order.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.path).collect()
    }
}

async fn serve<H: Fn(&Asked) -> Vec<Piece>>(
    mut stream: TcpStream,
    log: Arc<Mutex<Vec<Asked>>>,
    handler: Arc<H>,
) {
    let mut input = Vec::new();
    loop {
        let end = loop {
            if let Some(at) = input.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            if stream.read_buf(&mut input).await.unwrap_or(0) == 0 {
                return;
            }
            if input.starts_with(b"\x16") {
                // A TLS handshake; answered as servers of plain HTTP do.
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
                return;
            }
        };
        let head = String::from_utf8_lossy(&input[..end]).into_owned();
        input.drain(..end);
        let asked = {
            let mut log = log.lock().unwrap();
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            let asked = Asked { path, head: head.to_lowercase(), before: log.len() };
            log.push(asked.clone());
            asked
        };
        for piece in handler(&asked) {
            match piece {
                Piece::Send(bytes) if bytes.is_empty() => return,
                Piece::Send(bytes) => {
                    if stream.write_all(&bytes).await.is_err() {
                        return;
                    }
                }
                Piece::Wait(time) => tokio::time::sleep(time).await,
                Piece::Hang => std::future::pending().await,
            }
        }
    }
}

/// An answer with these header lines, each ended by CRLF.
pub(crate) fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<Piece> {
    let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    vec![Piece::Send([head.as_bytes(), body].concat())]
}

pub(crate) fn page(body: &[u8]) -> Vec<Piece> {
    answer("200 OK", "Content-Type: text/html\r\n", body)
}

pub(crate) fn not_found() -> Vec<Piece> {
    answer("404 Not Found", "", b"")
}

pub(crate) fn redirect(to: &str) -> Vec<Piece> {
    answer("302 Found", &format!("Location: {to}\r\n"), b"")
}
