"""Adapts the schemas of `/openapi.json`, so that generators of clients interpret them as the service does.

- An object of any form allows any member: otherwise generators make a type without members.
- A list that is read as a set can contain a value twice.
- A field of a request that has a default can be omitted. Its default is in the description, since generators assume
  that a field with `default` is always present.
- A field of an answer that has a default is always sent, except in errors.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import msgspec

Schema = dict[str, Any]

_FORMED = frozenset({"properties", "additionalProperties"})


def complete_schemas(components: dict[str, Schema], sent: Collection[str], *, errors: str) -> None:
    """Adapt the schemas of the structs by name. `sent` are in bodies of requests; `errors` is that of an error."""
    for name, schema in components.items():
        complete_schema(schema)
        defaults = {field: each for field, each in schema.get("properties", {}).items() if "default" in each}
        if name not in sent and name != errors:
            schema["required"] = [*schema.get("required", []), *defaults]
        for each in defaults.values():
            describe_default(each)


def complete_schema(schema: Any) -> None:
    """Allow any member in each object of any form in a schema, and a value twice in a list that is read as a set."""
    for node in _nodes(schema):
        node.pop("uniqueItems", None)
        if node.get("type") == "object" and not _FORMED & node.keys():
            node["additionalProperties"] = True


def describe_default(schema: Schema) -> None:
    """Move the default of a field into its description, unless it is null or empty."""
    default = schema.pop("default", None)
    if default in (None, [], {}):
        return
    said = f"Default: {msgspec.json.encode(default).decode()}."
    schema["description"] = f"{schema['description']} {said}" if "description" in schema else said


def referenced(value: Any, components: dict[str, Schema]) -> set[str]:
    """Return the names of the structs that a value refers to, directly or indirectly."""
    found: set[str] = set()
    waiting = [value]
    while waiting:
        for node in _nodes(waiting.pop()):
            name = str(node.get("$ref", "")).rpartition("/")[2]
            if name in components and name not in found:
                found.add(name)
                waiting.append(components[name])
    return found


def _nodes(value: Any) -> Iterator[Schema]:
    """Yield every object in a schema."""
    if isinstance(value, dict):
        yield value
    if isinstance(value, dict | list):
        for member in list(value.values()) if isinstance(value, dict) else value:
            yield from _nodes(member)
