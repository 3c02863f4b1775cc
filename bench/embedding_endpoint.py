"""An OpenAI-compatible embedding endpoint on loopback with negligible cost: `python -m bench.embedding_endpoint`.

It answers with precomputed vectors, the same for equal texts, so a measurement shows the work of the service, not that
of a model.
"""

from __future__ import annotations

import base64
import os
import socket
import sys
import zlib

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from svc.calibration.synthetic import synthetic_vectors

GREETING = r"the embedding endpoint answers on (http://\S+)"
_VECTORS = 2048


class _Body(msgspec.Struct):
    input: str | list[str]
    model: str


def create_app(dimensions: int) -> Starlette:
    """The application. It answers in base64, which the client library requests."""
    vectors = synthetic_vectors(_VECTORS, dimensions, seed=17).astype("<f4")
    encoded = [base64.b64encode(row.tobytes()) for row in vectors]

    async def embeddings(request: Request) -> Response:
        body = msgspec.json.decode(await request.body(), type=_Body)
        texts = [body.input] if isinstance(body.input, str) else body.input
        items = (
            b'{"object":"embedding","index":%d,"embedding":"%b"}'
            % (index, encoded[zlib.crc32(text.encode()) % _VECTORS])
            for index, text in enumerate(texts)
        )
        reply = b'{"object":"list","data":[%b],"model":%b,"usage":{"prompt_tokens":0,"total_tokens":0}}' % (
            b",".join(items), msgspec.json.encode(body.model),
        )  # fmt: skip
        return Response(reply, media_type="application/json")

    return Starlette(routes=[Route("/v1/embeddings", embeddings, methods=["POST"])])


def main() -> None:
    """Serve vectors of ENDPOINT_DIMENSIONS on a free port until SIGINT."""
    listener = socket.create_server(("127.0.0.1", 0))
    # Without it, an answer takes 40 ms longer.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = uvicorn.Config(
        create_app(int(os.environ["ENDPOINT_DIMENSIONS"])), loop="uvloop", http="httptools", access_log=False,
        log_level="warning", lifespan="off",
    )  # fmt: skip
    sys.stdout.write(f"the embedding endpoint answers on http://127.0.0.1:{listener.getsockname()[1]}/v1\n")
    sys.stdout.flush()
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
