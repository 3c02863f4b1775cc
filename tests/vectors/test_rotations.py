"""Rotations keep lengths and angles, and have the same bytes everywhere."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from svc.vectors.rotations import rotated, rotation_width
from svc.vectors.signatures import signatures

DIMENSIONS = [1, 2, 7, 8, 100, 129, 256, 384, 512, 768, 1000, 1023]


def numbers(count: int, dimensions: int) -> NDArray[np.float32]:
    """Vectors without random numbers, whose streams differ between libraries."""
    of_vector, of_dimension = np.indices((count, dimensions))
    return (((of_vector * 7_919 + (of_dimension + 1) ** 2 * 104_729) % 2_003 - 1_001) / 1_001).astype(np.float32)


@pytest.mark.parametrize("dimensions", DIMENSIONS)
def test_each_rotation_keeps_lengths_and_angles(dimensions: int) -> None:
    """The check is exact, since the components of unit vectors are whole numbers."""
    width = rotation_width(dimensions)
    assert dimensions <= width < 2 * dimensions
    both = rotated(np.eye(dimensions, dtype=np.float32), 2 * width).astype(np.float64)
    for rotation in (both[:, :width], both[:, width:]):
        np.testing.assert_array_equal(rotation @ rotation.T, np.eye(dimensions) * width**2)
    if dimensions >= 8:
        # The inner products of two random directions are small.
        assert np.abs(both[:, :width].T @ both[:, width:]).max() / width**2 < 0.99


@pytest.mark.parametrize("dimensions", DIMENSIONS)
def test_a_vector_is_rotated_alone_as_among_others(dimensions: int) -> None:
    vectors = numbers(300, dimensions)
    together = rotated(vectors, 1536)
    assert together.shape == (300, 1536)
    for index in (0, 41, 42, 43, 299):
        np.testing.assert_array_equal(rotated(vectors[index : index + 1], 1536)[0], together[index])


# Signatures are stored: if they were computed differently one day, stored ones could not be compared.
DIGESTS = {
    8: "2eab5c2300109701",
    100: "ac0264cd4b0e7bd5",
    129: "29ff317af6549649",
    256: "67d9c8234424cbed",
    384: "621287fdca47dde9",
    768: "ed932c61b1f3b3a2",
    1023: "faca5694461a4f35",
    1024: "1d5e57f2789f9a2b",
    1536: "35af151499d90410",
}


@pytest.mark.parametrize("dimensions", DIGESTS)
def test_signatures_are_the_same_on_every_machine_and_in_every_release(dimensions: int) -> None:
    digest = hashlib.sha256(b"".join(signatures(numbers(50, dimensions)))).hexdigest()
    assert digest[:16] == DIGESTS[dimensions]


FORKING = """
import os, sys, threading
import numpy as np
from svc.vectors.signatures import signatures

vectors = np.random.default_rng(1).standard_normal((400, int(sys.argv[1])))
working = [threading.Thread(target=signatures, args=(vectors,)) for _ in range(2)]
for thread in working:
    thread.start()
forks = 0
while any(thread.is_alive() for thread in working):
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    forks += 1
print(forks)
"""


@pytest.mark.parametrize("dimensions", [256, 384])
def test_a_process_that_forks_while_it_makes_its_first_signatures_does_not_hang(dimensions: int) -> None:
    """With the threads of a linear algebra library, it did: as root, the service forks to stop the embedded server."""
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", FORKING, str(dimensions)], capture_output=True, text=True, timeout=60, check=True
        )
        assert int(done.stdout) > 0
