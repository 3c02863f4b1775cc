"""References to users in requests and commands: the id, or the external id, which is the user's id in the application.

A reference that is not a UUID is an external id. An external id in the form of a UUID needs the prefix `external:`,
which is allowed for every external id.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from uuid import UUID

from svc.fields.emails import spellings_of
from svc.fields.ids import read_id

if TYPE_CHECKING:
    # The commands over HTTP need the prefix of external ids, but not the code for the database.
    from collections.abc import Sequence

    from svc.database.calls import Queries
    from svc.database.rows import UsersGet

PREFIX = "external:"
EXTERNAL_ID_PATTERN = r"^[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?(?!\s)$"
"""Python's `$` alone would let a last line break through."""
MAX_EXTERNAL_ID = 255
"""Characters."""
_EXTERNAL_ID = re.compile(EXTERNAL_ID_PATTERN)


async def find_user_id(queries: Queries, reference: str) -> UUID | None:
    """Return the id of the user, or None if there is no user with this external id. An id is not looked up."""
    try:
        return read_id(reference)
    except ValueError:
        external_id = reference.removeprefix(PREFIX)
    if not can_be_external_id(external_id):
        return None
    return await queries.value("users/resolve", external_id=external_id)


async def find_user(queries: Queries, reference: str) -> UUID | None:
    """Find a user by an email address, or as `find_user_id` does.

    A word with an @ is an external id only if no user has this address.
    """
    is_storable = "\0" not in reference and _is_unicode(reference)
    found = (
        "@" in reference and not reference.startswith(PREFIX) and is_storable and await with_email(queries, reference)
    )
    if found:
        return found[0].id
    return await find_user_id(queries, reference)


async def with_email(queries: Queries, email: str) -> Sequence[UsersGet]:
    """Return the user with an email address, as a list of at most one. Case and composition make no difference."""
    for spelling in spellings_of(email):
        if found := await queries.many("users/find_by_email", email=spelling, max_rows=1):
            return found
    return []


def can_be_external_id(text: str) -> bool:
    """Whether a user can have this external id."""
    return len(text) <= MAX_EXTERNAL_ID and _EXTERNAL_ID.match(text) is not None and _is_unicode(text)


def _is_unicode(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def header_text(header: str) -> str | None:
    """Return the text of a header that was sent as UTF-8 and read as Latin-1; None if it is not UTF-8."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return None
