"""Beginnings of a head: incomplete ones are waited for, others are answered immediately."""

from __future__ import annotations

import pytest

from svc.wire.heads import lines_of_part

LINE = b"GET /a?b=\xc3\xa4 HTTP/1.1\r\n"
HEAD = b"\r\n" + LINE + b"Host: cabinet\r\nX-Empty:\r\nX_y.z: \ta\xff \r\nlast: 1\r\n"


def known_after_each_byte(head: bytes) -> int | None:
    """The result for a head that arrives byte by byte."""
    known = 0
    for end in range(len(head) + 1):
        lines = lines_of_part(head[:end], known)
        if lines is None:
            return None
        known = lines
    return known


@pytest.mark.parametrize("head", [HEAD[:end] for end in range(len(HEAD) + 1)])
def test_each_part_of_a_head_is_waited_for(head: bytes) -> None:
    lines = lines_of_part(head)
    # The request line counts when it is complete, like each field after it.
    is_begun = len(head) >= len(b"\r\n" + LINE)
    assert lines == (head.rindex(b"\n") + 1 if is_begun else 0)
    assert known_after_each_byte(head) == lines


@pytest.mark.parametrize(
    "head",
    [
        HEAD + b"\r\n", HEAD + b"\n", HEAD + b"\r\nrest", LINE + b"no colon\r\n", LINE + b"a b", LINE + b" folded: x",
        LINE + b": x", LINE + b"X: a\rb", LINE + b"X: \x00", LINE + b"X: \x1b", b"GET / HTTP/2", b"GET / http",
        b"get /", b"\x16\x03\x01", b"\n\n", b"A" * 40, b"GET\r\n", b"GET /\r\n", b" GET /",
    ],
)  # fmt: skip
def test_a_complete_or_malformed_head_is_not_waited_for(head: bytes) -> None:
    assert lines_of_part(head) is None
    assert known_after_each_byte(head) is None
