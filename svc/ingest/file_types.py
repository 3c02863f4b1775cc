"""Detects the file type of an upload from its content.

This runs in the server for every upload, so it reads only the beginning and the end of the data. The parser finds out
later whether the file is intact.
"""

from __future__ import annotations

import codecs
import re
from pathlib import PurePath

from svc.errors import InvalidRequestError, UnsupportedMediaTypeError
from svc.ingest.foreign_kinds import IN_ZIP, foreign_kind
from svc.ingest.formats import FORMATS, FileType
from svc.ingest.ole import SIGNATURE as OLE
from svc.ingest.ole import top_names
from svc.ingest.wide_text import wide_codec

_PLURALS = [each.plural for each in FORMATS.values() if each.plural]
ACCEPTED = f"{', '.join(_PLURALS[:-1])} and {_PLURALS[-1]}"

_SAMPLE_BYTES = 65_536
SEARCH_BYTES = 4 * 2**20
"""The number of bytes that are examined at the beginning and at the end of a file."""
_SUFFIXES: dict[str, FileType] = {suffix: name for name, each in FORMATS.items() for suffix in each.suffixes}
_ZIP_TYPES: dict[bytes, FileType] = {
    each.mark: name for name, each in FORMATS.items() if each.container == "zip" and each.mark
} | {b"mimetypeapplication/vnd.oasis.opendocument.graphics": "odp"}  # pages with drawings, as a presentation has
_ENCRYPTED_BY_OFFICE = ("docx", "xlsx", "pptx")

_PDF_OBJECT = re.compile(rb"\s*\d{1,10}\s+\d{1,5}\s+obj\b")  # of a file whose header is missing
_IMAGES = [
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "a PNG image"),
    (re.compile(rb"\xff\xd8\xff"), "a JPEG image"),
    (re.compile(rb"GIF8[79]a"), "a GIF image"),
    (re.compile(rb"II[*+]\x00|MM\x00[*+]"), "a TIFF image"),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), "a WebP image"),
    (re.compile(rb"BM.{4}\x00{4}", re.DOTALL), "a BMP image"),
]
_RTF = FORMATS["rtf"].mark
_WINMAIL = b"\x78\x9f\x3e\x22"  # a mail as Outlook packs it
_OLE_TYPES: dict[str, FileType] = {
    each.mark.decode(): name for name, each in FORMATS.items() if each.container == "ole"
} | {"Book": "xls"}  # as Excel 5 calls it
_OLE_KINDS: dict[str, str] = {
    "WordDocument": "a legacy Word document (.doc); save it as .docx",
    "PowerPoint Document": "a legacy PowerPoint presentation (.ppt); save it as .pptx",
    "VisioDocument": "a Visio drawing",
    "!_StringPool": "a Windows Installer package",
    "!_Tables": "a Windows Installer package",
}
# Excel before version 5 wrote no compound file: BOF, its length, its version and that it is a sheet or a workbook.
_BARE_EXCEL = re.compile(rb"\x09[\x00\x02\x04\x08][\x04\x06\x08]\x00[\x00-\x07][\x00\x02-\x06][\x05\x10\x00]")
_ZIP_BEGINNINGS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
# The first member in the archive that matches decides: a document may have another one embedded.
_ZIP_MEMBER = re.compile(
    rb"PK\x03\x04.{26}(" + b"|".join(re.escape(mark) for mark in (*_ZIP_TYPES, *IN_ZIP)) + rb")", re.DOTALL
)

_OFFICE_MARKS = (*_ZIP_TYPES, *IN_ZIP, b"[Content_Types]", b"_rels/", b"docProps/")
_OFFICE_BEGINNING = re.compile(
    rb"PK\x03\x04.{26}(?:" + b"|".join(re.escape(mark) for mark in _OFFICE_MARKS) + rb")", re.DOTALL
)

_XML_PROLOGUE = re.compile(rb"(?:\s+|<\?xml.*?\?>|<!--.*?-->)*", re.DOTALL)
_HTML_BEGINNING = re.compile(rb"<(?:!doctype\s+html|html|head|body)[\s>]", re.IGNORECASE)
_HTML_TAG = re.compile(rb"<(?:[a-z][a-z0-9]*|![a-z-]+)[\s>/]", re.IGNORECASE)
_MAIL_BEGINNING = re.compile(rb"\s*(?:From [^\n]*\n)?[!-9;-~]{1,80}:[ \t\r\n]")
_MAILBOX_BEGINNING = re.compile(rb"From \S[^\n]{0,150}\d\d:\d\d[^\n]{0,50}\n[!-9;-~]{1,80}: ")
_HEADERS = re.compile(rb"(?:[!-9;-~]{1,80}:[^\n]*\n(?:[ \t]+\S[^\n]*\n)*){2,200}(?=\r?\n)")
_HEADER_NAME = re.compile(rb"^([!-9;-~]{1,80}):", re.MULTILINE)
_MAIL_HEADERS = frozenset((
    b"from", b"to", b"subject", b"date", b"message-id", b"received", b"return-path", b"mime-version", b"content-type",
))  # fmt: skip
_LEAST_HEADERS = 3
# Text contains no C0 controls except backspace, tab, line feed, form feed, carriage return, end of file and escape.
_TEXT_BYTES = bytes(byte for byte in range(256) if byte >= 32 or byte in b"\b\t\n\f\r\x1a\x1b")


def detect_file_type(filename: str, data: bytes, *, images: bool = False) -> FileType:
    """Returns the type of `data`, a whole file. `filename` only decides between types with the same content. Images are
    accepted if `images`.

    Raises:
        InvalidRequestError: the file is empty.
        UnsupportedMediaTypeError: the type is not accepted; the detail names the apparent type of the file.
    """
    if not data:
        raise InvalidRequestError("The file is empty.", field="content")
    named = _SUFFIXES.get(PurePath(filename.strip().lower()).suffix)
    return _type_by_beginning(named, data, images=images) or _type_of_text(named, data[:_SAMPLE_BYTES])


def _type_by_beginning(named: FileType | None, data: bytes, *, images: bool) -> FileType | None:
    """The type of a file by its first bytes; None if it may be text."""
    if data.startswith(_ZIP_BEGINNINGS):
        return _type_of_zip(named, data)
    if data.startswith(OLE):
        return _type_of_ole(named, data)
    if kind := next((kind for beginning, kind in _IMAGES if beginning.match(data)), ""):
        return _type_of_image(kind, images=images)
    if kind := foreign_kind(data):
        raise _unsupported(kind)
    tests: tuple[tuple[FileType, object], ...] = (
        ("pdf", _is_pdf(named, data)),
        ("xls", named == "xls" and _BARE_EXCEL.match(data)),
        ("mail", data.startswith(_WINMAIL)),
        ("rtf", data.lstrip().startswith(_RTF)),
    )
    return next((each for each, is_it in tests if is_it), None)


def _unsupported(kind: str) -> UnsupportedMediaTypeError:
    return UnsupportedMediaTypeError(f"The file looks like {kind}. Accepted types: {ACCEPTED}.", field="content")


def _type_of_image(kind: str, *, images: bool) -> FileType:
    if images:
        return "image"
    raise UnsupportedMediaTypeError(
        f"The file looks like {kind}, whose text is not recognized here: an operator can turn character recognition on "
        f"(CABINET_OCR). Accepted types: {ACCEPTED}.",
        field="content",
    )


def _is_pdf(named: FileType | None, data: bytes) -> bool:
    beginning = data[:1024]
    # PDF readers accept some bytes before the header. In a text file the same characters are just text.
    if named == "pdf" and (b"%PDF-" in beginning or _PDF_OBJECT.match(beginning)):
        return True
    return beginning.lstrip().startswith(b"%PDF-")


def _type_of_zip(named: FileType | None, data: bytes) -> FileType:
    if named == "zip" and not _OFFICE_BEGINNING.match(data):
        return named  # an archive of files, one of which may be a document
    member = _ZIP_MEMBER.search(data, 0, SEARCH_BYTES)
    kind = member.group(1) if member else b""
    if kind in _ZIP_TYPES:
        return _ZIP_TYPES[kind]
    if kind in IN_ZIP:
        raise _unsupported(IN_ZIP[kind])
    if named is not None and FORMATS[named].container == "zip":
        return named  # probably truncated before the first member that identifies it; the parser reports that
    return "zip"


def _type_of_ole(named: FileType | None, data: bytes) -> FileType:
    names = top_names(data) or _names_near_the_edges(data)
    if "EncryptedPackage" in names:
        if named is not None and named in _ENCRYPTED_BY_OFFICE:
            return named  # encrypted with a password; the parser reports that
        raise _unsupported("an encrypted Office document")
    for name in ("WordDocument", "PowerPoint Document", *_OLE_TYPES, *_OLE_KINDS):
        if name in names:
            if name in _OLE_TYPES:
                return _OLE_TYPES[name]
            raise _unsupported(_OLE_KINDS[name])
    if named is not None and FORMATS[named].container == "ole":
        return named  # probably truncated before the directory; the parser reports that
    raise _unsupported("a legacy Office document")


def _names_near_the_edges(data: bytes) -> set[str]:
    """The names of streams in a damaged file: its directory is near the beginning or the end."""
    edges = data[:SEARCH_BYTES] + data[SEARCH_BYTES:][-SEARCH_BYTES:]
    known = ("EncryptedPackage", *_OLE_TYPES, *_OLE_KINDS)
    return {name for name in known if name.encode("utf-16-le") in edges}


def _type_of_text(named: FileType | None, sample: bytes) -> FileType:
    encoding = utf_16_or_32(sample)
    if encoding:
        sample = sample.decode(encoding, errors="replace").encode("utf-8", errors="replace")
    elif _is_binary(sample):
        raise _unsupported("binary data")
    if named == "code":
        return named
    sample = sample.removeprefix(codecs.BOM_UTF8)
    prologue = _XML_PROLOGUE.match(sample)
    if prologue and _HTML_BEGINNING.match(sample, prologue.end()):
        return "html"
    if named == "html":
        return named if _HTML_TAG.search(sample) else "text"
    if named == "mail":
        return named if _MAIL_BEGINNING.match(sample) else "text"
    return _type_of_unmarked_text(named, sample)


def _type_of_unmarked_text(named: FileType | None, sample: bytes) -> FileType:
    if named in (None, "text") and _is_mail(sample, is_named=named is not None):
        return "mail"
    if named in (None, "text") and sample.lstrip().startswith(b"<?xml "):
        return "xml"
    return named if named is not None and FORMATS[named].container == "text" else "text"


def _is_mail(sample: bytes, *, is_named: bool) -> bool:
    """Whether a text without the suffix of a mail begins with the headers of one."""
    if not is_named and _MAILBOX_BEGINNING.match(sample):
        return True
    headers = _HEADERS.match(sample)
    names = {name.lower() for name in _HEADER_NAME.findall(headers.group())} if headers else set()
    if is_named and b"mime-version" not in names:
        return False
    return len(names & _MAIL_HEADERS) >= _LEAST_HEADERS or {b"mime-version", b"content-type"} <= names


def utf_16_or_32(sample: bytes) -> str | None:
    """The codec of data that has a UTF-16 or UTF-32 byte order mark or is clearly one of them without it; else None."""
    # The byte order mark of little-endian UTF-32 begins with that of UTF-16.
    if sample.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    pairs = len(sample) // 2
    low, high = sample[0 : pairs * 2 : 2].count(0), sample[1 : pairs * 2 : 2].count(0)
    if pairs < 4:
        return None
    if high > 0.4 * pairs and low < 0.02 * pairs:
        return "utf-16-le"
    if low > 0.4 * pairs and high < 0.02 * pairs:
        return "utf-16-be"
    return wide_codec(sample) if low + high else None


def _is_binary(sample: bytes) -> bool:
    sample = sample.rstrip(b"\x00") or sample  # of a block that is not full
    controls = len(sample.translate(None, _TEXT_BYTES))
    if controls == 0:
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        # About 8 % of compressed data are control characters. In EBCDIC, 0x05 is the tab and 0x15 the newline.
        return controls - sample.count(0x05) - sample.count(0x15) > 0.03 * len(sample)
    # Valid UTF-8 with some control characters is still text: the parser removes them.
    return controls > 0.25 * len(sample)
