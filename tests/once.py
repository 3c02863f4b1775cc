"""Shares expensive start-up work, of a tenth of a second or more, among all services of a test run.

Tests start hundreds of them. Each process of the run checks the statements once for each schema, loads the local model
and the certificates once, and keeps its parser servers.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import httpx._transports.default
import httpx2._transports.default

import svc.worker
from svc.database.queries import Database
from svc.database.statements import Statement
from svc.embedding import local
from svc.ingest.parser_process import ParserServer
from svc.ingest.parser_protocol import Limits
from svc.ingest.sandbox import ParserSandbox

# Everything that affects the preparation of a statement: names, types and functions, and the search path.
_SCHEMA = """
with spaces as (
    select oid, nspname, nspacl from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'
)
select md5(concat(
    current_user, current_schemas(true),
    (select string_agg(concat(oid, nspname, nspacl), ';' order by oid) from spaces),
    (
        select string_agg(concat_ws(',', c.oid, c.relname, a.attnum, a.attname, a.atttypid), ';' order by c.oid, attnum)
        from pg_class as c inner join pg_attribute as a on a.attrelid = c.oid
        where c.relnamespace in (select oid from spaces) and a.attnum > 0 and not a.attisdropped
    ),
    (
        select string_agg(concat_ws(',', p.oid, p.proname, p.proargtypes, p.prorettype), ';' order by p.oid)
        from pg_proc as p where p.pronamespace in (select oid from spaces)
    )
))
"""

_checked: set[tuple[str, frozenset[Statement]]] = set()
_parser_servers: dict[Limits, ParserServer] = {}


def share() -> None:
    """Start sharing."""
    svc.worker.ParserSandbox = _SharingSandbox  # type: ignore[attr-defined]
    local._load_model = functools.cache(local._load_model)
    for transports in (httpx._transports.default, httpx2._transports.default):
        transports.create_ssl_context = functools.cache(transports.create_ssl_context)  # type: ignore[attr-defined]
    check = Database.check

    async def check_once(self: Database) -> None:
        key = await _schema(self), _set_of(self.statements)
        if key not in _checked:
            await check(self)
            _checked.add(key)

    Database.check = check_once  # type: ignore[method-assign]


async def _schema(database: Database) -> str:
    async with database.pool.connection() as connection:
        return str(await connection.fetchval(_SCHEMA))


def _set_of(statements: Mapping[str, Statement]) -> frozenset[Statement]:
    return frozenset(statements.values())


class _SharingSandbox(ParserSandbox):
    """Reuses the parser server of an earlier sandbox with the same limits, and leaves it for the next."""

    async def _running_server(self) -> ParserServer:
        running = _parser_servers.get(self._limits)
        if not self._is_closed and self._server is None and running is not None and running._process.poll() is None:
            self._server = running
        server = _parser_servers[self._limits] = await super()._running_server()
        return server

    async def close(self) -> None:
        self._server = None
        await super().close()


def end() -> None:
    """Stop the parser servers."""
    for server in _parser_servers.values():
        server._control.close()
        server._process.wait()
    _parser_servers.clear()
