"""The number and duration of each statement's runs, from pg_stat_statements or from a running service."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import httpx
from prometheus_client.parser import text_string_to_metric_families

from svc.database.rows import CatalogueStatementTimes
from svc.database.statements import Statement
from svc.errors import UnavailableError
from svc.settings.http_url import without_credentials

_METRIC = "cabinet_statement_seconds"
_READ_TIMEOUT_S = 2.0
_COMMENT = re.compile(r"^--[^\n]*|/\*.*?\*/", re.MULTILINE | re.DOTALL)
# The server replaces constants with parameters; here both become the same.
_VALUE = re.compile(r"\$\d+|'(?:[^']|'')*'|\b\d+(?:\.\d+)?\b|\b(?:true|false|null)\b")
# `extract(epoch from …)`: the field is also a constant.
_FIELD = re.compile(r"\bextract\(\s*\w+\s+from\b")
_VALUES = re.compile(r"\?(?:,\?)+")
# Before PostgreSQL 18 the header stays; a COPY has its name in its condition.
_NAME = re.compile(r"^-- ([a-z0-9_]+/[a-z0-9_]+) :|/\* ([a-z0-9_]+/[a-z0-9_]+) \*/")


@dataclass(frozen=True)
class Timing:
    """The number of runs of one statement, and their total time in milliseconds."""

    calls: int
    total_ms: float

    @property
    def mean_ms(self) -> float:
        """Milliseconds of one run."""
        return self.total_ms / self.calls if self.calls else 0.0

    def __add__(self, other: Timing) -> Timing:
        return Timing(self.calls + other.calls, self.total_ms + other.total_ms)


@dataclass(frozen=True)
class Timings:
    """The timings of statements by name, and a description of their source; empty if there is no source."""

    of: Mapping[str, Timing]
    source: str


def timings_of_server(statements: Iterable[Statement], rows: Sequence[CatalogueStatementTimes]) -> Timings:
    """Returns the timings in the rows of `catalogue/statement_times`.

    Rows that are not Cabinet's are skipped, and so are those of statements that differ only in a constant.
    """
    known = list(statements)
    names = {statement.name for statement in known}
    by_text: dict[str, set[str]] = {}
    for statement in known:
        by_text.setdefault(fingerprint(statement.text), set()).add(statement.name)
    found: dict[str, Timing] = {}
    for row in rows:
        name_found = _NAME.search(row.query)
        meant = {name_found[1] or name_found[2]} & names if name_found else by_text.get(fingerprint(row.query), set())
        if len(meant) == 1:
            (name,) = meant
            found[name] = found.get(name, Timing(0, 0.0)) + Timing(row.calls, row.total_ms)
    return Timings(found, "pg_stat_statements: all processes, since its last reset")


def timings_of_service(url: str) -> Timings:
    """Timings of the service that answers at `url`, of that one process, since its start.

    Raises:
        UnavailableError: nothing answers there, or the service is not Cabinet.
    """
    place = without_credentials(url)
    try:
        answer = httpx.get(f"{url.rstrip('/')}/metrics", timeout=_READ_TIMEOUT_S, trust_env=False)
        answer.raise_for_status()
        families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    except httpx.HTTPStatusError as error:
        raise UnavailableError(f"the server at {place} answers {error.response.status_code} to /metrics") from error
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise UnavailableError(f"no Cabinet service answers at {place}") from error
    if _METRIC not in families:
        raise UnavailableError(f"the service at {place} is not Cabinet: its /metrics lacks {_METRIC}")
    numbers: dict[str, dict[str, float]] = {}
    for sample in families[_METRIC].samples:
        kind = sample.name.removeprefix(f"{_METRIC}_")
        if kind in ("count", "sum"):
            numbers.setdefault(sample.labels["statement"], {})[kind] = sample.value
    return Timings(
        {name: Timing(int(both["count"]), both["sum"] * 1000) for name, both in numbers.items()},
        f"the service at {place}: one process, since its start",
    )


def fingerprint(text: str) -> str:
    """Returns a statement without the parts that pg_stat_statements normalises: comments, white space, constants."""
    bare = _VALUE.sub("?", _FIELD.sub("extract(? from", _COMMENT.sub("", text).lower()))
    return _VALUES.sub("?", re.sub(r"[\s;-]", "", bare))
