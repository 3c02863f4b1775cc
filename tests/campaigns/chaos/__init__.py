"""Servers, workers and a PostgreSQL under faults, and a ledger of what their clients were told: see `__main__`."""
