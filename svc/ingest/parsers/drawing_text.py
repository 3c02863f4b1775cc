"""The text of drawings, diagrams and charts of Office (DrawingML)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby

from lxml import etree

from svc.ingest.parsers.addresses import Addresses, with_address
from svc.ingest.parsers.formulas import formula_text
from svc.ingest.parsers.office import relationship_id

_PARTS = ("{*}t", "{*}br", "{*}oMath")
_COUNTED = ("slidenum",)


def drawing_texts(
    root: etree._Element, targets: Mapping[str, str] | None = None, addresses: Addresses | None = None
) -> Iterator[str]:
    """The paragraphs of a drawing, a diagram or a chart, in order, with the addresses of links that have `targets`."""
    for paragraph in root.iter("{*}p"):
        parts = ""
        for target, runs in groupby(_runs(paragraph, targets or {}), key=lambda run: run[1]):
            words = "".join(text for text, _ in runs)
            address = addresses.beside(words, target, is_relative_kept=True) if addresses and target else ""
            parts += with_address(words, address) if address else words
        if text := parts.strip():
            yield text


def _runs(paragraph: etree._Element, targets: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The text of each run, with the target of its link."""
    for node in paragraph.iter(*_PARTS):
        name = str(node.tag).rpartition("}")[2]
        if name == "oMath":
            yield formula_text(node), ""
        elif name == "br":
            yield "\n", ""
        elif next(node.iterancestors("{*}oMath"), None) is None:
            run = node.getparent()
            if run.get("type") not in _COUNTED:
                link = run.find("{*}rPr/{*}hlinkClick") if targets else None
                yield node.text or "", targets.get(relationship_id(link) or "", "") if link is not None else ""
