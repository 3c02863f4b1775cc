"""The protocol of an embedding provider, and which texts every provider accepts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from svc.errors import EmbeddingRefusedError


class EmbeddingProvider(Protocol):
    """Turns texts into vectors. A process makes one and shares it: its limits hold for the whole process."""

    @property
    def name(self) -> str:
        """`openai` or `local`."""

    @property
    def model(self) -> str:
        """Name of the model; vectors of different models cannot be compared."""

    @property
    def dimensions(self) -> int:
        """Components in each vector."""

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed any number of texts, in batches of the provider's own choosing.

        Returns:
            An array of shape (len(texts), dimensions), row i for text i, every row fit to be stored as
            `halfvec`.

        Raises:
            EmbeddingUnavailableError: the provider did not answer, not even after retries; later may help.
            EmbeddingRefusedError: a text cannot be embedded, or the provider refuses; again would not help.
            ConnectionHeldError: the calling task holds a database connection.
        """

    async def close(self) -> None:
        """Free what the provider holds. It cannot be used afterwards."""


def check_texts(texts: Sequence[str]) -> list[int]:
    """Check that every text can be sent to a model, and return their sizes in bytes of UTF-8.

    Raises:
        EmbeddingRefusedError: a text is empty, which the OpenAI API refuses and for which the local model has
            no vector, or holds a lone surrogate, which no encoding carries. It names the first such text.
    """
    sizes = []
    for index, text in enumerate(texts):
        if not text:
            raise EmbeddingRefusedError(f"text {index} is empty, and nothing can be embedded for it")
        try:
            sizes.append(len(text.encode()))
        except UnicodeEncodeError as error:
            raise EmbeddingRefusedError(
                f"text {index} holds a lone surrogate at character {error.start}, which is no valid Unicode"
            ) from None
    return sizes
