"""A plan drawn: the book's blocks before it, and after it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from service.db.database import Database
from service.queries import bookings, optimisation
from service.queries.bookings import BookedItem
from service.queries.optimisation import Move


@dataclass(frozen=True, slots=True)
class Block:
    """One item of the book; `kind` is fixed, or what the plan does with it, place, move or reseat, as `move_id`."""

    staff_id: UUID
    starts_at: datetime
    ends_at: datetime
    claim_starts_at: datetime
    claim_ends_at: datetime
    client: str
    service: str
    kind: str = "fixed"
    move_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class BeforeAndAfter:
    """The blocks of some time, by start, without the plan and with it; what stands in both is `fixed`."""

    before: tuple[Block, ...]
    after: tuple[Block, ...]


async def before_and_after(
    db: Database, business_id: UUID, run_id: UUID, start: datetime, end: datetime
) -> BeforeAndAfter:
    """Return the blocks of [start, end) before and after a run's plan; raises `NotFound`.

    Moves that were refused or discarded change nothing; those applied already are taken back on the side before.
    """
    run = await optimisation.read(db, business_id, run_id)
    # A block may come from any day of the run, or have gone to it.
    items = await bookings.between(db, business_id, min(start, run.start), max(end, run.end))
    blocks = drawn(items, run.moves)
    return BeforeAndAfter(*(tuple(b for b in side if b.starts_at < end and b.ends_at > start) for side in blocks))


def drawn(items: Sequence[BookedItem], moves: Iterable[Move]) -> tuple[list[Block], list[Block]]:
    """Return the blocks before and after some moves, given the book as it stands."""
    live = [m for m in moves if m.status in {"planned", "applied"}]
    of = {m.appointment_id: m for m in live if m.appointment_id is not None}
    before, after = [], []
    for item in items:
        block, move = _block(item), of.get(item.id)
        if move is None:
            before.append(block)
            after.append(block)
        elif move.kind == "place":
            after.append(replace(block, kind="place", move_id=move.id))
        else:
            here = replace(block, kind=move.kind, move_id=move.id)
            there = _moved(here, move, back=move.status == "applied")
            before.append(there if move.status == "applied" else here)
            after.append(here if move.status == "applied" else there)
    after += [_placed(m) for m in live if m.kind == "place" and m.status == "planned"]
    return tuple(sorted(side, key=lambda b: (b.starts_at, str(b.staff_id))) for side in (before, after))  # type: ignore[return-value] # two of them


def _block(item: BookedItem) -> Block:
    times = (item.starts_at, item.ends_at, item.claim_starts_at, item.claim_ends_at)
    return Block(item.staff_id, *times, item.client or "held", item.service)


def _placed(m: Move) -> Block:
    times = (m.starts_at, m.ends_at, m.claim_starts_at, m.claim_ends_at)
    return Block(m.staff_id, *times, m.client, m.service, "place", m.id)


def _moved(block: Block, m: Move, *, back: bool) -> Block:
    """The block at its other place: the first item with its new staff, the rest of a visit along with it."""
    if m.before_starts_at is None or m.before_staff_id is None:
        return block
    here, there = (m.starts_at, m.before_starts_at) if back else (m.before_starts_at, m.starts_at)
    shift = there - here
    staff = (m.before_staff_id if back else m.staff_id) if block.starts_at == here else block.staff_id
    return replace(
        block,
        staff_id=staff,
        starts_at=block.starts_at + shift,
        ends_at=block.ends_at + shift,
        claim_starts_at=block.claim_starts_at + shift,
        claim_ends_at=block.claim_ends_at + shift,
    )
