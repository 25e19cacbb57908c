"""How hard to search, and what a search answers."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from solver.errors import InvalidProblem
from solver.program import Program

Int = NDArray[np.int64]


Watch = Callable[[int | None, int], None]
"""Called with objective (None before there is a plan) and bound, each time one of them improves."""


class Stop:
    """A request to end a search early and keep its best plan; may be made from any thread."""

    def __init__(self) -> None:
        self._requested = threading.Event()
        self._running: list[Callable[[], object]] = []

    @property
    def requested(self) -> bool:
        """Whether somebody asked."""
        return self._requested.is_set()

    def request(self) -> None:
        """Ask; the solvers that are running now are interrupted."""
        self._requested.set()
        for interrupt in tuple(self._running):
            interrupt()

    @contextmanager
    def interrupting(self, interrupt: Callable[[], object]) -> Iterator[None]:
        """While inside, a request calls `interrupt`."""
        self._running.append(interrupt)
        if self.requested:
            interrupt()
        try:
            yield
        finally:
            self._running.remove(interrupt)


@dataclass(frozen=True, slots=True)
class Effort:
    """How long and from which seed to search.

    Attributes
    ----------
    seed : int
    deterministic : float
        Work, about a second each: CP-SAT's own count, and nodes of HiGHS's tree. The same on every machine, so a plan
        is reproducible.
    wall : float
        Seconds after which the search ends whatever it has: a net, not the rule.
    stop : Stop or None
        Ends it earlier.
    watch : Watch or None
        Is told of progress.
    """

    seed: int = 0
    deterministic: float = 30.0
    wall: float = 60.0
    stop: Stop | None = field(default=None, compare=False)
    watch: Watch | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not (self.deterministic >= 0 and self.wall >= 0 and isinstance(self.seed, int)):
            raise InvalidProblem("an effort is a whole seed, and seconds that are not negative")

    @property
    def stopped(self) -> bool:
        """Whether a stop was requested."""
        return self.stop is not None and self.stop.requested


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a solver says of one program.

    Attributes
    ----------
    x : int64, shape (variables,), or None
        The best point found.
    bound : int
        No point is worth more.
    impossible : bool
        Proven to have no point at all.
    """

    x: Int | None
    bound: int
    impossible: bool = False


def better(program: Program, answer: Answer, incumbent: Int | None) -> Answer:
    """The answer with the incumbent in place of a worse point or none: a hint can be lost in presolve."""
    if incumbent is None:
        return answer
    worth = int(incumbent @ program.value)
    if answer.impossible:  # a solver in error: the incumbent is a point
        return Answer(incumbent, int(np.maximum(program.value, 0) @ program.upper))
    if answer.x is None or int(answer.x @ program.value) < worth:
        return Answer(incumbent, max(answer.bound, worth))
    return answer
