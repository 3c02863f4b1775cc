"""The local provider: the model in the wheel works without a network and does not block the event loop."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from svc.embedding.choice import create_provider
from svc.embedding.local import AT_ONCE_CHARACTERS, PIECE_CHARACTERS, LocalProvider
from svc.embedding.provider import EmbeddingProvider
from svc.errors import ConnectionHeldError, EmbeddingRefusedError
from svc.settings import LOCAL_DIMENSIONS, LOCAL_MODEL, load_settings
from tests.conftest import PATIENCE_S, connection_held

TEXTS = [
    "PostgreSQL keeps tables, indexes and vectors in one database.",
    "An index on a table makes queries in the database fast.",
    "My grandmother's apple cake needs butter, sugar and cinnamon.",
]
STRANGE_TEXTS = [
    " ", "\n\t", "😀", "\u200b", "\u200d\u200b", "\ufeff", "\u00ad", "\x00", "\u0301", "\U0010ffff", "日本",
    "<s>", "</s>", "<unk>",
]  # fmt: skip


@pytest_asyncio.fixture(scope="module")
async def provider() -> AsyncIterator[LocalProvider]:
    provider = LocalProvider(load_settings())
    yield provider
    await provider.close()


async def test_texts_that_share_meaning_are_closer(provider: LocalProvider) -> None:
    vectors = await provider.embed(TEXTS)
    assert vectors.shape == (3, LOCAL_DIMENSIONS)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert vectors[0] @ vectors[1] > 0.3 > vectors[0] @ vectors[2]


async def test_the_vectors_are_those_of_the_library(provider: LocalProvider) -> None:
    from wordllama import WordLlama

    folder = Path(sys.modules["wordllama"].__file__ or "").parent
    library = WordLlama.load(cache_dir=folder, disable_download=True)
    texts = [*TEXTS, *STRANGE_TEXTS, " ".join(TEXTS * 80)]
    assert len(texts[-1]) < PIECE_CHARACTERS
    np.testing.assert_allclose(await provider.embed(texts), library.embed(texts, norm=True), atol=1e-6)


async def test_a_short_text_has_the_same_vector_alone_and_among_long_ones(provider: LocalProvider) -> None:
    long = " ".join(TEXTS * AT_ONCE_CHARACTERS)[: 2 * AT_ONCE_CHARACTERS]
    for text in [*TEXTS, *STRANGE_TEXTS, TEXTS[0].upper()]:
        alone, (among, _) = await provider.embed([text]), await provider.embed([text, long])
        np.testing.assert_array_equal(alone[0], among)


async def test_a_short_text_needs_no_thread(provider: LocalProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    await provider.embed(["the model is loaded"])
    monkeypatch.setattr(provider, "_threads", None)

    assert (await provider.embed(TEXTS)).shape == (3, LOCAL_DIMENSIONS)


async def test_each_of_many_texts_gets_its_own_vector(provider: LocalProvider) -> None:
    texts = [f"{text} {'and more of it ' * (number % 50)}" for number, text in enumerate(TEXTS * 100)]
    together, *others = await asyncio.gather(*(provider.embed(texts) for _ in range(4)))
    alone = np.vstack([await provider.embed([text]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-6)
    for vectors in others:
        np.testing.assert_array_equal(vectors, together)


async def test_no_text_but_the_empty_one_is_without_a_vector(provider: LocalProvider) -> None:
    vectors = await provider.embed(STRANGE_TEXTS)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert (await provider.embed([])).shape == (0, LOCAL_DIMENSIONS)
    with pytest.raises(EmbeddingRefusedError, match="text 1 is empty"):
        await provider.embed(["a text", ""])
    with pytest.raises(EmbeddingRefusedError, match="text 0 contains a lone surrogate"):
        await provider.embed(["\ud800"])


async def test_a_very_long_text_takes_little_memory(provider: LocalProvider) -> None:
    await provider.embed(["load the model first"])
    long = " ".join(f"word{number % 1000}" for number in range(100_000))
    tracemalloc.start()
    try:
        vectors = await provider.embed([*TEXTS, long])
        peak_mb = tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()
    assert np.isfinite(vectors).all()
    assert peak_mb < 40  # Padding all four to the longest would take 2 GB.
    # The cuts between pieces change a few of about 400,000 tokens.
    parts = await provider.embed([long[: len(long) // 2], long[len(long) // 2 :]])
    assert vectors[3] @ parts.mean(axis=0) > 0.999


async def test_the_event_loop_answers_while_many_texts_are_embedded(provider: LocalProvider) -> None:
    await provider.embed(["load the model first"])
    pauses: list[float] = []

    async def tick() -> None:
        while True:
            before = time.thread_time()
            await asyncio.sleep(0.001)
            pauses.append(time.thread_time() - before)

    ticking = asyncio.create_task(tick())
    await provider.embed([" ".join(TEXTS * 5)] * 2000)
    ticking.cancel()
    assert len(pauses) > 5
    # The limit is processor time of the loop, so a busy machine does not matter. Embedding there would take a second.
    assert max(pauses) < 0.25


async def test_a_question_does_not_wait_for_the_documents_in_work(provider: LocalProvider) -> None:
    documents = [asyncio.create_task(provider.embed([" ".join(TEXTS * 5)] * 2000)) for _ in range(3)]
    await asyncio.sleep(0.05)
    await provider.embed(["a question"])
    assert not any(document.done() for document in documents)
    await asyncio.gather(*documents)


async def test_a_caller_cancelled_while_the_model_loads_does_not_affect_others() -> None:
    provider = LocalProvider(load_settings())
    impatient = asyncio.create_task(provider.embed(TEXTS))
    await asyncio.sleep(0)
    impatient.cancel()
    assert (await provider.embed(TEXTS)).shape == (3, LOCAL_DIMENSIONS)
    await provider.close()


async def test_nothing_is_embedded_while_a_connection_is_held(provider: LocalProvider) -> None:
    with connection_held(), pytest.raises(ConnectionHeldError):
        await provider.embed(TEXTS)


async def test_the_log_says_why_the_local_model_is_used(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "svc.embedding"):
        by_default: EmbeddingProvider = create_provider(load_settings())
        chosen = create_provider(load_settings(embedding_provider="local"))
    assert f"{LOCAL_MODEL} with 256 dimensions" in caplog.messages[0]
    assert "neither OPENAI_API_KEY nor OPENAI_BASE_URL is set" in caplog.messages[0]
    assert "OPENAI_API_KEY" not in caplog.messages[1]
    assert (by_default.name, by_default.model, by_default.dimensions) == (
        "local",
        LOCAL_MODEL,
        LOCAL_DIMENSIONS,
    )
    await by_default.close()
    await chosen.close()


FRESH_PROCESS = """
import asyncio, logging, os, socket, sys

class NoNetwork(socket.socket):
    def connect(self, address): raise AssertionError(f"connects to {address}")
    connect_ex = sendto = connect

def no_lookup(*arguments, **named): raise AssertionError(f"looks up {arguments}")
socket.socket, socket.getaddrinfo, socket.create_connection = NoNetwork, no_lookup, no_lookup

from svc.embedding.choice import create_provider
from svc.settings import load_settings

async def main():
    provider = create_provider(load_settings())
    vectors = await provider.embed(["PostgreSQL", "a text"])
    await provider.close()
    assert vectors.shape == (2, 256)

asyncio.run(main())
assert "openai" not in sys.modules, "openai was imported"
assert logging.getLogger().handlers == [], logging.getLogger().handlers
assert logging.getLogger().level == logging.WARNING
assert os.environ["TOKENIZERS_PARALLELISM"] == "false"
print("embedded", sorted(os.listdir(os.environ["HOME"])))
"""


def test_a_fresh_process_needs_no_network_and_no_files_and_keeps_its_logging(tmp_path: Path) -> None:
    variables = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    finished = subprocess.run(
        [sys.executable, "-c", FRESH_PROCESS],
        env=variables, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout == "embedded []\n"
