"""Packs the pieces of a document into chunks of a bounded number of tokens."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import islice, takewhile
from typing import Any

import msgspec

from svc.errors import DocumentRejectedError
from svc.ingest.chunk import TextChunk
from svc.ingest.document import Block, ReadDocument
from svc.ingest.pieces import FENCE, TINY_TOKENS, Cutter, Path, Piece
from svc.ingest.prose import ProseCutter
from svc.ingest.tokens import WordCounter

_SMALL_SHARE = 8  # a chunk with less than this share of the tokens is merged with a neighbour, if both fit
_FULL_SHARE = 4  # a chunk with more than this share ends where the next section begins
_LONGEST_TOKEN = 16  # In characters, with few exceptions; longer texts need not be counted.
_CUTS_TRIED = 20
_CHARACTERS_TRIED = 64
_JOINER = "\u200d"
_MOST_SIZES = 1_000
_SPACE = re.compile(r"\s+")
_PAUSE = re.compile(r"\n+|(?<=[.!?;:。！？])\s+|(?<=[。！？，、；])")


def split(document: ReadDocument, *, chunk_tokens: int, overlap_tokens: int, max_chunks: int) -> list[TextChunk]:
    """Split a document into chunks of at most `chunk_tokens`, with the headings above each.

    Neighbours overlap by at most `overlap_tokens` where running text is cut. The result is deterministic.

    Raises:
        DocumentRejectedError: the text is blank, or has more than `max_chunks` chunks.
    """
    counter = WordCounter()
    cutter = Cutter(document, counter, chunk_tokens, overlap_tokens)
    packer = _Packer(document, counter, cutter, chunk_tokens)
    pieces = []
    for piece in packer.packed(cutter.pieces()):
        pieces.append(piece)
        if len(pieces) > 2 * max_chunks:
            break  # Merging small neighbours removes less than half of the pieces.
    chunks = [chunk for piece in packer.merged(pieces) for chunk in packer.chunks(piece)]
    if len(chunks) > max_chunks:
        raise DocumentRejectedError(
            f"The document is too large: it has more than {max_chunks} chunks of {chunk_tokens} tokens, "
            "the limit (CABINET_MAX_CHUNKS). Split it into several documents."
        )
    if not chunks:
        raise DocumentRejectedError("The document contains no text.")
    return chunks


class _Packer:
    def __init__(self, document: ReadDocument, counter: WordCounter, cutter: Cutter, tokens: int) -> None:
        self._text = document.text
        self._blocks = document.blocks
        self._starts = [block.start for block in document.blocks]
        self._counter = counter
        self._cutter = cutter
        self._tokens = tokens
        self._tiny = min(TINY_TOKENS, tokens // 4)
        self._sizes: dict[tuple[int, int], int] = {}

    def packed(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        """Join neighbours as long as they fit, except that a section starts a new chunk if possible."""
        last: Piece | None = None
        for piece in pieces:
            if last is None:
                last = piece
            elif self._is_section(last, piece) or piece.continues or (joined := self._joined(last, piece)) is None:
                yield last
                last = piece
            else:
                last = joined
        if last is not None:
            yield last

    def merged(self, pieces: list[Piece]) -> list[Piece]:
        """Merge each small piece with a neighbour, if possible the preceding one."""
        merged: list[Piece] = []
        carried: Piece | None = None
        for number, each in enumerate(pieces):
            piece = each
            if carried is not None:
                if (joined := self._joined(carried, piece)) is not None:
                    piece = joined
                else:
                    merged.append(carried)
                carried = None
            following = pieces[number + 1] if number + 1 < len(pieces) else None
            small = max(TINY_TOKENS, self._tokens // _SMALL_SHARE)
            is_long = piece.end - piece.start > small * _LONGEST_TOKEN
            size = small if is_long else self._size(piece)
            is_bare = not is_long and self._is_bare(piece)
            if size >= small and not is_bare:
                merged.append(piece)
            elif not is_bare and merged and (joined := self._joined(merged[-1], piece)) is not None:
                merged[-1] = joined
            elif following is not None and self._joined(piece, following) is not None:
                carried = piece
            elif merged and (joined := self._joined(merged[-1], piece)) is not None:
                merged[-1] = joined
            elif size >= self._tiny and not is_bare:
                merged.append(piece)
            elif following is not None and (shared := self._filled(piece, following)):
                merged.append(shared[0])
                pieces[number + 1] = shared[1]
            elif merged:
                merged[-1:] = self._balanced(merged[-1], piece)
            else:
                merged.append(piece)
        return [*merged, carried] if carried is not None else merged

    def chunks(self, piece: Piece) -> Iterator[TextChunk]:
        """Yield the chunk of a piece, or several if the piece has more tokens than expected."""
        start, end = self._trimmed(piece)
        if start >= end:
            return
        content = f"{piece.before}{self._text[start:end]}{piece.after}"
        tokens = self._counter.count(content) if piece.before or piece.after else self._count(start, end)
        room = self._tokens - self._cutter.path_tokens(piece.path)
        if tokens <= room:
            yield self._chunk(Piece(start, end, piece.path, before=piece.before, after=piece.after), content, tokens)
            return
        # Each part gets the head of the table or the fence.
        room -= self._counter.count(piece.before) + self._counter.count(piece.after)
        for a, b in ProseCutter(self._counter, max(room, 2), 0).spans(self._text[start:end]):
            content = f"{piece.before}{self._text[start + a : start + b]}{piece.after}"
            part = msgspec.structs.replace(piece, start=start + a, end=start + b)
            yield self._chunk(part, content, self._counter.count(content))

    def _trimmed(self, piece: Piece) -> tuple[int, int]:
        """The span of a piece without blank lines at its ends and, unless it is code, without other white space
        there."""
        text = self._text[piece.start : piece.end]
        end = piece.start + len(text.rstrip())
        start = piece.end - len(text.lstrip())
        if start < end and self._block_at(start).kind == "code":
            start = max(piece.start, self._text.rfind("\n", 0, start) + 1)
        return start, end

    def _block_at(self, position: int) -> Block:
        return self._blocks[max(bisect_right(self._starts, position) - 1, 0)]

    def _chunk(self, piece: Piece, content: str, tokens: int) -> TextChunk:
        metadata: dict[str, Any] = {}
        if piece.path:
            metadata["heading"] = list(piece.path)
        first, last = self._block_at(piece.start), self._block_at(piece.end - 1)
        metadata |= first.place
        metadata |= {
            f"last_{name}": last.place[name]
            for name in ("page", "slide")
            if name in first.place and last.place.get(name, first.place[name]) != first.place[name]
        }
        metadata |= {"start": piece.start, "end": piece.end}
        if piece.before or piece.after:
            metadata["added"] = [len(piece.before), len(piece.after)]
        return TextChunk(content, tokens, metadata)

    def _size(self, piece: Piece) -> int:
        return self._count(piece.start, piece.end)

    def _count(self, start: int, end: int) -> int:
        """The tokens of a part of the text. The same parts are counted again when neighbours are joined."""
        if (start, end) not in self._sizes:
            if len(self._sizes) > _MOST_SIZES:
                self._sizes.clear()
            self._sizes[start, end] = self._counter.count(self._text[start:end])
        return self._sizes[start, end]

    def _is_section(self, last: Piece, piece: Piece) -> bool:
        """Whether `piece` starts a section, and the pieces before it are enough for a chunk."""
        return piece.opens and self._size(last) * _FULL_SHARE >= self._tokens

    def _joined(self, left: Piece, right: Piece) -> Piece | None:
        """Both pieces as one, below their common headings; None if they do not fit, or if a part is repeated."""
        if left.after or right.before or right.start < left.end:
            return None
        path = _common(left.path, right.path)
        room = self._tokens - self._cutter.path_tokens(path)
        if left.before or right.after:
            room -= self._counter.count(left.before) + self._counter.count(right.after)
        # Two parts can have a token less together than apart: that of the space before the right one.
        if self._size(left) + self._size(right) - 1 > room or self._count(left.start, right.end) > room:
            return None
        return Piece(left.start, right.end, path, left.opens, left.continues, left.before, right.after)

    def _is_bare(self, piece: Piece) -> bool:
        """Whether a piece has only headings."""
        first, last = (max(bisect_right(self._starts, at) - 1, 0) for at in (piece.start, piece.end - 1))
        return all(block.kind == "heading" for block in self._blocks[first : last + 1])

    def _filled(self, left: Piece, right: Piece) -> list[Piece] | None:
        """Both pieces, with the first words of the right one moved to the left one; None if this is impossible."""
        if left.after or not self._is_divisible(right) or right.start < left.end:
            return None
        path = _common(left.path, right.path)
        room = self._tokens - self._cutter.path_tokens(path)
        text, middle = self._text, (right.start + right.end) // 2
        cuts = [
            *[pause.end() for pause in islice(_PAUSE.finditer(text, right.start, middle), _CUTS_TRIED)],
            *[space.end() for space in islice(_SPACE.finditer(text, right.start, middle), _CUTS_TRIED)],
            *range(right.start + 1, min(right.start + _CHARACTERS_TRIED, middle)),
        ]
        for cut in cuts:
            is_enough = self._tiny <= self._counter.count(text[left.start : cut].rstrip()) <= room
            if is_enough and _divides(text, cut) and self._counter.count(text[cut : right.end]) >= self._tiny:
                return [
                    msgspec.structs.replace(left, end=right.start + len(text[right.start : cut].rstrip()), path=path),
                    msgspec.structs.replace(right, start=cut),
                ]
        return None

    def _balanced(self, left: Piece, right: Piece) -> list[Piece]:
        """Both pieces, with the last sentences of the left one moved to the right one."""
        if not self._is_divisible(left) or right.before:
            return [left, right]
        text, middle = self._text, (left.start + left.end) // 2
        sentences = [pause.end() for pause in _PAUSE.finditer(text, middle, left.end) if pause.end() < left.end]
        words = [space.end() for space in _SPACE.finditer(text, middle, left.end)]
        cuts = [
            *sentences[: -_CUTS_TRIED - 1 : -1],
            *words[: -_CUTS_TRIED - 1 : -1],
            *range(left.end - 1, max(left.end - _CHARACTERS_TRIED, middle), -1),
        ]
        path = _common(left.path, right.path)
        room = self._tokens - self._cutter.path_tokens(path)
        for cut in cuts:
            end = left.start + len(text[left.start : cut].rstrip())
            is_enough = self._tiny <= self._counter.count(text[cut : right.end]) <= room
            if is_enough and _divides(text, cut) and self._counter.count(text[left.start : end]) >= self._tiny:
                return [msgspec.structs.replace(left, end=end), msgspec.structs.replace(right, start=cut, path=path)]
        return [left, right]

    def _is_divisible(self, piece: Piece) -> bool:
        """Whether a piece is text, or code without a fence, which can be cut anywhere without adding anything."""
        if piece.before or piece.after:
            return False
        first, last = (max(bisect_right(self._starts, at) - 1, 0) for at in (piece.start, piece.end - 1))
        return not any(
            block.kind == "table" or (block.kind == "code" and FENCE.match(self._text, block.start))
            for block in self._blocks[first : last + 1]
        )


def _divides(text: str, cut: int) -> bool:
    """Whether a text can be cut before a character, which must not be a combining part of the preceding one."""
    return unicodedata.category(text[cut]) not in ("Mn", "Mc", "Me", "Cf") and text[cut - 1] != _JOINER


def _common(left: Path, right: Path) -> Path:
    if left == right:
        return left
    return tuple(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], zip(left, right, strict=False)))
