"""The header's grammar: a file that does not follow it is refused with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from svc.database.by_name import bind
from svc.database.headers import Column, Parameter
from svc.database.statements import read_statement
from svc.errors import StartupError
from tests.sql.conftest import STATEMENTS, Write

GOOD = """\
-- documents/planted :many
-- A user's documents, for a test.
-- once: a second line of intent.
-- $1 user_id  uuid    the tenant
-- $2 statuses text[]  of these
-- $3 max_rows int
-- returns: id uuid, names text[],
--   progress real
-- index: documents_pkey
select
    d.id,
    d.names,
    d.progress
from documents as d;
"""


def test_all_parts_of_a_header_are_read(write: Write) -> None:
    statement = write(GOOD)

    assert statement.name == "documents/planted"
    assert statement.shape == "many"
    assert statement.intent == "A user's documents, for a test. once: a second line of intent."
    assert statement.parameters == (
        Parameter("user_id", "uuid", "the tenant"), Parameter("statuses", "text[]", "of these"),
        Parameter("max_rows", "int4"),
    )  # fmt: skip
    assert statement.columns == (Column("id", "uuid"), Column("names", "text[]"), Column("progress", "float4"))
    assert statement.index == "documents_pkey"
    assert statement.body.startswith("select\n")
    assert statement.text == GOOD, "the server also receives the header"


def test_an_optional_parameter_can_be_omitted_and_is_null_then(write: Write) -> None:
    statement = write(GOOD.replace("$2 statuses text[]  of these", "$2 statuses text[] optional  null: all"))

    assert [(one.name, one.can_be_null, one.is_optional) for one in statement.parameters][:2] == [
        ("user_id", False, False), ("statuses", True, True),
    ]  # fmt: skip
    given = {one.name: number for number, one in enumerate(statement.parameters)}
    assert bind(statement, given) == list(given.values())
    omitted = {name: number for name, number in given.items() if name != "statuses"}
    assert bind(statement, omitted) == [None if name == "statuses" else number for name, number in given.items()]
    with pytest.raises(TypeError):
        bind(statement, {name: number for name, number in given.items() if name != "user_id"})


def test_a_parameter_and_a_column_can_be_declared_null(write: Write) -> None:
    text = GOOD.replace("$2 statuses text[]  of these", "$2 statuses text[] null  null: all").replace(
        "uuid, names text[]", "uuid null, names text[] null"
    )
    statement = write(text)

    assert [(one.name, one.type, one.comment, one.can_be_null) for one in statement.parameters] == [
        ("user_id", "uuid", "the tenant", False), ("statuses", "text[]", "null: all", True),
        ("max_rows", "int4", "", False),
    ]  # fmt: skip
    assert [(one.name, one.can_be_null) for one in statement.columns] == [
        ("id", True), ("names", True), ("progress", False),
    ]  # fmt: skip
    commented = write(GOOD.replace("of these", "null here is a comment")).parameters[1]
    assert (commented.comment, commented.can_be_null) == ("null here is a comment", False)


@pytest.mark.parametrize(
    ("good", "bad", "line", "message"),
    [
        ("-- documents/planted :many\n", "", 1, "the first line must be"),
        (":many", ":rows", 1, ":rows is not one of :one, :many"),
        ("-- $2 statuses", "-- $3 statuses", 5, "parameter $3 is where $2 should be"),
        ("-- $2 statuses text[]", "-- $2 Statuses text[]", 5, "a parameter must be"),
        ("-- $3 max_rows int", "-- $3 max_rows", 6, "a parameter must be"),
        ("returns: id uuid", "returns: id", 7, "returns: must be: name type"),
        ("returns: id uuid,", "returns: as documents/none,", 7, "as documents/none: there is no such statement"),
        ("returns: id uuid,", "returns: as documents/planted,", 7, "does not list its columns itself"),
        ("names text[],", "as documents/get,", 7, "this is 'as documents/get'"),
        ("-- returns: id", "-- retuns: id", 7, "retuns: is not a key of a header; did you mean returns:?"),
        ("-- index: documents_pkey", "-- index: a\n-- index: b", 10, "index: occurs twice"),
        ("-- index: documents_pkey", "-- as it comes", 9, "neither a parameter nor"),
        ("from documents", "    -- all of them\nfrom documents", 14, "comments are allowed only in the header"),
        (
            "-- A user's documents, for a test.\n-- once: a second line of intent.\n",
            "", 2, "the second line must describe",
        ),
    ],
)  # fmt: skip
def test_a_header_that_breaks_the_grammar_is_refused_with_file_and_line(
    write: Write, tmp_path: Path, good: str, bad: str, line: int, message: str
) -> None:
    assert good in GOOD

    with pytest.raises(StartupError) as refused:
        write(GOOD.replace(good, bad))

    assert refused.value.detail.startswith(f"{tmp_path}/sql/documents/planted.sql:{line}: ")
    assert message in refused.value.detail


REFERRING = """\
-- documents/referring :many
-- A user's documents with one column more, for a test.
-- returns: as documents/planted, size int
-- index: documents_pkey
select 1;
"""


def test_columns_are_taken_from_the_statement_that_lists_them(write: Write) -> None:
    listed = write(GOOD)
    statement = write(REFERRING)

    assert statement.columns_as == "documents/planted"
    assert statement.columns == (*listed.columns, Column("size", "int4"))
    assert statement.text == REFERRING, "the server receives the file as it is"
    shown = "-- returns: as documents/planted, size int\n--   (id uuid, names text[], progress float4, size int4)\n"
    assert statement.expanded == REFERRING.replace("-- returns: as documents/planted, size int\n", shown)
    assert listed.expanded == listed.text


def test_columns_are_not_taken_through_a_second_reference(write: Write, tmp_path: Path) -> None:
    write(GOOD)
    write(REFERRING)

    with pytest.raises(StartupError) as refused:
        write(
            REFERRING.replace("documents/referring", "documents/third").replace(
                "as documents/planted", "as documents/referring"
            )
        )

    assert refused.value.detail.startswith(f"{tmp_path}/sql/documents/third.sql:3: ")
    assert "does not list its columns itself" in refused.value.detail


def test_every_statement_with_the_columns_of_another_refers_to_it() -> None:
    """Five or more columns are listed in only one header; an export lists the columns of its table."""
    seen: dict[tuple[Column, ...], str] = {}
    for statement in STATEMENTS.values():
        is_export = statement.name.startswith("export/")
        if len(statement.columns) >= 5 and not statement.columns_as and not is_export:
            assert statement.columns not in seen, f"{statement.name} lists the columns of {seen[statement.columns]}"
            seen[statement.columns] = statement.name


def test_the_name_of_a_file_matches_its_header(tmp_path: Path) -> None:
    path = tmp_path / "documents" / "other.sql"
    path.parent.mkdir()
    path.write_text(GOOD)

    with pytest.raises(StartupError, match=r"the header says documents/planted, the path says documents/other"):
        read_statement(path, tmp_path)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "documents" / "planted.sql"
    path.parent.mkdir()
    path.touch()

    with pytest.raises(StartupError, match=r"planted\.sql:1: the first line must be"):
        read_statement(path, tmp_path)
