"""Reads and checks the file of an export line by line."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import msgspec

from svc.database.statements import Statement
from svc.errors import InvalidRequestError
from svc.fields.validation import faults_of_json, json_fault
from svc.migrations.files import migration_ids
from svc.tenants.records import FORMAT, End, Header, exported_tables, line_decoder

# Far more than the largest upload in base64. A file without line ends must not be read into memory as a whole.
_MAX_LINE_BYTES = 2**30


class BadExportError(InvalidRequestError):
    """The file is not an export, or was altered; the detail names the line."""

    def __init__(self, lines: int | str, detail: str) -> None:
        super().__init__(f"line {lines}: {detail}")


@dataclass(frozen=True)
class Line:
    """A line: its number from 1, its bytes, and its decoded value."""

    number: int
    text: bytes
    value: Any

    @property
    def table(self) -> str:
        """The table of the row on this line."""
        return type(self.value).__name__


class ExportReader:
    """Reads exports in the format of this release."""

    def __init__(self, statements: Mapping[str, Statement]) -> None:
        self._decoder = line_decoder(statements)
        self._tables = list(exported_tables(statements))

    def check(self, file: BinaryIO) -> Header:
        """Check that a file is complete and unaltered, and return its header.

        Raises:
            BadExportError: the file is truncated, altered, or not an export that this release can read.
        """
        lines = self._lines(file)
        first = next(lines, None)
        if first is None:
            raise BadExportError(1, "the file is empty")
        header: Header = first.value
        digest, rows, end, last = hashlib.sha256(first.text), dict.fromkeys(self._tables, 0), None, first
        for last in lines:
            if end is not None:
                raise BadExportError(last.number, "the file continues after the last line of the export")
            if isinstance(last.value, End):
                end = last.value
                continue
            digest.update(last.text)
            self._check_row(last, header)
            rows[last.table] += 1
        if end is None:
            raise BadExportError(last.number, "the export is truncated: its last line is missing. Export again")
        if rows != {**rows, **end.rows} or digest.hexdigest() != end.sha256 or rows["users"] != 1:
            raise BadExportError(last.number, f"{_difference(rows, end)}: the file was altered. Export again")
        return header

    def rows(self, file: BinaryIO) -> Iterator[Line]:
        """The rows of a file that has been checked."""
        return (line for line in self._lines(file) if not isinstance(line.value, Header | End))

    def _lines(self, file: BinaryIO) -> Iterator[Line]:
        header = None
        for number, text in enumerate(iter(lambda: file.readline(_MAX_LINE_BYTES), b""), start=1):
            if not text.endswith(b"\n"):
                raise BadExportError(number, "the export is truncated within this line. Export again")
            if header is None:
                header = self._header(text)
                yield Line(number, text, header)
            else:
                yield Line(number, text, self._decode(number, text, header))

    def _header(self, text: bytes) -> Header:
        try:
            header = self._decoder.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError):
            header = None
        if not isinstance(header, Header):
            raise BadExportError(1, "this is not an export of Cabinet")
        if header.format != FORMAT:
            raise BadExportError(1, f"the export has format {header.format}; this release reads format {FORMAT}")
        return header

    def _decode(self, number: int, text: bytes, header: Header) -> Any:
        try:
            value = self._decoder.decode(text)
        except msgspec.ValidationError as error:
            raise BadExportError(number, f"{_fault(text, self._decoder.type, error)}{_release_hint(header)}") from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadExportError(number, f"it is not valid JSON: {json_fault(error, text)}") from None
        if isinstance(value, Header):
            raise BadExportError(number, "another export begins here")
        return value

    def _check_row(self, line: Line, header: Header) -> None:
        row = line.value
        if line.table == "users" and row.id != header.user_id:
            raise BadExportError(line.number, f"the user is not {header.user_id}, the user in the first line")
        embedding = getattr(row, "embedding", None)
        if embedding is not None and len(embedding) != 2 * header.embedding_dimensions:
            raise BadExportError(
                line.number,
                f"the vector has {len(embedding) // 2} dimensions, not {header.embedding_dimensions}",
            )


def _difference(rows: Mapping[str, int], end: End) -> str:
    for table, count in end.rows.items():
        if rows.get(table, 0) != count:
            return f"it is preceded by {rows.get(table, 0)} rows of {table}, not {count}"
    return "the SHA-256 of the preceding lines differs"


def _release_hint(header: Header) -> str:
    newest = migration_ids()[-1]
    if header.migration == newest:
        return ""
    return (
        f". The export has the schema {header.migration}, this release has {newest}: upgrade both to the same release"
    )


def _fault(text: bytes, type_: Any, error: msgspec.ValidationError) -> str:
    return "; ".join(fault.detail for fault in faults_of_json(text, type_, error))
