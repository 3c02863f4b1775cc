"""The OpenAI API, below `/v1`, for its unmodified clients. It translates, and has no statements of its own."""
