"""LangChain, LlamaIndex, LiteLLM and npm packages with a service.

They have many packages, so each has a separate environment, which `make frameworks` creates before it runs these tests.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.server_process import ServerProcess

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-frameworks/bin/python"
GATEWAY = ROOT / ".venv-litellm/bin/python"
PACKAGES = ROOT / ".npm-clients/node_modules"
PROGRAMS = Path(__file__).parent / "node"


def needs(path: Path, what: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not path.exists(), reason=f"run `make frameworks` first, which installs {what}")


RINGS = "# Saturn\n\nThe rings of Saturn are made of ice."


def program_of(page: str, kind: str) -> tuple[str, str]:
    """The program of a page of the documentation, and the output that the page shows."""
    text = (ROOT / "docs/clients" / page).read_text()
    found = re.search(rf"^```{kind}\n(.*?)^```(?:\n```text\n(.*?)^```)?$", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1], found[2] or ""


def run(*command: str | Path, cwd: Path, **variables: str) -> str:
    """The output of a program, or its errors if it fails."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("CABINET_", "PYTEST_"))}
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env={**environment, **variables}, capture_output=True, text=True, timeout=600,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@needs(PYTHON, "LangChain and LlamaIndex")
@pytest.mark.parametrize("framework", ["langchain", "llamaindex"])
def test_the_tests_of_the_frameworks_pass(server: ServerProcess, framework: str) -> None:
    tests = ROOT / "clients/python/framework_tests"
    options: list[str | Path] = ["-q", "-p", "no:cacheprovider", "-c", tests / "pytest.ini", "--rootdir", tests]

    said = run(
        PYTHON, "-m", "pytest", *options, tests / f"test_{framework}.py",
        cwd=tests, CABINET_URL=server.url, CABINET_ADMIN_KEY=server.admin_key,
    )  # fmt: skip

    assert "skipped" not in said


@needs(PYTHON, "LangChain and LlamaIndex")
@pytest.mark.parametrize("framework", ["langchain", "llamaindex"])
def test_the_programs_of_their_pages_run(server: ServerProcess, framework: str, tmp_path: Path) -> None:
    program, shown = program_of(f"{framework}.md", "py")
    (tmp_path / "rings.md").write_text(RINGS)
    key = server.user(f"{framework}@example.com")

    assert run(PYTHON, "-c", program, cwd=tmp_path, CABINET_URL=server.url, CABINET_KEY=key) == shown


@needs(PYTHON, "LangChain and LlamaIndex")
def test_their_modules_are_typed() -> None:
    run(PYTHON, "-m", "mypy", cwd=ROOT / "clients/python")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with programs and the npm packages."""
    folder = tmp_path_factory.mktemp("node")
    for program in PROGRAMS.iterdir():
        shutil.copy(program, folder)
    (folder / "node_modules").symlink_to(PACKAGES)
    return folder


@needs(PACKAGES, "packages of npm")
def test_typescript_calls_are_typed_by_the_openapi_document(server: ServerProcess, folder: Path) -> None:
    run("node_modules/.bin/openapi-typescript", f"{server.url}/openapi.json", "-o", "schema.ts", cwd=folder)
    program, shown = program_of("typescript.md", "ts")
    (folder / "page.ts").write_text(program)
    # The program native.ts marks wrong fields with @ts-expect-error: tsc fails if it accepts one of them.
    run("node_modules/.bin/tsc", "--project", ".", cwd=folder)

    key = server.user("typescript@example.com")
    assert run("node", "page.js", server.url, key, cwd=folder) == shown
    assert run("node", "native.js", server.url, key, cwd=folder).splitlines() == [
        "moon.txt",
        "The Moon is 384,400 km away.",
        "404 there is no such document",
    ]


@needs(PACKAGES, "packages of npm")
def test_the_openai_package_of_npm_works(server: ServerProcess, folder: Path) -> None:
    said = run("node", "openai.mjs", f"{server.url}/v1", server.user("npm@example.com"), cwd=folder)

    assert said.splitlines()[-1] == "done"


@needs(GATEWAY, "LiteLLM")
def test_litellm_searches_with_its_provider_for_pgvector(server: ServerProcess, tmp_path: Path) -> None:
    program = Path(__file__).parent / "litellm_gateway.py"

    (tmp_path / "page.yaml").write_text(program_of("litellm.md", "yaml")[0])
    # -P, because the folder of the program also contains a folder named openai.
    said = run(
        GATEWAY,
        "-P",
        program,
        server.url,
        server.user("litellm@example.com"),
        cwd=tmp_path,
        LITELLM_LOCAL_MODEL_COST_MAP="True",
    )

    assert said.splitlines()[-1] == "done"
