"""trafilatura.

Settings (trafilatura.readthedocs.io, "Usage / Python" and its evaluation page): the fallback extractors on (the
default; `fast` drops them and quality with them), comments off, tables on, plain text.
"""

from extracting import measure
from peer import version_of
from trafilatura import extract

measure(
    "trafilatura",
    version_of("trafilatura"),
    "extract(), fallback on, comments off, tables on, plain text, one thread",
    lambda page: extract(page, include_comments=False, include_tables=True),
)
