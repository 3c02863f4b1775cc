"""Settings: every wrong value has a message with the variable's name, unknown ones are refused, no secret is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import annotated_types
import pytest
from pydantic import SecretStr

from svc.errors import StartupError
from svc.settings import Settings, environment_name, load_settings

FIELDS = Settings.model_fields


def refused(**flags: object) -> str:
    """The message with which the settings are refused."""
    with pytest.raises(StartupError) as error:
        load_settings(**flags)
    return error.value.detail


def kinds(name: str) -> tuple[Any, ...]:
    annotation = FIELDS[name].annotation
    return (annotation,) if get_origin(annotation) is Literal else (get_args(annotation) or (annotation,))


NUMBERS = [name for name in FIELDS if {int, float} & set(kinds(name))]
CHOICES = [name for name in FIELDS if any(get_origin(kind) is Literal for kind in kinds(name))]
SECRETS = [name for name in FIELDS if SecretStr in kinds(name)]


def limits(name: str) -> dict[str, float]:
    """A number just outside each limit of a setting."""
    outside: dict[str, float] = {}
    for limit in FIELDS[name].metadata:
        if isinstance(limit, annotated_types.Ge):
            outside[f"under {limit.ge}"] = limit.ge - 1  # type: ignore[operator]
        elif isinstance(limit, annotated_types.Gt):
            outside[f"not over {limit.gt}"] = limit.gt  # type: ignore[assignment]
        elif isinstance(limit, annotated_types.Le):
            outside[f"over {limit.le}"] = limit.le + 1  # type: ignore[operator]
    return outside


OUTSIDE = [(name, label, value) for name in NUMBERS for label, value in limits(name).items()]


def test_every_number_has_a_limit() -> None:
    assert [name for name in NUMBERS if not limits(name)] == []


@pytest.mark.parametrize("name", NUMBERS)
def test_a_word_for_a_number_is_refused_by_the_variables_name(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(environment_name(name), "plenty")

    sentence = refused()

    assert sentence.startswith(f"Wrong setting {environment_name(name)}: ")
    assert sentence.endswith("(got 'plenty').")


@pytest.mark.parametrize(("name", "label", "value"), OUTSIDE, ids=[f"{name} {label}" for name, label, _ in OUTSIDE])
def test_a_number_outside_its_limits_is_refused_by_the_variables_name(
    monkeypatch: pytest.MonkeyPatch, name: str, label: str, value: float
) -> None:
    monkeypatch.setenv(environment_name(name), str(value))

    assert f"Wrong setting {environment_name(name)}: " in refused()


@pytest.mark.parametrize("name", CHOICES)
def test_an_unknown_choice_is_refused_with_those_that_there_are(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(environment_name(name), "purple")

    sentence = refused()

    assert sentence.startswith(f"Wrong setting {environment_name(name)}: ")
    assert all(repr(choice) in sentence for choice in get_args(FIELDS[name].annotation))


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"DATABASE_URL": "mysql://x"}, "Wrong setting DATABASE_URL: must begin with postgresql://"),
        ({"OPENAI_BASE_URL": "localhost:1"}, "Wrong setting OPENAI_BASE_URL: must begin with http:// or https://"),
        ({"CABINET_ADMIN_KEY": "short"}, "Wrong setting CABINET_ADMIN_KEY: "),
        ({"CABINET_POOL_MIN_SIZE": "20"}, "CABINET_POOL_MIN_SIZE (20) is greater than CABINET_POOL_SIZE (10)"),
        ({"CABINET_CHUNK_OVERLAP_TOKENS": "400"}, "CABINET_CHUNK_OVERLAP_TOKENS (400) is more than half"),
        ({"CABINET_EMBEDDING_PROVIDER": "openai"}, "OPENAI_API_KEY is not set"),
        ({"CABINET_EMBEDDING_DIMENSIONS": "512"}, "the local provider has one model"),
        ({"CABINET_EMBEDDING_PROVIDER": "local", "CABINET_EMBEDDING_MODEL": "big"}, "the local provider has one model"),
    ],
)
def test_a_sentence_names_settings_that_contradict_each_other(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], said: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    sentence = refused()

    assert said in sentence
    assert sentence.endswith(".")


def test_all_wrong_settings_are_reported_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CABINET_PORT", "http")
    monkeypatch.setenv("CABINET_POOL_SIZE", "0")

    lines = refused(log_level="loud").splitlines()

    assert [line.split(":")[0] for line in lines] == [
        "Wrong setting CABINET_PORT", "Wrong setting CABINET_LOG_LEVEL (flag --log-level)",
        "Wrong setting CABINET_POOL_SIZE",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("CABINET_POOL_SIZ", "CABINET_POOL_SIZ is not a setting; did you mean CABINET_POOL_SIZE?"),
        ("CABINET_XYZZY", "CABINET_XYZZY is not a setting"),
    ],
)
def test_an_unknown_variable_is_refused(monkeypatch: pytest.MonkeyPatch, variable: str, said: str) -> None:
    monkeypatch.setenv(variable, "1")

    assert said in refused()


def test_a_flag_goes_before_a_variable_and_a_variable_before_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(Settings.model_config, "env_file", ".env")
    (tmp_path / ".env").write_text(
        "# settings of this folder\nCABINET_PORT=1001\nCABINET_POOL_SIZE=11\nCABINET_HOST='::1'\nOTHER=1\n"
        "DATABASE_URL=postgresql://ada:pw@db/cabinet\n"
    )
    monkeypatch.setenv("CABINET_PORT", "1002")
    monkeypatch.setenv("CABINET_POOL_SIZE", "12")

    settings = load_settings(port=1003, host=None)

    assert (settings.port, settings.pool_size, settings.host) == (1003, 12, "::1")
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == "postgresql://ada:pw@db/cabinet"


def test_a_wrong_value_in_the_file_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(Settings.model_config, "env_file", ".env")
    (tmp_path / ".env").write_text("CABINET_POOL_SIZE=many\n")

    assert refused() == (
        "Wrong setting CABINET_POOL_SIZE (file .env): must be an integer from 1 to 1,000 (got 'many')."
    )


@pytest.mark.parametrize("line", ["CABINET_POOL_SIZ=3", "cabinet_pool_siz=3"])
def test_an_unknown_name_in_the_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, line: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(Settings.model_config, "env_file", ".env")
    (tmp_path / ".env").write_text(f"OTHER=1\n{line}\n")

    assert refused() == "CABINET_POOL_SIZ in the file .env is not a setting; did you mean CABINET_POOL_SIZE?"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"CABINET_HOST=\xff\n", "The file .env is not encoded in UTF-8; save it as UTF-8."),
        (b"OTHER 'PROGRAM\n\nCABINET_HOST 'a b\n", "Line 3 of the file .env cannot be read; write NAME=value"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(Settings.model_config, "env_file", ".env")
    (tmp_path / ".env").write_bytes(content)

    assert refused().startswith(said)


# The error for a setting of each kind, without pydantic's wording.
SENTENCES = {
    ("port", "http"): "Wrong setting CABINET_PORT: must be an integer from 0 to 65,535 (got 'http').",
    ("port", "1.5"): "Wrong setting CABINET_PORT: must be an integer from 0 to 65,535 (got '1.5').",
    ("port", "70000"): "Wrong setting CABINET_PORT: must be an integer from 0 to 65,535 (got '70000').",
    ("acquire_timeout_s", "0"): "Wrong setting CABINET_ACQUIRE_TIMEOUT_S: must be a number of more than 0 and at most "
    "600 (got '0').",
    ("log_level", "loud"): "Wrong setting CABINET_LOG_LEVEL: must be one of 'debug', 'info', 'warning', 'error' "
    "(got 'loud').",
    ("embed_messages", "perhaps"): "Wrong setting CABINET_EMBED_MESSAGES: must be true or false (got 'perhaps').",
    ("admin_key", "short"): "Wrong setting CABINET_ADMIN_KEY: must be text of at least 16 characters.",
    ("service_role", "r" * 64): "Wrong setting CABINET_SERVICE_ROLE: must be text of at least 1 and at most 63 "
    f"characters (got '{'r' * 64}').",
}


@pytest.mark.parametrize(("name", "value"), SENTENCES)
def test_each_kind_of_setting_has_its_sentence(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(environment_name(name), value)

    assert refused() == SENTENCES[name, value]


def test_unknown_and_wrong_settings_are_all_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("CABINET_POOL_SIZ", "CABINET_PRT"):
        monkeypatch.setenv(variable, "1")
    monkeypatch.setenv("CABINET_PORT", "http")

    assert [line.split(" is ")[0].split(":")[0] for line in refused().splitlines()] == [
        "CABINET_POOL_SIZ", "CABINET_PRT", "Wrong setting CABINET_PORT",
    ]  # fmt: skip


def test_the_variables_with_names_of_their_own_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CABINET_DATABASE_URL", "postgresql://db/cabinet")

    assert refused() == "CABINET_DATABASE_URL is not a setting; did you mean DATABASE_URL?"


def test_no_password_in_a_url_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "ftp://ada:hunter2@models/v1")

    assert "OPENAI_BASE_URL" in refused()
    assert "hunter2" not in refused()


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in FIELDS:
        monkeypatch.setenv(environment_name(name), "")

    assert load_settings() == Settings()


def test_the_defaults_need_nothing_and_cannot_be_changed() -> None:
    settings = load_settings()

    assert (settings.provider, settings.database_url) == ("local", None)
    with pytest.raises(Exception, match="frozen"):
        settings.port = 1  # type: ignore[misc]


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_in_no_message_and_no_log(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    urls = {"database_url": "postgresql://ada:GEHEIM@db/x", "embedding_proxy": "http://ada:GEHEIM@proxy:3128"}
    good = urls.get(name.removeprefix("owner_"), "GEHEIM-0123456789-0123")
    monkeypatch.setenv("DATABASE_URL", "postgresql://db/x")
    monkeypatch.setenv(environment_name(name), good)
    monkeypatch.setenv("CABINET_PORT", "no number")
    assert "GEHEIM" not in refused()

    monkeypatch.delenv("CABINET_PORT")
    assert "GEHEIM" not in repr(load_settings())
    assert "GEHEIM" not in str(load_settings().model_dump())


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DATABASE_URL", "mysql://ada:GEHEIM@db/x"),
        ("DATABASE_URL", "ada:GEHEIM@db"),
        ("CABINET_ADMIN_KEY", "GEHEIM"),
    ],
)
def test_a_wrong_secret_is_in_no_message_either(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)

    sentence = refused()

    assert variable in sentence
    assert "GEHEIM" not in sentence
