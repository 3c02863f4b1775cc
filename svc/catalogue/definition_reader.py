"""What stands in one function, method, class or constant of a package: its texts, and what it refers to.

What an attribute refers to is found by annotations: a value's type is taken to be the set of the package's own classes
that its annotation mentions, so an element of a list, what a coroutine gives and what a context manager yields need no
rules of their own. Too many classes may come out, too few may not.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from svc.catalogue.sources import Module

Types = frozenset[str]
NO_TYPES: Types = frozenset()
Function = ast.FunctionDef | ast.AsyncFunctionDef
_STARTS_TASK = ("create_task", "keep", "once")


@dataclass(frozen=True)
class Task:
    """A loop that is started with `background.keep(…, name="…")`, or a task with `create_task` or `once`."""

    name: str
    texts: frozenset[str]
    uses: frozenset[str]


@dataclass
class Node:
    """What stands in one function, method, class or constant. In a pattern of `texts`, `*` is what is put in."""

    texts: set[str] = field(default_factory=set)
    uses: set[str] = field(default_factory=set)
    tasks: list[Task] = field(default_factory=list)


class DefinitionReader(ast.NodeVisitor):
    """Reads one definition from top to bottom."""

    def __init__(self, module: Module, place: str) -> None:
        self._module = module
        self._sources = module.sources
        self._place = place
        self._types: dict[str, Types] = {}
        self._locals: set[str] = set()
        self._node = Node()

    def read(self, definition: ast.stmt) -> Node:
        """What stands in it."""
        if isinstance(definition, ast.ClassDef):
            self._read_class(definition)
        elif isinstance(definition, Function):
            self._enter(definition)
            for statement in definition.body:
                self.visit(statement)
        else:
            self.visit(definition)
        return self._node

    def note_fields(self, method: Function, fields: dict[str, Types]) -> None:
        """Add the attributes that a method sets on `self`."""
        self._enter(method)
        for statement in ast.walk(method):
            if isinstance(statement, ast.AnnAssign):
                targets, types = [statement.target], self._module.annotated(statement.annotation, self._place)
            elif isinstance(statement, ast.Assign):
                targets, types = statement.targets, self._types_of(statement.value)  # type: ignore[assignment]
            else:
                continue
            for target in targets:
                is_own = isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name)
                if is_own and target.value.id == "self" and not fields.get(target.attr):  # type: ignore[union-attr]
                    fields[target.attr] = types  # type: ignore[union-attr]

    def _read_class(self, definition: ast.ClassDef) -> None:
        # Whoever makes an instance runs these; a call of the instance is found where it stands.
        for member in definition.body:
            if isinstance(member, Function):
                if member.name.startswith("__") and member.name != "__call__":
                    self._node.uses.add(f"{self._module.name}:{self._place}.{member.name}")
            elif not isinstance(member, ast.ClassDef):
                self.visit(member)
        for base in definition.bases:
            self._node.uses |= self._module.annotated(base, self._place)

    def _enter(self, function: Function | ast.Lambda) -> None:
        arguments = function.args
        for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
            self._types[argument.arg] = self._module.annotated(argument.annotation, self._place)
            self._locals.add(argument.arg)
        owner = self._place.rpartition(".")[0]
        if owner and isinstance(self._module.definitions.get(owner), ast.ClassDef):
            for name in ("self", "cls"):
                if name in self._locals and not self._types[name]:
                    self._types[name] = frozenset([f"{self._module.name}:{owner}"])

    # What stands in the code.

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self._node.texts.add(node.value)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        pieces = [piece.value if isinstance(piece, ast.Constant) else "*" for piece in node.values]
        self._node.texts.add("".join(str(piece) for piece in pieces))
        for piece in node.values:
            if isinstance(piece, ast.FormattedValue):
                self.visit(piece.value)

    def visit_Name(self, node: ast.Name) -> None:
        meant = None if node.id in self._locals else self._module.meaning(node.id)
        if meant is not None and ":" in meant and meant != f"{self._module.name}:{self._place}":
            self._node.uses.add(meant)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._node.uses.update(self._members_of(node))
        self.visit(node.value)

    def visit_Call(self, node: ast.Call) -> None:
        name = _task_name(node)
        if name is not None:
            task = DefinitionReader(self._module, self._place)
            task._types, task._locals = self._types, self._locals
            for argument in node.args:
                task.visit(argument)
            self._node.tasks.append(Task(name, frozenset(task._node.texts), frozenset(task._node.uses)))
            return
        if not isinstance(node.func, ast.Name) or node.func.id in self._locals:
            for class_ in self._types_of(node.func):
                self._node.uses.update(self._sources.members(class_, "__call__"))
        self.generic_visit(node)

    # What the names of the function's own are.

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._visit_inner(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._visit_inner(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._enter(node)
        self.visit(node.body)

    def _visit_inner(self, node: Function) -> None:
        self._types[node.name] = self._module.annotated(node.returns, self._place)
        self._locals.add(node.name)
        self._enter(node)
        for decorator in node.decorator_list:
            self.visit(decorator)
        for statement in node.body:
            self.visit(statement)

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            self._bind(target, self._types_of(node.value))

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)
        self._bind(node.target, self._module.annotated(node.annotation, self._place))

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self._bind(node.target, self._types_of(node.value))

    def visit_For(self, node: ast.For) -> None:
        self._visit_for(node)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> None:
        self._visit_for(node)

    def _visit_for(self, node: ast.For | ast.AsyncFor) -> None:
        self._bind(node.target, self._types_of(node.iter))
        self.generic_visit(node)

    def visit_withitem(self, node: ast.withitem) -> None:
        if node.optional_vars is not None:
            self._bind(node.optional_vars, self._types_of(node.context_expr))
        self.visit(node.context_expr)

    def _visit_comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> None:
        for generator in node.generators:
            self._bind(generator.target, self._types_of(generator.iter))
        self.generic_visit(node)

    visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = _visit_comprehension  # noqa: N815

    def _bind(self, target: ast.expr, types: Types) -> None:
        for part in ast.walk(target):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                if self._place != part.id or part.id in self._locals:
                    self._locals.add(part.id)
                self._types[part.id] = self._types.get(part.id, NO_TYPES) | types
        if isinstance(target, ast.Attribute | ast.Subscript):
            self.visit(target.value)

    # Types.

    def _types_of(self, node: ast.expr) -> Types:
        """The classes of which the value of an expression may be."""
        found = NO_TYPES
        match node:
            case ast.Name(id=name):
                known = self._types.get(name)
                found = self._sources.alias(self._module.meaning(name) or "") if known is None else known
            case ast.Attribute(value=value, attr=attribute):
                found = self._attribute_types(node, value, attribute)
            case ast.Call(func=function):
                found = self._called_types(function) | self._argument_types(node)
            case ast.Await(value=value) | ast.Subscript(value=value) | ast.Starred(value=value):
                found = self._types_of(value)
            case ast.NamedExpr(value=value):
                found = self._types_of(value)
            case ast.BoolOp(values=values) | ast.Tuple(elts=values) | ast.List(elts=values):
                found = NO_TYPES.union(*(self._types_of(value) for value in values))
            case ast.IfExp(body=body, orelse=orelse):
                found = self._types_of(body) | self._types_of(orelse)
        return found

    def _attribute_types(self, node: ast.Attribute, value: ast.expr, attribute: str) -> Types:
        found = NO_TYPES.union(*(self._sources.attribute_types(one, attribute) for one in self._types_of(value)))
        return found.union(*(self._sources.returned(name) for name in self._members_of(node)))

    def _called_types(self, function: ast.expr) -> Types:
        if isinstance(function, ast.Name) and function.id not in self._locals:
            meant = self._module.meaning(function.id) or ""
            return frozenset([meant]) if self._sources.is_class(meant) else self._sources.returned(meant)
        if isinstance(function, ast.Attribute):
            members = self._members_of(function)
            if members:
                classes = frozenset(name for name in members if self._sources.is_class(name))
                return classes | self._types_of(function)
            # No method of theirs: what a container of them gives, such as `jobs.get(name)`, or a field that is called.
            return self._types_of(function) | self._types_of(function.value)
        return self._types_of(function)

    def _argument_types(self, call: ast.Call) -> Types:
        """What a call of a foreign function may hand through: `await stack.enter_async_context(running_worker(…))`."""
        if isinstance(call.func, ast.Attribute) and call.func.attr in ("enter_async_context", "enter_context"):
            return self._types_of(call.args[0])
        return NO_TYPES

    def _members_of(self, node: ast.Attribute) -> list[str]:
        """The nodes that `value.attribute` may stand for."""
        if isinstance(node.value, ast.Name) and node.value.id not in self._locals:
            meant = self._module.meaning(node.value.id) or ""
            module = self._sources.module(meant)
            if module is not None:
                inner = module.meaning(node.attr)
                return [inner] if inner is not None and ":" in inner else []
            if self._sources.is_class(meant):
                return self._sources.members(meant, node.attr)
        return [name for class_ in self._types_of(node.value) for name in self._sources.members(class_, node.attr)]


def _task_name(call: ast.Call) -> str | None:
    """`ingestion` of `background.keep(…, name=f"ingestion-{number}")`."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in _STARTS_TASK:
        return None
    for keyword in call.keywords:
        if keyword.arg == "name":
            value = keyword.value.values[0] if isinstance(keyword.value, ast.JoinedStr) else keyword.value
            if isinstance(value, ast.Constant):
                return str(value.value).rstrip("-")
    return None
