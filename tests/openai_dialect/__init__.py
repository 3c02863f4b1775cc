"""The OpenAI API below `/v1`, used by the unmodified SDK."""
