"""Benchmarks that anyone can run again: one script a question, `python -m bench.<name> --help`."""
