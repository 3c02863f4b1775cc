"""Reading the Python of a package without running it: which functions name which statements, and which use which.

Every function, method, class and constant is a node. Its texts are the strings that stand in it, its uses the nodes
that it refers to, called or handed on; `definition_reader` finds both.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from svc.catalogue.definition_reader import NO_TYPES, DefinitionReader, Function, Node, Types


class Sources:
    """The modules of one package. A node's name is `package.module:Class.method`."""

    def __init__(self, folder: Path) -> None:
        """Read every module below the folder of the package."""
        self.package = folder.name
        self._modules = {
            _module_name(path, folder): Module(self, _module_name(path, folder), path)
            for path in sorted(folder.rglob("*.py"))
            # The classes of all rows name all statements, and run none.
            if path != folder / "database" / "rows.py"
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

    def module(self, name: str) -> Module | None:
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
        return NO_TYPES

    def is_class(self, name: str) -> bool:
        """Whether a node is a class."""
        module, _, place = name.partition(":")
        return module in self._modules and isinstance(self._modules[module].definitions.get(place), ast.ClassDef)

    def alias(self, name: str) -> Types:
        """The classes of which a constant of a module is, or for which a name of a type stands."""
        if name not in self._aliases:
            # Until it is known, for what refers to itself.
            self._aliases[name] = NO_TYPES
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
        if isinstance(definition, Function):
            return self._modules[module].annotated(definition.returns, place)
        return NO_TYPES

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


class Module:
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
            if isinstance(statement, Function | ast.ClassDef):
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
                if name.rpartition(".")[0] == place and isinstance(member, Function):
                    DefinitionReader(self, name).note_fields(member, self._fields[place])
        return self._fields[place]

    def read(self, place: str) -> Node:
        """What stands in one definition."""
        return DefinitionReader(self, place).read(self.definitions[place])
