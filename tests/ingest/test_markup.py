"""HTML is read as a browser shows it: blocks are separate, nothing visible is lost, nothing hidden is read."""

from __future__ import annotations

import pytest

from svc.ingest.packing import split
from svc.ingest.parse import parse


def text_of(body: str) -> str:
    return parse("html", f"<!doctype html><html><body>{body}</body></html>".encode()).text


BLOCKS = """
    section article aside address blockquote center details div fieldset figcaption figure footer form header hgroup
    legend main p search summary
"""


@pytest.mark.parametrize(
    ("body", "text"),
    [
        # lists of terms
        ("<dl><dt>Term<dd>Definition<dt>T2<dd>D2</dl>", "Term\nDefinition\nT2\nD2"),
        ("<ol start=3><li>c<li>d<ol type=a><li>x</ol><li value=9>i</ol>", "3. c\n4. d\na. x\n9. i"),
        ("<ul><li>a<p>more</p><li>b</ul>", "- a\nmore\n- b"),
        # blocks of a browser's style sheet
        *((f"<{name}>one</{name}><{name}>two</{name}>", "one\n\ntwo") for name in BLOCKS.split()),
        ("<fieldset><legend>Address</legend><label>Street</label></fieldset>", "Address\n\nStreet"),
        ("<details><summary>More</summary>Inside.</details>", "More\n\nInside."),
        ("<table><caption>Prices</caption><tr><th>a<th>b<tr><td>1<td>2</table>", "Prices\n\na | b\n1 | 2"),
        ("one<br>two<hr>three", "one\ntwo\n\nthree"),
        # descriptions of images
        ("<p>See <img src=x alt='the map'> here</p>", "See the map here"),
        ("<a href=/><img alt=Home></a>", "Home"),
        ("<input type=image alt=Go><input type=text value=ten><input type=hidden value=no>", "Go ten"),
        # hidden elements
        (
            "a<p hidden>b</p><p style='color:red; display: none'>c</p><span style='visibility:hidden'>d</span>e",
            "ae",
        ),
        ("<ul hidden><li>x</ul><ol><li>y</ol>", "1. y"),
        ("<p>a<!-- b --><script>c</script><template>d</template>e</p>", "ae"),
        ("<p hidden=until-found>found</p>", "found"),
        ("<dialog>closed</dialog><dialog open>open</dialog>", "open"),
        # Inline elements do not separate words.
        ("<p>im<b>port</b>ant, <i>very</i>\n\n so</p>", "important, very so"),
        ("<svg><defs><text>no</text></defs><text>Label</text><title>Plan</title></svg>after", "Label, Plan after"),
        # Links appear once, if their words do not show the address.
        (
            "Fill in <a href='https://a.example/f?y=1'>the form </a>now, then <a href='https://a.example/f?y=1'>it</a>.",
            "Fill in the form now, then it. (https://a.example/f?y=1)",
        ),
        (
            "<a href=#x>a</a> <a href='javascript:x()'>b</a> <a href=/c>c</a> <a href=https://a.example/>a.example</a>",
            "a b c a.example",
        ),
        ("<h2><a href=https://a.example/p>Leave</a></h2>", "Leave\n\nhttps://a.example/p"),
        ("Read <a href=https://a.example>it</a> first. Then go.", "Read it first. (https://a.example) Then go."),
        ("<base href=https://a.example/d/><a href=f.pdf>Form</a>", "Form (https://a.example/d/f.pdf)"),
        (
            "<table><tr><th>a<th>b<tr><td><a href=https://a.example>one</a><td>2</table>",
            "a | b\none (https://a.example) | 2",
        ),
        # forms
        ("<textarea>my words</textarea><select><option>A<option>B</select><button>Send</button>", "my words A, B Send"),
        # The text for readers without scripts or films, unless it contains nothing else.
        ("<noscript><p>Plain</p></noscript><noscript>Enable JavaScript</noscript>", "Plain"),
        (
            "<object><p>A film of bees</p></object><template shadowrootmode=open>shown</template>",
            "A film of bees\n\nshown",
        ),
        ("<iframe srcdoc='&lt;p&gt;inner'></iframe>end", "inner\n\nend"),
        # Elements that would be joined to the preceding word.
        ("<ruby>漢<rt>kan</rt></ruby> 10<sup>6</sup> 1<sup>st</sup>", "漢(kan) 10^6 1st"),
        ("<math><mfrac><mi>a</mi><mrow><mi>b</mi><mo>+</mo><mn>1</mn></mrow></mfrac></math>", "a/(b+1)"),
        ("<abbr title='World Health Organization'>WHO</abbr>", "WHO (World Health Organization)"),
    ],
)
def test_html_is_read_as_it_is_shown(body: str, text: str) -> None:
    assert text_of(body) == text


@pytest.mark.parametrize(
    ("code", "language"),
    [
        ("<pre><code class='language-py'>def f():\n    return 1\n</code></pre>", "py"),
        (
            "<div class='highlight highlight-source-py'><pre><span>def</span> f():\n    <b>return</b> 1</pre></div>",
            "py",
        ),
        ("<pre>\ndef f():<br>    return 1</pre>", ""),
    ],
)
def test_code_keeps_its_lines_and_its_language(code: str, language: str) -> None:
    document = parse("html", f"<html><p>Run:</p>{code}<p>Done.</p>".encode())
    assert document.text == "Run:\n\ndef f():\n    return 1\n\nDone."
    assert [(block.kind, block.language) for block in document.blocks][1] == ("code", language)


def test_headings_have_levels_and_the_title_is_one_unless_it_repeats() -> None:
    page = (
        "<html><head><title>{}</title></head><h1>Leave</h1><h2>Annual</h2><p>Twenty five days of leave each year.</p>"
    )
    for title, path in (("Handbook", ["Handbook", "Leave", "Annual"]), ("Leave – ACME", ["Leave", "Annual"])):
        (chunk,) = split(parse("html", page.format(title).encode()), chunk_tokens=512, overlap_tokens=0, max_chunks=9)
        assert chunk.metadata["heading"] == path


def test_a_table_that_lays_out_a_page_is_read_cell_by_cell() -> None:
    page = "<table><tr><td><h1>Leave</h1><p>One.</p></td><td><ul><li>two</ul></td></tr></table>"
    assert text_of(page) == "Leave\n\nOne.\n\n- two"


def test_parts_to_which_a_page_only_refers_are_named() -> None:
    page = (
        "<p>a<img src=a><img src=b alt=''><img src=c width=1><video></video><iframe src=https://a.example></iframe>"
        f"<a href='https://a.example/{'x' * 600}'>b</a>"
    )
    document = parse("html", f"<html><body>{page}</body></html>".encode())
    assert document.text == "a\n\nb"
    assert document.warnings == [
        "1 image has no description and was not read.",
        "1 film, recording or other object in the page was not read.",
        "Other pages that are shown in this one were not read: https://a.example.",
        "1 address of a link was omitted: the limit is 500 characters.",
    ]


def test_an_embedded_image_is_left_out() -> None:
    page = f"<p>a<img alt=map src='data:image/png;base64,{'iVBORw0KGgoA' * 50_000}'>b</p>"
    assert text_of(page) == "a map b"


def test_cells_that_cover_others_keep_the_columns_in_their_places() -> None:
    table = (
        "<table><tr><th>City<th>Year<th>People<tr><td rowspan=2>Ulm<td>2019<td>126<tr><td>2020<td>127"
        "<tr><td colspan=2>all<td>253</table>"
    )
    assert text_of(table) == "City | Year | People\nUlm | 2019 | 126\nUlm | 2020 | 127\nall |  | 253"


def test_character_data_of_xhtml_is_text() -> None:
    page = (
        "<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><head><title/><script src='a.js'/>"
        "<style>/*<![CDATA[*/ b {} /*]]>*/</style></head><body><p>if <![CDATA[a < b & c]]> then</p>"
        "<script>//<![CDATA[\nlet d\n//]]></script></body></html>"
    )
    assert parse("html", page.encode()).text == "if a < b & c then"


@pytest.mark.parametrize("element", ["div", "font", "ul><li"])
def test_a_page_that_is_nested_too_deeply_is_read_without_its_structure(element: str) -> None:
    nested = f"<{element}>" * 3000 + "deep" + f"</{element.partition('>')[0]}>" * 3000
    document = parse("html", f"<h1>Title</h1><p>One.</p>{nested}<p>Three.</p>".encode())
    assert document.text == "Title\n\nOne.\n\ndeep\n\nThree."
    assert document.warnings == ["The page is nested too deeply; its text was read without its structure."]


def test_charsets_have_the_names_that_programs_write() -> None:
    for charset, codec in (("x-mac-roman", "mac_roman"), ("windows-949", "cp949"), ("cp-1251", "cp1251")):
        word = {"cp949": "한국어", "cp1251": "Привет"}.get(codec, "café")
        page = f"<meta charset={charset}><p>{word}</p>".encode(codec)
        assert parse("html", page).text == word
