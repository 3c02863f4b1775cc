"""The drawings in a Word document: images, charts, diagrams and objects of other programs."""

from __future__ import annotations

from lxml import etree

from svc.ingest.document import Writer
from svc.ingest.parsers.addresses import Addresses
from svc.ingest.parsers.charts import write_chart_or_diagram
from svc.ingest.parsers.embedded import Objects
from svc.ingest.parsers.office import Package, relationship_id
from svc.ingest.parsers.word_styles import value_of
from svc.ingest.parsers.word_text import name_of

_DRAWN = ("{*}chart", "{*}relIds", "{*}docPr", "{*}imagedata", "{*}OLEObject", "{*}hlinkClick")


class Drawings:
    """Writes the drawings in the paragraphs of one part."""

    def __init__(self, package: Package, part: str, writer: Writer, objects: Objects, addresses: Addresses) -> None:
        self._package = package
        self._parts = {each.id: each.part for each in package.relationships(part) if each.id}
        self._targets = package.targets(part)
        self._writer = writer
        self._objects = objects
        self._addresses = addresses
        self.images = 0

    def write(self, paragraph: etree._Element) -> None:
        """Write the descriptions of images, the charts and the diagrams, and note the rest."""
        for node in paragraph.iter(*_DRAWN):
            match name_of(node):
                case "docPr":
                    is_image = next(node.getparent().iter("{*}blip"), None) is not None
                    self._write_image(node.get("descr") or node.get("title") or "", is_image=is_image)
                case "imagedata":
                    is_preview = any(name_of(above) == "object" for above in node.iterancestors())
                    self._write_image(node.getparent().get("alt") or "", is_image=not is_preview)
                case "OLEObject":
                    identifier = relationship_id(node) or ""
                    target = self._targets.get(identifier, "")
                    self._objects.add(self._parts.get(identifier), value_of(node, "ProgID")[:40], target[:200])
                case "hlinkClick":
                    target = self._targets.get(relationship_id(node) or "", "")
                    self._writer.add("text", self._addresses.beside("", target, is_relative_kept=True))
                case name:
                    self._write_part(node, is_chart=name == "chart")

    def _write_image(self, description: str, *, is_image: bool) -> None:
        if description.strip():
            self._writer.add("text", description)
        else:
            self.images += is_image

    def _write_part(self, node: etree._Element, *, is_chart: bool) -> None:
        reference = self._parts.get(relationship_id(node, "id" if is_chart else "dm") or "")
        part = self._package.xml(reference) if reference else None
        write_chart_or_diagram(part, self._writer, is_chart=is_chart)
