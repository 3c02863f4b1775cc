"""Plants faults into a copy of the service, one at a time, and records which checks of the OpenAI SDK notice each."""
