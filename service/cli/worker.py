"""`interlock worker`: what is done in the background."""

import asyncio
import contextlib
import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Annotated

import typer

from models.errors import NotConfigured
from service.settings import settings
from service.telemetry import logs, metrics, traces

AGAIN_S = 1.0
STOP_S = 30
"""How long a worker may take to finish what is running."""


def worker(
    *,
    once: Annotated[bool, typer.Option(help="Do what waits now, and end.")] = False,
    tied: Annotated[bool, typer.Option("--tied", hidden=True, help="End when standard input does.")] = False,
) -> None:
    """Publish events, seal the audit, answer booking requests, release expired holds, run jobs and the nights.

    Any number may run, on any machine that reaches the database.
    """
    from service.bootstrap import run_worker  # noqa: PLC0415 - a second that other commands need not wait

    logs.install(logging.INFO if settings().environment == "production" else logging.WARNING)
    if traces.wanted():
        traces.install()
    if (port := settings().worker_metrics_port) is not None:
        _serve_metrics(port)

    async def work() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        if tied:
            loop.add_reader(sys.stdin.fileno(), stop.set)
        await run_worker(stop, once=once)

    asyncio.run(work())


def _serve_metrics(port: int) -> None:
    try:
        metrics.serve(port)
    except OSError as error:
        raise NotConfigured(f"INTERLOCK_WORKER_METRICS_PORT: something else listens on port {port}.") from error


@contextlib.contextmanager
def beside() -> Iterator[None]:
    """Keep a worker running in a process beside this one; one that dies is started again."""
    ending, process = threading.Event(), [_started()]

    def watch() -> None:
        while not ending.is_set():
            process[0].wait()
            if not ending.wait(AGAIN_S):
                process[0] = _started()

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield
    finally:
        ending.set()
        process[0].terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process[0].wait(STOP_S)


def _started() -> subprocess.Popen[bytes]:
    # Nothing is ever written to it: it closes when this process ends, however it ends.
    command = [sys.executable, "-m", "service.cli", "worker", "--tied"]
    return subprocess.Popen(command, stdin=subprocess.PIPE)  # noqa: S603 - ourselves
