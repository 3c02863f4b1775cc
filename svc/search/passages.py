"""Passages: consecutive chunks of a document as one text, in which text that two of them share appears once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol
from uuid import UUID

from svc.search.results import Hit, R

# Two texts that share fewer characters than this were not cut from each other.
_LEAST_SHARED = 16
_MOST_SHARED = 4_000
_MOST_TRIED = 32
# Only the length of the white space between two chunks is known. Most lines begin with one of these characters.
_LINE_BEGINS = "-*+#>|"
# The maximum number of tokens of the line breaks between two chunks.
_TOKENS_OF_A_JOINT = 2


@dataclass
class Span(Generic[R]):
    """Consecutive chunks of a document, by index, and the found ones among them, best first."""

    reading_id: UUID
    first: int
    last: int
    hits: list[Hit[R]] = field(default_factory=list)

    def overlaps(self, other: Span[R]) -> bool:
        """Whether both contain the same chunk."""
        return self.reading_id == other.reading_id and self.first <= other.last and other.first <= self.last


def spans(hits: Iterable[Hit[R]], neighbours: int) -> list[Span[R]]:
    """Return the chunks with this number of neighbours on each side. Overlapping ones are joined at the rank of the
    best."""
    found: list[Span[R]] = []
    for hit in hits:
        index = hit.row.chunk_index
        new = Span(hit.row.reading_id, max(0, index - neighbours), index + neighbours, [hit])
        # The new one can join several that did not overlap before.
        joined = [span for span in found if span.overlaps(new)]
        if not joined:
            found.append(new)
            continue
        first, *others = joined
        for span in [*others, new]:
            first.first, first.last = min(first.first, span.first), max(first.last, span.last)
            first.hits += span.hits
        found = [span for span in found if not any(span is other for other in others)]
    return found


class Part(Protocol):
    """A chunk as a part of a passage."""

    @property
    def content(self) -> str: ...
    @property
    def token_count(self) -> int: ...
    @property
    def metadata(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class _Place:
    """The place of a chunk in the text of its document, and the numbers of characters that are repeated around it."""

    start: int
    end: int
    before: int
    after: int


def token_bound(parts: Sequence[Part]) -> int:
    """The maximum number of tokens in the text of these chunks."""
    return sum(part.token_count for part in parts) + _TOKENS_OF_A_JOINT * max(0, len(parts) - 1)


def joined_text(parts: Sequence[Part]) -> str:
    """Return the text of consecutive chunks. Text that a chunk shares with the previous one appears once."""
    texts: list[str] = []
    last: tuple[str, _Place | None] | None = None
    for part in parts:
        text, place = part.content, _place_of(part)
        if last is None:
            texts.append(text)
        else:
            cut, rest = _continued(*last, text, place)
            if cut:
                texts[-1] = texts[-1][:-cut]
            texts.append(rest)
        last = text, place
    return "".join(texts)


def _continued(before: str, before_place: _Place | None, text: str, place: _Place | None) -> tuple[int, str]:
    """The continuation of a text with the next chunk: the characters to remove from its end, and the text to append."""
    if before_place is None or place is None or place.start < before_place.start:
        shared = _shared(before, text)
        return 0, text[shared:] if shared else f"\n{text}"
    # A table repeats its head in every chunk, and code its fence.
    cut = before_place.after if place.before else 0
    own = text[place.before :]
    gap = place.start - before_place.end
    if gap < 0:
        shared = min(-gap, len(own))
        if not before[: len(before) - before_place.after].endswith(own[:shared]) and place.end > before_place.end:
            return 0, f"\n{text}"
        return cut, own[shared:]
    if gap == 1 and not place.before and own[:1] not in _LINE_BEGINS:
        return cut, f" {own}"
    return cut, "\n" * min(gap, 2) + own


def _place_of(part: Part) -> _Place | None:
    """The place of a chunk, if its metadata contains one that agrees with its text."""
    start, end = part.metadata.get("start"), part.metadata.get("end")
    added = part.metadata.get("added", [0, 0])
    if not isinstance(added, list) or len(added) != 2:
        return None
    numbers = [start, end, *added]
    if not all(type(number) is int and number >= 0 for number in numbers):
        return None
    place = _Place(*numbers)
    is_right = place.end - place.start + place.before + place.after == len(part.content)
    return place if is_right else None


def _shared(before: str, text: str) -> int:
    """Return the number of characters with which one text ends and the next one begins."""
    start = max(0, len(before) - _MOST_SHARED) - 1
    for _ in range(_MOST_TRIED):
        start = before.find(text[:_LEAST_SHARED], start + 1)
        if start < 0 or len(before) - start < _LEAST_SHARED:
            break
        if text.startswith(before[start:]):
            return len(before) - start
    return 0
