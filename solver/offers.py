"""What a snapshot keeps between queries: who offers what in which shape, gap tables, start lists."""

from bisect import bisect_left
from collections.abc import Hashable
from dataclasses import dataclass, replace
from operator import is_
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from solver.clock import DAY
from solver.errors import InvalidProblem
from solver.lanes import LO, Lane, Minutes
from solver.limits import limited
from solver.services import Service
from solver.starts import Group, Keys, KeyType, Shape, StartList, Table, among_others
from solver.windows import allowed_spans

if TYPE_CHECKING:
    from solver.snapshot import Snapshot

KEPT = 64
"""Start lists at once; asked for more, a snapshot begins anew. Offers are small: sixteen times as many."""

Asked = tuple[Hashable, tuple[Hashable, ...] | None, bool]
"""Service, staff and whether staff are asking: what an offer is kept under."""


@dataclass(frozen=True, slots=True, eq=False)
class Offer:
    """A service as some staff offer it.

    `durations` are minutes by lane, notice and advance are minutes; `plain` where gaps hold all its rules.
    """

    service: Service
    row: int
    shape: Shape
    durations: Minutes
    notice: int
    advance: int
    plain: bool


class Kept:
    """What follows from a snapshot and is worth keeping; tables and lists name the lanes that they hold for."""

    __slots__ = ("lists", "loads", "offers", "shapes", "sold", "tables", "unusable")

    def __init__(self, sold: tuple[object, ...] = (), before: "Kept | None" = None) -> None:
        self.sold = sold
        self.offers: dict[Asked, Offer] = {}
        self.shapes: dict[tuple[object, ...], Shape] = {}
        self.tables: dict[Group, tuple[tuple[Lane, ...], Table]] = {}
        self.lists: dict[Shape, StartList | None] = {}
        self.loads: tuple[tuple[Lane, ...], NDArray[np.float64]] | None = None
        self.unusable: NDArray[np.float64] | None = None
        if before is not None:
            self.shapes, self.tables, self.lists = before.shapes, dict(before.tables), dict(before.lists)
            self.loads = before.loads
            if len(before.sold) == len(sold) and all(map(is_, before.sold, sold)):
                self.offers, self.unusable = before.offers, before.unusable


def offer_of(snapshot: "Snapshot", asked: Asked) -> Offer:
    """Return the offer behind a query; raises `InvalidProblem` for an unknown service or staff member."""
    kept = snapshot.kept
    if asked not in kept.offers:
        if len(kept.offers) >= 16 * KEPT:
            kept.offers.clear()
        kept.offers[asked] = _offer(snapshot, asked)
    return kept.offers[asked]


def _offer(snapshot: "Snapshot", asked: Asked) -> Offer:
    service_id, staff, by_staff = asked
    if service_id not in snapshot.service_index:
        raise InvalidProblem(f"there is no service {service_id!r}")
    row = snapshot.service_index[service_id]
    service, durations = snapshot.services[row], snapshot.durations[row]
    lanes = _eligible(snapshot, durations, staff)
    needed = set(durations[lanes].tolist())
    cut = service.anchor == "clock" and DAY % service.slot_interval != 0
    dtype = key_type(snapshot)
    edges = allowed_spans(service, snapshot.zone, snapshot.start, snapshot.end)
    shape = Shape(
        Group(tuple(lanes), by_staff, cut),
        durations.astype(dtype),
        needed.pop() if len(needed) == 1 else None,
        service.buffer_before,
        service.buffer_after,
        service.slot_interval,
        service.slot_offset,
        service.anchor,
        None if edges is None else edges.astype(dtype),
    )
    limits = (snapshot.limits[i] for i in lanes if i in snapshot.limits)
    return Offer(
        service,
        row,
        _known(snapshot.kept, shape),
        durations,
        service.minimum_notice,
        service.maximum_advance * DAY,
        plain=service.seats == 1 and not service.requirements and not limited(service, limits),
    )


def _eligible(snapshot: "Snapshot", durations: Minutes, staff: tuple[Hashable, ...] | None) -> list[int]:
    if staff is None:
        lanes: list[int] = np.flatnonzero(durations).tolist()
        return lanes
    for member in staff:
        if member not in snapshot.staff_index:
            raise InvalidProblem(f"there is no staff member {member!r}")
    chosen = {snapshot.staff_index[member] for member in staff}
    return sorted(i for i in chosen if durations[i] > 0)


def _known(kept: Kept, shape: Shape) -> Shape:
    """Return the shape itself, or the equal one that has been asked for before."""
    if len(kept.shapes) >= 16 * KEPT:
        kept.shapes.clear()
    lengths = shape.duration or shape.durations[list(shape.group.lanes)].tobytes()
    edges = None if shape.edges is None else shape.edges.tobytes()
    grid = (shape.interval, shape.offset, shape.anchor)
    return kept.shapes.setdefault((shape.group, lengths, shape.before, shape.after, grid, edges), shape)


def key_type(snapshot: "Snapshot") -> KeyType:
    """Return int32 where every key fits, else int64."""
    return np.int32 if snapshot.days * DAY * len(snapshot.staff) < 2**31 else np.int64


def starts_between(snapshot: "Snapshot", shape: Shape, lo: int, hi: int) -> Keys:
    """Return the keys of a shape's starts in [lo, hi), minutes since the horizon began.

    What is asked for once is worked out from the gaps; what is asked for again comes from a list of all starts.
    """
    held = snapshot.kept.lists.get(shape, _NEVER)
    if held is not None and held.lanes is snapshot.lanes:
        return held.between(lo, hi)
    if held is not _NEVER:
        held = _listed(snapshot, shape, held)
        snapshot.kept.lists[shape] = held
        return held.between(lo, hi)
    if len(snapshot.kept.lists) >= KEPT:
        snapshot.kept.lists.clear()
    snapshot.kept.lists[shape] = None
    return _table(snapshot, shape).starts(shape, lo, hi, len(snapshot.staff))


def gaps_between(snapshot: "Snapshot", shape: Shape, lo: int, hi: int) -> Keys:
    """Return the gaps of a shape's lanes that may meet [lo, hi), minutes since the horizon began, by `lo`."""
    if shape.group.cut:
        shape = replace(shape, group=replace(shape.group, cut=False))
    table = _table(snapshot, shape)
    starts = table.rows[LO].data
    first = bisect_left(starts, lo - table.longest)
    return table.rows[:, first : bisect_left(starts, hi, first)]


_NEVER = StartList((), np.empty(0, np.int32), memoryview(b""), 1)


def _listed(snapshot: "Snapshot", shape: Shape, held: StartList | None) -> StartList:
    """Return the list of all starts; from the one before an update, where there is one."""
    width, horizon = len(snapshot.staff), snapshot.days * DAY
    if held is None:
        keys = _table(snapshot, shape).starts(shape, 0, horizon, width)
    elif changed := _changed(snapshot, shape.group, held.lanes):
        group = Group(tuple(changed), shape.group.by_staff, shape.group.cut)
        others = held.keys[among_others(held.keys % width, changed)]
        keys = np.concatenate([others, _new_table(snapshot, group, 1).starts(shape, 0, horizon, width)])
        keys.sort()
    else:
        keys = held.keys
    keys.flags.writeable = False
    return StartList(snapshot.lanes, keys, keys.data, width)


def _table(snapshot: "Snapshot", shape: Shape) -> Table:
    """Return the table of a shape's gaps; from the one before an update, where there is one."""
    group, tables = shape.group, snapshot.kept.tables
    shortest = shape.duration or int(shape.durations[shape.durations > 0].min(initial=DAY))
    if group not in tables or tables[group][1].shortest > shortest:
        if len(tables) >= KEPT:
            tables.clear()
        tables[group] = snapshot.lanes, _new_table(snapshot, group, _shortest(snapshot))
    lanes, table = tables[group]
    if lanes is not snapshot.lanes:
        changed = _changed(snapshot, group, lanes)
        table = table.with_lanes(group, changed, snapshot.lanes, snapshot.start) if changed else table
        tables[group] = snapshot.lanes, table
    return table


def _new_table(snapshot: "Snapshot", group: Group, shortest: int) -> Table:
    return Table.of(group, snapshot.lanes, (snapshot.start, snapshot.end), shortest, key_type(snapshot))


def _changed(snapshot: "Snapshot", group: Group, lanes: tuple[Lane, ...]) -> list[int]:
    """Return which of a group's lanes are others than those given."""
    return [i for i in group.lanes if lanes[i] is not snapshot.lanes[i]]


def _shortest(snapshot: "Snapshot") -> int:
    """Return the shortest duration that anybody offers."""
    return int(snapshot.durations[snapshot.durations > 0].min(initial=DAY))
