"""Charts of Office: the title, and the numbers as a table."""

from __future__ import annotations

from lxml import etree

from svc.ingest.document import Writer
from svc.ingest.parsers.office import drawing_texts

_MOST_POINTS = 1_000


def write_chart(root: etree._Element, writer: Writer) -> None:
    """Write the titles of a chart, and a row for each category with the values of all series."""
    for title in root.iter("{*}title"):
        writer.add("text", " ".join(drawing_texts(title)))
    series = list(root.iter("{*}ser"))
    names = [" ".join(_values(each.find("{*}tx"))) or f"series {n}" for n, each in enumerate(series, 1)]
    categories = next((found for each in series if (found := _values(_first(each, "cat", "xVal")))), [])
    columns = [_values(_first(each, "val", "yVal")) for each in series]
    length = min(max(map(len, [categories, *columns]), default=0), _MOST_POINTS)
    if length:
        rows = [[_at(categories, n), *(_at(column, n) for column in columns)] for n in range(length)]
        writer.add_table([["", *names], *rows])


def _first(series: etree._Element, *names: str) -> etree._Element | None:
    return next((found for name in names if (found := series.find(f"{{*}}{name}")) is not None), None)


def _values(element: etree._Element | None) -> list[str]:
    return [node.text or "" for node in element.iter("{*}v")] if element is not None else []


def _at(values: list[str], index: int) -> str:
    return values[index] if index < len(values) else ""
