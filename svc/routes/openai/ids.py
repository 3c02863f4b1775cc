"""The ids of the OpenAI dialect: a prefix for the kind of object, and the UUID of the row in hexadecimal digits."""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from uuid import UUID

from svc.errors import InvalidRequestError, NotFoundError
from svc.fields.values import shortened
from svc.web.request import Call

CONVERSATION: Final = "conv_"
FILE: Final = "file-"
UPLOAD: Final = "upload_"
PART: Final = "part_"
STORE: Final = "vs_"
BATCH: Final = "vsfb_"

_HEX: Final = re.compile(r"[0-9a-f]{32}")
_ITEM: Final = re.compile(r"[a-z]{1,16}_([0-9a-f]{32})([0-9a-f]{12})([0-9a-f]{2})")


class Place(NamedTuple):
    """The position of an item: the id and position of its message, and its number among the items of that message.

    It is part of the id, so that a list can continue after an item that has been deleted.
    """

    message_id: UUID
    position: int
    number: int


def shown_id(prefix: str, id_: UUID) -> str:
    """Return the id of a row in the dialect."""
    return prefix + id_.hex


def read_id(prefix: str, text: str) -> UUID | None:
    """Return the UUID in an id of the dialect; None if it is not an id of this kind."""
    digits = text.removeprefix(prefix)
    if not text.startswith(prefix) or _HEX.fullmatch(digits) is None:
        return None
    return UUID(digits)


def path_id(call: Call, name: str, prefix: str, what: str) -> UUID:
    """Return the UUID of the id in a path.

    Raises:
        NotFoundError: it is not an id of this kind, so no such object exists.
    """
    found = read_id(prefix, str(call.request.path_params[name]))
    if found is None:
        raise NotFoundError(f"there is no such {what}")
    return found


def given_id(prefix: str, text: str, field: str) -> UUID:
    """Return the UUID of the id in a field of a request.

    Raises:
        InvalidRequestError: it is not an id of this kind.
    """
    found = read_id(prefix, text)
    if found is None:
        raise InvalidRequestError(
            f"{field} must be an id that begins with {prefix}, not {shortened(text)}", field=field
        )
    return found


def item_id(prefix: str, place: Place) -> str:
    """Return the id of an item without an id of its own."""
    return f"{prefix}{place.message_id.hex}{place.position:012x}{place.number:02x}"


def place_of(text: str) -> Place | None:
    """Return the position in the id of an item; None if the client chose the id."""
    found = _ITEM.fullmatch(text)
    if found is None:
        return None
    return Place(UUID(found[1]), int(found[2], 16), int(found[3], 16))
