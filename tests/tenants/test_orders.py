"""The operator, not the file, determines the plan, the usage and the erased user of an import; the cost of a file is
bounded."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from svc.database.queries import Database
from svc.errors import ConflictError, InvalidRequestError
from svc.tenants.imports import Orders, import_user
from svc.tenants.reading import BadExportError, LineLimits
from tests.tenants.files import exported, file_of, lines_of
from tests.tenants.made_up import make_large_user

TODAY = "2026-11-28"


@pytest_asyncio.fixture
async def crafted(database: Database, observer: Any) -> list[dict[str, Any]]:
    """The lines of an export that was changed to the plan `pro` and a negative usage."""
    user_id = await make_large_user(database, documents=1, chunks_each=1, conversations=0, messages_each=0)
    lines = lines_of(await exported(database, user_id))
    await observer.execute("delete from users")
    lines[1]["plan"] = "pro"
    use = dict.fromkeys(("requests", "searches", "uploads", "bytes", "messages"), 0)
    return [*lines[:2], {"line": "usage_days", "day": TODAY, "slot": 0, **use, "tokens": 5}, *lines[2:]]


async def stored(observer: Any) -> tuple[str, list[int]]:
    """The plan of the only user, and the tokens in each row of their usage."""
    plan = await observer.fetchval("select plan from users")
    return plan, [row[0] for row in await observer.fetch("select tokens from usage_days order by tokens")]


@pytest.mark.parametrize(
    ("orders", "then"),
    [
        (Orders(), ("free", [])),
        (Orders(default_plan="pro"), ("pro", [])),
        (Orders(plan="pro"), ("pro", [])),
        (Orders(with_usage=True), ("free", [5])),
    ],
)
async def test_the_file_sets_neither_plan_nor_use(
    database: Database, observer: Any, crafted: list[dict[str, Any]], orders: Orders, then: tuple[str, list[int]]
) -> None:
    imported = await import_user(database, file_of(crafted), orders)
    assert await stored(observer) == then
    assert (imported.plan, imported.plan_of_file) == (then[0], "pro")


async def test_an_unknown_plan_is_refused(database: Database, observer: Any, crafted: list[dict[str, Any]]) -> None:
    with pytest.raises(InvalidRequestError, match=r"plan must be one of .*free, pro, not 'gold'"):
        await import_user(database, file_of(crafted), Orders(plan="gold"))
    assert await observer.fetchval("select count(*) from users") == 0


async def test_a_file_erases_nobody_else_than_the_operator_names(
    database: Database, observer: Any, crafted: list[dict[str, Any]]
) -> None:
    """The file names a victim, but the operator wants to replace another user."""
    await import_user(database, file_of(crafted))
    victim = UUID(crafted[0]["user_id"])
    email = await observer.fetchval("select email from users")
    crafted[1]["email"] = "attacker@example.com"
    for name in ("attacker@example.com", "0198c0de-0000-7000-8000-000000000000", "", "%"):
        with pytest.raises(ConflictError, match=r"already exists|not of the user"):
            await import_user(database, file_of(crafted), Orders(replace=name))
    assert await observer.fetchval("select email from users") == email
    for name in (str(victim), email.upper()):
        await observer.execute("update users set email = $1", email)
        await import_user(database, file_of(crafted), Orders(replace=name))
        assert await observer.fetchval("select email from users where id = $1", victim) == "attacker@example.com"


async def test_an_external_id_comes_with_the_user_and_names_whom_to_replace(
    database: Database, observer: Any, crafted: list[dict[str, Any]]
) -> None:
    del crafted[1]["external_id"]  # The form of earlier releases.
    await import_user(database, file_of(crafted))
    assert await observer.fetchval("select external_id from users") is None
    crafted[1]["external_id"] = "customer 42"
    await import_user(database, file_of(crafted), Orders(replace=crafted[0]["user_id"]))
    assert await observer.fetchval("select external_id from users") == "customer 42"
    for name in ("customer 42", "external:customer 42"):
        await import_user(database, file_of(crafted), Orders(replace=name))
    with pytest.raises(ConflictError, match="not of the user"):
        await import_user(database, file_of(crafted), Orders(replace="Customer 42"))
    await observer.execute("delete from users")
    await observer.execute(
        "insert into users (email, plan, external_id) values ('other@example.org', 'free', 'customer 42')"
    )
    with pytest.raises(ConflictError, match="another user already has the external id customer 42"):
        await import_user(database, file_of(crafted))
    crafted[1]["external_id"] = "x\ny"
    with pytest.raises(BadExportError, match="external_id"):
        await import_user(database, file_of(crafted))


async def test_a_replaced_user_keeps_plan_and_use(
    database: Database, observer: Any, crafted: list[dict[str, Any]]
) -> None:
    await import_user(database, file_of(crafted))
    user_id = crafted[0]["user_id"]
    await observer.execute(
        "insert into usage_days (user_id, day, slot, tokens) "
        "select id, date '2020-01-01' + day, slot, 7 from users, generate_series(0, 99) day, generate_series(0, 9) slot"
    )
    crafted[1]["plan"] = "free"
    await observer.execute("update users set plan = 'pro'")
    await import_user(database, file_of(crafted), Orders(replace=user_id))
    assert await stored(observer) == ("pro", [7] * 1000)
    await import_user(database, file_of(crafted), Orders(replace=user_id, plan="free", with_usage=True))
    assert await stored(observer) == ("free", [5])


# --- the cost of a file


def _row(kind: str, size: int) -> bytes:
    return b'{"line":"' + kind.encode() + b'","x":"' + b"x" * size + b'"}\n'


# The test makes the texts when it needs them, since each process of a run imports this file.
@pytest.mark.parametrize(
    ("body", "line", "complaint"),
    [
        (lambda: b"[" * 60_000_000, 1, "more than 65,536 bytes and is not a row"),
        (lambda: b"[" * 60_000_000 + b"\n", 1, "more than 65,536 bytes and is not a row"),
        (lambda: b"[" * 65_000 + b"\n", 1, "this is not an export of Cabinet"),
        (lambda: b'{"line":"export","format":' + b"[" * 65_000 + b"\n", 1, "this is not an export of Cabinet"),
    ],
)
async def test_a_deep_or_long_first_line_is_a_sentence(
    database: Database, body: Callable[[], bytes], line: int, complaint: str
) -> None:
    with pytest.raises(BadExportError, match=f"^line {line}: .*{complaint}"):
        await import_user(database, BytesIO(body()))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (lambda: b"[" * 60_000_000 + b"\n", "more than 65,536 bytes and is not a row"),
        (lambda: b"[" * 60_000 + b"\n", "not valid JSON: it is nested too deeply|must be"),
        (lambda: b'{"line":"chunks","metadata":' + b"[" * 60_000 + b"\n", "it is nested too deeply"),
        (lambda: b'{"line":"chunks","metadata":' + b"[" * 900_000 + b"\n", "it is nested too deeply"),
        (lambda: _row("chunks", 1_100_000), "more than 1,000,000 bytes, .*CABINET_MAX_BODY_BYTES"),
        (lambda: _row("document_contents", 2_100_000), "more than 2,000,000 bytes, .*CABINET_MAX_UPLOAD_BYTES"),
        (lambda: _row("end", 100_000), "more than 65,536 bytes and is not a row"),
        (lambda: _row("export", 100_000), "more than 65,536 bytes and is not a row"),
        (lambda: _row("plans", 100_000), "more than 65,536 bytes and is not a row"),
    ],
)
async def test_a_deep_or_long_row_is_a_sentence(
    database: Database, crafted: list[dict[str, Any]], text: Callable[[], bytes], complaint: str
) -> None:
    header = file_of(crafted).readline()
    with pytest.raises(BadExportError, match=f"^line 2: .*({complaint})"):
        await import_user(database, BytesIO(header + text()), limits=LineLimits(contents=2_000_000, rows=1_000_000))


async def test_only_the_beginning_of_a_long_line_is_read(database: Database, crafted: list[dict[str, Any]]) -> None:
    class Endless(BytesIO):
        """A file whose second line never ends."""

        read_bytes = 0

        def readline(self, size: int | None = -1, /) -> bytes:
            line = super().readline(size)
            if line:
                return line
            assert size is not None
            assert 0 <= size < 2**24
            self.read_bytes += size
            return b"x" * size

    file = Endless(file_of(crafted).readline() + b'{"line":"chunks","content":"')
    with pytest.raises(BadExportError, match=r"^line 2: "):
        await import_user(database, file, limits=LineLimits(contents=2_000_000, rows=1_000_000))
    assert file.read_bytes < 2**21


def test_limits_fit_whatever_a_service_stores() -> None:
    for upload, body in itertools.product((1024, 32 * 2**20, 2**30), (1024, 4 * 2**20, 2**30)):
        limits = LineLimits.of(upload, body)
        assert limits.contents > -(-upload // 3) * 4 + 1000
        assert limits.rows >= 6 * body
