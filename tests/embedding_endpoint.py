"""An embedding endpoint for tests: a real HTTP server that speaks `POST /v1/embeddings`, and misbehaves on
demand.

    with EmbeddingEndpoint(dimensions=64) as endpoint:
        provider = OpenAIProvider(load_settings(openai_base_url=endpoint.base_url, embedding_dimensions=64))
        endpoint.next("429", retry_after=1)     # the next call only
        endpoint.always("500")                  # every call, until endpoint.well()

It runs in a separate thread, so that a test that blocks its event loop does not slow down the endpoint. Its vectors
depend only on the text, and texts that share words have similar vectors.
"""

from __future__ import annotations

import asyncio
import functools
import re
import socket
import threading
import time
import zlib
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import msgspec
import numpy as np
import uvicorn
from numpy.typing import NDArray
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

BUCKETS = 512
"""Words are counted in this many buckets, which a fixed random matrix turns into any number of dimensions."""

STOP_WITHIN_S = 10.0
WORD = re.compile(r"\w+")

BEHAVIOURS = frozenset(
    {"well", "hang", "drip", "disconnect", "garbage", "html", "shape"}
    | {"wrong_order", "wrong_index", "wrong_count", "wrong_dimension"}
    | {"redirect", "bomb", "flood", "deep", "odd_base64"}
    | {"nan", "infinity", "huge", "zero", "tiny", "empty", "long", "words"}
)


@dataclass(frozen=True)
class Behaviour:
    """The behaviour of the endpoint for a call: one of BEHAVIOURS, or a status code such as "503"."""

    name: str
    retry_after: float | str | None = None
    message: str | None = None


WELL = Behaviour("well")


@dataclass
class Call:
    """One call to the endpoint. Times are from `time.monotonic`; `ended_s` is None during the call."""

    texts: int
    input_bytes: int
    model: str
    dimensions: int | None
    encoding_format: str
    headers: dict[str, str]
    behaviour: str
    started_s: float
    ended_s: float | None = None


class _Body(msgspec.Struct):
    input: str | list[str]
    model: str
    dimensions: int | None = None
    encoding_format: str = "float"


class _WordCodes(dict[str, int]):
    """A number for each word: its bucket, with its sign in the lowest bit."""

    def __missing__(self, word: str) -> int:
        code = self[word] = zlib.crc32(word.encode()) % (2 * BUCKETS)
        return code


class EmbeddingEndpoint:
    """The server, running inside the `with`.

    Attributes to set at any time: `delay_s`, the seconds that a call takes; `knows_base64`, False for an
    endpoint that answers with numbers whatever is asked; `takes_dimensions`, False for one that refuses that
    parameter; `redirects_to`, the address that a redirect names. Attributes to read: `base_url`; `calls`, oldest
    first; `most_at_once`, the maximum number of concurrent calls; `flooded_bytes`, the bytes of "flood".
    """

    def __init__(self, dimensions: int = 1536, *, delay_s: float = 0.0) -> None:
        self.dimensions = dimensions
        self.delay_s = delay_s
        self.knows_base64 = True
        self.takes_dimensions = True
        self.redirects_to = ""
        self.flooded_bytes = 0
        self.calls: list[Call] = []
        self.most_at_once = 0
        self._under_way = 0
        self._script: deque[Behaviour] = deque()
        self._otherwise = WELL
        self._codes = _WordCodes()
        random = np.random.default_rng(20_240_601)
        self._projection = random.standard_normal((BUCKETS, dimensions), dtype=np.float32)

    def next(
        self,
        behaviour: str,
        *,
        times: int = 1,
        retry_after: float | str | None = None,
        message: str | None = None,
    ) -> None:
        """Add a behaviour to the script, from which each call takes one. `retry_after` is in seconds or an HTTP
        date."""
        self._script.extend([_known(Behaviour(behaviour, retry_after, message))] * times)

    def always(self, behaviour: str, *, retry_after: float | str | None = None, message: str | None = None) -> None:
        """Set the behaviour after the end of the script."""
        self._otherwise = _known(Behaviour(behaviour, retry_after, message))

    def well(self) -> None:
        """Forget the script and answer well."""
        self._script.clear()
        self._otherwise = WELL

    def vectors(self, texts: list[str]) -> NDArray[np.float32]:
        """The unit vectors of these texts, of shape (len(texts), dimensions)."""
        words = [WORD.findall(text.lower()) for text in texts]
        codes = np.array([self._codes[word] for row in words for word in row], dtype=np.int64)
        rows = np.repeat(np.arange(len(texts)), [len(row) for row in words])
        signs = np.where(codes & 1, 1.0, -1.0)
        places = rows * BUCKETS + (codes >> 1)
        counts = np.bincount(places, signs, len(texts) * BUCKETS).astype(np.float32).reshape(-1, BUCKETS)
        # The whole text counts as half a word, so that every text has one and words cannot cancel to zero.
        whole = [zlib.crc32(text.encode()) % BUCKETS for text in texts]
        counts[np.arange(len(texts)), whole] += np.float32(0.5)
        vectors = counts @ self._projection
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)

    # The server

    def __enter__(self) -> Self:
        listener = socket.create_server(("127.0.0.1", 0))
        # asyncio sets this only for a socket that names its protocol; without it, an answer takes 40 ms longer.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.base_url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        app = Starlette(routes=[Route("/v1/embeddings", self._answer, methods=["POST"])])
        # log_config=None: the logging of the test stays as it is.
        self._server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
        self._thread = threading.Thread(target=self._run, args=(listener,), name="embedding-endpoint")
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise RuntimeError("the embedding endpoint did not start")
            time.sleep(0.002)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(STOP_WITHIN_S)
        if self._thread.is_alive():
            raise RuntimeError(f"the embedding endpoint did not stop within {STOP_WITHIN_S} s")

    def _run(self, listener: socket.socket) -> None:
        asyncio.run(self._serve(listener))

    async def _serve(self, listener: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        await self._server.serve(sockets=[listener])

    async def _answer(self, request: Request) -> Response:
        body = msgspec.json.decode(await request.body(), type=_Body)
        behaviour = self._script.popleft() if self._script else self._otherwise
        texts = [body.input] if isinstance(body.input, str) else body.input
        call = Call(
            texts=len(texts),
            input_bytes=sum(len(text.encode()) for text in texts),
            model=body.model,
            dimensions=body.dimensions,
            encoding_format=body.encoding_format,
            headers=dict(request.headers),
            behaviour=behaviour.name,
            started_s=time.monotonic(),
        )
        self.calls.append(call)
        self._under_way += 1
        self.most_at_once = max(self.most_at_once, self._under_way)
        try:
            seconds = 3600.0 if behaviour.name == "hang" else self.delay_s
            if seconds:
                await self._wait(request, seconds)
            return self._response(behaviour, body, texts)
        finally:
            self._under_way -= 1
            call.ended_s = time.monotonic()

    async def _wait(self, request: Request, seconds: float) -> None:
        """Wait, but not longer than the client waits and the server runs."""
        ends = [asyncio.ensure_future(request.receive()), asyncio.ensure_future(self._stopping.wait())]
        await asyncio.wait(ends, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()

    async def _drip(self) -> AsyncIterator[bytes]:
        """Endless blanks: each arrives in time, but the answer never does."""
        while not self._stopping.is_set():
            yield b" "
            await asyncio.sleep(0.02)

    async def _flood(self) -> AsyncIterator[bytes]:
        """Blanks as fast as they are read, up to a gigabyte."""
        for _ in range(1024):
            if self._stopping.is_set():
                return
            self.flooded_bytes += 2**20
            yield b" " * 2**20

    def _response(self, behaviour: Behaviour, body: _Body, texts: list[str]) -> Response:
        if body.dimensions is not None and not self.takes_dimensions:
            refusal = f'Model "{body.model}" does not support matryoshka representation'
            behaviour = Behaviour("400", message=refusal)
        if behaviour.name.isdigit():
            return _error(behaviour)
        match behaviour.name:
            case "disconnect":
                return _HalfResponse()
            case "drip":
                return StreamingResponse(self._drip(), media_type="application/json")
            case "garbage":
                return Response(b'{"data": [{"ind', media_type="application/json")
            case "html":
                return Response("<!doctype html><title>Sign in</title>", media_type="text/html")
            case "shape":
                return Response(b'{"embeddings": [[0.1, 0.2]]}', media_type="application/json")
            case "redirect":
                return Response(None, 307, {"location": self.redirects_to})
            case "bomb":
                return Response(_bomb(), headers={"content-encoding": "gzip"}, media_type="application/json")
            case "flood":
                return StreamingResponse(self._flood(), media_type="application/json")
            case "deep":
                return Response(b'{"data": ' + b"[" * 2_000_000, media_type="application/json")
        return self._reply(behaviour.name, body, texts)

    def _reply(self, behaviour: str, body: _Body, texts: list[str]) -> Response:
        vectors = self.vectors(texts)
        middle = len(texts) // 2
        if behaviour == "nan":
            vectors[middle, 0] = np.nan
        elif behaviour == "infinity":
            vectors[middle, 1] = -np.inf
        elif behaviour == "huge":
            vectors[middle, 2] = 70_000
        elif behaviour == "zero":
            vectors[middle] = 0
        elif behaviour == "tiny":
            vectors[middle] = 1e-9
        elif behaviour == "empty":
            vectors = vectors[:, :0]
        elif behaviour == "long":
            vectors = np.tile(vectors, 500)
        elif behaviour == "wrong_dimension":
            vectors = np.hstack([vectors, vectors])
        as_bytes = body.encoding_format == "base64" and self.knows_base64
        # msgspec writes bytes as base64.
        data: list[dict[str, Any]] = [
            {"object": "embedding", "index": index, "embedding": row.tobytes() if as_bytes else row.tolist()}
            for index, row in enumerate(vectors.astype("<f4"))
        ]
        if behaviour == "words":
            data[middle]["embedding"] = ["0.1"] * self.dimensions
        elif behaviour == "odd_base64":
            data[middle]["embedding"] = b"12345"
        elif behaviour == "wrong_order":
            data.reverse()
        elif behaviour == "wrong_index":
            data[-1]["index"] = 0 if len(data) > 1 else 1
        elif behaviour == "wrong_count":
            data.pop()
        usage = {"prompt_tokens": 0, "total_tokens": 0}
        reply = {"object": "list", "data": data, "model": body.model, "usage": usage}
        return Response(msgspec.json.encode(reply), media_type="application/json")


class _HalfResponse(Response):
    """A response whose connection breaks within its body."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"data": [', "more_body": True})


@functools.cache
def _bomb() -> bytes:
    """A gigabyte of blanks, compressed to a megabyte."""
    compressor = zlib.compressobj(1, wbits=31)
    blanks = b" " * 2**20
    return b"".join([compressor.compress(blanks) for _ in range(1024)]) + compressor.flush()


def _error(behaviour: Behaviour) -> Response:
    message = behaviour.message or f"The endpoint was told to answer {behaviour.name}."
    error = {"message": message, "type": "test_error", "param": None, "code": None}
    headers = {} if behaviour.retry_after is None else {"retry-after": str(behaviour.retry_after)}
    content = msgspec.json.encode({"error": error})
    return Response(content, int(behaviour.name), headers, media_type="application/json")


def _known(behaviour: Behaviour) -> Behaviour:
    if behaviour.name not in BEHAVIOURS and not re.fullmatch(r"[45]\d\d", behaviour.name):
        raise ValueError(f"{behaviour.name} is neither a status nor one of {', '.join(sorted(BEHAVIOURS))}")
    return behaviour
