//! Hostile files, folders and links.

use std::{
    ffi::OsStr,
    fs::{self, File},
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, symlink},
        net::UnixListener,
    },
    path::Path,
    process::Command,
};

use crate::{
    case::{Case, Ending, ends},
    packed,
};

const PROSE: &str = "The breakwater is sound over most of its length. At the head the toe is washed out to a depth of \
                     almost two metres, which older drawings show as solid rock. The harbour master asks for a survey.";

/// A folder that is filled with cases.
pub(crate) struct Set<'r> {
    root: &'r Path,
    folder: &'static str,
    pub(crate) cases: Vec<Case>,
}

impl<'r> Set<'r> {
    /// An empty folder in `root`.
    pub(crate) fn new(root: &'r Path, folder: &'static str) -> Self {
        fs::create_dir_all(root.join(folder)).unwrap();
        Self { root, folder, cases: Vec::new() }
    }

    /// A file and how it ends.
    pub(crate) fn file(
        &mut self,
        name: impl AsRef<OsStr>,
        bytes: impl AsRef<[u8]>,
        endings: &'static [Ending],
        says: &'static str,
    ) {
        fs::write(self.at(&name), bytes).unwrap();
        self.case(name, endings, says);
    }

    /// Something that is in the folder already, and how it ends.
    pub(crate) fn case(&mut self, name: impl AsRef<OsStr>, endings: &'static [Ending], says: &'static str) {
        let source = Path::new(self.folder).join(name.as_ref()).to_string_lossy().into_owned();
        self.cases.push(Case { source, endings, says });
    }

    pub(crate) fn at(&self, name: impl AsRef<OsStr>) -> std::path::PathBuf {
        self.root.join(self.folder).join(name.as_ref())
    }
}

/// Bytes that are not what they should be.
pub(crate) fn bytes(set: &mut Set<'_>) {
    set.file("empty.html", "", ends!(skipped empty), "0 bytes");
    set.file("blank.txt", " \n\t\r\n".repeat(9_999), ends!(skipped empty), "white space");
    set.file("ff.txt", vec![0xFF; 1 << 20], ends!(skipped unsupported_type), "binary");
    set.file("nul.html", vec![0; 1 << 20], ends!(skipped unsupported_type), "binary");
    let noise: Vec<u8> = (0..1_u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    set.file("noise.txt", &noise, ends!(skipped unsupported_type), "binary");
    let picture = [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice(), &noise[..4096]].concat();
    set.file("picture.txt", picture, ends!(skipped unsupported_type), "image");
    let program = [b"\x7fELF\x02\x01\x01\0".as_slice(), &noise[..4096]].concat();
    set.file("program.html", program, ends!(skipped unsupported_type), "a program");

    // Windows-1251, declared as UTF-8; and UTF-16 without a mark.
    let cyrillic: Vec<u8> = "Прилив наступает в полдень, отлив наступает вечером. "
        .repeat(20)
        .chars()
        .map(|c| match u32::from(c) {
            letter @ 0x410..0x450 => (letter - 0x410 + 0xC0) as u8,
            other => other as u8,
        })
        .collect();
    let page = [b"<html><meta charset=utf-8><title>x</title><body><p>".as_slice(), &cyrillic].concat();
    set.file("wrong-charset.html", page, ends!(ok), "");
    let wide: Vec<u8> = PROSE.encode_utf16().flat_map(u16::to_le_bytes).collect();
    set.file("utf-16-without-mark.txt", wide, ends!(ok), "");
    set.file("half-a-character.md", &"# Ebbe\n\nDie Förde, zäh".as_bytes()[..16], ends!(ok), "");
}

/// Text and markup of absurd shape.
pub(crate) fn shapes(set: &mut Set<'_>) {
    let nested = |open: &str, close: &str, depth: usize| {
        format!("<html><body>{}<p>{PROSE}</p>{}", open.repeat(depth), close.repeat(depth))
    };
    set.file("deep-divs.html", nested("<div>", "</div>", 50_000), ends!(ok), "elements inside each other");
    set.file(
        "deep-tables.html",
        nested("<table><tr><td>", "", 50_000),
        ends!(ok),
        "elements inside each other",
    );
    set.file(
        "deep-emphasis.html",
        nested("<b><i><a href=x>", "", 17_000),
        ends!(ok),
        "elements inside each other",
    );
    set.file("deep-quotes.md", format!("{} {PROSE}", ">".repeat(50_000)), ends!(ok), "");
    set.file(
        "deep-list.md",
        (0..2_000).map(|n| format!("{}- x\n", " ".repeat(n))).collect::<String>(),
        ends!(ok),
        "",
    );
    set.file("brackets.md", format!("{} {PROSE}", "[".repeat(100_000)), ends!(ok), "");
    set.file("stars.md", format!("{} {PROSE}", "*a_ ".repeat(50_000)), ends!(ok), "");
    set.file("deep.json", format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)), ends!(ok), "");
    let attributes: String = (0..100_000).map(|n| format!(" a{n}='{n}'")).collect();
    set.file("attributes.html", format!("<html><body{attributes}><p>{PROSE}"), ends!(ok), "");
    set.file(
        "comment-without-end.html",
        format!("<html><p>{PROSE}<!-- {}", "- ".repeat(1 << 19)),
        ends!(ok),
        "",
    );
    set.file(
        "entities.html",
        format!("<html><p>{PROSE} {}", "&amp;&#x110000;&nosuch;".repeat(40_000)),
        ends!(ok),
        "",
    );
    set.file(
        "scripts-alone.html",
        format!("<html><script>{}</script>", "var x = '<p>';".repeat(50_000)),
        ends!(skipped no_text),
        "text",
    );
    set.file(
        "data-address.html",
        format!("<html><p>{PROSE}<img src='data:image/png;base64,{}'>", "QUJD".repeat(1 << 19)),
        ends!(ok),
        "",
    );
    let title = "<b>\"' \u{202e}\u{0} title ".repeat(400_000);
    set.file("title.html", format!("<html><title>{title}</title><body><p>{PROSE}"), ends!(ok), "");
    set.file("word.txt", "a".repeat(5 << 20), ends!(ok), "");
    set.file("addresses.txt", "a@b.c@d.e@".repeat(50_000), ends!(ok), "");
    set.file("numbers.txt", "1.1,1-1/1:1 ".repeat(60_000), ends!(ok), "");
    set.file("marks-on-marks.txt", format!("{PROSE} Z{}", "\u{0301}\u{0489}".repeat(200_000)), ends!(ok), "");
    set.file("backwards.txt", format!("\u{202e}{PROSE}\u{202d}\u{1b}[2J\u{7}"), ends!(ok), "");
    set.file("same-sentence.txt", "The tide is eleven minutes late. ".repeat(30_000), ends!(ok), "");
}

/// What takes much memory or time: at the caps and beyond.
pub(crate) fn large(set: &mut Set<'_>) {
    const BIG: &[Ending] = &[("ok", ""), ("failed", "parse_memory"), ("failed", "parse_timeout")];
    set.file("text-30-mb.txt", PROSE.repeat((30 << 20) / PROSE.len()), BIG, "");
    let links: String = (0..1_000_000).map(|n| format!("<a href=/{n}>link {n}</a>\n")).collect();
    set.file("links-a-million.html", format!("<html><body><p>{PROSE}</p>{links}"), BIG, "");
    set.file("page-31-mb.html", format!("<html><body>{}", "<p>a<p>b".repeat((31 << 20) / 8)), BIG, "");
    let line = set.at("line-200-mb.txt");
    fs::write(&line, vec![b'a'; 200_000_000]).unwrap();
    set.case("line-200-mb.txt", ends!(failed too_large), "--max-document");
    File::create(set.at("a-terabyte-of-nothing.txt")).unwrap().set_len(1 << 40).unwrap();
    set.case("a-terabyte-of-nothing.txt", ends!(failed too_large), "--max-document");
}

/// Archives and the formats built on them.
pub(crate) fn packed(set: &mut Set<'_>) {
    use packed::{docx, gzip, paragraph, word};
    set.file("bomb.txt.gz", packed::gzip_bomb(200), ends!(failed too_large), "unpacks to more than");
    set.file(
        "gzip-in-gzip.gz",
        gzip(&gzip(&packed::gzip_bomb(64))),
        ends!(skipped unsupported_type),
        "inside of a gzip",
    );
    set.file("half.html.gz", &gzip(&PROSE.repeat(99).into_bytes())[..60], ends!(failed malformed), "gzip");
    set.file(
        "forty-two.zip",
        packed::zip(&[("a.zip", packed::zip(&[("b", vec![0; 32 << 20])]))]),
        ends!(skipped unsupported_type),
        "zip archive",
    );

    let plain = word("", &paragraph(PROSE));
    set.file("no-zip.docx", PROSE, ends!(failed malformed), "not a zip archive");
    set.file("half.docx", &docx(&plain, &[])[..500], ends!(failed malformed), "DOCX");
    set.file(
        "bomb.docx",
        docx(&word("", &paragraph(&"a".repeat(90 << 20))), &[]),
        ends!(failed too_large),
        "times",
    );
    set.file(
        "climbing-names.docx",
        docx(&plain, &[("../../../escape.xml", b"x"), ("/word/document.xml", b"<x/>")]),
        ends!(ok),
        "",
    );
    set.file(
        "deep.docx",
        docx(&word("", &"<w:p>".repeat(50_000)), &[]),
        ends!(failed malformed),
        "nested deeper",
    );
    let laughs: String =
        (1..10).map(|n| format!(r#"<!ENTITY l{n} "{}">"#, format!("&l{};", n - 1).repeat(10))).collect();
    let laughs = format!(r#"<!DOCTYPE x [<!ENTITY l0 "laugh">{laughs}]>"#);
    set.file(
        "billion-laughs.docx",
        docx(&word(&laughs, &paragraph(&format!("{PROSE} &l9;"))), &[]),
        &[("ok", ""), ("failed", "malformed")],
        "",
    );
    let outside = r#"<!DOCTYPE x [<!ENTITY out SYSTEM "file:///etc/passwd">]>"#;
    set.file(
        "outside-entity.docx",
        docx(&word(outside, &paragraph(&format!("{PROSE} &out;"))), &[]),
        &[("ok", ""), ("failed", "malformed")],
        "",
    );
    set.file("password.docx", packed::encrypted_office_file(), ends!(failed encrypted), "password");
    let many: Vec<(String, &[u8])> =
        (0..20_000).map(|n| (format!("word/x{n}.bin"), b"".as_slice())).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
    set.file("many-parts.docx", docx(&plain, &many), ends!(failed too_large), "files");
}

/// PDFs.
pub(crate) fn pdfs(set: &mut Set<'_>) {
    use packed::{page, pdf, shown};
    let lines = [
        "The breakwater is sound over most of its length, and the condition of",
        "the head is known since 2011.",
    ];
    let content = shown(&lines);
    let whole = pdf(&page("", content.as_bytes()), "");
    set.file("broken-off-early.pdf", &whole[..90], ends!(failed malformed), "PDF");
    set.file("broken-off-late.pdf", &whole[..whole.len() - 200], ends!(ok), "damaged");
    set.file("header-alone.pdf", "%PDF-1.7\n", ends!(failed malformed), "PDF");
    set.file("no-pdf.pdf", format!("<html><p>{PROSE}"), ends!(failed malformed), "HTML page");
    let key = "/ID [<00112233445566778899AABBCCDDEEFF> <00112233445566778899AABBCCDDEEFF>] /Encrypt << /Filter /Standard \
               /V 2 /R 3 /Length 128 /P -4 /O <000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F> /U \
               <202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F> >>";
    set.file("password.pdf", pdf(&page("", content.as_bytes()), key), ends!(failed encrypted), "password");
    set.file(
        "bomb.pdf",
        packed::pdf_bomb(400),
        &[
            ("ok", ""),
            ("skipped", "no_text"),
            ("failed", "malformed"),
            ("failed", "too_large"),
            ("failed", "parse_memory"),
            ("failed", "parse_timeout"),
        ],
        "",
    );
    let mut ring = page("", content.as_bytes());
    ring[1] = b"<< /Type /Pages /Count 1000000 /Kids [2 0 R 3 0 R 2 0 R] /Parent 2 0 R >>".to_vec();
    set.file("pages-in-a-ring.pdf", pdf(&ring, ""), &[("ok", ""), ("failed", "malformed")], "");
    let mut deep = page("", content.as_bytes());
    deep.push([b"[".repeat(50_000), b"]".repeat(50_000)].concat());
    set.file(
        "deep-array.pdf",
        pdf(&deep, "/Info 6 0 R"),
        &[("ok", ""), ("failed", "malformed"), ("failed", "parser_crash")],
        "",
    );
    set.file(
        "previous-is-itself.pdf",
        pdf(&page("", content.as_bytes()), "/Prev 600"),
        &[("ok", ""), ("failed", "malformed")],
        "",
    );
}

/// Documents whose parser does what it must not.
pub(crate) fn parsers(set: &mut Set<'_>) {
    let mut stand_in = |word: &str, endings, says| {
        set.file(format!("parser-{word}.txt"), format!("sheaf-hostile: {word}\n"), endings, says);
    };
    stand_in("loop", ends!(failed parse_timeout), "--parse-timeout");
    stand_in("allocate", ends!(failed parse_memory), "--parse-memory");
    stand_in("overflow", ends!(failed parser_crash), "stack");
    stand_in("abort", ends!(failed parser_crash), "signal 6");
    stand_in("panic", ends!(failed parser_crash), "crashed");
    stand_in("exit", ends!(failed parser_crash), "status 42");
    stand_in("chatter", ends!(ok), "");
}

/// Names that look like something else, and things that are no files.
pub(crate) fn names(set: &mut Set<'_>) {
    let mut named = |name: &[u8]| {
        let bytes = [PROSE.as_bytes(), name].concat();
        set.file(OsStr::from_bytes(name), bytes, ends!(ok), "");
    };
    named(b"line\nbreak \"quote\" {\"status\":\"ok\"}\r\n.txt");
    named(b"--fresh");
    named(b"<script>alert(1)<%2Fscript>&amp;.txt");
    named(b"\x1b[2J\x07 bell \xe2\x80\xae txt.exe");
    named(b"not-utf-8-\xff\xfe-a.txt");
    named(b"not-utf-8-\xff\xfd-b.txt");
    named("ü".repeat(127).as_bytes());
    named(b"a..txt..");
}

/// Links that lead nowhere or in circles, and what only looks like a file.
pub(crate) fn no_files(set: &mut Set<'_>) {
    fs::create_dir(set.at("ring")).unwrap();
    symlink(".", set.at("ring/round")).unwrap();
    set.case("ring/round", ends!(skipped symlink_loop), "leads back");
    symlink("chicken", set.at("egg")).unwrap();
    symlink("egg", set.at("chicken")).unwrap();
    set.case("egg", ends!(failed unreadable), "");
    set.case("chicken", ends!(failed unreadable), "");
    symlink("gone", set.at("dangling.txt")).unwrap();
    set.case("dangling.txt", ends!(failed not_found), "no such file");
    symlink("/dev/zero", set.at("zeros.txt")).unwrap();
    set.case("zeros.txt", ends!(failed unreadable), "device");
    // A file that nobody can read at its beginning, whoever asks.
    symlink("/proc/self/mem", set.at("memory.txt")).unwrap();
    set.case("memory.txt", ends!(failed unreadable), "reading it failed");
    fifo(&set.at("pipe.txt"));
    set.case("pipe.txt", ends!(failed unreadable), "pipe");
    UnixListener::bind(set.at("socket")).unwrap();
    set.case("socket", ends!(failed unreadable), "socket");
    // Root may read everything, so that this shows something to other users alone.
    fs::write(set.at("forbidden.txt"), PROSE.to_uppercase()).unwrap();
    fs::set_permissions(set.at("forbidden.txt"), fs::Permissions::from_mode(0o0)).unwrap();
    if File::open(set.at("forbidden.txt")).is_err() {
        set.case("forbidden.txt", ends!(failed unreadable), "chmod");
    } else {
        set.case("forbidden.txt", ends!(ok), "");
    }
    let mut deep = set.at("deep");
    for _ in 0..300 {
        deep.push("d");
    }
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("far.txt"), PROSE).unwrap();
    set.case(format!("deep{}", "/d".repeat(255)), ends!(failed unreadable), "nested deeper");
}

/// A named pipe, which would keep whoever opens it waiting for ever.
pub(crate) fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}
