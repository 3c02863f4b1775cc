"""Made-up tenants of any size, and the search measured on them: what `cabinet bench` and `bench/` share."""
