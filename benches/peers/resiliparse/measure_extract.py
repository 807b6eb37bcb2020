"""Resiliparse.

Settings (resiliparse.chatnoir.eu, "Main content extraction"): main_content on, no links or alt texts, comments as by
default (a forum is nothing else). The encoding is found by its own detector, which the page has in front of the parser.
"""

from extracting import measure
from peer import version_of
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import detect_encoding
from resiliparse.parse.html import HTMLTree

measure(
    "resiliparse",
    version_of("resiliparse"),
    "extract_plain_text(main_content=True), no links or alt texts, comments, own encoding detector, one thread",
    lambda page: extract_plain_text(
        HTMLTree.parse_from_bytes(page, detect_encoding(page)),
        main_content=True,
        alt_texts=False,
        links=False,
        comments=True,
    ),
)
