"""A whole replay: clinics shared out among processes, several of them at a time in each, progress on the way."""

import asyncio
import multiprocessing
import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.sharedctypes import Synchronized
from unicodedata import normalize

from models.errors import InvalidInput, Unavailable
from service.db.database import Database
from service.db.views import load
from service.jobs.replay.database import replay_database
from service.jobs.replay.draw import draw
from service.jobs.replay.opening import Calendar, open_clinic
from service.jobs.replay.own_view import OwnViews
from service.jobs.replay.requests import Request, RequestFile
from service.jobs.replay.result import ClinicResult, Replay
from service.jobs.replay.simulation import Simulation
from service.jobs.replay.tally import tally
from solver.answer import Effort

AT_A_TIME = 4
"""Clinics in flight in each process: enough for their commits to share a flush to disk."""
EVENING_EFFORT = 1.0
"""Deterministic seconds for each independent part of an evening's plan: the same plan on every machine."""
POLL_SECONDS = 0.2

STOP = -1

Clinics = list[tuple[str, list[Request]]]
Outcome = tuple[list[ClinicResult], float]
"""What a process hands back: its clinics' results, and its peak memory in MiB."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What to replay of a file: one clinic by name or all, the first `limit` requests or all."""

    clinic: str | None = None
    limit: int | None = None
    seed: int = 1
    jobs: int = 2
    keep: bool = False


@dataclass(frozen=True, slots=True)
class _Share:
    """The work of one process."""

    url: str
    seed: int
    calendar: Calendar
    clinics: Clinics


def replay(
    source: str,
    file: RequestFile,
    chosen: Chosen,
    urls: tuple[str, str],
    told: Callable[[int, int], None],
) -> Replay:
    """Replay a file's requests in a database beside the user's.

    Parameters
    ----------
    urls : (owner's URL, app's URL)
        Of the user's database, which is not touched.
    told : callable
        Gets the number of requests done, and of all, now and then.

    Raises
    ------
    InvalidInput
        There is no such clinic, or nothing to replay.
    Unavailable
        A process has died.
    """
    since = time.perf_counter()
    calendar = Calendar.of(file.requests)
    clinics = clinics_of(file, chosen)
    jobs, count = min(chosen.jobs, len(clinics)), sum(len(requests) for _, requests in clinics)
    with replay_database(*urls, keep=chosen.keep) as database:
        shares = [_Share(database.app_url, chosen.seed, calendar, share) for share in shared_out(clinics, jobs)]
        results, memory = _in_processes(shares, lambda done: told(done, count))
    results.sort(key=lambda result: (-result.requests, result.clinic))
    elapsed = time.perf_counter() - since
    return Replay(
        source,
        chosen.seed,
        jobs,
        tuple(results),
        calendar.days,
        tuple(file.bad_rows),
        elapsed,
        memory + _peak_mib(),
        database.name if chosen.keep else None,
    )


def shared_out(clinics: Clinics, jobs: int) -> list[Clinics]:
    """Return the clinics in `jobs` shares of about as many requests each, the busiest first."""
    shares: list[Clinics] = [[] for _ in range(jobs)]
    loads = [0] * jobs
    for clinic in sorted(clinics, key=lambda clinic: (-len(clinic[1]), clinic[0])):
        lightest = loads.index(min(loads))
        shares[lightest].append(clinic)
        loads[lightest] += len(clinic[1])
    return shares


def clinics_of(file: RequestFile, chosen: Chosen) -> Clinics:
    """Return the chosen requests of each clinic; raises `InvalidInput` where there is no such clinic."""
    requests = file.requests
    if chosen.clinic is not None:
        name = normalize("NFC", chosen.clinic).casefold()
        requests = [request for request in requests if request.clinic.casefold() == name]
        if not requests:
            some = ", ".join(list(file.by_clinic())[:5])
            raise InvalidInput(f"there is no clinic {chosen.clinic!r}; there are {some}, …")
    return list(RequestFile(requests[: chosen.limit], []).by_clinic().items())


def _in_processes(shares: Sequence[_Share], told: Callable[[int], None]) -> tuple[list[ClinicResult], float]:
    """Return the results of all shares, and the peak memory of their processes together in MiB."""
    context = multiprocessing.get_context("spawn")
    counter = context.Value("q", 0)
    with ProcessPoolExecutor(
        len(shares), mp_context=context, initializer=_prepare, initargs=(counter, os.getpid())
    ) as pool:
        futures = [pool.submit(_replay_share, share) for share in shares]
        try:
            while wait(futures, POLL_SECONDS, FIRST_EXCEPTION).not_done:
                told(counter.value)
                if any(future.done() and future.exception() for future in futures):
                    break
            done = [future.result() for future in _failed_first(futures)]
        except BrokenProcessPool as error:
            raise Unavailable("a process of the replay has died; was there too little memory?") from error
        finally:
            counter.value = STOP
    told(sum(result.requests for results, _ in done for result in results))
    return [result for results, _ in done for result in results], sum(memory for _, memory in done)


def _failed_first(futures: list[Future[Outcome]]) -> list[Future[Outcome]]:
    return sorted(futures, key=lambda future: not (future.done() and future.exception()))


class Stopped(Exception):
    """The parent process has given up."""


_counter: "Synchronized[int]"
"""Requests done by all processes, or `STOP`."""


def _prepare(counter: "Synchronized[int]", parent: int) -> None:
    global _counter  # noqa: PLW0603 - how a pool hands a lock to its processes
    _counter = counter
    # An interrupt goes to the whole process group; the parent alone answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """A pool's processes outlive a parent that is killed; these do not."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _one_more() -> None:
    with _counter.get_lock():
        if _counter.value == STOP:
            raise Stopped
        _counter.value += 1


def _replay_share(share: _Share) -> Outcome:
    results = asyncio.run(_clinics(share))
    return results, _peak_mib()


async def _clinics(share: _Share) -> list[ClinicResult]:
    turn = asyncio.Semaphore(AT_A_TIME)
    async with Database(share.url, AT_A_TIME) as db:

        async def in_turn(name: str, requests: list[Request]) -> ClinicResult:
            async with turn:
                return await replay_clinic(db, name, requests, share.calendar, share.seed, _one_more)

        return await asyncio.gather(*(in_turn(name, requests) for name, requests in share.clinics))


async def replay_clinic(
    db: Database,
    name: str,
    requests: list[Request],
    calendar: Calendar,
    seed: int,
    told: Callable[[], None],
) -> ClinicResult:
    """Draw a clinic, open it, replay its requests (in order of time) and return what came of it."""
    clinic = draw(name, requests, seed)
    opened = await open_clinic(db, clinic, requests, calendar, seed)
    view = await load(db, opened.scope.business_id, *calendar.horizon)
    simulation = Simulation(clinic, requests, opened, OwnViews(db, view), Effort(seed, EVENING_EFFORT))
    await simulation.run(told)
    return await tally(simulation, calendar)


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
