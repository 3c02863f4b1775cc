"""Generate `cabinet_client/_sync/` from `cabinet_client/_async/`: the same code without `async` and `await`.

Run it after a change; `--check` exits with 1 if a generated file is stale.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

FOLDER = Path(__file__).parent / "cabinet_client"
_NOTE = "# Generated from ../_async/ by generate_sync.py: change that file instead.\n"
# In this order.
_REPLACED = [
    (r"\basynchronous client, the source of the blocking one in `_sync`: run .*?\.\"", 'blocking client."'),
    (r"cabinet_client\._async", "cabinet_client._sync"),
    (r"^import asyncio\n", "import time\n"),
    (r"asyncio\.sleep", "time.sleep"),
    (r"^from asyncio import to_thread\n", ""),
    (r"\bto_thread\(([\w.]+)(?:, )?", r"\1("),
    (r"\bawait ", ""),
    (r"\basync (def|with|for)\b", r"\1"),
    (r"__a(iter|enter|exit)__", r"__\1__"),
    (r"\ba(close|read|iter_bytes)\b", r"\1"),
    (r"httpx\.AsyncClient", "httpx.Client"),
    (r"\bAsync(Iterator|Cabinet|Pages|Users|Keys|Plans|Documents|Conversations|Collections)\b", r"\1"),
]


def generated(source: str) -> str:
    """The blocking form of an asynchronous source."""
    for pattern, replacement in _REPLACED:
        source = re.sub(pattern, replacement, source, flags=re.MULTILINE)
    return _NOTE + source


def main() -> int:
    """Write the files, or compare them."""
    stale = []
    for path in sorted((FOLDER / "_async").glob("*.py")):
        target, text = FOLDER / "_sync" / path.name, generated(path.read_text())
        if target.exists() and target.read_text() == text:
            continue
        stale.append(target.name)
        if "--check" not in sys.argv:
            target.parent.mkdir(exist_ok=True)
            target.write_text(text)
    if stale and "--check" in sys.argv:
        print(f"stale: {', '.join(stale)}; run python clients/python/generate_sync.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
