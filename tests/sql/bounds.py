"""Rules for single statements that do not depend on the schema: results, limits and paging."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pglast.enums import A_Expr_Kind, MinMaxOp, SubLinkType
from pglast.stream import RawStream

from svc.database.headers import server_type
from svc.database.statements import Statement
from tests.sql.tree import alias_of, ast, children, column, function_name, location_of, uncast, walk

# (location, message)
Found = Iterator[tuple[int, str]]

_KINDS = {
    "copy": (ast.CopyStmt,),
    "ddl": (
        ast.CreateStmt, ast.IndexStmt, ast.DropStmt, ast.CreatedbStmt, ast.VacuumStmt,
        ast.AlterRoleSetStmt, ast.CreateRoleStmt, ast.GrantStmt, ast.CreateExtensionStmt,
        ast.DoStmt, ast.AlterFunctionStmt,
    ),
    "explain": (ast.ExplainStmt, ast.PrepareStmt, ast.DeallocateStmt),
    "template": (ast.VariableSetStmt, ast.InsertStmt),
}  # fmt: skip
_QUERIES = (ast.SelectStmt, ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt)
_MOST_ROWS = 10_000
_MOST_TIMES = 10
# These functions aggregate any number of rows into one value.
_COLLECTING = {
    "array_agg", "json_agg", "json_agg_strict", "json_arrayagg", "json_object_agg", "json_objectagg", "jsonb_agg",
    "jsonb_agg_strict", "jsonb_object_agg", "string_agg", "xmlagg",
}  # fmt: skip
_SESSION_LOCK = "it holds a lock until the session ends, and a session of the pool does not end"
# The planner inlines these functions, so a whole row means only the columns that the function names.
_TAKE_ROWS = {
    "document_matches", "conversation_matches", "message_matches", "collection_file_matches", "has_not_expired",
    "is_shared_with",
}  # fmt: skip
# The effect of this call ends with the transaction, and no result depends on it.
_PLANS_ONCE = "set_config('plan_cache_mode', 'force_generic_plan', TRUE)"
# These functions have effects outside the statement's text, or change the session that the next request uses.
_FORBIDDEN_FUNCTIONS = {
    "set_config": "it changes the session, which the next request uses",
    "pg_advisory_lock": _SESSION_LOCK,
    "pg_advisory_lock_shared": _SESSION_LOCK,
    "pg_try_advisory_lock": _SESSION_LOCK,
    "pg_try_advisory_lock_shared": _SESSION_LOCK,
    "nextval": "ids are UUIDs; a sequence cannot be distributed",
    "query_to_xml": "it runs SQL that nobody can read here",
    "query_to_xml_and_xmlschema": "it runs SQL that nobody can read here",
    "table_to_xml": "it reads a table that is not named here",
    "cursor_to_xml": "it reads a table that is not named here",
    "schema_to_xml": "it reads tables that are not named here",
    "database_to_xml": "it reads tables that are not named here",
    "dblink": "it runs SQL that nobody can read here",
    "dblink_exec": "it runs SQL that nobody can read here",
    "pg_read_file": "it reads the server's files",
    "lo_get": "it reads large objects, which belong to nobody",
}


def kind_faults(statement: Statement, nodes: list[Any]) -> Found:
    """Check that a file has one statement, of the kind of its shape."""
    if len(nodes) != 1:
        yield 0, f"one statement a file; here are {len(nodes)}"
        return
    if not isinstance(nodes[0], _KINDS.get(statement.shape, _QUERIES)):
        yield 0, f"a :{statement.shape} file cannot hold a {type(nodes[0]).__name__}"
    for select in _all(nodes[0], ast.SelectStmt):
        if select.intoClause is not None:
            yield location_of(select), "SELECT INTO makes a table"


def description_faults(statement: Statement) -> Found:
    """Check that the header describes the purpose of the statement in a sentence, and its result, if any."""
    if len(statement.intent.split()) < 4 or not statement.intent.endswith("."):
        yield 0, "the header's text is a sentence of four words or more: who asks, and for what"
    if not statement.text.endswith(";\n") and statement.shape != "explain":
        yield 0, "a file ends with a semicolon and a line feed"
    returns_rows = statement.shape in ("one", "many", "value")
    if returns_rows != bool(statement.columns):
        article = "an" if statement.shape == "exec" else "a"
        yield 0, f"{article} :{statement.shape} file has {'a' if returns_rows else 'no'} line `-- returns:`"
    elif statement.shape == "value" and len(statement.columns) != 1:
        yield 0, "a :value file returns one column"
    for parameter in statement.parameters:
        if parameter.name == "user_id" and not statement.tenant and parameter.comment != "the tenant":
            yield 0, "the comment of user_id is: the tenant"


def function_faults(statement: Statement, node: Any, allowed: dict[str, str]) -> Found:
    """Check that no forbidden function is called; `allowed` is the exception of a file."""
    for call in _all(node, ast.FuncCall):
        name = function_name(call)
        if name in _FORBIDDEN_FUNCTIONS and allowed.get(statement.name) != name and not _plans_once(call):
            yield location_of(call), f"{name}() is forbidden: {_FORBIDDEN_FUNCTIONS[name]}"


def _plans_once(call: Any) -> bool:
    """Whether a call only lets plans of foreign keys be kept until the end of the transaction."""
    return RawStream()(call) == _PLANS_ONCE


def parameter_faults(statement: Statement, node: Any) -> Found:
    """Check that every parameter has a cast to its type in the header, so that no plan depends on an inferred type."""
    types = {number: parameter.type for number, parameter in enumerate(statement.parameters, start=1)}
    cast = {}
    for part in _all(node, ast.TypeCast):
        if isinstance(part.arg, ast.ParamRef):
            cast[id(part.arg)] = _type_name(part.typeName)
    for reference in _all(node, ast.ParamRef):
        said, seen = types.get(reference.number), cast.get(id(reference))
        if said is None:
            yield location_of(reference), f"${reference.number} is not in the header"
        elif seen != said:
            yield location_of(reference), f"${reference.number} stands without a cast to {said}"


def star_faults(node: Any) -> Found:
    """Check that columns are listed: no `*` and no whole row, except as an argument of a function that names
    columns."""
    for reference in _all(node, ast.ColumnRef):
        if any(isinstance(part, ast.A_Star) for part in reference.fields):
            yield location_of(reference), "columns are listed, never *"
    taken = {
        id(argument)
        for call in _all(node, ast.FuncCall)
        if function_name(call) in _TAKE_ROWS
        for argument in call.args or ()
    }
    for level in _all(node, *_QUERIES):
        rows = {alias_of(part) for part in _sources(level)}
        for reference in _own(level, ast.ColumnRef):
            named = column(reference)
            if id(reference) not in taken and named is not None and named[0] is None and named[1] in rows:
                yield location_of(reference), f"{named[1]} is a whole row; list its columns"
    for insert in _all(node, ast.InsertStmt):
        if not insert.cols:
            yield location_of(insert), "the columns of an INSERT are listed"


def limit_faults(statement: Statement, node: Any) -> Found:
    """Check that a list has a LIMIT, on the outermost query and in aggregates, or a `bound:` with the reason."""
    if not statement.bound:
        if statement.shape == "many" and not _is_limited(node):
            yield 0, "a :many statement has a LIMIT, or a line `-- bound: what limits it`"
        yield from _gathering_faults(node)
    for select in _all(node, ast.SelectStmt):
        if select.limitOffset is not None:
            yield _end_of(select), "no OFFSET: it reads what it skips; page by the last key"
        if select.limitCount is not None:
            if not select.sortClause:
                yield location_of(select.limitCount), "a LIMIT without ORDER BY takes any rows"
            yield from _count_faults(statement, select.limitCount)


def _end_of(select: Any) -> int:
    """The location of the last part of a query that has one: a number in LIMIT or OFFSET has none."""
    return max(getattr(part, "location", None) or 0 for part in walk(select))


def _count_faults(statement: Statement, node: Any) -> Found:
    value = uncast(_without_factor(_without_rest(node)))
    if isinstance(value, ast.MinMaxExpr) and value.op == MinMaxOp.IS_LEAST:
        for each in value.args:
            yield from _count_faults(statement, each)
    elif isinstance(value, ast.ParamRef):
        if value.number > len(statement.parameters) or statement.parameters[value.number - 1].type != "int4":
            yield location_of(node), "the parameter of a LIMIT is an int"
    elif not isinstance(value, ast.A_Const) or not isinstance(value.val, ast.Integer):
        yield location_of(node), "a LIMIT is a parameter, a number, a number times a parameter, or the least of such"
    elif value.val.ival > _MOST_ROWS:
        yield location_of(node), f"a LIMIT of over {_MOST_ROWS} rows is none"


def _without_rest(node: Any) -> Any:
    """The parameter of `greatest(0, $1 - 64)`, the remaining number after 64 rows; other nodes are returned
    unchanged."""
    if not isinstance(node, ast.MinMaxExpr) or node.op != MinMaxOp.IS_GREATEST or len(node.args) != 2:
        return node
    zero, rest = node.args
    is_zero = isinstance(zero, ast.A_Const) and isinstance(zero.val, ast.Integer) and zero.val.ival == 0
    is_rest = isinstance(rest, ast.A_Expr) and [name.sval for name in rest.name] == ["-"]
    is_less = is_rest and isinstance(rest.rexpr, ast.A_Const) and isinstance(rest.rexpr.val, ast.Integer)
    return rest.lexpr if is_zero and is_less else node


def _without_factor(node: Any) -> Any:
    """The parameter of `2 * $1`; other nodes are returned unchanged."""
    is_product = isinstance(node, ast.A_Expr) and [name.sval for name in node.name] == ["*"]
    factor = node.lexpr.val if is_product and isinstance(node.lexpr, ast.A_Const) else None
    return node.rexpr if isinstance(factor, ast.Integer) and 1 <= factor.ival <= _MOST_TIMES else node


def _gathering_faults(node: Any) -> Found:
    # An array in a comparison has the same cost as the same subquery after `in`.
    compared = {id(part.rexpr) for part in _all(node, ast.A_Expr) if part.kind == A_Expr_Kind.AEXPR_OP_ANY}
    for link in _all(node, ast.SubLink):
        is_array = link.subLinkType == SubLinkType.ARRAY_SUBLINK and id(link) not in compared
        if is_array and not _is_limited(link.subselect):
            yield location_of(link), "what array() gathers has a LIMIT"
    limited = {str(part.ctename) for part in _all(node, ast.CommonTableExpr) if _is_limited(part.ctequery)}
    for select in _all(node, ast.SelectStmt):
        calls = [call for call in _own(select, ast.FuncCall) if function_name(call) in _COLLECTING]
        if calls and not _reads_limited(select, limited):
            yield location_of(calls[0]), f"what {function_name(calls[0])}() gathers comes from a query with LIMIT"


def _reads_limited(select: Any, limited: set[str]) -> bool:
    sources = list(_sources(select))
    return bool(sources) and all(
        _is_limited(part.subquery) if isinstance(part, ast.RangeSubselect) else part.relname in limited
        for part in sources
    )


def _is_limited(node: Any) -> bool:
    if not isinstance(node, ast.SelectStmt) or node.limitCount is None:
        return False
    return not (isinstance(node.limitCount, ast.A_Const) and node.limitCount.isnull)


def _all(node: Any, *kinds: type) -> Iterator[Any]:
    return (part for part in walk(node) if isinstance(part, kinds))


def _own(level: Any, kind: type) -> Iterator[Any]:
    """The nodes of one level of a statement, without the queries inside it."""
    for child in children(level):
        if isinstance(child, kind):
            yield child
        if not isinstance(child, _QUERIES):
            yield from _own(child, kind)


def _sources(level: Any) -> Iterator[Any]:
    """The tables and queries in FROM of one level, without functions."""
    for child in children(level):
        if isinstance(child, ast.RangeVar | ast.RangeSubselect):
            yield child
        elif isinstance(child, ast.JoinExpr):
            yield from _sources(child)


def _type_name(node: Any) -> str:
    return server_type(str(node.names[-1].sval)) + ("[]" if node.arrayBounds else "")
