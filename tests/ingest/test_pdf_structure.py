"""PDF outlines become headings, and the addresses of links are read; each expected text was written by hand."""

from __future__ import annotations

from collections.abc import Sequence

from tests.ingest.test_pdf import drawn, lines, read

Outline = tuple[str, int | None, "Sequence[Outline]"]


def with_outline(data: bytes, entries: Sequence[Outline]) -> bytes:
    """A PDF with an outline: titles with their pages, if any, and the entries below them."""
    objects: list[bytes] = []

    def write(entries: Sequence[Outline], parent: int) -> tuple[int, int]:
        numbers = []
        for _ in entries:
            numbers.append(100 + len(objects))
            objects.append(b"")
        for place, (number, (title, page, inner)) in enumerate(zip(numbers, entries, strict=True)):
            first, last = write(inner, number) if inner else (0, 0)
            written = b"<</Title<%s>/Parent %d 0 R" % (("\ufeff" + title).encode("utf-16-be").hex().encode(), parent)
            written += b"/Dest[%d 0 R/Fit]" % (4 + 2 * page) if page is not None else b""
            written += b"/Next %d 0 R" % numbers[place + 1] if place + 1 < len(numbers) else b""
            written += b"/First %d 0 R/Last %d 0 R" % (first, last) if inner else b""
            objects[number - 100] = b"%d 0 obj%s>>endobj\n" % (number, written)
        return numbers[0], numbers[-1]

    first, last = write(entries, 99)
    root = b"99 0 obj<</Type/Outlines/First %d 0 R/Last %d 0 R>>endobj\n" % (first, last)
    return with_objects(data.replace(b"/Type/Catalog", b"/Type/Catalog/Outlines 99 0 R"), root + b"".join(objects))


def with_objects(data: bytes, objects: bytes) -> bytes:
    """A PDF with more objects, which PDFium finds although the cross-reference table is wrong."""
    return data.replace(b"xref\n0", objects + b"xref\n0", 1)


def headings(data: bytes) -> list[tuple[str, int]]:
    document = read(data)
    return [
        (document.text[block.start : block.end], block.level) for block in document.blocks if block.kind == "heading"
    ]


PAGES = [
    lines(
        72, 740, ["A Handbook", "1.1 The Light", "It burns all night.", "1.2 The long", "way up", "It has 90 steps."]
    ),
    lines(72, 740, ["The stairs are steep.", "2 THE ROCK", "It is bare."]),
    lines(72, 740, ["Nothing grows there."]),
]


def test_the_lines_that_an_outline_names_are_headings_with_its_levels() -> None:
    data = with_outline(
        drawn(*PAGES),
        [
            ("Part One", None, [("The Light", 0, []), ("1.2 The long way up", 0, [])]),
            ("The Rock", 1, [("What grows", 2, []), ("Page 3", 2, [])]),
        ],
    )
    assert headings(data) == [
        ("Part One", 1), ("1.1 The Light", 2), ("1.2 The long way up", 2), ("2 THE ROCK", 1), ("What grows", 2),
    ]  # fmt: skip
    document = read(data)
    assert document.text == (
        "A Handbook\n\nPart One\n\n1.1 The Light\n\nIt burns all night.\n\n1.2 The long way up\n\nIt has 90 steps.\n\n"
        "The stairs are steep.\n\n2 THE ROCK\n\nIt is bare.\n\nWhat grows\n\nNothing grows there."
    )


def test_an_outline_without_end_and_one_of_a_document_without_text() -> None:
    endless = with_outline(drawn(*PAGES), [("A Handbook", 0, [])]).replace(b"/Parent 99 0 R", b"/Next 100 0 R")
    assert headings(endless) == [("A Handbook", 1)]


def test_the_addresses_of_links_that_are_not_to_be_seen() -> None:
    link = "<</Type/Annot/Subtype/Link/Rect[{} {} {} {}]/A<</S/URI/URI({})>>>>"
    annotations = "".join([
        link.format(70, 695, 200, 712, "https://example.org/tides"),
        link.format(70, 675, 300, 692, "https://www.example.com/"),
        link.format(70, 675, 300, 692, "javascript:alert(1)"),
    ])  # fmt: skip
    data = drawn(lines(72, 700, ["the table of tides", "see www.example.com"], pitch=20))
    data = data.replace(b"/Type/Page/", b"/Type/Page/Annots[%s]/" % annotations.encode(), 1)
    assert read(data).text == (
        "the table of tides\nsee www.example.com\n\nLinks:\nthe table of tides: https://example.org/tides"
    )
