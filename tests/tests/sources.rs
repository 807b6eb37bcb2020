//! What can be named as a source, and which documents it stands for.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::{io::Write, net::Ipv4Addr, process::Stdio};

use flate2::{Compression, write::GzEncoder};
use serde_json::Value;
use sheaf_tests::{
    program::{Ended, Room, Running},
    site::{Page, Site},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_coordinator-under-test");

/// Runs, expects the status, and gives back the records.
fn records(room: &Room, status: i32, arguments: &[&str]) -> Vec<Value> {
    let ended = room.run(["run"].iter().chain(arguments).chain(&["--out", "out"]));
    expect(&ended, status);
    room.records("out")
}

fn expect(ended: &Ended, status: i32) {
    assert_eq!(ended.status, Some(status), "{}{}", ended.stdout, ended.stderr);
}

/// The sources in order, without the address of the site or the folder.
fn names<'r>(records: &'r [Value], prefix: &str) -> Vec<&'r str> {
    records
        .iter()
        .map(|record| record["source"].as_str().unwrap())
        .map(|source| source.strip_prefix(prefix).unwrap_or(source))
        .collect()
}

fn of<'r>(records: &'r [Value], source: &str) -> &'r Value {
    records
        .iter()
        .find(|record| record["source"] == source)
        .unwrap_or_else(|| panic!("no record of {source}"))
}

fn gzip(bytes: &str) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(bytes.as_bytes()).unwrap();
    packed.finish().unwrap()
}

fn note(name: &str) -> String {
    format!("The note {name} says how high the water of {name} stood, and that {name} was there to see it.\n")
}

#[test]
fn files_and_folders_come_in_order_and_hidden_ones_do_not() {
    let room = Room::new(PROGRAM);
    for name in ["set/b.txt", "set/a/2.txt", "set/a/10.md", "set/.hidden/x.txt", "set/.hidden.txt", "one.txt"]
    {
        room.write(name, note(name));
    }
    let records = records(&room, 0, &["one.txt", "set"]);
    assert_eq!(names(&records, ""), ["one.txt", "set/a/10.md", "set/a/2.txt", "set/b.txt"]);
}

#[test]
fn globs_choose_among_what_a_folder_names() {
    let room = Room::new(PROGRAM);
    for name in ["set/a.txt", "set/a.md", "set/old/b.txt", "set/old/deep/c.txt", "by-hand.md"] {
        room.write(name, note(name));
    }
    let take = ["set", "by-hand.md", "--include", "*.txt", "--exclude", "old/deep/**"];
    let records = records(&room, 0, &take);
    assert_eq!(names(&records, ""), ["set/a.txt", "set/old/b.txt", "by-hand.md"]);
}

#[test]
fn a_list_has_comments_and_a_bad_line_costs_nobody_else() {
    let room = Room::new(PROGRAM);
    room.write("a.txt", note("a"));
    room.write("folder/b.txt", note("b"));
    room.write(
        "list",
        "\u{feff}# sources\r\n\r\n  a.txt  \r\nftp://example.org/x\nfolder\nhttp://\nmissing.txt\n",
    );
    let records = records(&room, 3, &["@list"]);
    assert_eq!(
        names(&records, ""),
        ["a.txt", "ftp://example.org/x", "folder/b.txt", "http://", "missing.txt"]
    );
    let bad = &of(&records, "ftp://example.org/x")["error"];
    assert_eq!(bad["kind"], "bad_source");
    assert!(bad["message"].as_str().unwrap().starts_with("list, line 4: "), "{bad}");
    assert!(of(&records, "http://")["error"]["message"].as_str().unwrap().starts_with("list, line 6: "));
    assert_eq!(of(&records, "missing.txt")["error"]["kind"], "not_found");
    assert_eq!((&records[0]["status"], &records[2]["status"]), (&"ok".into(), &"ok".into()));
}

#[test]
fn a_list_on_standard_input() {
    let room = Room::new(PROGRAM);
    room.write("a.txt", note("a"));
    room.write("b.txt", note("b"));
    let mut command = room.command(["run", "-", "--out", "out"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    // The last line has no line feed.
    child.stdin.take().unwrap().write_all(b"a.txt\n# no\nb.txt").unwrap();
    expect(&Running::of(child).end(), 0);
    assert_eq!(names(&room.records("out"), ""), ["a.txt", "b.txt"]);
}

#[test]
fn one_document_under_two_names_is_one_document() {
    let (room, site) = (Room::new(PROGRAM), Site::start());
    site.put("/a", Page::article("Ness", &[]));
    site.put("/b", Page::article("Holm", &[]));
    room.write("a.txt", note("a"));
    let urls = [site.url("/a"), site.url("/b"), site.url("/a#part"), site.url("/./a"), site.url("/b")];
    room.write("list", urls.join("\n") + "\na.txt\n./a.txt\n");
    let records = records(&room, 0, &["@list"]);
    let statuses: Vec<_> = records.iter().map(|record| record["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["ok", "ok", "skipped", "skipped", "skipped", "ok", "skipped"]);
    for record in records.iter().filter(|record| record["status"] == "skipped") {
        assert_eq!(record["error"]["kind"], "duplicate", "{record}");
    }
    assert_eq!((site.times_asked("/a"), site.times_asked("/b")), (1, 1), "{:?}", site.asked());
}

#[test]
fn the_same_content_is_analysed_once_and_reported_for_each() {
    let (room, site) = (Room::new(PROGRAM), Site::start());
    for path in ["/a", "/b", "/c"] {
        site.put(path, Page::article("Ness", &[]));
    }
    room.write("1.txt", note("one"));
    room.write("2.txt", note("one"));
    let urls = [site.url("/a"), site.url("/b"), site.url("/c")];
    let records = records(&room, 0, &[&urls[0], &urls[1], &urls[2], "1.txt", "2.txt"]);
    for (copies, first) in [(&records[1..3], &records[0]), (&records[4..], &records[3])] {
        assert_eq!(first["cache"]["kind"], "none");
        for copy in copies {
            assert_eq!(copy["cache"]["kind"], "exact");
            assert_eq!(copy["cache"]["of"], first["id"]);
            assert_eq!(copy["analysis"], first["analysis"]);
        }
        // Which of them came first is chance; the others were not parsed.
        let parsed = copies.iter().chain([first]).filter(|record| record["timings_ms"]["parse"] != 0.0);
        assert_eq!(parsed.count(), 1);
    }
}

#[test]
fn a_sitemap_index_leads_to_sitemaps_and_they_to_documents() {
    let (room, site) = (Room::new(PROGRAM), Site::start());
    let map = |root: &str, entry: &str, paths: &[&str]| -> String {
        let entries: String =
            paths.iter().map(|path| format!("<{entry}><loc>{}</loc></{entry}>", site.url(path))).collect();
        format!(
            "<?xml version=\"1.0\"?><{root} xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">{entries}</{root}>"
        )
    };
    let xml = |body: String| Page::of("application/xml", body);
    site.put(
        "/sitemap.xml",
        xml(map("sitemapindex", "sitemap", &["/one.xml", "/two.xml.gz", "/sitemap.xml", "/gone.xml"])),
    );
    site.put("/one.xml", xml(map("urlset", "url", &["/a", "/b"])));
    site.put(
        "/two.xml.gz",
        Page::of("application/gzip", gzip(&map("urlset", "url", &["/c", "/d-draft", "/a"]))),
    );
    for path in ["/a", "/b", "/c", "/d-draft"] {
        site.put(path, Page::article(&path[1..], &[]));
    }
    let records = records(&room, 3, &[&site.url("/sitemap.xml"), "--exclude", "*-draft"]);
    let host = site.url("");
    // What cannot be read of the index stands where it is named; documents stand where their sitemap does.
    let mut found = names(&records, &host);
    let trouble: Vec<_> = found.extract_if(.., |name| name.contains(".xml")).collect();
    assert_eq!(found, ["/a", "/b", "/c", "/a"]);
    assert_eq!(trouble, ["/sitemap.xml", "/gone.xml"]);
    assert_eq!(of(&records, &site.url("/sitemap.xml"))["error"]["kind"], "duplicate");
    assert_eq!(of(&records, &site.url("/gone.xml"))["error"]["kind"], "not_found");
    assert_eq!((site.times_asked("/d-draft"), site.times_asked("/sitemap.xml")), (0, 1));
}

#[test]
fn a_crawl_goes_level_by_level_within_the_site() {
    let (room, site) = (Room::new(PROGRAM), Site::start());
    let elsewhere = Site::start_at(Ipv4Addr::new(127, 0, 0, 2));
    elsewhere.put("/", Page::article("Elsewhere", &[]));
    site.put(
        "/",
        Page::article(
            "Start",
            &["/b", "/a", "/private/x", "/logo.png", &elsewhere.url("/"), "mailto:a@b.c", "#top"],
        ),
    );
    site.put("/a", Page::article("A", &["/deep", "/", "/b", "/skip/me"]));
    // A page that asks robots not to follow its links, and a link that does.
    site.put("/b", Page::html("<html><head><meta name=robots content=nofollow><title>B</title></head>\
        <body><p>The second page of the site has a text of its own, and a link that nobody follows.</p><a href=/hidden>h</a></body></html>"));
    site.put(
        "/deep",
        Page::html(
            "<html><head><title>Deep</title></head><body><p>The page below the others says how deep \
        the water is.</p><a href=/deeper>d</a><a rel=nofollow href=/hidden>h</a></body></html>",
        ),
    );
    site.put("/deeper", Page::article("Deeper", &["/deepest"]));
    for path in ["/hidden", "/deepest", "/skip/me", "/private/x"] {
        site.put(path, Page::article(path, &[]));
    }
    site.put("/robots.txt", Page::of("text/plain", "User-agent: *\nDisallow: /private/\n"));

    let host = site.url("");
    let options = ["--crawl-depth", "3", "--exclude", "*/skip/**"];
    let run = |out: &str| {
        let start = site.url("/");
        room.run(["run", &start, "--out", out].iter().chain(&options))
    };
    expect(&run("out"), 0);
    let records = room.records("out");
    assert_eq!(names(&records, &host), ["/", "/b", "/a", "/private/x", "/deep", "/deeper"]);
    let private = of(&records, &site.url("/private/x"));
    assert_eq!((&private["status"], &private["error"]["kind"]), (&"skipped".into(), &"robots".into()));
    for path in ["/hidden", "/deepest", "/skip/me", "/private/x", "/logo.png"] {
        assert_eq!(site.times_asked(path), 0, "{path} is not asked for");
    }
    assert_eq!(elsewhere.asked(), [""; 0], "another site is not asked anything");

    // Complete: nothing is downloaded again.
    let asked = site.asked().len();
    let ended = run("out");
    assert!(ended.stdout.contains("all of them were done before"), "{}", ended.stdout);
    assert_eq!(site.asked().len(), asked, "{:?}", site.asked());
}

#[test]
fn include_chooses_what_a_crawl_follows() {
    let (room, site) = (Room::new(PROGRAM), Site::start());
    site.put("/", Page::article("Start", &["/docs/a", "/news/b"]));
    site.put("/docs/a", Page::article("A", &["/docs/c"]));
    site.put("/docs/c", Page::article("C", &[]));
    site.put("/news/b", Page::article("B", &[]));
    let records =
        records(&room, 0, &[&site.url("/"), "--crawl-depth", "2", "--include", "127.0.0.1/docs/**"]);
    assert_eq!(names(&records, &site.url("")), ["/", "/docs/a", "/docs/c"]);
}

#[test]
fn a_private_address_given_by_hand_opens_no_other() {
    let (room, site) = (Room::new(PROGRAM), Site::start());
    let inner = Site::start_at(Ipv4Addr::new(127, 0, 0, 3));
    inner.put("/secret", Page::article("Secret", &[]));
    site.put("/", Page::article("Start", &[]));
    site.put("/redirect", Page::redirect(&inner.url("/secret")));
    let entries =
        [site.url("/"), inner.url("/secret")].map(|url| format!("<url><loc>{url}</loc></url>")).concat();
    site.put("/map.xml", Page::of("application/xml", format!("<urlset>{entries}</urlset>")));

    let sources = [site.url("/map.xml"), site.url("/redirect")];
    let sources = [sources[0].as_str(), &sources[1]];
    let found = records(&room, 3, &sources);
    assert_eq!(of(&found, &site.url("/"))["status"], "ok");
    for source in [inner.url("/secret"), site.url("/redirect")] {
        let record = of(&found, &source);
        assert_eq!(
            (&record["status"], &record["error"]["kind"]),
            (&"failed".into(), &"address_refused".into())
        );
        let hint = record["error"]["hint"].as_str().unwrap();
        assert!(hint.contains("--allow-private-addresses"), "{record}");
    }
    assert_eq!(inner.asked(), [""; 0], "not even its robots.txt is asked for");

    let allowed = records(&room, 0, &[sources[0], sources[1], "--allow-private-addresses", "--fresh"]);
    assert_eq!(allowed.len(), 3);
    assert_eq!(inner.times_asked("/secret"), 2);
}
