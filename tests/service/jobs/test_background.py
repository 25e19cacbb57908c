"""Runs in the background: they have the request's id, and all the time that they need."""

import asyncio
import time
from contextvars import ContextVar
from uuid import uuid4

import pytest

from service.db.session import LONGEST_S, answer_by, seconds_left
from service.jobs.background import BackgroundRuns
from tests.service.worlds import NOW

REQUEST: ContextVar[str] = ContextVar("REQUEST")
pytestmark = pytest.mark.anyio


async def test_a_run_outlives_the_deadline_of_the_request_that_began_it():
    met: list[tuple[float, str]] = []

    async def work(*_, stop):
        met.append((seconds_left(), REQUEST.get()))

    REQUEST.set("a request")
    answer_by.set(time.monotonic() - 1)
    runs = BackgroundRuns()
    runs.begin(work, None, None, [uuid4()], NOW)
    await asyncio.sleep(0)
    await runs.close()
    assert met == [(LONGEST_S, "a request")]
    assert seconds_left() < 0
