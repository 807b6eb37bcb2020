//! A web site that behaves, served over HTTP on a loopback address.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// What the site answers under one path.
#[derive(Debug, Clone)]
pub struct Page {
    /// Status line after the version, such as `200 OK`.
    pub status: &'static str,
    /// Header fields.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Page {
    /// A page of HTML.
    pub fn html(body: impl Into<String>) -> Self {
        Self::of("text/html; charset=utf-8", body.into())
    }

    /// Anything else that is there.
    pub fn of(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("Content-Type".to_owned(), content_type.to_owned())];
        Self { status: "200 OK", headers, body: body.into() }
    }

    /// A redirect.
    pub fn redirect(to: &str) -> Self {
        Self { status: "302 Found", headers: vec![("Location".to_owned(), to.to_owned())], body: Vec::new() }
    }

    /// An article with a title, a text of its own and these links.
    pub fn article(title: &str, links: &[&str]) -> Self {
        let links: String =
            links.iter().map(|link| format!("<li><a href=\"{link}\">{link}</a></li>")).collect();
        Self::html(format!(
            "<!doctype html><html lang=en><head><title>{title}</title></head><body><article><h1>{title}</h1>\
             <p>{title} is the first page that tells how high the water stood at the harbour of {title}.</p>\
             <p>It was measured at noon, by the keeper of {title}, and written down in the same hour.</p></article>\
             <ul>{links}</ul></body></html>"
        ))
    }
}

/// A running site. Its thread ends with the test program.
#[derive(Debug)]
pub struct Site {
    address: SocketAddr,
    pages: Arc<Mutex<HashMap<String, Page>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Site {
    /// A site at 127.0.0.1.
    pub fn start() -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST)
    }

    /// A site at another loopback address.
    pub fn start_at(address: Ipv4Addr) -> Self {
        let listener = TcpListener::bind((address, 0)).expect("a port");
        let site = Self {
            address: listener.local_addr().expect("an address"),
            pages: Arc::default(),
            asked: Arc::default(),
        };
        let (pages, asked) = (site.pages.clone(), site.asked.clone());
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (pages, asked) = (pages.clone(), asked.clone());
                // A client that leaves in the middle is its own affair.
                thread::spawn(move || serve(connection, &pages, &asked).unwrap_or_default());
            }
        });
        site
    }

    /// Puts a page under a path, which begins with a slash.
    pub fn put(&self, path: &str, page: Page) {
        self.pages.lock().unwrap().insert(path.to_owned(), page);
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Paths that were asked for, in order.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// How often a path was asked for.
    pub fn times_asked(&self, path: &str) -> usize {
        self.asked().iter().filter(|asked| *asked == path).count()
    }
}

fn serve(
    connection: TcpStream,
    pages: &Mutex<HashMap<String, Page>>,
    asked: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut writer = connection.try_clone()?;
    let mut reader = BufReader::new(connection);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let path = line.split(' ').nth(1).unwrap_or("/").to_owned();
        while line.trim_end() != "" {
            line.clear();
            reader.read_line(&mut line)?;
        }
        asked.lock().unwrap().push(path.clone());
        let missing = Page { status: "404 Not Found", headers: Vec::new(), body: b"not here".to_vec() };
        let page = pages.lock().unwrap().get(&path).cloned().unwrap_or(missing);
        let mut head = format!("HTTP/1.1 {}\r\nContent-Length: {}\r\n", page.status, page.body.len());
        for (name, value) in &page.headers {
            head += &format!("{name}: {value}\r\n");
        }
        writer.write_all((head + "\r\n").as_bytes())?;
        writer.write_all(&page.body)?;
        writer.flush()?;
    }
}
