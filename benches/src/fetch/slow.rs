//! A server in this process that takes its time for each answer.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use url::Url;

use crate::{
    AnyError,
    nginx::{PAGE_BYTES, page_text},
};

const NOT_FOUND: &[u8] = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";

fn answer(page: usize) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {PAGE_BYTES}\r\n\r\n");
    [head.into_bytes(), page_text(page)].concat()
}

/// The page that a request is for.
fn asked(request: &[u8]) -> Option<usize> {
    let line = std::str::from_utf8(request).ok()?.lines().next()?;
    line.strip_prefix("GET /")?.split_once(".html")?.0.parse().ok()
}

/// Serves so many pages, each after `delay`, as long as the runtime lasts.
pub(crate) async fn serve(pages: usize, delay: Duration) -> Result<Vec<Url>, AnyError> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let pages_served: Arc<[Vec<u8>]> = (0..pages).map(answer).collect();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let pages = Arc::clone(&pages_served);
            tokio::spawn(async move {
                let mut request = Vec::new();
                while stream.read_buf(&mut request).await.is_ok_and(|read| read > 0) {
                    if request.ends_with(b"\r\n\r\n") {
                        let page = asked(&request).and_then(|page| pages.get(page));
                        let answer = page.map_or(NOT_FOUND, Vec::as_slice);
                        request.clear();
                        tokio::time::sleep(delay).await;
                        if stream.write_all(answer).await.is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
    Ok((0..pages)
        .map(|page| Url::parse(&format!("http://{address}/{page}.html")))
        .collect::<Result<_, _>>()?)
}
