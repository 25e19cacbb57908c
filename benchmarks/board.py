"""How soon can one work at a board of 40 lanes and 800 bookings, and how soon does it show what another does?

A real Chromium (CHROMIUM, or the one on the PATH) on the server as it is served, in a process of its own: from asking
to where the page can be used, what the server took of that, requests and compressed bytes; then, for visits checked in
through another connection, the time from its answer to the block's new look here (server-sent events, polling off).
"""

import asyncio
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from playwright.sync_api import Page, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from models.permissions import Role
from service import bootstrap
from service.commands import accounts, bookings, clients, members, sessions
from service.commands.businesses import Opening, open_business
from service.commands.catalogue import NewService, NewStaff, Span
from service.db import embedded
from service.db.command import Scope
from service.security import tokens
from service.settings import Settings

LANES, BOOKINGS, OPENINGS, CHANGES = 40, 20, 7, 10
WEEK = tuple(Span(day, 540, 1050) for day in range(7))
FLAGS = ["--no-sandbox", "--headless", "--disable-gpu", "--disable-background-networking"]
NO_POLLING = "window.setInterval = () => 0"
TIMES = """() => { const [t] = performance.getEntriesByType("navigation");
return { server: t.responseStart - t.requestStart, interactive: t.domInteractive,
scripts_ran: t.domContentLoadedEventEnd, loaded: t.loadEventEnd } }"""
BYTES = """() => performance.getEntries().filter((e) => e.transferSize !== undefined).map((e) => e.encodedBodySize)"""


async def filled(chosen: Settings, day: datetime) -> tuple[str, list[UUID]]:
    """Open a business of full lanes; returns the cookie of its owner and the bookings."""
    async with bootstrap.running(chosen) as interlock:
        scope, now = Scope(interlock.db, uuid4(), actor="benchmark"), interlock.clock()
        service, staff = (
            NewService("Cut", 20, slot_interval=5),
            [NewStaff(f"Member {n:02}", WEEK) for n in range(LANES)],
        )
        await open_business(scope, Opening("Large", "large", "UTC", tuple(staff), (service,)))
        who = await clients.register(scope, clients.NewClient("Client of Many", None, None))
        view, made = await interlock.views.current(scope.business_id, now), []
        for member in staff:
            for n in range(BOOKINGS):
                wanted = bookings.BookRequest(service.id, member.id, day + timedelta(minutes=20 * n), who)
                made.append((await bookings.book(scope, wanted, view=view, now=now)).id)
        owner = await accounts.add(scope.db, accounts.NewAccount("owner@example.com", "Owner"))
        await members.assign(scope, members.Assignment(owner, members.Place(Role.OWNER)))
        session = await sessions.open_session(scope.db, owner, "web")
    return tokens.signed(interlock.keyring, tokens.WEB, 3600, sub=str(owner), sid=str(session)), made


def opened(page: Page, address: str) -> dict[str, float]:
    """Open the board once; milliseconds, requests and compressed kilobytes."""
    page.goto(address, wait_until="load")
    if page.locator("a.block").count() != LANES * BOOKINGS:
        raise SystemExit("benchmarks: the board does not show every booking")
    sizes = page.evaluate(BYTES)
    return {**page.evaluate(TIMES), "requests": len(sizes), "kilobytes": round(sum(sizes) / 1024, 1)}


def shown(page: Page, other: httpx.Client, booking: UUID) -> float | None:
    """Check somebody in elsewhere; returns the milliseconds until the board shows it, None where it does not."""
    block = f'a.block.checked_in[data-key="{booking}"]'
    form = {"version": page.locator(f'a.block[data-key="{booking}"]').get_attribute("data-version"), "take": "check_in"}
    answer = other.post(f"/board/large/bookings/{booking}/step", data=form)
    if answer.status_code != 303:
        raise SystemExit(f"benchmarks: checking in answered {answer.status_code}")
    begun = time.perf_counter()
    try:
        page.wait_for_selector(block, state="attached", timeout=20_000)
    except PlaywrightTimeout:
        return None
    return (time.perf_counter() - begun) * 1000


def looked_at(address: str, cookie: str, day: datetime, made: list[UUID]) -> dict[str, Any]:
    """Return the figures of a served board."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    board = f"{address}/board/large?day={day:%Y-%m-%d}"
    with sync_playwright() as playwright, httpx.Client(base_url=address, cookies={tokens.COOKIE: cookie}) as other:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        context.add_cookies([{"name": tokens.COOKIE, "value": cookie, "url": address}])
        context.add_init_script(NO_POLLING)
        page = context.new_page()
        cold = opened(page, board)
        warm = [opened(page, board) for _ in range(OPENINGS)]
        with page.expect_response("**/events"):
            page.reload()
        tried = [shown(page, other, booking) for booking in made[:CHANGES]]
        browser.close()
    live = [one for one in tried if one is not None] or [float("inf")]
    medians = {name: round(statistics.median(one[name] for one in warm), 1) for name in warm[0]}
    return {"first": {name: round(value, 1) for name, value in cold.items()}, "again": medians} | {
        "live_ms": {
            "median": round(statistics.median(live), 1),
            "most": round(max(live), 1),
            "missed": tried.count(None),
        }
    }


def served(home: Path, work: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """Do some work while the server runs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "service.cli", "serve", "--port", str(port)]
    environment = os.environ | {"INTERLOCK_HOME": str(home), "INTERLOCK_RATE_LIMITS": "false"}
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 - our own
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                httpx.get(f"{address}/health/live").raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        return work(address)
    finally:
        server.terminate()
        server.wait(30)


def run() -> dict[str, Any]:
    """Measure on a server of its own."""
    day = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(days=1)
    with tempfile.TemporaryDirectory(prefix="interlock-board-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        try:
            cookie, made = asyncio.run(filled(Settings.model_validate({"home": home}), day))
            figures = served(home, lambda address: looked_at(address, cookie, day, made))
        finally:
            embedded.remove(home)
    print(figures)
    return {"load": os.getloadavg()[0], "lanes": LANES, "bookings": LANES * BOOKINGS} | figures
