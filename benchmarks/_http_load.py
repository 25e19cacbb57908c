"""A driver for servers of ours on 127.0.0.1: keep-alive connections, closed loops for capacity, open model for latency.

In the open model requests are due at fixed times, and latency counts from then: a server that falls behind cannot slow
its clients down and look better for it.
"""

import asyncio
import socket
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

LATEST_S = 1.0
"""How late a generator may be with a request."""
Request = Callable[[int], bytes]


def get(path: str, query: str, more: str = "") -> bytes:
    """Return a request as it travels."""
    return f"GET {path}?{query} HTTP/1.1\r\nhost: 127.0.0.1\r\n{more}\r\n".encode()


def post(path: str, body: bytes, more: str) -> bytes:
    """Return a request with a JSON body."""
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n{more}"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


@dataclass
class Connection:
    """One connection that stays open."""

    port: int
    reader: asyncio.StreamReader = field(init=False)
    writer: asyncio.StreamWriter = field(init=False)

    async def open(self) -> "Connection":
        """Connect."""
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self

    async def ask(self, request: bytes) -> tuple[int, bytes, bytes]:
        """Send a request and return status, head and body of the answer."""
        self.writer.write(request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        return int(head[9:12]), head, await self.reader.readexactly(int(length or 0))


@dataclass
class Server:
    """A server process and where it listens."""

    port: int
    process: "subprocess.Popen[bytes]"

    def cpu(self) -> float:
        """Return the processor's seconds that it has used."""
        return int(Path(f"/proc/{self.process.pid}/schedstat").read_text().split()[0]) / 1e9


@contextmanager
def serving(kind: str, url: str, body: str) -> Iterator[Server]:
    """Yield a server of one kind on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [sys.executable, "-m", "benchmarks._http_apps", kind, url, str(port), body]
    process = subprocess.Popen(words)  # noqa: S603 - ours
    try:
        _until_it_answers(port, process)
        yield Server(port, process)
    finally:
        process.terminate()
        process.wait(30)


def _until_it_answers(port: int, process: "subprocess.Popen[bytes]") -> None:
    ends = time.monotonic() + 180
    while process.poll() is None and time.monotonic() < ends:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(f"the server on port {port} does not answer")


async def capacity(
    server: Server, request: Request, *expected: int, connections: int = 8, seconds: float = 1.5
) -> tuple[float, float]:
    """Return how many requests a second closed loops get answered, and the server's microseconds of CPU for each."""
    opened = [await Connection(server.port).open() for _ in range(connections)]
    done, began, cpu = 0, time.perf_counter(), server.cpu()

    async def loop(connection: Connection) -> None:
        nonlocal done
        while time.perf_counter() < began + seconds:
            done += 1
            status, _, body = await connection.ask(request(done))
            if status not in expected:
                raise RuntimeError(f"{status} instead of {expected}: {body[:300]!r}")

    await asyncio.gather(*map(loop, opened))
    elapsed, used = time.perf_counter() - began, server.cpu() - cpu
    for connection in opened:
        connection.writer.close()
    return done / elapsed, used / done * 1e6


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request that is due some seconds after the beginning."""

    due: float
    kind: str
    request: bytes


@dataclass
class Met:
    """What an open model met: seconds from when each answered well was due, by kind; statuses; the generator's lag."""

    times: dict[str, list[float]] = field(default_factory=dict)
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    late: float = 0.0

    def __add__(self, other: "Met") -> "Met":
        kinds = self.times.keys() | other.times.keys()
        times = {kind: self.times.get(kind, []) + other.times.get(kind, []) for kind in kinds}
        return Met(times, self.statuses + other.statuses, max(self.late, other.late))


async def driven(server: Server, arrivals: Iterable[Arrival], connections: int = 64) -> Met:
    """Send each request when it is due, or as soon as a connection is free.

    Raises
    ------
    RuntimeError
        The generator itself lags: such a run is void.
    """
    idle: asyncio.LifoQueue[Connection] = asyncio.LifoQueue()
    for _ in range(connections):
        idle.put_nowait(await Connection(server.port).open())
    met, tasks, began = Met(), set[asyncio.Task[None]](), time.perf_counter() + 0.05

    async def one(arrival: Arrival) -> None:
        connection = await idle.get()
        status, _, _ = await connection.ask(arrival.request)
        if status < 400:
            met.times.setdefault(arrival.kind, []).append(time.perf_counter() - began - arrival.due)
        met.statuses[arrival.kind, status] += 1
        idle.put_nowait(connection)

    for arrival in arrivals:
        if (wait := began + arrival.due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        met.late = max(met.late, time.perf_counter() - began - arrival.due)
        tasks.add(task := asyncio.create_task(one(arrival)))
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    while not idle.empty():
        idle.get_nowait().writer.close()
    if met.late > LATEST_S:
        raise RuntimeError(f"the generator was {met.late:.1f} s late: the run is void")
    return met


async def latencies(
    server: Server, request: Request, rate: float, seconds: float, beside: Request | None = None, every: int = 20
) -> tuple[list[float], int]:
    """Send at a fixed rate, `beside` after each so many; return the latencies of `request` (s), and how many others.

    Raises
    ------
    RuntimeError
        An answer is none of success, or the generator itself lags: such a run is void.
    """
    idle: asyncio.LifoQueue[Connection] = asyncio.LifoQueue()
    for _ in range(32):
        idle.put_nowait(await Connection(server.port).open())
    times, others, late, tasks = [], 0, 0.0, []
    began = time.perf_counter() + 0.05

    async def one(number: int, due: float, sent: Request, *, counted: bool) -> None:
        connection = await idle.get()
        status, _, body = await connection.ask(sent(number))
        if counted:
            times.append(time.perf_counter() - due)
        if status >= 400:
            raise RuntimeError(f"{status}: {body[:300]!r}")
        idle.put_nowait(connection)

    for number in range(int(rate * seconds)):
        due = began + number / rate
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        late = max(late, time.perf_counter() - due)
        tasks.append(asyncio.create_task(one(number, due, request, counted=True)))
        if beside is not None and number % every == every - 1:
            others += 1
            tasks.append(asyncio.create_task(one(number, due, beside, counted=False)))
    await asyncio.gather(*tasks)
    while not idle.empty():
        idle.get_nowait().writer.close()
    if late > LATEST_S:
        raise RuntimeError(f"the generator was {late:.1f} s late: the run is void")
    return times, others


def hundredth(times: list[float], share: int) -> float:
    """Return a hundredth (percentile) of some times, in ms."""
    return round(statistics.quantiles(times, n=100)[share - 1] * 1e3, 2)
