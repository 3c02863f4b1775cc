"""The contents of RTF outside the body: notes, comments, headers, footers, shapes, objects and hidden text."""

from __future__ import annotations

from collections import defaultdict

from svc.ingest.document import Writer
from svc.ingest.parsers.rtf_words import HYPERLINK

_NAMED = 20  # in a warning


class Sides:
    """Collects the texts of the groups that are not the body's. `target` is that of the field that begins."""

    def __init__(self) -> None:
        self._texts: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self._author = self._property = self.target = ""
        self._objects: list[str] = []
        self.images = 0
        self.unseen: set[str] = set()

    def add_object(self) -> None:
        """Note an object of another program, whose name may follow."""
        self._objects.append("an object")

    def add(self, sink: str, text: str) -> None:
        """Take the text of a group that ends."""
        words = " ".join(text.split())
        match sink:
            case "note" | "comment" | "edge" | "shape" if words:
                by = f" by {self._author}" if self._author else ""
                before = {"note": "Note: ", "comment": f"Comment{by}: "}.get(sink, "")
                self._texts[sink][f"{before}{text if sink == 'shape' else words}"] = None
            case "author":
                self._author = words[:100]
            case "class" if words and self._objects:
                self._objects[-1] = words[:40]
            case "property":
                self._property = words
            case "value" if words and self._property == "wzDescription":
                self._texts["shape"][text] = None
                self.images -= 1
            case "instruction":
                found = HYPERLINK.match(text)
                self.target = (found.group(1) or found.group(2) or "") if found else ""

    def write_shapes(self, writer: Writer) -> None:
        """Write the texts of the shapes that were met since the last time."""
        for text in self._texts.pop("shape", {}):
            writer.add("text", text)

    def write(self, writer: Writer) -> None:
        """Write the notes and the comments, then the headers and footers (`part`), and the warnings."""
        self.write_shapes(writer)
        for kind in ("note", "comment", "edge"):
            writer.place = {"part": "header"} if kind == "edge" else {}
            for text in self._texts[kind]:
                writer.add("text", text)
        writer.place = {}
        if self.images > 0:
            writer.warn(f"{'1 image was' if self.images == 1 else f'{self.images} images were'} not read.")
        if self._objects:
            writer.warn(f"Embedded objects that were not read: {', '.join(self._objects[:_NAMED])}.")
        if "deleted" in self.unseen:
            writer.warn("Deleted text that the document keeps as tracked changes was not read.")
        if "v" in self.unseen:
            writer.warn("Hidden text was not read.")
