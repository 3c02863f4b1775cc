"""Formulas of MathML and of Word in one line, with separators between their parts."""

from __future__ import annotations

from lxml import etree

_DEEPEST = 40
# The text between the parts of an element: those of MathML, then those of Word.
_BETWEEN = {
    "mfrac": ["/"], "msup": ["^"], "mover": ["^"], "msub": ["_"], "munder": ["_"], "msubsup": ["_", "^"],
    "munderover": ["_", "^"], "mroot": [" root "], "mtd": [" "], "mtable": ["; "], "mtr": [" "],
    "f": ["/"], "sSup": ["^"], "sSub": ["_"], "sSubSup": ["_", "^"], "limLow": ["_"], "limUpp": ["^"], "m": ["; "],
    "mr": [" "],
}  # fmt: skip
_ROOTS = ("msqrt", "rad")
_NOT_TEXT = ("annotation", "annotation-xml", "fPr", "rPr", "ctrlPr", "sSupPr", "sSubPr", "sSubSupPr", "radPr", "dPr",
             "mPr", "oMathParaPr")  # fmt: skip
_OPERATORS = {"nary": "chr", "acc": "chr"}


def formula_text(element: etree._Element) -> str:
    """The formula in TeX if its author wrote TeX, otherwise its symbols in one line, such as `(a+b)/2`."""
    for annotation in element.iter("{*}annotation"):
        if "tex" in (annotation.get("encoding") or "").lower() and (annotation.text or "").strip():
            return " ".join((annotation.text or "").split())
    return " ".join(_linear(element, 0).split())


def _linear(element: etree._Element, depth: int) -> str:
    name = str(element.tag).rpartition("}")[2]
    if name in _NOT_TEXT or not isinstance(element.tag, str):
        return ""
    if depth > _DEEPEST:
        return " ".join(str(text) for text in element.itertext())
    if name == "d":  # the brackets of Word
        return f"({'; '.join(_linear(each, depth + 1) for each in element if _name(each) == 'e')})"
    parts = [text for each in element if (text := _linear(each, depth + 1))]
    if name in _ROOTS:
        return f"√({' '.join(parts)})"
    if name in _BETWEEN:
        between = _BETWEEN[name]
        joined = parts[0] if len(parts) == 1 else _grouped(parts[0]) if parts else ""
        for number, part in enumerate(parts[1:]):
            joined += between[min(number, len(between) - 1)] + (_grouped(part) if between[0] in "/^_" else part)
        return joined
    sign = _sign(element, name)
    return sign + (element.text or "").strip("\n\t") + "".join(parts)


def _sign(element: etree._Element, name: str) -> str:
    if name not in _OPERATORS:
        return ""
    given = next(iter(element.iterfind(f"{{*}}{name}Pr/{{*}}{_OPERATORS[name]}")), None)
    value = next(iter(given.values()), "") if given is not None else ""
    return value or ("∫" if name == "nary" else "")


def _grouped(text: str) -> str:
    return f"({text})" if any(sign in text for sign in "+-−/ ") and not text.startswith("(") else text


def _name(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]
