"""Mutated files of every supported type in the real sandbox: each results in chunks or a reason in time."""

from __future__ import annotations

import asyncio
import importlib
import io
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import docx

import svc.demo
from svc.errors import CabinetError, DocumentRejectedError
from svc.ingest.file_types import detect_file_type
from svc.ingest.formats import FORMATS
from svc.ingest.sandbox import ParserSandbox
from tests.campaigns.fuzz.containers import containers
from tests.conftest import test_settings

SAMPLES = Path(svc.demo.__file__).parent / "samples"
TOKENS = [
    b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"%PDF-1.7", b"endobj", b"stream\n", b"/Filter /FlateDecode", b"PK\x03\x04",
    b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"<table>", b"<div>" * 50, b"</", b'"' * 9, b"\r\n", b",,,,", b"# ", b"```",
    b"word/document.xml", b"[Content_Types].xml", b"2147483648", b"-1", b"99999999999999999999", "🦊".encode(),
]  # fmt: skip

_INSIDE_SHARE = 0.6


@dataclass
class Outcome:
    """The results of the files: counts by type and result, the longest time, and violations."""

    counts: Counter[str] = field(default_factory=Counter)
    longest_s: float = 0.0
    wrong: list[str] = field(default_factory=list)
    rejected_parts: Counter[str] = field(default_factory=Counter)  # mutated, without which a file could be read


def seeds() -> list[tuple[str, bytes]]:
    """Return a name and the bytes of at least one file of each type."""
    found = [(path.name, path.read_bytes()) for path in sorted(SAMPLES.iterdir()) if path.is_file()]
    document = docx.Document()
    document.add_heading("Tides", 1)
    document.add_paragraph("The moon raises them twice a day.")
    table = document.add_table(2, 3)
    table.cell(0, 0).text = "height"
    document.save(saved := io.BytesIO())
    found += [("tides.docx", saved.getvalue()), ("plain.txt", "Naïve café. ".encode() * 40)]
    for name, format_ in FORMATS.items():
        module = importlib.import_module(f"svc.ingest.parsers.{format_.module}")
        found.append((f"sample of {name}{format_.suffixes[0]}", module.SAMPLE))
    assert {detect_file_type(name, data, images=True) for name, data in found} == FORMATS.keys()
    return found


def mutated(data: bytes, generator: random.Random, others: list[bytes]) -> bytes:
    """Return a file with one to eight mutations."""
    changed = bytearray(data)
    for _ in range(generator.randint(1, 8)):
        place = generator.randrange(len(changed) + 1)
        length = min(len(changed) - place, generator.choice([1, 2, 8, 64, 1024, 8192]))
        match generator.randrange(8):
            case 0:
                for _ in range(generator.randint(1, 16)):
                    if changed:
                        changed[generator.randrange(len(changed))] = generator.randrange(256)
            case 1:
                del changed[place:]
            case 2:
                del changed[place : place + length]
            case 3:
                changed[place:place] = changed[place : place + length] * generator.choice([1, 2, 50])
            case 4:
                changed[place:place] = generator.choice(TOKENS) * generator.choice([1, 1, 1, 100])
            case 5:
                other = generator.choice(others)
                start = generator.randrange(len(other))
                changed[place:place] = other[start : start + length]
            case 6:
                changed[place : place + length] = generator.randbytes(length)
            case _:
                changed[place : place + length] = changed[place : place + length][::-1]
    return bytes(changed[: 4 * 2**20])


async def fuzz_files(seed: int, until: float, most: int | None = None) -> Outcome:
    """Parse mutated files until a time of `time.monotonic`, two at a time, or until there were `most`."""
    outcome, generator = Outcome(), random.Random(seed)
    settings = test_settings(parse_cpu_s=5, parse_timeout_s=15)
    sandbox, files = ParserSandbox(settings), seeds()
    others = [data for _, data in files]
    inside = containers()

    async def work() -> None:
        while time.monotonic() < until and (most is None or outcome.counts.total() < most):
            part = ""
            if generator.random() < _INSIDE_SHARE:
                container = generator.choice(inside)
                part, changed = container.mutated(generator, lambda data: mutated(data, generator, others))
                file_type, part = container.file_type, "" if part in container.needed else part
            else:
                name, data = generator.choice(files)
                file_type = detect_file_type(name, data, images=True)
                changed = mutated(data, generator, others)
            started = time.monotonic()
            try:
                chunks = await sandbox.chunks(file_type, changed)
                result = "chunks" if chunks else "nothing"
            except DocumentRejectedError as error:
                result = "rejected"
                if error.detail.startswith(("SIG", "signal", "The parser ended")):
                    result = error.detail.split()[0]
                    outcome.wrong.append(f"{file_type}: {error.detail}")
                elif part:
                    outcome.rejected_parts[f"{file_type} {part}: {error.detail}"] += 1
            except CabinetError as error:
                result = "wrong"
                outcome.wrong.append(f"{file_type}: {error!r}")
            outcome.counts[f"{file_type} {result}"] += 1
            outcome.longest_s = max(outcome.longest_s, time.monotonic() - started)

    try:
        await asyncio.gather(work(), work())
        # The parser server still serves.
        assert await sandbox.chunks("text", b"The end.")
    finally:
        await sandbox.close()
    if outcome.longest_s > settings.parse_timeout_s + 10:
        outcome.wrong.append(f"a file took {outcome.longest_s:.1f} s")
    return outcome
