"""LaTeX sources: headings, paragraphs, items, tables and code, without the commands."""

from __future__ import annotations

import re
import unicodedata
from itertools import islice

from svc.ingest.document import BlockKind, ReadDocument, Writer
from svc.ingest.parsers.characters import clean_text, decode_text
from svc.ingest.parsers.latex_source import Source, braced
from svc.ingest.parsers.noise import without_noise

_LEVELS = {"part": 1, "chapter": 1, "section": 2, "subsection": 3, "subsubsection": 4, "paragraph": 5,
           "frametitle": 2, "framesubtitle": 3, "frame": 2}  # fmt: skip
_PART = re.compile(
    r"\\begin\{(?P<code>verbatim|lstlisting|minted|Verbatim)\*?\}(?P<options>\[[^\]\n]*\]|\{[^}\n]*\})*(?P<source>.*?)"
    r"\\end\{(?P=code)\*?\}"
    r"|\\begin\{(?P<table>tabular[x*]?|longtable)\}(?P<cells>.*?)\\end\{(?P=table)\}"
    r"|\\(?P<heading>part|chapter|(?:sub){0,2}section|paragraph|frametitle|framesubtitle)\*?(?:\[[^\]]{0,500}\])?\{"
    r"|\\begin\{(?P<frame>frame)\}(?:\[[^\]]*\])*[ \t]*\{"
    r"|\\(?P<edge>begin|end)\{(?P<list>enumerate|itemize|description)\*?\}(?:\[[^\]\n]*\])?"
    r"|\\item\b[ \t]*(?:\[(?P<label>[^\]\n]*)\])?"
    r"|\n[ \t]*\n",
    re.DOTALL,
)
_EDGE = re.compile(r"\\(?:begin|end)\{[^}]{0,100}\}(?:\[([^\]]{0,500})\])?")
_MOST_ON_TITLE_PAGE = 100
_SHORTEST_NAME = 4  # of a theorem; other options are places and settings, such as “htb”
_OVERLAY = re.compile(r"(\\[a-zA-Z]+\*?(?:\{[a-z]+\})?)<[\d+][\d,+.|-]{0,20}>")  # the steps of a slide that show a part
_DROPPED = re.compile(
    r"\\(?:label|vspace|hspace|includegraphics|bibliography|bibliographystyle|"
    r"usepackage|documentclass|input|include|pagestyle|thispagestyle|setlength|addtolength|setcounter|index|cite[a-z]*|ref|eqref|pageref)\*?"
    r"(?:\[[^\]]*\])?(?:\{[^{}]*\})*"
)
_ACCENT = re.compile(
    r"\\(?:([`'^\"~=.])\s*(?:\{([A-Za-z]|\\[ij])\}|([A-Za-z]|\\[ij](?![a-zA-Z])))|([cvuHk])(?:\{([A-Za-z])\}|\s+([A-Za-z])))"
)
_ACCENTS = {"`": "\u0300", "'": "\u0301", "^": "\u0302", '"': "\u0308", "~": "\u0303", "=": "\u0304", ".": "\u0307",
            "c": "\u0327", "v": "\u030c", "u": "\u0306", "H": "\u030b", "k": "\u0328"}  # fmt: skip
_LETTERS = {
    "ss": "ß", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ", "o": "ø", "O": "Ø", "aa": "å", "AA": "Å", "l": "ł", "L": "Ł",
    "ldots": "…", "dots": "…", "LaTeX": "LaTeX", "TeX": "TeX", "textbackslash": "\\", "quad": " ", "qquad": " ",
    "S": "§", "P": "¶", "copyright": "©", "textcopyright": "©", "pounds": "£", "euro": "€", "texteuro": "€", "EUR": "€",
    "textendash": "–", "textemdash": "—", "textregistered": "®", "texttrademark": "™", "textdegree": "°", "degree": "°",
    "textasciitilde": "~", "textasciicircum": "^", "textunderscore": "_", "textbar": "|", "textless": "<",
    "textgreater": ">", "textbullet": "•", "i": "ı", "slash": "/", "guillemotleft": "«", "guillemotright": "»",
    "newline": "\n", "par": "\n\n", "and": ", ", "dag": "†", "ddag": "‡",
}  # fmt: skip
_COMMAND = re.compile(r"\\([a-zA-Z]+)\*?(?:\[[^\]\n]*\])?[ \t]?")
_FORMULAS = r"\\begin\{(?:equation|align|gather|multline|eqnarray|displaymath|math|alignat|flalign)\*?\}"
_MATH = re.compile(
    rf"({_FORMULAS}.{{1,5000}}?{_FORMULAS.replace('begin', 'end')}|"
    r"(?<!\\)\$\$.+?\$\$|(?<!\\)\$(?:\\\$|[^$])+?(?<!\\)\$|\\\[.+?\\\]|\\\(.+?\\\))",
    re.DOTALL,
)
_AROUND_FORMULA = re.compile(
    rf"(?:{_FORMULAS}|{_FORMULAS.replace('begin', 'end')})(?:\{{\d+\}})?|\\label\{{[^}}]*\}}|\\(?:nonumber|notag)\b"
)
_LINE_END = re.compile(r"\\\\\*?(?:\[[^\]\n]*\])?")
_TITLE = re.compile(r"\\title(?:\[[^\]]{0,500}\])?\{")
_ON_TITLE_PAGE = re.compile(r"\\(?:subtitle|author|affil|affiliation|institute|date)(?:\[[^\]]{0,500}\])?\{")
_RULES = re.compile(r"\\(?:hline|toprule|midrule|bottomrule|endhead|endfirsthead|cline\{[^}]*\})")
_COLUMNS = re.compile(r"\A(?:\[[^\]]*\]|\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}){1,3}")

SAMPLE = rb"\documentclass{article}\begin{document}\section{A}b\end{document}"


def parse(data: bytes) -> ReadDocument:
    """Return the text between the beginning and the end of the document; all of it if they are not marked."""
    text, warnings = without_noise(clean_text(decode_text(data)))
    source = Source(text)
    text = source.text
    writer = _LatexWriter(source)
    for warning in [*warnings, *source.warnings]:
        writer.warn(warning)
    if found := _TITLE.search(text):
        writer.title = source.restored(" ".join(_plain(braced(text, found.end())).split()))
    preamble, begun, body = text.partition("\\begin{document}")
    # A text about LaTeX can mention the command before it.
    body = (body.rpartition("\\end{document}")[0] or body) if begun else text
    if writer.title and begun:
        writer.add("heading", writer.title, level=1)
    if begun:
        for found in islice(_ON_TITLE_PAGE.finditer(preamble), _MOST_ON_TITLE_PAGE):
            writer.add("text", " ".join(_plain(braced(preamble, found.end())).split()).replace(" ,", ","))
    _write(_OVERLAY.sub(r"\1", body) if "\\begin{frame}" in body else body, writer)
    return writer.document()


class _LatexWriter(Writer):
    """Writes each block with the marks in the source replaced by their texts."""

    def __init__(self, source: Source) -> None:
        super().__init__()
        self._source = source

    def add(
        self, kind: BlockKind, text: str, *, level: int = 0, head: int = 0, language: str = "", joint: str = ""
    ) -> None:
        restored = self._source.restored(text)
        head = len(self._source.restored(text[:head])) if head else 0
        super().add(kind, restored, level=level, head=head, language=language, joint=joint)


def _write(body: str, writer: Writer) -> None:
    at, marker = 0, ""
    lists = _Lists()
    while True:
        found = _PART.search(body, at)
        piece = body[at : found.start() if found else len(body)]
        text = _plain(piece)
        if marker and text.strip():
            writer.add("item", f"{marker} {text.strip()}")
        else:
            writer.add("text", text)
        if found is None:
            return
        at, marker = found.end(), ""
        if found["code"]:
            writer.add("code", found["source"])
        elif found["table"]:
            _write_table(found["cells"], writer)
        elif kind := found["heading"] or found["frame"]:
            words = braced(body, at)
            at += len(words) + 1
            writer.add("heading", " ".join(_plain(words).split()), level=_LEVELS.get(kind, 2))
        elif found["edge"]:
            lists.pass_edge(found["list"], is_begin=found["edge"] == "begin")
        elif found.group().startswith("\\item"):
            marker = f"- {_plain(found['label'])}:" if found["label"] else lists.next_marker()


class _Lists:
    """The lists that are open: the last number of each, or None if it has none."""

    def __init__(self) -> None:
        self._numbers: list[int | None] = []

    def pass_edge(self, name: str, *, is_begin: bool) -> None:
        """Begin or end a list."""
        if is_begin:
            self._numbers.append(0 if name == "enumerate" else None)
        elif self._numbers:
            self._numbers.pop()

    def next_marker(self) -> str:
        """The text before the next item."""
        number = self._numbers[-1] if self._numbers else None
        if number is None:
            return "-"
        self._numbers[-1] = number + 1
        return f"{number + 1}."


def _write_table(cells: str, writer: Writer) -> None:
    rows = _LINE_END.split(_RULES.sub("", _COLUMNS.sub("", cells)))
    writer.add_table([[_plain(cell) for cell in re.split(r"(?<!\\)&", row)] for row in rows])


def _plain(source: str) -> str:
    """The words of a source; formulas stay as they are."""
    parts = _MATH.split(source)
    return "".join(
        _AROUND_FORMULA.sub("", part) if number % 2 else _without_commands(part) for number, part in enumerate(parts)
    )


def _without_commands(source: str) -> str:
    text = _DROPPED.sub("", _EDGE.sub(_option, source))
    text = _ACCENT.sub(_accented, text)
    text = _LINE_END.sub("\n", text).replace("~", " ").replace("``", "“").replace("''", "”").replace("---", "—")
    text = _COMMAND.sub(lambda found: _LETTERS.get(found.group(1), ""), text.replace("--", "–"))
    text = re.sub(r"(?<!\\)[{}]", "", text)
    return re.sub(r"\\([#$%&_{}\-, ])", lambda found: found.group(1).replace("-", "").replace(",", " "), text)


def _option(found: re.Match[str]) -> str:
    """The name of a theorem or a proof, which is the option of its beginning."""
    option = found.group(1) or ""
    is_name = len(option) >= _SHORTEST_NAME and "=" not in option and (option[0].isupper() or not option.isascii())
    return f"\n{option}: " if is_name else "\n"


def _accented(found: re.Match[str]) -> str:
    accent = found.group(1) or found.group(4)
    letter = next(filter(None, found.group(2, 3, 5, 6))).lstrip("\\")
    return unicodedata.normalize("NFC", letter + _ACCENTS[accent])
