"""dom_smoothie. Its settings are at the head of src/main.rs."""

from pathlib import Path

from extracting import measure_program
from peer import locked_version

measure_program(
    "dom_smoothie",
    locked_version("dom_smoothie", Path(__file__).with_name("Cargo.lock")),
    "Readability, TextMode::Formatted, lossy UTF-8, one thread",
    "sheaf-peer-dom-smoothie",
)
