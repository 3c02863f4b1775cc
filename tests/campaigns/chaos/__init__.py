"""Servers, workers and a PostgreSQL under faults, and a ledger of the answers to their clients: see `__main__`."""
