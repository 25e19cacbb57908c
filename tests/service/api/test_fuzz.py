"""Requests of all kinds, drawn from the OpenAPI document, at a running server: no 5xx, every answer as described.

`make fuzz` sends 50,000 of them; here some hundred.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.service.api.aurora import Aurora, aurora, world

__all__ = ["aurora", "world"]
CASES = int(os.environ.get("INTERLOCK_CASES", "0"))
"""About so many in all; 0: one or two of each operation."""
SEED = int(os.environ.get("INTERLOCK_SEED", "1"))
"""Other seeds draw others, without the cases that every seed has."""
OPERATIONS = 110
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
DESTRUCTIVE = "^(delete|erase|remove|revoke|end|withdraw|changePassword|leave)"
"""What would leave the others little to find; it comes last."""
GENERATED = re.compile(r"Test cases:\s+(\d[\d,]*) generated")


def fuzzed(aurora: Aurora, folder: Path, *words: str) -> int:
    """Send requests of all kinds, and return how many; fails with what schemathesis says of those that failed."""
    phases, each = ("examples,fuzzing", 1) if CASES == 0 else ("examples,coverage,fuzzing", CASES // OPERATIONS)
    if SEED != 1:
        phases = "fuzzing"
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        *("run", f"{aurora.address}/openapi.json", "--no-color", "--seed", str(SEED)),
        *("--header", f"Cookie: {aurora.admin}", "--checks", ",".join(CHECKS), "--phases", phases),
        *("--max-examples", str(each), "--suppress-health-check", "all"),
        *(("--generation-deterministic",) if CASES == 0 else ()),
        *("--continue-on-failure", "--no-shrink", "--warnings", "off", *words),
    ]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    counted = GENERATED.search(ran.stdout)
    assert ran.returncode == 0, ran.stdout[-20_000:] + ran.stderr[-2_000:]
    assert counted is not None, ran.stdout[-2_000:]
    return int(counted[1].replace(",", ""))


def test_no_request_breaks_the_server_or_the_description(aurora, tmp_path, capsys):
    sent = fuzzed(aurora, tmp_path, "--exclude-operation-id-regex", DESTRUCTIVE)
    sent += fuzzed(aurora, tmp_path, "--include-operation-id-regex", DESTRUCTIVE)
    with capsys.disabled():
        print(f"\n{sent} requests")  # noqa: T201 - the number is what the run is for
    assert sent >= max(100, CASES // 2)


def test_an_answer_that_is_not_as_described_is_found(aurora, world, tmp_path):
    world.app.openapi()["components"]["schemas"]["Location"]["required"].append("nobody")
    world.app.openapi()["components"]["schemas"]["BusinessDetails"]["required"].append("nobody")
    with pytest.raises(AssertionError, match="nobody"):
        fuzzed(aurora, tmp_path, "--include-operation-id", "readBusiness")
