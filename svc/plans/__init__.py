"""Query plans: reads, draws and judges them, and compares them with recorded ones. Only `svc.plans.explain`, which runs
EXPLAIN, and its callers use a database."""
