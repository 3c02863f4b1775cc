"""Reading the Python of a package without running it: which functions name which statements, and which use which.

Every function, method, class and constant is a node. Its texts are the strings that stand in it, its uses the nodes
that it refers to, called or handed on. What an attribute refers to is found by annotations: a value's type is taken to
be the set of the package's own classes that its annotation mentions, so an element of a list, what a coroutine gives
and what a context manager yields need no rules of their own. Too many classes may come out, too few may not.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

Types = frozenset[str]
_NONE: Types = frozenset()
_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Task:
    """A loop that is started with `asyncio.create_task(…, name="…")` and runs on by itself."""

    name: str
    texts: frozenset[str]
    uses: frozenset[str]


@dataclass
class Node:
    """What stands in one function, method, class or constant. In a pattern of `texts`, `*` is what is put in."""

    texts: set[str] = field(default_factory=set)
    uses: set[str] = field(default_factory=set)
    tasks: list[Task] = field(default_factory=list)


class Sources:
    """The modules of one package. A node's name is `package.module:Class.method`."""

    def __init__(self, folder: Path) -> None:
        """Read every module below the folder of the package."""
        self.package = folder.name
        self._modules = {
            _module_name(path, folder): _Module(self, _module_name(path, folder), path)
            for path in sorted(folder.rglob("*.py"))
        }
        self._nodes: dict[str, Node] = {}
        self._aliases: dict[str, Types] = {}

    @cached_property
    def names(self) -> list[str]:
        """Every node."""
        return [f"{module.name}:{place}" for module in self._modules.values() for place in module.definitions]

    def node(self, name: str) -> Node:
        """What stands in a node; nothing in one that is not of this package."""
        if name not in self._nodes:
            module, _, place = name.partition(":")
            known = self._modules.get(module)
            self._nodes[name] = known.read(place) if known is not None and place in known.definitions else Node()
        return self._nodes[name]

    def reached(self, roots: Iterator[str] | list[str]) -> set[str]:
        """The nodes that can run when one of these does, tasks of their own left out."""
        seen: set[str] = set()
        waiting = list(roots)
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting += self.node(name).uses
        return seen

    def module(self, name: str) -> _Module | None:
        """A module of the package."""
        return self._modules.get(name)

    def members(self, class_: str, name: str) -> list[str]:
        """What an attribute of an instance may be: of the class, of its bases, and as its subclasses have it."""
        own = next((f"{one}.{name}" for one in self._bases(class_) if self._defines(f"{one}.{name}")), None)
        below = [f"{one}.{name}" for one in self._subclasses(class_) if self._defines(f"{one}.{name}")]
        return ([own] if own else []) + below

    def attribute_types(self, class_: str, name: str) -> Types:
        """The classes of which an instance's attribute may be, where that is said or set in `__init__`."""
        for one in self._bases(class_):
            module, _, place = one.partition(":")
            types = self._modules[module].fields(place).get(name)
            if types:
                return types
        return _NONE

    def is_class(self, name: str) -> bool:
        """Whether a node is a class."""
        module, _, place = name.partition(":")
        return module in self._modules and isinstance(self._modules[module].definitions.get(place), ast.ClassDef)

    def alias(self, name: str) -> Types:
        """The classes of which a constant of a module is, or for which a name of a type stands."""
        if name not in self._aliases:
            # Until it is known, for what refers to itself.
            self._aliases[name] = _NONE
            module, _, place = name.partition(":")
            definition = self._modules[module].definitions.get(place) if module in self._modules else None
            if isinstance(definition, ast.AnnAssign):
                self._aliases[name] = self._modules[module].annotated(definition.annotation, place)
            elif isinstance(definition, ast.Assign):
                self._aliases[name] = self._modules[module].annotated(definition.value, place)
        return self._aliases[name]

    def returned(self, name: str) -> Types:
        """The classes that a function's annotation says come out of it."""
        module, _, place = name.partition(":")
        definition = self._modules[module].definitions.get(place) if module in self._modules else None
        if isinstance(definition, _Function):
            return self._modules[module].annotated(definition.returns, place)
        return _NONE

    def _defines(self, name: str) -> bool:
        module, _, place = name.partition(":")
        return place in self._modules[module].definitions

    def _bases(self, class_: str) -> Iterator[str]:
        yield class_
        module, _, place = class_.partition(":")
        definition = self._modules[module].definitions[place]
        assert isinstance(definition, ast.ClassDef)
        for base in definition.bases:
            for found in self._modules[module].annotated(base, place):
                yield from self._bases(found)

    @cached_property
    def _direct_subclasses(self) -> dict[str, list[str]]:
        below: dict[str, list[str]] = {}
        for name in self.names:
            if self.is_class(name):
                module, _, place = name.partition(":")
                definition = self._modules[module].definitions[place]
                assert isinstance(definition, ast.ClassDef)
                for base in definition.bases:
                    for found in self._modules[module].annotated(base, place):
                        below.setdefault(found, []).append(name)
        return below

    def _subclasses(self, class_: str) -> Iterator[str]:
        for name in self._direct_subclasses.get(class_, []):
            yield name
            yield from self._subclasses(name)


def _module_name(path: Path, folder: Path) -> str:
    parts = path.relative_to(folder.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


class _Module:
    """One module: what it defines, and what its names mean."""

    def __init__(self, sources: Sources, name: str, path: Path) -> None:
        self.sources = sources
        self.name = name
        self._tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
        self.definitions: dict[str, ast.stmt] = {}
        self._define(self._tree.body, "")
        self._fields: dict[str, dict[str, Types]] = {}

    def _define(self, body: list[ast.stmt], prefix: str) -> None:
        for statement in body:
            if isinstance(statement, _Function | ast.ClassDef):
                self.definitions[prefix + statement.name] = statement
            if isinstance(statement, ast.ClassDef):
                self._define(statement.body, f"{prefix}{statement.name}.")
            elif isinstance(statement, ast.Assign | ast.AnnAssign) and not prefix:
                for target in statement.targets if isinstance(statement, ast.Assign) else [statement.target]:
                    if isinstance(target, ast.Name):
                        self.definitions[target.id] = statement
            elif isinstance(statement, ast.If | ast.Try):
                self._define(statement.body, prefix)

    @cached_property
    def imports(self) -> dict[str, str]:
        """The names that are imported from the package, anywhere in the module: a module's or a node's name each."""
        found = {}
        for statement in ast.walk(self._tree):
            if isinstance(statement, ast.ImportFrom) and statement.module:
                for alias in statement.names:
                    module = f"{statement.module}.{alias.name}"
                    is_module = self.sources.module(module) is not None
                    found[alias.asname or alias.name] = module if is_module else f"{statement.module}:{alias.name}"
            elif isinstance(statement, ast.Import):
                for alias in statement.names:
                    found[alias.asname or alias.name] = alias.name
        return {name: what for name, what in found.items() if what.partition(":")[0].partition(".")[0] == self._package}

    @property
    def _package(self) -> str:
        return self.sources.package

    def meaning(self, name: str) -> str | None:
        """The node or module that a name stands for."""
        if name in self.definitions:
            return f"{self.name}:{name}"
        meant = self.imports.get(name)
        if meant is None or ":" not in meant:
            return meant
        module, _, place = meant.partition(":")
        known = self.sources.module(module)
        # What a module has only imported is where it comes from.
        return known.meaning(place) if known is not None else None

    def annotated(self, annotation: ast.expr | None, place: str) -> Types:
        """The classes of the package that an annotation mentions; `Self` is that in which it stands."""
        found: set[str] = set()
        for part in ast.walk(annotation) if annotation is not None else ():
            if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value.isidentifier():
                found |= self.annotated(ast.Name(part.value), place)
            elif isinstance(part, ast.Name):
                meant = f"{self.name}:{place.rpartition('.')[0]}" if part.id == "Self" else self.meaning(part.id)
                if meant is not None and self.sources.is_class(meant):
                    found.add(meant)
                elif meant is not None and ":" in meant:
                    found |= self.sources.alias(meant)
            elif isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
                meant = f"{self.meaning(part.value.id)}:{part.attr}"
                if self.sources.is_class(meant):
                    found.add(meant)
        return frozenset(found)

    def fields(self, place: str) -> dict[str, Types]:
        """The classes of the attributes of a class: annotated in its body, or set in its `__init__`."""
        if place not in self._fields:
            self._fields[place] = {}
            definition = self.definitions[place]
            assert isinstance(definition, ast.ClassDef)
            for statement in definition.body:
                if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                    self._fields[place][statement.target.id] = self.annotated(statement.annotation, place)
            for name, member in self.definitions.items():
                if name.rpartition(".")[0] == place and isinstance(member, _Function):
                    _Reader(self, name).note_fields(member, self._fields[place])
        return self._fields[place]

    def read(self, place: str) -> Node:
        """What stands in one definition."""
        return _Reader(self, place).read(self.definitions[place])


class _Reader(ast.NodeVisitor):
    """Reads one definition from top to bottom."""

    def __init__(self, module: _Module, place: str) -> None:
        self._module = module
        self._sources = module.sources
        self._place = place
        self._types: dict[str, Types] = {}
        self._locals: set[str] = set()
        self._node = Node()

    def read(self, definition: ast.stmt) -> Node:
        if isinstance(definition, ast.ClassDef):
            self._read_class(definition)
        elif isinstance(definition, _Function):
            self._enter(definition)
            for statement in definition.body:
                self.visit(statement)
        else:
            self.visit(definition)
        return self._node

    def note_fields(self, method: _Function, fields: dict[str, Types]) -> None:
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
            if isinstance(member, _Function):
                if member.name.startswith("__") and member.name != "__call__":
                    self._node.uses.add(f"{self._module.name}:{self._place}.{member.name}")
            elif not isinstance(member, ast.ClassDef):
                self.visit(member)
        for base in definition.bases:
            self._node.uses |= self._module.annotated(base, self._place)

    def _enter(self, function: _Function | ast.Lambda) -> None:
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
            task = _Reader(self._module, self._place)
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

    def _visit_inner(self, node: _Function) -> None:
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
                self._types[part.id] = self._types.get(part.id, _NONE) | types
        if isinstance(target, ast.Attribute | ast.Subscript):
            self.visit(target.value)

    # Types.

    def _types_of(self, node: ast.expr) -> Types:
        """The classes of which the value of an expression may be."""
        found = _NONE
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
                found = _NONE.union(*(self._types_of(value) for value in values))
            case ast.IfExp(body=body, orelse=orelse):
                found = self._types_of(body) | self._types_of(orelse)
        return found

    def _attribute_types(self, node: ast.Attribute, value: ast.expr, attribute: str) -> Types:
        found = _NONE.union(*(self._sources.attribute_types(one, attribute) for one in self._types_of(value)))
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
        return _NONE

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
    """`ingestion` of `asyncio.create_task(…, name=f"ingestion-{number}")`."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr != "create_task":
        return None
    for keyword in call.keywords:
        if keyword.arg == "name":
            value = keyword.value.values[0] if isinstance(keyword.value, ast.JoinedStr) else keyword.value
            if isinstance(value, ast.Constant):
                return str(value.value).rstrip("-")
    return None
