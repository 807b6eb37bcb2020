//! The fetcher against a server that misbehaves.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod server;

use std::{io::Write, net::IpAddr, sync::Arc, time::Duration};

use server::{Piece, Server, answer, not_found, page, redirect};
use sheaf_common::fault::FaultKind;
use sheaf_fetch::{
    Accept, Advice, Fetch, FetchFailure, FetchLimits, FetchRequest, Fetched, HttpFetcher, USER_AGENT,
    testing::ScriptedLookup,
};
use url::Url;

fn limits() -> FetchLimits {
    FetchLimits { allow_private_addresses: true, ..FetchLimits::default() }
}

async fn fetch_with(limits: FetchLimits, url: Url) -> Result<Fetched, FetchFailure> {
    HttpFetcher::new(limits).unwrap().fetch(FetchRequest::document(url)).await
}

async fn fetch(url: Url) -> Result<Fetched, FetchFailure> {
    fetch_with(limits(), url).await
}

/// A failure of this kind, whose message and hint are fit for a person.
fn fails(result: Result<Fetched, FetchFailure>, kind: FaultKind, words: &[&str]) -> FetchFailure {
    let failure = result.expect_err("must fail");
    let message = failure.to_string();
    assert_eq!(failure.kind, kind, "{message}");
    for word in words {
        assert!(message.contains(word), "`{message}` does not say `{word}`");
    }
    assert!(message.contains("tried once"), "{message}");
    assert!(!failure.hint.is_empty());
    failure
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_page_comes_with_its_facts() {
    let server = Server::start(|_| {
        let headers =
            "Content-Type: text/html; charset=ISO-8859-1\r\nETag: \"1\"\r\nLast-Modified: yesterday\r\n";
        answer("200 OK", headers, b"caf\xe9")
    })
    .await;
    let fetched = fetch(server.url("/a?b=c#d")).await.unwrap();
    assert_eq!(&fetched.body[..], b"caf\xe9", "the character set is left as sent");
    assert_eq!(fetched.content_type.as_deref(), Some("text/html; charset=ISO-8859-1"));
    assert_eq!(
        (fetched.etag.as_deref(), fetched.last_modified.as_deref()),
        (Some("\"1\""), Some("yesterday"))
    );
    assert_eq!((fetched.status, fetched.wire_bytes, fetched.redirects, fetched.attempts), (200, 4, 0, 1));
    assert_eq!(server.paths(), ["/robots.txt", "/a?b=c"]);
    let head = &server.asked()[1].head;
    assert!(head.contains(&format!("user-agent: {USER_AGENT}\r\n")), "{head}");
    assert!(head.contains("accept-encoding: gzip, br, zstd\r\n"), "{head}");
}

#[tokio::test]
async fn content_encodings_are_undone() {
    let text = b"the same text again and again ".repeat(100);
    let packed = [("gzip", gzip(&text)), ("zstd", zstd::encode_all(&text[..], 3).unwrap())];
    for (encoding, packed) in packed {
        let length = packed.len() as u64;
        let server =
            Server::start(move |_| answer("200 OK", &format!("Content-Encoding: {encoding}\r\n"), &packed))
                .await;
        let fetched = fetch(server.url("/")).await.unwrap();
        assert_eq!(&fetched.body[..], &text[..], "{encoding}");
        assert_eq!(fetched.wire_bytes, length);
    }
    let brotli = [b"\x0b\x06\x80".as_slice(), b"hello brotli\n", b"\x03"].concat();
    let server = Server::start(move |_| answer("200 OK", "Content-Encoding: br\r\n", &brotli)).await;
    assert_eq!(&fetch(server.url("/")).await.unwrap().body[..], b"hello brotli\n");
    let server = Server::start(|_| answer("200 OK", "Content-Encoding: sdch\r\n", b"x")).await;
    fails(fetch(server.url("/")).await, FaultKind::Body, &["sdch", "127.0.0.1"]);
}

#[tokio::test]
async fn redirects_are_followed_to_the_document() {
    let other = Server::start(|_| page(b"here")).await;
    let target = other.url("/c").to_string();
    let server = Server::start(move |asked| match asked.path.as_str() {
        "/robots.txt" => not_found(),
        "/a" => redirect("b?x=1#part"),
        "/b?x=1" => redirect(&target),
        "/strange" => redirect("http://[nonsense"),
        _ => page(b"not here"),
    })
    .await;
    let fetched = fetch(server.url("/a")).await.unwrap();
    assert_eq!(&fetched.body[..], b"here");
    assert_eq!((fetched.redirects, fetched.final_url), (2, other.url("/c")));
    fails(fetch(server.url("/strange")).await, FaultKind::Redirect, &["http://[nonsense", "no address"]);
}

#[tokio::test]
async fn redirects_in_a_loop_or_without_end_are_stopped() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/robots.txt" => not_found(),
        "/a" => redirect("/b"),
        "/b" => redirect("/a"),
        "/self" => redirect("/self#again"),
        "/nowhere" => answer("301 Moved Permanently", "", b""),
        "/file" => redirect("file:///etc/passwd"),
        path => redirect(&format!("{path}0")),
    })
    .await;
    fails(fetch(server.url("/a")).await, FaultKind::Redirect, &["127.0.0.1", "leads back"]);
    fails(fetch(server.url("/self")).await, FaultKind::Redirect, &["leads back"]);
    fails(fetch(server.url("/nowhere")).await, FaultKind::Redirect, &["names no address"]);
    fails(fetch(server.url("/file")).await, FaultKind::Redirect, &["scheme `file`"]);
    let before = server.paths().len();
    let failure = fails(fetch(server.url("/1")).await, FaultKind::Redirect, &["11"]);
    assert_eq!(failure.advice, Advice::GiveUp);
    assert_eq!(server.paths().len() - before, 1 + 11, "robots.txt, the page, and ten redirects");
}

#[tokio::test]
async fn credentials_go_to_their_host_alone_and_into_no_message() {
    let other = Server::start(|_| page(b"other")).await;
    let elsewhere = other.url("/x").to_string();
    let server = Server::start(move |asked| match asked.path.as_str() {
        "/robots.txt" => not_found(),
        "/here" => redirect("/there"),
        "/away" => redirect(&elsewhere),
        "/gone" => answer("500 Oops", "", b""),
        _ => page(b"ok"),
    })
    .await;
    let with_secret = |path: &str| {
        let mut url = server.url(path);
        url.set_username("user").unwrap();
        url.set_password(Some("secret")).unwrap();
        url
    };
    let fetched = fetch(with_secret("/here")).await.unwrap();
    assert_eq!(fetched.final_url, server.url("/there"));
    assert!(server.asked().last().unwrap().head.contains("authorization: basic dxnlcjpzzwnyzxq="));
    fetch(with_secret("/away")).await.unwrap();
    assert!(other.asked().iter().all(|asked| !asked.head.contains("authorization")));
    let failure = fails(fetch(with_secret("/gone")).await, FaultKind::HttpStatus, &["500"]);
    assert!(!format!("{failure:?}").contains("secret"));
    let failure = fetch("ftp://user:secret@example.org/".parse().unwrap()).await.unwrap_err();
    assert!(!format!("{failure:?}").contains("secret") && failure.kind == FaultKind::BadSource);
}

#[tokio::test]
async fn private_addresses_are_refused_in_every_spelling() {
    let server = Server::start(|_| page(b"secret")).await;
    let fetcher = HttpFetcher::new(FetchLimits::default()).unwrap();
    for host in
        ["127.0.0.1", "0x7f000001", "017700000001", "2130706433", "127.1", "[::ffff:127.0.0.1]", "localhost"]
    {
        let result = fetcher.fetch(FetchRequest::document(server.url_at(host, "/"))).await;
        let failure = fails(result, FaultKind::AddressRefused, &["a loopback address"]);
        assert_eq!(failure.advice, Advice::GiveUp);
    }
    let result =
        fetcher.fetch(FetchRequest::document("http://169.254.169.254/latest/".parse().unwrap())).await;
    fails(result, FaultKind::AddressRefused, &["metadata"]);
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn a_source_given_by_hand_covers_its_own_host_and_no_other() {
    let inside = Server::start_at("127.0.0.3".parse().unwrap(), |_| page(b"inside")).await;
    let target = inside.url("/admin").to_string();
    let server = Server::start(move |asked| match asked.path.as_str() {
        "/robots.txt" => not_found(),
        "/away" => redirect(&target),
        "/here" => redirect("/page"),
        _ => page(b"mine"),
    })
    .await;
    let fetcher = HttpFetcher::new(FetchLimits::default()).unwrap();
    let by_hand =
        |path: &str| FetchRequest { private_allowed: true, ..FetchRequest::document(server.url(path)) };
    assert_eq!(&fetcher.fetch(by_hand("/here")).await.unwrap().body[..], b"mine");
    fails(fetcher.fetch(by_hand("/away")).await, FaultKind::AddressRefused, &["127.0.0.3", "redirect"]);
    assert!(inside.asked().is_empty());
}

#[tokio::test]
async fn a_name_that_turns_private_at_the_second_look_up_is_not_followed() {
    let [public, private]: [IpAddr; 2] = ["127.0.0.2".parse().unwrap(), "127.0.0.1".parse().unwrap()];
    // Each answer ends its connection, so that the next request looks the name up again.
    let outside = Server::start_at(public, |asked| {
        let mut pieces = if asked.path == "/robots.txt" { not_found() } else { page(b"public") };
        pieces.push(Piece::Send(Vec::new()));
        pieces
    })
    .await;
    let lookup = Arc::new(
        ScriptedLookup::default()
            .name("steady.test", &[&[public]])
            .name("turncoat.test", &[&[public], &[private]])
            .name("mixed.test", &[&[private, public]]),
    );
    let fetcher =
        HttpFetcher::pretending(FetchLimits::default(), Arc::clone(&lookup) as _, vec![public]).unwrap();
    let fetch = |host: &str| fetcher.fetch(FetchRequest::document(outside.url_at(host, "/")));
    assert_eq!(&fetch("steady.test").await.unwrap().body[..], b"public");
    // The first look-up serves robots.txt; the page is asked for after the second.
    let failure =
        fails(fetch("turncoat.test").await, FaultKind::AddressRefused, &["turncoat.test", "loopback"]);
    assert_eq!(failure.advice, Advice::GiveUp);
    assert_eq!(lookup.asked("turncoat.test"), 2);
    // Of a name with both kinds of addresses, only the public ones are connected to.
    assert_eq!(&fetch("mixed.test").await.unwrap().body[..], b"public");
    let failure = fails(fetch("missing.test").await, FaultKind::Dns, &["missing.test", "no such name"]);
    assert_eq!(failure.advice, Advice::HostDown);
}

#[tokio::test]
async fn a_trickle_is_ended() {
    let limits = FetchLimits { pace_window: Duration::from_millis(200), ..limits() };
    let server = Server::start(|asked| {
        if asked.path == "/robots.txt" {
            return not_found();
        }
        let mut pieces = vec![Piece::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n".to_vec())];
        for _ in 0..1000 {
            pieces.extend([Piece::Send(b"x".to_vec()), Piece::Wait(Duration::from_millis(20))]);
        }
        pieces
    })
    .await;
    let failure = fails(
        fetch_with(limits, server.url("/")).await,
        FaultKind::FetchTimeout,
        &["least pace", "127.0.0.1"],
    );
    assert_eq!(failure.advice, Advice::TryAgain);
}

#[tokio::test]
async fn silence_before_and_within_an_answer_is_ended() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/robots.txt" => not_found(),
        "/mute" => vec![Piece::Hang],
        _ => vec![
            Piece::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n".to_vec()),
            Piece::Send(vec![b'x'; 5000]),
            Piece::Hang,
        ],
    })
    .await;
    let limits = FetchLimits {
        first_byte: Duration::from_millis(200),
        body: Duration::from_millis(200),
        pace_window: Duration::from_mins(1),
        ..limits()
    };
    fails(
        fetch_with(limits.clone(), server.url("/mute")).await,
        FaultKind::FetchTimeout,
        &["did not begin to answer"],
    );
    fails(
        fetch_with(limits, server.url("/stall")).await,
        FaultKind::FetchTimeout,
        &["had not ended", "5000 bytes"],
    );
}

#[tokio::test]
async fn a_body_that_breaks_off_is_told_from_a_whole_one() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/robots.txt" => not_found(),
        "/length" => vec![
            Piece::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf of it".to_vec()),
            Piece::Send(Vec::new()),
        ],
        "/chunked" => vec![
            Piece::Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n".to_vec()),
            Piece::Send(Vec::new()),
        ],
        "/packed" => answer("200 OK", "Content-Encoding: gzip\r\n", &gzip(b"some text")[..12]),
        _ => vec![Piece::Send(Vec::new())],
    })
    .await;
    let failure = fails(fetch(server.url("/length")).await, FaultKind::Body, &["10 bytes", "1000 announced"]);
    assert_eq!(failure.advice, Advice::TryAgain);
    fails(fetch(server.url("/chunked")).await, FaultKind::Body, &["after 5 bytes"]);
    fails(fetch(server.url("/packed")).await, FaultKind::Body, &["gzip", "12 bytes"]);
    let failure = fails(fetch(server.url("/hangup")).await, FaultKind::Connect, &["before it answered"]);
    assert_eq!(failure.advice, Advice::TryAgain);
}

#[tokio::test]
async fn a_content_length_that_is_too_short_ends_the_body_there() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/robots.txt" => not_found(),
        "/nonsense" => vec![Piece::Send(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nhello".to_vec())],
        "/two" => {
            vec![Piece::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nhi".to_vec())]
        }
        _ => vec![Piece::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more".to_vec())],
    })
    .await;
    assert_eq!(&fetch(server.url("/")).await.unwrap().body[..], b"hello");
    fails(fetch(server.url("/nonsense")).await, FaultKind::Connect, &["127.0.0.1"]);
    fails(fetch(server.url("/two")).await, FaultKind::Connect, &["127.0.0.1"]);
}

#[tokio::test]
async fn bodies_beyond_the_caps_are_stopped() {
    let bomb = gzip(&vec![0; 100 << 20]);
    assert!(bomb.len() < 200_000);
    let server = Server::start(move |asked| match asked.path.as_str() {
        "/robots.txt" => not_found(),
        "/bomb" => answer("200 OK", "Content-Encoding: gzip\r\n", &bomb),
        "/announced" => {
            vec![Piece::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n".to_vec()), Piece::Hang]
        }
        _ => {
            let mut pieces = vec![Piece::Send(b"HTTP/1.1 200 OK\r\n\r\n".to_vec())];
            pieces.extend(std::iter::repeat_n(Piece::Send(vec![b'x'; 1 << 16]), 64));
            pieces
        }
    })
    .await;
    let limits = FetchLimits { wire_bytes: 1 << 20, body_bytes: 2 << 20, ..limits() };
    let bombed = fetch_with(limits.clone(), server.url("/bomb")).await;
    let failure = fails(bombed, FaultKind::TooLarge, &["unpacks to more than", "2048 KiB"]);
    assert_eq!(failure.advice, Advice::GiveUp);
    fails(fetch_with(limits.clone(), server.url("/announced")).await, FaultKind::TooLarge, &["announced"]);
    fails(fetch_with(limits, server.url("/endless")).await, FaultKind::TooLarge, &["1024 KiB"]);
}

#[tokio::test]
async fn robots_txt_is_heeded_and_asked_for_once() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/robots.txt" => page(b"User-agent: *\nDisallow: /private\nCrawl-delay: 1.5"),
        "/hop" => redirect("/private/page"),
        _ => page(b"ok"),
    })
    .await;
    let fetcher = HttpFetcher::new(limits()).unwrap();
    let fetch = |path: &str| fetcher.fetch(FetchRequest::document(server.url(path)));
    let terms = fetcher.terms(FetchRequest::document(server.url("/x"))).await.unwrap();
    assert_eq!(terms.crawl_delay, Some(Duration::from_millis(1500)));
    let (a, b) = tokio::join!(fetch("/a"), fetch("/b"));
    assert!(a.is_ok() && b.is_ok());
    fails(fetch("/private/a").await, FaultKind::Robots, &["robots.txt of 127.0.0.1"]);
    fails(fetch("/hop").await, FaultKind::Robots, &["robots.txt"]);
    let robots = server.paths().iter().filter(|path| *path == "/robots.txt").count();
    assert_eq!(robots, 1);
    assert!(!server.paths().iter().any(|path| path.starts_with("/private")));
    let rude = FetchLimits { respect_robots: false, ..limits() };
    assert!(fetch_with(rude, server.url("/private/a")).await.is_ok());
}

#[tokio::test]
async fn a_robots_txt_of_ten_megabytes_is_read_to_its_cap() {
    let mut robots = b"User-agent: *\nDisallow: /early\n".to_vec();
    while robots.len() < 10_000_000 {
        robots.extend_from_slice(b"# nothing to see here, for a long, long while\n");
    }
    let packed = gzip(&robots);
    for (encoding, sent) in [("identity", robots), ("gzip", packed)] {
        let server = Server::start(move |asked| match asked.path.as_str() {
            "/robots.txt" => answer("200 OK", &format!("Content-Encoding: {encoding}\r\n"), &sent),
            _ => page(b"ok"),
        })
        .await;
        fails(fetch(server.url("/early")).await, FaultKind::Robots, &[]);
        assert!(fetch(server.url("/fine")).await.is_ok());
    }
}

#[tokio::test]
async fn a_robots_txt_that_fails_keeps_us_away_and_one_that_is_missing_does_not() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/robots.txt" => answer("503 Service Unavailable", "Retry-After: 7\r\n", b""),
        _ => page(b"ok"),
    })
    .await;
    let failure =
        fails(fetch(server.url("/")).await, FaultKind::HttpStatus, &["robots.txt of 127.0.0.1", "503"]);
    assert_eq!(failure.advice, Advice::ComeBack { after: Some(Duration::from_secs(7)) });
    let fetcher = HttpFetcher::new(limits()).unwrap();
    assert!(fetcher.terms(FetchRequest::document(server.url("/"))).await.is_err());
    let server = Server::start(|asked| match asked.path.as_str() {
        "/robots.txt" => answer("403 Forbidden", "", b"User-agent: *\nDisallow: /"),
        _ => page(b"ok"),
    })
    .await;
    assert!(fetch(server.url("/")).await.is_ok());
    let server = Server::start(|asked| match asked.path.as_str() {
        "/robots.txt" => redirect("/moved.txt"),
        "/moved.txt" => page(b"User-agent: sheaf\nDisallow: /no"),
        _ => page(b"ok"),
    })
    .await;
    fails(fetch(server.url("/no")).await, FaultKind::Robots, &[]);
}

#[tokio::test]
async fn statuses_are_told_apart() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/robots.txt" => not_found(),
        "/429" => answer("429 Too Many Requests", "Retry-After: 3\r\n", b""),
        "/503" => answer("503 Service Unavailable", "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n", b""),
        path => answer(&format!("{} Reason", &path[1..]), "", b""),
    })
    .await;
    for (path, kind, advice) in [
        ("/429", FaultKind::RateLimited, Advice::ComeBack { after: Some(Duration::from_secs(3)) }),
        ("/503", FaultKind::HttpStatus, Advice::ComeBack { after: Some(Duration::ZERO) }),
        ("/500", FaultKind::HttpStatus, Advice::TryAgain),
        ("/408", FaultKind::HttpStatus, Advice::TryAgain),
        ("/403", FaultKind::HttpStatus, Advice::GiveUp),
        ("/404", FaultKind::NotFound, Advice::GiveUp),
        ("/410", FaultKind::NotFound, Advice::GiveUp),
        ("/418", FaultKind::HttpStatus, Advice::GiveUp),
    ] {
        let failure = fails(fetch(server.url(path)).await, kind, &["127.0.0.1", &path[1..]]);
        assert_eq!(failure.advice, advice, "{path}");
    }
}

#[tokio::test]
async fn what_is_certainly_no_document_is_refused_unread() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/robots.txt" => not_found(),
        path => {
            let declared = if path == "/map.gz" { "application/gzip" } else { "image/png" };
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {declared}\r\nContent-Length: 3\r\n\r\n");
            vec![Piece::Send(head.into_bytes()), Piece::Send(b"abc".to_vec())]
        }
    })
    .await;
    fails(fetch(server.url("/a.png")).await, FaultKind::UnsupportedType, &["image/png", "127.0.0.1"]);
    let sitemap = FetchRequest { accept: Accept::Anything, ..FetchRequest::document(server.url("/map.gz")) };
    let fetched = HttpFetcher::new(limits()).unwrap().fetch(sitemap).await.unwrap();
    assert_eq!(&fetched.body[..], b"abc");
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_a_host_that_is_down() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let failure = fails(
        fetch(format!("http://127.0.0.1:{port}/").parse().unwrap()).await,
        FaultKind::Connect,
        &["no connection"],
    );
    assert_eq!(failure.advice, Advice::HostDown);
    // Plain HTTP where TLS is expected is a failure of TLS.
    let server = Server::start(|_| page(b"plain")).await;
    let failure =
        fetch(server.url("/").as_str().replace("http:", "https:").parse().unwrap()).await.unwrap_err();
    assert_eq!(failure.kind, FaultKind::Tls, "{failure}");
}

#[tokio::test]
async fn connections_are_kept() {
    let server = Server::start(|_| page(b"x")).await;
    let fetcher = HttpFetcher::new(limits()).unwrap();
    for _ in 0..5 {
        fetcher.fetch(FetchRequest::document(server.url("/a"))).await.unwrap();
    }
    assert_eq!(server.paths().len(), 6, "robots.txt and five pages");
    assert!(server.connections() <= 2, "a connection may not be idle again in time for the next request");
}
