"""The Dockerfile is valid: known instructions in the right order, and commands with known options."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from svc.cli.main import main as cabinet

DOCKERFILE = Path(__file__).parents[1] / "Dockerfile"
# The form of the arguments of each instruction. MAINTAINER is deprecated, and the others are not used here.
FORMS = {
    "ARG": r"[A-Z_]+(=\S+)?",
    "CMD": r"\[.+\]",
    "COPY": r"(--from=\S+ )?(\S+ )+\S+",
    "ENTRYPOINT": r"\[.+\]",
    "ENV": r"([A-Z_]+=\S+ ?)+",
    "EXPOSE": r"\d+",
    "FROM": r"\S+( AS [a-z]+)?",
    "RUN": r"\S.+",
    "USER": r"\d+",
    "WORKDIR": r"/\S*",
}
HELP = {"pip": (sys.executable, "-m", "pip"), "useradd": ("useradd",), "install": ("install",)}


def instructions(text: str) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile and their arguments, without comments, on one line each.

    Raises:
        AssertionError: a builder would refuse it.
    """
    assert not text.rstrip().endswith("\\"), "the last line is continued"
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    found = []
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        name, _, rest = line.partition(" ")
        assert name in FORMS, f"{name} is no instruction that is known here: {line}"
        assert re.fullmatch(FORMS[name], rest), f"{name} does not take {rest!r}"
        if name in ("CMD", "ENTRYPOINT"):
            assert all(isinstance(word, str) for word in json.loads(rest))
        found.append((name, rest))
    names = [name for name, _ in found]
    assert set(names[: names.index("FROM")]) <= {"ARG"}, "only ARG may come before FROM"
    stages = re.findall(r" AS ([a-z]+)", " ".join(rest for name, rest in found if name == "FROM"))
    assert set(re.findall(r"\bfrom=([a-z]+)", text)) <= set(stages), "a stage that is not there is copied from"
    return found


def commands() -> list[list[str]]:
    """The commands that build the image, split into words, without mounts and shell expansions."""
    runs = [rest for name, rest in instructions(DOCKERFILE.read_text()) if name == "RUN"]
    return [
        [word for word in shlex.split(command) if not word.startswith("--mount=")]
        for run in runs
        for command in run.split("&&")
    ]


def test_every_instruction_is_one_that_a_builder_accepts() -> None:
    names = [name for name, _ in instructions(DOCKERFILE.read_text())]
    assert names.count("FROM") == 2
    assert names[-2:] == ["ENTRYPOINT", "CMD"]


@pytest.mark.parametrize(
    "wrong",
    [
        "FROM a\nRUNN pip check", "FROM a\nRUN", "FROM a\nCMD serve", 'FROM a\nCMD ["serve]', "FROM a\nCOPY svc",
        "USER 1\nFROM a", "FROM a\nCOPY --from=build a b", "FROM a\nRUN pip check \\", "FROM a\nEXPOSE http",
    ],
)  # fmt: skip
def test_instructions_that_a_builder_refuses_are_found(wrong: str) -> None:
    with pytest.raises((AssertionError, ValueError)):
        instructions(wrong)


def test_the_commands_and_their_options_exist() -> None:
    assert {command[0] for command in commands()} == set(HELP)
    for program, *words in commands():
        command = [*HELP[program], *words[: program == "pip"]]
        if shutil.which(command[0]) is None:
            continue
        page = subprocess.run([*command, "--help"], capture_output=True, text=True, timeout=60, check=True).stdout
        for option in re.findall(r"^--[a-z-]+", "\n".join(words), re.MULTILINE):
            assert re.search(rf"(?<![\w-]){option}\b(?!-)", page), f"{program} has no {option}"


def test_the_image_runs_a_command_of_cabinet() -> None:
    run = dict(instructions(DOCKERFILE.read_text()))
    program, name = (json.loads(run[each]) for each in ("ENTRYPOINT", "CMD"))
    assert program == ["cabinet"]
    assert isinstance(cabinet, click.Group)
    assert name[0] in cabinet.commands
