"""`python -m bench.seed_stack`: serves the database in SEED_DATABASE_URL on a free port.

Its vectors have SEED_DIMENSIONS dimensions.
"""

from __future__ import annotations

import os
import socket
import sys

import uvicorn

from bench.seed_stack.application import create_app
from bench.seed_stack.models import use_dimensions


def main() -> None:
    """Serve until SIGINT."""
    use_dimensions(int(os.environ["SEED_DIMENSIONS"]))
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = uvicorn.Config(
        create_app(os.environ["SEED_DATABASE_URL"]), loop="uvloop", http="httptools", access_log=False,
        server_header=False, log_level="warning",
    )  # fmt: skip
    sys.stdout.write(f"the seed's stack serves on http://127.0.0.1:{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
