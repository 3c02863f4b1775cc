"""Office files for tests, written part by part."""

from __future__ import annotations

import io
import zipfile

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
STRICT_W = "http://purl.oclc.org/ooxml/wordprocessingml/main"
STRICT_R = "http://purl.oclc.org/ooxml/officeDocument/relationships"
_PACKAGE_R = "http://schemas.openxmlformats.org/package/2006/relationships"


def package(**parts: str | bytes) -> bytes:
    """A ZIP archive; the names of parts are given with `__` for `/` and `_DOT_` for a dot."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name.replace("__", "/").replace("_DOT_", "."), content)
    return written.getvalue()


def relationships(*targets: tuple[str, str], mode: str = "", kinds: str = R) -> str:
    """Relationships rId1, rId2, … each of a kind to a target."""
    rows = "".join(
        f'<Relationship Id="rId{n}" Type="{kinds}/{kind}" Target="{target}" {mode}/>'
        for n, (kind, target) in enumerate(targets, 1)
    )
    return f'<Relationships xmlns="{_PACKAGE_R}">{rows}</Relationships>'


def paragraph(text: str, properties: str = "") -> str:
    """A paragraph of Word with one run."""
    return f"<w:p><w:pPr>{properties}</w:pPr><w:r><w:t xml:space='preserve'>{text}</w:t></w:r></w:p>"


def word(
    body: str, *targets: tuple[str, str], parts: dict[str, str | bytes] | None = None, w: str = W, r: str = R
) -> bytes:
    """A Word document with a body, relationships to other parts, and these parts below word/."""
    document = f'<w:document xmlns:w="{w}" xmlns:r="{r}"><w:body>{body}</w:body></w:document>'
    written = {
        "_rels/.rels": relationships(("officeDocument", "word/document.xml"), kinds=r),
        "word/document.xml": document,
        "word/_rels/document.xml.rels": relationships(*targets, kinds=r),
        **{f"word/{name}": content for name, content in (parts or {}).items()},
    }
    return package(**written)
