"""The errors for files that cannot be read, worded for the uploader."""

from __future__ import annotations

from collections.abc import Sequence

from svc.errors import DocumentRejectedError
from svc.ingest.formats import FORMATS, FileType

DAMAGE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, AssertionError, RecursionError)
"""The exceptions that a parser may raise because of one damaged part of a file, which do not concern the others."""


def damaged(file_type: FileType, reason: str = "") -> DocumentRejectedError:
    """The file is broken; `reason` is Cabinet's own phrase, never a library's message, which can quote anything."""
    known = f" ({reason})" if reason else ""
    return DocumentRejectedError(f"The {FORMATS[file_type].name} cannot be read; it is damaged or truncated{known}.")


def encrypted(file_type: FileType) -> DocumentRejectedError:
    """The file is encrypted with a password that is not empty."""
    return DocumentRejectedError(f"The {FORMATS[file_type].name} is encrypted with a password; upload it without one.")


def nests_too_deeply(file_type: FileType) -> DocumentRejectedError:
    """The file's elements are nested deeper than Python's stack allows."""
    return DocumentRejectedError(f"The {FORMATS[file_type].name} is nested too deeply to be read.")


def no_text(file_type: FileType, warnings: Sequence[str] = ()) -> DocumentRejectedError:
    """The file was read, but its text is blank; `warnings` lists the parts that were not read."""
    why = f" {' '.join(warnings)}" if warnings else ""
    if file_type == "pdf":
        return DocumentRejectedError(
            f"The PDF contains no text: its pages are blank or damaged, or they are scanned images.{why}"
        )
    return DocumentRejectedError(f"The {FORMATS[file_type].name} contains no text.{why}")
