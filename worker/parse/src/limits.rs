//! Every cap of this crate. What is cut is said in the document's remarks, what is refused in the fault.

/// Bytes of text kept of one document. More is cut at a character's border and a remark says how much was left out.
pub const MAX_TEXT_BYTES: usize = 8 * 1024 * 1024;

/// Bytes of a plain-text or Markdown file that are looked at. No more is needed: a character takes at most four bytes,
/// and [`MAX_TEXT_BYTES`] are kept.
pub const MAX_INPUT_BYTES: usize = 4 * MAX_TEXT_BYTES;

/// Headings kept of one document.
pub const MAX_HEADINGS: usize = 10_000;

/// Links kept of one document.
pub const MAX_LINKS: usize = 50_000;

/// Bytes of a link's target; longer ones are data in the shape of a link, and are left out.
pub const MAX_HREF_BYTES: usize = 8 * 1024;

/// Bytes of a title, an author, a heading or the text of a link.
pub const MAX_LINE_BYTES: usize = 2_000;

/// Bytes that a gzip-compressed document may unpack to.
pub const MAX_GUNZIPPED_BYTES: usize = 64 * 1024 * 1024;

/// Entries that the directory of a DOCX may list. Large books with a picture on each page have a few thousand.
pub const MAX_ZIP_ENTRIES: usize = 10_000;

/// Bytes that the parts of a DOCX which are read may unpack to, all together. A thousand pages of plain prose are some
/// 10 MiB of `WordprocessingML`, so real documents stay well below.
pub const MAX_UNZIPPED_BYTES: u64 = 96 * 1024 * 1024;

/// How many times its packed size a part of a DOCX may grow once it is past [`RATIO_GRACE_BYTES`]. DEFLATE reaches
/// 1,032 at most; `WordprocessingML` packs 10 to 30 times, long tables up to about 100.
pub const MAX_ZIP_RATIO: u64 = 200;

/// Bytes up to which [`MAX_ZIP_RATIO`] is not asked about.
pub const RATIO_GRACE_BYTES: u64 = 1024 * 1024;

/// Elements inside each other in a part of a DOCX. Tables in tables in text boxes reach about 60.
pub const MAX_XML_DEPTH: usize = 256;

/// Pages of a PDF that are read.
pub const MAX_PDF_PAGES: u32 = 5_000;

/// Larger HTML pages are parsed in a process that can be killed.
pub const TRUSTED_HTML_BYTES: usize = 2 * 1024 * 1024;

/// More deeply nested HTML pages are parsed in a process that can be killed: tree builders take time in the square of
/// the depth, and some recurse over it.
pub const TRUSTED_HTML_DEPTH: usize = 512;

/// Larger Markdown and text files are parsed in a process that can be killed.
pub const TRUSTED_TEXT_BYTES: usize = 16 * 1024 * 1024;
