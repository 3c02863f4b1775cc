"""The questions of `bench.http`: the requests for each service, and the statement that Cabinet runs for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

from bench.http_rows import MESSAGES, PAGE, Rows
from bench.load import encode_request
from bench.service import ADMIN_KEY
from svc.calibration.tenants import MadeUpTenant
from svc.database.queries import Database
from svc.search.filters import Filters
from svc.search.lanes import Search, TenantSize, run_search
from svc.settings import Settings

CABINET, ME, SEED, PGBENCH = "Cabinet", "Cabinet, GET /me", "FastAPI, SQLAlchemy", "pgbench"
SEARCH_LIMIT = 5


@dataclass(frozen=True)
class Question:
    """One question; `requests` by the name of the variant, `statement` and `arguments` for pgbench and the plan."""

    name: str
    requests: Mapping[str, Sequence[bytes]]
    statement: str
    arguments: Mapping[str, Any]


async def questions(rows: Rows, settings: Settings) -> list[Question]:
    """All questions, for both services and for pgbench."""
    return [
        _get_user(rows),
        _list_documents(rows),
        _recent_messages(rows),
        await _search("search", rows.tenants[0], rows, settings, has_index=False),
        await _search("search, own index", rows.tenants[-1], rows, settings, has_index=True),
    ]


def _key(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _get_user(rows: Rows) -> Question:
    requests = {
        CABINET: [encode_request("GET", f"/users/{reader.user_id}", _key(ADMIN_KEY)) for reader in rows.readers],
        ME: [encode_request("GET", "/me", _key(reader.key)) for reader in rows.readers],
        SEED: [encode_request("GET", f"/users/{reader.user_id}") for reader in rows.readers],
    }
    return Question("get user", requests, "users/get", {"user_id": rows.readers[0].user_id})


def _list_documents(rows: Rows) -> Question:
    requests = {
        CABINET: [encode_request("GET", f"/documents?limit={PAGE}", _key(tenant.key)) for tenant in rows.tenants],
        SEED: [encode_request("GET", f"/documents?user_id={tenant.user_id}&limit={PAGE}") for tenant in rows.tenants],
    }
    arguments = {"user_id": rows.tenants[0].user_id, "after": None, "max_rows": PAGE + 1}
    return Question("list documents", requests, "documents/list", arguments)


def _recent_messages(rows: Rows) -> Question:
    paths = [f"/conversations/{conversation}/messages?limit={PAGE}" for conversation in rows.conversations]
    after = MESSAGES - PAGE
    tenant = rows.tenants[0]
    requests = {
        CABINET: [encode_request("GET", f"{path}&after={after}", _key(tenant.key)) for path in paths],
        SEED: [encode_request("GET", path) for path in paths],
    }
    arguments = {
        "user_id": tenant.user_id, "conversation_id": rows.conversations[0], "after": after, "max_rows": PAGE + 1,
    }  # fmt: skip
    return Question("recent messages", requests, "messages/list", arguments)


async def _search(name: str, tenant: MadeUpTenant, rows: Rows, settings: Settings, *, has_index: bool) -> Question:
    bodies = [{"embedding": query.tolist(), "limit": SEARCH_LIMIT} for query in rows.queries]
    requests = {
        CABINET: [encode_request("POST", "/search", _key(tenant.key), body) for body in bodies],
        SEED: [encode_request("POST", "/search", {}, {"user_id": str(tenant.user_id), **body}) for body in bodies],
    }
    search = Search(tenant.user_id, rows.queries[0], SEARCH_LIMIT, "cosine", None, Filters())
    recorder = _Recorder()
    await run_search(cast(Database, recorder), search, TenantSize(tenant.size, has_index), settings.exact_rows)
    return Question(name, requests, recorder.name, recorder.arguments)


class _Recorder:
    """A fake database that records the statement and the arguments of a search."""

    def __init__(self) -> None:
        self.name = ""
        self.arguments: dict[str, Any] = {}

    async def many(self, name: str, /, **arguments: Any) -> Sequence[object]:
        self.name, self.arguments = name, arguments
        # As many as requested: with fewer, the search would try another lane.
        return [SimpleNamespace(similarity=1.0)] * SEARCH_LIMIT
