"""The selection of documents in a bulk request: an empty one is refused, and selecting all documents takes `all`.

A client that computes a filter may send an empty one by mistake: in JavaScript, `{"metadata": {"project": undefined}}`
is sent as `{"metadata": {}}`, which any document contains.
"""

from __future__ import annotations

from typing import Any

from svc.errors import InvalidRequestError


def check_selection(conditions: dict[str, Any], *, is_all: bool, action: str) -> None:
    """Check that a request selects documents explicitly. A condition that is None was not sent.

    Raises:
        InvalidRequestError: the request has neither a condition nor `all`, or both.
    """
    sent = [name for name, value in conditions.items() if value is not None]
    names = " or ".join(conditions)
    if is_all and sent:
        raise InvalidRequestError(f'"all": true selects every document; omit {" and ".join(sent)}, or all', field="all")
    if not is_all and not sent:
        raise InvalidRequestError(
            f'send {names} to select the documents to {action}, or "all": true for every one of them',
            field=next(iter(conditions)),
        )


def check_contained(metadata: dict[str, Any], field: str) -> None:
    """Check that no part of a metadata filter is empty: an empty object or list matches any object or list.

    `metadata` has passed `check_metadata`, so it is small.

    Raises:
        InvalidRequestError: names the first empty part.
    """
    parts: list[tuple[str, Any]] = [(field, metadata)]
    while parts:
        path, value = parts.pop()
        if isinstance(value, dict):
            parts += [(f"{path}.{name}", item) for name, item in reversed(value.items())]
        elif isinstance(value, list):
            parts += [(f"{path}[{index}]", value[index]) for index in reversed(range(len(value)))]
        else:
            continue
        if not value:
            kind = "object" if isinstance(value, dict) else "list"
            raise InvalidRequestError(
                f"{path} is an empty {kind}, which limits nothing; send a value or omit it", field=path
            )
