"""The documentation is correct: its links and names resolve, its tables are current, and its commands are run.

A block marked `sh` is run by a shell, all blocks of a page in one, with a real service; the `json` or `text` block
directly after it contains its output. Ids, keys, timestamps and measured numbers may differ, but nothing else; a
`sample` block may differ completely. Blocks of any other kind are only read.

To rewrite the answers and the generated tables, or only the tables, which takes a second:

    python -m tests.test_docs
    python -m tests.test_docs --tables
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import click
import pytest

from bench.server_programs import server_programs
from svc.app import all_endpoints
from svc.catalogue.callers import EVERY_ROUTE
from svc.cli.main import main as cabinet
from svc.database.session_settings import session_settings
from svc.search.lanes import Lane
from svc.settings import Settings, environment_name
from tests.catalogue.recorded import all_statements, callers
from tests.routes.endpoints import name_of
from tests.server_process import CABINET, ServerProcess

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("sql/*.md")])
SETTINGS_PAGE = ROOT / "docs/configuration.md"
STATEMENTS_PAGE = ROOT / "sql/README.md"
SERVED_AT = "http://127.0.0.1:8080"

_BLOCK = re.compile(r"^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_COMMAND = re.compile(r"\b(?P<tool>make|cabinet) (?P<words>[a-z][a-z-]*(?: [a-z][a-z-]*)?)")
_SETTINGS_TABLE = re.compile(r"(?<=<!-- settings -->\n).*?(?=<!-- end of settings -->)", re.DOTALL)
_CALLERS_TABLE = re.compile(r"(?<=<!-- callers -->\n).*?(?=<!-- end of callers -->)", re.DOTALL)
_MARK = "--- end of block, exit code"
_WIDTH = 112

# The parts that differ from run to run, and their replacement in a comparison.
_VOLATILE = [
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "<id>"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( ?UTC|Z)"), "<moment>"),
    (re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT"), "<moment>"),
    (re.compile(r"cab_[\w-]+"), "<key>"),
    # Before the ids, since sixteen digits after a decimal point are also a number.
    (re.compile(r"\d+\.\d+(e-?\d+)?"), "<number>"),
    (re.compile(r"\b[0-9a-f]{16}\b"), "<request id>"),
    (re.compile(r"\b\d+ applied"), "<number> applied"),
    # The number depends on the machine's processors and the defaults.
    (re.compile(r"\b\d+ loops run"), "<number> loops run"),
    (re.compile(r"127\.0\.0\.1:\d+|localhost:\d+"), "<address>"),
]


@dataclass(frozen=True)
class Block:
    """A command of a page, and the range of the page that shows its output (empty: none)."""

    command: str
    shown: str
    kind: str
    start: int
    end: int


def blocks_of(text: str) -> list[Block]:
    """The executed commands of a page, in order."""
    found = list(_BLOCK.finditer(text))
    blocks = []
    for block, following in zip(found, [*found, None][1:], strict=True):
        if block["kind"] != "sh":
            continue
        is_shown = following is not None and not text[block.end() : following.start()].strip()
        if is_shown and following is not None and following["kind"] in ("json", "text", "sample"):
            blocks.append(Block(block["text"], following["text"], following["kind"], *following.span("text")))
        else:
            blocks.append(Block(block["text"], "", "", 0, 0))
    return blocks


def run_blocks(blocks: list[Block], server: ServerProcess, folder: Path) -> list[str]:
    """The output of each block, all of which run in one shell, without users of other pages."""
    forget_users(server)
    script = "set -u\n" + "".join(f"{block.command}\nprintf '\\n{_MARK} %s\\n' $?\n" for block in blocks)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CABINET")}
    environment["PATH"] = os.pathsep.join([str(server_programs("18")), *path_of_a_reader()])
    environment.pop("VIRTUAL_ENV", None)
    environment["CABINET_LOG_LEVEL"] = "warning"
    done = subprocess.run(
        ["bash", "-c", script.replace(SERVED_AT, server.url)],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    outputs = re.split(rf"\n{_MARK} (\d+)\n", done.stdout)
    assert len(outputs) == 2 * len(blocks) + 1, f"the shell stopped: {done.stdout[-500:]} {done.stderr[-500:]}"
    for block, code in zip(blocks, outputs[1::2], strict=True):
        assert code == "0", f"exit code {code} of:\n{block.command}\n{done.stderr[-500:]}"
    return outputs[0:-1:2]


def path_of_a_reader() -> list[str]:
    """The PATH without the environment of `make install`, which a reader's shell does not have either."""
    own = Path(CABINET[0]).parent
    return [folder for folder in os.environ["PATH"].split(os.pathsep) if Path(folder).resolve() != own.resolve()]


def forget_users(server: ServerProcess) -> None:
    """Delete all users with all of their data."""
    with server.client(server.admin_key) as admin:
        for user in admin.get("/users", params={"limit": 100}).json()["data"]:
            admin.delete(f"/users/{user['id']}").raise_for_status()


def comparable(text: str, kind: str) -> str:
    """`text` without the parts that differ from run to run."""
    if kind == "json":
        text = pretty(json.loads(text))
    text = "\n".join(line.rstrip() for line in text.strip().splitlines())
    for pattern, stand_in in _VOLATILE:
        text = pattern.sub(stand_in, text)
    return text


def pretty(value: Any, indent: int = 0) -> str:
    """JSON for people: values that fit on a line stay on one."""
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, (dict, list)) or len(line) + indent <= _WIDTH:
        return line
    space = " " * (indent + 2)
    if isinstance(value, dict):
        items = [f"{json.dumps(key)}: {pretty(item, indent + 2)}" for key, item in value.items()]
    else:
        items = [pretty(item, indent + 2) for item in value]
    opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
    return f"{opening}\n{space}" + f",\n{space}".join(items) + f"\n{' ' * indent}{closing}"


@contextmanager
def served() -> Iterator[tuple[ServerProcess, Path]]:
    """A service, and a folder that looks like the checkout from which a reader started it."""
    # With the default plan of new users.
    with ServerProcess({"CABINET_DEFAULT_PLAN": "free"}) as server, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / ".cabinet").symlink_to(server.folder / "data")
        (folder / ".venv").symlink_to(Path(CABINET[0]).parents[1])
        for shown in ("README.md", "docs", "sql", "svc", "tests"):
            (folder / shown).symlink_to(ROOT / shown)
        yield server, folder


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_resolve(page: Path) -> None:
    for link in _LINK.finditer(_BLOCK.sub("", page.read_text())):
        target, _, anchor = link["target"].partition("#")
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), f"{page.name} links to {target}, which is not there"
        assert not anchor or anchor in anchors_of(file), f"{page.name} links to {target}#{anchor}, no such heading"


def anchors_of(page: Path) -> set[str]:
    """The anchors of a page: its headings, in the spelling of Markdown hosts."""
    headings = re.findall(r"^#+ (.+)$", _BLOCK.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_exist(page: Path) -> None:
    for line in code_of(page.read_text()):
        for command in _COMMAND.finditer(line):
            words = command["words"].split()
            if command["tool"] == "make":
                assert words[0] in make_targets(), f"{page.name}: make {words[0]}"
            else:
                assert_command(page, words)


def code_of(text: str) -> Iterator[str]:
    """The lines of code in a page, without the output of commands, and the code in its sentences."""
    sentences = _BLOCK.sub("", text)
    for code in [
        *(block["text"] for block in _BLOCK.finditer(text) if block["kind"] not in ("json", "sample", "text")),
        *re.findall(r"^    .+$", sentences, re.MULTILINE),
    ]:
        yield from (line.partition("#")[0] for line in code.splitlines())
    yield from re.findall(r"`([^`\n]+)`", sentences)


def make_targets() -> set[str]:
    """The targets of the Makefile."""
    return set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def assert_command(page: Path, words: list[str]) -> None:
    """Whether `cabinet` with these words is a command, or a command with an argument."""
    command: click.Command | None = cabinet
    for word in words:
        if not isinstance(command, click.Group):
            return
        command = command.commands.get(word)
        assert command is not None, f"{page.name}: cabinet {' '.join(words)}"


def test_every_route_is_documented() -> None:
    headings = set(re.findall(r"^### `(\w+ /\S*)`$", (ROOT / "docs/api.md").read_text(), re.MULTILINE))
    assert headings == {f"{endpoint.method} {endpoint.path}" for endpoint in all_endpoints()}


def test_lanes_and_settings_of_connections_are_documented() -> None:
    page = (ROOT / "docs/for-performance-engineers.md").read_text()
    for lane in get_args(Lane):
        assert f"| `{lane}`, [`sql/search/{lane}.sql`]" in page
    everywhere = {"application_name", "timezone", "idle_in_transaction_session_timeout"}
    for name, value in session_settings(Settings()).items():
        if name not in everywhere:
            row = re.search(rf"^\| [^|]*`{re.escape(name)}`.*$", page, re.MULTILINE)
            assert row is not None, f"{name} is not documented"
            assert value in row[0] or name == "statement_timeout", f"{name} is {value}"


def test_table_of_settings_is_current() -> None:
    shown = _SETTINGS_TABLE.search(SETTINGS_PAGE.read_text())
    assert shown is not None
    assert shown[0] == settings_table(), "run: python -m tests.test_docs"


def settings_table() -> str:
    """All settings in the order of `svc/settings/`, and the commands that have a flag for each."""
    rows = ["| variable | default | meaning | flag of |", "|---|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else f"`{field.default}`"
        takers = ", ".join(f"`{taker}`" for taker in takers_of(name, cabinet))
        rows.append(f"| `{environment_name(name)}` | {default} | {field.description} | {takers} |")
    return "\n".join(rows) + "\n"


def test_table_of_callers_is_current() -> None:
    shown = _CALLERS_TABLE.search(STATEMENTS_PAGE.read_text())
    assert shown is not None
    assert shown[0] == callers_table(), "run: python -m tests.test_docs --tables"


def callers_table() -> str:
    """The statements of each route, command and background loop; common statements are listed once, at the top."""
    of_callers: dict[str, list[str]] = {name_of(endpoint): [] for endpoint in all_endpoints()}
    for statement in sorted(all_statements()):
        for caller in callers().named(statement):
            of_callers.setdefault(caller, []).append(statement)
    routes = list(of_callers)[: len(all_endpoints())]
    others = sorted(of_callers.keys() - routes, key=lambda caller: (not caller.startswith("every"), caller))
    rows = ["| caller | statements |", "|---|---|"]
    shared = [caller for caller in others if caller.startswith(EVERY_ROUTE)]
    for caller in [*shared, *routes, *(other for other in others if other not in shared)]:
        shown = caller if caller.startswith("every") else f"`{caller}`"
        links = ", ".join(f"[{name}]({name}.sql)" for name in of_callers[caller])
        rows.append(f"| {shown} | {links or 'no statement of its own'} |")
    return "\n".join(rows) + "\n"


def takers_of(setting: str, command: click.Command) -> list[str]:
    """The commands that have a flag for a setting; a group if all of its commands have it."""
    if not isinstance(command, click.Group):
        return [str(command.name)] if setting in {parameter.name for parameter in command.params} else []
    takers = []
    for inner in command.commands.values():
        found = takers_of(setting, inner)
        if isinstance(inner, click.Group):
            found = [str(inner.name)] if len(found) == len(inner.commands) else [f"{inner.name} {one}" for one in found]
        takers += found
    return takers


def write_answers(page: Path, server: ServerProcess, folder: Path) -> None:
    """Write the output of the commands of a page into the page."""
    text = page.read_text()
    blocks = blocks_of(text)
    if not blocks:
        return
    outputs = run_blocks(blocks, server, folder)
    for block, output in reversed(list(zip(blocks, outputs, strict=True))):
        if block.kind and is_out_of_date(block, output):
            printed = pretty(json.loads(output)) if block.kind == "json" else output.strip().replace("\r", "")
            shown = "\n".join(line.rstrip() for line in printed.splitlines()).replace(server.url, SERVED_AT)
            text = f"{text[: block.start]}{shown}\n{text[block.end :]}"
    page.write_text(text)


def is_out_of_date(block: Block, output: str) -> bool:
    """Return whether an answer must be rewritten. Differences that the test allows are kept, to keep diffs small."""
    if not block.shown.strip():
        return True
    return block.kind != "sample" and comparable(output, block.kind) != comparable(block.shown, block.kind)


def main() -> None:
    """Write the tables and every answer that is out of date."""
    SETTINGS_PAGE.write_text(_SETTINGS_TABLE.sub(lambda _: settings_table(), SETTINGS_PAGE.read_text()))
    STATEMENTS_PAGE.write_text(_CALLERS_TABLE.sub(lambda _: callers_table(), STATEMENTS_PAGE.read_text()))
    if "--tables" in sys.argv:
        return
    with served() as both:
        for page in PAGES:
            write_answers(page, *both)


if __name__ == "__main__":
    main()
