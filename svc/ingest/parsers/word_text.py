"""The displayed text of a Word paragraph."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lxml import etree

from svc.ingest.parsers.addresses import Addresses, with_address
from svc.ingest.parsers.formulas import formula_text
from svc.ingest.parsers.word_styles import value_of

_INLINE_TEXT = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_WHOLE = ("oMath", "ruby", "ddList", "checkBox", "textpath")
_INLINE = [
    "{*}" + name for name in ("p", "t", "sym", "hyperlink", "fldSimple", "fldChar", "instrText", *_WHOLE, *_INLINE_TEXT)
]
_MOST_OPEN = 50  # fields inside of each other
_HYPERLINK = re.compile(r'\s*HYPERLINK\s+(?:"([^"]*)"|([^\s"\\][^\s"]*))', re.IGNORECASE)
# The letters of the font Symbol, which has no Unicode.
_SYMBOLS = dict(zip(range(0x41, 0x5B), "ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ", strict=True))
_SYMBOLS |= dict(zip(range(0x61, 0x7B), "αβχδεφγηιϕκλμνοπθρστυϖωξψζ", strict=True))
_SYMBOLS |= {
    0xA2: "′", 0xA3: "≤", 0xA5: "∞", 0xAC: "←", 0xAE: "→", 0xB0: "°", 0xB1: "±", 0xB3: "≥", 0xB4: "×", 0xB7: "•",
    0xB8: "÷", 0xB9: "≠", 0xBB: "≈", 0xD6: "√", 0xDE: "⇒", 0xE5: "∑",
}  # fmt: skip
# The boxes and the arrows of fonts that have only pictures.
_PICTURES = {
    "wingdings": {
        0x6C: "●", 0x6E: "■", 0x6F: "☐", 0x71: "☐", 0x9F: "•", 0xA7: "▪", 0xA8: "☐", 0xDF: "←", 0xE0: "→", 0xE8: "→",
        0xFB: "✗", 0xFC: "✓", 0xFD: "☒", 0xFE: "☑",
    },
    "wingdings 2": {0x4F: "✗", 0x50: "✓", 0x51: "☒", 0x52: "☑", 0x53: "☒", 0x54: "☒", 0xA3: "☐"},
}  # fmt: skip


def name_of(element: etree._Element) -> str:
    """The name of an element without its namespace."""
    return str(element.tag).rpartition("}")[2]


def without_unshown(root: etree._Element) -> tuple[etree._Element, bool]:
    """Remove the parts that Word hides, or shows elsewhere, from `root`; return them, and whether text was hidden."""
    # A text box occurs twice, the second time for old readers; moved text is also kept at its old place.
    etree.strip_elements(root, "{*}Fallback", "{*}moveFrom", "{*}tabs", with_tail=False)
    is_hidden = False
    for mark in [*root.iter("{*}showingPlcHdr")]:
        control = mark.getparent().getparent()
        if name_of(control) == "sdt" and control.getparent() is not None:
            control.getparent().remove(control)
    for mark in [*root.iter("{*}vanish", "{*}webHidden")]:
        run = mark.getparent().getparent()
        if name_of(mark.getparent()) == "rPr" and name_of(run) == "r" and _is_on(mark) and name_of(mark) == "vanish":
            is_hidden = is_hidden or any((text.text or "").strip() for text in run.iter("{*}t"))
            run.getparent().remove(run)
    return root, is_hidden


def _is_on(mark: etree._Element) -> bool:
    value = next((value for key, value in mark.items() if key.endswith("}val")), "true")
    return value.lower() not in ("0", "false", "off", "none")


class Words:
    """Reads the paragraphs of a part of Word, whose links have these targets."""

    def __init__(self, targets: Mapping[str, str], addresses: Addresses) -> None:
        self._targets = targets
        self._addresses = addresses

    def of(self, paragraph: etree._Element) -> str:
        """The text of a paragraph, with that of the boxes in it, and the addresses of its links."""
        reader = _Paragraph(self._targets, self._addresses)
        events = etree.iterwalk(paragraph, events=("start", "end"), tag=_INLINE)
        for event, node in events:
            name = name_of(node)
            if event == "start" and name in _WHOLE:
                reader.add(_whole(node, name))
                events.skip_subtree()
            elif name not in _WHOLE:
                reader.read(node, name, is_start=event == "start")
        return "".join(reader.parts).strip()


@dataclass
class _Field:
    """A field that is open: its instructions, and from where on the parts of the paragraph are its result."""

    start: int
    instructions: str = ""
    has_result: bool = False


class _Paragraph:
    def __init__(self, targets: Mapping[str, str], addresses: Addresses) -> None:
        self._targets = targets
        self._addresses = addresses
        self._open: list[_Field] = []
        self._links: list[int] = []
        self.parts: list[str] = []

    def add(self, text: str) -> None:
        self.parts.append(text)

    def read(self, node: etree._Element, name: str, *, is_start: bool) -> None:
        if name == "p":
            self.parts.append("\n")  # separates a nested paragraph, that of a text box
        elif name in ("hyperlink", "fldSimple"):
            if is_start:
                self._links.append(len(self.parts))
            elif self._links:
                self._close(self._links.pop(), self._target(node, name))
        elif is_start and name == "fldChar":
            self._read_field(value_of(node, "fldCharType"))
        elif is_start and name == "instrText":
            if self._open:
                self._open[-1].instructions += node.text or ""
        elif is_start:
            self.parts.append(
                _symbol(node) if name == "sym" else node.text or "" if name == "t" else _INLINE_TEXT[name]
            )

    def _target(self, node: etree._Element, name: str) -> str:
        if name == "fldSimple":
            return _target_of(value_of(node, "instr"))
        return self._targets.get(value_of(node, "id"), "")

    def _read_field(self, kind: str) -> None:
        if kind == "begin" and len(self._open) < _MOST_OPEN:
            self._open.append(_Field(len(self.parts)))
        elif kind == "separate" and self._open:
            self._open[-1].start, self._open[-1].has_result = len(self.parts), True
        elif kind == "end" and self._open:
            field = self._open.pop()
            if self._open and not self._open[-1].has_result:  # its result is only a part of these instructions
                self._open[-1].instructions += "".join(self.parts[field.start :])
                del self.parts[field.start :]
            else:
                self._close(field.start, _target_of(field.instructions))

    def _close(self, start: int, target: str) -> None:
        if not target:
            return
        words = "".join(self.parts[start:])
        if address := self._addresses.beside(words, target, is_relative_kept=True):
            self.parts[start:] = [with_address(words, address)]


def _target_of(instructions: str) -> str:
    found = _HYPERLINK.match(instructions)
    return (found.group(1) or found.group(2) or "").replace("\\\\", "\\") if found else ""


def _whole(node: etree._Element, name: str) -> str:
    """The text of an element whose parts are in another order, or in attributes."""
    if name == "oMath":
        return formula_text(node)
    if name == "ruby":  # how a word is pronounced, and the word
        base, hint = (
            "".join(t.text or "" for t in node.iterfind(f"{{*}}{part}//{{*}}t")) for part in ("rubyBase", "rt")
        )
        return f"{base}({hint})" if hint else base
    if name == "ddList":
        entries = [value_of(each) for each in node.iterchildren("{*}listEntry")]
        chosen = value_of(node.find("{*}result")) or value_of(node.find("{*}default")) or "0"
        return entries[int(chosen)] if chosen.isdigit() and int(chosen[:6]) < len(entries) else ""
    if name == "checkBox":
        mark = node.find("{*}checked") if node.find("{*}checked") is not None else node.find("{*}default")
        return "☒" if mark is not None and _is_on(mark) else "☐"
    return f" {value_of(node, 'string')} " if name == "textpath" else ""


def _symbol(node: etree._Element) -> str:
    values = {key.rpartition("}")[2]: value for key, value in node.items()}
    try:
        code = int(values.get("char", ""), 16)
    except ValueError:
        return ""
    code = code - 0xF000 if 0xF000 <= code <= 0xF0FF else code
    if values.get("font", "").lower() == "symbol":
        return _SYMBOLS.get(code, chr(code) if code < 0x7F else "")
    if code < 0x100:
        return _PICTURES.get(values.get("font", "").lower(), {}).get(code, "")
    return chr(min(code, 0x10FFFF))
