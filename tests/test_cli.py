"""The commands: the imports of their help, their end after a signal, and the few that create a database."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from svc.cli.environment import DATABASE_OPTIONS, POOL_OPTIONS
from svc.cli.main import main
from svc.cli.sections import SettingOption
from tests.conftest import PATIENCE_S
from tests.server_process import CABINET, clean_environment

# asyncio itself may also lose the cancellation, so the test does not depend on it.
LOSES_ITS_CANCELLATION = """
import asyncio, contextlib, os, signal
from svc.cli.environment import run

async def work():
    os.kill(os.getpid(), signal.SIGTERM)
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(1)

run(work())
print("and went on")
"""


def test_a_signal_that_the_work_missed_still_sets_the_exit_code() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOSES_ITS_CANCELLATION], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert (done.returncode, done.stdout) == (130, ""), done.stderr


LOADED = """
import sys
from svc.cli.main import main
try:
    main(["--help"])
except SystemExit as stop:
    assert stop.code == 0
print(" ".join(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr)
"""


def test_the_help_imports_no_command() -> None:
    """Importing all commands takes most of a second."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, timeout=PATIENCE_S, check=True
    )

    assert "  serve " in done.stdout
    heavy = {"numpy", "asyncpg", "starlette", "uvicorn", "openai", "pydantic", "msgspec", "rich", "uvloop", "asyncio"}
    assert heavy & set(done.stderr.split()) == set()


def test_the_commands_over_http_load_no_settings_and_no_database() -> None:
    """Loading these took two thirds of the time of such a command."""
    modules = "svc.cli.main, svc.cli.chats, svc.cli.collections, svc.cli.documents, svc.cli.login, svc.cli.mcp"
    program = f"import sys, {modules}, svc.cli.search, svc.cli.upload; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE_S, check=True
    )
    loaded = set(done.stdout.split())
    assert "svc.cli.search" in loaded
    assert {"numpy", "asyncpg", "pydantic", "svc.settings", "svc.database", "svc.embedded"} & loaded == set()


def test_every_command_is_listed_with_a_sentence() -> None:
    listed = CliRunner().invoke(main, ["--help"]).output
    for name, command in main.commands.items():
        assert command.name == name
        assert re.search(rf"^  {name} +[A-Z]", listed, re.MULTILINE)
        assert main.sources[name].help.endswith(".")


NOBODY = "0198c0de-0000-7000-8000-000000000000"
MAKERS = {"serve", "demo"}
NEED_NO_DATABASE = {"roles", "sql list"}
CLIENTS = {
    "worker": [],
    "migrate apply": [],
    "migrate plan": [],
    "migrate rollback": ["--yes"],
    "migrate status": [],
    "rls on": [],
    "rls off": [],
    "rls status": [],
    "index plan": [],
    "index apply": [],
    "user create": ["ada@example.com"],
    "user show": [NOBODY],
    "user set-plan": [NOBODY, "free"],
    "plan list": [],
    "plan add": ["silver"],
    "plan set": ["free", "--documents", "5"],
    "usage show": [NOBODY],
    "usage users": [],
    "usage recount": [NOBODY],
    "user list": [],
    "key list": [NOBODY],
    "key create": [NOBODY],
    "key revoke": [NOBODY, NOBODY],
    "backup": ["--backup-dir", "backups"],
    "export": [NOBODY],
    "import": ["-"],
    "sql explain": ["users/get"],
    "sql report": [],
    "sql baseline": ["users/get"],
    "doctor": [],
}


def commands_with_a_data_folder(command: click.Command, *words: str) -> Iterator[str]:
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from commands_with_a_data_folder(inner, *words, name)
    elif any(parameter.name == "data_dir" for parameter in command.params):
        yield " ".join(words)


def test_every_command_with_a_data_folder_is_known() -> None:
    assert set(commands_with_a_data_folder(main)) == {*CLIENTS, *MAKERS, *NEED_NO_DATABASE}


@pytest.mark.parametrize("command", CLIENTS)
def test_a_command_in_another_folder_than_the_servers_makes_no_database(command: str, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    arguments = [*command.split(), *CLIENTS[command], "--data-dir", str(folder)]

    result = CliRunner().invoke(main, arguments, input="")

    assert result.exit_code in {2, 3}
    assert f"There is no database in the data folder {folder}" in result.output
    assert "--data-dir" in result.output
    assert "DATABASE_URL" in result.output
    assert not folder.exists()


def leaves(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that is not a group, with its words."""
    if isinstance(command, click.Group):
        for name, member in command.commands.items():
            yield from leaves(member, (*words, name))
    else:
        yield words, command


def test_the_options_of_the_database_are_in_the_last_section() -> None:
    with_section = 0
    for words, command in leaves(main):
        said = CliRunner().invoke(main, [*words, "--help"]).output
        own, _, last = said.partition("\nDatabase and log:\n")
        options = {parameter.name: parameter for parameter in command.params if isinstance(parameter, SettingOption)}
        shared = [option.opts[0] for name, option in options.items() if name in DATABASE_OPTIONS + POOL_OPTIONS]
        assert [name for name in shared if f"  {name} " not in last or f"  {name} " in own] == [], words
        assert "--help" in own, words
        with_section += bool(last)
    assert with_section > 20


def test_a_shell_completes_commands_and_options() -> None:
    def completed(*words: str) -> list[str]:
        variables = {"_CABINET_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(words)}
        done = subprocess.run(
            CABINET, env={**clean_environment(**variables), "COMP_CWORD": str(len(words) - 1)}, capture_output=True,
            text=True, check=True,
        )  # fmt: skip
        return [line.partition(",")[2] for line in done.stdout.splitlines()]

    assert completed("cabinet", "docu") == ["document"]
    assert completed("cabinet", "document", "sh") == ["show"]
    assert completed("cabinet", "search", "--exp") == ["--explain"]
