"""Reports in one line how a call of a statement differs from its header.

The overloads of `svc/database/calls.pyi` refuse such a call without this plugin, but mypy then lists all of them. The
plugin compares the call with the overload of its statement, reports each difference, and lets mypy accept the rest.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping

from mypy.errorcodes import ARG_TYPE, CALL_ARG, CALL_OVERLOAD, ErrorCode
from mypy.messages import format_type_bare
from mypy.nodes import ARG_NAMED, ARG_STAR, ARG_STAR2, CallExpr, Expression
from mypy.plugin import MethodSigContext, Plugin
from mypy.subtypes import is_subtype
from mypy.typeops import try_getting_str_literals_from_type
from mypy.types import (
    AnyType,
    CallableType,
    FunctionLike,
    Instance,
    LiteralType,
    Overloaded,
    TypedDictType,
    TypeOfAny,
    get_proper_type,
)

_CLASSES = ("svc.database.calls.Queries", "svc.database.queries.Database", "svc.database.queries.Transaction")
_METHODS = {f"{class_}.{method}" for class_ in _CLASSES for method in ("one", "many", "value", "exec", "copy")}


class StatementPlugin(Plugin):
    """The hooks into the calls of statements."""

    def get_method_signature_hook(self, fullname: str) -> Callable[[MethodSigContext], FunctionLike] | None:
        """The comparison, for the methods that take the name of a statement."""
        return _compared if fullname in _METHODS else None


def plugin(_version: str) -> type[Plugin]:
    """Where mypy begins."""
    return StatementPlugin


def _compared(context: MethodSigContext) -> FunctionLike:
    """The overload unchanged or, for a call of its statement, one that accepts anything, since the call was checked."""
    overload, call = context.default_signature, context.context
    if not isinstance(call, CallExpr) or not call.args or ARG_STAR in call.arg_kinds:
        return overload
    wanted = try_getting_str_literals_from_type(context.api.get_expression_type(call.args[0]))
    if wanted is not None and len(wanted) != 1:
        # Several statements with the same parameters.
        return overload
    names = _statements(context, call)
    if wanted is None or wanted[0] not in names:
        # Report only once for all overloads.
        if _statement(overload) == names[0]:
            context.api.fail(_unknown(wanted, names), call, code=CALL_OVERLOAD)
        return _anything(overload)
    if _statement(overload) != wanted[0]:
        return overload
    mappings = _mappings(context, call)
    if None in mappings.values():
        message = "A mapping of arguments is a TypedDict; for any other call the method that ends in _by_name"
        context.api.fail(message, call, code=ARG_TYPE)
        return _anything(overload)
    given = [name for name in call.arg_names if name is not None]
    given += [name for mapping in mappings.values() if mapping is not None for name in mapping.items]
    for message, code in (*_name_faults(wanted[0], overload, given), *_type_faults(wanted[0], context, mappings)):
        context.api.fail(message, call, code=code)
    return _anything(overload)


def _unknown(wanted: list[str] | None, names: list[str]) -> str:
    if wanted is None:
        return "The name of the statement is no literal; call the method that ends in _by_name"
    close = difflib.get_close_matches(wanted[0], names, n=1)
    hint = f'; did you mean "{close[0]}"?' if close else ""
    return f'There is no statement "{wanted[0]}" for this method{hint}'


def _mappings(context: MethodSigContext, call: CallExpr) -> dict[Expression, TypedDictType | None]:
    """The arguments of the form `**mapping`; None if the keys are not known."""
    found: dict[Expression, TypedDictType | None] = {}
    for argument, kind in zip(call.args, call.arg_kinds, strict=True):
        if kind == ARG_STAR2:
            type_ = get_proper_type(context.api.get_expression_type(argument))
            found[argument] = type_ if isinstance(type_, TypedDictType) else None
    return found


def _name_faults(statement: str, overload: CallableType, given: list[str]) -> Iterator[tuple[str, ErrorCode]]:
    wanted = [name for name, kind in zip(overload.arg_names, overload.arg_kinds, strict=True) if kind == ARG_NAMED]
    missing = [name for name in wanted if name is not None and name not in given]
    for name in given:
        if name not in overload.arg_names:
            close = difflib.get_close_matches(name, missing, n=1)
            hint = f'; did you mean "{close[0]}"?' if close else ""
            missing = [one for one in missing if one not in close]
            yield f'Statement "{statement}" has no parameter "{name}"{hint}', CALL_ARG
    for name in missing:
        yield f'Missing argument "{name}" of statement "{statement}"', CALL_ARG


def _type_faults(
    statement: str, context: MethodSigContext, mappings: Mapping[Expression, TypedDictType | None]
) -> Iterator[tuple[str, ErrorCode]]:
    overload = context.default_signature
    for number, values in enumerate(context.args[1:], start=1):
        expected = overload.arg_types[number]
        for value in values:
            mapping = mappings.get(value)
            if mapping is None:
                found = context.api.get_expression_type(value, expected)
            else:
                found = mapping.items[str(overload.arg_names[number])]
            if not is_subtype(found, expected):
                options = context.api.options
                types = f'"{format_type_bare(found, options)}"; expected "{format_type_bare(expected, options)}"'
                name = overload.arg_names[number]
                yield f'Argument "{name}" of statement "{statement}" has incompatible type {types}', ARG_TYPE


def _statements(context: MethodSigContext, call: CallExpr) -> list[str]:
    """The names that the method takes."""
    assert isinstance(context.type, Instance)
    method = getattr(call.callee, "name", "")
    symbol = context.type.type.get(method)
    type_ = get_proper_type(symbol.type) if symbol is not None and symbol.type is not None else None
    return [_statement(item) for item in type_.items] if isinstance(type_, Overloaded) else []


def _statement(overload: CallableType) -> str:
    """The name of the statement, from the only argument with a literal type."""
    literals = [type_ for type_ in map(get_proper_type, overload.arg_types) if isinstance(type_, LiteralType)]
    return str(literals[0].value) if literals else ""


def _anything(overload: CallableType) -> CallableType:
    anything = AnyType(TypeOfAny.from_error)
    return overload.copy_modified(
        arg_types=[anything, anything], arg_kinds=[ARG_STAR, ARG_STAR2], arg_names=[None, None]
    )
