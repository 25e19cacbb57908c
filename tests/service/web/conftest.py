"""The whole application on a test's database, asked without a browser."""

from contextlib import asynccontextmanager

import httpx
import pytest

from service import bootstrap
from service.bootstrap import Interlock
from service.db.views import Views
from tests.service.people import cookie
from tests.service.worlds import NOW


@pytest.fixture
async def browser(db, monkeypatch, request):
    """A browser in which the owner is signed in where there is a salon, on the test's database and clock."""

    @asynccontextmanager
    async def running():
        interlock = Interlock(db, Views(db), lambda: NOW)
        yield interlock
        await interlock.close()

    monkeypatch.setattr(bootstrap, "running", running)
    app = bootstrap.server_app()
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000") as browser,
    ):
        if "scope" in request.fixturenames:
            browser.cookies.update(await cookie(request.getfixturevalue("scope")))
        yield browser
