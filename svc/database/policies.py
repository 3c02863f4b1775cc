"""Compares the row level security of the tables with the setting, by the rows of `policies/tables`."""

from __future__ import annotations

from collections.abc import Sequence

from svc.database.rows import PoliciesTables
from svc.errors import StartupError

MAX_TABLES = 1000
"""More tables than a schema has."""


def is_protected(row: PoliciesTables) -> bool:
    """Whether a table has the policy, which also applies to its owner, and no other policy that allows more."""
    return row.is_enabled and row.is_forced and row.has_policy and not row.other_policies


def unprotected(rows: Sequence[PoliciesTables]) -> list[str]:
    """The names of the tables that are not protected."""
    return [row.table_name for row in rows if not is_protected(row)]


def check_policies(rows: Sequence[PoliciesTables], is_on: bool) -> None:
    """Compare the tables with the setting.

    Raises:
        StartupError: they differ, so the second barrier would be missing, or the service would see no rows.
    """
    if is_on and (names := unprotected(rows)):
        extra = [row.table_name for row in rows if row.other_policies]
        remedy = (
            f"drop the other policies of {', '.join(extra)}, which allow more than Cabinet's"
            if extra
            else "run cabinet rls on as the owner of the tables"
        )
        raise StartupError(
            f"CABINET_RLS is on, but the tables {', '.join(names)} do not have Cabinet's row level security. To turn "
            f"it on, {remedy}; or set CABINET_RLS=off."
        )
    if not is_on and (names := [row.table_name for row in rows if row.is_enabled]):
        raise StartupError(
            f"The tables {', '.join(names)} have row level security, but CABINET_RLS is off, so the service would see "
            "none of their rows. Set CABINET_RLS=on, or run cabinet rls off as the owner of the tables."
        )


def check_subject(rows: Sequence[PoliciesTables], role: str) -> None:
    """Check that the policies apply to this login.

    Raises:
        StartupError: it is a superuser or has BYPASSRLS, so the second barrier would be missing.
    """
    if not all(row.is_active for row in rows):
        raise StartupError(
            f"CABINET_RLS is on, but the role {role} is a superuser or has BYPASSRLS, so row level security does not "
            "apply to it. Connect as a plain role; `cabinet roles` prints the SQL that creates one."
        )
