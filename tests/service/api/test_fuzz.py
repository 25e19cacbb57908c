"""Requests of all kinds, drawn from the OpenAPI document, at a running server: no 5xx, every answer as described.

They name the business, and mostly what is there in it, so that they reach the commands and queries. `make fuzz` sends
50,000 of them; here some hundred.
"""

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from service.telemetry.metrics import REQUESTS
from tests.service.api.aurora import Aurora, aurora, world
from tests.service.api.stock import configuration, illustrate, stocked

__all__ = ["aurora", "world"]
CASES = int(os.environ.get("INTERLOCK_CASES", "0"))
"""About so many in all; 0: one or two of each operation."""
SEED = int(os.environ.get("INTERLOCK_SEED", "1"))
"""Other seeds draw others, without the cases that every seed has."""
OPERATIONS = 123
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
        *("--generation-with-security-parameters", "false"),
        *(("--generation-deterministic",) if CASES == 0 else ()),
        *("--continue-on-failure", "--no-shrink", "--warnings", "off", *words),
    ]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    counted = GENERATED.search(ran.stdout)
    assert ran.returncode == 0, ran.stdout[-20_000:] + ran.stderr[-2_000:]
    assert counted is not None, ran.stdout[-2_000:]
    return int(counted[1].replace(",", ""))


def answered() -> Counter[tuple[str, str]]:
    """Count what this process has answered, by operation and status."""
    [metric] = REQUESTS.collect()
    counts = [(sample.labels, sample.value) for sample in metric.samples if sample.name.endswith("_count")]
    return Counter({(labels["operation"], labels["status"]): int(value) for labels, value in counts})


def test_no_request_breaks_the_server_or_the_description(aurora, tmp_path, capsys):
    ids = stocked(aurora)
    (tmp_path / "schemathesis.toml").write_text(configuration(ids))
    illustrate(aurora.world.app.openapi(), ids)
    before = answered()
    sent = fuzzed(aurora, tmp_path, "--exclude-operation-id-regex", DESTRUCTIVE)
    sent += fuzzed(aurora, tmp_path, "--include-operation-id-regex", DESTRUCTIVE)
    answers = answered() - before
    operations = {operation for operation, _ in answers}
    served = {operation for operation, status in answers if status < "400"}
    statuses = Counter()
    for (_, status), count in answers.items():
        statuses[status] += count
    with capsys.disabled():
        print(f"\n{sent} requests, answered {dict(sorted(statuses.items()))}")  # noqa: T201 - the run is for these
        print(f"never served: {', '.join(sorted(operations - served)) or 'none'}")  # noqa: T201
    assert sent >= max(100, CASES // 2)
    assert len(served) > OPERATIONS // 2, "what is asked for must be there"


def test_an_answer_that_is_not_as_described_is_found(aurora, world, tmp_path):
    world.app.openapi()["components"]["schemas"]["Location"]["required"].append("nobody")
    world.app.openapi()["components"]["schemas"]["BusinessDetails"]["required"].append("nobody")
    (tmp_path / "schemathesis.toml").write_text('[parameters]\n"path.business" = "aurora"\n')
    with pytest.raises(AssertionError, match="nobody"):
        fuzzed(aurora, tmp_path, "--include-operation-id", "readBusiness")
