"""The HTTP connections: what a client may send, how long it may take, and how much memory it may occupy."""
