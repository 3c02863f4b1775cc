"""Markdown: the text is kept unchanged; its headings, tables and code blocks are found."""

from __future__ import annotations

import re
from collections.abc import Iterator

from svc.ingest.document import Block, ReadDocument
from svc.ingest.parsers.characters import clean_text, decode_text
from svc.ingest.parsers.noise import without_noise

# Only lines that can begin a block are examined; everything between them is text.
_BEGINNING = re.compile(
    r"^(?:"
    r"[ \t>]*(?P<fence>`{3,}|~{3,})(?P<language>[^\n`]*)$"
    r"| {0,3}(?P<mark>#{1,6})(?:[ \t]+(?P<title>[^\n]*))?$"
    r"| {0,3}(?P<underline>=+|-+)[ \t]*$"
    r"|[ \t]*(?P<columns>\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)+\|?|\|[ \t]*:?-+:?[ \t]*\|)[ \t]*$"
    r")",
    re.MULTILINE,
)
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(?:[^\n]*\n){0,200}?(?:---|\.\.\.)[ \t]*(?:\n|\Z)")
_FRONT_TITLE = re.compile(r"""^title:[ \t]*["']?([^\n]*?)["']?[ \t]*$""", re.MULTILINE)
_NOT_A_TITLE = re.compile(r"[ \t]*(?:[-*+>|#]|\d{1,9}[.)])[ \t]|[ \t]{4}|[ \t]*$")
_CLOSING_MARK = re.compile(r"[ \t]+#+[ \t]*$")
_TITLE_MOST_CHARACTERS = 300

SAMPLE = b"# A\n\nb"


def parse(data: bytes) -> ReadDocument:
    """Return the whole source, decoded, with the blocks in it."""
    text, warnings = without_noise(clean_text(decode_text(data)))
    return ReadDocument(text, *markdown_blocks(text), warnings)


def markdown_blocks(text: str) -> tuple[list[Block], str]:
    """Return the blocks of Markdown, and the title that its front matter gives, or an empty one."""
    blocks: list[Block] = []
    title, at = "", 0
    if front := _FRONT_MATTER.match(text):
        named = _FRONT_TITLE.search(front.group())
        title, at = named.group(1) if named else "", front.end()
        _add_text(blocks, text, 0, at)
    for block in _marked(text, at):
        _add_text(blocks, text, at, block.start)
        blocks.append(block)
        at = block.end
    _add_text(blocks, text, at, len(text))
    return blocks, title


def _add_text(blocks: list[Block], text: str, start: int, end: int) -> None:
    between = text[start:end]
    if shown := between.strip():
        start += len(between) - len(between.lstrip())
        blocks.append(Block("text", start, start + len(shown)))


def _marked(text: str, at: int) -> Iterator[Block]:
    """Yield the headings, tables and code blocks from `at` on."""
    while found := _BEGINNING.search(text, at):
        block = None
        if found["fence"]:
            end = _end_of_fence(text, found)
            block = Block("code", found.start(), end, language=found["language"].strip().split(" ")[0][:40])
        elif found["mark"]:
            block = Block("heading", found.start(), found.end(), level=len(found["mark"]))
            if not _CLOSING_MARK.sub("", " " + (found["title"] or "")).strip():
                block = None
        elif found["underline"]:
            block = _underlined(text, found, at)
        else:
            block = _table(text, found, at)
        if block is not None:
            yield block
        at = max(found.end(), block.end if block else 0) + 1


def _end_of_fence(text: str, opening: re.Match[str]) -> int:
    mark = opening["fence"]
    closing = re.compile(rf"^[ \t>]*{re.escape(mark[0])}{{{len(mark)},}}[ \t]*$", re.MULTILINE)
    found = closing.search(text, opening.end())
    return found.end() if found else len(text)


def _underlined(text: str, underline: re.Match[str], least: int) -> Block | None:
    start = text.rfind("\n", 0, max(underline.start() - 1, 0)) + 1
    line = text[start : underline.start() - 1] if underline.start() else ""
    if start < least or not line.strip() or len(line) > _TITLE_MOST_CHARACTERS or _NOT_A_TITLE.match(line):
        return None
    before = text.rfind("\n", 0, max(start - 1, 0)) + 1
    if start and text[before : start - 1].strip() and before >= least:
        return None  # the line ends a paragraph; a title of several lines is rarer than a rule below one
    return Block("heading", start, underline.end(), level=1 if underline["underline"][0] == "=" else 2)


def _table(text: str, columns: re.Match[str], least: int) -> Block | None:
    start = text.rfind("\n", 0, max(columns.start() - 1, 0)) + 1
    if start < least or "|" not in text[start : columns.start()] or not columns.start():
        return None
    end = columns.end()
    while end < len(text):
        line_end = text.find("\n", end + 1)
        line = text[end + 1 : line_end if line_end >= 0 else len(text)]
        if "|" not in line:
            break
        end = line_end if line_end >= 0 else len(text)
    return Block("table", start, end, head=columns.end())


def heading_text(source: str) -> str:
    """Return the words of a heading, without the marks around it."""
    line = source.strip().split("\n", 1)[0].strip()
    return _CLOSING_MARK.sub("", line.lstrip("#") if line.startswith("#") else line).strip()
