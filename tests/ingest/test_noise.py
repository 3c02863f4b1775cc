"""Files embedded in a text are omitted with a warning; similar texts stay."""

from __future__ import annotations

import base64
import random

import pytest

from svc.ingest.parse import parse

IMAGE = base64.b64encode(random.Random(1).randbytes(60_000)).decode()


@pytest.mark.parametrize(
    ("source", "text", "warning"),
    [
        (
            f"# Plan\n\n![map](data:image/png;base64,{IMAGE}) after",
            "# Plan\n\n![map]() after",
            "1 embedded image in base64, of 59 kB, on line 3, was omitted.",
        ),
        (f"before\n{IMAGE}\nafter", "before\n\nafter", "1 embedded file in base64, of 59 kB, on line 2, was omitted."),
        (
            "before\n" + base64.encodebytes(random.Random(2).randbytes(2000)).decode() + "after",
            "before\n\nafter",
            "1 embedded file in base64, of 2 kB, on line 2, was omitted.",
        ),
        (
            f"[a]: <data:image/png;base64,{IMAGE}>\n[b]: <data:image/gif;base64,{IMAGE}>",
            "[a]: <>\n[b]: <>",
            "2 embedded images in base64, of 118 kB in all, on lines 1, 2, were omitted.",
        ),
    ],
)
def test_embedded_files_are_left_out(source: str, text: str, warning: str) -> None:
    document = parse("markdown", source.encode())
    assert document.text == text
    assert document.warnings == [warning]


@pytest.mark.parametrize(
    "text",
    [
        "a" * 5_000,
        "A1" * 2_000,
        "a line of words\n" * 500,
        "see https://example.org/" + "path/" * 60 + "9Z",
        "data:image/png;base64,AAAA",
        "sha256 " + "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" * 3,
        "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\n" * 3,
    ],
)
def test_texts_that_only_resemble_base64_stay(text: str) -> None:
    document = parse("text", text.encode())
    assert (document.text, document.warnings) == (text, [])
