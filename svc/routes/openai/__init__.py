"""The OpenAI API, below `/v1`, for its unmodified clients. It translates requests and answers."""
