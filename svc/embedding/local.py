"""Embeddings without an API key or a network: the model that the wordllama wheel contains.

The model is a table of 32,000 token vectors; the embedding of a text is the mean of its tokens' rows. The library's
`embed` pads a batch to its longest text and copies it twice. That is slow for texts of mixed lengths and uses gigabytes
for a few very long ones, so this module sums the rows one text at a time.
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
from svc.settings.model import EmbeddingSettings
from svc.vectors.formats import check_vectors

logger = logging.getLogger(__name__)

PIECE_CHARACTERS: Final = 16_384
"""Longer texts are embedded in pieces of this length, with 4 MB of token vectors for English and 64 MB for emoji."""

SLICE_CHARACTERS: Final = 32_768
"""The work that a thread does at a time, about 10 ms. A query waits for at most that much of each document."""

AT_ONCE_CHARACTERS: Final = 1_000
"""Shorter texts, such as queries, are embedded on the event loop: in 0.1 to 0.4 ms, and in a thread in 0.8."""


class LocalProvider:
    """The embedding provider that needs only the installed package. Its vectors have length 1."""

    name = "local"

    def __init__(self, settings: EmbeddingSettings) -> None:
        self.model = settings.model
        self.dimensions = settings.dimensions
        threads = min(settings.embedding_concurrency, os.cpu_count() or 1)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="embedding")
        # Loading takes half a second. It starts now in a thread; the first call waits until it has ended.
        self._model = self._threads.submit(_load_model)

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts, long ones in a thread, slice by slice, without blocking the event loop. See the protocol."""
        external_call("embedding")
        check_texts(texts)
        if self._model.done() and sum(map(len, texts)) <= AT_ONCE_CHARACTERS:
            few = np.zeros((len(texts), self.dimensions), dtype=np.float32)
            _add_token_vectors(self._model.result(), [*enumerate(map(_readable, texts))], few)
            return _unit_vectors(few)
        # Shielded, because a cancelled caller would otherwise cancel the loading for all callers.
        model = await asyncio.shield(asyncio.wrap_future(self._model))
        loop = asyncio.get_running_loop()
        sums = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for piece_slice in _slices(texts):
            await loop.run_in_executor(self._threads, _add_token_vectors, model, piece_slice, sums)
        return await loop.run_in_executor(self._threads, _unit_vectors, sums)

    async def close(self) -> None:
        """Stop the threads after their current slices."""
        await asyncio.to_thread(self._threads.shutdown)


def _load_model() -> Any:
    """Load the model from the installed wheel; nothing is downloaded.

    Raises:
        EmbeddingRefusedError: the wheel or the files in it are missing.
    """
    # The tokenizer reads this when it first runs. Its threads would compete with the provider's and break after a fork.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        wordllama = _import_wordllama()
        # The tokenizer is in a folder of the wheel in which the library looks only if it is the cache folder.
        model = wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)
    except (ImportError, OSError) as error:
        logger.exception("the local embedding model cannot be loaded")
        raise EmbeddingRefusedError(
            "the local embedding model cannot be loaded; reinstall the wordllama package"
        ) from error
    model.tokenizer.no_padding()
    return model


def _import_wordllama() -> Any:
    """Import the library without its change to logging: `basicConfig` does nothing if the root has a handler."""
    root, placeholder = logging.getLogger(), logging.NullHandler()
    root.addHandler(placeholder)
    try:
        return importlib.import_module("wordllama")
    finally:
        root.removeHandler(placeholder)


def _slices(texts: Sequence[str]) -> Iterator[list[tuple[int, str]]]:
    """Yield slices of (index of the text, piece of the text), in order."""
    pieces: list[tuple[int, str]] = []
    characters = 0
    for index, text in enumerate(map(_readable, texts)):
        for start in range(0, len(text), PIECE_CHARACTERS):
            piece = text[start : start + PIECE_CHARACTERS]
            pieces.append((index, piece))
            characters += len(piece)
            if characters >= SLICE_CHARACTERS:
                yield pieces
                pieces, characters = [], 0
    if pieces:
        yield pieces


def _readable(text: str) -> str:
    """The model knows words in small letters only, so a text in capitals has no meaning for it."""
    return text.lower() if text.isupper() else text


def _add_token_vectors(model: Any, pieces: Sequence[tuple[int, str]], sums: NDArray[np.float32]) -> None:
    """Add the vectors of the tokens in each piece to the row of its text in `sums`."""
    # "fast" omits the offsets into the text.
    encodings = model.tokenizer.encode_batch_fast([piece for _, piece in pieces], add_special_tokens=False)
    for (index, _), encoding in zip(pieces, encodings, strict=True):
        sums[index] += model.embedding[encoding.ids].sum(axis=0)


def _unit_vectors(sums: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale each row to length 1; whether it is a sum or a mean then makes no difference. Zero rows are refused."""
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    np.divide(sums, lengths, out=sums, where=lengths > 0)
    count, dimensions = sums.shape
    return check_vectors(sums, count=count, dimensions=dimensions)
