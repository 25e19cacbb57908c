"""The product's own processes, started, killed and asked as from outside."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from pathlib import Path

import httpx

STARTS_S = 120
"""On a busy machine; how long a start really took is what a test looks at."""


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Running:
    """A process of ours; use it within `async with`.

    Parameters
    ----------
    words : str
        Of its command line, after the interpreter.
    environment : str
        More of the environment.
    """

    def __init__(self, *words: str, **environment: str) -> None:
        self._words = words
        self._environment = {**os.environ, **environment}
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> "Running":  # noqa: PYI034 - subclasses are not meant
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()

    async def start(self) -> None:
        """Start it, again if it was killed."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, *self._words, env=self._environment, start_new_session=True
        )

    async def kill(self) -> None:
        """End it at once, as the kernel does when memory runs out."""
        await self._signalled(signal.SIGKILL)

    async def terminate(self) -> int:
        """Ask it to end, wait for it, and return its exit code."""
        await self._signalled(signal.SIGTERM)
        return self._process.returncode

    def cpu_s(self) -> float:
        """Return the seconds of CPU that it has taken so far: what a start costs, however busy the machine is."""
        stat = Path(f"/proc/{self._process.pid}/stat").read_text()
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    async def ended(self) -> int:
        """Wait until it ends by itself and return its exit code."""
        return await self._process.wait()

    async def _signalled(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)
        await self._process.wait()


def environment(app_url: str, owner_url: str) -> dict[str, str]:
    """Return the settings of a process on a test's database."""
    return {"DATABASE_URL": app_url, "DATABASE_OWNER_URL": owner_url}


async def ready(port: int) -> float:
    """Wait until a server on a port says that it is ready; returns how long that took, in seconds."""
    began = time.monotonic()
    async with httpx.AsyncClient(timeout=2) as client:
        while time.monotonic() - began < STARTS_S:
            with contextlib.suppress(httpx.TransportError):
                if (await client.get(f"http://127.0.0.1:{port}/health/ready")).is_success:
                    return time.monotonic() - began
            await asyncio.sleep(0.02)
    raise AssertionError(f"nothing answers on port {port} after {STARTS_S} s")
