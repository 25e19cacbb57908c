"""A real Chromium against a real server on a real database."""

import asyncio
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import UUID

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from models.permissions import Role
from service import bootstrap
from service.bootstrap import Interlock
from service.commands import bookings, waitlist
from service.db.command import Scope
from service.db.database import Database
from service.db.views import Views
from tests.service.people import cookie
from tests.service.worlds import ANA, COLOUR, CUT, MONDAY_10, NOW, client, salon

PHONE, TABLET, DESK = {"width": 390, "height": 844}, {"width": 768, "height": 1024}, {"width": 1440, "height": 900}
BOARD = "/board/salon?day=2026-03-02"
expect.set_options(timeout=20_000)
EXAMPLE = Path(__file__).parents[2] / "examples" / "widget.html"
FLAGS = ["--no-sandbox", "--headless", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium; without it these tests fail, they do not skip.

    For a module: while Playwright runs, its event loop keeps asynchronous tests from running in the same process.
    """
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.fail("No Chromium: install it (apt-get install chromium) or set CHROMIUM to its path.", pytrace=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


class World:
    """The server's address and clock, and a way to change its database from a test."""

    def __init__(self, app_url: str) -> None:
        self.app_url = app_url
        self.address = ""
        self.app: FastAPI | None = None
        self.now = NOW

    def do(self, work: Callable[[Database], object]) -> object:
        """Run an async function of a database."""

        async def run() -> object:
            async with Database(self.app_url, 2) as db:
                return await work(db)

        # Playwright's own event loop runs in this thread.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, run()).result()

    def scope_of(self, db: Database, business_id: object) -> Scope:
        """Return a business's scope."""
        return Scope(db, business_id, actor="test")


@pytest.fixture
def world(app_url: str) -> Iterator[World]:
    """A server with nothing in it yet; its clock stands at `NOW`, a Sunday, until a test sets it."""
    world = World(app_url)

    @asynccontextmanager
    async def running():
        async with Database(app_url, 5) as db:
            interlock = Interlock(db, Views(db), lambda: world.now)
            yield interlock
            await interlock.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bootstrap, "running", running)
        world.app = app = bootstrap.server_app()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.02)
    world.address = f"http://127.0.0.1:{port}"
    yield world
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def salon_id(world: World) -> object:
    """The salon of `worlds`, open and empty."""

    async def make(db: Database) -> object:
        return (await salon(db)).business_id

    return world.do(make)


@pytest.fixture
def busy(world, salon_id):
    """Ana has Bea at 10:00 and Cem at 11:00; two wait for the morning."""

    async def fill(db):
        scope = world.scope_of(db, salon_id)
        for name, hours in (("Bea", 0), ("Cem", 1)):
            view = await Views(db).current(salon_id, NOW)
            start = MONDAY_10 + timedelta(hours=hours)
            request = bookings.BookRequest(CUT, ANA, start, await client(scope, name))
            await bookings.book(scope, request, view=view, now=NOW)
        for name, service in (("Wim", CUT), ("Eva", COLOUR)):
            window = ((MONDAY_10 - timedelta(hours=1), MONDAY_10 + timedelta(hours=3)),)
            await waitlist.join(scope, waitlist.Joining(await client(scope, name), service, window), now=NOW)

    world.do(fill)
    return salon_id


class Visitor:
    """Opens pages, and keeps what the browser complained about."""

    def __init__(self, chromium: Browser, world: World) -> None:
        self.chromium, self.world = chromium, world
        self.complaints: list[str] = []
        self.contexts: list[BrowserContext] = []

    def manager(self, salon_id: object, **options: object) -> Page:
        """Return a page of somebody who is signed in as the owner."""
        return self.member(salon_id, Role.OWNER, **{"viewport": DESK, **options})

    def member(self, salon_id: object, role: Role, who: UUID | None = None, **options: object) -> Page:
        """Return a page of somebody who is signed in with a role, as a staff member if `who` is given."""

        async def sign_in(db: Database) -> dict[str, str]:
            own = {} if who is None else {"staff_id": who}
            return await cookie(self.world.scope_of(db, salon_id), role, **own)

        page = self.page(**options)
        cookies = self.world.do(sign_in)
        page.context.add_cookies([{"name": n, "value": v, "url": self.world.address} for n, v in cookies.items()])
        return page

    def page(self, **options: object) -> Page:
        """Return a page in a context of its own: another visitor."""
        options = {"viewport": PHONE, "locale": "en-GB", "timezone_id": "Europe/Lisbon", **options}
        context = self.chromium.new_context(base_url=self.world.address, **options)
        # A busy machine may be slow; it is only waited for so long where something is wrong.
        context.set_default_timeout(30_000)
        self.contexts.append(context)
        page = context.new_page()
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        return page

    def _console(self, message: ConsoleMessage) -> None:
        # A refused form answers 4xx, which Chromium logs; that is no fault of the page.
        if message.type in ("error", "warning") and "the server responded with a status of 4" not in message.text:
            self.complaints.append(message.text)


@pytest.fixture
def visitor(chromium: Browser, world: World) -> Iterator[Visitor]:
    """A visitor; the test fails where a page broke its own policy or a script failed."""
    visitor = Visitor(chromium, world)
    yield visitor
    for context in visitor.contexts:
        context.close()
    assert visitor.complaints == []


@pytest.fixture
def http(world: World) -> Iterator[httpx.Client]:
    """A client without a browser."""
    with httpx.Client(base_url=world.address) as client:
        yield client


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def host_of(world: World, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Serve the example's page with a widget's attributes on a site of its own, and return the address.

    A frame there is a third party's; over plain HTTP its cookies are neither sent nor kept.
    """
    served = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=tmp_path))
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()

    def host(attributes: str) -> str:
        text = EXAMPLE.read_text().replace("http://127.0.0.1:8000", world.address)
        (tmp_path / "widget.html").write_text(text.replace('data-business="demo-clinic"', attributes))
        (tmp_path / "favicon.ico").write_bytes(b"")
        return f"http://localhost:{served.server_port}/widget.html"

    yield host
    served.shutdown()
    served.server_close()
    thread.join(10)
