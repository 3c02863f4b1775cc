"""The protocol of embedding providers, and the check of texts that they share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from svc.errors import EmbeddingRefusedError


class EmbeddingProvider(Protocol):
    """Turns texts into vectors. A process creates one provider and shares it: its limits apply to the process."""

    @property
    def name(self) -> str:
        """`openai` or `local`."""

    @property
    def model(self) -> str:
        """The name of the model; vectors of different models cannot be compared."""

    @property
    def dimensions(self) -> int:
        """The number of components in each vector."""

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed any number of texts, in batches that the provider chooses.

        Returns:
            An array of shape (len(texts), dimensions); row i belongs to text i and can be stored as `halfvec`.

        Raises:
            EmbeddingUnavailableError: the provider did not answer in spite of retries; a later call may succeed.
            EmbeddingRefusedError: a text cannot be embedded, or the provider refuses; a retry would fail again.
            ConnectionHeldError: the calling task holds a database connection.
        """

    async def close(self) -> None:
        """Release the provider's resources. It cannot be used afterwards."""


def check_texts(texts: Sequence[str]) -> list[int]:
    """Check that every text can be sent to a model, and return the sizes of the texts in UTF-8 bytes.

    Raises:
        EmbeddingRefusedError: a text is empty, which the OpenAI API refuses and for which the local model has no
            vector, or contains a lone surrogate, which cannot be encoded. The detail names the first such text.
    """
    sizes = []
    for index, text in enumerate(texts):
        if not text:
            raise EmbeddingRefusedError(f"text {index} is empty, so it cannot be embedded")
        try:
            sizes.append(len(text.encode()))
        except UnicodeEncodeError as error:
            raise EmbeddingRefusedError(
                f"text {index} contains a lone surrogate at character {error.start}, which is invalid Unicode"
            ) from None
    return sizes
