"""Every format is read completely with its structure. Each input is made here, and its expected text by hand."""

from __future__ import annotations

import json
from email.message import EmailMessage

import pytest

from svc.errors import DocumentRejectedError
from svc.ingest.file_types import detect_file_type
from svc.ingest.formats import FORMATS
from svc.ingest.parse import parse, sample
from tests.ingest.office_files import R, package, paragraph, relationships, word


def blocks_of(filename: str, data: bytes | str) -> list[tuple[str, str, dict[str, object]]]:
    """The kind, the text and the position of each block of a file."""
    content = data.encode() if isinstance(data, str) else data
    document = parse(detect_file_type(filename, content), content)
    return [(block.kind, document.text[block.start : block.end], block.place) for block in document.blocks]


def text_of(filename: str, data: bytes | str) -> str:
    return "\n\n".join(text for _, text, _ in blocks_of(filename, data))


def warnings_of(filename: str, data: bytes | str) -> list[str]:
    content = data.encode() if isinstance(data, str) else data
    return parse(detect_file_type(filename, content), content).warnings


@pytest.mark.parametrize("name", list(FORMATS))
def test_every_format_has_a_sample_of_its_type(name: str) -> None:
    suffix = FORMATS[name].suffixes[0]
    assert detect_file_type(f"a{suffix}", sample(name), images=True) == name


# --- mail -----------------------------------------------------------------------------------------------------


def mail(**headers: str) -> EmailMessage:
    message = EmailMessage()
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    return message


def test_mail_with_encoded_headers_a_charset_and_base64() -> None:
    source = (
        b"From: =?iso-8859-1?q?J=FCrg?= <j@example.org>\n"
        b"Subject: =?utf-8?b?R3LDvMOfZQ==?=\n =?utf-8?b?IGFuIGFsbGU=?=\n"
        b"Content-Type: text/plain; charset=iso-8859-2\n"
        b"Content-Transfer-Encoding: quoted-printable\n\n=A3=F3d=BC jest.\n"
    )
    assert text_of("a.eml", source) == "Subject: Grüße an alle\nFrom: Jürg <j@example.org>\n\nŁódź jest."
    assert parse("mail", source).title == "Grüße an alle"


def test_mail_is_read_once_although_it_has_two_bodies() -> None:
    message = mail(Subject="Leave")
    message.set_content("Short.")
    message.add_alternative("<html><body><h2>Rules</h2><p>Twenty five days.</p></body></html>", subtype="html")
    assert [(kind, text) for kind, text, _ in blocks_of("a.eml", message.as_bytes())] == [
        ("text", "Subject: Leave"), ("heading", "Rules"), ("text", "Twenty five days."),
    ]  # fmt: skip


def test_attachments_are_read_below_their_names_and_the_others_are_named() -> None:
    message = mail(Subject="Files")
    message.set_content("See below.")
    message.add_attachment(word(paragraph("A clause.")), maintype="application", subtype="x", filename="../a b.docx")
    message.add_attachment(b"\x89PNG\r\n\x1a\n" + bytes(9), maintype="image", subtype="png", filename="map.png")
    inner = mail(Subject="Older")
    inner.set_content("What was said.")
    message.add_attachment(inner)
    found = blocks_of("a.eml", message.as_bytes())
    assert ("text", "A clause.", {"attachment": "a b.docx"}) in found
    assert any(text == "What was said." for _, text, _ in found)
    assert warnings_of("a.eml", message.as_bytes()) == ["Attachments that were not read: map.png."]


def test_base64_in_the_body_of_a_mail_is_left_out() -> None:
    message = mail(Subject="Scan")
    message.set_content(f"Here.\n\ndata:image/png;base64,{'iVBORw0KGgoAAAANSUhEUgAA' * 500}\n")
    assert text_of("a.eml", message.as_bytes()) == "Subject: Scan\n\nHere."
    assert "embedded image" in warnings_of("a.eml", message.as_bytes())[0]


BROKEN_MAIL = [b"Subject: a\nContent-Type: multipart/mixed; boundary=x\n\nno part", b"A: b\n\x00\xff"]


@pytest.mark.parametrize("source", BROKEN_MAIL)
def test_broken_mail_is_read_as_far_as_it_goes(source: bytes) -> None:

    try:
        parse("mail", source)
    except DocumentRejectedError as error:
        assert "no text" in error.detail


# --- workbooks ------------------------------------------------------------------------------------------------


def workbook(
    sheets: dict[str, str],
    strings: str = "",
    styles: str = "",
    states: dict[str, str] | None = None,
    properties: str = "",
) -> bytes:
    """A workbook with the XML of the rows of each sheet."""
    listed = "".join(
        f'<sheet name="{name}" state="{(states or {}).get(name, "visible")}" r:id="rId{n}"/>'
        for n, name in enumerate(sheets, 1)
    )
    targets = [("worksheet", f"worksheets/s{n}.xml") for n in range(1, len(sheets) + 1)]
    parts: dict[str, str | bytes] = {
        "_rels/.rels": relationships(("officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": f'<workbook xmlns:r="{R}"><workbookPr {properties}/><sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relationships(
            *targets, ("sharedStrings", "strings.xml"), ("styles", "styles.xml")
        ),
        "xl/strings.xml": f"<sst>{strings}</sst>",
        "xl/styles.xml": f"<styleSheet>{styles}</styleSheet>",
    }
    for n, rows in enumerate(sheets.values(), 1):
        parts[f"xl/worksheets/s{n}.xml"] = f"<worksheet><sheetData>{rows}</sheetData></worksheet>"
    return package(**parts)


def test_each_row_of_a_sheet_has_the_names_of_its_columns() -> None:
    strings = "<si><t>name</t></si><si><r><t>A</t></r><r><t>nn</t></r><rPh><t>x</t></rPh></si>"
    styles = "<cellXfs><xf numFmtId='0'/><xf numFmtId='14'/></cellXfs>"
    rows = (
        "<row><c r='A1' t='s'><v>0</v></c><c r='C1' t='inlineStr'><is><t>since</t></is></c></row>"
        "<row><c r='A2' t='s'><v>1</v></c><c r='B2'><v>0.1</v></c><c r='C2' s='1'><v>46023</v></c></row>"
        "<row><c r='A3' t='b'><v>1</v></c><c r='C3' t='str'><f>1</f><v>x</v></c></row>"
    )
    assert blocks_of("a.xlsx", workbook({"Staff": rows}, strings, styles)) == [
        ("heading", "Staff", {"sheet": "Staff"}),
        (
            "records", "name: Ann\ncolumn 2: 0.1\nsince: 2026-01-01\n\nname: TRUE\nsince: x", {"sheet": "Staff"}
        ),
    ]  # fmt: skip


def test_hidden_and_damaged_sheets_are_named() -> None:
    row = "<row><c t='inlineStr'><is><t>seen</t></is></c></row>"
    data = workbook({"A": row, "B": row, "C": "<row><c>"}, states={"B": "hidden"})
    assert "seen" in text_of("a.xlsx", data)
    assert warnings_of("a.xlsx", data) == [
        "The sheet C is damaged and was read in part.", "Hidden sheets were not read: B.",
    ]  # fmt: skip


# --- presentations --------------------------------------------------------------------------------------------


def shape(text: str, kind: str | None) -> str:
    holder = "" if kind is None else f'<p:ph type="{kind}"/>' if kind else "<p:ph/>"
    paragraphs = "".join(f"<a:p><a:r><a:t>{line}</a:t></a:r></a:p>" for line in text.split("\n"))
    return f"<p:sp><p:nvSpPr><p:nvPr>{holder}</p:nvPr></p:nvSpPr><p:txBody>{paragraphs}</p:txBody></p:sp>"


def slide(*shapes: str) -> str:
    return (
        f'<p:sld xmlns:p="p" xmlns:a="a" xmlns:r="{R}"><p:cSld><p:spTree>{"".join(shapes)}</p:spTree></p:cSld></p:sld>'
    )


def test_slides_have_titles_items_tables_and_notes() -> None:
    table = (
        "<p:graphicFrame><a:tbl>"
        "<a:tr><a:tc><a:p><a:t>q</a:t></a:p></a:tc><a:tc><a:p><a:t>sum</a:t></a:p></a:tc></a:tr>"
        "<a:tr><a:tc><a:p><a:t>1</a:t></a:p></a:tc><a:tc><a:p><a:t>5</a:t></a:p></a:tc></a:tr></a:tbl></p:graphicFrame>"
    )
    picture = "<p:pic><p:nvPicPr><p:cNvPr descr='A map'/></p:nvPicPr></p:pic><p:pic/>"
    data = package(**{
        "_rels/.rels": relationships(("officeDocument", "ppt/presentation.xml")),
        "ppt/presentation.xml": (
            f'<p xmlns:r="{R}"><sldIdLst><sldId r:id="rId2"/><sldId r:id="rId1"/><sldId r:id="rId9"/></sldIdLst></p>'
        ),
        "ppt/_rels/presentation.xml.rels": relationships(("slide", "slides/b.xml"), ("slide", "slides/a.xml")),
        "ppt/slides/a.xml": slide(shape("one\ntwo", ""), shape("Sales", "title"), shape("7", "sldNum"), picture),
        "ppt/slides/b.xml": slide(shape("A box", None), table),
        "ppt/slides/_rels/a.xml.rels": relationships(("notesSlide", "../notesSlides/n.xml")),
        "ppt/notesSlides/n.xml": slide(shape("Say hello.", "body"), shape("3", "sldNum")),
    })  # fmt: skip
    assert blocks_of("a.pptx", data) == [
        ("heading", "Sales", {"slide": 1}), ("item", "- one", {"slide": 1}), ("item", "- two", {"slide": 1}),
        ("text", "A map", {"slide": 1}), ("text", "Notes: Say hello.", {"slide": 1}),
        ("text", "A box", {"slide": 2}), ("table", "q | sum\n1 | 5", {"slide": 2}),
    ]  # fmt: skip
    assert warnings_of("a.pptx", data) == [
        "Slide 3 is missing or damaged and was not read.", "Slide 1 has images without a description.",
    ]  # fmt: skip


# --- data -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filename", "source", "text"),
    [
        (
            "a.json",
            r'{"na\u00efve": "\u00fcber", "a": {"b": [1, 2.50, true]}, "c": null}',
            "naïve: über\na.b: 1, 2.50, true\nc: null",
        ),
        (
            "a.json",
            '{"note": "", "tags": [], "more": {}, "list": [null, 1, "x"], "pairs": [[], {"y": null}]}',
            'note: ""\ntags: []\nmore: {}\nlist: null, 1, x\npairs[1]: []\npairs[2].y: null',
        ),
        ("a.jsonl", '{"x": 1}\n{}\nnull\n{"x": null}\n', "x: 1\n\nx: null"),
        ("a.json", '{"a": 12345678901234567890123, "a": "twice"}', "a: 12345678901234567890123\na: twice"),
        ("a.json", '[{"x": 1}, {"x": [{"y": "z"}]}]', "x: 1\n\nx[1].y: z"),
        ("a.json", '{"x": NaN}\n{\n"x": [-Infinity, 2]\n}', "x: NaN\n\nx: -Infinity, 2"),
        ("a.json", '{"x": ' + "[" * 80 + '"y", 1' + "]" * 80 + "}", f"x{'[1]' * 60}: y, 1"),
        ("a.jsonl", '{"x": 1}\n\n{"x": 2}\n', "x: 1\n\nx: 2"),
        ("a.json", '{"broken":', '{"broken":'),
        ("a.tsv", "a\tb\n1\tx\n", "a: 1\nb: x"),
        (
            "a.xml",
            "<a><title>T &amp; U</title><!-- c --><p>one <b>two</b> three</p><e k='v'/></a>",
            "T & U\n\none two three\n\nk: v",
        ),
        (
            "a.xml",
            '<a><item sku="B7" id="x">Bolt <link href="https://a.example/f">here</link>.</item>'
            '<person name="Ann"><age>3</age></person></a>',
            "sku: B7\n\nBolt here. (https://a.example/f)\n\nname: Ann\n\n3",
        ),
        (
            "a.rss",
            "<rss><channel><title>News</title><item><title>One</title>"
            "<description>&lt;p&gt;First&lt;/p&gt;&lt;p&gt;Second&lt;/p&gt;</description></item></channel></rss>",
            "News\n\nOne\n\nFirst\n\nSecond",
        ),
        (
            "a.atom",
            '<feed xmlns="http://www.w3.org/2005/Atom"><title>News</title><entry>'
            '<title type="html">Salt &amp;amp; &lt;b&gt;Pepper&lt;/b&gt;</title><author><name>Ann</name></author>'
            '<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>It is <b>hot</b></p></div></content>'
            "</entry></feed>",
            "News\n\nSalt & Pepper\n\nAnn\n\nIt is hot",
        ),
        (
            "a.xml",
            "<a><p>We need<list><item>a bolt</item><item>a nut</item></list></p><p>and <b>time</b></p>"
            "<p>(<title>Rules</title>, H<i>2</i>O)</p></a>",
            "We need a bolt a nut\n\nand time\n\n(Rules, H2O)",
        ),
        (
            "a.xml",
            "<?xml version='1.0'?>\n<!-- a --><!ELEMENT a (b)>\n",
            "<?xml version='1.0'?>\n<!-- a --><!ELEMENT a (b)>",
        ),
        ("a.svg", "<svg xmlns='http://www.w3.org/2000/svg'><path d='M0 0'/><text>Label</text></svg>", "Label"),
        (
            "a.srt",
            "1\n00:00:01,000 --> 00:00:04,000\n<i>The budget</i>\nwas approved.\n\n"
            "2\n00:00:05,000 --> 00:00:08,000\nBy all.\n",
            "The budget was approved. By all.",
        ),
        (
            "a.srt",
            "1\n00:01,000 --> 00:02,000\nOne.\n\nTwo.\n\n2\n00:03,000 --> 00:04,000\n&#39;Three&#39;",
            "One. Two. 'Three'",
        ),
        (
            "a.ass",
            "[Script Info]\nTitle: x\n\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, "
            "Effect, Text\nDialogue: 0,0:00:05.00,0:00:06.00,Default,,0,0,0,,By everyone.\n"
            "Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,{\\i1}The budget\\Nwas approved.\n",
            "The budget was approved. By everyone.",
        ),
        ("a.vtt", "WEBVTT\n\nNOTE x\n\n00:01.000 --> 00:02.000 align:start\n<v Ann>Yes &amp; no.\n", "Ann: Yes & no."),
    ],
)
def test_data_is_read_as_text(filename: str, source: str, text: str) -> None:
    assert text_of(filename, source) == text


def test_the_headings_in_the_html_of_a_feed_are_below_the_title_of_their_item() -> None:
    item = "<item><title>{}</title><description>&lt;h1&gt;Part&lt;/h1&gt;&lt;p&gt;Text.&lt;/p&gt;</description></item>"
    feed = f"<rss><channel><title>News</title>{item.format('One')}{item.format('Two')}</channel></rss>"
    document = parse("xml", feed.encode())
    levels = [(document.text[each.start : each.end], each.level) for each in document.blocks if each.kind == "heading"]
    assert levels == [("News", 2), ("One", 3), ("Part", 4), ("Two", 3), ("Part", 4)]


def test_warnings_name_invalid_json_and_xml() -> None:
    assert warnings_of("a.json", '{"broken": ') == ["The file is not valid JSON; it was read as plain text."]
    lines = '{"x": 1}\nnot json\n{"x": 2}'
    assert text_of("a.jsonl", lines) == "x: 1\n\nnot json\n\nx: 2"
    assert warnings_of("a.jsonl", lines) == ["Lines that are not valid JSON were read as plain text: 2."]
    for source in ("<a><p>one</p><p>two</a>", "<p>one</p><p>two</p>", "<a><p>one</p><p>two"):
        assert text_of("a.xml", source) == "one\n\ntwo"
        assert warnings_of("a.xml", source) == ["The file is not valid XML; it was read as far as possible."]


def test_a_notebook_has_text_code_and_output() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Plan\n", "\n", "First."]},
        {
            "cell_type": "code", "source": "print(1)",
            "outputs": [
                {"output_type": "stream", "text": ["1\n"]},
                {"output_type": "display_data", "data": {"image/png": "iVBO", "text/plain": "<Figure>"}},
                {"output_type": "error", "ename": "E", "evalue": "bad", "traceback": ["\x1b[31mline 1\x1b[0m"]},
            ],
        },
    ]  # fmt: skip
    source = json.dumps({"cells": cells, "metadata": {"language_info": {"name": "python"}}})
    assert blocks_of("a.ipynb", source) == [
        ("heading", "# Plan", {"cell": 1}), ("text", "First.", {"cell": 1}), ("code", "print(1)", {"cell": 2}),
        ("code", "1", {"cell": 2}), ("code", "<Figure>", {"cell": 2}), ("text", "E: bad", {"cell": 2}),
        ("code", "line 1", {"cell": 2}),
    ]  # fmt: skip
    assert warnings_of("a.ipynb", source) == ["Images in cells were not read, of the cells 2."]


def test_a_notebook_of_any_version_and_with_faults_is_read() -> None:
    cells = (
        '{"cell_type": "heading", "level": 3, "source": "Old"}, {"cell_type": "code", "input": "a\tb", '
        '"language": "r", "prompt_number": NaN, "outputs": [{"output_type": "pyerr", "ename": "E", '
        '"evalue": "bad \\ud800", '
        '"traceback": ["line"]}, {"output_type": "display_data", "data": {"application/x-plot": {"x": 1}}}]}'
    )
    for source in (f'{{"worksheets": [{{"cells": [{cells}]}}]}}', f'{{"cells": [{cells}]}}'):
        assert text_of("a.ipynb", source) == "### Old\n\na\tb\n\nE: bad \ufffd\n\nline"
        assert warnings_of("a.ipynb", source) == ["Outputs of types that cannot be read here, of the cells 2."]
    cut = '{"cells": [{"cell_type": "markdown", "source": "Some words'
    assert "Some words" in text_of("a.ipynb", cut)
    assert warnings_of("a.ipynb", cut) == ["The file is not valid JSON; it was read as plain text."]


def test_source_code_stays_as_it_is() -> None:
    source = "#include <a.h>\n\nint main(void)\n{\n\treturn 0;\n}\n"
    assert [kind for kind, _, _ in blocks_of("a.c", source)] == ["code"]
    assert parse("code", source.encode()).text == source


def test_entities_of_xml_are_plain_text_or_named() -> None:
    source = (
        '<!DOCTYPE a [<!ENTITY b "ACME"><!ENTITY c SYSTEM "file:///etc/hostname"><!ENTITY d "&b;&b;">]>'
        "<a><p>x &b; y&nbsp;z &c;&d;.</p></a>"
    )
    assert text_of("a.xml", source) == "x ACME y z &c;ACMEACME."
    assert warnings_of("a.xml", source) == ["References to entities that were not read: c."]


def test_entities_of_xml_do_not_grow_without_end() -> None:
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 9))
    source = f'<!DOCTYPE a [<!ENTITY e0 "ha"><!ENTITY own "&own;">{levels}]><a><p>x &e1; &e8; &own;</p></a>'
    assert text_of("a.xml", source) == f"x {'ha' * 10} &e8; &own;"
    assert warnings_of("a.xml", source)[-1] == "References to entities that were not read: e8, own."
