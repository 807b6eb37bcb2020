"""rs-trafilatura. Its settings are at the head of src/main.rs."""

from pathlib import Path

from extracting import measure_program
from peer import locked_version

measure_program(
    "rs-trafilatura",
    locked_version("rs-trafilatura", Path(__file__).with_name("Cargo.lock")),
    "extract_bytes(), defaults: page kinds told apart, no URL, comments off, one thread",
    "sheaf-peer-rs-trafilatura",
)
