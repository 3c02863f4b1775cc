"""Imports a tenant: stores the lines of an export unchanged, in one transaction.

The file is read twice. The first pass checks all lines without the database, so that a truncated or altered file is
refused before anything is stored. The second pass stores the rows with COPY. Both keep only a few rows in memory.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO
from uuid import UUID

import msgspec

from svc.access.references import PREFIX
from svc.accounts.plans import unknown_plan
from svc.database.failures import ConstraintError
from svc.database.queries import Database, Transaction
from svc.database.rows import ExportUsageDays, ImportUsageDays, UsersGet
from svc.database.types import as_dict
from svc.errors import ConflictError, InvalidRequestError
from svc.fields.emails import composed_email, spellings_of
from svc.tenants.erase import erase_in
from svc.tenants.reading import DEFAULT_LIMITS, BadExportError, ExportReader, Line, LineLimits
from svc.tenants.records import Header, read_vector

STORED_BY: dict[str, str | None] = {
    "users": "import/users",
    "api_keys": None,
    "usage_days": "import/usage_days",
    "documents": "import/documents",
    "document_contents": "import/document_contents",
    "file_parts": "import/file_parts",
    "chunks": "import/chunks",
    "chunk_vectors": "ingest/write_vectors",
    "collections": "import/collections",
    "file_batches": "import/file_batches",
    "collection_files": "import/collection_files",
    "conversations": "import/conversations",
    "conversation_documents": "import/conversation_documents",
    "messages": "import/messages",
    "message_vectors": "message_jobs/write_vectors",
}
"""The statement that stores the rows of each exported table; None if they are only for information."""

_WITH_VECTORS = frozenset({"chunks", "chunk_vectors", "message_vectors"})
_ROWS_AT_ONCE = 500
_BYTES_AT_ONCE = 4 * 2**20


@dataclass(frozen=True)
class Orders:
    """The operator's choices for an import. The file, which its user may have written, determines none of them.

    `replace` is the id or the email address of the user of the export, who is first erased, in the same transaction.
    `plan` is the user's plan; if it is None, a replaced user keeps theirs, and another gets `default_plan`.
    `with_usage` takes the daily usage from the file; otherwise a replaced user keeps theirs, and another has none.
    `without_vectors` omits the data that depends on the export's embedding model: documents, and with
    `embed_messages` also messages, are queued to be embedded again.
    """

    default_plan: str = "free"
    replace: str | None = None
    plan: str | None = None
    with_usage: bool = False
    without_vectors: bool = False
    embed_messages: bool = True


@dataclass
class Imported:
    """The result of an import.

    `rows` counts the stored rows by table. `plan` is the user's plan here, and `plan_of_file` the one that the export
    names. `reset` documents changed during the export and are ingested again from
    their bytes; `dropped` documents and conversations were deleted during the export. `queued` documents wait for a
    worker; they include the reset ones.
    """

    user_id: UUID
    plan: str
    plan_of_file: str = ""
    rows: dict[str, int] = field(default_factory=dict)
    reset: int = 0
    dropped: int = 0
    queued: int = 0


async def import_user(
    database: Database,
    file: BinaryIO,
    orders: Orders = Orders(),
    limits: LineLimits = DEFAULT_LIMITS,
) -> Imported:
    """Import a user from a seekable file, with the operator's choices.

    Raises:
        BadExportError: the file is truncated, altered, or contains a row that cannot be stored; the error names the
        line. ConflictError: the user, their email address or their external id already exists, the export is not of the
        user
            to replace, or the vectors are of another model.
        InvalidRequestError: there is no plan with the ordered name.
    """
    reader = ExportReader(database.statements, limits)
    header = reader.check(file)
    file.seek(0)
    async with database.transaction() as transaction:
        if not orders.without_vectors:
            await _check_model(transaction, header)
        replaced = await _replaced(transaction, header.user_id, orders.replace) if orders.replace else None
        plan = orders.plan or (replaced.plan if replaced else orders.default_plan)
        if await transaction.one("plans/get", name=plan) is None:
            raise await unknown_plan(transaction, plan)
        kept_usage = [] if replaced is None or orders.with_usage else await _usage(transaction, header.user_id)
        if replaced is not None:
            await erase_in(transaction, header.user_id)
        imported = Imported(header.user_id, plan)
        # The statements that complete the import are planned for the stored rows.
        await transaction.value("jobs/keep_plans", is_planned_once=True)
        for lines in _batches(line for line in reader.rows(file) if line.table in _stored(orders)):
            await _store(transaction, imported, lines)
            imported.rows[lines[0].table] = imported.rows.get(lines[0].table, 0) + len(lines)
        if kept_usage:
            await transaction.copy("import/usage_days", kept_usage)
        await transaction.value("jobs/keep_plans", is_planned_once=False)
        await _settle(transaction, imported, orders.embed_messages)
    return imported


def _stored(orders: Orders) -> set[str]:
    """The tables whose rows are stored."""
    stored = {table for table, name in STORED_BY.items() if name is not None}
    if orders.without_vectors:
        stored -= _WITH_VECTORS
    if not orders.with_usage:
        stored -= {"usage_days"}
    return stored


def _same_address(one: str, other: str) -> bool:
    return spellings_of(one)[0].lower() == spellings_of(other)[0].lower()


async def _replaced(transaction: Transaction, user_id: UUID, name: str) -> UsersGet | None:
    """The user whom the operator wants to replace; None if they do not exist here and the operator gave their id.

    Raises:
        ConflictError: the export is of another user.
    """
    row = await transaction.one("users/get", user_id=user_id)
    if name.lower() == str(user_id) or (row is not None and _same_address(name, row.email)):
        return row
    if row is not None and row.external_id is not None and name.removeprefix(PREFIX) == row.external_id:
        return row
    raise ConflictError(
        f"the export is of the user {user_id}, not of the user {name} whom --replace names; nothing was changed"
    )


async def _usage(transaction: Transaction, user_id: UUID) -> list[ImportUsageDays]:
    """The user's daily usage, as rows for `import/usage_days`."""
    rows: list[ExportUsageDays] = []
    while True:
        last = rows[-1] if rows else None
        page = await transaction.many(
            "export/usage_days",
            user_id=user_id,
            after_day=last.day if last is not None else None,
            after_slot=last.slot if last is not None else 0,
            max_rows=_ROWS_AT_ONCE,
        )
        rows += page
        if len(page) < _ROWS_AT_ONCE:
            return [ImportUsageDays(user_id, **as_dict(row)) for row in rows]


async def _check_model(transaction: Transaction, header: Header) -> None:
    row = await transaction.one("server/current_model")
    assert row is not None
    if (row.model, row.dimensions) != (header.embedding_model, header.embedding_dimensions):
        raise ConflictError(
            f"the export has vectors of {header.embedding_model} with {header.embedding_dimensions} dimensions, but "
            f"this database has vectors of {row.model} with {row.dimensions}. --without-vectors leaves the vectors "
            "out and embeds everything again"
        )


def _batches(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Yield batches of consecutive lines of the same table, bounded in rows and bytes."""
    for _, same in itertools.groupby(lines, key=lambda line: line.table):
        batch: list[Line] = []
        size_bytes = 0
        for line in same:
            batch.append(line)
            size_bytes += len(line.text)
            if len(batch) == _ROWS_AT_ONCE or size_bytes >= _BYTES_AT_ONCE:
                yield batch
                batch, size_bytes = [], 0
        if batch:
            yield batch


async def _store(transaction: Transaction, imported: Imported, lines: Sequence[Line]) -> None:
    table, rows, user_id = lines[0].table, [line.value for line in lines], imported.user_id
    try:
        if table == "users":
            imported.plan_of_file = rows[0].plan
            await _store_user(transaction, rows[0], imported.plan)
        elif table == "conversation_documents":
            await transaction.exec(
                "import/conversation_documents",
                user_id=user_id,
                conversation_ids=[row.conversation_id for row in rows],
                document_ids=[row.document_id for row in rows],
            )
        elif table == "collection_files":
            await transaction.exec(
                "import/collection_files", user_id=user_id, files=[msgspec.to_builtins(row) for row in rows]
            )
        else:
            name = STORED_BY[table]
            assert name is not None
            columns = transaction.statements[name].parameters[1:]
            kept = [(column.name, read_vector if column.type == "halfvec" else None) for column in columns]
            await transaction.copy_by_name(name, [(user_id, *_values(row, kept)) for row in rows])
    except ConstraintError as error:
        raise _bad(lines, f"it violates the constraint {error.constraint}") from None
    except InvalidRequestError as error:
        raise _bad(lines, error.detail) from None


def _values(row: Any, columns: Iterable[tuple[str, Any]]) -> Iterator[Any]:
    for name, read in columns:
        value = getattr(row, name)
        yield value if read is None or value is None else read(value)


async def _store_user(transaction: Transaction, row: Any, plan: str) -> None:
    try:
        await transaction.exec(
            "import/users",
            user_id=row.id,
            email=composed_email(row.email),
            name=row.name,
            plan=plan,
            preferences=row.preferences,
            created_at=row.created_at,
            updated_at=row.updated_at,
            external_id=row.external_id,
        )
    except ConstraintError as error:
        if error.constraint == "users_external_id_key":
            raise ConflictError(f"another user already has the external id {row.external_id}") from None
        if error.constraint == "users_pkey":
            raise ConflictError(
                f"the user {row.id} already exists; --replace {row.id} first erases the user with all their data"
            ) from None
        if error.constraint == "users_email_key":
            raise ConflictError(f"another user already has the email address {row.email}") from None
        raise


def _bad(lines: Sequence[Line], detail: str) -> BadExportError:
    first, last = lines[0].number, lines[-1].number
    where = first if first == last else f"{first} to {last}"
    return BadExportError(where, f"{lines[0].table} that cannot be stored: {detail}")


async def _settle(transaction: Transaction, imported: Imported, embed_messages: bool) -> None:
    """Reset or drop incompletely exported rows, queue the remaining work, and recompute the counts.

    Terms are not exported: they depend on the rules of the release that makes them, and on its language.
    """
    user_id = imported.user_id
    await transaction.exec("import/drop_unowned_contents", user_id=user_id)
    imported.dropped = await transaction.exec("import/drop_vanished_documents", user_id=user_id)
    await transaction.exec("import/hide_readings", user_id=user_id)
    imported.dropped += await transaction.exec("import/drop_vanished_conversations", user_id=user_id)
    imported.reset = await transaction.exec("import/reset_incomplete_documents", user_id=user_id)
    imported.queued = await transaction.exec("import/queue_documents", user_id=user_id)
    await transaction.exec("import/count_messages", user_id=user_id)
    if embed_messages:
        await transaction.exec("import/queue_messages", user_id=user_id)
    await transaction.exec("terms/queue", user_id=user_id)
    await transaction.exec("import/count", user_id=user_id)
