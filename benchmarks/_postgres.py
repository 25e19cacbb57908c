"""The same starts from PostgreSQL: by a query over multiranges, and from a table of slots kept as a read model."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import psycopg
from numpy.typing import NDArray

from benchmarks._methods import LANE
from benchmarks._server import own_server
from benchmarks._worlds import World

MULTIRANGES = """
WITH taken AS (
    -- The buffer after the visit keeps its end ten minutes before the next claim.
    SELECT lane, range_agg(int4range(lower(busy) - 10, upper(busy))) AS busy FROM b GROUP BY lane
), free AS (
    SELECT w.lane, range_agg(w.work) - coalesce(any_value(t.busy), '{}') AS gaps
    FROM w LEFT JOIN taken t USING (lane) GROUP BY w.lane
)
SELECT lane, s FROM free, unnest(gaps) AS g,
     generate_series((greatest(lower(g), %(lo)s) + 14) / 15 * 15, upper(g) - 30, 15) AS s
WHERE s < %(hi)s
"""
READ_MODEL = "SELECT lane, start FROM slot WHERE start >= %(lo)s AND start < %(hi)s"

Rows = list[tuple[int, int]]


@contextmanager
def connected() -> Iterator[psycopg.Connection]:
    """Yield a connection to a server of our own that is gone afterwards; one process answers a query."""
    with own_server(durable=False) as (server, _), psycopg.connect(server.owner_url(), autocommit=True) as connection:
        connection.execute("SET max_parallel_workers_per_gather = 0; SET work_mem = '256MB'")
        yield connection


def load(connection: psycopg.Connection, world: World, keys: NDArray[np.int64]) -> None:
    """Put the intervals into two temporary tables, and the starts into a third; indexed and analysed."""
    connection.execute("DROP TABLE IF EXISTS w, b, slot")
    connection.execute("CREATE TEMP TABLE w (lane int, work int4range)")
    connection.execute("CREATE TEMP TABLE b (lane int, busy int4range)")
    connection.execute("CREATE TEMP TABLE slot (lane int, start int)")
    for table, side in (("w", world.work), ("b", world.busy)):
        with connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:
            for lane, spans in enumerate(side):
                copy.write("".join(f"{lane}\t[{start},{end})\n" for start, end in spans.tolist()))
    with connection.cursor().copy("COPY slot FROM STDIN") as copy:
        copy.write("".join(f"{key // LANE}\t{key % LANE}\n" for key in keys.tolist()))
    connection.execute("CREATE INDEX ON b (lane); CREATE INDEX ON slot (start, lane)")
    for table in ("w", "b", "slot"):
        connection.execute(f"ANALYZE {table}")


def asked(connection: psycopg.Connection, statement: str) -> Callable[[int, int], Rows]:
    """Return a method that runs a statement."""

    def answer(lo: int, hi: int) -> Rows:
        return connection.execute(statement, {"lo": lo, "hi": hi}).fetchall()

    return answer
