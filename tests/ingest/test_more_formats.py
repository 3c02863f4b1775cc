"""OpenDocument, EPUB, RTF, LaTeX and archives are read completely. Inputs are made here, expected texts by hand."""

from __future__ import annotations

import io
import zipfile

import pytest

from svc.errors import DocumentRejectedError
from svc.ingest.file_types import detect_file_type
from svc.ingest.parse import parse
from tests.ingest.office_files import package, paragraph, word
from tests.ingest.test_formats import blocks_of, mail, text_of, warnings_of

NAMESPACES = " ".join(
    f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{long}:1.0"'
    for short, long in [
        ("office", "office"), ("text", "text"), ("table", "table"), ("draw", "drawing"),
        ("presentation", "presentation"), ("svg", "svg-compatible"), ("dc", "dc"), ("form", "form"), ("xlink", "xlink"),
    ]
)  # fmt: skip
NUMBERED = (
    '<office:automatic-styles><text:list-style style:name="N" xmlns:style="s">'
    "<text:list-level-style-number/></text:list-style></office:automatic-styles>"
)


def opendocument(kind: str, body: str, before: str = "", **parts: str) -> bytes:
    """An OpenDocument file of a kind (text, spreadsheet, presentation) with a body."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("mimetype", f"application/vnd.oasis.opendocument.{kind}")
        archive.writestr(
            "content.xml",
            f"<office:document-content {NAMESPACES}>{before}<office:body><office:{kind}>{body}</office:{kind}>"
            "</office:body></office:document-content>",
        )
        for name, content in parts.items():
            archive.writestr(name.replace("_DOT_", ".").replace("__", "/"), content)
    return written.getvalue()


def plain(blocks: list[tuple[str, str, dict[str, object]]]) -> list[tuple[str, str]]:
    return [(kind, text) for kind, text, _ in blocks]


# --- OpenDocument ---------------------------------------------------------------------------------------------


def test_an_opendocument_text_has_headings_lists_tables_notes_and_comments() -> None:
    body = (
        '<text:tracked-changes><text:p>deleted</text:p></text:tracked-changes>'
        '<text:h text:outline-level="2">The <text:span>rules</text:span></text:h>'
        '<text:p>One<text:s text:c="2"/>two<text:tab/>three<text:note><text:note-citation>1</text:note-citation>'
        "<text:note-body><text:p>Small print.</text:p></text:note-body></text:note>.</text:p>"
        '<text:list text:style-name="N"><text:list-item><text:p>pay</text:p></text:list-item>'
        "<text:list-item><text:p>wait</text:p></text:list-item></text:list>"
        "<text:list><text:list-item><text:p>else</text:p></text:list-item></text:list>"
        "<table:table><table:table-header-rows><table:table-row><table:table-cell><text:p>Part</text:p>"
        "</table:table-cell><table:table-cell><text:p>Price</text:p></table:table-cell></table:table-row>"
        "</table:table-header-rows><table:table-row><table:table-cell><text:p>Bolt</text:p></table:table-cell>"
        "<table:table-cell><text:p>2</text:p></table:table-cell></table:table-row></table:table>"
        "<text:section><text:p>Inside<office:annotation><dc:creator>Ada</dc:creator><text:p>Really?</text:p>"
        "</office:annotation>.</text:p></text:section>"
        "<text:p><draw:frame><draw:image/><svg:desc>A map</svg:desc></draw:frame><draw:frame><draw:image/></draw:frame>"
        "<draw:frame><draw:text-box><text:p>In a box.</text:p></draw:text-box></draw:frame></text:p>"
    )  # fmt: skip
    data = opendocument("text", body, NUMBERED)
    assert plain(blocks_of("a.odt", data)) == [
        ("heading", "The rules"), ("text", "One  two\tthree."), ("text", "Note: Small print."),
        ("item", "1. pay"), ("item", "2. wait"), ("item", "- else"), ("table", "Part | Price\nBolt | 2"),
        ("text", "Inside."), ("text", "Comment by Ada: Really?"), ("text", "A map"), ("text", "In a box."),
    ]  # fmt: skip
    assert warnings_of("a.odt", data) == [
        "1 image has no description and was not read.",
        "Deleted text that the document keeps as tracked changes was not read.",
    ]


def test_the_indexes_links_forms_objects_and_nested_boxes_of_an_opendocument_text() -> None:
    box = "<draw:frame><draw:text-box><text:p>Outer<draw:frame><draw:text-box><text:p>Inner</text:p></draw:text-box>"
    body = (
        "<text:illustration-index><text:illustration-index-source><text:p>no</text:p></text:illustration-index-source>"
        "<text:index-body><text:index-title><text:p>Figures</text:p></text:index-title><text:p>Fig. 1</text:p>"
        "</text:index-body></text:illustration-index>"
        "<text:list><text:list-header><text:p>Head</text:p></text:list-header></text:list>"
        "<text:numbered-paragraph><text:p>Numbered</text:p></text:numbered-paragraph>"
        "<text:p>The <text:a xlink:href='https://a.example/f'>form</text:a> "
        "<text:ruby><text:ruby-base>漢</text:ruby-base>"
        f"<text:ruby-text>kan</text:ruby-text></text:ruby></text:p><text:p>{box}</draw:frame></text:p></draw:text-box>"
        "</draw:frame></text:p><text:p><draw:ellipse><text:p>Round</text:p></draw:ellipse></text:p>"
        "<text:p><draw:frame><draw:object xlink:href='./Object 1'/><draw:image/></draw:frame></text:p>"
        "<office:forms><form:text form:label='Name' form:current-value='Ann'/></office:forms>"
    )
    chart = (
        f"<office:document-content {NAMESPACES}><office:body><office:chart><chart:chart xmlns:chart='c'><chart:title>"
        "<text:p>Sales</text:p></chart:title><table:table><table:table-row><table:table-cell><text:p>q</text:p>"
        "</table:table-cell><table:table-cell><text:p>5</text:p></table:table-cell></table:table-row></table:table>"
        "</chart:chart></office:chart></office:body></office:document-content>"
    )
    data = opendocument("text", body, **{"Object 1/content.xml": chart})
    assert [text for _, text, _ in blocks_of("a.odt", data)] == [
        "Figures", "Fig. 1", "Head", "Numbered", "The form 漢(kan) (https://a.example/f)", "Outer", "Inner", "Round",
        "Sales", "q | 5", "Name: Ann",
    ]  # fmt: skip
    assert warnings_of("a.odt", data) == []


def test_the_header_of_an_opendocument_text() -> None:
    styles = f"<s {NAMESPACES} xmlns:style='x'><style:header><text:p>Secret</text:p></style:header></s>"
    found = blocks_of("a.odt", opendocument("text", "<text:p>Body.</text:p>", styles_DOT_xml=styles))
    assert found == [("text", "Body.", {}), ("text", "Secret", {"part": "header"})]


def cell(text: str, attributes: str = "") -> str:
    return f"<table:table-cell {attributes}><text:p>{text}</text:p></table:table-cell>"


def row(*cells: str, attributes: str = "") -> str:
    return f"<table:table-row {attributes}>{''.join(cells)}</table:table-row>"


def test_the_rows_of_an_opendocument_spreadsheet() -> None:
    blank = '<table:table-cell table:number-columns-repeated="16384"/>'
    first = row(cell("name"), cell("city"), blank) + row(cell("Ann"), cell("Oslo"))
    first += row(blank, attributes='table:number-rows-repeated="1048576"')
    second = row(cell("x"), cell("y")) + row(cell("1"), cell("0", 'table:number-columns-repeated="2"'))
    body = f"<table:table table:name='Staff'>{first}</table:table><table:table table:name='B'>{second}</table:table>"
    assert blocks_of("a.ods", opendocument("spreadsheet", body)) == [
        ("heading", "Staff", {"sheet": "Staff"}), ("records", "name: Ann\ncity: Oslo", {"sheet": "Staff"}),
        ("heading", "B", {"sheet": "B"}), ("records", "x: 1\ny: 0\ncolumn 3: 0", {"sheet": "B"}),
    ]  # fmt: skip


def test_parts_of_an_opendocument_spreadsheet_beside_its_texts() -> None:
    link = "<text:a xlink:href='https://a.example/f'>form</text:a>"
    value = '<table:table-cell office:value-type="percentage" office:value="0.07"/>'
    box = "<draw:frame><draw:text-box><text:p>A box</text:p></draw:text-box></draw:frame>"
    rows = row(cell("site"), cell("rate")) + row(cell(link), value + f"<table:table-cell>{box}</table:table-cell>")
    shapes = f"<table:shapes>{box.replace('A box', 'Over all')}</table:shapes>"
    data = opendocument("spreadsheet", f"<table:table>{shapes}{rows}</table:table>")
    assert text_of("a.ods", data) == "Sheet\n\nsite: form (https://a.example/f)\nrate: 7%\n\nOver all\n\nA box"


def test_a_row_that_is_repeated_a_million_times_is_bounded() -> None:
    repeated = row(cell("x"), cell("y"), attributes='table:number-rows-repeated="1048576"')
    body = f"<table:table>{repeated}</table:table>"
    data = opendocument("spreadsheet", body)
    assert text_of("a.ods", data).count("x: x") <= 100
    assert "repeated 1048576 times" in warnings_of("a.ods", data)[0]


def test_the_slides_of_an_opendocument_presentation() -> None:
    pages = (
        "<draw:page><draw:frame><draw:text-box><text:list><text:list-item><text:p>one</text:p></text:list-item>"
        "</text:list></draw:text-box></draw:frame>"
        '<draw:frame presentation:class="title"><draw:text-box><text:p>Sales</text:p></draw:text-box></draw:frame>'
        '<presentation:notes><draw:frame presentation:class="notes"><draw:text-box><text:p>Say hello.</text:p>'
        "</draw:text-box></draw:frame></presentation:notes></draw:page><draw:page/>"
    )
    assert blocks_of("a.odp", opendocument("presentation", pages)) == [
        ("heading", "Sales", {"slide": 1}), ("item", "- one", {"slide": 1}),
        ("text", "Notes: Say hello.", {"slide": 1}),
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["text", "spreadsheet", "presentation"])
def test_opendocument_files_that_are_encrypted_or_broken(kind: str) -> None:
    name = {"text": "odt", "spreadsheet": "ods", "presentation": "odp"}[kind]
    locked = opendocument(kind, "<text:p/>", **{"META-INF/manifest.xml": "<m><encryption-data/></m>"})
    with pytest.raises(DocumentRejectedError, match="encrypted with a password"):
        parse(name, locked)
    whole = opendocument(kind, "<text:p>a</text:p>")
    with pytest.raises(DocumentRejectedError, match="damaged or truncated"):
        parse(name, whole[: len(whole) // 2])
    broken = whole.replace(b"</office:body>", b"<office:body/>")
    if kind == "text":
        assert text_of("a.odt", broken) == "a"
        assert warnings_of("a.odt", broken) == ["Damaged, and read as far as possible: content.xml."]
    else:
        with pytest.raises(DocumentRejectedError):
            parse(name, broken)


@pytest.mark.parametrize("value", ['SYSTEM "file:///etc/hostname"', '"secret"'])
def test_entities_of_opendocument_are_not_expanded(value: str) -> None:
    data = opendocument("text", "<text:p>x&e;y</text:p>")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        content = archive.read("content.xml").decode()
    data = package(**{"content.xml": f"<!DOCTYPE d [<!ENTITY e {value}>]>{content}"})
    assert parse("odt", data).text in ("xy", "x")


# --- EPUB -----------------------------------------------------------------------------------------------------


def book(*chapters: str, **parts: str) -> bytes:
    items = "".join(f'<item id="c{n}" href="text/c%20{n}.xhtml"/>' for n in range(len(chapters)))
    spine = "".join(f'<itemref idref="c{n}"/>' for n in reversed(range(len(chapters))))
    return package(**{
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<c><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></c>',
        "OEBPS/book.opf": f"<p><metadata><title>The Rock</title></metadata><manifest>{items}</manifest>"
        f"<spine>{spine}</spine></p>",
        **{f"OEBPS/text/c {n}.xhtml": f"<html><body>{each}</body></html>" for n, each in enumerate(chapters)},
        **parts,
    })  # fmt: skip


def test_the_chapters_of_a_book_in_the_order_of_the_spine() -> None:
    data = book("<h1>Second</h1><p>Then.</p>", "<h1>First</h1><p>Once.</p>")
    assert blocks_of("a.epub", data) == [
        ("heading", "First", {"chapter": 1}), ("text", "Once.", {"chapter": 1}),
        ("heading", "Second", {"chapter": 2}), ("text", "Then.", {"chapter": 2}),
    ]  # fmt: skip
    assert parse("epub", data).title == "The Rock"


@pytest.mark.parametrize(
    "container", ["<c><rootfiles", '<c><rootfiles><rootfile full-path="gone.opf"/></rootfiles></c>']
)
def test_the_list_of_chapters_is_found_without_what_names_it(container: str) -> None:
    data = book("<p>Then.</p>", "<p>Once.</p>", **{"META-INF/container.xml": container})
    assert text_of("a.epub", data) == "Once.\n\nThen."


def test_a_chapter_without_anything_does_not_damage_the_book() -> None:
    data = book("<p>Then.</p>", "", **{"OEBPS/text/c 1.xhtml": "<!-- nothing yet -->"})
    assert text_of("a.epub", data) == "Then."


def test_chapters_that_are_encrypted_are_named() -> None:
    locked = '<e><EncryptedData><CipherReference URI="OEBPS/text/c%200.xhtml"/></EncryptedData></e>'
    assert warnings_of("a.epub", book("<p>a</p>", "<p>b</p>", **{"META-INF/encryption.xml": locked})) == [
        "Chapters that are missing, damaged or encrypted were not read: 2."
    ]
    with pytest.raises(DocumentRejectedError, match="encrypted"):
        parse("epub", book("<p>a</p>", **{"META-INF/encryption.xml": locked}))


# --- RTF and LaTeX --------------------------------------------------------------------------------------------


def test_rtf_with_headings_code_pages_unicode_tables_and_notes() -> None:
    source = (
        rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset204 Arial;}}"
        rb"{\stylesheet{\s1\b heading 1;}}{\info{\title hidden}}"
        rb"\pard\s1 Rules\par\pard Gr\'fc\'dfe \u8364?5 {\f1\'cf\'f0\'e8\'e2\'e5\'f2}{\v unseen}"
        rb"{\super 1}{\footnote Small print.}\par"
        rb"{\listtext 1.\tab}pay\par\pard\trowd\intbl Part\cell Price\cell\row\intbl Bolt\cell 2\cell\row\pard"
        rb"{\field{\*\fldinst HYPERLINK}{\fldrslt a link}} and \{braces\}\line next{\pict 00ff}\par}"
    )  # fmt: skip
    assert plain(blocks_of("a.rtf", source)) == [
        ("heading", "Rules"), ("text", "Grüße €5 Привет1"), ("item", "1. pay"),
        ("table", "Part | Price\nBolt | 2"), ("text", "a link and {braces}\nnext"), ("text", "Note: Small print."),
    ]  # fmt: skip
    assert warnings_of("a.rtf", source) == ["1 image was not read.", "Hidden text was not read."]


def test_rtf_with_links_shapes_comments_objects_and_headers() -> None:
    source = (
        rb"{\rtf1\ansi{\header Secret\par}"
        rb'{\field{\*\fldinst{HYPERLINK "https://a.example/f"}}{\fldrslt{\ul the form}}} now'
        rb"{\*\atnid AB}{\*\atnauthor Ann}\chatn{\*\annotation{\*\atndate 12}Really?}.\par"
        rb"{\shp{\*\shpinst{\sp{\sn wzDescription}{\sv A map}}{\sp{\sn pib}{\sv{\pict 00}}}{\shptxt In a box.\par}}"
        rb"{\shprslt{\*\do{\dptxbxtext In a box.\par}}}}{\*\shppict{\pict 00}}{\nonshppict{\pict 00}}"
        rb"{\object\objemb{\*\objclass Excel.Sheet.12}{\*\objdata 00}{\result{\pict 00}}}"
        rb"{\deleted gone}{\upr{?ber}{\*\ud{\u252 ?ber}}}\par{\footer Foot}}"
    )  # fmt: skip
    assert text_of("a.rtf", source) == (
        "the form now. (https://a.example/f)\n\nüber\n\nA map\n\nIn a box.\n\nComment by Ann: Really?\n\nSecret\n\nFoot"
    )
    assert warnings_of("a.rtf", source) == [
        "1 image was not read.", "Embedded objects that were not read: Excel.Sheet.12.",
        "Deleted text that the document keeps as tracked changes was not read.",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "source", [b"{" * 5_000, b"\\u-1?" * 3, b"\\bin99999999999 x", b"}" * 100 + b"end", b"\\'zz\\'f", b"\\u55357?\\u1?"]
)
def test_broken_rtf_ends_with_text_or_a_reason(source: bytes) -> None:
    try:
        assert parse("rtf", b"{\\rtf1 a " + source).text.startswith("a")
    except DocumentRejectedError as error:
        assert "nested too deeply" in error.detail


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (
            r"\title{Tides}\author{Ann Bell \and Bo Carr}\date{May 2020}\begin{document}\maketitle"
            r"\begin{abstract}Short.\end{abstract}Long.\end{document}",
            "Tides\n\nAnn Bell, Bo Carr\n\nMay 2020\n\nShort.\nLong.",
        ),
        (
            r"\begin{theorem}[Rule of Bell]It holds.\end{theorem}\begin{figure}[htb]F\end{figure}",
            "Rule of Bell: It holds.\n\nF",
        ),
        (
            r"\begin{document}\begin{frame}[fragile]{Tides}\framesubtitle{In May}\only<1->{First}\end{frame}"
            r"\end{document}",
            "Tides\n\nIn May\n\nFirst",
        ),
        (r"It costs \$5 or \emph{only} \$4 for $n$.", "It costs $5 or only $4 for $n$."),
        (
            "\\MakeShortVerb{\\|}\\begin{document}Write |\\end{document}| last.\\end{document}",
            "Write \\end{document} last.",
        ),
        ("One.\n% \\newcommand{\\x}{%\nTwo.", "One.\nTwo."),
        (
            "\\begin{verbatim}\n\\newcommand{\\x}{y} % z\n\\end{verbatim}\\newcommand{\\x}{Two} \\x",
            "\\newcommand{\\x}{y} % z\n\nTwo",
        ),
        (
            '\\documentclass[ngerman]{article}\\begin{document}"Uber wei"se "`M"ause"\'\\end{document}',
            "Über weiße „Mäuse“",
        ),
    ],
    ids=["title page", "theorem", "slide", "dollars", "short code", "definition in a comment", "code", "German"],
)
def test_latex_is_read_whole(source: str, text: str) -> None:
    assert parse("latex", source.encode()).text.strip() == text


def test_latex_without_its_commands() -> None:
    source = r"""
\documentclass{article} % a comment
\title{The \emph{Rock}}
\begin{document}
\section{Rules}\label{s} Caf\'e and Gr\"{u}\ss e cost 5\,\% more~\cite{a}; $x^2 \le \alpha$.

New \textbf{paragraph} -- see \url{http://a.b}.
\iffalse old \ifx a\fi draft \else (new)\fi\iffalse gone\fi
\begin{itemize}\item pay \item wait\end{itemize}
\begin{tabular}{l|r} Part & Price \\ \hline Bolt & 2 \\ \end{tabular}
\begin{verbatim}
x = {1}
\end{verbatim}
\end{document} after
"""
    found = plain(blocks_of("a.tex", source))
    assert found[:2] == [("heading", "The Rock"), ("heading", "Rules")]
    assert ("text", "New paragraph – see http://a.b.\n (new)") in found
    assert ("item", "- pay") in found
    assert ("item", "- wait") in found
    assert ("table", "Part | Price\nBolt | 2") in found
    assert ("code", "x = {1}") in found
    assert "Café and Grüße cost 5 % more" in found[2][1]
    assert r"$x^2 \le \alpha$" in found[2][1]


# --- archives -------------------------------------------------------------------------------------------------


def test_the_files_of_an_archive_are_read_below_their_names() -> None:
    inner = package(**{"deep.txt": "Far inside."})
    parts: dict[str, str | bytes] = {
        "docs/../a.docx": word(paragraph("A clause.")), "b.csv": "x,y\n1,2\n", "c.png": b"\x89PNG\r\n\x1a\n" + bytes(9),
        "d.zip": inner, "x/.DS_Store": "noise",
    }  # fmt: skip
    data = package(**parts)
    found = blocks_of("a.zip", data)
    assert ("text", "A clause.", {"file": "docs/a.docx"}) in found
    assert ("heading", "docs/a.docx", {"file": "docs/a.docx"}) in found
    assert ("text", "Far inside.", {"file": "d.zip"}) in found
    assert not any("noise" in text for _, text, _ in found)
    assert warnings_of("a.zip", data) == [
        "The 4 files of the archive are one document; for separate documents, upload each.",
        "Files that were not read: c.png.",
    ]


def test_archives_inside_of_archives_end_at_two() -> None:
    data = package(**{"a.txt": "bottom"})
    for level in range(4):
        parts: dict[str, str | bytes] = {f"{level}.zip": data, f"{level}.txt": f"level {level}"}
        data = package(**parts)
    text = text_of("a.zip", data)
    assert "level 3" in text
    assert "level 2" in text
    assert "level 1" not in text
    assert any("nested in more than 2 files" in warning for warning in warnings_of("a.zip", data))


def test_reading_an_archive_in_a_mail_in_an_archive_ends() -> None:
    data = package(**{"a.txt": "bottom"})
    for _ in range(3):
        message = mail(Subject="More")
        message.set_content("See below.")
        message.add_attachment(data, maintype="application", subtype="zip", filename="more.zip")
        data = package(**{"mail.eml": message.as_bytes()})
    assert "bottom" not in text_of("a.zip", data)
    assert any("nested in more than" in warning for warning in warnings_of("a.zip", data))


def test_a_bomb_is_not_unpacked() -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.txt", "w") as member:
        for _ in range(300):
            member.write(bytes(2**20))
    with pytest.raises(DocumentRejectedError, match="unpacks to 300 MB"):
        parse("zip", bomb.getvalue())


@pytest.mark.parametrize(
    ("name", "data", "file_type"),
    [
        ("a.zip", package(**{"x.txt": "a", "word/document.xml": "b"}), "zip"),
        ("a", package(**{"x.txt": "a"}), "zip"),
        ("a.zip", word(paragraph("a")), "docx"),
        ("a.docx", opendocument("text", "<text:p>a</text:p>"), "odt"),
        ("a", opendocument("spreadsheet", ""), "ods"),
        ("a.bin", b"{\\rtf1 a}", "rtf"),
        ("a.epub", book("<p>a</p>"), "epub"),
    ],
)
def test_types_are_detected(name: str, data: bytes, file_type: str) -> None:
    assert detect_file_type(name, data) == file_type


def test_the_links_notes_macros_and_formulas_of_latex() -> None:
    source = r"""\newcommand{\acme}{ACME Ltd}\newcommand{\twice}[2]{#1 and #2}
\begin{document}
% see \url{https://no.example}
Made by \acme{} for \href{https://a.example/x%20y}{the \emph{site}}\footnote{Small print.} by \twice{A}{B} \cite{k84}.
\textcolor{red}{Red} and \verb|a_b%c|, \url{https://b.example/50\%}. \caption{A map}\includegraphics{map}
\begin{equation}\label{e} a = \frac{1}{2} \end{equation}
\input{other}\bibliography{refs}
\end{document}"""
    assert text_of("a.tex", source).split("\n\n") == [
        "Made by ACME Ltd for the site (Note: Small print.) (https://a.example/x%20y) by A and B [k84].\n"
        "Red and a_b%c, https://b.example/50%.",
        "A map",
        r"a = \frac{1}{2}",
    ]
    assert warnings_of("a.tex", source) == [
        "The text of other files was not read: other.",
        "The bibliography is in other files and was not read: refs.",
        "1 image was not read.",
    ]
