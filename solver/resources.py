"""Which room or device would a visit take? For many starts at once."""

from typing import TYPE_CHECKING

import numpy as np

from solver.lanes import Minutes
from solver.occupancy import Mask, claimed, covered
from solver.services import Requirement

if TYPE_CHECKING:
    from solver.snapshot import Snapshot

NONE = -1
"""Where nothing is needed, or nothing is free."""


def needed(requirement: Requirement, starts: Minutes, ends: Minutes) -> tuple[Minutes, Minutes]:
    """Return when a visit needs the resource: [start, end), empty where the visit ends before."""
    since = starts + requirement.after
    until = ends if requirement.length is None else since + requirement.length
    return since, until


def of_kind(snapshot: "Snapshot", requirement: Requirement) -> list[int]:
    """Return the lanes of the resources of a requirement's kind."""
    first = len(snapshot.staff)
    return [first + i for i, (_, kind) in enumerate(snapshot.resources) if kind == requirement.kind]


def assigned(
    snapshot: "Snapshot", requirements: tuple[Requirement, ...], starts: Minutes, ends: Minutes
) -> tuple[Minutes, Mask]:
    """Return the lane that each requirement of each visit would take, and whether all of them can be met.

    Returns
    -------
    lanes : int64, shape (n, requirements)
        The first that is free in the order of the snapshot's resources; `NONE` where nothing is needed. Requirements
        of one visit that overlap in time take different resources.
    met : bool, shape (n,)
    """
    lanes = np.full((len(starts), len(requirements)), NONE, np.int64)
    met = np.ones(len(starts), bool)
    by_kind: dict[object, list[int]] = {}
    for i, requirement in enumerate(requirements):
        by_kind.setdefault(requirement.kind, []).append(i)
    for columns in by_kind.values():
        spans = [needed(requirements[i], starts, ends) for i in columns]
        choices = of_kind(snapshot, requirements[columns[0]])
        free = np.array([[_free(snapshot, lane, *span) for lane in choices] for span in spans], bool)
        free = free.reshape(len(columns), len(choices), len(starts))
        taken = _first(free, spans) if len(columns) == 1 else _different(free, spans)
        met &= np.all((taken >= 0) | np.array([until <= since for since, until in spans]), axis=0)
        lanes[:, columns] = np.where(taken >= 0, np.array([*choices, NONE])[taken], NONE).T
    return lanes, met


def _free(snapshot: "Snapshot", lane: int, since: Minutes, until: Minutes) -> Mask:
    resource = snapshot.lanes[lane]
    return covered(resource.work, since, until) & ~claimed(resource, since, until)


def _first(free: Mask, spans: list[tuple[Minutes, Minutes]]) -> Minutes:
    """Return the first resource that is free for the one requirement, shape (1, n); -1: none, or none needed."""
    since, until = spans[0]
    if free.shape[1] == 0:
        return np.full((1, len(since)), NONE, np.int64)
    return np.where(free[0].any(axis=0) & (since < until), free[0].argmax(axis=0), NONE)[None, :]


def _different(free: Mask, spans: list[tuple[Minutes, Minutes]]) -> Minutes:
    """Return resources for several requirements of one kind, those that overlap in time apart; shape (r, n)."""
    taken = np.full((len(spans), len(spans[0][0])), NONE, np.int64)
    since, until = (np.array(bounds) for bounds in zip(*spans, strict=True))
    for column in range(taken.shape[1]):
        times = list(zip(since[:, column].tolist(), until[:, column].tolist(), strict=True))
        taken[:, column] = _apart(free[:, :, column], times, []) or NONE
    return taken


def _apart(free: Mask, times: list[tuple[int, int]], chosen: list[int]) -> list[int] | None:
    """Return the first choice in order that keeps overlapping requirements apart, by depth-first search."""
    if len(chosen) == len(times):
        return chosen
    since, until = times[len(chosen)]
    if since >= until:
        return _apart(free, times, [*chosen, NONE])
    beside = {lane for lane, (other, end) in zip(chosen, times, strict=False) if other < until and since < end}
    for lane in np.flatnonzero(free[len(chosen)]).tolist():
        if lane not in beside and (found := _apart(free, times, [*chosen, lane])) is not None:
            return found
    return None
