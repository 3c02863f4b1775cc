"""The Model Context Protocol: six tools with which an assistant searches, stores and remembers, over the HTTP API."""
