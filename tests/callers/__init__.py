"""Who runs which statement, recorded while the tests run."""
