# Generated from ../_async/ by generate_sync.py: change that file instead.
"""The blocking client."""
