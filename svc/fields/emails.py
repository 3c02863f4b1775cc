"""Email addresses in the form in which they are stored and looked up."""

from __future__ import annotations

import unicodedata

from svc.errors import InvalidRequestError
from svc.fields.values import MAX_EMAIL


def composed_email(email: str) -> str:
    """Return a new address in Unicode's composed form (NFC), so that nobody takes an address that looks like another's.

    A keyboard and a file system can write the same letter as one character or as a letter and its accent.

    Raises:
        InvalidRequestError: it is too long in this form.
    """
    composed = spellings_of(email)[0]
    if len(composed) > MAX_EMAIL:
        raise InvalidRequestError(
            f"email must have at most {MAX_EMAIL} characters in Unicode's composed form (NFC)", field="email"
        )
    return composed


def spellings_of(email: str) -> list[str]:
    """Return the forms in which the address can be stored: composed, or as an earlier version stored it."""
    return list(dict.fromkeys((unicodedata.normalize("NFC", email), email)))
