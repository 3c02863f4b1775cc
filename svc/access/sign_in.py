"""Finds the user of a token, and creates one when a token is first used."""

from __future__ import annotations

import hashlib
import re
from uuid import UUID

from svc.access.tokens import Subject
from svc.database.calls import Queries
from svc.fields.emails import spellings_of
from svc.fields.values import EMAIL_PATTERN, MAX_EMAIL

_EMAIL = re.compile(EMAIL_PATTERN)
_MAX_NAME = 255


async def user_of(queries: Queries, subject: Subject, new_users_plan: str | None) -> UUID | None:
    """Return the id of the user of a token; None if there is none.

    `new_users_plan` is the plan of a new user; None creates no user.
    """
    user_id = await queries.value("users/resolve", external_id=subject.external_id)
    if user_id is not None or new_users_plan is None:
        return user_id
    # The address of another user is not reused: the person with this address at the provider may be somebody else.
    for email in filter(None, (_address(subject), _made_up_address(subject.external_id))):
        await queries.exec(
            "users/create_signed_in",
            email=email,
            name=_name(subject),
            plan=new_users_plan,
            external_id=subject.external_id,
        )
        user_id = await queries.value("users/resolve", external_id=subject.external_id)
        if user_id is not None:
            break
    return user_id


def _address(subject: Subject) -> str | None:
    email = None if subject.email is None else spellings_of(subject.email)[0]
    return email if email is not None and len(email) <= MAX_EMAIL and _is_text(email) and _EMAIL.match(email) else None


def _made_up_address(external_id: str) -> str:
    """An address that receives no mail (RFC 2606), for a user whose token has no verified address."""
    return f"{hashlib.sha256(external_id.encode()).hexdigest()[:32]}@token.invalid"


def _name(subject: Subject) -> str | None:
    return subject.name[:_MAX_NAME] if subject.name and _is_text(subject.name) else None


def _is_text(text: str) -> bool:
    """Whether PostgreSQL can store it."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
