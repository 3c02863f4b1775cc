"""The parts of a page that are not plain text: links, images, forms, formulas, drawings, films and other pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urljoin

from lxml import etree, html

from svc.ingest.document import Writer
from svc.ingest.parsers.addresses import Addresses
from svc.ingest.parsers.formulas import formula_text

BLOCKS = frozenset((
    "address", "article", "aside", "blockquote", "body", "caption", "center", "colgroup", "dd", "details", "dialog",
    "dir", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "frameset", "h1", "h2", "h3",
    "h4", "h5", "h6", "header", "hgroup", "hr", "html", "legend", "li", "listing", "main", "menu", "ol", "optgroup",
    "option", "p", "plaintext", "pre", "search", "section", "summary", "table", "tbody", "td", "tfoot", "th",
    "thead", "tr", "ul", "xmp",
))  # fmt: skip
"""The elements that a browser's default style sheet shows as blocks."""

_NEVER_SHOWN = frozenset((
    "base", "basefont", "head", "link", "meta", "nav", "noembed", "param", "rp", "script", "source", "style", "title",
    "track",
))  # fmt: skip
_MEDIA = ("video", "audio", "object", "canvas")
_SHOWN_INPUTS = ("", "text", "search", "email", "tel", "url", "number", "date", "time", "datetime-local", "month",
                 "week", "submit", "button", "reset")  # fmt: skip
_HIDING_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)", re.IGNORECASE)
_ABOUT_BROWSER = re.compile(r"java\s?script|\bbrowsers?\b|\bscripting\b|\benable\b", re.IGNORECASE)
_ABOUT_BROWSER_MOST_CHARACTERS = 400
_MOST_OPTIONS = 100
_SMALLEST_IMAGE = 3  # in pixels: smaller ones count readers
_POWER = re.compile(r"[+\u2212-]?\d{1,3}")
_SPACE = re.compile(r"[ \t\n\r\f]+")


class Seen:
    """The state of reading a document: addresses that were written, and parts that were not read."""

    def __init__(self, base: str = "") -> None:
        self.addresses = Addresses()
        self.base = base
        self._meanings: set[str] = set()
        self._images = 0
        self._media = 0
        self._frames: dict[str, None] = {}

    def address_of(self, link: etree._Element, words: str) -> str:
        """The address to write after the text of a link."""
        target = link.get("href") or ""
        if self.base and not target.lstrip().startswith("#"):
            target = joined(self.base, target)
        return self.addresses.beside(words, target)

    def replaced(self, element: etree._Element, name: str) -> str | None:
        """The text that replaces a whole element; None if its children are to be read."""
        text: str | None = None
        match name:
            case "img" | "image":
                text = self._description(element)
            case "area":
                words = element.get("alt") or ""
                text = f"{words} {self.address_of(element, words)}"
            case "input":
                text = _input_value(element)
            case "textarea":
                text = _SPACE.sub(" ", "".join(element.itertext()))
            case "select" | "datalist":
                text = ", ".join(_options(element))
            case "math":
                text = formula_text(element) or element.get("alttext") or ""
            case "svg":
                text = ", ".join(_labels(element))
            case "embed" | "bgsound":
                self._media += 1
                text = ""
        return text if text is None else f" {text} "

    def ending(self, element: etree._Element, name: str) -> str:
        """The text to write after an element."""
        if name == "rt":
            return ")"
        return self._explained(element) if name == "abbr" else ""

    def inner_page(self, element: etree._Element, name: str) -> etree._Element | None:
        """The page inside of an element, as far as the file has it. The other pages are counted."""
        source = element.get("srcdoc") or ""
        if name in ("iframe", "frame") and not source:
            if target := joined(self.base, element.get("src") or ""):
                self._frames[target[:100]] = None
            return None
        source = source or element.text or ""
        return html.document_fromstring(source, parser=page_parser()) if source.strip() else None

    def is_hidden(self, element: etree._Element, name: str) -> bool:
        """Whether a reader does not see an element. A video is counted; its fallback text is visible."""
        if (
            not name
            or name in _NEVER_SHOWN
            or (name == "template" and "shadowrootmode" not in element.attrib)
            or (name == "dialog" and "open" not in element.attrib)
        ):
            return True
        if name in _MEDIA or name == "noscript":
            self._media += name in _MEDIA and name != "canvas"
            return _is_about_browsers(element)
        if "hidden" in element.attrib and (element.get("hidden") or "").lower() != "until-found":
            return True
        style = element.get("style")
        return bool(style and _HIDING_STYLE.search(style))

    def warn(self, writer: Writer) -> None:
        """Warn about parts that were not read."""
        for count, one, several in (
            (self._images, "1 image has no description and was", "{} images have no description and were"),
            (self._media, "1 film, recording or other object in the page was",
             "{} films, recordings or other objects in the page were"),
        ):  # fmt: skip
            if count:
                writer.warn(f"{one if count == 1 else several.format(count)} not read.")
        if self._frames:
            writer.warn(f"Other pages that are shown in this one were not read: {', '.join(self._frames)}.")
        for warning in self.addresses.warnings():
            writer.warn(warning)

    def _explained(self, element: etree._Element) -> str:
        """The meaning of an abbreviation in the page, at its first occurrence."""
        title = " ".join((element.get("title") or "").split())
        if not title or title in self._meanings:
            return ""
        self._meanings.add(title)
        return f" ({title})"

    def _description(self, image: etree._Element) -> str:
        for name in ("alt", "title", "aria-label"):
            if words := (image.get(name) or "").strip():
                return words
        is_tiny = any(
            (size := image.get(side) or "").isdigit() and int(size[:6]) <= _SMALLEST_IMAGE
            for side in ("width", "height")
        )
        self._images += "alt" not in image.attrib and not is_tiny
        return ""


def page_parser() -> html.HTMLParser:
    """A parser of pages, without comments."""
    return html.HTMLParser(huge_tree=True, remove_comments=True, remove_pis=True)


def joined(base: str, target: str) -> str:
    """The address of a target on a page whose address is `base`; the target alone if one of them is none."""
    try:
        return urljoin(base, target) if base else target
    except ValueError:
        return target


def beginning(element: etree._Element, name: str, before: str) -> str:
    """The separator before the words of an element, so that they are not joined to the words before it."""
    if name == "rt":  # how a word is pronounced
        return "("
    if name == "sup" and before[-1:].isalnum() and _POWER.fullmatch("".join(element.itertext()).strip()):
        return " " if element.find(".//a") is not None else "^"  # a note, or a power
    return " " if name in BLOCKS or name == "br" else ""


def _is_about_browsers(element: etree._Element) -> bool:
    """Whether a fallback text contains only the notice that the browser lacks a feature."""
    text = " ".join("".join(element.itertext()).split())
    return not text or (len(text) <= _ABOUT_BROWSER_MOST_CHARACTERS and bool(_ABOUT_BROWSER.search(text)))


def _input_value(element: etree._Element) -> str:
    kind = (element.get("type") or "").lower()
    if kind == "image":
        return element.get("alt") or ""
    if kind in ("checkbox", "radio"):
        return "☒" if "checked" in element.attrib else ""
    return (element.get("value") or "") if kind in _SHOWN_INPUTS else ""


def _options(element: etree._Element) -> list[str]:
    options: list[str] = []
    for each in element.iter("option", "optgroup"):
        if each.tag == "optgroup":
            text = each.get("label") or ""
        else:
            text = " ".join((each.text or each.get("label") or each.get("value") or "").split())
        if text:
            options.append(text)
    if len(options) > _MOST_OPTIONS:
        return [*options[:_MOST_OPTIONS], f"… ({len(options)} options)"]
    return options


def _labels(drawing: etree._Element) -> Iterator[str]:
    """The texts of a drawing, without those of the shapes that it only defines."""
    events = etree.iterwalk(drawing, events=("start",))
    for _, node in events:
        name = str(node.tag).rpartition("}")[2]
        if name in ("defs", "symbol", "metadata", "style", "script"):
            events.skip_subtree()
        elif name in ("text", "title", "desc", "foreignobject", "foreignObject"):
            events.skip_subtree()
            if words := " ".join(" ".join(str(text) for text in node.itertext()).split()):
                yield words
