"""Unusual parts of a PDF are read or named: nested fields, fonts without Unicode, damaged pages."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import pytest

from svc.errors import DocumentRejectedError
from svc.ingest.document import ReadDocument
from svc.ingest.file_types import detect_file_type
from svc.ingest.parse import parse

HELVETICA = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"


def pdf(objects: Sequence[str]) -> bytes:
    """A PDF with these objects, the first of which is its catalog, and a cross-reference table."""
    written, places = b"%PDF-1.7\n", []
    for number, each in enumerate(objects, 1):
        places.append(len(written))
        written += b"%d 0 obj\n%s\nendobj\n" % (number, each.encode("latin-1"))
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    count = len(objects) + 1
    end = b"trailer<</Root 1 0 R/Size %d>>\nstartxref\n%d\n%%%%EOF" % (count, len(written))
    return written + b"xref\n0 %d\n0000000000 65535 f \n" % count + table + end


def stream(content: str, members: str = "") -> str:
    return f"<<{members}/Length {len(content)}>>stream\n{content}\nendstream"


def page(content: str, *objects: str, more: str = "", fonts: str = "", catalog: str = "") -> bytes:
    """A PDF of one page; `objects` are numbered from 6."""
    return pdf([
        f"<</Type/Catalog/Pages 2 0 R{catalog}>>", "<</Type/Pages/Count 1/Kids[3 0 R]>>",
        f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Resources<</Font<</F 5 0 R{fonts}>>>>/Contents 4 0 R{more}>>",
        stream(content), HELVETICA, *objects,
    ])  # fmt: skip


def words(text: str, y: int = 700, font: str = "F") -> str:
    return f"BT /{font} 12 Tf 72 {y} Td {text} Tj ET\n"


def read(data: bytes) -> ReadDocument:
    return parse("pdf", data)


def test_values_of_fields_above_others_choices_and_notes_with_formats() -> None:
    box = "/Subtype/Widget/Rect[0 0 9 9]"
    state = "/AP<</N<</{0} 11 0 R/Off 11 0 R>>>>"
    data = page(
        words("(Form)"),
        f"<<{box}/Parent 7 0 R>>", "<</FT/Tx/T(city)/V(Ulm)/Kids[6 0 R]>>",
        f"<<{box}/Parent 10 0 R/AS/Off{state.format('one')}>>", f"<<{box}/Parent 10 0 R/AS/two{state.format('two')}>>",
        "<</FT/Btn/Ff 49152/T(size)/V/two/Kids[8 0 R 9 0 R]>>", stream("", "/Type/XObject/Subtype/Form/BBox[0 0 9 9]"),
        f"<<{box}/FT/Ch/T(days)/Opt[(Mon)(Tue)(Wed)]/V[(Mon)(Wed)]>>",
        "<</Subtype/Highlight/Rect[0 0 9 9]/RC(<body><p>Check &amp; sign</p></body>)>>",
        more="/Annots[6 0 R 8 0 R 9 0 R 12 0 R 13 0 R]", catalog="/AcroForm<</Fields[7 0 R 10 0 R 12 0 R]>>",
    )  # fmt: skip
    assert read(data).text == "Form\n\ncity: Ulm\n\nsize: two\n\ndays: Mon, Wed\n\nComment: Check & sign"


def test_a_font_without_unicode_beside_others_is_named() -> None:
    font = "<</Type/Font/Subtype/Type0/BaseFont/X/Encoding/Identity-H/DescendantFonts[7 0 R]>>"
    inner = (
        "<</Type/Font/Subtype/CIDFontType2/BaseFont/X/DW 1000"
        "/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>>>"
    )
    data = page(words("(Words)") + words("<000300040005>", 600, "G"), font, inner, fonts="/G 6 0 R")
    document = read(data)
    assert document.text == "Words"
    assert document.warnings == ["Page 1 has fonts without Unicode, so that some of its text may be wrong or missing."]


def test_pages_with_nothing_on_them_are_named() -> None:
    box = "/Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Resources<</Font<</F 5 0 R>>>>"
    damaged = stream("no deflated data", "/Filter/FlateDecode")
    for contents, warnings in (
        ("4 0 R", ["Page 1 is empty, or its contents are damaged."]),
        ("99 0 R", ["Page 1 is empty, or its contents are damaged."]),
        ("7 0 R", []),
    ):
        data = pdf([
            "<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Count 2/Kids[3 0 R 6 0 R]>>",
            f"<<{box}/Contents {contents}>>", damaged, HELVETICA, f"<<{box}/Contents 7 0 R>>", stream(words("(Words)")),
        ])  # fmt: skip
        assert read(data).warnings == warnings


def test_text_off_the_page_is_named() -> None:
    document = read(page(words("(Words)") + words("(Away)", -100)))
    assert document.text == "Words"
    assert document.warnings == ["Page 1 has invisible text, which was not read."]


def test_a_document_whose_end_is_cut_off_is_read() -> None:
    whole = page(words("(Words)"))
    for length in (whole.index(b"xref\n"), whole.index(b"trailer"), whole.index(b"startxref")):
        assert read(whole[:length]).text == "Words"


def test_fonts_for_chinese_that_are_not_in_the_file_are_read_or_named() -> None:
    def drawn(encoding: str, codec: str) -> bytes:
        font = f"<</Type/Font/Subtype/Type0/BaseFont/STSong/Encoding/{encoding}/DescendantFonts[7 0 R]>>"
        inner = (
            "<</Type/Font/Subtype/CIDFontType0/BaseFont/STSong/CIDSystemInfo<</Registry(Adobe)/Ordering(GB1)"
            "/Supplement 4>>/FontDescriptor 8 0 R>>"
        )
        descriptor = "<</Type/FontDescriptor/FontName/STSong/Flags 4/FontBBox[0 0 1000 1000]/Ascent 800>>"
        text = words(f"<{'会议记录'.encode(codec).hex()}>", font="G")
        layer = "<</Type/OCG/Name(Shown)>>"  # without its font, the text is not drawn, though its layer is on
        text = f"/OC /A BDC {text} EMC {words('(Minutes)', y=600)}"
        return page(
            text, font, inner, descriptor, layer, fonts="/G 6 0 R>>/Properties<</A 9 0 R",
            catalog="/OCProperties<</OCGs[9 0 R]/D<<>>>>",
        )  # fmt: skip

    for encoding, codec in (("UniGB-UCS2-H", "utf-16-be"), ("GBK-EUC-H", "gbk")):
        assert read(drawn(encoding, codec)).text == "会议记录\nMinutes"
    vertical = read(drawn("UniGB-UCS2-V", "utf-16-be"))
    assert vertical.text == "Minutes"
    assert vertical.warnings == ["Page 1 has vertical text whose font is not in the file, which was not read."]


def test_a_document_without_its_header_is_read_and_one_without_pages_says_so() -> None:
    data = page(words("(Still here)")).removeprefix(b"%PDF-1.7\n")
    assert detect_file_type("a.pdf", data) == "pdf"
    assert read(data).text == "Still here"
    with pytest.raises(DocumentRejectedError, match="it has no page"):
        read(pdf(["<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Count 0/Kids[]>>"]))


@pytest.mark.parametrize("is_packed", [False, True])
def test_text_in_layers_that_are_switched_off_is_named(*, is_packed: bool) -> None:
    content = (
        words("(Plain words.)")
        + f"/OC /A BDC {words('(A layer that is on.)', 650)} EMC /OC /B BDC {words('(A layer that is off.)', 600)} EMC "
        f"/OC /M BDC {words('(A member that is off.)', 550)} EMC /X Do /Y Do"
    )
    form = "/Type/XObject/Subtype/Form/BBox[0 0 612 792]/Resources<</Font<</F 5 0 R>>>>"
    layers = "/OCProperties<</OCGs[6 0 R 7 0 R]/D<</OFF[7 0 R]>>>>"
    objects = [
        f"<</Type/Catalog/Pages 2 0 R{layers}>>", "<</Type/Pages/Count 1/Kids[3 0 R]>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>"
        "/Properties<</A 6 0 R/B 7 0 R/M 8 0 R>>/XObject<</X 9 0 R/Y 10 0 R>>>>>>",
        stream(content), HELVETICA, "<</Type/OCG/Name(Final)>>", "<</Type/OCG/Name(Draft)>>",
        "<</Type/OCMD/OCGs[7 0 R]/P/AnyOn>>",
        stream(words("(A form that is off.)", 500), f"{form}/OC 7 0 R"),
        stream(f"0 0 10 10 re f {words('(A form that is on.)', 450)}", f"{form}/OC 6 0 R"),
    ]  # fmt: skip
    data = pdf(objects)
    if is_packed:  # the list of layers is then compressed too
        packed = zlib.compress(f"<<{layers}>>".encode()).decode("latin-1")
        objects[0] = "<</Type/Catalog/Pages 2 0 R/#4fCProperties 11 0 R>>"
        objects += [
            "<</OCGs[6 0 R 7 0 R]/D<</OFF[7 0 R]>>>>",
            f"<</Type/ObjStm/N 0/First 0/Filter/FlateDecode/Length {len(packed)}>>stream\n{packed}\nendstream",
        ]
        data = pdf(objects)
    document = read(data)
    assert document.text.split("\n") == ["Plain words.", "A layer that is on.", "A form that is on."]
    assert document.warnings == ["Page 1 has layers that are switched off, whose text was not read."]
