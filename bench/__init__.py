"""Reproducible benchmarks, one script for each question: `python -m bench.<name> --help`."""
