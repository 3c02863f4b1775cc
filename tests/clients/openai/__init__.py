"""The behaviour of the OpenAI dialect, seen by the unmodified `openai` SDK, synchronous and asynchronous."""
