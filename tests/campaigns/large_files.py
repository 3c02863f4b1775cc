"""Reads and cuts the largest files that are promised, each in a process of its own; prints the time and the memory.

    python -m tests.campaigns.large_files [NAME …]

Promised are 60 seconds of a processor and 1 GB.
"""

from __future__ import annotations

import multiprocessing
import re
import resource
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from svc.ingest.packing import split
from svc.ingest.parse import parse
from tests.ingest.office_files import R, package, relationships
from tests.ingest.test_formats import shape, slide, workbook
from tests.ingest.test_more_formats import cell, opendocument, row
from tests.ingest.test_pdf import LEFT, RIGHT, cells, drawn, interleaved, lines

PROMISED_S, PROMISED_MB = 60.0, 1024
ROWS, PAGES, SLIDES = 100_000, 2_000, 500


def sheet(*, open_document: bool, rows: int = ROWS) -> bytes:
    """100,000 rows of eight cells."""
    texts = [[f"article {n}", "red", str(n), "0.20", "grey", "Oslo", str(n * 7), "in stock"] for n in range(rows)]
    if open_document:
        written = "".join(row(*map(cell, each)) for each in texts)
        return opendocument("spreadsheet", f"<table:table>{written}</table:table>")
    inline = "<c t='inlineStr'><is><t>{}</t></is></c>"
    written = "".join(f"<row>{''.join(inline.format(each) for each in values)}</row>" for values in texts)
    return workbook({"Stock": written})


def pages(*, columns: bool) -> bytes:
    """2,000 pages of about 40 lines, in two columns with tables, or in one."""
    left, right = LEFT * 6, RIGHT * 6
    if columns:
        # A column of the table crosses the space between the columns of the text, so the table is one.
        rows = [["Bolt", "grey", "of galvanized steel from the north", "0.20"]] * 8
        table = cells(
            [["Part", "Colour", "What it is made of, and where that is from", "Price"], *rows],
            [72, 130, 190, 440],
            y=260,
        )
        one = [*interleaved(lines(72, 740, left), lines(320, 740, right)), *table]
    else:
        one = lines(72, 740, [f"{a} {b}" for a, b in zip(left, right, strict=True)])
    return drawn(*[one] * PAGES)


def deck(*, open_document: bool) -> bytes:
    """500 slides with a title, eight items and notes."""
    if open_document:
        items = "".join(f"<text:list-item><text:p>{line}</text:p></text:list-item>" for line in LEFT + RIGHT)
        frame = f"<draw:frame><draw:text-box><text:list>{items}</text:list></draw:text-box></draw:frame>"
        return opendocument("presentation", "".join(f"<draw:page>{frame}</draw:page>" for _ in range(SLIDES)))
    parts: dict[str, str | bytes] = {
        "_rels/.rels": relationships(("officeDocument", "ppt/presentation.xml")),
        "ppt/presentation.xml": f'<p xmlns:r="{R}"><sldIdLst>'
        + "".join(f'<sldId r:id="rId{n}"/>' for n in range(1, SLIDES + 1))
        + "</sldIdLst></p>",
        "ppt/_rels/presentation.xml.rels": relationships(*[("slide", f"slides/{n}.xml") for n in range(SLIDES)]),
    }
    for n in range(SLIDES):
        parts[f"ppt/slides/{n}.xml"] = slide(shape(f"Slide {n}", "title"), shape("\n".join(LEFT + RIGHT), ""))
    return package(**parts)


FILES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "xlsx": ("xlsx", lambda: sheet(open_document=False)),
    "ods": ("ods", lambda: sheet(open_document=True)),
    "pdf": ("pdf", lambda: pages(columns=False)),
    "pdf in columns": ("pdf", lambda: pages(columns=True)),
    "pptx": ("pptx", lambda: deck(open_document=False)),
    "odp": ("odp", lambda: deck(open_document=True)),
}


def _measured(file_type: str, data: bytes, answer: Connection) -> None:
    started = time.process_time()
    chunks = split(parse(file_type, data), chunk_tokens=512, overlap_tokens=64, max_chunks=1_000_000)
    answer.send((time.process_time() - started, _peak_mb(), len(chunks)))


def _peak_mb() -> float:
    """The memory of this process at its largest. On Linux, `ru_maxrss` includes that of the process that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.findall(r"^VmHWM:\s+(\d+) kB", status.read_text(), re.MULTILINE)[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> int:
    """Print a line for each file; returns 1 if one exceeds the promised limits."""
    context = multiprocessing.get_context("spawn")
    failed = 0
    for name in sys.argv[1:] or FILES:
        file_type, make = FILES[name]
        data = make()
        parent, child = context.Pipe()
        process = context.Process(target=_measured, args=(file_type, data, child))
        process.start()
        seconds, peak_mb, chunks = parent.recv()
        process.join()
        failed += seconds > PROMISED_S or peak_mb > PROMISED_MB
        print(f"{name}: {len(data) / 2**20:.1f} MB, {seconds:.1f} s, {peak_mb:.0f} MB, {chunks} chunks", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
