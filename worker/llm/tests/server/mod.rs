//! A server of HTTP that answers by script, byte for byte, so that it can also break the rules.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

/// What the server does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Deed {
    /// Sends these bytes and keeps the connection.
    Send(String),
    /// Sends these bytes and ends the connection.
    SendAndEnd(String),
    /// Takes the request and never answers.
    Hang,
    /// Ends the connection without a word.
    Leave,
    /// Sends bytes without an end.
    Flood,
}

/// A running server; it ends with the test's runtime.
pub(crate) struct Server {
    /// Its address, such as `http://127.0.0.1:4000`.
    pub(crate) url: String,
    /// Requests that came, whole: head and body.
    pub(crate) requests: Arc<Mutex<Vec<String>>>,
    /// Tells of each connection that the client ended while the server hung.
    pub(crate) left: mpsc::UnboundedReceiver<()>,
}

impl Server {
    /// Does one thing with whatever comes.
    pub(crate) async fn always(deed: Deed) -> Self {
        Self::start(HashMap::new(), deed).await
    }

    /// Answers paths with these bodies (a status each), and anything else with 404.
    pub(crate) async fn paths(paths: &[(&str, u16, &str)]) -> Self {
        let paths = paths
            .iter()
            .map(|(path, status, body)| ((*path).to_owned(), Deed::Send(reply(*status, &[], body))));
        Self::start(paths.collect(), Deed::Send(reply(404, &[], "{}"))).await
    }

    async fn start(paths: HashMap<String, Deed>, otherwise: Deed) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let (tell, left) = mpsc::unbounded_channel();
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (paths, otherwise) = (paths.clone(), otherwise.clone());
                tokio::spawn(serve(stream, paths, otherwise, Arc::clone(&seen), tell.clone()));
            }
        });
        Self { url, requests, left }
    }
}

async fn serve(
    mut stream: TcpStream,
    paths: HashMap<String, Deed>,
    otherwise: Deed,
    seen: Arc<Mutex<Vec<String>>>,
    left: mpsc::UnboundedSender<()>,
) {
    while let Some(request) = read(&mut stream).await {
        let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
        seen.lock().unwrap().push(request);
        match paths.get(&path).unwrap_or(&otherwise) {
            Deed::Send(bytes) => {
                if stream.write_all(bytes.as_bytes()).await.is_err() {
                    return;
                }
            }
            Deed::SendAndEnd(bytes) => {
                let _ = stream.write_all(bytes.as_bytes()).await;
                return;
            }
            Deed::Hang => {
                // Reading ends when the client leaves.
                let mut byte = [0];
                let _ = stream.read(&mut byte).await;
                let _ = left.send(());
                return;
            }
            Deed::Leave => return,
            Deed::Flood => {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
                let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
                while stream.write_all(chunk.as_bytes()).await.is_ok() {}
                return;
            }
        }
    }
}

/// A whole request: its head and as much body as the head announces.
async fn read(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| {
                    line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok()
                })
                .unwrap_or(0usize);
            if body.len() >= length {
                return Some(text);
            }
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}

/// An answer with a body of JSON.
pub(crate) fn reply(status: u16, headers: &[(&str, &str)], body: &str) -> String {
    let mut text = format!("HTTP/1.1 {status} Status\r\ncontent-type: application/json\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
    text
}

/// Long enough for anything that will happen, short enough for a test that fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
