"""The files that the demo uploads: packaged samples and, in a checkout, the project's documentation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_SAMPLES = Path(__file__).parent / "samples"
_CHECKOUT = Path(__file__).resolve().parents[2]
# Far below the limit for a PDF, and far above the size of these files.
_MOST_PROJECT_DOCUMENTS = 20


@dataclass(frozen=True)
class Sample:
    """A file to upload."""

    filename: str
    content: bytes
    kind: str


def observatory_samples() -> list[Sample]:
    """The documents of an observatory: a PDF of two pages, a HTML page, a Markdown file."""
    names = ("observatory-manual.pdf", "observatory-visitors.html", "observatory-night-log.md")
    return [_packaged(name) for name in names]


def harbour_samples() -> list[Sample]:
    """The documents of a harbour: a HTML page, a Markdown file, a CSV table."""
    return [_packaged(name) for name in ("harbour-visitors.html", "harbour-shift-notes.md", "harbour-berths.csv")]


def project_documents() -> list[Sample]:
    """README.md and docs/ of the checkout; none where the package is installed without one."""
    if not (_CHECKOUT / "pyproject.toml").is_file():
        return []
    files: Sequence[Path] = [_CHECKOUT / "README.md", *sorted((_CHECKOUT / "docs").glob("*.md"))]
    return [Sample(file.name, file.read_bytes(), "project") for file in files if file.is_file()][
        :_MOST_PROJECT_DOCUMENTS
    ]


def _packaged(name: str) -> Sample:
    return Sample(name, (_SAMPLES / name).read_bytes(), "sample")
