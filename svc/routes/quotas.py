"""The limits of the caller's plan: `sql/usage/quotas.sql`."""

from __future__ import annotations

from svc.accounts.quotas import Quotas, read_quotas
from svc.web.request import Call
from svc.web.routing import Routes

routes = Routes("usage")


@routes.get("/me/quotas")
async def get_quotas(call: Call) -> Quotas:
    """Get how much of your plan is used, how much it allows, and when the usage is reset.

    Tokens of searches in the last second may not be included yet.
    """
    return await read_quotas(call.services.database, call.principal.tenant)
