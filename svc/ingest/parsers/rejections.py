"""What an uploader is told of a file that cannot be read."""

from __future__ import annotations

from svc.errors import DocumentRejectedError
from svc.ingest.file_types import FileType
from svc.ingest.parsers.characters import clean_text

_NAMES: dict[FileType, str] = {
    "text": "text", "markdown": "Markdown text", "html": "HTML page", "pdf": "PDF", "csv": "CSV table",
    "docx": "Word document",
}  # fmt: skip


def damaged(file_type: FileType, reason: str) -> DocumentRejectedError:
    """The file is broken; `reason` is a library's word for it, which is cut."""
    reason = " ".join(clean_text(reason).split())[:160].rstrip(".")
    return DocumentRejectedError(f"The {_NAMES[file_type]} cannot be read; it is damaged or cut off ({reason}).")


def encrypted(file_type: FileType) -> DocumentRejectedError:
    """The file is encrypted, and not with the empty password."""
    return DocumentRejectedError(
        f"The {_NAMES[file_type]} is encrypted and opens only with a password; upload it without one."
    )


def nests_too_deeply(file_type: FileType) -> DocumentRejectedError:
    """The file's elements lie in each other deeper than Python's stack."""
    return DocumentRejectedError(f"The {_NAMES[file_type]} nests too deeply to be read.")


def no_text(file_type: FileType) -> DocumentRejectedError:
    """The file was read, and all of it is blank."""
    if file_type == "pdf":
        return DocumentRejectedError(
            "There is no text in the PDF: its pages are blank or damaged, or they are scanned images, which have to "
            "go through character recognition (OCR) first."
        )
    return DocumentRejectedError(f"There is no text in the {_NAMES[file_type]}.")
