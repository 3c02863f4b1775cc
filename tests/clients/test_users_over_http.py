"""`cabinet user list`, `user show` and `key list` over HTTP, and their choice between a service and a database."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cabinet_client import Cabinet
from svc.cli.main import main
from svc.cli.service_or_database import name_of
from svc.settings import Settings, load_settings
from tests.clients.losing_proxy import losing_proxy
from tests.server_process import CABINET, ServerProcess
from tests.test_plan_commands import cells, in_main_thread

__all__ = ["in_main_thread"]

Run = Callable[..., Result]
NOBODY = "0198c0de-0000-7000-8000-000000000000"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command line in an empty folder, without a profile and without settings."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    for name in ("CABINET_URL", "CABINET_KEY", "CABINET_DATA_DIR", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)

    def invoke(*words: object, expect: int = 0) -> Result:
        result = CliRunner().invoke(main, [str(word) for word in words])
        assert result.exit_code == expect, result.output
        return result

    return invoke


def test_the_admin_lists_all_users_and_names_one_in_each_way(run: Run, server: ServerProcess, admin: Cabinet) -> None:
    reached = ("--url", server.url, "--key", server.admin_key)
    ada = admin.users.create("ada@remote.example", external_id="customer 42", name="[b]Ada\x1b[31m").user
    eve = admin.users.create("eve@remote.example", external_id="eve@elsewhere.example").user
    admin.for_user(ada.id).keys.create("laptop")

    listed = run("user", "list", *reached)
    newest = json.loads(run("user", "list", "--json", "--limit", 1, *reached).stdout)
    for name in (ada.id, "ADA@remote.example", "customer 42", "external:customer 42"):
        shown = run("user", "show", name, *reached).stdout
        assert f"user  {ada.id}" in shown
        assert "external id customer 42" in shown
        assert cells(shown)[0] == ["limit", "used", "allowed"]
        assert [row[1] for row in cells(run("key", "list", name, *reached).stdout)[1:]] == ["laptop", "first key"]
    assert f"user  {eve.id}" in run("user", "show", "eve@elsewhere.example", *reached).stdout
    as_json = json.loads(run("user", "show", ada.id, "--json", *reached).stdout)
    keys = [json.loads(line) for line in run("key", "list", ada.id, "--json", *reached).stdout.splitlines()]
    assert (as_json["user"]["id"], as_json["quotas"][0]["used"]) == (str(ada.id), 0)
    assert [key["name"] for key in keys] == ["laptop", "first key"]
    unnamed = run("key", "list", *reached, expect=1).output

    rows = cells(listed.stdout)
    assert rows[0] == ["user", "external id", "email", "name", "plan", "created"]
    assert [row[2:4] for row in rows[1:3]] == [["eve@remote.example", ""], ["ada@remote.example", "[b]Ada\\x1b[31m"]]
    assert listed.stderr == f"Read from the service {server.url}.\n"
    assert (newest["id"], newest["email"]) == (str(eve.id), "eve@remote.example")
    assert "With the admin key, name the user" in unnamed


@pytest.mark.parametrize("words", ["user show", "key list"])
@pytest.mark.parametrize("name", ["nobody", "nobody@example.org", NOBODY, "external:", "..", "a/b"])
def test_an_unknown_user_is_named(run: Run, server: ServerProcess, words: str, name: str) -> None:
    said = run(*words.split(), name, "--url", server.url, "--key", server.admin_key, expect=1)

    assert f"there is no user {name}" in said.output


def test_the_key_of_a_user_shows_that_user_alone(run: Run, server: ServerProcess, admin: Cabinet) -> None:
    admin.users.create("other@remote.example")
    mine = admin.users.create("mine@remote.example", external_id="mine")
    reached = ("--url", server.url, "--key", mine.api_key)

    listed = run("user", "list", *reached)
    for words in ([], [mine.user.id], ["MINE@remote.example"], ["mine"], ["external:mine"]):
        assert f"user  {mine.user.id}" in run("user", "show", *words, *reached).stdout
        assert [row[1] for row in cells(run("key", "list", *words, *reached).stdout)[1:]] == ["first key"]
    for command in ("user show", "key list"):
        for other in ("other@remote.example", NOBODY, "nobody"):
            refused = run(*command.split(), other, *reached, expect=1).output
            assert "The key belongs to mine@remote.example, and cannot show other users." in refused

    assert [row[2] for row in cells(listed.stdout)[1:]] == ["mine@remote.example"]
    assert "The key belongs to a user, and can show only that user." in listed.stderr


def test_the_error_for_a_key_of_one_collection_gives_the_reason(
    run: Run, server: ServerProcess, admin: Cabinet
) -> None:
    user = admin.users.create("limited@remote.example").user
    acting = admin.for_user(user.id)
    key = acting.keys.create(collection_id=acting.collections.create(name="Moons").id).api_key
    reached = ("--url", server.url, "--key", key)

    assert [row[0] for row in cells(run("user", "list", *reached).stdout)[1:]] == [str(user.id)]
    assert "limited to one collection" in run("key", "list", *reached, expect=1).output


def test_a_service_is_read_when_it_is_named_or_no_database_is(
    run: Run, server: ServerProcess, admin: Cabinet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mine = admin.users.create("profile@remote.example")
    nothing = run("user", "list", expect=2).output
    without_user = run("key", "list", expect=2).output
    both = run("user", "list", "--key", mine.api_key, "--data-dir", "here", expect=2).output
    run("login", "--url", server.url, "--key", server.admin_key, "--user", "profile@remote.example")
    assert "Read from the service" in run("user", "list").stderr
    assert len(cells(run("key", "list").stdout)) == 2
    assert "The saved API key is one of" in run("user", "list", "--url", "http://127.0.0.1:9", expect=2).output
    other = run("key", "list", "--key", mine.api_key)
    assert f"Read from the service {server.url}.\n" in other.stderr
    run("logout")
    monkeypatch.setenv("CABINET_URL", server.url)
    monkeypatch.setenv("CABINET_KEY", mine.api_key)

    assert "Read from the service" in run("user", "show").stderr
    for flags in (["--data-dir", str(tmp_path / "data")], ["--log-level", "warning"]):
        assert "There is no database in the data folder" in run("user", "list", *flags, expect=2).output
    monkeypatch.setenv("CABINET_DATA_DIR", str(tmp_path / "data"))
    assert f"no database in the data folder {tmp_path / 'data'}" in run("user", "list", expect=2).output
    assert "Read from the service" in run("user", "list", "--key", mine.api_key).stderr
    assert "USER is required" in run("key", "list", expect=2).output

    assert "no service is named. Run cabinet login, or give --url and --key" in nothing
    assert "USER is required" in without_user
    assert "--key names a service over HTTP, and --data-dir a database; give only one." in both


def test_a_database_that_is_named_or_is_there_comes_before_the_profile(
    run: Run, server: ServerProcess, admin: Cabinet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mine = admin.users.create("both@remote.example")
    run("login", "--url", server.url, "--key", mine.api_key)
    monkeypatch.setenv("CABINET_KEY", mine.api_key)
    assert len(cells(run("user", "list").stdout)) == 2
    (tmp_path / Settings.model_fields["data_dir"].default).symlink_to(server.folder / "data")
    command = [*CABINET, "user", "list", "--limit", "3"]
    there = subprocess.run(command, capture_output=True, text=True, check=True)
    named = subprocess.run([*command, "--data-dir", server.folder / "data"], capture_output=True, text=True, check=True)
    own = run("user", "list", "--url", server.url)

    assert len(cells(there.stdout)) == len(cells(named.stdout)) == 4
    read = f"Read from the database in the data folder {(server.folder / 'data').resolve()}.\n"
    assert read in there.stderr
    assert read in named.stderr
    assert len(cells(own.stdout)) == 2
    assert f"Read from the service {server.url}.\n" in own.stderr


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://me:hunter2@db.example:5433/cabinet?sslmode=require", "the database cabinet of db.example:5433"),
        ("postgresql:///cabinet", "the database cabinet of this machine"),
    ],
)
def test_a_database_is_named_without_its_password(url: str, said: str) -> None:
    assert name_of(load_settings(database_url=url)) == said


def test_the_error_names_a_service_that_is_away_or_refuses_the_key(run: Run, server: ServerProcess) -> None:
    with losing_proxy(server.url) as proxy:
        gone = proxy.url

    assert "ConnectError" in run("user", "list", "--url", gone, "--key", "cab_any", expect=1).output
    assert "unknown" in run("user", "list", "--url", server.url, "--key", "cab_wrong", expect=1).output
