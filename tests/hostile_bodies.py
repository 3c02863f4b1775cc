"""Bodies that are expensive for a server: wide, deep, long, or broken at their end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

_UUID = b'"0198c0de-0000-7000-8000-000000000000"'


def wide(item: bytes, size: int, begin: bytes = b"[", end: bytes = b"]") -> bytes:
    """Return JSON of at most `size` bytes that repeats an item in a list."""
    count = max(1, (size - len(begin) - len(end)) // (len(item) + 1))
    return begin + b",".join([item] * count) + end


def members(size: int, value: bytes = b"0") -> bytes:
    """Return an object of about `size` bytes with the maximum number of members."""
    count = size // (len(value) + 11)
    return b"{" + b",".join(b'"k%06x":%s' % (number, value) for number in range(count)) + b"}"


def json_bodies(size: int) -> Iterator[tuple[str, bytes]]:
    """Yield named bodies of at most `size` bytes for any route that takes JSON."""
    yield "empty lists", wide(b"[]", size)
    yield "empty objects", wide(b"{}", size)
    yield "zeros", wide(b"0", size)
    yield "strings", wide(b'"a"', size)
    yield "ids", wide(_UUID, size)
    yield "open lists", b"[" * size
    yield "open objects", b'{"a":' * (size // 5)
    yield "closed lists", b"[" * (size // 2) + b"]" * (size // 2)
    yield "unknown members", members(size - 2)
    yield "an escaped text", b'{"a":"' + b"\\u0061" * ((size - 8) // 6) + b'"}'
    yield "a text", b'"' + b"x" * (size - 2) + b'"'
    yield "an integer", b"9" * size
    yield "a fraction", b"0." + b"0" * (size - 3) + b"1"
    yield "spaces", b" " * size
    yield "lines", b"\n" * (size - 1) + b"x"
    yield "NaN at the end", wide(b"{}", size - 6, end=b",NaN]")
    yield "an error at the end", wide(b'{"a":1}', size - 1, end=b"x")
    yield "no UTF-8", b'{"a":"' + b"\xff" * (size - 8) + b'"}'


def bodies_like(example: Any, size: int) -> Iterator[tuple[str, bytes]]:
    """Yield bodies that differ from a route's example in one very large member."""
    if isinstance(example, list):
        for name, body in bodies_like(example[0], size - 2):
            yield f"[{name}]", b"[" + body + b"]"
        yield "as many items as fit", wide(json.dumps(example[0]).encode(), size)
        smallest = {"role": "user", "content": "", "sources": []}
        yield "items of another size", wide(json.dumps(smallest, separators=(",", ":")).encode(), size)
        return
    for name in {**example, "metadata": None, "document_ids": None}:
        others = {key: value for key, value in example.items() if key != name}
        head = json.dumps(others).encode()[:-1] + (b"," if others else b"") + json.dumps(name).encode() + b":"
        room = size - len(head) - 1
        for kind, value in (
            ("ids", wide(_UUID, room)),
            ("empty lists", wide(b"[]", room)),
            ("members", members(room - 2)),
            ("lists in members", b'{"a":' + wide(b"[]", room - 6) + b"}"),
            ("members in lists", b'{"a":' + wide(b'{"":0}', room - 6) + b"}"),
            ("a text", b'"' + b"a" * (room - 2) + b'"'),
            ("a control character", b'{"a":"' + b"\\u0000" * ((room - 8) // 6) + b'"}'),
            ("depth", b'{"a":' * (room // 6) + b"0" + b"}" * (room // 6)),
            ("zeros", wide(b"0", room)),
            ("an integer", b'{"a":' + b"9" * (room - 6) + b"}"),
            ("a fraction", b'{"a":0.' + b"0" * (room - 10) + b"1}"),
        ):
            yield f"{name}: {kind}", head + value + b"}"


def multipart_bodies(size: int) -> Iterator[tuple[str, bytes]]:
    """Yield multipart bodies with the boundary `cut`."""
    file = b'--cut\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n'
    yield "parts", b"--cut\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n" * (size // 52)
    yield "parts without a header", b"--cut\r\n\r\n\r\n" * (size // 11)
    yield "headers", file + b"a: b\r\n" * ((size - len(file)) // 6)
    yield "a header", file + b"a: " + b"b" * (size - len(file) - 3)
    yield "a header name", file + b"a" * (size - len(file))
    yield "boundaries inside", file + b"\r\n\r\n--cutx" * ((size - len(file)) // 11)
    yield "half boundaries", file + b"\r\n" + b"\r\n--cu" * ((size - len(file) - 2) // 6)
    yield "line ends", file + b"\r\n" + b"\r" * (size - len(file) - 2)
    yield "line ends before", b"\r\n" * (size // 2)
    yield "padding", b"--cut" + b" " * (size - 5)
    yield "zeros", file + b"\r\n" + b"\x00" * (size - len(file) - 2) + b"\r\n--cut--\r\n"
    yield (
        "an Office file",
        file + b"\r\n" + b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"W\0o\0r\0d\0" * (size // 8) + b"\r\n--cut--\r\n",
    )
    yield "an archive", file + b"\r\n" + b"PK\x03\x04" * (size // 4) + b"\r\n--cut--\r\n"
    yield "after the end", file + b"\r\na\r\n--cut--\r\n" + b"x" * (size - len(file) - 20)


def uploads(size: int) -> Iterator[tuple[str, bytes]]:
    """Yield JSON uploads of about `size` bytes, whose text or another field is very large."""
    head = b'{"filename":"a.txt","content":"'
    yield "text", head + b"x" * size + b'"}'
    yield "escapes", head + b"\\u00e9" * (size // 6) + b'"}'
    yield "quotes", head + b'\\"' * (size // 2) + b'"}'
    yield "pairs", head + b"\\ud83e\\udd8a" * (size // 12) + b'"}'
    yield "half pairs", head + b"\\ud83e" * (size // 6) + b'"}'
    yield "no UTF-8", head + b"x" * size + b'\xff"}'
    yield "no end", head + b"x" * size
    yield "wrong after the text", head + b"x" * size + b'" nothing'
    yield "metadata of lists", head + b'a","metadata":{"a":' + wide(b"[]", size) + b"}}"
    yield "metadata of members", head + b'a","metadata":' + members(size) + b"}"
    yield "metadata of a text", head + b'a","metadata":{"a":"' + b"x" * size + b'"}}'
    yield "metadata of strings", head + b'a","metadata":{"a":' + wide(b'"b"', size) + b"}}"
    yield "metadata and a text", head + b"x" * size + b'","metadata":{"a":' + wide(b"[]", size // 4) + b"}}"
    yield "two texts", head + b"x" * (size // 2) + b'","metadata":{"a":"' + b"x" * (size // 2) + b'"}}'
    yield "a filename", b'{"content":"a","filename":"' + b"x" * size + b'"}'
    yield "strings", wide(b'""', size)
    head = b'{"filename":"a.txt","chunks":'
    vector = b"[" + b",".join([b"0.123456789012345"] * 256) + b"]"
    yield "chunks", head + wide(b'{"content":"a b c"}', size) + b"}"
    yield "chunks with vectors", head + wide(b'{"content":"a","embedding":' + vector + b"}", size) + b"}"
    yield "one chunk of lists", head + b'[{"content":"a","metadata":{"a":' + wide(b"[]", size) + b"}}]}"
    yield "a long vector", head + b'[{"content":"a","embedding":' + wide(b"1", size) + b"}]}"
    yield "a long chunk", head + b'[{"content":"' + b"x" * size + b'"}]}'
    yield "chunks without end", head + b'[{"content":"a"},{"content":"' + b"\\" * (size // 2)
    yield "blanks between chunks", head + b'[{"content":"a"}' + b" " * size + b"]}"
    yield "brackets", head + b"[" + b"[" * size
