"""The embedding endpoint and the model of the tests of ingestion, for the messages too."""

from tests.ingest.conftest import endpoint, model_of_test

__all__ = ["endpoint", "model_of_test"]
