"""Charts of Office: the title, and the numbers as a table."""

from __future__ import annotations

from lxml import etree

from svc.ingest.document import Writer
from svc.ingest.parsers.drawing_text import drawing_texts

_MOST_POINTS = 1_000


def write_chart_or_diagram(root: etree._Element | None, writer: Writer, *, is_chart: bool) -> None:
    """Write the part of a file that a drawing refers to; None means that it is missing or damaged."""
    if root is None:
        writer.warn("A chart or a diagram was not read: its part is missing or damaged.")
    elif is_chart:
        write_chart(root, writer)
    else:
        writer.add("text", "\n".join(drawing_texts(root)))


def write_chart(root: etree._Element, writer: Writer) -> None:
    """Write the titles of a chart, and a row for each category with the values of all series."""
    for title in root.iter("{*}title"):
        writer.add("text", " ".join(drawing_texts(title)))
    for label in root.iter("{*}dLbl"):
        writer.add("text", " ".join(drawing_texts(label)))
    series = list(root.iter("{*}ser"))
    names = [" ".join(_values(each.find("{*}tx"))) or f"series {n}" for n, each in enumerate(series, 1)]
    categories = next((found for each in series if (found := _values(_first(each, "cat", "xVal")))), [])
    columns = [_values(_first(each, "val", "yVal")) for each in series]
    sizes = [_values(each.find("{*}bubbleSize")) for each in series]
    for name, size in zip(list(names), sizes, strict=True):
        if size:
            names.append(f"size of {name}")
            columns.append(size)
    if not series:  # the charts of Office 2016: waterfalls, trees, funnels and others
        categories, names, columns = _dimensions(root)
    longest = max(map(len, [categories, *columns]), default=0)
    length = min(longest, _MOST_POINTS)
    if longest > length:
        writer.warn(f"A chart has {longest} points, of which the first {_MOST_POINTS} were read.")
    if length:
        rows = [[_at(categories, n), *(_at(column, n) for column in columns)] for n in range(length)]
        writer.add_table([["", *names], *rows])


def _dimensions(root: etree._Element) -> tuple[list[str], list[str], list[list[str]]]:
    texts, numbers = list(root.iter("{*}strDim")), list(root.iter("{*}numDim"))
    names = [" ".join(str(text) for text in each.itertext()).strip() for each in root.iter("{*}tx")]
    names = [name for name in names if name][: len(numbers)]
    names += [f"series {n + 1}" for n in range(len(names), len(numbers))]
    return _values(texts[0]) if texts else [], names, [_values(each) for each in numbers]


def _first(series: etree._Element, *names: str) -> etree._Element | None:
    return next((found for name in names if (found := series.find(f"{{*}}{name}")) is not None), None)


def _values(element: etree._Element | None) -> list[str]:
    """The values of the points, by their numbers; those of several levels are joined, the outer ones first."""
    if element is None:
        return []
    levels = [_points(level) for level in element.iter("{*}lvl")] or [_points(element)]
    if len(levels) == 1:
        return levels[0]
    joined: list[str] = []
    outer = [""] * len(levels)
    for number in range(max(map(len, levels))):
        # An outer level names only the first of its points.
        outer = [_at(level, number) or last for level, last in zip(levels, outer, strict=True)]
        joined.append(" ".join(filter(None, reversed(outer))))
    return joined


def _points(element: etree._Element) -> list[str]:
    points = list(element.iter("{*}pt"))
    if not points:
        return [node.text or "" for node in element.iter("{*}v")]
    values: list[str] = []
    for point in points:
        index = point.get("idx") or ""
        gap = int(index) - len(values) if index.isdigit() and len(index) < 6 else 0
        values += [""] * gap
        values.append(point.findtext("{*}v") or point.text or "")
    return values


def _at(values: list[str], index: int) -> str:
    return values[index] if index < len(values) else ""
