"""A document that exceeds a limit is rejected with that limit, and does not affect other documents."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest

from svc.errors import ConnectionHeldError, DocumentRejectedError, UnavailableError
from svc.ingest import parser_process
from svc.ingest.file_types import detect_file_type
from svc.ingest.sandbox import ParserSandbox
from svc.settings import Settings
from tests.conftest import PATIENCE_S, connection_held
from tests.ingest.test_parse import SHARED_FILES, docx_with_body, pdf_of

REPOSITORY = Path(__file__).parents[2]
needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes through /proc")
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory of a process")

# libxml2 compares each attribute with all before it: minutes of processor time, in C, where no Python code runs.
SLOW_PAGE = b"<html><body " + b"".join(b"a%d=1 " % number for number in range(100_000)) + b">x"
# Limits that it does not reach, however busy the machine is.
PATIENT = {"parse_cpu_s": 600, "parse_timeout_s": 600.0}


@asynccontextmanager
async def sandbox(**limits: object) -> AsyncIterator[ParserSandbox]:
    opened = ParserSandbox(Settings(**limits))  # type: ignore[arg-type]
    try:
        yield opened
    finally:
        await opened.close()


async def rejection_of(opened: ParserSandbox, file_type: str, data: bytes) -> str:
    with pytest.raises(DocumentRejectedError) as caught:
        await opened.chunks(file_type, data)
    return caught.value.detail


def is_running(process_id: int) -> bool:
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children_of(process_id: int) -> list[int]:
    children = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # The process has ended meanwhile.
        if fields[0] != "Z" and int(fields[1]) == process_id:
            children.append(int(stat.parent.name))
    return children


# Services that other modules share may each have a parser server.
_servers_of_others: set[int] = set()


@pytest.fixture(autouse=True)
def servers_of_others() -> Iterator[None]:
    """Ignores parser servers that ran before the test."""
    _servers_of_others.update(parser_servers())
    yield
    _servers_of_others.clear()


def parser_servers() -> list[int]:
    return [
        child
        for child in children_of(os.getpid())
        if child not in _servers_of_others
        and b"svc.ingest.parser_server" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


async def eventually(condition: Callable[[], object], *, within_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "the condition was not met in time"
        await asyncio.sleep(0.01)


async def started(opened: ParserSandbox) -> int:
    """The process of the parser server, idle."""
    await opened.chunks("text", b"start")
    (server,) = parser_servers()
    await eventually(lambda: not children_of(server))
    return server


async def test_chunks_come_back_as_they_were_cut() -> None:
    async with sandbox(chunk_tokens=16, chunk_overlap_tokens=0, max_chunks=100_000) as opened:
        chunks = await opened.chunks(
            "pdf", pdf_of("The first page has a sentence of many words. And it has quite another of them.", "Two")
        )
        assert [(chunk.content, chunk.metadata) for chunk in chunks] == [
            ("The first page has a sentence of many words.", {"page": 1, "start": 0, "end": 44}),
            ("And it has quite another of them.\n\nTwo", {"page": 1, "last_page": 2, "start": 45, "end": 83}),
        ]
        many = await opened.chunks("text", "Ein Wörtchen – ☃. ".encode() * 20_000)
        assert len(many) > 5_000
        assert "".join(chunk.content for chunk in many).replace(" ", "") == "EinWörtchen–☃." * 20_000


async def test_files_that_the_parser_and_the_chunker_reject() -> None:
    async with sandbox(max_chunks=3) as opened:
        assert "damaged or truncated" in await rejection_of(opened, "pdf", b"%PDF-1.7 nothing more")
        assert "CABINET_MAX_CHUNKS" in await rejection_of(opened, "text", b"many words " * 2000)
        assert (await opened.chunks("text", b"still at work"))[0].content == "still at work"


@needs_linux
@pytest.mark.parametrize("file_type", ["docx", *(pytest.param(one, marks=pytest.mark.slow) for one in ("pdf", "csv"))])
async def test_memory(file_type: str) -> None:
    bomb = {
        "docx": lambda: docx_with_body(b"<w:p><w:r><w:t>bomb</w:t></w:r></w:p>" * 1_000_000),
        "pdf": lambda: pdf_of("@").replace(b"(@) Tj", b"").replace(b">>stream\n", b"/Filter/FlateDecode>>stream\n")
        .replace(b"BT /F 12 Tf 72 700 Td  ET", zlib.compress(b"BT /F 12 Tf (bomb) Tj ET\n" * 4_000_000)),
        "csv": lambda: b"a," * 20_000_000,
    }[file_type]()  # fmt: skip
    async with sandbox(parse_memory_mb=160) as opened:
        detail = await rejection_of(opened, file_type, bomb)
        assert "160 MB of memory" in detail
        assert "CABINET_PARSE_MEMORY_MB" in detail
        assert await opened.chunks("text", b"still at work")


async def test_processor_seconds() -> None:
    async with sandbox(parse_cpu_s=1) as opened:
        detail = await rejection_of(opened, "html", SLOW_PAGE)
        assert "1 processor seconds" in detail
        assert "CABINET_PARSE_CPU_S" in detail


@needs_proc
@pytest.mark.parametrize("after_s", [0.0, 0.001, 0.3])
async def test_a_start_that_is_cancelled_leaves_no_process(after_s: float) -> None:
    before = set(parser_servers())
    async with sandbox() as opened:
        reading = asyncio.create_task(opened.chunks("text", b"start"))
        await asyncio.sleep(after_s)
        reading.cancel()
        await asyncio.wait([reading])
    # A zombie also counts, since nobody would wait for it.
    assert set(parser_servers()) <= before


async def test_seconds_are_not_final() -> None:
    """The progress of a parser in a fixed time depends on the load of the machine."""
    async with sandbox(parse_timeout_s=0.5) as opened:
        with pytest.raises(UnavailableError) as caught:
            await opened.chunks("html", SLOW_PAGE)
        assert "0.5 seconds" in caught.value.detail
        assert "CABINET_PARSE_TIMEOUT_S" in caught.value.detail


async def test_seconds_that_no_processor_was_spent_in_are_not_final() -> None:
    """The machine is so busy that the parser does not run at all."""
    async with sandbox(parse_timeout_s=4.0) as opened:
        server = await started(opened)
        reading = asyncio.create_task(opened.chunks("html", SLOW_PAGE))
        await eventually(lambda: children_of(server))
        os.kill(children_of(server)[0], signal.SIGSTOP)
        with pytest.raises(UnavailableError, match="CABINET_PARSE_TIMEOUT_S"):
            await reading
        assert await opened.chunks("text", b"still at work")


@needs_proc
async def test_a_crash_names_the_signal() -> None:
    async with sandbox() as opened:
        server = await started(opened)
        reading = asyncio.create_task(rejection_of(opened, "html", SLOW_PAGE))
        await eventually(lambda: children_of(server))
        os.kill(children_of(server)[0], signal.SIGSEGV)
        assert "SIGSEGV" in await reading


@needs_proc
async def test_cancelling_kills_the_child_at_once() -> None:
    async with sandbox() as opened:
        server = await started(opened)
        reading = asyncio.create_task(opened.chunks("html", SLOW_PAGE))
        await eventually(lambda: children_of(server))
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await eventually(lambda: not children_of(server), within_s=PATIENCE_S)
        assert await opened.chunks("text", b"still at work")


@needs_proc
async def test_two_at_once_and_no_more() -> None:
    async with sandbox(**PATIENT) as opened:
        server = await started(opened)
        reading = [asyncio.create_task(opened.chunks("html", SLOW_PAGE)) for _ in range(3)]
        await eventually(lambda: len(children_of(server)) == 2)
        for _ in range(20):
            await asyncio.sleep(0.02)
            assert len(children_of(server)) == 2
        for task in reading:
            task.cancel()
        await asyncio.wait(reading)


@needs_proc
async def test_tenants_take_turns() -> None:
    """One tenant's documents wait for both places; the small document of another tenant is read next, not last."""
    async with sandbox(**PATIENT) as opened:
        server = await started(opened)
        hog, other = UUID(int=1), UUID(int=2)
        reading = [asyncio.create_task(opened.chunks("html", SLOW_PAGE, hog)) for _ in range(8)]
        await eventually(lambda: len(children_of(server)) == 2)
        small = asyncio.create_task(opened.chunks("text", b"words", other))
        await asyncio.sleep(0)
        # Those that came first have the places; the next one is the third document's, then it is the other's turn.
        reading[0].cancel()
        reading[1].cancel()
        assert (await small)[0].content == "words"
        assert not any(task.done() for task in reading[2:])
        for task in reading:
            task.cancel()
        await asyncio.wait(reading)


async def test_the_event_loop_is_not_blocked() -> None:
    """By its thread's own processor time: on a busy machine a gap says nothing."""
    gaps: list[float] = []

    async def tick() -> None:
        while True:
            before = time.thread_time()
            await asyncio.sleep(0.01)
            gaps.append(time.thread_time() - before)

    async with sandbox() as opened:
        ticking = asyncio.create_task(tick())
        assert len(await opened.chunks("text", b"Several words in a line of text.\n" * 100_000)) > 1000
        ticking.cancel()
    assert gaps
    assert max(gaps) < 0.5


@needs_proc
async def test_a_killed_parser_server_is_restarted() -> None:
    async with sandbox() as opened:
        server = await started(opened)
        os.kill(server, signal.SIGKILL)
        assert (await opened.chunks("text", b"again"))[0].content == "again"
        assert parser_servers() != [server]


@needs_proc
async def test_closing_ends_everything() -> None:
    async with sandbox() as opened:
        server = await started(opened)
        reading = asyncio.create_task(opened.chunks("html", SLOW_PAGE))
        await eventually(lambda: children_of(server))
        (child,) = children_of(server)
        await opened.close()
        with pytest.raises(UnavailableError):
            await reading
        with pytest.raises(UnavailableError):
            await opened.chunks("text", b"after the end")
        assert not parser_servers()
        assert not is_running(child)


@needs_proc
async def test_the_parser_server_holds_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-a-secret-of-the-server")
    # Only root may read the environment of a hidden process.
    shown = "import svc.ingest.confinement as c; c.hide_process = lambda: None; from svc.ingest.parser_server"
    program = parser_process._PROGRAM.replace("from svc.ingest.parser_server", shown)
    monkeypatch.setattr(parser_process, "_PROGRAM", program)
    async with sandbox() as opened:
        server = await started(opened)
        assert b"sk-a-secret" not in Path(f"/proc/{server}/environ").read_bytes()


@needs_proc
async def test_the_parser_server_has_one_thread_so_it_can_fork() -> None:
    """Locks that other threads hold at the time of a fork stay locked in the child for ever."""
    async with sandbox() as opened:
        server = await started(opened)
        assert len(list(Path(f"/proc/{server}/task").iterdir())) == 1


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("svc.ingest.parser_server", {"svc.settings", "svc.database", "pydantic", "asyncpg"}),
        (
            "svc.ingest.sandbox",
            {"svc.ingest.parse", "lxml", "pypdfium2", "charset_normalizer", "semantic_text_splitter"},
        ),
    ],
)
def test_each_process_loads_only_its_own_modules(module: str, unwanted: set[str]) -> None:
    program = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True)
    assert not unwanted & set(loaded.stdout.split())


async def test_refuses_while_a_connection_is_held() -> None:
    async with sandbox() as opened:
        with connection_held(), pytest.raises(ConnectionHeldError):
            await opened.chunks("text", b"words")


PROGRAM = """
import asyncio, sys, uvloop
sys.path.insert(0, sys.argv[1])
from svc.ingest.sandbox import ParserSandbox
from svc.settings import Settings

async def main():
    opened = ParserSandbox(Settings())
    print((await opened.chunks("text", b"under uvloop"))[0].content, flush=True)
    await opened.chunks("html", b"<html><body " + b"".join(b"a%d=1 " % n for n in range(100_000)) + b">x")

uvloop.run(main())
"""


@needs_proc
async def test_no_process_is_left_when_the_parent_is_killed(tmp_path: Path) -> None:
    # From another folder and with uvloop, like the console script.
    parent = subprocess.Popen(  # noqa: ASYNC220 - asyncio's own would tie it to this loop
        [sys.executable, "-c", PROGRAM, str(REPOSITORY)], stdout=subprocess.PIPE, text=True, cwd=tmp_path
    )
    with parent:
        assert parent.stdout is not None
        assert await asyncio.to_thread(parent.stdout.readline) == "under uvloop\n"
        (server,) = children_of(parent.pid)
        await eventually(lambda: children_of(server))
        left = [server, *children_of(server)]
        parent.kill()
    await eventually(lambda: not any(is_running(process_id) for process_id in left), within_s=PATIENCE_S)


@pytest.mark.skipif(not SHARED_FILES.is_dir(), reason=f"needs the test files in {SHARED_FILES}")
async def test_real_files_end_soon_as_chunks_or_with_a_reason() -> None:
    async with sandbox() as opened:
        for file in sorted(SHARED_FILES.iterdir()):
            data = file.read_bytes()
            started = time.monotonic()
            try:
                chunks = await opened.chunks(detect_file_type(file.name, data), data)
            except DocumentRejectedError as error:
                assert error.detail.endswith(".")
            else:
                assert all(0 < chunk.token_count <= 512 for chunk in chunks), file.name
            assert time.monotonic() - started < 25, file.name
