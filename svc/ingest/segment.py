"""The type that parsers return and the chunker splits. In its own module, so that neither imports the other."""

from __future__ import annotations

from typing import Any

import msgspec


class Segment(msgspec.Struct, frozen=True):
    """A separate part of a document, such as a page.

    `text` is never blank. It contains no NUL, no lone surrogates, and no controls except tab, newline and form feed.
    `metadata` is copied to every chunk of the segment, such as `{"page": 3}`; pages are counted from 1.
    """

    text: str
    metadata: dict[str, Any]
