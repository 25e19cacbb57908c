"""The real requests where they are at hand, else the generated twin."""

import os
from pathlib import Path

import pytest

from service.jobs.replay.requests import RequestFile, read
from service.jobs.replay.twin import generate

SHARED = Path(os.environ.get("INTERLOCK_SHARED_DATA", Path(__file__).parents[5] / "shared" / "data"))
FILE = SHARED / "clinic_requests_2016.csv.gz"


@pytest.fixture(scope="session")
def real() -> RequestFile:
    """All requests of the public data set, or of the twin of the same shape."""
    return read(FILE) if FILE.exists() else RequestFile(generate(), [])
