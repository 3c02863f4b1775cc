"""Rules for `migrations/` and for the keys of the schema, by tenant, and for distributed tables."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pglast.enums import ConstrType

from svc.database.statements import load_statements
from svc.errors import StartupError
from tests.sql.migration_headers import header_faults, tables_of, truth_faults
from tests.sql.tables import Key, Tables, read_tables, schema_files
from tests.sql.tree import Fault, SqlSyntaxError, ast, line_of, location_of, parsed, walk

_NAME = re.compile(r"^(?P<number>\d{4})\.(?P<name>[a-z0-9_]+?)(?P<rollback>\.rollback)?\.sql$")
_FORBIDDEN = {
    ast.CreateTrigStmt: "no triggers: a distributed table refuses them, and nobody sees them in a statement",
    ast.CreateSeqStmt: "no sequences: ids are made by uuidv7() on any node",
    ast.RuleStmt: "no rules: they rewrite statements behind the reader's back",
    ast.ViewStmt: "no views: a statement names the tables that it reads",
    ast.TransactionStmt: "no BEGIN and COMMIT: a migration is one transaction already",
    ast.VariableSetStmt: "no SET: what a migration leaves set, the next one inherits",
}
_SERIAL = {"serial", "bigserial", "smallserial", "serial4", "serial8", "serial2"}


def check_migrations(root: Path, exceptions: Mapping[str, str]) -> list[Fault]:
    """All faults of `migrations/` and of the schema's keys; the keys in `exceptions` need not begin with the tenant."""
    folder = root / "migrations"
    faults = list(_name_faults(folder))
    for path in sorted(folder.glob("*.sql")):
        text = path.read_text(encoding="utf-8")
        try:
            nodes = parsed(text)
        except SqlSyntaxError as error:
            faults.append(Fault(path, error.line, error.message))
            continue
        faults += [Fault(path, line_of(text, location), message) for location, message in _statement_faults(text)]
        faults += [
            Fault(path, line_of(text, location), message) for location, message in _concurrent_faults(path, nodes)
        ]
        if not path.name.endswith(".rollback.sql"):
            faults += list(_header_faults(path, text, folder))
    if not faults:
        faults += check_keys(read_tables(schema_files(root)), exceptions)
    return faults


def check_served(root: Path) -> list[Fault]:
    """The differences between a header and the files: locked tables, and served statements."""
    try:
        statements = load_statements(root / "sql")
    except StartupError:
        # The check of the statements reports the file.
        return []
    tables = {name: tables_of(statement) for name, statement in statements.items()}
    faults: list[Fault] = []
    for path in sorted((root / "migrations").glob("*.sql")):
        if ".rollback." not in path.name:
            faults += truth_faults(path, path.read_text(encoding="utf-8"), statements, tables)
    return faults


def check_keys(tables: Tables, exceptions: Mapping[str, str]) -> list[Fault]:
    """The first two barriers: keys and indexes of tenant tables begin with the tenant, and foreign keys include it."""
    faults = []
    for key in tables.keys:
        message = _key_fault(key, tables)
        if message and key.name not in exceptions:
            faults.append(Fault(key.path, key.line, message))
    needless = set(exceptions) - {key.name for key in tables.keys if _key_fault(key, tables)}
    faults += [Fault(Path("migrations"), 0, f"the exception for {name} is needed no more") for name in needless]
    for table in tables.tenant_tables - {"users"}:
        if not any(key.table == table and key.kind == "primary key" for key in tables.keys):
            faults.append(Fault(Path("migrations"), 0, f"{table} has no primary key"))
    return faults


def _key_fault(key: Key, tables: Tables) -> str | None:
    tenant_column = tables.tenant_column(key.table)
    if tenant_column is None:
        return None
    if key.references is not None and tables.tenant_column(key.references[0]) is None:
        # The referenced table is shared by all tenants, so the key cannot include the tenant.
        return None
    if key.columns[0] != tenant_column:
        return f"{key.kind} {key.name} of {key.table} begins with {key.columns[0]}, not with {tenant_column}"
    if key.references is not None:
        table, columns = key.references
        if not columns or columns[0] != tables.tenant_column(table):
            return f"{key.kind} {key.name} does not take the tenant across to {table}"
    return None


def _name_faults(folder: Path) -> Iterator[Fault]:
    names = sorted(path.name for path in folder.iterdir())
    for name in names:
        match = _NAME.match(name)
        if match is None:
            yield Fault(
                folder / name, 1, "a migration is named 0001.what_it_is.sql, its way back 0001.what_it_is.rollback.sql"
            )
        elif match["rollback"] and name.replace(".rollback.", ".") not in names:
            yield Fault(folder / name, 1, "there is no migration for this rollback")
        elif not match["rollback"] and name.replace(".sql", ".rollback.sql") not in names:
            yield Fault(folder / name, 1, f"there is no way back: {name.replace('.sql', '.rollback.sql')} is missing")
    numbers = [int(name[:4]) for name in names if _NAME.match(name) and ".rollback." not in name]
    if len(set(numbers)) < len(numbers):
        yield Fault(folder, 1, f"the numbers of the migrations are {numbers}; each is given once")


def _header_faults(path: Path, text: str, folder: Path) -> Iterator[Fault]:
    steps = sorted(p.name.removesuffix(".sql") for p in folder.glob("*.sql") if ".rollback." not in p.name)
    position = steps.index(path.name.removesuffix(".sql"))
    yield from header_faults(path, text, steps[position - 1] if position else None)


@functools.cache
def _statement_faults(text: str) -> tuple[tuple[int, str], ...]:
    return tuple(fault for node in walk(parsed(text)) for fault in _node_faults(node))


def _node_faults(node: Any) -> Iterator[tuple[int, str]]:
    for kind, message in _FORBIDDEN.items():
        if isinstance(node, kind):
            yield location_of(node), message
    if isinstance(node, ast.TypeName) and node.names and node.names[-1].sval in _SERIAL:
        yield location_of(node), _FORBIDDEN[ast.CreateSeqStmt]
    if isinstance(node, ast.Constraint):
        yield from _constraint_faults(node)
    if isinstance(node, ast.DoStmt) and re.search(r"\btrigger\b|\bsequence\b", _body(node), re.IGNORECASE):
        yield location_of(node), "a DO block makes no trigger and no sequence"


def _concurrent_faults(path: Path, nodes: Sequence[Any]) -> Iterator[tuple[int, str]]:
    """Check that an index is built or dropped concurrently, outside a transaction, in a file that otherwise only drops
    the remains of a killed build, so that the file can be run again after any failure."""
    forward = path.with_name(path.name.replace(".rollback.", "."))
    is_outside = "\n-- transactional: false\n" in (forward.read_text(encoding="utf-8") if forward.exists() else "")
    concurrent = [node for node in nodes if getattr(node, "concurrent", False)]
    if not is_outside:
        for node in concurrent:
            yield location_of(node), "concurrently is for a file with the line -- transactional: false"
        return
    for node in nodes:
        if node not in concurrent:
            yield location_of(node), "without a transaction there are only statements with concurrently"
    dropped: set[str] = set()
    for node in concurrent:
        if isinstance(node, ast.DropStmt):
            dropped |= {str(name[-1].sval) for name in node.objects}
            if not node.missing_ok:
                yield location_of(node), "what may have been dropped already is dropped `if exists`"
        elif str(node.idxname) not in dropped:
            what = f"before it stands: drop index concurrently if exists {node.idxname}; a killed build leaves it"
            yield location_of(node), what


def _constraint_faults(node: Any) -> Iterator[tuple[int, str]]:
    if node.contype == ConstrType.CONSTR_IDENTITY:
        yield location_of(node), _FORBIDDEN[ast.CreateSeqStmt]
    # A letter for each action; "a" is NO ACTION.
    if node.contype == ConstrType.CONSTR_FOREIGN and node.fk_upd_action not in (None, "", "a"):
        yield location_of(node), "no ON UPDATE: a tenant's rows move by copy and delete"


def _body(node: Any) -> str:
    return " ".join(str(part.arg.sval) for part in node.args or () if part.defname == "as")
