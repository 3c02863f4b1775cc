"""Plan files: recording keeps the parts that people wrote, and errors name the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from svc.errors import StartupError
from svc.plans.files import read_plan_file, record_shapes

WRITTEN = """# Why this example: it is the one that people complained of.
[first_page]
arguments.user_id = "@tenant.user_id" # the largest
arguments.max_rows = 21
arguments.exact = true

[next_page]
arguments.user_id = "@tenant.user_id"
"""
PLAN = """Limit  (rows <= 21)
  Index Scan using documents_pkey on documents  (rows <= 21)
      Index Cond: ((user_id = $1) AND (title = 'it''s'::text))"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A plan file as a person wrote it."""
    path = tmp_path / "list.toml"
    path.write_text(WRITTEN)
    return path


def test_values_are_texts_as_the_server_reads_them(path: Path) -> None:
    file = read_plan_file(path)

    assert [case.name for case in file.cases] == ["first_page", "next_page"]
    assert file.case(None).arguments == {"user_id": "@tenant.user_id", "max_rows": "21", "exact": "true"}
    assert file.kinds == ("custom", "generic")


def test_recording_plans_keeps_what_people_wrote(path: Path) -> None:
    is_changed = record_shapes(path, {"first_page": {"custom": PLAN, "generic": PLAN}}, 18)

    assert is_changed
    assert path.read_text().startswith(WRITTEN.partition("\n\n[next")[0])
    assert f"custom = '''\n{PLAN}\n'''\n" in path.read_text()
    assert read_plan_file(path).case("first_page").shape("generic", 16) == f"{PLAN}\n"
    assert not record_shapes(path, {"first_page": {"custom": PLAN}}, 18), "recording again changes nothing"


def test_a_plan_within_the_bounds_does_not_change_the_file(path: Path) -> None:
    record_shapes(path, {"first_page": {"custom": PLAN}}, 18)

    assert not record_shapes(path, {"first_page": {"custom": PLAN.replace("21", "4")}}, 18)
    assert record_shapes(path, {"first_page": {"custom": PLAN.replace("21", "22")}}, 18)
    assert "rows <= 22" in path.read_text()


def test_the_plan_of_another_version_is_recorded_only_if_it_differs(path: Path) -> None:
    record_shapes(path, {"first_page": {"custom": PLAN}}, 18)
    other = PLAN.replace("Index Scan using documents_pkey", "Seq Scan")

    assert not record_shapes(path, {"first_page": {"custom": PLAN}}, 16)
    record_shapes(path, {"first_page": {"custom": other}}, 16)
    case = read_plan_file(path).case("first_page")
    assert (case.shape("custom", 16), case.shape("custom", 18)) == (f"{other}\n", f"{PLAN}\n")
    record_shapes(path, {"first_page": {"custom": PLAN}}, 16)
    assert "custom_16" not in path.read_text()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no case"),
        ("[first\n", "line 1"),
        ("first = 1\n", "the case first has no line arguments"),
        ("[first]\narguments = {}\nplan = ''\n", "plan of the case first is none of arguments, custom, generic"),
        ("[first]\narguments.roles = ['user']\n", "an array is a text as PostgreSQL writes it"),
    ],
)
def test_an_error_names_the_file_and_the_remedy(path: Path, text: str, said: str) -> None:
    path.write_text(text)

    with pytest.raises(StartupError) as refused:
        read_plan_file(path)

    assert str(path) in refused.value.detail
    assert said in refused.value.detail


def test_an_unknown_case_is_named_with_the_known_cases(path: Path) -> None:
    with pytest.raises(StartupError) as refused:
        read_plan_file(path).case("last_page")

    assert "no case last_page; it has first_page, next_page" in refused.value.detail
