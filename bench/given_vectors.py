"""An embedding endpoint for a collection with given vectors: `python -m bench.given_vectors FOLDER NAME`.

It answers the text of a document with the document's vector, which a service then stores, and refuses other texts.
"""

from __future__ import annotations

import base64
import socket
import sys
from pathlib import Path

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bench.collection import Collection, read_collection

GREETING = r"the given vectors are served on (http://\S+)"
# The service normalizes white space. The first characters distinguish the documents.
_CHARACTERS = 300


class _Body(msgspec.Struct):
    input: str | list[str]
    model: str


def create_app(collection: Collection) -> Starlette:
    """The application. It answers in base64, which the client library requests."""
    assert collection.document_vectors is not None
    encoded = {
        _key(text): base64.b64encode(vector.astype("<f4").tobytes()).decode()
        for text, vector in zip(collection.documents.values(), collection.document_vectors, strict=True)
    }

    async def embeddings(request: Request) -> Response:
        body = msgspec.json.decode(await request.body(), type=_Body)
        texts = [body.input] if isinstance(body.input, str) else body.input
        vectors = [encoded.get(_key(text)) for text in texts]
        if None in vectors:
            return PlainTextResponse("one of the texts is not a document of the collection", 400)
        data = [{"object": "embedding", "index": index, "embedding": one} for index, one in enumerate(vectors)]
        reply = {"object": "list", "data": data, "model": body.model, "usage": {"prompt_tokens": 0, "total_tokens": 0}}
        return Response(msgspec.json.encode(reply), media_type="application/json")

    return Starlette(routes=[Route("/v1/embeddings", embeddings, methods=["POST"])])


def _key(text: str) -> str:
    return "".join(text.split())[:_CHARACTERS]


def main() -> None:
    """Serve on a free port until SIGINT."""
    listener = socket.create_server(("127.0.0.1", 0))
    app = create_app(read_collection(Path(sys.argv[1]), sys.argv[2]))
    sys.stdout.write(f"the given vectors are served on http://127.0.0.1:{listener.getsockname()[1]}/v1\n")
    sys.stdout.flush()
    uvicorn.Server(uvicorn.Config(app, access_log=False, log_level="warning", lifespan="off")).run(sockets=[listener])


if __name__ == "__main__":
    main()
