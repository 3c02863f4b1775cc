"""The behaviour of the OpenAI dialect with the unmodified `openai` SDK, synchronous and asynchronous."""
