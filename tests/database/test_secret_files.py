"""Settings whose values are in files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from svc.errors import StartupError
from svc.settings import Settings, load_settings

URL = "postgresql://ada:secret@db.example.com/cabinet"
VALUES = {
    "DATABASE_URL": URL, "CABINET_OWNER_DATABASE_URL": URL, "OPENAI_API_KEY": "sk-0123456789abcdef",
    "CABINET_ADMIN_KEY": "an-admin-key-0123", "CABINET_EMBEDDING_PROXY": "http://proxy:3128",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("CABINET_", "OPENAI_", "DATABASE_URL")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(Settings.model_config, "env_file", ".env")


def refusal() -> str:
    with pytest.raises(StartupError) as refused:
        load_settings()
    return refused.value.detail


def secret_of(settings: Settings, variable: str) -> str:
    field = variable.removeprefix("CABINET_").lower()
    return str(getattr(settings, field).get_secret_value())


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_every_secret_can_be_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ending: str) -> None:
    for variable, value in VALUES.items():
        (tmp_path / variable).write_bytes(value.encode() + ending.encode())
        monkeypatch.setenv(f"{variable}_FILE", str(tmp_path / variable))
    settings = load_settings()
    assert {variable: secret_of(settings, variable) for variable in VALUES} == VALUES


def test_only_the_last_newline_is_removed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(" a key with spaces \n\n")
    monkeypatch.setenv("CABINET_ADMIN_KEY_FILE", str(tmp_path / "key"))
    assert secret_of(load_settings(), "CABINET_ADMIN_KEY") == " a key with spaces \n"


def test_the_name_of_the_file_can_be_in_the_file_of_settings(tmp_path: Path) -> None:
    (tmp_path / "url").write_text(URL)
    (tmp_path / ".env").write_text("database_url_file=url\n")
    assert secret_of(load_settings(), "DATABASE_URL") == URL


@pytest.mark.parametrize("where", ["environment", "file", "flag"])
def test_a_value_and_a_file_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, where: str) -> None:
    (tmp_path / "url").write_text(URL)
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / "url"))
    flags = {}
    if where == "environment":
        monkeypatch.setenv("DATABASE_URL", URL)
    elif where == "file":
        (tmp_path / ".env").write_text(f"DATABASE_URL={URL}\n")
    else:
        flags["database_url"] = URL
    with pytest.raises(StartupError, match=r"DATABASE_URL_FILE and (DATABASE_URL|--database-url) are both set"):
        load_settings(**flags)


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Docker Compose sets undefined variables to the empty string."""
    (tmp_path / "url").write_text(URL)
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / "url"))
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("OPENAI_API_KEY_FILE", "")
    assert secret_of(load_settings(), "DATABASE_URL") == URL


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, r"cannot be read \(No such file or directory\)"), (b"", "is empty"), (b"\n", "is empty"),
        (b"\xff\xfe", "is not encoded in UTF-8"), (b"x" * 100_000, "is longer than 65,536 bytes"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_prevents_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, why: str
) -> None:
    if content is not None:
        (tmp_path / "key").write_bytes(content)
    monkeypatch.setenv("OPENAI_API_KEY_FILE", str(tmp_path / "key"))
    with pytest.raises(StartupError, match=f"^OPENAI_API_KEY_FILE: the file .*key {why}"):
        load_settings()


def test_a_folder_and_a_pipe_are_no_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        monkeypatch.setenv("OPENAI_API_KEY_FILE", str(path))
        assert "is not a regular file" in refusal()


def test_a_wrong_secret_names_the_variable_of_the_file_and_no_part_of_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "url").write_text("postgresql://ada:hun@ter2@db/cabinet")
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / "url"))
    detail = refusal()
    assert "Wrong setting DATABASE_URL (file in DATABASE_URL_FILE): " in detail
    assert "ter2" not in detail


@pytest.mark.parametrize("variable", ["CABINET_PORT_FILE", "CABINET_ADMIN_KEI_FILE"])
def test_other_settings_have_no_file(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "/dev/null")
    assert f"{variable} is not a setting" in refusal()
