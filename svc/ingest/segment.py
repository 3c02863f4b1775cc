"""What the parsers give and the chunker cuts; apart from both, so that neither loads the other."""

from __future__ import annotations

from typing import Any

import msgspec


class Segment(msgspec.Struct, frozen=True):
    """A piece of a document that stands for itself, such as a page.

    `text` is never blank and holds neither NUL, other controls than tab, newline and form feed, nor lone
    surrogates. `metadata` is what a chunk of it is to carry, such as `{"page": 3}`, pages counted from 1.
    """

    text: str
    metadata: dict[str, Any]
