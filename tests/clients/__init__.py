"""Tests of the clients in `clients/`, on a real service."""
