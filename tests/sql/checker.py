"""All rules for `sql/`, `migrations/` and the Python code of `svc/` that need no server. `make check` runs them.

The tests plant faults and check that each rule fails. Only this module checks the project itself.

The exceptions are listed here, each with a reason. The reason for a statement is in its header.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from svc.database.statements import UNPREPARED, Statement, read_statement
from svc.errors import StartupError
from tests.sql.bounds import (
    description_faults,
    function_faults,
    kind_faults,
    limit_faults,
    parameter_faults,
    star_faults,
)
from tests.sql.migrations import check_migrations, check_served
from tests.sql.nulls import null_faults
from tests.sql.plan_headers import BASELINES, header_faults
from tests.sql.privileges import grant_faults
from tests.sql.python_text import sql_faults
from tests.sql.record_tables import record_faults
from tests.sql.tables import Tables, read_tables, schema_files
from tests.sql.tenancy import Proof
from tests.sql.tree import OWN_INDEX, Fault, SqlSyntaxError, line_of, parse, walk

ROOT = Path(__file__).resolve().parents[2]

# Statements that use tenant tables and bind no tenant; the line `-- tenant:` of each contains the reason.
WITHOUT_TENANT = {
    "collection_files/list_left",
    "collection_readers/find_chunk",
    "collection_readers/find_chunks",
    "collection_readers/find_cited",
    "collection_readers/find_collections",
    "collection_readers/find_document",
    "collection_readers/list_collections",
    "collections/list_expired",
    "conversations/list_expired",
    "documents/list_expired",
    "documents/list_left_over",
    "doctor/dangling_files",
    "doctor/dangling_keys",
    "doctor/dangling_readers",
    "doctor/documents_without_job",
    "doctor/jobs_without_work",
    "doctor/left_over",
    "doctor/unowned_contents",
    "doctor/message_tenants",
    "doctor/queues",
    "doctor/sample_lane",
    "doctor/sample_tenants",
    "doctor/terms",
    "doctor/wrong_expiries",
    "doctor/wrong_chunk_counts",
    "doctor/wrong_chunk_totals",
    "doctor/wrong_conversation_totals",
    "doctor/wrong_document_totals",
    "doctor/wrong_file_parts",
    "doctor/wrong_message_counts",
    "idempotency/list_expired",
    "indexes/list",
    "ingest/claim",
    "ingest/next_due",
    "keys/authenticate",
    "message_jobs/claim",
    "message_jobs/next_due",
    "samples/indexed_tenant",
    "samples/small_tenant",
    "samples/tenant",
    "server/health",
    "server/queues",
    "terms/claim",
    "terms/stale_samples",
    "terms/waiting",
    "uploads/list_expired",
    "usage/flush",
    "usage/list",
    "users/create",
    "users/create_signed_in",
    "users/find_by_email",
    "users/find_by_external_id",
    "users/list",
    "users/resolve",
}
# Statements that transfer rows of their tenant to another user, with the parameter of the receiver: they insert rows
# for the receiver, but read none.
RECEIVERS = {
    "documents/transfer": "to_user",
    "documents/transfer_chunks": "to_user",
    "documents/transfer_count": "to_user",
    "documents/transfer_release": "to_user",
    "file_parts/transfer": "to_user",
    "terms/queue_receiver": "to_user",
}
# Lists without a LIMIT; the line `-- bound:` of each names the limit.
WITHOUT_LIMIT = {
    "calibration/create_documents",
    "ingest/chunk_ids",
    "messages/append",
    "server/applied_migrations",
    "server/table_columns",
    "server/table_rights",
}
# Session locks: each of these runs on a separate connection that its caller opens and closes.
FUNCTION_EXCEPTIONS = {
    "indexes/lock": "pg_try_advisory_lock",
    "server/lock_migrations": "pg_try_advisory_lock",
    "server/set_for_session": "set_config",
    # For one transaction only, after which the settings of the session apply again.
    "jobs/keep_plans": "set_config",
    "jobs/limit_transaction": "set_config",
}
# The maximum number of lines of a statement without its header, for readability.
MOST_LINES = 60
# The shortest statement that can follow an EXPLAIN or PREPARE, for parsing its file.
_FOLLOWING = "select"
KEY_EXCEPTIONS = {
    "users_email_key": "an address is unique among all tenants",
    "users_external_id_key": "an external id is unique among all tenants",
    "api_keys_key_hash_key": "the key is what tells the tenant",
    "ingestion_jobs_due_idx": "a worker looks for what is due across all tenants",
    "message_jobs_due_idx": "a worker looks for what is due across all tenants",
    "term_jobs_due_idx": "a worker looks for what is due across all tenants",
    "usage_days_day_idx": "an administrator looks at what all tenants used between two days",
    "idempotency_keys_created_idx": "a worker looks for what has expired across all tenants",
    "documents_expires_idx": "a worker looks for what has expired across all tenants",
    "conversations_expires_idx": "a worker looks for what has expired across all tenants",
    "collections_expires_idx": "a worker looks for what has expired across all tenants",
    "collection_readers_reader_fkey": "a reader is another user",
    "collection_readers_reader_idx": "a reader looks across all tenants for what they share",
    "uploads_expires_idx": "a worker looks for what has expired across all tenants",
    "collection_files_left_idx": "a worker looks across all tenants for files that left long ago",
    "chunk_terms_keys_idx": "a key is a term XOR a number of the tenant",
    "message_terms_keys_idx": "a key is a term XOR a number of the tenant",
    "documents_user_metadata_idx": "the tenant is the outermost key of the value that it indexes",
    OWN_INDEX: "it holds the rows of one tenant only; it has its name when it is made",
}


# Texts of the service that it does not execute.
ALLOWED_TEXTS = {
    # The grammar of a `:copy` file.
    "svc/database/statements.py": {
        r"^copy (?P<table>[a-z_]+) \((?P<columns>[a-z_, \n]+)\) from stdin with \(format binary\);?$",
        "a :copy body must be: copy table (column, …) from stdin with (format binary);",
    },
    # The remedies in the error message for a refused database.
    "svc/database/suitability.py": {
        "pgvector is installed in the schema x of the database x, which is not on the search path of this login (x). "
        'Add it for both roles: alter database "x" set search_path = x, "x"; or move it: alter extension vector set '
        "schema public.",
        '"; or move it: alter extension vector set schema public.',
    },
}


def check_sql(root: Path = ROOT) -> list[Fault]:
    """Every fault of `sql/` below `root`."""
    folder = root / "sql"
    tables = read_tables(schema_files(root))
    faults, statements = list(_stray_files(folder)), list[Statement]()
    for path in sorted(folder.glob("*/*.sql")):
        try:
            statement = read_statement(path, folder)
        except StartupError as error:
            faults.append(Fault(path, 1, error.detail))
            continue
        statements.append(statement)
        faults += check_statement(statement, tables)
    faults += header_faults(statements, root / BASELINES)
    names = {statement.name for statement in statements}
    for name in (WITHOUT_TENANT | WITHOUT_LIMIT | {*FUNCTION_EXCEPTIONS, *RECEIVERS}) - names:
        faults.append(Fault(folder, 0, f"there is an exception for {name}, but no such file"))
    return faults


def check_statement(statement: Statement, tables: Tables) -> list[Fault]:
    """Every fault of one file."""
    try:
        nodes = parse(statement.text + _FOLLOWING if is_unfinished(statement) else statement.text)
    except SqlSyntaxError as error:
        return [Fault(statement.path, error.line, error.message)]
    kind = list(kind_faults(statement, nodes))
    found = [*description_faults(statement), *kind]
    if not kind:
        found += _query_faults(statement, nodes[0], tables)
    found += length_faults(statement)
    return [Fault(statement.path, line_of(statement.text, location), message) for location, message in found]


def length_faults(statement: Statement) -> Iterator[tuple[int, str]]:
    """Check that a long statement has a reason for its length."""
    lines = statement.body.count("\n") + 1
    if lines > MOST_LINES and not statement.length:
        yield 0, f"{lines} lines are more than {MOST_LINES}: split it, or say why not in a line `-- length:`"
    if lines <= MOST_LINES and statement.length:
        yield 0, f"{lines} lines need no line `-- length:`"


def is_unfinished(statement: Statement) -> bool:
    """Whether the file is the beginning of a statement: EXPLAIN or PREPARE, followed by the text of another file."""
    return statement.shape == "explain" and statement.body.endswith((")", " as"))


def _query_faults(statement: Statement, node: object, tables: Tables) -> Iterator[tuple[int, str]]:
    if statement.shape in UNPREPARED:
        return
    yield from function_faults(statement, node, FUNCTION_EXCEPTIONS)
    yield from star_faults(node)
    yield from limit_faults(statement, node)
    yield from _exception_faults(statement, node, tables)
    if statement.shape != "copy":
        yield from parameter_faults(statement, node)
        yield from null_faults(statement, node, tables)
    unbound = tenancy_faults(statement, node, tables)
    if statement.name not in WITHOUT_TENANT:
        yield from unbound
    elif not unbound:
        yield 0, "it binds its tenant, so it needs no place in the list WITHOUT_TENANT of tests/sql/checker.py"


def tenancy_faults(statement: Statement, node: object, tables: Tables) -> list[tuple[int, str]]:
    """The places where a statement could use another tenant's row."""
    numbers = {parameter.name: number for number, parameter in enumerate(statement.parameters, 1)}
    tenant = numbers.get("user_id")
    proof = Proof(tables, tenant, numbers.get(RECEIVERS.get(statement.name, "")))
    proof.check(node)
    if tenant and statement.parameters[tenant - 1].type != "uuid":
        proof.faults.append((0, "user_id is a uuid"))
    return proof.faults


def _exception_faults(statement: Statement, node: object, tables: Tables) -> Iterator[tuple[int, str]]:
    touched = {getattr(part, "relname", None) for part in walk(node)} & tables.tenant_tables
    if bool(statement.tenant) != (statement.name in WITHOUT_TENANT):
        yield 0, "a line `-- tenant:` and a place in the list WITHOUT_TENANT of tests/sql/checker.py go together"
    if statement.tenant and not touched:
        yield 0, "it touches no tenant's table, so it needs no line `-- tenant:`"
    if bool(statement.bound) != (statement.name in WITHOUT_LIMIT):
        yield 0, "a line `-- bound:` and a place in the list WITHOUT_LIMIT of tests/sql/checker.py go together"


def _stray_files(folder: Path) -> Iterator[Fault]:
    for path in sorted(folder.rglob("*")):
        is_statement = path.suffix == ".sql" and path.parent.parent == folder
        if path.is_file() and not is_statement and path != folder / "README.md":
            yield Fault(path, 1, "sql/ holds folder/name.sql and README.md; nobody would load this")


def check_python(root: Path = ROOT) -> list[Fault]:
    """SQL in the service's Python."""
    faults = []
    for path in sorted((root / "svc").rglob("*.py")):
        source, name = path.read_text(encoding="utf-8"), path.relative_to(root).as_posix()
        faults += sql_faults(path, source, ALLOWED_TEXTS.get(name, set()))
    for name, texts in ALLOWED_TEXTS.items():
        path = root / name
        found = sql_faults(path, path.read_text(encoding="utf-8"), set()) if path.is_file() else []
        if path.is_file() and len(found) != len(texts):
            faults.append(
                Fault(path, 1, "a text in the list ALLOWED_TEXTS of tests/sql/checker.py stands here no more")
            )
    return faults


def check_all(root: Path = ROOT) -> list[Fault]:
    """Every fault of the SQL below `root`, and of the service's Python about it."""
    # Without a readable schema, the statements cannot be checked.
    in_sql = check_migrations(root, KEY_EXCEPTIONS) or check_served(root) or check_sql(root)
    return sorted([*check_python(root), *(in_sql or list(grant_faults(root)) or record_faults(root))])


def main() -> None:
    """Print every fault; exit code 1 if there is one."""
    faults = check_all()
    for fault in faults:
        print(fault)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
