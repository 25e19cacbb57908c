"""How hard to search, and what a search answers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solver.program import Program

Int = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Effort:
    """How long and from which seed to search.

    Attributes
    ----------
    seed : int
    deterministic : float
        CP-SAT's own count of work, about a second each; the same on every machine, so a plan is reproducible.
    wall : float
        Seconds after which the search ends whatever it has: a net, not the rule.
    """

    seed: int = 0
    deterministic: float = 30.0
    wall: float = 60.0


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
    if answer.x is None or int(answer.x @ program.value) < worth:
        return Answer(incumbent, max(answer.bound, worth))
    return answer
