"""Reads and checks the file of an export line by line."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import msgspec

from svc.database.statements import Statement
from svc.errors import InvalidRequestError
from svc.fields.json_faults import json_fault
from svc.fields.validation import faults_of_json
from svc.migrations.files import migration_ids
from svc.tenants.records import FORMAT, End, Header, exported_tables, line_decoder

_FIRST_BYTES = 2**16
"""The first and the last line of an export are shorter than this. The limit of a longer line depends on its kind."""

_KIND = re.compile(rb'\s*\{\s*"line"\s*:\s*"([a-z_]{1,40})"')


class BadExportError(InvalidRequestError):
    """The file is not an export, or was altered; the detail names the line."""

    def __init__(self, lines: int | str, detail: str) -> None:
        super().__init__(f"line {lines}: {detail}")


@dataclass(frozen=True)
class LineLimits:
    """The longest lines in bytes: `contents` of `document_contents`, which are files in base64, `rows` of other rows.

    A line is not decoded before its length is known to be within its limit.
    """

    contents: int
    rows: int

    @classmethod
    def of(cls, max_upload_bytes: int, max_body_bytes: int) -> LineLimits:
        """The limits for rows that a service with these settings has stored."""
        return cls(contents=max_upload_bytes * 4 // 3 + _FIRST_BYTES, rows=max(_MIN_ROW_BYTES, 6 * max_body_bytes))


_MIN_ROW_BYTES = 32 * 2**20
DEFAULT_LIMITS = LineLimits.of(32 * 2**20, 4 * 2**20)


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

    def __init__(self, statements: Mapping[str, Statement], limits: LineLimits = DEFAULT_LIMITS) -> None:
        self._limits = limits
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
        for number in itertools.count(1):
            text = self._read_line(file, number)
            if not text:
                return
            if not text.endswith(b"\n"):
                raise BadExportError(number, "the export is truncated within this line. Export again")
            if header is None:
                header = self._header(text)
                yield Line(number, text, header)
            else:
                yield Line(number, text, self._decode(number, text, header))

    def _read_line(self, file: BinaryIO, number: int) -> bytes:
        """The next line, within its limit; empty at the end of the file.

        Raises:
            BadExportError: the line is too long, or a long line is not a row.
        """
        begin = file.readline(_FIRST_BYTES)
        if len(begin) < _FIRST_BYTES or begin.endswith(b"\n"):
            return begin
        kind = _KIND.match(begin)
        if number == 1 or kind is None or kind[1].decode() not in self._tables:
            raise BadExportError(number, f"it has more than {_FIRST_BYTES:,} bytes and is not a row of an export")
        is_content = kind[1] == b"document_contents"
        limit = self._limits.contents if is_content else self._limits.rows
        line = begin + file.readline(limit + 1 - len(begin))
        if len(line) > limit:
            setting = "CABINET_MAX_UPLOAD_BYTES" if is_content else "CABINET_MAX_BODY_BYTES"
            raise BadExportError(
                number, f"it has more than {limit:,} bytes, the longest line with the value of {setting} here"
            )
        return line

    def _header(self, text: bytes) -> Header:
        try:
            header = self._decoder.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
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
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
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
