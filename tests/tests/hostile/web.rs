//! Hostile servers and addresses.

use sheaf_tests::web::{Answer, Web};

use crate::{
    case::{Case, Ending, ends},
    packed,
};

const PAGE: &str = "<html><title>Tides</title><body><p>The tide is eleven minutes late at the inner gauge, and nobody has \
                    found out why. The keeper reads the staff twice a day and writes it down.";

/// Lines of a list, the records they lead to, and the script of names they need.
pub(crate) struct Hostile {
    pub(crate) list: String,
    pub(crate) cases: Vec<Case>,
    pub(crate) names: String,
}

impl Hostile {
    /// A line of the list and its record.
    fn line(&mut self, source: &str, endings: &'static [Ending], says: &'static str) {
        self.list += source;
        self.list.push('\n');
        self.record(source, endings, says);
    }

    /// A record of something that another source leads to.
    fn record(&mut self, source: &str, endings: &'static [Ending], says: &'static str) {
        self.cases.push(Case { source: source.to_owned(), endings, says });
    }
}

/// Starts the servers in `web` and lists what they serve.
pub(crate) fn hostile(web: &Web) -> Hostile {
    let mut set = Hostile { list: String::new(), cases: Vec::new(), names: String::new() };
    answers(&mut set, web);
    slow_and_broken(&mut set, web);
    redirects(&mut set, web);
    names(&mut set, web);
    robots(&mut set, web);
    sitemaps(&mut set, web);
    no_addresses(&mut set);
    set
}

/// Answers that are whole and hostile.
fn answers(set: &mut Hostile, web: &Web) {
    let packed = |how: &str, body: Vec<u8>| {
        Answer::with("200 OK", &format!("Content-Type: text/html\r\nContent-Encoding: {how}\r\n"), body)
    };
    let many_headers: String = (0..500).map(|n| format!("X-{n}: {}\r\n", "v".repeat(2_000))).collect();
    let zeros = vec![0; 256 << 20];
    let windows = [b"<p>Un caf\xE9 \xE0 la mar\xE9e haute. ".as_slice(), PAGE.as_bytes()].concat();
    let site = web.site(
        "127.0.0.1",
        [
            ("/empty", Answer::ok("text/html", "")),
            ("/no-content", Answer::raw("HTTP/1.1 204 No Content\r\n", "")),
            ("/picture", Answer::ok("image/png", PAGE)),
            ("/wrong-charset", Answer::ok("text/html; charset=utf-16", windows)),
            ("/gzip-bomb", packed("gzip", packed::gzip_bomb(256))),
            ("/zstd-bomb", packed("zstd", zstd::encode_all(zeros.as_slice(), 3).unwrap())),
            ("/unasked-encoding", packed("compress", PAGE.into())),
            (
                "/flood",
                Answer::Flood("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n".to_owned(), 1 << 40),
            ),
            ("/announced-too-large", Answer::raw("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n", PAGE)),
            (
                "/shorter-than-said",
                Answer::raw("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 120\r\n", PAGE),
            ),
            ("/missing", Answer::with("404 Not Found", "", PAGE)),
            ("/gone-wrong", Answer::with("451 Unavailable", "", PAGE)),
            ("/many-headers", Answer::raw(&format!("HTTP/1.1 200 OK\r\n{many_headers}"), PAGE)),
            ("/..%2f..%2fetc%2fpasswd", Answer::ok("text/html", format!("{PAGE} Climbing."))),
            ("/line%0Abreak%22%3Cscript%3E", Answer::ok("text/html", format!("{PAGE} Breaking."))),
        ],
    );
    let mut line =
        |path: &str, endings, says| set.line(&format!("http://127.0.0.1:{site}{path}"), endings, says);
    line("/empty", ends!(skipped empty), "0 bytes");
    line("/no-content", ends!(skipped empty), "0 bytes");
    line("/picture", ends!(skipped unsupported_type), "image/png");
    line("/wrong-charset", ends!(ok), "");
    line("/gzip-bomb", ends!(failed too_large), "unpacks to more");
    line("/zstd-bomb", ends!(failed too_large), "unpacks to more");
    line("/unasked-encoding", ends!(failed body), "not asked for");
    line("/flood", ends!(failed too_large), "larger than the cap");
    line("/announced-too-large", ends!(failed too_large), "announced");
    line("/shorter-than-said", ends!(ok), "");
    line("/missing", ends!(failed not_found), "404");
    line("/gone-wrong", ends!(failed http_status), "451");
    line("/many-headers", ends!(failed connect), "tried 3 times");
    line("/..%2f..%2fetc%2fpasswd", ends!(ok), "");
    line("/line%0Abreak%22%3Cscript%3E", ends!(ok), "");
}

/// Answers that come slowly, not wholly, or not at all. Each has a server of its own, because the pool holds a server's
/// failures against its other documents.
fn slow_and_broken(set: &mut Hostile, web: &Web) {
    let html = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n";
    let gzip = packed::gzip(PAGE.repeat(20).as_bytes());
    let half = &gzip[..gzip.len() / 2];
    let whole_length = format!("{html}Content-Length: {}\r\n", PAGE.len() + 1000);
    let cases: [(&str, Answer, &'static [Ending], &'static str); 8] = [
        (
            "/one-byte-a-second",
            Answer::Drip(format!("{html}\r\n")),
            ends!(failed fetch_timeout),
            "least pace",
        ),
        ("/closes-mid-body", Answer::raw(&whole_length, PAGE), ends!(failed body), "broke the body off"),
        (
            "/bad-chunks",
            Answer::raw(&format!("{html}Transfer-Encoding: chunked\r\n"), "5\r\nabcde\r\nzz\r\n"),
            ends!(failed body),
            "broke the body off",
        ),
        (
            "/half-a-gzip",
            Answer::with("200 OK", "Content-Encoding: gzip\r\n", half),
            ends!(failed body),
            "gzip",
        ),
        ("/not-gzip", Answer::with("200 OK", "Content-Encoding: gzip\r\n", PAGE), ends!(failed body), "gzip"),
        (
            "/two-lengths",
            Answer::raw(&format!("{html}Content-Length: 10\r\nContent-Length: 20\r\n"), PAGE),
            ends!(failed connect),
            "tried 3 times",
        ),
        ("/hangs-up", Answer::HangUp, ends!(failed connect), "tried 3 times"),
        (
            "/not-http",
            Answer::Raw(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()),
            ends!(failed connect),
            "tried 3 times",
        ),
    ];
    for (path, answer, endings, says) in cases {
        let site = web.site("127.0.0.1", [(path, answer)]);
        set.line(&format!("http://127.0.0.1:{site}{path}"), endings, says);
    }
    // A port on which nobody listens: one that was given out and taken back.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    set.line(&format!("http://127.0.0.1:{nobody}/"), ends!(failed connect), "Check that the server is up");
    let site = web.site("127.0.0.1", [("/plain", Answer::ok("text/html", PAGE))]);
    set.line(
        &format!("https://127.0.0.1:{site}/plain"),
        &[("failed", "tls"), ("failed", "connect")],
        "secure connection",
    );
}

fn redirects(set: &mut Hostile, web: &Web) {
    let step = |n: u32| (format!("/steps/{n}"), Answer::redirect(&format!("/steps/{}", n + 1)));
    let fixed = [
        ("/round", "/and-round"),
        ("/and-round", "/round"),
        ("/to-private", "http://10.255.255.1/"),
        ("/to-loopback", "http://127.0.0.9/"),
        ("/to-metadata", "http://169.254.169.254/latest/meta-data/"),
        ("/to-mapped", "http://[::ffff:192.168.0.1]/"),
        ("/to-file", "file:///etc/passwd"),
        ("/to-nothing", "http://"),
    ];
    let fixed = fixed.map(|(path, location)| (path.to_owned(), Answer::redirect(location)));
    let blank = ("/without-address".to_owned(), Answer::with("301 Moved Permanently", "", ""));
    let site = web.site("127.0.0.1", (0..40).map(step).chain(fixed).chain([blank]));
    let mut line =
        |path: &str, endings, says| set.line(&format!("http://127.0.0.1:{site}{path}"), endings, says);
    line("/round", ends!(failed redirect), "leads back");
    line("/steps/0", ends!(failed redirect), "in a row");
    line("/to-private", ends!(failed address_refused), "a private address");
    line("/to-loopback", ends!(failed address_refused), "a loopback address");
    line("/to-metadata", ends!(failed address_refused), "metadata");
    line("/to-mapped", ends!(failed address_refused), "::ffff:192.168.0.1 is a private address");
    line("/to-file", ends!(failed redirect), "scheme");
    line("/to-nothing", ends!(failed redirect), "no address");
    line("/without-address", ends!(failed redirect), "no address");
}

/// Names that lie. 127.0.0.2 passes for a public address here.
fn names(set: &mut Hostile, web: &Web) {
    let site = web.site("127.0.0.2", [("/", Answer::ok("text/html", PAGE.to_uppercase()))]);
    set.names = "public = 127.0.0.2\nsteady.test = 127.0.0.2\nturncoat.test = 127.0.0.2 | 127.0.0.1\n\
                 inward.test = 192.168.1.1, 127.0.0.1\nmetadata.test = 169.254.169.254\n"
        .into();
    set.line(&format!("http://steady.test:{site}/"), ends!(ok), "");
    // The look-up for robots.txt answers publicly, the one for the page does not.
    set.line(
        &format!("http://turncoat.test:{site}/"),
        ends!(failed address_refused),
        "127.0.0.1 is a loopback address",
    );
    set.line("http://inward.test/", ends!(failed address_refused), "a loopback address");
    set.line("http://metadata.test/", ends!(failed address_refused), "metadata");
    set.line("http://nowhere.test/", ends!(failed dns), "could not be resolved");
}

fn robots(set: &mut Hostile, web: &Web) {
    let rule = "Disallow: /a-rule-among-very-many/*/and-on$\n";
    let long = format!("User-agent: *\nDisallow: /private\n{}", rule.repeat((10 << 20) / rule.len()));
    let site = web.site(
        "127.0.0.1",
        [
            ("/robots.txt", Answer::ok("text/plain", long)),
            ("/page", Answer::ok("text/html", format!("{PAGE} Long rules."))),
            ("/private", Answer::ok("text/html", PAGE)),
        ],
    );
    set.line(&format!("http://127.0.0.1:{site}/page"), ends!(ok), "");
    set.line(&format!("http://127.0.0.1:{site}/private"), ends!(skipped robots), "robots.txt");
    let site = web.site(
        "127.0.0.1",
        [
            ("/robots.txt", Answer::redirect("/robots.txt")),
            ("/page", Answer::ok("text/html", format!("{PAGE} Rules that lead to themselves."))),
        ],
    );
    set.line(&format!("http://127.0.0.1:{site}/page"), ends!(ok), "");
}

fn sitemaps(set: &mut Hostile, web: &Web) {
    let xmlns = r#"xmlns="http://www.sitemaps.org/schemas/sitemap/0.9""#;
    let list = |tag: &str, item: &str, addresses: &[&str]| {
        let items: String =
            addresses.iter().map(|address| format!("<{item}><loc>{address}</loc></{item}>")).collect();
        format!("<?xml version=\"1.0\"?><{tag} {xmlns}>{items}</{tag}>")
    };
    // A sitemap can name whole addresses only, so that the server behind it comes first.
    let pages = web.site(
        "127.0.0.1",
        [
            ("/page", Answer::ok("text/html", format!("{PAGE} From a sitemap."))),
            ("/bomb.xml.gz", Answer::ok("application/gzip", packed::gzip_bomb(256))),
        ],
    );
    let page = format!("http://127.0.0.1:{pages}/page");
    let bomb = format!("http://127.0.0.1:{pages}/bomb.xml.gz");
    let inner = "http://10.0.0.8/from-a-sitemap";
    let urls = list("urlset", "url", &[&page, inner, "file:///etc/passwd", "no address"]);
    let damaged = format!("{}<url><loc>http://", urls.trim_end_matches("</urlset>"));
    let map = web.site("127.0.0.1", [("/damaged.xml", Answer::ok("application/xml", damaged))]);
    set.list += &format!("http://127.0.0.1:{map}/damaged.xml\n");
    set.record(&page, ends!(ok), "");
    set.record(inner, ends!(failed address_refused), "a private address");
    // An index that lists itself, and a map that lists itself as a page.
    let itself = web.site_that_knows_its_port("127.0.0.1", |port| {
        let address = |path: &str| format!("http://127.0.0.1:{port}{path}");
        let index = list("sitemapindex", "sitemap", &[&address("/index.xml"), &address("/map.xml")]);
        let map = list("urlset", "url", &[&address("/map.xml"), &address("/leaf")]);
        [
            ("/index.xml", Answer::ok("application/xml", index)),
            ("/map.xml", Answer::ok("application/xml", map)),
            ("/leaf", Answer::ok("text/html", format!("{PAGE} From an index that lists itself."))),
        ]
    });
    set.list += &format!("http://127.0.0.1:{itself}/index.xml\n");
    set.record(&format!("http://127.0.0.1:{itself}/leaf"), ends!(ok), "");
    for again in ["index.xml", "map.xml"] {
        let again = format!("http://127.0.0.1:{itself}/{again}");
        set.record(&again, ends!(skipped duplicate), "names a sitemap that was read before");
    }
    // Unpacked it is one endless letter and no sitemap, so that it ends as the document it is not.
    set.line(&bomb, &[("failed", "too_large"), ("skipped", "unsupported_type")], "");
}

/// Lines that are no addresses, or none that lead anywhere.
fn no_addresses(set: &mut Hostile) {
    set.line("ftp://example.org/a", ends!(failed bad_source), "http://");
    set.line("file:///etc/passwd", ends!(failed bad_source), "http://");
    set.line("http://[::1", ends!(failed bad_source), "\"http://[::1\" is not a valid web address");
    set.line(&format!("http://127.0.0.1/{}", "a".repeat(9_000)), ends!(failed connect), "no connection");
    set.line("../../no/../such/../file.txt", ends!(failed not_found), "no such file");
    set.line("http://127.0.0.1:1/", ends!(failed connect), "no connection");
}
