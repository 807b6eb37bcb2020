//! Web servers that misbehave, on loopback, over real connections.

use std::{collections::HashMap, net::IpAddr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    time::sleep,
};

/// How a server answers one path.
#[derive(Debug, Clone)]
pub enum Answer {
    /// These bytes, head included, then the end of the connection.
    Raw(Vec<u8>),
    /// This head, then one byte a second for ever.
    Drip(String),
    /// This head, then this many bytes of `x`, as fast as they are taken.
    Flood(String, u64),
    /// The end of the connection, at once.
    HangUp,
}

impl Answer {
    /// 200 with this type, this body and its true length.
    pub fn ok(content_type: &str, body: impl AsRef<[u8]>) -> Self {
        Self::with("200 OK", &format!("Content-Type: {content_type}\r\n"), body)
    }

    /// Any status with these header lines (each with its line end) and a body of true length.
    pub fn with(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n", body.len());
        Self::raw(&head, body)
    }

    /// A redirect to `location`, as it stands.
    pub fn redirect(location: &str) -> Self {
        Self::with("302 Found", &format!("Location: {location}\r\n"), "")
    }

    /// This head, which is ended here, and this body.
    pub fn raw(head: &str, body: impl AsRef<[u8]>) -> Self {
        Self::Raw([format!("{head}Connection: close\r\n\r\n").as_bytes(), body.as_ref()].concat())
    }
}

/// Servers that go on until this is dropped.
#[derive(Debug)]
pub struct Web(Runtime);

impl Default for Web {
    fn default() -> Self {
        Self::new()
    }
}

impl Web {
    /// No servers yet; one thread for all.
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Self(runtime.expect("a runtime"))
    }

    /// Starts a server at `ip`, on a port of the system's choice, which it returns. Paths not among `answers` are not
    /// found, robots.txt included.
    pub fn site<P: Into<String>>(&self, ip: &str, answers: impl IntoIterator<Item = (P, Answer)>) -> u16 {
        self.site_that_knows_its_port(ip, |_| answers)
    }

    /// The same for answers that name the server's own port.
    pub fn site_that_knows_its_port<P: Into<String>, A: IntoIterator<Item = (P, Answer)>>(
        &self,
        ip: &str,
        answers: impl FnOnce(u16) -> A,
    ) -> u16 {
        let ip: IpAddr = ip.parse().expect("an address");
        let listener = self.0.block_on(TcpListener::bind((ip, 0))).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let answers: HashMap<String, Answer> =
            answers(port).into_iter().map(|(path, answer)| (path.into(), answer)).collect();
        let answers = Arc::new(answers);
        self.0.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answers = answers.clone();
                // A client that goes away is no concern of a server's.
                tokio::spawn(async move { drop(serve(stream, &answers).await) });
            }
        });
        port
    }
}

async fn serve(mut stream: TcpStream, answers: &HashMap<String, Answer>) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
        // Who begins a TLS handshake is told what servers without TLS tell.
        if head.first().is_some_and(|byte| !byte.is_ascii_uppercase()) {
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").await?;
            return stream.shutdown().await;
        }
    }
    let head = String::from_utf8_lossy(&head);
    let path = head.split(' ').nth(1).unwrap_or_default();
    let not_found = Answer::with("404 Not Found", "", "");
    match answers.get(path).unwrap_or(&not_found) {
        Answer::Raw(bytes) => stream.write_all(bytes).await?,
        Answer::HangUp => {}
        Answer::Drip(head) => {
            stream.write_all(head.as_bytes()).await?;
            loop {
                stream.write_all(b"x").await?;
                sleep(Duration::from_secs(1)).await;
            }
        }
        Answer::Flood(head, bytes) => {
            stream.write_all(head.as_bytes()).await?;
            let block = vec![b'x'; 64 << 10];
            let mut left = *bytes;
            while left > 0 {
                let now = left.min(block.len() as u64);
                stream.write_all(&block[..now as usize]).await?;
                left -= now;
            }
        }
    }
    stream.shutdown().await?;
    // What the client still says is heard, so that no reset overtakes the answer.
    let mut rest = [0; 1024];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}
