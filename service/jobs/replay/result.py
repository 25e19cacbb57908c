"""What a replay comes to: counts, minutes and command times of each clinic, and their sum as JSON."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from service.jobs.replay.requests import BadRow

if TYPE_CHECKING:
    import pandas as pd

DAILY = ("asked", "open", "booked", "placed")
"""Lane minutes, buffers included, of each day: asked for, open, sold at once, sold from the waitlist."""
COMMANDS = ("slots", "book", "cancel", "waitlist", "optimise", "apply")


@dataclass(frozen=True, slots=True)
class ClinicResult:
    """One clinic's replay.

    Attributes
    ----------
    booked, waitlisted : int
        Each request is booked at once or joins the waitlist.
    placed : int
        Entries that a plan placed.
    unplaced : Mapping[str, int]
        The others, by the reason code of the last run that left them waiting.
    cancelled : int
        Bookings and placements given up ahead of time.
    stale : int
        Planned moves that the guarded commit refused.
    evenings : int
        Evenings on which the optimiser ran.
    capacity : tuple[int, int]
        Lane minutes open, and asked for, on the clinic's busiest tenth of days.
    daily : ndarray of int64, shape (days, 4)
        Minutes of `DAILY` at the end, for each of `Replay.days`.
    seconds : Mapping[str, ndarray of float32]
        How long each call of each of `COMMANDS` took.
    overlaps : int
        Live claims that begin before an earlier one of the same lane has ended, by a query of its own.
    adrift : bool
        Whether the view that was carried along differs from one read anew at the end.
    digest : str
        SHA-256 of the book's content: who has which service by whom and when.
    """

    clinic: str
    staff: int
    requests: int
    booked: int
    waitlisted: int
    placed: int
    unplaced: Mapping[str, int]
    cancelled: int
    stale: int
    evenings: int
    capacity: tuple[int, int]
    daily: NDArray[np.int64]
    seconds: Mapping[str, NDArray[np.float32]]
    overlaps: int
    adrift: bool
    digest: str

    @property
    def utilisation(self) -> float:
        """Return the share of open minutes that were sold, over all days."""
        return _utilisation(self.daily)


@dataclass(frozen=True, slots=True)
class Replay:
    """A whole replay: its clinics, busiest first, and what was measured over all of them.

    `days` are the days that anyone asked for. The time is that of everything: database, opening, replaying,
    checking. Memory is the peak of the Python processes together. `kept` names the database, if it stays.
    """

    source: str
    seed: int
    jobs: int
    clinics: tuple[ClinicResult, ...]
    days: tuple[date, ...]
    bad_rows: tuple[BadRow, ...]
    elapsed_seconds: float
    peak_memory_mib: float
    kept: str | None = None

    @property
    def where(self) -> str:
        """Return how many clinics it was, in words."""
        return "one clinic" if len(self.clinics) == 1 else f"{len(self.clinics)} clinics"

    def total(self, count: str) -> int:
        """Return the sum of one count over the clinics."""
        return sum(int(getattr(clinic, count)) for clinic in self.clinics)

    @property
    def overlaps(self) -> int:
        """Return the live claims that overlap an earlier one of their lane."""
        return self.total("overlaps")

    @property
    def requests_per_second(self) -> float:
        """Return the throughput, evenings included."""
        return self.total("requests") / self.elapsed_seconds

    @property
    def daily(self) -> NDArray[np.int64]:
        """Return the minutes of `DAILY` for each day, over all clinics, shape (days, 4)."""
        return np.asarray(np.sum([clinic.daily for clinic in self.clinics], axis=0))

    @property
    def utilisation(self) -> float:
        """Return the share of open minutes that were sold."""
        return _utilisation(self.daily)

    @property
    def idle_minutes(self) -> int:
        """Return the open minutes that nobody bought."""
        _, opened, booked, placed = self.daily.sum(axis=0).tolist()
        return int(opened - booked - placed)

    @property
    def capacity_share(self) -> float:
        """Return open minutes over minutes asked for, on each clinic's busiest tenth of days."""
        opened, asked = np.sum([clinic.capacity for clinic in self.clinics], axis=0).tolist()
        return float(opened / asked)

    @property
    def unplaced(self) -> dict[str, int]:
        """Return how many waited in vain, by reason, the commonest first."""
        total: Counter[str] = Counter()
        for clinic in self.clinics:
            total.update(clinic.unplaced)
        return dict(total.most_common())

    def commands(self) -> dict[str, dict[str, float]]:
        """Return count, p50 and p99 in milliseconds of each command."""
        return {name: _percentiles([clinic.seconds[name] for clinic in self.clinics]) for name in COMMANDS}

    def digest(self) -> str:
        """Return one digest over the books of all clinics."""
        books = sorted(f"{clinic.clinic}\n{clinic.digest}\n" for clinic in self.clinics)
        return hashlib.sha256("".join(books).encode()).hexdigest()

    def to_frame(self) -> "pd.DataFrame":
        """Return one row a clinic."""
        import pandas as pd  # noqa: PLC0415 - half a second that only an analyst needs

        return pd.DataFrame([_clinic_row(clinic) for clinic in self.clinics])

    def to_json(self) -> dict[str, Any]:
        """Return everything as one JSON-serialisable object."""
        return {
            "source": self.source,
            "seed": self.seed,
            "jobs": self.jobs,
            "clinics": len(self.clinics),
            "requests": self.total("requests"),
            "booked_at_once": self.total("booked"),
            "waitlisted": self.total("waitlisted"),
            "placed": self.total("placed"),
            "unplaced": {"count": sum(self.unplaced.values()), "reasons": self.unplaced},
            "cancelled": self.total("cancelled"),
            "stale_moves": self.total("stale"),
            "evenings": self.total("evenings"),
            "utilisation": round(self.utilisation, 4),
            "idle_minutes": self.idle_minutes,
            "capacity_on_busiest_days": round(self.capacity_share, 4),
            "overlaps": self.overlaps,
            "snapshots_adrift": self.total("adrift"),
            "requests_per_second": round(self.requests_per_second, 1),
            "elapsed_seconds": round(self.elapsed_seconds, 2),
            "peak_memory_mib": round(self.peak_memory_mib, 1),
            "commands": self.commands(),
            "database": self.kept,
            "bad_rows": {"count": len(self.bad_rows), "rows": [row._asdict() for row in self.bad_rows]},
            "book": self.digest(),
            "by_clinic": [_clinic_row(clinic) for clinic in self.clinics],
        }


def _utilisation(daily: NDArray[np.int64]) -> float:
    _, opened, booked, placed = daily.sum(axis=0).tolist()
    return float((booked + placed) / opened) if opened else 0.0


def _percentiles(parts: list[NDArray[np.float32]]) -> dict[str, float]:
    seconds = np.concatenate(parts)
    p50, p99 = (np.quantile(seconds, (0.5, 0.99)) * 1000).round(3).tolist() if len(seconds) else (0.0, 0.0)
    return {"count": len(seconds), "p50_ms": p50, "p99_ms": p99}


def _clinic_row(clinic: ClinicResult) -> dict[str, Any]:
    return {
        "clinic": clinic.clinic,
        "staff": clinic.staff,
        "requests": clinic.requests,
        "booked_at_once": clinic.booked,
        "waitlisted": clinic.waitlisted,
        "placed": clinic.placed,
        "unplaced": sum(clinic.unplaced.values()),
        "cancelled": clinic.cancelled,
        "utilisation": round(clinic.utilisation, 4),
        "book": clinic.digest,
    }
