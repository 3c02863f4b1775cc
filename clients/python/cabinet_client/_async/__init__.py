"""The asynchronous client, the source of the blocking one in `_sync`: run `python generate_sync.py` after a change."""
