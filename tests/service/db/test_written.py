"""Values written into a message of several statements arrive as they are."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest
from psycopg.pq import Escaping

from models.errors import InvalidInput
from service.commands import bookings
from service.db.statements import written
from service.db.views import Views
from tests.service.worlds import ANA, CUT, MONDAY_10, NOW, client, salon

VALUES = [
    "plain",
    "it's",
    "'); DROP TABLE claim; --",
    "back\\slash and \\' both",
    "%(value)s %s %% $1 $$",
    "línea\nnueva\t\u2028",
    "",
]


@pytest.fixture
def echoed(app_url):
    with psycopg.connect(app_url, autocommit=True) as connection:

        def quote(text: str) -> str:
            return bytes(Escaping(connection.pgconn).escape_literal(text.encode())).decode()

        def echo(value, kind="text"):
            sql = written("SELECT 1; SELECT %(value)s::" + kind + "; SELECT 2", {"value": value}, quote)
            cursor = connection.execute(sql.encode(), prepare=False)
            assert len(list(cursor.results())) == 3
            cursor.set_result(1)
            return cursor.fetchone()[0]

        yield echo


@pytest.mark.parametrize("value", VALUES)
def test_a_text_is_the_same_on_the_other_side(echoed, value):
    assert echoed(value) == value


def test_other_kinds_are_too(echoed):
    id_, at = UUID(int=7), datetime(2026, 3, 1, 9, tzinfo=UTC)
    assert (echoed(id_, "uuid"), echoed(at, "timestamptz"), echoed(5, "int")) == (id_, at, 5)
    assert (echoed(None), echoed(value=True, kind="bool"), echoed(f"{{{id_},NULL}}", "uuid[]")) == (
        None,
        True,
        [id_, None],
    )


@pytest.mark.anyio
async def test_a_nul_is_refused_and_nothing_is_written(db, owner_url):
    scope = await salon(db)
    who, view = await client(scope), await Views(db).current(scope.business_id, NOW)
    request = bookings.BookRequest(CUT, ANA, MONDAY_10, who)
    with pytest.raises(InvalidInput):
        await bookings.book(replace(scope, key="one\0two"), request, view=view, now=NOW)
    with psycopg.connect(owner_url) as connection:
        assert connection.execute("SELECT count(*) FROM appointment").fetchone() == (0,)
    assert (await bookings.book(replace(scope, key="one"), request, view=view, now=NOW)).version == 1
