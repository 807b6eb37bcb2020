//! The documents that sources name, one after the other.

use std::{collections::HashSet, fs, io::BufReader, path::Path};

use sheaf_common::fault::{Fault, FaultKind};
use sheaf_fetch::{Accept, FetchFailure, FetchRequest, Fetched, canonical_url, names_private_host};
use tokio::sync::mpsc;
use url::Url;

use super::{
    Candidate, Filter, Given, Location,
    list::{self, Line},
    sitemap, walk,
};

/// Candidates that wait to be accepted.
const AHEAD: usize = 256;
/// Deepest nesting of sitemap indexes; the protocol allows one level.
const DEEPEST_INDEX: usize = 8;
/// Most sitemaps read for one source; an index names at most 50,000.
const MOST_SITEMAPS: usize = 50_000;
/// Most bytes of a local file that is looked at as a sitemap.
const LARGEST_LOCAL_SITEMAP: u64 = 64 << 20;

/// The sources of a run.
#[derive(Debug, Clone)]
pub struct Sources {
    /// As given, in order.
    pub given: Vec<Given>,
    /// What is taken of folders and sitemaps.
    pub filter: Filter,
}

/// The receiver of candidates is gone: the run is draining.
struct Drained;

type Sent = Result<(), Drained>;

impl Sources {
    /// Enumerates every candidate in order, into a channel of stated capacity. Ends early when the receiver is dropped.
    /// `fetch` downloads sitemaps.
    pub fn enumerate<F>(self, fetch: F) -> mpsc::Receiver<Candidate>
    where
        F: Download,
    {
        let (candidates, receiver) = mpsc::channel(AHEAD);
        tokio::spawn(async move {
            let nobody_listens = candidates.clone();
            let enumeration = Enumeration { filter: self.filter, fetch, candidates };
            let every = async {
                for given in self.given {
                    if enumeration.given(given).await.is_err() {
                        break;
                    }
                }
            };
            // A drain must not wait for whoever writes the list on standard input.
            tokio::select! {
                () = every => {}
                () = nobody_listens.closed() => {}
            }
        });
        receiver
    }
}

/// Downloads one thing, with retries.
pub trait Download: Send + Sync + 'static {
    /// Downloads what `request` names.
    fn download(&self, request: FetchRequest) -> impl Future<Output = Result<Fetched, FetchFailure>> + Send;
}

struct Enumeration<F> {
    filter: Filter,
    fetch: F,
    candidates: mpsc::Sender<Candidate>,
}

impl<F: Download> Enumeration<F> {
    async fn send(&self, candidate: Candidate) -> Sent {
        self.candidates.send(candidate).await.map_err(|_| Drained)
    }

    async fn given(&self, given: Given) -> Sent {
        match given {
            Given::Url(url) => self.url(url).await,
            Given::Path(path) => self.path(&path).await,
            Given::List(path) => {
                let name = path.display().to_string();
                match tokio::task::spawn_blocking(move || fs::File::open(path)).await {
                    Ok(Ok(file)) => self.list(name, BufReader::new(file)).await,
                    Ok(Err(error)) => self.send(Candidate::broken(name, walk::unreadable(&error))).await,
                    Err(_) => Err(Drained),
                }
            }
            Given::StandardInput => {
                self.list("standard input".to_owned(), BufReader::new(std::io::stdin())).await
            }
        }
    }

    /// The lines come from a thread of their own, because a pipe may keep its reader waiting for as long as it likes.
    async fn list(&self, name: String, reader: impl std::io::BufRead + Send + 'static) -> Sent {
        let (lines, mut read) = mpsc::channel(AHEAD);
        let reading = std::thread::Builder::new().name("list".to_owned()).spawn(move || {
            for line in list::lines(reader) {
                let failed = line.is_err();
                if lines.blocking_send(line).is_err() || failed {
                    break;
                }
            }
        });
        if let Err(error) = reading {
            let fault = Fault::new(FaultKind::Internal, format!("no thread could be started: {error}"), "");
            return self.send(Candidate::broken(name, fault)).await;
        }
        while let Some(line) = read.recv().await {
            match line {
                Ok((number, Line::Source(source))) => match Given::parse_entry(&source) {
                    Ok(given) => Box::pin(self.given(given)).await?,
                    Err(error) => {
                        let fault = Fault::new(
                            FaultKind::BadSource,
                            format!("{name}, line {number}: {error}"),
                            "correct the line and run again; the other lines are not affected",
                        );
                        self.send(Candidate::broken(source.to_string_lossy(), fault)).await?;
                    }
                },
                Ok((number, Line::TooLong)) => {
                    let fault = Fault::new(
                        FaultKind::BadSource,
                        format!("{name}, line {number}: the line is longer than 64 KiB"),
                        "a list has one source a line",
                    );
                    self.send(Candidate::broken(format!("{name}, line {number}"), fault)).await?;
                }
                Err(error) => self.send(Candidate::broken(name.clone(), walk::unreadable(&error))).await?,
            }
        }
        Ok(())
    }

    async fn path(&self, path: &Path) -> Sent {
        let owned = path.to_owned();
        let Ok(metadata) = tokio::task::spawn_blocking(move || fs::metadata(owned)).await else {
            return Err(Drained);
        };
        match metadata {
            Err(error) => {
                self.send(Candidate::broken(path.to_string_lossy(), walk::unreadable(&error))).await
            }
            Ok(metadata) if metadata.is_dir() => self.folder(path).await,
            Ok(metadata) => {
                let may_be_sitemap = path.to_str().is_some_and(sitemap::may_be_sitemap);
                if may_be_sitemap && metadata.is_file() && metadata.len() <= LARGEST_LOCAL_SITEMAP {
                    let owned = path.to_owned();
                    let read =
                        tokio::task::spawn_blocking(move || sitemap::read(&fs::read(owned).ok()?)).await;
                    if let Ok(Some(sitemap)) = read {
                        return self.sitemap(path.display().to_string(), None, sitemap).await;
                    }
                }
                self.send(Candidate::file(path.to_owned())).await
            }
        }
    }

    async fn folder(&self, path: &Path) -> Sent {
        let (path, filter, candidates) = (path.to_owned(), self.filter.clone(), self.candidates.clone());
        let walked = tokio::task::spawn_blocking(move || {
            walk::walk(&path, &filter)
                .try_for_each(|candidate| candidates.blocking_send(candidate).map_err(|_| Drained))
        });
        walked.await.unwrap_or(Err(Drained))
    }

    async fn url(&self, url: Url) -> Sent {
        let private_allowed = names_private_host(&url);
        if sitemap::may_be_sitemap(url.path()) {
            let request = FetchRequest { url: url.clone(), private_allowed, accept: Accept::Anything };
            // What fails here fails again as a document, and is reported there.
            if let Ok(fetched) = self.fetch.download(request).await
                && let Some(sitemap) = sitemap::read(&fetched.body)
            {
                return self.sitemap(url.to_string(), Some(url), sitemap).await;
            }
        }
        let source = sheaf_fetch::displayed(&url);
        self.send(Candidate { source, at: Location::Url(url), depth: 0, private_allowed }).await
    }

    /// The documents of a sitemap and of those it names, depth first, each sitemap once.
    async fn sitemap(&self, name: String, url: Option<Url>, root: sitemap::Sitemap) -> Sent {
        // A private address given by hand covers the documents the sitemap names on that host.
        let trusted =
            url.as_ref().filter(|url| names_private_host(url)).and_then(Url::host_str).map(str::to_owned);
        let private = |url: &Url| trusted.is_some() && url.host_str() == trusted.as_deref();
        let mut seen: HashSet<String> = url.iter().map(canonical_url).collect();
        let mut pending = vec![(name, 0, Some(root), url)];
        while let Some((name, depth, read, at)) = pending.pop() {
            let read = match (read, at) {
                (Some(read), _) => Ok(read),
                (None, Some(url)) => self.nested(&url, private(&url)).await,
                (None, None) => continue,
            };
            let read = match read {
                Ok(read) => read,
                Err(fault) => {
                    self.send(Candidate::broken(name, fault)).await?;
                    continue;
                }
            };
            if let Some(cut) = &read.cut {
                tracing::warn!(sitemap = name, "the sitemap was not read to its end: {cut}");
            }
            if read.unusable > 0 {
                tracing::warn!(
                    sitemap = name,
                    entries = read.unusable,
                    "entries that are no web address were left out"
                );
            }
            let mut nested = Vec::new();
            for url in read.addresses {
                let known = !seen.insert(canonical_url(&url));
                if !read.is_index && !known {
                    // Documents are not remembered here: the run itself knows its duplicates.
                    seen.remove(&canonical_url(&url));
                    if self.filter.takes_url(&url) {
                        let (source, private_allowed) = (sheaf_fetch::displayed(&url), private(&url));
                        self.send(Candidate { source, at: Location::Url(url), depth: 0, private_allowed })
                            .await?;
                    }
                } else if known || depth >= DEEPEST_INDEX || seen.len() > MOST_SITEMAPS {
                    self.send(Candidate::broken(sheaf_fetch::displayed(&url), again(&name, known))).await?;
                } else {
                    nested.push((sheaf_fetch::displayed(&url), depth + 1, None, Some(url)));
                }
            }
            pending.extend(nested.into_iter().rev());
        }
        Ok(())
    }

    async fn nested(&self, url: &Url, private_allowed: bool) -> Result<sitemap::Sitemap, Fault> {
        let request = FetchRequest { url: url.clone(), private_allowed, accept: Accept::Anything };
        let fetched = self.fetch.download(request).await.map_err(|failure| failure.fault())?;
        sitemap::read(&fetched.body).ok_or_else(|| {
            Fault::new(
                FaultKind::Malformed,
                "a sitemap index names this as a sitemap, and it is none",
                "the documents of the other sitemaps are not affected",
            )
        })
    }
}

fn again(name: &str, known: bool) -> Fault {
    if known {
        Fault::new(
            FaultKind::Duplicate,
            format!("the sitemap {name} names a sitemap that was read before"),
            "nothing is lost: what it names is taken once",
        )
    } else {
        Fault::new(
            FaultKind::TooLarge,
            format!(
                "the sitemap {name} leads more than {DEEPEST_INDEX} levels deep or to over {MOST_SITEMAPS} sitemaps"
            ),
            "name this sitemap as a source of its own",
        )
    }
}
