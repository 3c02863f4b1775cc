"""The embedding endpoint and the model of the tests of ingestion, also for messages."""

from tests.ingest.conftest import endpoint, model_of_test

__all__ = ["endpoint", "model_of_test"]
