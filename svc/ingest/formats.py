"""The file types that can be read: one line for each, and one module in `svc/ingest/parsers/`.

The server imports this table for every upload, so it loads no parser.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

Container = Literal["text", "zip", "ole", "own"]
"""The outer form of a file: characters, a ZIP archive, one of Microsoft's compound files, or its own."""


class Format(NamedTuple):
    """A file type.

    `name` is the name in messages, and `plural` that in the list of accepted types. `module` has a
    function `parse` and a small file, `SAMPLE`. `mark` tells the type from others with the same container: the
    beginning of the first member of an archive that says what it is, the name of a stream of a compound file, or the
    beginning of the file. A text without a mark has its type by the suffix of its name.
    """

    name: str
    plural: str
    module: str
    suffixes: tuple[str, ...]
    container: Container = "text"
    mark: bytes = b""


FORMATS: dict[str, Format] = {
    "text": Format("text", "plain text", "text", (".txt",)),
    "markdown": Format("Markdown text", "Markdown", "markdown", (".md", ".markdown", ".mdown", ".mkd")),
    "html": Format("HTML page", "HTML", "html", (".html", ".htm", ".xhtml")),
    "pdf": Format("PDF", "PDF", "pdf", (".pdf",), "own", b"%PDF-"),
    "csv": Format("CSV table", "CSV", "csv", (".csv", ".tsv", ".tab")),
    "docx": Format("Word document", "Word (.docx)", "word", (".docx", ".docm"), "zip", b"word/"),
    "xlsx": Format("Excel workbook", "Excel (.xlsx)", "excel", (".xlsx", ".xlsm"), "zip", b"xl/"),
    "xls": Format("Excel workbook of before 2007", "Excel 97 (.xls)", "excel97", (".xls", ".xlt"), "ole", b"Workbook"),
    "pptx": Format(
        "PowerPoint presentation", "PowerPoint (.pptx)", "powerpoint", (".pptx", ".pptm", ".ppsx"), "zip", b"ppt/"
    ),
    "odt": Format(
        "OpenDocument text", "OpenDocument (.odt, .ods, .odp)", "odt", (".odt", ".ott"), "zip",
        b"mimetypeapplication/vnd.oasis.opendocument.text",
    ),
    "ods": Format(
        "OpenDocument spreadsheet", "", "ods", (".ods", ".ots"), "zip",
        b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet",
    ),
    "odp": Format(
        "OpenDocument presentation", "", "odp", (".odp", ".otp", ".odg", ".otg"), "zip",
        b"mimetypeapplication/vnd.oasis.opendocument.presentation",
    ),
    "epub": Format("EPUB book", "EPUB", "epub", (".epub",), "zip", b"mimetypeapplication/epub"),
    "rtf": Format("RTF document", "RTF", "rtf", (".rtf",), "own", b"{\\rtf"),
    "latex": Format("LaTeX source", "LaTeX (.tex)", "latex", (".tex", ".ltx")),
    "zip": Format("ZIP archive", "ZIP archives of these", "archive", (".zip",), "zip"),
    "mail": Format("mail", "mail (.eml, .mbox)", "mail", (".eml", ".mbox", ".mht", ".mhtml", ".tnef")),
    "msg": Format(
        "Outlook message", "Outlook messages (.msg)", "outlook", (".msg",), "ole", b"__properties_version1.0"
    ),
    "image": Format(
        "image", "", "image", (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".gif", ".bmp", ".webp"), "own"
    ),
    "json": Format("JSON document", "JSON (.json, .jsonl)", "json", (".json", ".jsonl", ".ndjson", ".geojson")),
    "notebook": Format("notebook", "notebooks (.ipynb)", "notebook", (".ipynb",)),
    "xml": Format("XML document", "XML (.xml, .rss)", "xml", (
        ".xml", ".rss", ".atom", ".svg", ".xsd", ".fodt", ".fods", ".fodp", ".fb2",
    )),
    "subtitles": Format("file of subtitles", "subtitles (.srt, .vtt)", "subtitles", (".srt", ".vtt", ".ass", ".ssa")),
    "code": Format("source code", "source code", "code", (
        ".py", ".js", ".mjs", ".jsx", ".ts", ".tsx", ".java", ".c", ".h", ".cpp", ".cc", ".hpp", ".cs", ".go", ".rs",
        ".rb", ".php", ".swift", ".kt", ".scala", ".sh", ".bash", ".sql", ".r", ".lua", ".pl", ".dart", ".ex", ".hs",
        ".pyi", ".cjs", ".mts", ".cxx", ".hxx", ".hh", ".kts", ".zsh", ".ps1", ".pm", ".jl", ".groovy", ".vb", ".m",
        ".mm", ".css", ".scss", ".vue", ".proto",
    )),
}  # fmt: skip

CHUNKS = "chunks"
"""The type of a document whose chunks the client made: see `given_chunks`. No parser reads it."""

SEARCHED_TYPES = (*FORMATS, CHUNKS)
"""The types of the documents that a search can find."""

if TYPE_CHECKING:
    FileType = str
    SearchedType = str
    StoredType = str
else:
    FileType = Literal[tuple(FORMATS)]
    SearchedType = Literal[SEARCHED_TYPES]
    # A file that is stored without being read may have any type.
    StoredType = Literal[(*SEARCHED_TYPES, "other")]
