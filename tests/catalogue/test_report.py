"""`cabinet sql report` writes one self-contained page, which the tests open in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from click.testing import CliRunner

from svc.catalogue.diagram import draw
from svc.catalogue.entries import make_entries
from svc.catalogue.report import Report, render
from svc.catalogue.schema import ForeignKey, Index, Table, TableColumn, read_schema
from svc.catalogue.statement_plans import StatementPlan
from svc.catalogue.timings import Timing
from svc.cli.main import main
from svc.database.queries import Database
from tests.browser import CHROMIUM, Browser
from tests.catalogue.recorded import all_statements, callers

PHONE, DESKTOP = (390, 844), (1280, 900)
HOSTILE = "<img src=x onerror=alert(1)>\"'&"


@pytest.fixture(scope="module")
def page(read_only_url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page that the command writes for a migrated database."""
    file = tmp_path_factory.mktemp("report") / "page.html"
    result = CliRunner().invoke(
        main, ["sql", "report", "--analyze", "--output", str(file)],
        env={"DATABASE_URL": read_only_url, "CABINET_PORT": "9"}, catch_exceptions=False,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    return file


@pytest.fixture(scope="module")
def browser(page: Path) -> Iterator[Browser]:
    """A browser that shows the page."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine: apt-get install chromium")
    with Browser() as browser:
        browser.size(*DESKTOP)
        browser.open(page.as_uri())
        yield browser


def test_the_page_is_self_contained(page: Path) -> None:
    text = page.read_text()

    assert not re.findall(r"""(?:src|href)=["'](?!#|data:,)[^"']*""", text)
    assert not re.findall(r"@import|\burl\((?!#)|\bfetch\(|XMLHttpRequest|<(?:script|link|img|iframe)[^>]+src=", text)
    assert "default-src 'none'" in text, "the browser itself is told to fetch nothing"


def test_the_page_contains_every_statement_and_table(page: Path) -> None:
    text = page.read_text()

    for name in all_statements():
        assert f'<details class="card" id="{name}"' in text
    for table in ("users", "documents", "chunk_vectors", "messages"):
        assert f'<details class="card" id="table:{table}"' in text
    assert "could not be explained" not in text
    assert "not in this database" not in text, "a header names an index that does not exist"


async def test_an_unknown_number_of_rows_is_not_shown_as_0(database: Database, database_url: str) -> None:
    async def rows() -> dict[str, float | None]:
        return {table.name: table.estimated_rows for table in await read_schema(database)}

    # As the owner of the tables, who may analyze them.
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("insert into users (email, plan) values ('a@example.org', 'free')")
        first = await rows()
        # A table that was empty when it was analyzed.
        await connection.execute("analyze documents")
        await connection.execute(
            "insert into documents (user_id, filename, file_type, file_size, content_hash) "
            "select id, 'a', 'text', 1, id from users"
        )
        second = await rows()
        await connection.execute("analyze")
        third = await rows()
    finally:
        await connection.close()

    assert (first["users"], first["documents"], first["plans"]) == (None, 0, None)
    assert second["documents"] is None
    assert (third["users"], third["documents"], third["plans"], third["messages"]) == (1, 1, 3, 0)


@pytest.mark.parametrize(
    ("estimate", "shown"), [(None, "not analyzed yet"), (0, "no rows"), (1234, "about 1,234 rows")]
)
def test_the_page_says_whether_rows_were_counted(estimate: float | None, shown: str) -> None:
    report = planted("words")

    page = render(replace(report, tables=[replace(table, estimated_rows=estimate) for table in report.tables]))

    assert f"{shown}, 3 B</span>" in page


def planted(words: str) -> Report:
    """A report with these words in every place for text."""
    statement = replace(
        all_statements()["documents/get"], intent=f"{words}. {words}", tenant=words, bound=words, needs=words,
        index=words, text=f"-- {words}\nselect '{words}' -- {words}",
    )  # fmt: skip
    entries = make_entries({"documents/get": statement}, callers(), {"documents/get": Timing(1, 1.0)})
    table = Table(
        words, 1.0, 1, 1, 1, 1, 1, 1,
        (TableColumn(words, words, True, True),), (Index(words, words, 1, 1, True, False),),
        (ForeignKey(words, (words,), "other", words),),
    )  # fmt: skip
    other = replace(table, name="other", foreign_keys=())
    entries = [replace(entries[0], run_by=(words,))]
    plans = {"documents/get": StatementPlan(None, words)}
    return Report(entries, [table, other], plans, words, words, words, datetime.now(UTC))


def test_everything_is_escaped() -> None:
    text = render(planted(HOSTILE))

    assert "<img" not in text
    assert text.count("&lt;img src=x onerror=alert(1)&gt;") > 20
    assert 'onerror=alert(1)>"' not in text


def tables(references: dict[str, list[str]]) -> list[Table]:
    """Tables with foreign keys to others."""
    return [
        Table(
            name, 0, 0, 0, 0, 0, 0, 0, (TableColumn("id", "uuid", True, True),), (),
            tuple(ForeignKey(f"{name}_{other}", ("id",), other, "") for other in others),
        )
        for name, others in references.items()
    ]  # fmt: skip


def test_referencing_tables_are_to_the_right_and_nothing_overlaps() -> None:
    diagram = draw(tables({"a": [], "b": ["a"], "c": ["a", "b"], "d": ["d", "a"], "alone": [], "x": ["y"], "y": ["x"]}))

    boxes = {box.table: box for box in diagram.boxes}
    assert boxes["a"].x < boxes["b"].x < boxes["c"].x
    assert boxes["alone"].x > boxes["c"].x
    assert {(edge.source, edge.target) for edge in diagram.edges} == {
        ("b", "a"), ("c", "a"), ("c", "b"), ("d", "a"), ("x", "y"), ("y", "x"),
    }  # fmt: skip
    for box in diagram.boxes:
        assert box.x + box.width <= diagram.width
        assert box.y + box.height <= diagram.height
        for other in diagram.boxes:
            assert box is other or box.x != other.x or box.y + box.height <= other.y or other.y + other.height <= box.y


def shown(browser: Browser) -> set[str]:
    """The visible statements."""
    names = "[...document.querySelectorAll('[data-kind=statement]')].filter(c => c.offsetParent).map(c => c.id)"
    return set(browser.run(names))


def search(browser: Browser, text: str) -> None:
    """Type into the search box with only the keyboard."""
    browser.press("Escape")
    browser.run("document.activeElement.blur()")
    browser.press("/")
    browser.type(text)


def test_the_search_box_filters(browser: Browser) -> None:
    assert shown(browser) == set(all_statements())

    search(browser, "documents_user_status_idx")
    written_for_it = {name for name, one in all_statements().items() if "documents_user_status_idx" in one.indexes}
    assert written_for_it <= shown(browser)
    assert not {"users/get", "messages/list"} & shown(browser)
    assert "statements" in browser.run("document.getElementById('found').textContent")

    search(browser, "DELETE /keys  api_keys")
    assert shown(browser) == {"keys/revoke"} | (
        shown(browser) & {"keys/authenticate", "keys/create", "keys/tenant", "keys/get_to_change"}
    )

    search(browser, "no such zebra at all")
    assert shown(browser) == set()

    browser.press("Escape")
    assert shown(browser) == set(all_statements())


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_nothing_overflows_the_page(browser: Browser, size: tuple[int, int], scheme: str) -> None:
    browser.size(*size, is_phone=size == PHONE)
    browser.colors(scheme)
    browser.run("document.getElementById('open').click()")
    try:
        assert browser.run("document.documentElement.scrollWidth") == size[0]
        assert browser.run("innerWidth") == size[0], "the browser shrank the page to make it fit"
    finally:
        browser.run("document.getElementById('close').click()")
        browser.size(*DESKTOP)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(browser: Browser, scheme: str) -> None:
    """At least 4.5 to 1, as the accessibility guidelines require (WCAG 2.1, 1.4.3)."""
    browser.colors(scheme)
    contrast = """(() => {
      const channel = c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
      const light = rgb => { const [r, g, b] = rgb.match(/[\\d.]+/g).map(Number);
        return 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b); };
      const ground = e => { while (e && getComputedStyle(e).backgroundColor === 'rgba(0, 0, 0, 0)') e = e.parentElement;
        return e ? getComputedStyle(e).backgroundColor : 'rgb(255, 255, 255)'; };
      const worst = {};
      for (const e of document.querySelectorAll('main *, header *, .search *')) {
        if (!e.textContent.trim() || e.closest('svg')) continue;
        const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((x, y) => y - x);
        const ratio = (a + 0.05) / (b + 0.05);
        if (ratio < 4.5) worst[e.className || e.tagName] = ratio;
      }
      return worst;
    })()"""
    assert browser.run(contrast) == {}


def test_a_link_opens_its_target(browser: Browser) -> None:
    browser.run("location.hash = 'documents/delete'")
    assert browser.run("new Promise(r => setTimeout(() => r(document.getElementById('documents/delete').open), 50))")

    browser.run('document.querySelector(\'[id="documents/delete"] a[href^="#index:"]\').click()')
    browser.run("new Promise(r => setTimeout(r, 50))")
    assert browser.run("document.getElementById('table:documents').open")
    browser.run("document.getElementById('close').click()")


def test_a_statement_is_opened_from_the_keyboard(browser: Browser) -> None:
    browser.run("document.querySelector('#list summary').focus()")
    browser.press("Enter")
    assert browser.run("document.querySelector('#list details').open")
    browser.press("Tab")
    assert browser.run("document.activeElement.closest('details') === document.querySelector('#list details')")
    browser.run("document.getElementById('close').click()")


def test_the_browser_reports_no_error(browser: Browser) -> None:
    browser.run("document.querySelector('[data-sort=time]').click()")
    browser.run("document.querySelector('[data-sort=name]').click()")
    assert browser.run("document.querySelector('#list details').id") == min(all_statements())
    assert browser.errors == []
