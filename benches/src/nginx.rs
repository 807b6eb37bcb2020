//! A private nginx with pages of its own.

use std::{
    fs,
    net::TcpListener as StdListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use sheaf_common::id::ContentHash;
use url::Url;

use crate::{
    AnyError,
    check::{Expected, Known},
    descendants, program,
};

/// Bytes of each page.
pub(crate) const PAGE_BYTES: usize = 41_450;

/// An nginx with a folder, a port and pages of its own.
pub(crate) struct Nginx {
    process: Child,
    /// Address of each page.
    pub(crate) urls: Vec<Url>,
}

impl Nginx {
    /// Starts one in `folder` on a free port with so many pages, no two alike.
    pub(crate) fn start(folder: &Path, count: usize) -> Result<Self, AnyError> {
        // Its workers run as another user when it is started by root.
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
        let pages = folder.join("pages");
        fs::create_dir(&pages)?;
        for page in 0..count {
            fs::write(pages.join(format!("{page}.html")), page_text(page))?;
        }
        let port = StdListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let configuration = folder.join("nginx.conf");
        let here = folder.display();
        fs::write(
            &configuration,
            format!(
                "daemon off; pid {here}/pid; error_log {here}/error.log; worker_processes 1;
                 events {{ worker_connections 512; }}
                 http {{
                   access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
                   types {{ text/html html; }}
                   client_body_temp_path {here}/t1; proxy_temp_path {here}/t2; fastcgi_temp_path {here}/t3;
                   uwsgi_temp_path {here}/t4; scgi_temp_path {here}/t5;
                   server {{ listen 127.0.0.1:{port}; root {pages}; }}
                 }}",
                pages = pages.display()
            ),
        )?;
        let program = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/opt/homebrew/bin/nginx"]
            .iter()
            .map(PathBuf::from)
            .find(|program| program.exists())
            .ok_or("nginx is not installed: install the package nginx-light")?;
        let mut process =
            Command::new(program).arg("-c").arg(&configuration).stderr(Stdio::null()).spawn()?;
        let deadline = Instant::now() + Duration::from_secs(10);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Some(status) = process.try_wait()? {
                let log = fs::read_to_string(folder.join("error.log")).unwrap_or_default();
                return Err(format!("it ended with {status}: {log}").into());
            }
            if Instant::now() > deadline {
                return Err("it does not listen after 10 s".into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let urls = (0..count).map(|page| Url::parse(&format!("http://127.0.0.1:{port}/{page}.html")));
        let urls = urls.collect::<Result<_, _>>()?;
        Ok(Self { process, urls })
    }
}

impl Nginx {
    /// CPU time that it has spent so far, in seconds.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        let master = self.process.id().cast_signed();
        let all = std::iter::once(master).chain(descendants::of(master));
        all.map(|process| program::cpu_seconds(&process.to_string())).sum()
    }

    /// Its first pages, to check records by.
    pub(crate) fn first(&self, count: usize) -> Pages {
        Pages(count.min(self.urls.len()))
    }
}

/// So many pages, from the first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pages(pub(crate) usize);

impl Known for Pages {
    fn count(&self) -> usize {
        self.0
    }

    fn number(&self, source: &str) -> Option<usize> {
        source.rsplit_once('/')?.1.strip_suffix(".html")?.parse().ok()
    }

    fn expected(&self, number: usize) -> Expected {
        let text = page_text(number);
        // The title and the mark-up are two words, which may or may not count as main text; the last word may be torn.
        let words = String::from_utf8_lossy(&text).split_whitespace().count() as u64;
        Expected {
            sha256: ContentHash::of(&text).to_string(),
            title: format!("Page {number}"),
            words: words.saturating_sub(10)..=words + 10,
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // The master passes SIGTERM on to its workers; a plain kill would leave them behind.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}

/// A page; a function of its number.
pub(crate) fn page_text(page: usize) -> Vec<u8> {
    let mut text = format!("<!doctype html><title>Page {page}</title><p>").into_bytes();
    while text.len() < PAGE_BYTES {
        text.extend_from_slice(format!("Sentence {} of page {page} says little. ", text.len()).as_bytes());
    }
    text.truncate(PAGE_BYTES);
    text
}

/// The number of a page, by its text; `None` where it is no page.
pub(crate) fn page_of(text: &[u8]) -> Option<u64> {
    let number = text.strip_prefix(b"<!doctype html><title>Page ")?;
    let end = number.iter().position(|byte| !byte.is_ascii_digit())?;
    std::str::from_utf8(number.get(..end)?).ok()?.parse().ok()
}
