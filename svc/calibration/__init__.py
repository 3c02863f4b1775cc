"""Synthetic tenants of any size and measurements of searches on them, shared by `cabinet bench` and `bench/`."""
