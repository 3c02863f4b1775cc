"""Mutants of the statements: each makes one mistake in the handling of the tenant.

The proof of tenancy must refuse every mutant. `python -m tests.sql.mutants` makes them all and counts them. A change
that leaves the tenant bound is not a mutant, so a surviving mutant shows either a hole in the proof or a redundant
condition.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from pglast.enums import A_Expr_Kind, BoolExprType, JoinType, NullTestType, OnConflictAction
from pglast.stream import RawStream

from svc.database.statements import UNPREPARED, Statement, load_statements
from tests.sql.checker import RECEIVERS, ROOT, WITHOUT_TENANT, tenancy_faults
from tests.sql.tables import Tables, read_tables, schema_files
from tests.sql.tree import alias_of, ast, children, column, equality, line_of, location_of, parse, uncast, walk

# A tenant table with an alias that no statement uses, for unbound reads.
_STRANGER = "documents as stranger"


# An attribute of a node, and its new value.
Change = tuple[Any, str, Any]


@dataclass(frozen=True)
class Mutant:
    """One mutant: its kind, its place in the file, and its changes of the tree."""

    kind: str
    line: int
    changes: tuple[Change, ...]

    @contextmanager
    def made(self) -> Iterator[None]:
        """Apply the changes to the tree during the block, since a copy of each tree would cost more than its proof."""
        before = [(owner, attribute, getattr(owner, attribute)) for owner, attribute, _ in self.changes]
        _set(self.changes)
        try:
            yield
        finally:
            _set(before)


@dataclass(frozen=True)
class Survivor:
    """A mutant that the proof accepted as bound."""

    statement: Statement
    kind: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.statement.path}:{self.line}: {self.kind}: nobody noticed: {self.text}"


@dataclass(frozen=True)
class Place:
    """The place of a node: an attribute of its owner, and the path through the lists in it."""

    owner: Any
    attribute: str
    way: tuple[int, ...]

    def with_node(self, node: Any) -> Any:
        """The attribute's value with another node in this place."""
        return _put(getattr(self.owner, self.attribute), self.way, node)

    def without_node(self) -> Any:
        """The attribute's value without the node in this place."""
        value = getattr(self.owner, self.attribute)
        if not self.way:
            return None
        kept = tuple(item for number, item in enumerate(value) if number != self.way[0])
        return kept or None


def is_mutated(statement: Statement, tables: Tables) -> bool:
    """Whether a statement binds a tenant."""
    if statement.shape in UNPREPARED or statement.name in WITHOUT_TENANT:
        return False
    return any(getattr(node, "relname", None) in tables.tenant_tables for node in walk(parse(statement.text)))


def survivors(statement: Statement, tables: Tables, counts: Counter[str]) -> list[Survivor]:
    """Make every mutant of one statement, and return the surviving ones. `counts` gets the number of each kind."""
    tree = parse(statement.text)[0]
    alive = []
    for mutant in mutants(statement, tree, tables):
        counts[mutant.kind] += 1
        with mutant.made():
            if not tenancy_faults(statement, tree, tables):
                alive.append(Survivor(statement, mutant.kind, mutant.line, RawStream()(tree)))
    for changed in _other_headers(statement):
        counts["another parameter called user_id"] += 1
        if not tenancy_faults(changed, tree, tables):
            alive.append(Survivor(changed, "another parameter called user_id", 1, changed.text))
    return alive


def _other_headers(statement: Statement) -> Iterator[Statement]:
    """The statement with headers in which another parameter, or none, has the tenant's name."""
    parameters = statement.parameters
    tenant = statement.parameter_names.index("user_id")
    nameless = replace(parameters[tenant], name="other_id")
    for number, parameter in enumerate(parameters):
        if number == tenant:
            swapped = parameters
        elif parameter.type == "uuid":
            swapped = (*parameters[:number], replace(parameter, name="user_id"), *parameters[number + 1 :])
        else:
            continue
        changed = (*swapped[:tenant], nameless, *swapped[tenant + 1 :])
        yield replace(statement, parameters=changed)


def untied(statement: Statement, tables: Tables) -> Statement:
    """The statement without its conditions on the tenant, which reads and writes the rows of all tenants."""
    if statement.shape == "copy" or statement.tenant or not is_mutated(statement, tables):
        return statement
    tree = parse(statement.text)[0]
    made = _Maker(statement, tree, tables)
    while predicate := made.first_predicate():
        # The parameter stays, so that the server knows the type.
        _set([made.replaced(predicate, _expression(f"${made.tenant}::uuid is not null"))])
        made = _Maker(statement, tree, tables)
    return replace(statement, text=f"-- {statement.name}\n{RawStream()(tree)}")


def mutants(statement: Statement, tree: Any, tables: Tables) -> list[Mutant]:
    """Every mutant of one statement with this tree."""
    if isinstance(tree, ast.CopyStmt):
        return list(_copy_mutants(statement, tree))
    made = _Maker(statement, tree, tables)
    return [
        *made.of_predicates(),
        *made.of_joins(),
        *made.of_inserted_tenants(),
        *made.of_conflicts(),
        *made.of_assignments(),
        *made.of_levels(),
    ]


class _Maker:
    def __init__(self, statement: Statement, tree: Any, tables: Tables) -> None:
        self._statement = statement
        self._tree = tree
        self._tables = tables
        names = [parameter.name for parameter in statement.parameters]
        self._tenant = names.index("user_id") + 1 if "user_id" in names else 0
        # Any other value; if the statement has no other id, the id of no user.
        self._stranger = next(
            (
                _expression(f"${number}::uuid")
                for number, parameter in enumerate(statement.parameters, 1)
                if number != self._tenant and parameter.type == "uuid"
            ),
            _expression("gen_random_uuid()"),
        )
        # Rows may be transferred only to a receiver.
        self._outsider = _expression("gen_random_uuid()") if statement.name in RECEIVERS else self._stranger
        self._places = {id(node): place for node, place in _places(tree)}
        self._users = {alias_of(node) for node in walk(tree) if getattr(node, "relname", None) == "users"}

    @property
    def tenant(self) -> int:
        """The number of the parameter for the tenant."""
        return self._tenant

    def first_predicate(self) -> Any:
        """The first condition on a tenant, or None."""
        return next(filter(self._is_predicate, walk(self._tree)), None)

    def of_predicates(self) -> Iterator[Mutant]:
        """Each condition on a tenant: removed, weakened, on another column, or moved to where it is optional."""
        for predicate in filter(self._is_predicate, walk(self._tree)):
            place, line = self._places[id(predicate)], self._line(predicate)
            if isinstance(place.owner, ast.BoolExpr):
                yield _changed("predicate taken out", line, place.owner, place.attribute, place.without_node())
            else:
                yield self._mutant("predicate taken out", predicate, _expression("true"))
            for kind, weaker in self._weaker(predicate):
                yield self._mutant(kind, predicate, weaker)
            yield from self._moved(predicate)

    def _weaker(self, predicate: Any) -> Iterator[tuple[str, Any]]:
        true, one, other = _expression("true"), predicate.lexpr, predicate.rexpr
        yield "or true", _bool(BoolExprType.OR_EXPR, predicate, true)
        yield "or about another", _bool(BoolExprType.OR_EXPR, predicate, _equal(one, self._stranger))
        yield "a null means all", _bool(BoolExprType.OR_EXPR, _is_null(other), predicate)
        yield "not", _bool(BoolExprType.NOT_EXPR, predicate)
        yield "equal to itself", _equal(one, one) if column(one) else _equal(other, other)
        yield "in a case", ast.CaseExpr(args=(ast.CaseWhen(expr=true, result=true),), defresult=predicate)
        yield "coalesced with itself", _equal(one, ast.CoalesceExpr(args=(other, one)))
        yield "not distinct", _operation(A_Expr_Kind.AEXPR_NOT_DISTINCT, "=", one, other)
        yield (
            "any of several",
            _operation(A_Expr_Kind.AEXPR_OP_ANY, "=", one, ast.A_ArrayExpr(elements=(other, self._stranger))),
        )
        yield "one of several", _operation(A_Expr_Kind.AEXPR_IN, "=", one, (other, self._stranger))
        for sign in ("<>", "<=", ">="):
            yield f"{sign} for =", _operation(A_Expr_Kind.AEXPR_OP, sign, one, other)
        yield "cut short by a cast", _equal(_as_char(one), _as_char(other))
        for value, rest in ((one, other), (other, one)):
            yield "equal to another value", _equal(self._stranger, rest)
            if named := column(value):
                yield "about another column", _equal(_column(named[0], self._other_column(named)), rest)

    def _moved(self, predicate: Any) -> Iterator[Mutant]:
        """The condition in the ON of an outer join without effect, which keeps every row of its other side."""
        true = _expression("true")
        for level in walk(self._tree):
            if isinstance(level, ast.SelectStmt) and level.fromClause and _is_own(level, predicate):
                joined = _outer_join(level.fromClause, predicate)
                changes = (self.replaced(predicate, true), (level, "fromClause", (joined,)))
                yield Mutant("moved to an outer join", self._line(predicate), changes)

    def of_joins(self) -> Iterator[Mutant]:
        """Each join whose ON binds a tenant, changed to a full join, which restricts neither side."""
        for join in walk(self._tree):
            if isinstance(join, ast.JoinExpr) and any(
                self._is_predicate(node) for node in (join.quals, *_own(join.quals))
            ):
                yield _changed("full join", self._line(join), join, "jointype", JoinType.JOIN_FULL)

    def of_inserted_tenants(self) -> Iterator[Mutant]:
        """The tenant of each inserted row: another value, null, or omitted."""
        for insert in self._inserts():
            table = str(insert.relation.relname)
            tenant_column = self._tables.tenant_column(table)
            position = [target.name for target in insert.cols].index(tenant_column)
            rows = insert.selectStmt.valuesLists or [insert.selectStmt.targetList]
            for row in rows:
                node = getattr(row[position], "val", row[position])
                for kind, value in (
                    ("another's row inserted", self._outsider),
                    ("nobody's row inserted", _expression("null::uuid")),
                    ("coalesced row inserted", ast.CoalesceExpr(args=(self._stranger, node))),
                ):
                    yield self._mutant(kind, node, value)
            kept = tuple(target for target in insert.cols if target.name != tenant_column)
            yield _changed("tenant not inserted", self._line(insert.relation), insert, "cols", kept)

    def of_conflicts(self) -> Iterator[Mutant]:
        """The key of each upsert without the tenant, and the conflicting row assigned to another tenant."""
        for insert in self._inserts():
            clause = insert.onConflictClause
            if clause is None or clause.action != OnConflictAction.ONCONFLICT_UPDATE:
                continue
            tenant_column = self._tables.tenant_column(str(insert.relation.relname))
            kept = tuple(element for element in clause.infer.indexElems if element.name != tenant_column)
            line = self._line(clause)
            yield _changed("conflict with any tenant", line, clause.infer, "indexElems", kept)
            named = ast.InferClause(conname="some_key")
            yield _changed("conflict by a key's name", line, clause, "infer", named)
            yield self._assigning(clause, str(tenant_column))

    def of_assignments(self) -> Iterator[Mutant]:
        """An assignment to the tenant of each updated row."""
        for update in walk(self._tree):
            if isinstance(update, ast.UpdateStmt):
                tenant_column = self._tables.tenant_column(str(update.relation.relname))
                if tenant_column is not None:
                    yield self._assigning(update, tenant_column)

    def of_levels(self) -> Iterator[Mutant]:
        """An unbound tenant table on each level of the statement, in each possible place."""
        planted = _expression(f"exists (select from {_STRANGER})")
        value = ast.ResTarget(name="planted", val=_expression(f"(select stranger.id from {_STRANGER} limit 1)"))
        source = parse(f"select from {_STRANGER}")[0].fromClause
        for level in _levels(self._tree):
            line = self._line(level)
            above = level.whereClause
            where = planted if above is None else _bool(BoolExprType.AND_EXPR, above, planted)
            yield _changed("unbound subquery", line, level, "whereClause", where)
            sources = "usingClause" if isinstance(level, ast.DeleteStmt) else "fromClause"
            yield _changed("unbound source", line, level, sources, (*(getattr(level, sources) or ()), *source))
            if isinstance(level, ast.SelectStmt):
                yield _changed("unbound value", line, level, "targetList", (*(level.targetList or ()), value))
            clause = level.withClause
            for text in (f"select stranger.id from {_STRANGER}", f"delete from {_STRANGER}"):
                part = parse(f"with planted as ({text}) select")[0].withClause
                if clause is not None:
                    part = ast.WithClause(ctes=(*clause.ctes, *part.ctes), recursive=clause.recursive)
                yield _changed("unbound part", line, level, "withClause", part)

    def _inserts(self) -> list[Any]:
        return [
            node
            for node in walk(self._tree)
            if isinstance(node, ast.InsertStmt) and self._tables.tenant_column(str(node.relation.relname))
        ]

    def _assigning(self, owner: Any, tenant_column: str) -> Mutant:
        target = ast.ResTarget(name=tenant_column, val=self._stranger)
        return _changed("tenant assigned", self._line(owner), owner, "targetList", (*owner.targetList, target))

    def _is_predicate(self, node: Any) -> bool:
        """Whether this is an equality that binds, or could bind, the tenant of a row."""
        return any(self._is_tenant(side) for side in equality(node) or ())

    def _is_tenant(self, side: Any) -> bool:
        bare, named = uncast(side), column(side)
        if isinstance(bare, ast.ParamRef):
            return bool(bare.number == self._tenant)
        return named is not None and (named[1] == "user_id" or (named[1] == "id" and named[0] in self._users))

    def _other_column(self, named: tuple[str | None, str]) -> str:
        return "id" if named[1] != "id" else "other_id"

    def _mutant(self, kind: str, node: Any, value: Any) -> Mutant:
        return Mutant(kind, self._line(node), (self.replaced(node, value),))

    def replaced(self, node: Any, value: Any) -> Change:
        """The change that replaces a node with a value."""
        place = self._places[id(node)]
        return place.owner, place.attribute, place.with_node(value)

    def _line(self, node: Any) -> int:
        return line_of(self._statement.text, location_of(node))


def _changed(kind: str, line: int, owner: Any, attribute: str, value: Any) -> Mutant:
    return Mutant(kind, line, ((owner, attribute, value),))


def _copy_mutants(statement: Statement, tree: Any) -> Iterator[Mutant]:
    first, *others = tree.attlist
    line = line_of(statement.text, location_of(tree.relation))
    yield _changed("tenant not copied", line, tree, "attlist", tuple(others))
    yield _changed("columns in another order", line, tree, "attlist", (*others, first))


def _set(changes: Iterable[Change]) -> None:
    for owner, attribute, value in changes:
        setattr(owner, attribute, value)


def _places(node: Any) -> Iterator[tuple[Any, Place]]:
    """Every node below a node, with its place."""
    for attribute in node:
        for way, child in _items(getattr(node, attribute), ()):
            yield child, Place(node, attribute, way)
            yield from _places(child)


def _items(value: Any, way: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], Any]]:
    if isinstance(value, ast.Node):
        yield way, value
    elif isinstance(value, tuple):
        for number, item in enumerate(value):
            yield from _items(item, (*way, number))


def _put(value: Any, way: tuple[int, ...], node: Any) -> Any:
    if not way:
        return node
    return tuple(_put(item, way[1:], node) if number == way[0] else item for number, item in enumerate(value))


def _own(node: Any) -> Iterator[Any]:
    """The nodes of one level, without the queries below it."""
    for child in children(node):
        if not isinstance(child, ast.SelectStmt | ast.WithClause):
            yield child
            yield from _own(child)


def _levels(tree: Any) -> list[Any]:
    """The queries of a statement that have their own FROM."""
    return [
        node
        for node in walk(tree)
        if isinstance(node, ast.UpdateStmt | ast.DeleteStmt)
        or (isinstance(node, ast.SelectStmt) and not node.valuesLists and node.larg is None)
    ]


def _is_own(level: Any, node: Any) -> bool:
    return any(part is node for part in _own(level))


def _outer_join(sources: Any, condition: Any) -> Any:
    joined, *others = sources
    for other in others:
        joined = ast.JoinExpr(jointype=JoinType.JOIN_INNER, isNatural=False, larg=joined, rarg=other)
    nothing = parse("select from (select 1 as one) as nothing")[0].fromClause[0]
    return ast.JoinExpr(jointype=JoinType.JOIN_LEFT, isNatural=False, larg=joined, rarg=nothing, quals=condition)


def _expression(text: str) -> Any:
    return parse(f"select {text}")[0].targetList[0].val


def _bool(operator: BoolExprType, *arguments: Any) -> Any:
    return ast.BoolExpr(boolop=operator, args=arguments)


def _operation(kind: A_Expr_Kind, sign: str, one: Any, other: Any) -> Any:
    return ast.A_Expr(kind=kind, name=(ast.String(sval=sign),), lexpr=one, rexpr=other)


def _equal(one: Any, other: Any) -> Any:
    return _operation(A_Expr_Kind.AEXPR_OP, "=", one, other)


def _is_null(value: Any) -> Any:
    return ast.NullTest(arg=value, nulltesttype=NullTestType.IS_NULL, argisrow=False)


def _as_char(value: Any) -> Any:
    return ast.TypeCast(arg=value, typeName=_expression("''::char").typeName)


def _column(relation: str | None, name: str) -> Any:
    return _expression(f"{relation}.{name}" if relation else name)


def main() -> None:
    """Make every mutant of every statement; exit code 1 if one survives."""
    tables = read_tables(schema_files(ROOT))
    known = load_statements(ROOT / "sql")
    statements = [statement for statement in known.values() if is_mutated(statement, tables)]
    counts: Counter[str] = Counter()
    alive = [survivor for statement in statements for survivor in survivors(statement, tables, counts)]
    for kind, count in sorted(counts.items()):
        print(f"{count:6} {kind}")
    for survivor in alive:
        print(survivor)
    print(f"{counts.total()} mutants of {len(statements)} statements, {counts.total() - len(alive)} killed.")
    print(f"\n{len(WITHOUT_TENANT)} statements touch tenants' tables and bind no tenant:")
    for name in sorted(WITHOUT_TENANT):
        print(f"  {name}: {known[name].tenant}")
    sys.exit(1 if alive else 0)


if __name__ == "__main__":
    main()
