"""Office documents in a single XML file: flat OpenDocument, flat Open XML, and the XML of Office 2003."""

from __future__ import annotations

import base64
import binascii
import io
import zipfile

from lxml import etree

from svc.ingest.formats import FileType

_OPEN_DOCUMENT = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_PACKAGE = "{http://schemas.microsoft.com/office/2006/xmlPackage}"
_WORD_2003 = "{http://schemas.microsoft.com/office/word/2003/wordml}"
_KINDS: dict[str, FileType] = {"text": "odt", "spreadsheet": "ods", "presentation": "odp"}
_MAIN_FOLDERS: dict[str, FileType] = {"word/": "docx", "xl/": "xlsx", "ppt/": "pptx"}


def flat_office(root: etree._Element) -> tuple[FileType, bytes] | None:
    """The type of such a document, and the equivalent archive; None for other XML."""
    if root.tag == f"{_OPEN_DOCUMENT}document":
        body = root.find(f"{_OPEN_DOCUMENT}body")
        kind = next((str(each.tag).removeprefix(_OPEN_DOCUMENT) for each in body), "") if body is not None else ""
        content = etree.tostring(root)
        return (_KINDS[kind], _archive({"content.xml": content, "styles.xml": content})) if kind in _KINDS else None
    if root.tag == f"{_WORD_2003}wordDocument":
        styles = root.find(f"{_WORD_2003}styles")
        parts = {"word/document.xml": etree.tostring(root)}
        return "docx", _archive(parts | ({} if styles is None else {"word/styles.xml": etree.tostring(styles)}))
    if root.tag == f"{_PACKAGE}package":
        parts = dict(filter(None, map(_part, root.iter(f"{_PACKAGE}part"))))
        for folder, file_type in _MAIN_FOLDERS.items():
            if any(name.startswith(folder) for name in parts):
                return file_type, _archive(parts)
    return None


def _part(element: etree._Element) -> tuple[str, bytes] | None:
    name = (element.get(f"{_PACKAGE}name") or "").lstrip("/")
    xml, binary = element.find(f"{_PACKAGE}xmlData"), element.find(f"{_PACKAGE}binaryData")
    if name and xml is not None and len(xml):
        return name, etree.tostring(xml[0])
    try:
        return (name, base64.b64decode(binary.text or "")) if name and binary is not None else None
    except (binascii.Error, ValueError):
        return None


def _archive(parts: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return written.getvalue()
