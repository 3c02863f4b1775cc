"""The embedding endpoint and the model of the ingestion tests, for messages."""

from tests.ingest.conftest import endpoint, model_of_test

__all__ = ["endpoint", "model_of_test"]
