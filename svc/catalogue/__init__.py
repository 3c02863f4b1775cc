"""The catalogue of statements: their callers, tables, plans and timings, and an HTML page that shows them."""
