"""The packages of Office: ZIP archives of XML parts that refer to each other."""

from __future__ import annotations

import io
import posixpath
import zipfile
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote

from lxml import etree

from svc.errors import DocumentRejectedError
from svc.ingest.document import Writer
from svc.ingest.formats import FORMATS, FileType
from svc.ingest.parsers.office_kinds import in_order, main_kind, part_kinds
from svc.ingest.parsers.rejections import damaged, encrypted
from svc.ingest.parsers.repaired_xml import repaired
from svc.ingest.parsers.zip_members import Members

_UNPACKED_MOST_BYTES = 256 * 2**20
_MOST_PARTS = 20_000
_OLE = b"\xd0\xcf\x11\xe0"
_RELATIONSHIP_ID = (
    "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}",
    "{http://purl.oclc.org/ooxml/officeDocument/relationships}",  # Strict OOXML
)


@dataclass(frozen=True)
class Relationship:
    """A reference from one part to another; `kind` is the last word of its type, such as `footnotes`."""

    id: str
    kind: str
    part: str


class Package:
    """The parts of a file.

    A missing or damaged part counts as absent; `warn` names it. XML that is damaged is read as far as
    it can be, and where the references of a part are damaged, its parts are found by their types or their usual names.
    """

    def __init__(self, file_type: FileType, data: bytes) -> None:
        """Open the archive.

        Raises:
            DocumentRejectedError: it is encrypted, cut off, or too large unpacked.
        """
        if data.startswith(_OLE):
            raise encrypted(file_type)
        try:
            self._archive = Members(data)
        except ValueError as error:
            raise damaged(file_type, "no part of its ZIP archive is whole") from error
        members = self._archive.infos
        unpacked_bytes = sum(member.file_size for member in members)
        if unpacked_bytes > _UNPACKED_MOST_BYTES or len(members) > _MOST_PARTS:
            raise DocumentRejectedError(
                f"The {FORMATS[file_type].name} is too large: it unpacks to {unpacked_bytes // 2**20} MB, "
                f"and the limit is {_UNPACKED_MOST_BYTES // 2**20} MB."
            )
        if members and all(map(self._archive.is_encrypted, members)):
            raise encrypted(file_type)
        self.is_cut = self._archive.is_cut
        self._members = {member.filename.replace("\\", "/").lstrip("/").lower(): member for member in members}
        self.damaged: dict[str, None] = {}
        self.repaired: dict[str, None] = {}

    def warn(self, writer: Writer) -> None:
        """Name the parts that are damaged and were not read, or not whole."""
        if self.is_cut:
            writer.warn("The end of the file is missing; its parts before that were read.")
        if self.damaged:
            writer.warn(f"Not read, because they are damaged: {', '.join(sorted(self.damaged))}.")
        if self.repaired:
            writer.warn(f"Damaged, and read as far as possible: {', '.join(sorted(self.repaired))}.")

    def names(self) -> list[str]:
        """The names of all parts, in lower case, in the order of the archive."""
        return list(self._members)

    def original_names(self) -> list[str]:
        """The names of all parts as they are written, in the order of the archive."""
        return [member.filename.replace("\\", "/").lstrip("/") for member in self._members.values()]

    def read(self, part: str) -> bytes | None:
        """The bytes of a part."""
        member = self._members.get(part.lower())
        if member is None:
            return None
        found = self._archive.read(member)
        if found is None:
            self.damaged[part] = None
            return None
        content, is_whole = found
        if not is_whole:
            self.repaired[part] = None
        return content

    def xml(self, part: str) -> etree._Element | None:
        """The root of a part that is XML, as far as it can be read."""
        data = self.read(part)
        return None if data is None else self.xml_of(part, data)

    def xml_of(self, part: str, data: bytes) -> etree._Element | None:
        """The root of the XML that a part has, as far as it can be read."""
        try:
            return parse_xml(data)
        except etree.XMLSyntaxError as error:
            if error.code == etree.ErrorTypes.ERR_NO_MEMORY:
                raise
        root = repaired(data)
        (self.damaged if root is None else self.repaired)[part] = None
        return root

    def relationships(self, part: str) -> list[Relationship]:
        """The references of a part to others that are there.

        Where they are damaged, the parts that it usually has follow, with an empty identifier.
        """
        found = self._referenced(part)
        is_main = part == self.main_part and _references_of(part).lower() not in self._members
        if is_main or _references_of(part) in (*self.damaged, *self.repaired):
            known = {each.part.lower() for each in found}
            found += [each for each in self._usual(part) if each.part not in known]
        return found

    def _referenced(self, part: str) -> list[Relationship]:
        folder = posixpath.dirname(part)
        root = self.xml(_references_of(part))
        found = []
        for each in root.iter("{*}Relationship") if root is not None else ():
            target = unquote(each.get("Target") or "")
            if (each.get("TargetMode") or "").lower() == "external" or not target or target.startswith("#"):
                continue
            path = target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
            if path.lower() in self._members:
                kind = (each.get("Type") or "").rpartition("/")[2]
                found.append(Relationship(each.get("Id") or "", kind, path))
        return found

    def all_of(self, part: str, kind: str) -> list[str]:
        """The parts of a kind that a part has, in the order of their numbers, whether its references lead to them."""
        found = [each for each in (*self.relationships(part), *self._usual(part)) if each.kind == kind]
        return sorted({each.part.lower() for each in found}, key=in_order)

    def _usual(self, part: str) -> list[Relationship]:
        return [Relationship("", kind, name) for name, kind in part_kinds(part.lower(), self.names(), self._types)]

    @cached_property
    def _types(self) -> dict[str, str]:
        """The content types of the parts that have one of their own."""
        root = repaired(self.read("[Content_Types].xml") or b"")
        return {
            (each.get("PartName") or "").lstrip("/").lower(): each.get("ContentType") or ""
            for each in (root.iter("{*}Override") if root is not None else ())
        }

    def targets(self, part: str) -> dict[str, str]:
        """The addresses outside of the file that a part refers to, by the identifiers of the references."""
        root = self.xml(_references_of(part))
        return {
            each.get("Id") or "": each.get("Target") or ""
            for each in (root.iter("{*}Relationship") if root is not None else ())
            if (each.get("TargetMode") or "").lower() == "external"
        }

    @cached_property
    def main_part(self) -> str | None:
        """The main part of the package."""
        named = next((each.part for each in self._referenced("") if each.kind == "officeDocument"), None)
        return named or main_kind(self.names(), self._types)


def _references_of(part: str) -> str:
    folder, name = posixpath.split(part)
    return posixpath.join(folder, "_rels", f"{name}.rels")


def packed(parts: dict[str, str]) -> bytes:
    """An archive with the given parts, for samples."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return written.getvalue()


def parse_xml(data: bytes) -> etree._Element:
    """The root of XML; entities are not expanded, and nothing is loaded."""
    return etree.fromstring(data, _parser())


def _parser() -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False, no_network=True, huge_tree=True, remove_comments=True, remove_pis=True
    )


def relationship_id(element: etree._Element, name: str = "id") -> str | None:
    """The relationship that an element names."""
    return next((element.get(f"{space}{name}") for space in _RELATIONSHIP_ID if element.get(f"{space}{name}")), None)
