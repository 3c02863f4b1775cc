"""From the bytes of a file to its text, through one library for each type.

Everything here works on hostile input and runs inside the sandbox only. Whatever a library makes of a broken
file, the caller gets text that PostgreSQL stores, or a `DocumentRejectedError` that tells the uploader why not.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import Any

import charset_normalizer
import msgspec
import pypdfium2
from docx.opc.package import OpcPackage
from docx.opc.part import Part, XmlPart
from inscriptis.html_engine import Inscriptis
from inscriptis.model.config import ParserConfig
from lxml import etree, html

from svc.errors import DocumentRejectedError
from svc.ingest.file_types import FileType, utf_16_or_32


class Segment(msgspec.Struct, frozen=True):
    """A piece of a document that stands for itself, such as a page.

    `text` is never blank and holds neither NUL, other controls than tab, newline and form feed, nor lone
    surrogates. `metadata` is what a chunk of it is to carry, such as `{"page": 3}`, pages counted from 1.
    """

    text: str
    metadata: dict[str, Any]


_NAMES: dict[FileType, str] = {
    "text": "text", "markdown": "Markdown text", "html": "HTML page", "pdf": "PDF", "csv": "CSV table",
    "docx": "Word document",
}  # fmt: skip


def parse(file_type: FileType, data: bytes) -> list[Segment]:
    """The text of a file, in the order in which it is read; at least one segment.

    A PDF gives a segment for each page that holds text (`page`); a Word document one for its body and one for
    each of its headers, footers and notes (`part`); a page in HTML carries its `title`; the others give one segment.

    Raises:
        DocumentRejectedError: the file is encrypted, damaged, too large unpacked, or holds no text.
        MemoryError: it needs more memory than there is.
    """
    try:
        segments = [
            Segment(text, metadata) for raw, metadata in _PARSERS[file_type](data) if (text := clean_text(raw)).strip()
        ]
    except (DocumentRejectedError, MemoryError):
        raise
    except RecursionError as error:
        raise DocumentRejectedError(f"The {_NAMES[file_type]} nests too deeply to be read.") from error
    except Exception as error:  # a parser library meets a broken file with any exception there is
        if isinstance(error, etree.XMLSyntaxError) and error.code == etree.ErrorTypes.ERR_NO_MEMORY:
            raise MemoryError from error
        raise _damaged(file_type, f"{type(error).__name__}: {error}") from error
    if not segments:
        raise DocumentRejectedError(_no_text(file_type))
    return segments


def _damaged(file_type: FileType, reason: str) -> DocumentRejectedError:
    reason = " ".join(clean_text(reason).split())[:160].rstrip(".")
    return DocumentRejectedError(f"The {_NAMES[file_type]} cannot be read; it is damaged or cut off ({reason}).")


def _encrypted(file_type: FileType) -> DocumentRejectedError:
    return DocumentRejectedError(
        f"The {_NAMES[file_type]} is encrypted and opens only with a password; upload it without one."
    )


def _no_text(file_type: FileType) -> str:
    if file_type == "pdf":
        return (
            "There is no text in the PDF: its pages are blank or damaged, or they are scanned images, which have to "
            "go through character recognition (OCR) first."
        )
    return f"There is no text in the {_NAMES[file_type]}."


# --- text -----------------------------------------------------------------------------------------------------

_NEWLINE = re.compile("\r\n?|[\x85\u2028\u2029]")
_CONTROL = re.compile("[\x01-\x08\x0b\x0e-\x1f\x7f]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_DETECTION_BYTES = 65_536
# Of the single-byte encodings, these are no longer met in uploads, but look as likely as those that are.
_UNLIKELY_ENCODINGS = [
    "mac_cyrillic", "mac_greek", "mac_iceland", "mac_latin2", "mac_roman", "mac_turkish", "hp_roman8", "cp1006",
]  # fmt: skip

_LATIN_ENCODINGS = ["cp1252", "cp1250", "cp1254", "cp1257", "cp850", "cp852"]
_HIGH_BYTE = re.compile(rb"[\x80-\xff]")
_LONE_HIGH_BYTE = re.compile(rb"(?<![\x80-\xff])[\x80-\xff](?![\x80-\xff])")


def clean_text(text: str) -> str:
    """`text` as PostgreSQL takes it in `text` and `jsonb`, with newlines as newlines; no other change."""
    text = _NEWLINE.sub("\n", text.replace("\x00", ""))
    return _SURROGATE.sub("\ufffd", _CONTROL.sub(" ", text))


def decode_text(data: bytes, declared: str | None = None) -> str:
    """The text of bytes in whatever encoding, never an exception; `declared` is what the file says of itself.

    A byte order mark comes first, then UTF-8, which nothing else looks like, then `declared`, then a guess.
    """
    wide = utf_16_or_32(data[:_DETECTION_BYTES])
    if wide:
        return data.decode(wide, errors="replace").removeprefix("\ufeff")
    # The escapes of ISO-2022 are plain ASCII, which is UTF-8 too.
    if declared and declared.startswith("iso2022"):
        return data.decode(declared, errors="replace")
    with contextlib.suppress(UnicodeDecodeError):
        return data.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    text = data.decode("utf-8", errors="replace")
    # A few broken characters among many good ones are UTF-8 that was cut or pasted together.
    if len(data) - len(text) > 20 * text.count("\ufffd"):
        return text.removeprefix("\ufeff")
    return data.decode(declared or _guess_encoding(data[:_DETECTION_BYTES]), errors="replace")


def _guess_encoding(sample: bytes) -> str:
    # Cut at the end of a line, because half a character at the end would rule out every multi-byte encoding.
    sample = (sample[: sample.rfind(b"\n") + 1] or sample).replace(b"\x00", b"")
    # Among ASCII letters, single accented ones mean a Latin script; everything else comes in words.
    is_latin = len(_LONE_HIGH_BYTE.findall(sample)) > 0.7 * len(_HIGH_BYTE.findall(sample))
    matches = charset_normalizer.from_bytes(
        sample,
        cp_isolation=_LATIN_ENCODINGS if is_latin else None,
        cp_exclusion=_UNLIKELY_ENCODINGS,
        enable_fallback=False,
    )
    best = matches.best()
    if best is None:
        return "cp1252"
    equals = [one.encoding for one in matches if (one.chaos, one.coherence) == (best.chaos, best.coherence)]
    # Without a letter to tell by, it is Western, not Central European, which sorts first.
    return "cp1252" if "cp1252" in equals else best.encoding


def _parse_text(data: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    yield decode_text(data), {}


# --- HTML -----------------------------------------------------------------------------------------------------

_CHARSET = re.compile(rb"""(?:charset|<\?xml[^>]{1,80}encoding)\s*=\s*["']?\s*([a-z0-9_:.+-]{2,40})""", re.IGNORECASE)
# What the web means by a name, where that is more than what the name says.
_WEB_CHARSETS = {
    "ascii": "cp1252", "iso8859-1": "cp1252", "iso8859-9": "cp1254", "gb2312": "gb18030", "gbk": "gb18030",
    "shift_jis": "cp932", "euc_kr": "cp949", "tis-620": "cp874",
}  # fmt: skip
_NOT_FOR_READING = (
    "script", "style", "noscript", "template", "nav", "iframe", "object", "embed", "svg", "canvas", "audio",
    "video", "button", "select", "textarea",
)  # fmt: skip
_PADDING = re.compile(r"(?<=\S)[ \t]{3,}")
_TITLE_MOST_CHARACTERS = 300  # every chunk carries it
_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n){2,}")
_INSCRIPTIS = ParserConfig(display_images=False, display_links=False)


def _parse_html(data: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    source = clean_text(decode_text(data, _declared_charset(data)))
    # A declaration inside a decoded string is an error to lxml.
    source = re.sub(r"^\s*<\?xml[^>]*>", "", source)
    parser = html.HTMLParser(huge_tree=True, remove_comments=True, remove_pis=True)
    if not source.strip():
        return
    tree = html.document_fromstring(source, parser=parser)
    title = " ".join((tree.findtext(".//head/title") or "").split())[:_TITLE_MOST_CHARACTERS]
    etree.strip_elements(tree, *_NOT_FOR_READING, with_tail=False)
    body = Inscriptis(tree, _INSCRIPTIS).get_text()
    # Cells of a table come padded to equal width, which costs tokens and says nothing.
    body = _BLANK_LINES.sub("\n\n", _PADDING.sub("  ", body)).strip("\n")
    if title and title not in body[:1000]:
        body = f"{title}\n\n{body}"
    yield body, {"title": clean_text(title)} if title else {}


def _declared_charset(data: bytes) -> str | None:
    found = _CHARSET.search(data[:4096])
    if not found:
        return None
    try:
        name = codecs.lookup(found.group(1).decode("ascii")).name
    except LookupError:
        return None
    name = _WEB_CHARSETS.get(name, name)
    # Of Python's codecs, only these name a charset; others unpack, escape or write domain names.
    return name if re.match(r"(?:iso|cp|windows|koi8|big5|euc|gb|mac|tis|johab)", name) else None


# --- PDF ------------------------------------------------------------------------------------------------------

_FPDF_ERR_PASSWORD, _FPDF_ERR_SECURITY = 4, 5


def _parse_pdf(data: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        document = pypdfium2.PdfDocument(data)  # tries the empty password by itself
    except pypdfium2.PdfiumError as error:
        if error.err_code in (_FPDF_ERR_PASSWORD, _FPDF_ERR_SECURITY):
            raise _encrypted("pdf") from error
        raise
    unreadable = 0
    for index in range(len(document)):
        try:
            page = document[index]
        except pypdfium2.PdfiumError:
            unreadable += 1  # the other pages are worth having
            continue
        yield _page_text(page), {"page": index + 1}
    if unreadable == len(document):
        raise _damaged("pdf", f"none of its {unreadable} pages can be loaded")


def _page_text(page: pypdfium2.PdfPage) -> str:
    text_page = page.get_textpage()
    # What lies outside of the page is rarely meant to be read, unless the page's box is broken.
    text = text_page.get_text_bounded() or text_page.get_text_range()
    text_page.close()
    page.close()
    # PDFium marks the hyphen of a word that goes on in the next line.
    return str(text).replace("\x02", "").replace("\ufffe", "")


# --- Word -----------------------------------------------------------------------------------------------------

_UNPACKED_MOST_BYTES = 256 * 2**20
_SIDE_PARTS = re.compile(r"/word/(header|footer|footnotes|endnotes)\d*\.xml")
_OLE = b"\xd0\xcf\x11\xe0"


def _parse_docx(data: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    if data.startswith(_OLE):
        raise _encrypted("docx")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked_bytes = sum(member.file_size for member in archive.infolist())
    except zipfile.BadZipFile as error:
        raise _damaged("docx", "the end of its ZIP archive is missing") from error
    if unpacked_bytes > _UNPACKED_MOST_BYTES:
        raise DocumentRejectedError(
            f"The Word document is too large: it unpacks to {unpacked_bytes // 2**20} MB, "
            f"and {_UNPACKED_MOST_BYTES // 2**20} MB are accepted."
        )
    package = OpcPackage.open(io.BytesIO(data))
    yield _blocks_text(_root(package.main_document_part)), {}
    seen = set()
    for part in sorted(package.iter_parts(), key=lambda part: str(part.partname)):
        side = _SIDE_PARTS.fullmatch(str(part.partname))
        text = _blocks_text(_root(part)).strip() if side else ""
        # Each section of a document repeats the same header.
        if side and text not in seen:
            seen.add(text)
            yield text, {"part": side.group(1)}


def _root(part: Part) -> etree._Element:
    if isinstance(part, XmlPart):
        root = part.element
    else:  # python-docx keeps the parts that it does not know, such as footnotes, as bytes
        root = etree.fromstring(part.blob, etree.XMLParser(resolve_entities=False, no_network=True))
    # A text box comes twice, the second time for old readers; moved text also stands where it was.
    etree.strip_elements(root, "{*}Fallback", "{*}moveFrom", "{*}tabs", with_tail=False)
    return root


def _blocks_text(element: etree._Element) -> str:
    """Paragraphs and tables below `element` in their order, with a blank line between, except within a list."""
    text, was_item = "", False
    for block in _blocks(element):
        is_table = _name(block) == "tbl"
        is_item = not is_table and block.find("{*}pPr/{*}numPr") is not None
        content = _table_text(block) if is_table else _paragraph_text(block)
        if not content.strip():
            continue
        gap = "\n" if is_item and was_item else "\n\n"
        text += (gap if text else "") + ("- " if is_item else "") + content
        was_item = is_item
    return text


_INLINE_TEXT = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_INLINE = ["{*}p", "{*}t", *("{*}" + name for name in _INLINE_TEXT)]


def _name(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _blocks(element: etree._Element) -> Iterator[etree._Element]:
    for child in element:
        if _name(child) in ("p", "tbl"):
            yield child
        else:  # a content control, a tracked insertion: whatever wraps paragraphs
            yield from _blocks(child)


def _paragraph_text(paragraph: etree._Element) -> str:
    parts = []
    for event, node in etree.iterwalk(paragraph, events=("start", "end"), tag=_INLINE):
        name = _name(node)
        if name == "p":
            parts.append("\n")  # around a paragraph inside: that of a text box
        elif event == "start":
            parts.append(node.text or "" if name == "t" else _INLINE_TEXT[name])
    return "".join(parts).strip()


def _table_text(table: etree._Element) -> str:
    rows = (
        " | ".join(" ".join(_blocks_text(cell).split()) for cell in _below(row, "tc")) for row in _below(table, "tr")
    )
    return "\n".join(row for row in rows if row.strip(" |"))


def _below(element: etree._Element, name: str) -> Iterator[etree._Element]:
    for child in element:
        if _name(child) == name:
            yield child
        elif _name(child) in ("sdt", "sdtContent", "customXml", "ins"):
            yield from _below(child, name)


# --- CSV ------------------------------------------------------------------------------------------------------

_DELIMITERS = (",", ";", "\t", "|")
_SNIFFED_LINES = 50
_HEADER_WITHIN_ROWS = 10
_SEGMENT_ROWS = 1000
_NUMBER = re.compile(r"[\s\d.,:%€$£+/-]*")


def _parse_csv(data: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    csv.field_size_limit(2**31 - 1)
    text = clean_text(decode_text(data))
    delimiter = _sniff_delimiter(text)
    if text.startswith("sep=") and len(text) > 5:  # Excel's own way to say it
        delimiter, text = text[4], text[5:]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    first = list(islice(reader, _HEADER_WITHIN_ROWS))
    header_at = _header_row(first)
    header = [] if header_at is None else [" ".join(cell.split()) for cell in first[header_at]]
    # What stands above the table is a title, which has no columns.
    titles = ["\n".join(filter(None, row)) for row in first[: header_at or 0]]
    rows = chain(first if header_at is None else first[header_at + 1 :], reader)
    is_empty = True
    while batch := list(islice(rows, _SEGMENT_ROWS)):
        described = titles + [_describe_row(header, row) for row in batch]
        yield "\n\n".join(filter(None, described)), {}
        titles, is_empty = [], False
    if is_empty:
        yield "\n\n".join(filter(None, [*titles, ", ".join(filter(None, header))])), {}


def _describe_row(header: list[str], row: list[str]) -> str:
    """A row as one line for each cell that is not blank, with the name of its column."""
    names = header + [""] * (len(row) - len(header))
    return "\n".join(
        f"{name or f'column {number}'}: {cell.strip()}"
        for number, (name, cell) in enumerate(zip(names, row, strict=False), 1)
        if cell.strip()
    )


def _sniff_delimiter(text: str) -> str:
    """The delimiter that cuts the first lines into most rows of one width; a comma where none does."""
    best, best_score = ",", (0, 0)
    for delimiter in _DELIMITERS:
        lines = io.StringIO(text[:100_000], newline="")
        widths = [len(row) for row in islice(csv.reader(lines, delimiter=delimiter), _SNIFFED_LINES) if row]
        usual = max(set(widths), key=widths.count, default=1)
        score = (widths.count(usual), usual)
        if usual > 1 and score > best_score:
            best, best_score = delimiter, score
    return best


def _header_row(rows: list[list[str]]) -> int | None:
    """Which of the first rows names the columns: nothing but words, in more than one column where there are more."""
    filled = [[cell for cell in row if cell.strip()] for row in rows]
    least = min(2, max(map(len, filled), default=0))
    for number, cells in enumerate(filled):
        if not cells:
            continue
        if len(cells) >= least and not any(_NUMBER.fullmatch(cell) for cell in cells):
            return number
        if len(cells) > 1:
            return None  # the data has begun
    return None


_PARSERS: dict[FileType, Callable[[bytes], Iterator[tuple[str, dict[str, Any]]]]] = {
    "text": _parse_text,
    "markdown": _parse_text,
    "html": _parse_html,
    "pdf": _parse_pdf,
    "csv": _parse_csv,
    "docx": _parse_docx,
}
