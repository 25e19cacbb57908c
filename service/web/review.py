"""What a plan says to whoever reviews it: its gain in plain words, its changes in groups, its ghosts over the day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from uuid import UUID
from zoneinfo import ZoneInfo

from service.queries.boards import Claim
from service.queries.optimisation import Alternative, Move, Run
from service.web.layout import Ghost
from service.web.reasons import Reasons
from service.web.words import Words

ENGLISH = Words("en")


@dataclass(frozen=True, slots=True)
class Group:
    """Moves that take each other's time: accepted together or not at all."""

    component: int
    moves: tuple[Move, ...]

    @property
    def status(self) -> str:
        """What has become of it."""
        return self.moves[0].status


def groups(moves: Sequence[Move], person: str | None = None) -> list[Group]:
    """Return the moves by component, those alone that a person (client or staff) has to do with."""
    ordered = sorted(moves, key=lambda m: (m.component, m.starts_at))
    found = [Group(n, tuple(of_one)) for n, of_one in groupby(ordered, key=lambda m: m.component)]
    shown = [g for g in found if person is None or any(person in people(m) for m in g.moves)]
    return sorted(shown, key=lambda g: (-len(g.moves), g.moves[0].starts_at))


def people(move: Move) -> set[str]:
    """Return who has to do with a move."""
    return {name for name in (move.client, move.staff, move.before_staff) if name}


def gain(run: Run, words: Words = ENGLISH) -> str:
    """Return what a plan gains, in one sentence."""
    placed = sum(m.kind == "place" for m in run.moves)
    moved = [m for m in run.moves if m.kind != "place" and m.before_starts_at is not None]
    parts = []
    if placed:
        parts.append(words.count("gain_placed", placed))
    if moved:
        parts.append(_moved(moved, words))
    saved = {t.name: t.units_before - t.units_after for t in run.terms}.get("fragments", 0)
    if saved:
        parts.append(words.count("gain_saved" if saved > 0 else "gain_spent", abs(saved)))
    if not parts:
        return words("gain_none")
    return f"{words('comma').join([*parts, _proof(run.gap, words)])}."


def _moved(moved: Sequence[Move], words: Words) -> str:
    distances = [abs((m.starts_at - m.before_starts_at).total_seconds()) / 60 for m in moved if m.before_starts_at]
    average = round(sum(distances) / len(distances))
    if average:
        return words.count("gain_moved", len(moved), minutes=words.digits(average))
    return words.count("gain_swapped", len(moved))


def _proof(gap: float | None, words: Words) -> str:
    if gap is None:
        return words("proof_none")
    if gap == 0:
        return words("proof_best")
    return words("proof_below", share=words.decimal(100 * gap)) if gap >= 0.0005 else words("proof_tiny")


def ghosts(
    moves: Sequence[Move], zone: ZoneInfo, reasons: Reasons | None = None, *, arrows: bool = True
) -> list[Ghost]:
    """Return a plan's moves as places over a drawing, with where they come from."""
    return [
        Ghost(
            m.id,
            m.staff_id,
            m.starts_at,
            m.ends_at,
            m.client,
            m.service,
            f"{m.starts_at.astimezone(zone):%H:%M} {m.client}: {m.service}. {_why(m, reasons)}",
            m.status,
            _before(m) if arrows else None,
        )
        for m in moves
    ]


def _why(move: Move, reasons: Reasons | None) -> str:
    what, english = ("refusal", move.refusal) if move.refusal else ("reason", move.reason)
    return (reasons and reasons(move.id, what, english)) or english


def _before(move: Move) -> tuple[UUID, datetime, datetime] | None:
    if move.before_staff_id is None or move.before_starts_at is None or move.before_ends_at is None:
        return None
    return move.before_staff_id, move.before_starts_at, move.before_ends_at


def seen(claims: Sequence[Claim], moves: Sequence[Move], view: str) -> list[Claim]:
    """Return the claims that stand in a view: after the plan, those that it moves have left their places."""
    leaving = {m.appointment_id for m in moves if m.status == "planned" and m.appointment_id}
    placed = {(m.staff_id, m.starts_at) for m in moves if m.status == "applied"}
    if view == "after":
        return [c for c in claims if c.id not in leaving]
    if view == "before":
        return [c for c in claims if (c.staff_id, c.starts_at) not in placed]
    return list(claims)


def changed_days(run: Run, zone: ZoneInfo) -> list[tuple[date, int]]:
    """Return the local dates on which a plan changes anything, with how many changes."""
    days = sorted(m.starts_at.astimezone(zone).date() for m in run.moves)
    return [(day, len(list(of_day))) for day, of_day in groupby(days)]


@dataclass(frozen=True, slots=True)
class Dot:
    """Plans with the same figures in the trade-off: where, in hundredths of the drawing, and by which policies."""

    x: float
    y: float
    plans: tuple[Alternative, ...]


def trade_off(plans: Sequence[Alternative]) -> list[Dot]:
    """Return the plans that are done, as dots: gentler to the left, fuller towards the top."""
    done = [p for p in plans if p.status not in ("running", "failed")]
    most_moved = max((p.moved + p.reseated for p in done), default=0) or 1
    most_placed = max((p.placed for p in done), default=0) or 1
    dots: dict[tuple[float, float], list[Alternative]] = {}
    for p in done:
        x, y = 12 + 76 * (p.moved + p.reseated) / most_moved, 48 - 38 * p.placed / most_placed
        dots.setdefault((round(x, 1), round(y, 1)), []).append(p)
    return [Dot(x, y, tuple(plans)) for (x, y), plans in dots.items()]
