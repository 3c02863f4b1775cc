"""Schemathesis with `/openapi.json`: every route with valid and invalid data, alone and in sequences."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

# The promises of the schema. It does not say which valid values a route must accept: an unknown id is valid.
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance", "negative_data_rejection", "unsupported_method", "allow_header_conformance",
    "use_after_free", "ignored_auth",
)  # fmt: skip
# A parameter that is too long makes the target too long (414), a value that is too long makes the body too large (413).
# The tool does not expect these statuses by itself.
_SETTINGS = """[checks]
negative_data_rejection.expected-statuses = [
  "400", "401", "403", "404", "405", "406", "409", "413", "414", "415", "422", "428", "429", "5xx"
]
"""


def fuzz_schema(url: str, headers: dict[str, str], seed: int, seconds: int, folder: Path) -> tuple[Counter[str], bool]:
    """Run Schemathesis, which prints its findings. Return the answers by status, and whether all checks passed."""
    report = folder / "schemathesis.ndjson"
    (folder / "schemathesis.toml").write_text(_SETTINGS)
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "run", f"{url}/openapi.json", "--max-time", str(seconds),
        "--seed", str(seed), "--checks", ",".join(CHECKS), "--continue-on-failure", "--warnings", "off", "--no-color",
        "--suppress-health-check", "all", "--report", "ndjson", "--report-ndjson-path", str(report),
        # A request that deletes the user whose key is sent ends the run.
        "--exclude-operation-id", "delete_user",
    ]  # fmt: skip
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    result = subprocess.run(command, cwd=folder, check=False, timeout=seconds + 300)
    return _statuses(report), result.returncode == 0


def _statuses(report: Path) -> Counter[str]:
    """Count the answers in a report of events."""
    counts = Counter[str]()

    def visit(value: Any) -> None:
        if isinstance(value, dict):
            if "status_code" in value:
                counts[str(value["status_code"])] += 1
            for item in value.values():
                visit(item)
        elif isinstance(value, list):
            for item in value:
                visit(item)

    with report.open() as lines:
        for line in lines:
            visit(json.loads(line))
    return counts
