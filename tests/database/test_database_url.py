"""URLs of databases: those of the usual vendors work, and no message contains a password that breaks one."""

from __future__ import annotations

import pytest

from svc.errors import StartupError
from svc.settings import Settings, load_settings
from svc.settings.database_url import hide_password, place_of, read_url

PLAIN = "postgresql://ada:secret@db.example.com:5432/cabinet"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (PLAIN, PLAIN),
        ("postgres://ada:secret@db.example.com/cabinet", "postgres://ada:secret@db.example.com/cabinet"),
        (f"{PLAIN}?sslmode=require&channel_binding=require", f"{PLAIN}?sslmode=require"),
        (f"{PLAIN}?connect_timeout=10", PLAIN),
        (f"{PLAIN}?pgbouncer=true&connection_limit=1", PLAIN),
        (f"{PLAIN}?sslmode=require&supa=base-pooler.x", f"{PLAIN}?sslmode=require"),
        (f"{PLAIN}?application_name=app&options=", f"{PLAIN}?application_name=app"),
        (f"{PLAIN}?options=endpoint%3Dep-cool-1", f"{PLAIN}?options=endpoint%3Dep-cool-1"),
        (f"{PLAIN}?target_session_attrs=read-write", f"{PLAIN}?target_session_attrs=read-write"),
        ("postgresql://ada@a:5433,b:5434/cabinet", "postgresql://ada@a:5433,b:5434/cabinet"),
        ("postgresql://ada@[::1]:5433/cabinet", "postgresql://ada@[::1]:5433/cabinet"),
        ("postgresql://ada@/cabinet?host=/run/postgresql", "postgresql://ada@/cabinet?host=/run/postgresql"),
        ("postgresql://ada:p%40ss%2Fword@db/cabinet", "postgresql://ada:p%40ss%2Fword@db/cabinet"),
        ("postgresql://ada:pass:word@db/cabinet", "postgresql://ada:pass:word@db/cabinet"),
    ],
)
def test_a_url_keeps_what_is_meant_for_the_server_and_loses_what_is_meant_for_other_clients(
    given: str, kept: str
) -> None:
    assert read_url(given) == kept


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:hun@ter2@db/cabinet",
        "postgresql://ada:hun/ter2@db/cabinet",
        "postgresql://ada:12/ter2@db/cabinet",
        "postgresql://ada:hun#ter2@db/cabinet",
        "postgresql://ada:12#ter2@db/cabinet",
        "postgresql://ada:hun?ter2@db/cabinet",
        "postgresql://ada:12?ter2@db/cabinet",
        "postgresql://ada:12?ter=2@db/cabinet",
        "postgresql://ada:hun%ter2@db/cabinet",
        "postgresql://ada:hun[ter2@db/cabinet",
        "postgresql://ada:hun\u2100ter2@db/cabinet",
        "postgresql://db:hunter2/cabinet",
        "postgresql://ada:secret@db:hunter2/cabinet",
        "postgresql://ada@db/cabinet?password=hun@ter2",
        "postgresql://ada@db/cabinet?password=hun&ter2",
    ],
)
def test_a_password_that_breaks_a_url_is_refused_without_any_part_of_it(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)

    with pytest.raises(StartupError, match=r"Wrong setting DATABASE_URL: .*percent-encoded") as refused:
        load_settings()

    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None
    for part in ("hun", "ter", "ada", "12", "cabinet"):
        assert part not in refused.value.detail.replace("characters", "").replace("percent-encoded", "")


def test_wrong_settings_made_in_code_show_no_password() -> None:
    with pytest.raises(ValueError, match="percent-encoded") as refused:
        Settings(database_url="postgresql://ada:hun@ter2@db/cabinet")

    assert "ter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        (PLAIN, "db.example.com port 5432"),
        ("postgresql://ada:1:2@db/cabinet", "db port 5432"),
        ("postgresql://a:5433,b/cabinet", "a port 5433 or b port 5432"),
        ("postgresql://ada@[::1]:5433/cabinet", "[::1] port 5433"),
        ("postgresql:///cabinet?host=db&port=6000", "db port 6000"),
        ("postgresql:///cabinet?host=/run/postgresql", "the socket in /run/postgresql"),
        ("postgresql://%2Frun%2Fpostgresql/cabinet", "the socket in /run/postgresql"),
    ],
)
def test_where_a_database_is(url: str, place: str) -> None:
    assert place_of(url) == place


def test_a_password_is_hidden_in_either_form() -> None:
    url = "postgresql://ada:p%40ss@db/cabinet?sslpassword=key%2Fword"
    assert hide_password("p%40ss p@ss key%2Fword key/word db", url) == "… … … … db"
