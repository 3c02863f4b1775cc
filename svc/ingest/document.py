"""A document as it was read: its text, the blocks of that text, and the parts that were not read.

This is a separate module, so that the parsers and the chunker do not import each other.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from svc.ingest.parsers.characters import clean_text
from svc.ingest.parsers.link_marks import placed
from svc.ingest.unread import bounded

BlockKind = Literal["heading", "text", "item", "table", "code", "records"]


class Block(msgspec.Struct, frozen=True, gc=False):
    """The part `text[start:end]` of a document's text, which is never blank.

    `level` is that of a heading, from 1, which is the highest. `head` is where the lines that name the columns of a
    table end; 0 if it has none. `place` says where the block is in the file, such as `{"page": 3}`. `language` is that
    of code. A block of records has a blank line between them.
    """

    kind: BlockKind
    start: int
    end: int
    level: int = 0
    head: int = 0
    place: dict[str, Any] = {}
    language: str = ""


class ReadDocument(msgspec.Struct, frozen=True):
    """The whole text of a document in reading order, with its blocks, in order and without overlap.

    The text contains no NUL, no lone surrogates, and no controls except tab, newline and form feed. Between blocks
    there is only white space. `title` is that of the document, or empty.
    """

    text: str
    blocks: list[Block]
    title: str = ""
    warnings: list[str] = []


class Writer:
    """Collects the text of a document block by block. Every parser writes into one."""

    def __init__(self) -> None:
        self.title = ""
        self.place: dict[str, Any] = {}
        self._parts: list[str] = []
        self._blocks: list[Block] = []
        self._length = 0
        self._warnings: dict[str, None] = {}

    def add(
        self, kind: BlockKind, text: str, *, level: int = 0, head: int = 0, language: str = "", joint: str = ""
    ) -> None:
        """Append a block at the current position, unless it is blank.

        `head` is the length of a table's first lines. `joint` is the white space before the block, if not the usual.
        """
        clean = placed(clean_text(text))
        text = clean.rstrip() if kind == "code" else clean.strip()
        if kind == "code":
            text = text.lstrip("\n")
        if not text.strip():
            return
        if self._blocks:
            self._append(joint or ("\n" if kind == "item" == self._blocks[-1].kind else "\n\n"))
        start = self._length
        self._append(text)
        end = self._length
        head = start + head if 0 < head < len(text) else 0
        self._blocks.append(Block(kind, start, end, level, head, self.place, language))

    def add_table(self, rows: list[list[str]], *, has_head: bool = True) -> None:
        """Append a table, one line for each row that is not blank; the first one names the columns if `has_head`."""
        lines = [" | ".join(placed(" ".join(cell.split())) for cell in row) for row in rows]
        lines = [line for line in lines if line.strip(" |")]
        head = len(lines[0]) if has_head and len(lines) > 1 else 0
        self.add("table", "\n".join(lines), head=head)

    def add_blocks(self, document: ReadDocument) -> None:
        """Append the blocks of another document at the current position."""
        for block in document.blocks:
            self.add(
                block.kind, document.text[block.start : block.end], level=block.level, language=block.language,
                head=block.head - block.start if block.head else 0,
            )  # fmt: skip
        for warning in document.warnings:
            self.warn(warning)

    def warn(self, warning: str) -> None:
        """Record a part that was not read, with its place; equal warnings once."""
        self._warnings[clean_text(warning)] = None

    def document(self) -> ReadDocument:
        """Return the document."""
        title = " ".join(placed(clean_text(self.title)).split())
        return ReadDocument("".join(self._parts), self._blocks, title, bounded(list(self._warnings)))

    def _append(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)
