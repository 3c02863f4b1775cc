"""The HTTP connections: limits of the size, the duration and the memory of requests and answers."""
