"""Whole replays in processes of their own, in a database of their own: the same book every time, and no traces."""

import os
import time
from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InvalidInput, NotConfigured
from service.db.embedded import Server
from service.jobs.replay.database import PREFIX, replay_database
from service.jobs.replay.requests import RequestFile
from service.jobs.replay.result import Replay
from service.jobs.replay.run import Chosen, replay, shared_out
from service.jobs.replay.twin import generate

SMALL = RequestFile(generate(240, 3, 5, seed=2), [])


def databases(url: str) -> set[str]:
    """This process's replay databases; other tests' replays run beside us."""
    with psycopg.connect(url, autocommit=True) as connection:
        names = {name for (name,) in connection.execute("SELECT datname FROM pg_database")}
    return {name for name in names if f"_{os.getpid()}_" in name}


@pytest.fixture(scope="module")
def urls(server: Server) -> Iterator[tuple[str, str]]:
    """The user's database, which must come out of every replay as it went in: here, without a single table."""
    urls = server.owner_url("postgres"), server.app_url("postgres")
    yield urls
    with psycopg.connect(urls[0]) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)


def run(urls: tuple[str, str], file: RequestFile = SMALL, told=lambda done, of: None, **chosen) -> Replay:
    return replay("requests.csv", file, Chosen(**chosen), urls, told)


def books(outcome: Replay) -> dict[str, str]:
    return {clinic.clinic: clinic.digest for clinic in outcome.clinics}


@pytest.fixture(scope="module")
def together(urls) -> Replay:
    """All clinics, in two processes."""
    return run(urls, jobs=2)


def test_one_seed_gives_one_book_however_many_processes_share_the_work(urls, together):
    told: list[tuple[int, int]] = []
    one = run(urls, jobs=1, told=lambda done, of: told.append((done, of)))

    assert books(one) == books(together)
    assert one.digest() == together.digest()
    assert told[-1] == (240, 240)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_everything_is_counted(together):
    outcome = together.to_json()

    assert outcome["requests"] == 240
    assert outcome["overlaps"] == outcome["snapshots_adrift"] == 0
    assert outcome["waitlisted"] > 0
    assert outcome["requests_per_second"] > 0
    assert outcome["peak_memory_mib"] > 50
    assert outcome["database"] is None


def test_one_clinic_alone_has_the_book_it_has_among_the_others_and_another_with_another_seed(urls, together):
    alone = run(urls, clinic="clinic 02", jobs=2)
    other = run(urls, clinic="clinic 02", jobs=2, seed=2)

    assert books(alone) == {"Clinic 02": books(together)["Clinic 02"]}
    assert books(alone) != books(other)


def test_the_real_requests_are_replayed(urls, real: RequestFile):
    outcome = run(urls, file=real, limit=500).to_json()

    assert outcome["requests"] == 500
    assert outcome["booked_at_once"] + outcome["waitlisted"] == 500
    assert outcome["overlaps"] == 0
    assert outcome["bad_rows"]["count"] == len(real.bad_rows)


def test_the_database_is_gone_afterwards_unless_it_is_kept(urls):
    with replay_database(*urls) as passing:
        assert databases(urls[0]) == {passing.name}
    with pytest.raises(ZeroDivisionError), replay_database(*urls):
        raise ZeroDivisionError
    assert databases(urls[0]) == set()

    with replay_database(*urls, keep=True) as kept:
        pass
    try:
        with replay_database(*urls):
            pass
        assert databases(urls[0]) == {kept.name}
    finally:
        with psycopg.connect(urls[0], autocommit=True) as admin:
            admin.execute(f"DROP DATABASE {kept.name}")


def test_what_a_killed_replay_left_behind_is_reaped_but_not_what_is_in_use(urls):
    with psycopg.connect(urls[0], autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {PREFIX}1_{os.getpid()}_dead")
    with replay_database(*urls) as first, replay_database(*urls) as second:
        assert databases(urls[0]) == {first.name, second.name}


def test_an_unknown_clinic_is_one_line(urls):
    with pytest.raises(InvalidInput, match="no clinic 'Nowhere'; there are Clinic 01, Clinic 02"):
        run(urls, clinic="Nowhere")


def test_days_too_far_apart_for_a_snapshot_are_refused(urls):
    first, *others = SMALL.requests
    far = RequestFile([first, *(r._replace(day=r.day.replace(year=2018)) for r in others)], [])

    with pytest.raises(InvalidInput, match="apart"):
        run(urls, file=far)


def test_a_failing_process_stops_the_others_and_leaves_nothing(urls):
    unheard_of = "x" * 300
    requests = [r._replace(clinic=unheard_of) if r.clinic == "Clinic 03" else r for r in SMALL.requests]

    with pytest.raises(InvalidInput):
        run(urls, file=RequestFile(requests, []), jobs=2)
    assert databases(urls[0]) == set()


def test_an_interrupt_stops_at_once_and_leaves_nothing(urls, real: RequestFile):

    def interrupted(done: int, of: int) -> None:
        if done:
            raise KeyboardInterrupt

    since = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(urls, file=real, told=interrupted, jobs=2)
    assert time.monotonic() - since < 60
    assert databases(urls[0]) == set()


def test_a_server_that_is_not_there_is_one_line():
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"

    with pytest.raises(NotConfigured) as caught:
        run((nowhere, nowhere))
    assert "\n" not in caught.value.detail


def test_an_owner_who_may_not_create_databases_is_told_so(urls):
    with pytest.raises(NotConfigured, match="permission denied to create database"):
        run((urls[1], urls[1]))


@given(st.lists(st.integers(1, 500), min_size=1, max_size=30), st.integers(1, 8))
def test_shares_hold_every_clinic_once_and_are_about_equal(sizes, jobs):
    clinics = [(f"Clinic {i}", [None] * size) for i, size in enumerate(sizes)]
    shares = shared_out(clinics, jobs)

    assert sorted(name for share in shares for name, _ in share) == sorted(name for name, _ in clinics)
    loads = [sum(len(requests) for _, requests in share) for share in shares]
    assert max(loads) - min(loads) <= max(sizes)
