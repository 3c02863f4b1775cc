"""Determines which columns of a statement's rows can be null, as far as its text and the schema show.

A header declares this, because the server does not report it for a prepared statement. The declaration is compared with
one of three answers: NEVER (provably not null), SCHEMA (a table's column without NOT NULL, or any column of the
optional side of an outer join) and UNKNOWN, for which the rows in the tests decide (tests/null_guard.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from pglast.enums import A_Expr_Kind, BoolExprType, JoinType, NullTestType, SetOperation, SubLinkType

from svc.database.statements import Statement
from tests.sql.tables import Tables
from tests.sql.tree import ast, walk


class Null(IntEnum):
    """Whether a value can be null; a value made from two has the larger answer."""

    NEVER = 0
    UNKNOWN = 1
    SCHEMA = 2


# Functions that return null only for a null argument.
_STRICT = {
    "abs", "bit_count", "cardinality", "ceil", "date_trunc", "extract", "floor", "format_type", "greatest", "least",
    "left", "length", "ln", "lower", "md5", "octet_length", "power", "right", "round", "sha256", "upper",
}  # fmt: skip
# Functions that never return null, whatever their arguments.
_FULL = {"clock_timestamp", "count", "current_database", "now", "random", "row_number", "statement_timestamp", "uuidv7",
         "concat", "json_merge_patch", "version"}  # fmt: skip
# Operators whose result is not null if their operands are not.
_TOTAL_OPERATORS = {
    "+", "-", "*", "/", "%", "||", "=", "<>", "<", ">", "<=", ">=", "<=>", "<->", "<#>", "<~>", "&&", "@>", "<@",
}  # fmt: skip
_STRICT_COMPARISONS = {"=", "<>", "<", ">", "<=", ">=", "&&", "@>", "<@"}

Columns = Mapping[str, Null]


@dataclass
class _Scope:
    """The names in the scope of a part of a statement: tables, queries and aliases, and the columns that a condition
    makes not null."""

    tables: Tables
    nullable_parameters: frozenset[int]
    queries: dict[str, Columns] = field(default_factory=dict)
    aliases: dict[str, Columns] = field(default_factory=dict)
    filled: set[tuple[str, str]] = field(default_factory=set)

    def inner(self) -> _Scope:
        return _Scope(self.tables, self.nullable_parameters, dict(self.queries), dict(self.aliases), set(self.filled))

    def relation(self, name: str) -> Columns:
        """The columns of a query of the WITH clause, or else of a table."""
        if name in self.queries:
            return self.queries[name]
        columns = self.tables.columns.get(name, ())
        return {one: Null.NEVER if (name, one) in self.tables.not_null else Null.SCHEMA for one in columns}

    def column(self, names: list[str]) -> Null:
        if len(names) == 1:
            found = [columns[names[0]] for columns in self.aliases.values() if names[0] in columns]
            return found[0] if len(found) == 1 else Null.UNKNOWN
        alias, name = names[-2:]
        return Null.NEVER if (alias, name) in self.filled else self.aliases.get(alias, {}).get(name, Null.UNKNOWN)


def column_nulls(statement: Statement, node: Any, tables: Tables) -> list[tuple[str, Null]]:
    """The name and the answer for each column of a statement."""
    numbers = frozenset(number for number, one in enumerate(statement.parameters, 1) if one.can_be_null)
    return list(_query(node, _Scope(tables, numbers)).items())


def null_faults(statement: Statement, node: Any, tables: Tables) -> Iterator[tuple[int, str]]:
    """The columns whose nullability in the header contradicts the text and the schema."""
    is_read = statement.shape in ("one", "many", "value")
    found = dict(column_nulls(statement, node, tables)) if is_read else {}
    returns = statement.text.find("-- returns:")
    for column in statement.columns if is_read else ():
        null = found.get(column.name, Null.UNKNOWN)
        if null is Null.SCHEMA and not column.can_be_null:
            yield returns, f"the column {column.name} can be null: its header reads `{column.name} {column.type} null`"
        # The value of a `:value` statement counts as null if it returns no row.
        if null is Null.NEVER and column.can_be_null and statement.shape != "value":
            yield returns, f"the column {column.name} cannot be null, but its header says that it can"
    tested = set(_tested_parameters(node))
    for number, parameter in enumerate(statement.parameters, 1):
        if number in tested and not parameter.can_be_null:
            place = statement.text.find(f"-- ${number} ")
            yield place, f"${number} is compared with null: its header reads `{parameter.name} {parameter.type} null`"


def _tested_parameters(node: Any) -> Iterator[int]:
    """The parameters that the statement compares with null."""
    for part in walk(node):
        tested = None
        if isinstance(part, ast.NullTest):
            tested = part.arg
        elif isinstance(part, ast.CoalesceExpr):
            tested = part.args[0]
        while isinstance(tested, ast.TypeCast):
            tested = tested.arg
        if isinstance(tested, ast.ParamRef):
            yield int(tested.number)


def _query(node: Any, scope: _Scope) -> dict[str, Null]:
    """The columns of a query, in their order."""
    scope = scope.inner()
    if node.withClause is not None:
        for part in node.withClause.ctes:
            columns = {} if node.withClause.recursive else _query(part.ctequery, scope)
            names = [str(name.sval) for name in part.aliascolnames or ()]
            scope.queries[str(part.ctename)] = dict(zip(names or columns, columns.values(), strict=False))
    if isinstance(node, ast.SelectStmt):
        return _select(node, scope)
    _from(node.relation, scope, Null.NEVER)
    if isinstance(node, ast.MergeStmt):
        _from(node.sourceRelation, scope, Null.UNKNOWN)
    else:
        for item in getattr(node, "fromClause", None) or getattr(node, "usingClause", None) or ():
            _from(item, scope, Null.NEVER)
        if not isinstance(node, ast.InsertStmt):
            _filter(node.whereClause, scope)
    returning = getattr(node, "returningList", None)
    if returning is None and (clause := getattr(node, "returningClause", None)) is not None:
        returning = clause.exprs
    return _targets(returning or (), scope)


def _select(node: Any, scope: _Scope) -> dict[str, Null]:
    if node.op != SetOperation.SETOP_NONE:
        left, right = _query(node.larg, scope), _query(node.rarg, scope)
        return {
            name: max(pair) for name, pair in zip(left, zip(left.values(), right.values(), strict=True), strict=True)
        }
    if node.valuesLists:
        rows = [[_value(item, scope) for item in row] for row in node.valuesLists]
        return {f"column{number}": max(column) for number, column in enumerate(zip(*rows, strict=True), 1)}
    for item in node.fromClause or ():
        _from(item, scope, Null.NEVER)
    _filter(node.whereClause, scope)
    # With several grouping sets, a column that is not in the set is null.
    if any(isinstance(part, ast.GroupingSet) for part in node.groupClause or ()):
        return dict.fromkeys(_targets(node.targetList, scope), Null.UNKNOWN)
    return _targets(node.targetList or (), scope)


def _targets(targets: Iterable[Any], scope: _Scope) -> dict[str, Null]:
    return {_target_name(target): _value(target.val, scope) for target in targets}


def _target_name(target: Any) -> str:
    if target.name:
        return str(target.name)
    value = target.val
    while isinstance(value, ast.TypeCast):
        value = value.arg
    if isinstance(value, ast.ColumnRef):
        return _names(value)[-1]
    if isinstance(value, ast.FuncCall):
        return str(value.funcname[-1].sval)
    if isinstance(value, ast.CoalesceExpr):
        return "coalesce"
    if isinstance(value, ast.SubLink) and value.subLinkType == SubLinkType.EXISTS_SUBLINK:
        return "exists"
    return f"(column at {getattr(target, 'location', 0)})"


def _names(reference: Any) -> list[str]:
    return [str(getattr(part, "sval", "*")) for part in reference.fields]


def _from(item: Any, scope: _Scope, outer: Null) -> None:
    """Add the names of a FROM item; `outer`: the effect of an outer join on its columns."""
    if isinstance(item, ast.JoinExpr):
        left = outer if item.jointype in (JoinType.JOIN_INNER, JoinType.JOIN_LEFT) else Null.SCHEMA
        right = outer if item.jointype in (JoinType.JOIN_INNER, JoinType.JOIN_RIGHT) else Null.SCHEMA
        _from(item.larg, scope, left)
        _from(item.rarg, scope, right)
        if item.jointype == JoinType.JOIN_INNER:
            _filter(item.quals, scope)
        return
    alias = str(item.alias.aliasname) if item.alias else str(getattr(item, "relname", "(none)"))
    columns: Columns = {}
    if isinstance(item, ast.RangeVar):
        columns = scope.relation(str(item.relname))
    elif isinstance(item, ast.RangeSubselect):
        columns = _query(item.subquery, scope)
        names = [str(name.sval) for name in item.alias.colnames or ()] if item.alias else []
        columns = dict(zip(names or columns, columns.values(), strict=False))
    scope.aliases[alias] = {name: max(null, outer) for name, null in columns.items()}


def _filter(condition: Any, scope: _Scope) -> None:
    """Record the columns that must be not null for a condition to be true."""
    if isinstance(condition, ast.BoolExpr) and condition.boolop == BoolExprType.AND_EXPR:
        for part in condition.args:
            _filter(part, scope)
    tested: list[Any] = []
    if isinstance(condition, ast.NullTest) and condition.nulltesttype == NullTestType.IS_NOT_NULL:
        tested = [condition.arg]
    elif _is_comparison(condition):
        tested = [condition.lexpr, condition.rexpr]
    for value in tested:
        if isinstance(value, ast.ColumnRef) and len(names := _names(value)) == 2:
            scope.filled.add((names[0], names[1]))


def _is_comparison(condition: Any) -> bool:
    """Whether a condition is true only if neither of its operands is null."""
    kinds = (A_Expr_Kind.AEXPR_OP, A_Expr_Kind.AEXPR_OP_ANY)
    is_operator = isinstance(condition, ast.A_Expr) and condition.kind in kinds
    return is_operator and str(condition.name[-1].sval) in _STRICT_COMPARISONS


def _value(node: Any, scope: _Scope) -> Null:
    if isinstance(node, ast.ColumnRef):
        return scope.column(_names(node))
    if isinstance(node, ast.ParamRef):
        return Null.UNKNOWN if node.number in scope.nullable_parameters else Null.NEVER
    if isinstance(node, ast.A_Const):
        return Null.SCHEMA if node.isnull else Null.NEVER
    if isinstance(node, ast.TypeCast):
        return _value(node.arg, scope)
    if isinstance(node, ast.NullTest | ast.BooleanTest | ast.A_ArrayExpr | ast.SQLValueFunction):
        return Null.NEVER
    if isinstance(node, ast.BoolExpr):
        return _known(node.args, scope)
    if isinstance(node, ast.CoalesceExpr):
        return min(_known([argument], scope) for argument in node.args)
    if isinstance(node, ast.MinMaxExpr):
        return min(_known([argument], scope) for argument in node.args)
    if isinstance(node, ast.CaseExpr):
        if node.defresult is None:
            return Null.UNKNOWN
        return _known([node.defresult, *(part.result for part in node.args)], scope)
    if isinstance(node, ast.FuncCall):
        return _function(node, scope)
    if isinstance(node, ast.A_Expr):
        return _operator(node, scope)
    if isinstance(node, ast.SubLink):
        return _subquery(node, scope)
    return Null.UNKNOWN


def _known(nodes: Iterable[Any], scope: _Scope) -> Null:
    """NEVER if none of the values can be null, otherwise UNKNOWN, since the result need not be null."""
    return min(Null.UNKNOWN, max((_value(node, scope) for node in nodes), default=Null.NEVER))


def _function(node: Any, scope: _Scope) -> Null:
    name = str(node.funcname[-1].sval)
    if name in _FULL:
        return Null.NEVER
    return _known(node.args or (), scope) if name in _STRICT else Null.UNKNOWN


def _operator(node: Any, scope: _Scope) -> Null:
    if node.kind in (A_Expr_Kind.AEXPR_DISTINCT, A_Expr_Kind.AEXPR_NOT_DISTINCT):
        return Null.NEVER
    if node.kind != A_Expr_Kind.AEXPR_OP or str(node.name[-1].sval) not in _TOTAL_OPERATORS:
        return Null.UNKNOWN
    return _known([part for part in (node.lexpr, node.rexpr) if part is not None], scope)


def _subquery(node: Any, scope: _Scope) -> Null:
    if node.subLinkType in (SubLinkType.EXISTS_SUBLINK, SubLinkType.ARRAY_SUBLINK):
        return Null.NEVER
    query = node.subselect
    if node.subLinkType != SubLinkType.EXPR_SUBLINK or not isinstance(query, ast.SelectStmt) or not query.targetList:
        return Null.UNKNOWN
    # An aggregate without groups always returns one row; other queries may return none.
    has_one_row = not query.groupClause and not query.havingClause and _is_count(query.targetList[0].val)
    return _known([query.targetList[0].val], scope) if has_one_row else Null.UNKNOWN


def _is_count(node: Any) -> bool:
    return any(isinstance(part, ast.FuncCall) and str(part.funcname[-1].sval) == "count" for part in walk(node))
