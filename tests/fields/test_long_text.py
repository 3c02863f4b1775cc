"""A long text inside JSON is read in pieces, with the same result as from a decoder of whole documents."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svc.errors import MalformedRequestError, TooLargeError
from svc.fields import long_text
from svc.fields.long_text import LongTextReader

ALPHABET = 'aé文🦊"\\/\n\u0000\u001f\u2028'


def read(document: bytes, sizes: int = 70_000) -> LongTextReader:
    """Feed a document in pieces of this size."""
    reader = LongTextReader()
    for start in range(0, len(document), sizes):
        reader.feed(document[start : start + sizes])
    reader.finish()
    return reader


@given(
    text=st.text(st.sampled_from(ALPHABET), min_size=60, max_size=200),
    other=st.text(st.sampled_from(ALPHABET), max_size=3),
    is_ascii=st.booleans(),
    piece=st.integers(1, 40),
    sizes=st.integers(1, 50),
)
def test_any_text_is_read_in_any_pieces(text: str, other: str, is_ascii: bool, piece: int, sizes: int) -> None:
    document = json.dumps({other: [other, 1], "content": text, "after": {"a": other}}, ensure_ascii=is_ascii).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(long_text, "LONG_BYTES", 50)
        patch.setattr(long_text, "_PIECE_BYTES", piece)
        reader = read(document, sizes)
    assert reader.has_text
    assert (reader.text, reader.text_bytes) == (text.encode(), len(text.encode()))
    expected = {other: [other, 1], "content": reader.placeholder, "after": {"a": other}}
    assert json.loads(reader.rest) == expected


def test_a_text_of_a_few_megabytes_is_read() -> None:
    text = "".join(random.Random(1).choices(ALPHABET, k=1_000_000))
    for is_ascii in (True, False):
        assert read(json.dumps({"content": text}, ensure_ascii=is_ascii).encode()).text == text.encode()


def test_a_document_without_a_long_text_stays_as_it_is() -> None:
    for document in (b"", b"[1, 2", b'{"a": "b\\"c"}', b'"' + b"x" * 100_000 + b'"', b'"open', b'"\\', b'"\\ud83d'):
        reader = read(document)
        assert (bytes(reader.rest), reader.has_text) == (document, False)


@pytest.mark.parametrize(
    "inside",
    [b"\n", b"\x00", b"\\q" + b"y" * 20, b"\\u12G4" + b"y" * 20, b"\\ud83d" + b"y" * 20, b"\\udd8a", b"\xff",
     b"\xf0\x9f", b"\\ud83d\\u0041" + b"y" * 20],
)  # fmt: skip
def test_a_broken_long_text_is_refused(inside: bytes) -> None:
    for document in (b'{"content": "' + b"x" * 200_000 + inside + b'"}', b'["' + inside + b"x" * 200_000 + b'"]'):
        with pytest.raises(MalformedRequestError):
            read(document)


def test_a_long_text_that_does_not_end_leaves_broken_json() -> None:
    reader = read(b'{"content": "' + b"x" * 200_000 + b"\\")
    with pytest.raises(json.JSONDecodeError):
        json.loads(reader.rest)


def test_only_one_text_may_be_long() -> None:
    text = b'"' + b"x" * 200_000 + b'"'
    for document in (b"[" + text + b", " + text + b"]", b"[" + b"[]," * 200_000, b'["' + b'","' * 200_000):
        with pytest.raises(TooLargeError):
            read(document)
