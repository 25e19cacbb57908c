"""Medians of many calls, methods taken in turn so that a busy spell of the machine meets them all; and gates."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

ROUNDS = 5
SECONDS = 0.25
"""What one method may take in one round, after its first call."""
MOST_CALLS = 100

Call = Callable[[int], object]
Clock = Callable[[], float]


@dataclass(frozen=True)
class Timed:
    """One method: a call, what runs untimed ahead of each, and the processor's time in seconds that it is billed."""

    call: Call
    before: Callable[[], object] = lambda: None
    clock: Clock = time.thread_time


def medians_us(methods: Mapping[str, Timed]) -> dict[str, float]:
    """Return the median time of each method's calls, in microseconds of the processor.

    On an idle core that is what a clock on the wall shows; on a busy one it leaves out the time spent waiting for it,
    which long calls meet and short ones do not.
    """
    times: dict[str, list[float]] = {name: [] for name in methods}
    number = 0
    for _ in range(ROUNDS):
        for name, method in methods.items():
            spent, first = 0.0, len(times[name])
            while spent < SECONDS and len(times[name]) < first + MOST_CALLS:
                number += 1
                times[name].append(_once(method, number))
                spent += times[name][-1]
    return {
        name: round((statistics.median(measured) - _cost(methods[name].clock)) * 1e6, 1)
        for name, measured in times.items()
    }


def _once(method: Timed, number: int) -> float:
    method.before()
    clock = method.clock
    since = clock()
    method.call(number)
    return clock() - since


def _cost(clock: Clock) -> float:
    """Return what reading a clock twice costs by itself."""
    return statistics.median(_once(Timed(lambda _: None, clock=clock), i) for i in range(200))


def server_clock(pid: int) -> Clock:
    """Return a clock of this thread and a server's process together; a clock on the wall without /proc."""
    path = Path(f"/proc/{pid}/schedstat")
    try:
        path.read_text()
    except OSError:
        return time.perf_counter
    return lambda: time.thread_time() + int(path.read_text().split()[0]) / 1e9


@dataclass(frozen=True)
class Gate:
    """A ratio that must hold in this run."""

    name: str
    at_least: float
    measured: float

    @property
    def held(self) -> bool:
        """Whether it does."""
        return self.measured >= self.at_least

    def to_json(self) -> dict[str, object]:
        """Return it for the results."""
        return {**asdict(self), "held": self.held}
