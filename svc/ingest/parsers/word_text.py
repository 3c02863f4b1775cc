"""The text of a paragraph of Word, as it is shown."""

from __future__ import annotations

from lxml import etree

_INLINE_TEXT = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_INLINE = ["{*}p", "{*}t", "{*}sym", *("{*}" + name for name in _INLINE_TEXT)]
# The letters of the font Symbol, which has no Unicode.
_SYMBOLS = dict(zip(range(0x41, 0x5B), "ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ", strict=True))
_SYMBOLS |= dict(zip(range(0x61, 0x7B), "αβχδεφγηιϕκλμνοπθρστυϖωξψζ", strict=True))
_SYMBOLS |= {
    0xA2: "′", 0xA3: "≤", 0xA5: "∞", 0xAC: "←", 0xAE: "→", 0xB0: "°", 0xB1: "±", 0xB3: "≥", 0xB4: "×", 0xB7: "•",
    0xB8: "÷", 0xB9: "≠", 0xBB: "≈", 0xD6: "√", 0xDE: "⇒", 0xE5: "∑",
}  # fmt: skip


def name_of(element: etree._Element) -> str:
    """The name of an element without its namespace."""
    return str(element.tag).rpartition("}")[2]


def without_unshown(root: etree._Element) -> etree._Element:
    """Remove what Word does not show, or shows elsewhere, from below `root`, and return it."""
    # A text box occurs twice, the second time for old readers; moved text is also kept at its old place.
    etree.strip_elements(root, "{*}Fallback", "{*}moveFrom", "{*}tabs", with_tail=False)
    for mark in [*root.iter("{*}vanish", "{*}webHidden")]:
        run = mark.getparent().getparent()
        if name_of(mark.getparent()) == "rPr" and name_of(run) == "r" and _is_on(mark) and name_of(mark) == "vanish":
            run.getparent().remove(run)
    return root


def _is_on(mark: etree._Element) -> bool:
    value = next((value for key, value in mark.items() if key.endswith("}val")), "true")
    return value.lower() not in ("0", "false", "off", "none")


def paragraph_text(paragraph: etree._Element) -> str:
    """The text of a paragraph, with that of the boxes in it."""
    parts = []
    for event, node in etree.iterwalk(paragraph, events=("start", "end"), tag=_INLINE):
        name = name_of(node)
        if name == "p":
            parts.append("\n")  # separates a nested paragraph, that of a text box
        elif event == "start":
            parts.append(_symbol(node) if name == "sym" else node.text or "" if name == "t" else _INLINE_TEXT[name])
    return "".join(parts).strip()


def _symbol(node: etree._Element) -> str:
    values = {key.rpartition("}")[2]: value for key, value in node.items()}
    try:
        code = int(values.get("char", ""), 16)
    except ValueError:
        return ""
    code = code - 0xF000 if 0xF000 <= code <= 0xF0FF else code
    if values.get("font", "").lower() == "symbol":
        return _SYMBOLS.get(code, chr(code) if code < 0x7F else "")
    return "" if code < 0x100 else chr(min(code, 0x10FFFF))
