"""Embeddings without a key and without a network: the model that the wordllama wheel carries.

The model is a table of 32,000 token vectors; a text's embedding is the mean of its tokens' rows. The
library's own `embed` pads a batch to its longest text and copies it twice, which is slow for mixed lengths
and takes gigabytes for a few very long texts, so the rows are summed here a text at a time.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from svc.database.guard import external_call
from svc.embedding.provider import check_texts
from svc.errors import EmbeddingRefusedError
from svc.settings.groups import EmbeddingSettings
from svc.vectors.formats import check_vectors

PIECE_CHARACTERS: Final = 16_384
"""A longer text is embedded in pieces of this length: 4 MB of token vectors in English, 64 MB in emoji."""

SLICE_CHARACTERS: Final = 32_768
"""Work handed to a thread at once, about 10 ms: a query waits for no more of each document in work."""


class LocalProvider:
    """The embedding provider that needs nothing but the installed package. Vectors have length 1."""

    name = "local"

    def __init__(self, settings: EmbeddingSettings) -> None:
        self.model = settings.model
        self.dimensions = settings.dimensions
        threads = min(settings.embedding_concurrency, os.cpu_count() or 1)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="embedding")
        # Loading takes half a second. It begins now, in a thread; the first call waits for the rest of it.
        self._model = self._threads.submit(_load_model)

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts in a thread, a slice at a time, so that the event loop goes on. See the protocol."""
        external_call("embedding")
        check_texts(texts)
        # Shielded, since a caller that gives up would else cancel the loading for everybody.
        model = await asyncio.shield(asyncio.wrap_future(self._model))
        loop = asyncio.get_running_loop()
        sums = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for piece_slice in _slices(texts):
            await loop.run_in_executor(self._threads, _add_token_vectors, model, piece_slice, sums)
        return await loop.run_in_executor(self._threads, _unit_vectors, sums)

    async def close(self) -> None:
        """Stop the threads, after the slices they are at."""
        await asyncio.to_thread(self._threads.shutdown)


def _load_model() -> Any:
    """Load the model from the installed wheel; nothing is fetched.

    Raises:
        EmbeddingRefusedError: the wheel or the files in it are missing.
    """
    # Read when the tokenizer first runs: threads of its own would compete with ours and break after a fork.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        wordllama = _import_wordllama()
        # Its tokenizer is inside the wheel, in a folder where the library looks only when that is the cache.
        model = wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)
    except (ImportError, OSError) as error:
        raise EmbeddingRefusedError(
            f"the local embedding model cannot be loaded ({error}); install the wordllama package again"
        ) from error
    model.tokenizer.no_padding()
    return model


def _import_wordllama() -> Any:
    """Import the library, but not what it does to logging: it calls `basicConfig`, which a handler stops."""
    root, placeholder = logging.getLogger(), logging.NullHandler()
    root.addHandler(placeholder)
    try:
        return importlib.import_module("wordllama")
    finally:
        root.removeHandler(placeholder)


def _slices(texts: Sequence[str]) -> Iterator[list[tuple[int, str]]]:
    """The texts in order as slices of (index of the text, piece of it)."""
    pieces: list[tuple[int, str]] = []
    characters = 0
    for index, text in enumerate(texts):
        for start in range(0, len(text), PIECE_CHARACTERS):
            piece = text[start : start + PIECE_CHARACTERS]
            pieces.append((index, piece))
            characters += len(piece)
            if characters >= SLICE_CHARACTERS:
                yield pieces
                pieces, characters = [], 0
    if pieces:
        yield pieces


def _add_token_vectors(model: Any, pieces: Sequence[tuple[int, str]], sums: NDArray[np.float32]) -> None:
    """Add to each text's row of `sums` the vectors of the tokens in its pieces."""
    # "fast" leaves out the offsets into the text, which nobody needs here.
    encodings = model.tokenizer.encode_batch_fast([piece for _, piece in pieces], add_special_tokens=False)
    for (index, _), encoding in zip(pieces, encodings, strict=True):
        sums[index] += model.embedding[encoding.ids].sum(axis=0)


def _unit_vectors(sums: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale each row to length 1, which makes the mean of the sum; a zero row stays zero and is refused."""
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    np.divide(sums, lengths, out=sums, where=lengths > 0)
    count, dimensions = sums.shape
    return check_vectors(sums, count=count, dimensions=dimensions)
