"""Cuts the blocks of a document into pieces that fit into a chunk, each with the headings above it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from svc.ingest.code import cut_code
from svc.ingest.document import Block, ReadDocument
from svc.ingest.parsers.markdown import heading_text
from svc.ingest.prose import ProseCutter, Span
from svc.ingest.tokens import WordCounter

Path = tuple[str, ...]

FENCE = re.compile(r"([ \t>]*)(`{3,}|~{3,})[^\n]*\n")
"""The first line of code between fences."""

TINY_TOKENS = 8
"""A chunk with fewer tokens is too short to be found by its content."""

_ROOMS_TRIED = 4
_SPARE_TOKENS = 10  # of a piece of a table or of code, so that a few words before or after it fit too
_HEADING_MOST_CHARACTERS = 200
_MOST_HEADINGS = 24  # in a row, such as the names of functions without descriptions
_PATH_MOST_SHARE = 8  # The headings above a chunk take at most one of this number of its tokens.
_NEWLINES = str.maketrans("\n", " ")


class Piece(msgspec.Struct, frozen=True, gc=False):
    """The part `text[start:end]` of a document, below the headings `path`.

    `before` and `after` are repeated around it: the head of its table, the fence of its code. It `opens` a section if
    the headings or the place before it were others. It `continues` a block that was too large for one piece.
    """

    start: int
    end: int
    path: Path
    opens: bool = False
    continues: bool = False
    before: str = ""
    after: str = ""


class Cutter:
    """Cuts one document. A piece and the headings of its path have at most `tokens`."""

    def __init__(self, document: ReadDocument, counter: WordCounter, tokens: int, overlap_tokens: int) -> None:
        self._text = document.text
        self._blocks = document.blocks
        self._counter = counter
        self._tokens = tokens
        self._overlap_tokens = overlap_tokens
        self._headings: list[tuple[int, str]] = [(0, document.title)] if document.title else []
        self._cutters: dict[tuple[int, bool], ProseCutter] = {}
        self._path_tokens: dict[Path, int] = {}

    def pieces(self) -> Iterator[Piece]:
        """Yield the pieces in order. A heading is in one piece with the text that follows it."""
        for blocks, path, opens in self._units():
            yield from self._unit(blocks, path, opens=opens)

    def path_tokens(self, path: Path) -> int:
        """The number of tokens that the headings of a path add to the embedded text."""
        if path not in self._path_tokens:
            self._path_tokens[path] = self._counter.count(" > ".join(path)) + 3 if path else 0
        return self._path_tokens[path]

    def _units(self) -> Iterator[tuple[list[Block], Path, bool]]:
        """Yield blocks that belong together: headings with the text, the table or the code that follows them."""
        unit: list[Block] = []
        path, opens = self._path(), False
        place: object = None
        for block in self._blocks:
            is_heading = block.kind == "heading" and self._is_heading(block)
            moved = place is not None and (here := _container(block)) != place
            joins = bool(unit) and not moved and _joins(unit, block, is_heading=is_heading)
            if unit and not joins:
                yield unit, path, opens
                unit, opens = [], False
            place = here if moved else _container(block)
            if is_heading:
                self._enter(block)
            opens = opens or moved or is_heading
            path = self._path()
            unit.append(block)
        if unit:
            yield unit, path, opens

    def _is_heading(self, block: Block) -> bool:
        return self._counter.count(self._text[block.start : block.end]) <= max(self._tokens // 4, 8)

    def _enter(self, heading: Block) -> None:
        while self._headings and self._headings[-1][0] >= heading.level:
            self._headings.pop()
        words = " ".join(heading_text(self._text[heading.start : heading.end]).split())
        if self._headings and self._headings[-1][0] == 0 and words and words in self._headings[-1][1]:
            self._headings.pop()  # the title of a page often repeats its first heading
        self._headings.append((heading.level, words[:_HEADING_MOST_CHARACTERS]))

    def _path(self) -> Path:
        path = tuple(words for _, words in self._headings if words)
        while path and self.path_tokens(path) > self._tokens // _PATH_MOST_SHARE:
            path = path[1:]
        return path

    def _unit(self, blocks: list[Block], path: Path, *, opens: bool) -> Iterator[Piece]:
        start, end, last = blocks[0].start, blocks[-1].end, blocks[-1]
        room = self._tokens - self.path_tokens(path)
        if last.kind in ("table", "code", "records"):
            room = max(room - _SPARE_TOKENS, room * 3 // 4)
        if self._fits(start, end, room):
            yield Piece(start, end, path, opens)
            return
        if last.kind == "table":
            pieces = self._table(start, last, room, path)
        elif last.kind == "code":
            pieces = self._code(start, last, room, path)
        elif last.kind == "records":
            pieces = self._records(start, last, room, path)
        else:
            pieces = (Piece(*span, path) for span in self._prose(start, end, room, _end_of_headings(blocks)))
        for number, piece in enumerate(pieces):
            yield msgspec.structs.replace(piece, opens=opens and not number, continues=number > 0)

    def _fits(self, start: int, end: int, room: int) -> bool:
        # A token of ASCII has at least one character, and most have more: only pieces that may be too long are counted.
        if end - start < room and self._text[start:end].isascii():
            return True
        return self._counter.count(self._text[start:end]) <= room

    def _prose(
        self, start: int, end: int, room: int, headings_end: int = 0, *, overlaps: bool = True
    ) -> Iterator[Span]:
        # Blanks instead of newlines keep the splitter from cutting behind a heading. They may have other tokens.
        joined = self._text[start:headings_end].translate(_NEWLINES)
        text = joined + self._text[start + len(joined) : end]
        wanted = room - self._text.count("\n", start, max(headings_end, start))
        for _ in range(_ROOMS_TRIED):
            spans = self._cutter(max(wanted, 2), overlaps=overlaps).spans(text)
            first = next(spans, (0, 0))
            more = self._counter.count(self._text[start + first[0] : start + first[1]]) - room
            if more <= 0 or not joined:
                break
            wanted -= more
        if first[1]:
            yield start + first[0], start + first[1]
        for a, b in spans:
            yield start + a, start + b

    def _cutter(self, room: int, *, overlaps: bool) -> ProseCutter:
        if (room, overlaps) not in self._cutters:
            overlap_tokens = min(self._overlap_tokens, room // 2) if overlaps else 0
            self._cutters[room, overlaps] = ProseCutter(self._counter, room, overlap_tokens)
        return self._cutters[room, overlaps]

    def _table(self, start: int, table: Block, room: int, path: Path) -> Iterator[Piece]:
        """Whole rows, with the head above those of each piece. A row that does not fit is cut as text."""
        head = self._text[table.start : table.head] + "\n" if table.head else ""
        head_tokens = self._counter.count(head)
        if head_tokens > room // 2:
            head, head_tokens = "", 0
        at = begun = table.head or start
        first, used, before = start, self._counter.count(self._text[start:at]), ""
        if used > room * 3 // 4:  # a head that cannot be repeated, and leaves no room for a row
            for span in self._prose(start, at, room, table.start):
                yield Piece(*span, path)
            first, used = _begin(self._text, at), 0
        while at < table.end:
            end = self._text.find("\n", at + 1, table.end)
            end = end if end >= 0 else table.end
            size = self._counter.count(self._text[at:end]) + 1
            if used + size > room and begun < at:
                yield Piece(first, at, path, before=before)
                first, used, before = _begin(self._text, at), head_tokens, head
                begun = at
            if used + size > room:
                for a, b in self._prose(_begin(self._text, at), end, max(room - max(used, head_tokens), 2)):
                    yield Piece(a if begun < 0 else first, b, path, before=before)
                    before, begun = head, -1
                first, used, before, begun = _begin(self._text, end), head_tokens, head, end
            else:
                used += size
            at = end
        if self._text[first : table.end].strip():
            yield Piece(first, table.end, path, before=before)

    def _records(self, start: int, block: Block, room: int, path: Path) -> Iterator[Piece]:
        """As many whole records as fit. One that does not fit is cut as text."""
        first, used, at = start, 0, start
        while at < block.end:
            blank = self._text.find("\n\n", max(at, block.start), block.end)
            end = blank + 2 if blank >= 0 else block.end
            size = self._counter.count(self._text[at:end])
            if used + size > room and first < at:
                yield Piece(first, at - 2, path)
                first, used = at, 0
            if size > room:
                for a, b in self._prose(first, end, room, block.start if first == start else 0):
                    yield Piece(a, b, path)
                first, used = end, 0
            else:
                used += size
            at = end
        if self._text[first : block.end].strip():
            yield Piece(first, block.end, path)

    def _code(self, start: int, code: Block, room: int, path: Path) -> Iterator[Piece]:
        """Whole definitions. Where a fence is cut, each piece has its own."""
        opening = FENCE.match(self._text, code.start, code.end)
        before = opening.group() if opening else ""
        after = f"\n{opening[1]}{opening[2]}" if opening else ""
        added = self._counter.count(before) + self._counter.count(after)
        lead = self._counter.count(self._text[start : code.start])
        if added + lead > room // 2:
            before, after, added = "", "", 0
        first = opening.end() if opening else code.start
        closing = self._text.rfind("\n", first, code.end)
        is_closed = opening is not None and closing >= 0 and FENCE.match(f"{self._text[closing + 1 : code.end]}\n")
        last = closing if is_closed else code.end
        lines = cut_code(self._text[first:last], max(room - added - lead, room // 4, 2), self._counter)
        cut = [[first + a, first + b] for a, b in lines] or [[first, last]]
        cut[0][0], cut[-1][1] = start, code.end
        spans: list[Span] = []
        for a, b in cut:
            if self._fits(a, b, room - added):
                spans.append((a, b))
            else:  # one line that is too long
                spans += self._prose(a, b, room - added, first if a == start else 0, overlaps=False)
        spans = self._evened(spans, room - added)
        for number, (a, b) in enumerate(spans):
            is_last = number == len(spans) - 1
            yield Piece(a, b, path, before=before if number else "", after="" if is_last and is_closed else after)

    def _evened(self, spans: list[Span], room: int) -> list[Span]:
        """The parts of code. A tiny part is joined with the preceding one, or gets lines from it."""
        evened: list[Span] = []
        for start, end in spans:
            begin = start
            if evened and self._is_tiny(start, end):
                first, last = evened.pop()
                begin = first if self._fits(first, end, room + _SPARE_TOKENS // 2) else self._before(first, start, end)
                if begin > first:
                    evened.append((first, last if begin == start else begin - 1))
            evened.append((begin, end))
        return evened

    def _before(self, first: int, start: int, end: int) -> int:
        """Where to begin instead of at `start`, behind a newline or a blank after `first`, so that it is not tiny."""
        for pause in "\n ":
            begin = start
            while (at := self._text.rfind(pause, first + 1, begin - 1)) >= 0 and self._is_tiny(begin, end):
                begin = at + 1
            if not self._is_tiny(begin, end):
                return begin
        return start

    def _is_tiny(self, start: int, end: int) -> bool:
        return self._fits(start, end, min(TINY_TOKENS, self._tokens // 4) - 1)


def _joins(unit: list[Block], block: Block, *, is_heading: bool) -> bool:
    """Whether a block continues the unit: text after text, anything after headings, but no heading after text."""
    last = unit[-1]
    if last.kind == "heading":
        return not is_heading or len(unit) < _MOST_HEADINGS
    if is_heading or block.kind in ("table", "code", "records"):
        return False
    return last.kind in ("text", "item")


def _container(block: Block) -> object:
    """The place of a block except for its page, which text crosses."""
    if not block.place:
        return ()
    return tuple(item for item in block.place.items() if item[0] != "page")


def _end_of_headings(blocks: list[Block]) -> int:
    """Where the text after the first headings begins; 0 if there are only headings, or none."""
    for number, block in enumerate(blocks):
        if block.kind != "heading":
            return block.start if number else 0
    return 0


def _begin(text: str, at: int) -> int:
    return at + 1 if text[at : at + 1] == "\n" else at
