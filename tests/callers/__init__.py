"""The callers of each statement, recorded while the tests run."""
