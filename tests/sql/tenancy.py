"""The proof of the first barrier: every row that a statement uses belongs to the tenant that it binds.

A value *is the tenant* if it is the parameter `user_id` itself, or a column that an equality ties to it. Only mandatory
conditions count: the parts of an `and` in WHERE and in the ON of inner joins; the ON of an outer join counts only for
its optional side. Then

- each tenant table in FROM, UPDATE and DELETE must have its tenant column tied so, on every level of the statement;
- each row inserted must carry the tenant, and the row that it conflicts with must share it; where a statement names a
  receiver, rows may be inserted for that one instead;
- no tenant column may be assigned.

The proof refuses constructs that it cannot read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pglast.enums import JoinType, OnConflictAction, SetOperation

from tests.sql.tables import Tables
from tests.sql.tree import alias_of, ast, children, column, conjuncts, equality, location_of

# A column of a result, and whether it is the tenant.
Output = list[tuple[str, bool]]


@dataclass
class Relation:
    """An item in FROM: the column that must be the tenant, if any, and the columns that are.

    `columns` are those of a table, to resolve columns without the name of a relation.
    """

    name: str
    tenant_column: str | None
    node: Any
    tenant_columns: set[str] = field(default_factory=set)
    columns: frozenset[str] = frozenset()


@dataclass
class Scope:
    """One level of a statement, with those around it."""

    relations: dict[str, Relation] = field(default_factory=dict)
    outer: Scope | None = None

    def find(self, alias: str | None, name: str) -> Relation | None:
        """The relation of a column. A column without the name of a relation must be in exactly one table."""
        if alias is None:
            only = next(iter(self.relations.values())) if len(self.relations) == 1 else None
            return only if only is not None and name in only.columns else None
        scope: Scope | None = self
        while scope is not None:
            if alias in scope.relations:
                return scope.relations[alias]
            scope = scope.outer
        return None


@dataclass
class Condition:
    """A mandatory condition, and the relations that it restricts."""

    node: Any
    about: set[str]


class Proof:
    """The proof for one statement; `faults` are (location, message) of unproved parts.

    `parameter` is the number of the tenant's parameter, and `receiver` that of a user who may receive the tenant's
    rows.
    """

    def __init__(self, tables: Tables, parameter: int | None, receiver: int | None = None) -> None:
        self._tables = tables
        self._parameter = parameter
        self._receiver = receiver
        self._is_giving = False
        self.faults: list[tuple[int, str]] = []

    def check(self, node: Any) -> None:
        """Read a whole statement."""
        if isinstance(node, ast.CopyStmt):
            self._copy(node)
        else:
            self._query(node, None, {})

    def _fault(self, node: Any, message: str) -> None:
        self.faults.append((location_of(node), message))

    # Statements

    def _query(self, node: Any, outer: Scope | None, known: Mapping[str, set[str]]) -> Output:
        with_queries = dict(known)
        clause: Any = getattr(node, "withClause", None)
        for query in clause.ctes if clause is not None else ():
            if clause.recursive:
                with_queries[str(query.ctename)] = set()
            output = self._query(query.ctequery, outer, with_queries)
            with_queries[str(query.ctename)] = _tenant_columns(output, query.aliascolnames)
        if isinstance(node, ast.SelectStmt):
            return self._select(node, outer, with_queries)
        if isinstance(node, ast.InsertStmt):
            return self._insert(node, outer, with_queries)
        if isinstance(node, ast.UpdateStmt | ast.DeleteStmt):
            return self._change(node, outer, with_queries)
        self._fault(node, f"the proof cannot read a {type(node).__name__}")
        return []

    def _select(self, node: Any, outer: Scope | None, known: Mapping[str, set[str]]) -> Output:
        if node.op != SetOperation.SETOP_NONE:
            left, right = self._query(node.larg, outer, known), self._query(node.rarg, outer, known)
            self._subqueries(node, Scope(outer=outer), known)
            return [(name, a and b) for (name, a), (_, b) in zip(left, right, strict=False)]
        if node.valuesLists:
            scope = Scope(outer=outer)
            self._subqueries(node, scope, known)
            rows = [[self._is_tenant(value, scope) for value in row] for row in node.valuesLists]
            return [(f"column{number}", all(flags)) for number, flags in enumerate(zip(*rows, strict=True), 1)]
        scope = self._scope(node.fromClause or (), node.whereClause, outer, known)
        self._subqueries(node, scope, known)
        return self._output(node.targetList, scope)

    def _change(self, node: Any, outer: Scope | None, known: Mapping[str, set[str]]) -> Output:
        sources = node.fromClause if isinstance(node, ast.UpdateStmt) else node.usingClause
        scope = self._scope(sources or (), node.whereClause, outer, known, target=node.relation)
        if isinstance(node, ast.UpdateStmt):
            self._assignments(node.targetList, str(node.relation.relname))
        self._subqueries(node, scope, known)
        return self._returned(node, scope)

    def _insert(self, node: Any, outer: Scope | None, known: Mapping[str, set[str]]) -> Output:
        table = str(node.relation.relname)
        tenant_column = self._tenant_column(node.relation)
        output = self._query(node.selectStmt, outer, known) if node.selectStmt is not None else []
        target = Relation(alias_of(node.relation) or table, None, node, columns=self._columns(node.relation))
        if tenant_column is not None:
            columns = [str(part.name) for part in node.cols or ()]
            if tenant_column not in columns:
                self._fault(node.relation, f"the rows inserted into {table} name no {tenant_column}")
            elif _is_flagged(output, columns.index(tenant_column)):
                target.tenant_columns.add(tenant_column)
            elif not _is_flagged(self._given(node.selectStmt, outer, known), columns.index(tenant_column)):
                self._fault(node.relation, f"{tenant_column} of the rows inserted into {table} is not {self._tenant}")
        scope = Scope({target.name: target}, outer)
        if node.onConflictClause is not None:
            scope.relations["excluded"] = Relation("excluded", None, node, set(target.tenant_columns))
            self._conflict(node.onConflictClause, table, tenant_column)
            self._subqueries(node.onConflictClause, scope, known)
        self._subqueries(node.returningClause, scope, known)
        return self._returned(node, Scope({target.name: target}, outer))

    def _given(self, select: Any, outer: Scope | None, known: Mapping[str, set[str]]) -> Output:
        """The columns of the rows to insert, in which the receiver counts as the tenant; the reads have been proved."""
        faults, self.faults, self._is_giving = self.faults, [], self._receiver is not None
        try:
            return self._query(select, outer, known)
        finally:
            self.faults, self._is_giving = faults, False

    def _conflict(self, clause: Any, table: str, tenant_column: str | None) -> None:
        if clause.action != OnConflictAction.ONCONFLICT_UPDATE or tenant_column is None:
            return
        keys = [str(element.name) for element in (clause.infer.indexElems or ())] if clause.infer else []
        if tenant_column not in keys:
            self._fault(clause, f"the row in {table} that is updated on conflict need not share {tenant_column}")
        self._assignments(clause.targetList, table)

    def _assignments(self, targets: Any, table: str) -> None:
        for target in targets:
            if self._tables.tenant_column(table) == target.name:
                self._fault(target, f"{target.name} of {table} is assigned: a row would change its tenant")

    def _copy(self, node: Any) -> None:
        if not node.is_from or node.relation is None:
            self._fault(node, "the proof reads COPY into a table only")
            return
        columns = [str(part.sval) for part in node.attlist or ()]
        tenant_column = self._tenant_column(node.relation)
        # The columns of a COPY are its parameters, so by its header the first one is the tenant.
        if tenant_column is not None and (columns[:1] != [tenant_column] or self._parameter != 1):
            self._fault(node.relation, f"{tenant_column} is not the first column copied")

    # Scopes

    def _scope(
        self, sources: Any, where: Any, outer: Scope | None, known: Mapping[str, set[str]], target: Any = None
    ) -> Scope:
        scope = Scope(outer=outer)
        if target is not None:
            name = alias_of(target) or str(target.relname)
            scope.relations[name] = self._table(name, target)
        conditions: list[Condition] = []
        laterals: list[Any] = []
        for source in sources:
            self._source(source, scope, known, conditions, laterals)
        conditions += [Condition(part, set(scope.relations)) for part in conjuncts(where)]
        self._tie(scope, conditions)
        for lateral in laterals:
            self._add_subselect(lateral, scope, scope, known)
            # Its output may bind other relations.
            conditions += [Condition(part, set(scope.relations)) for part in conjuncts(where)]
            self._tie(scope, conditions)
        for relation in scope.relations.values():
            if relation.tenant_column is not None and relation.tenant_column not in relation.tenant_columns:
                self._fault(relation.node, f"{relation.name}.{relation.tenant_column} is not tied to {self._tenant}")
        return scope

    def _source(
        self,
        node: Any,
        scope: Scope,
        known: Mapping[str, set[str]],
        conditions: list[Condition],
        laterals: list[Any],
    ) -> set[str]:
        """Add the items of FROM; returns the added names."""
        if getattr(node, "alias", None) is not None and alias_of(node) in scope.relations:
            self._fault(node, f"{alias_of(node)} stands twice in one FROM")
        if isinstance(node, ast.JoinExpr):
            left = self._source(node.larg, scope, known, conditions, laterals)
            right = self._source(node.rarg, scope, known, conditions, laterals)
            if node.usingClause or node.isNatural or node.alias is not None:
                self._fault(node, "the proof reads joins with ON and without a name of their own")
            about = {
                JoinType.JOIN_INNER: left | right,
                JoinType.JOIN_LEFT: right,
                JoinType.JOIN_RIGHT: left,
            }.get(node.jointype, set())
            conditions += [Condition(part, about) for part in conjuncts(node.quals)]
            return left | right
        if isinstance(node, ast.RangeSubselect):
            if node.lateral:
                laterals.append(node)
            else:
                self._add_subselect(node, scope, scope.outer, known)
            return {alias_of(node) or ""}
        if isinstance(node, ast.RangeVar):
            return {self._add_table(node, scope, known)}
        if not isinstance(node, ast.RangeFunction):
            self._fault(node, f"the proof cannot read a {type(node).__name__}")
        name = alias_of(node) or f"(function {len(scope.relations)})"
        scope.relations[name] = Relation(name, None, node)
        return {name}

    def _add_table(self, node: Any, scope: Scope, known: Mapping[str, set[str]]) -> str:
        name = alias_of(node) or str(node.relname)
        if node.alias is not None and node.alias.colnames:
            self._fault(node, "the proof reads tables and queries under the names of their own columns")
        if node.alias is None and name in scope.relations:
            self._fault(node, f"{name} stands twice in one FROM")
        if node.schemaname is None and node.relname in known:
            scope.relations[name] = Relation(name, None, node, set(known[node.relname]))
        else:
            scope.relations[name] = self._table(name, node)
        return name

    def _table(self, name: str, node: Any) -> Relation:
        return Relation(name, self._tenant_column(node), node, columns=self._columns(node))

    def _columns(self, node: Any) -> frozenset[str]:
        return frozenset(self._tables.columns.get(str(node.relname), ()))

    def _add_subselect(self, node: Any, scope: Scope, outer: Scope | None, known: Mapping[str, set[str]]) -> None:
        name = alias_of(node) or ""
        output = self._query(node.subquery, outer, known)
        names = node.alias.colnames if node.alias is not None else None
        scope.relations[name] = Relation(name, None, node, _tenant_columns(output, names))

    def _tenant_column(self, node: Any) -> str | None:
        table = str(node.relname)
        if table not in self._tables.columns and not table.startswith("pg_"):
            self._fault(node, f"there is no table {table} in migrations/ and sql/ddl/")
        return self._tables.tenant_column(table)

    def _tie(self, scope: Scope, conditions: list[Condition]) -> None:
        """Follow the equalities from the parameter as far as they go."""
        grows = True
        while grows:
            grows = sum(self._tie_one(scope, condition) for condition in conditions) > 0

    def _tie_one(self, scope: Scope, condition: Condition) -> bool:
        sides = equality(condition.node)
        if sides is None:
            return False
        grown = False
        for one, other in (sides, sides[::-1]):
            named = column(_plain(one))
            relation = scope.find(*named) if named else None
            if named is None or relation is None or relation is not scope.relations.get(relation.name):
                continue
            if relation.name in condition.about and self._is_tenant(other, scope):
                grown = grown or named[1] not in relation.tenant_columns
                relation.tenant_columns.add(named[1])
        return grown

    # Values

    @property
    def _tenant(self) -> str:
        return f"the tenant (${self._parameter})" if self._parameter else "a tenant: no parameter is named user_id"

    def _is_tenant(self, node: Any, scope: Scope) -> bool:
        value = _plain(node)
        if isinstance(value, ast.ParamRef):
            return value.number == self._parameter or (self._is_giving and value.number == self._receiver)
        named = column(value)
        relation = scope.find(*named) if named else None
        return named is not None and relation is not None and named[1] in relation.tenant_columns

    def _output(self, targets: Any, scope: Scope) -> Output:
        return [(_target_name(target), self._is_tenant(target.val, scope)) for target in targets or ()]

    def _returned(self, node: Any, scope: Scope) -> Output:
        return self._output(node.returningClause.exprs, scope) if node.returningClause is not None else []

    def _subqueries(self, node: Any, scope: Scope, known: Mapping[str, set[str]]) -> None:
        for link in _links(node):
            self._query(link.subselect, scope, known)


def _is_flagged(output: Output, position: int) -> bool:
    return position < len(output) and output[position][1]


def _target_name(target: Any) -> str:
    if target.name is not None:
        return str(target.name)
    named = column(target.val)
    return named[1] if named else "?column?"


def _links(node: Any) -> Iterator[Any]:
    """The subqueries in the expressions of one level; nested ones, and those in WITH and FROM, are other levels."""
    for child in children(node):
        yield from _links_at(child)


def _links_at(node: Any) -> Iterator[Any]:
    if isinstance(node, ast.SubLink):
        yield node
        # The left side of `x in (select …)` belongs to this level.
        yield from _links_at(node.testexpr)
    elif not isinstance(node, ast.SelectStmt | ast.WithClause | ast.RangeSubselect | ast.OnConflictClause):
        yield from _links(node)


def _tenant_columns(output: Output, names: Any) -> set[str]:
    """The columns of a result that are the tenant, with their output names."""
    given = [str(part.sval) for part in names or ()]
    own = [name for name, _ in output]
    renamed = given + own[len(given) :]
    return {name for name, (_, is_tenant) in zip(renamed, output, strict=False) if is_tenant}


def _plain(node: Any) -> Any:
    """The expression under casts to uuid; any other cast could make different values equal."""
    while isinstance(node, ast.TypeCast) and [part.sval for part in node.typeName.names] == ["uuid"]:
        if node.typeName.arrayBounds:
            break
        node = node.arg
    return node
