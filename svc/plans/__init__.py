"""Plans of PostgreSQL's planner: read, drawn, judged, and compared with what was recorded. Nothing here talks to a
database; `svc.plans.explain` runs EXPLAIN."""
