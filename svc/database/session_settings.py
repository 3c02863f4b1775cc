"""The settings of each session on the server, which are part of its startup packet."""

from __future__ import annotations

from svc.database.keepalive import SERVER_SETTINGS
from svc.settings.database import DatabaseSettings
from svc.vectors.signatures import index_candidates


def session_settings(settings: DatabaseSettings) -> dict[str, str]:
    """The settings of every connection. Nothing changes them afterwards, so connections need no reset."""
    return {
        "application_name": "cabinet",
        "statement_timeout": str(int(settings.statement_timeout_s * 1000)),
        "idle_in_transaction_session_timeout": "60000",
        "timezone": "UTC",
        "jit": "off",
        # A search takes milliseconds. Starting parallel workers costs more than they save.
        "max_parallel_workers_per_gather": "0",
        # A generic plan depends neither on the size of the tenant nor on which optional filters are set.
        "plan_cache_mode": "force_custom_plan",
        # Without it, an HNSW scan stops after ef_search rows, however few of them pass a filter. Relaxed order suffices
        # because the statements sort the rows; strict order would discard rows that are found out of order.
        "hnsw.iterative_scan": "relaxed_order",
        # The number of candidates of the index lane for a search with few results.
        "hnsw.ef_search": str(index_candidates(settings.dimensions)),
        "hnsw.max_scan_tuples": "200000",
        **SERVER_SETTINGS,
    }


def generic_session_settings(settings: DatabaseSettings) -> dict[str, str]:
    """The settings of the connections for statements whose header says `plan: generic`.

    They use only settings that the other connections also have, because poolers accept only listed settings.
    """
    return {**session_settings(settings), "plan_cache_mode": "force_generic_plan"}
