"""What others change is shown: by server-sent events, by polling without them, one question at a time."""

from datetime import timedelta

import pytest
from playwright.sync_api import Route, expect

from service.commands import waitlist
from tests.e2e.conftest import BOARD
from tests.service.worlds import CUT, MONDAY_10, NOW, client

NO_POLLING = "window.setInterval = () => 0"


@pytest.mark.parametrize("span", ["", "&span=week"])
def test_what_one_browser_changes_the_other_shows_by_server_sent_events(world, busy, visitor, span):
    one, other = visitor.manager(busy), visitor.manager(busy)
    other.add_init_script(NO_POLLING)
    with other.expect_response("**/api/v1/businesses/salon/events") as stream:
        other.goto(BOARD + span)
    assert stream.value.headers["content-type"].startswith("text/event-stream")
    one.goto(BOARD)
    one.locator("a.block", has_text="Cem").click()
    one.get_by_role("button", name="Check in").click()
    shown = other.locator(".week .bar.checked_in") if span else other.locator("a.block.checked_in", has_text="Cem")
    expect(shown).to_be_attached()


def test_what_changes_while_the_board_asks_is_asked_for_afterwards(world, busy, visitor):
    page = visitor.manager(busy)
    page.add_init_script(NO_POLLING)
    held: list[Route] = []
    page.route("**/events", lambda route: route.fulfill(status=503))
    page.route("**/board/salon?*since=*", lambda route: held.append(route) if not held else route.continue_())
    page.goto(BOARD)
    with page.expect_request("**/board/salon?*since=*"):
        page.evaluate("document.dispatchEvent(new Event('interlock:changed'))")

    async def join(db):
        scope = world.scope_of(db, busy)
        window = ((MONDAY_10, MONDAY_10 + timedelta(hours=3)),)
        await waitlist.join(scope, waitlist.Joining(await client(scope, "Newly Nil"), CUT, window), now=NOW)

    world.do(join)
    page.evaluate("document.dispatchEvent(new Event('interlock:changed'))")
    held[0].fulfill(status=204)
    expect(page.locator("#beside")).to_contain_text("Newly Nil")
    visitor.complaints[:] = [c for c in visitor.complaints if "503" not in c]


def test_without_a_stream_the_board_polls(world, busy, visitor):
    one, other = visitor.manager(busy), visitor.manager(busy)
    other.route("**/events", lambda route: route.fulfill(status=503))
    other.goto(BOARD)
    one.goto(BOARD)
    one.locator("a.block", has_text="Cem").click()
    one.get_by_role("button", name="Check in").click()
    expect(other.locator("a.block.checked_in", has_text="Cem")).to_be_visible()
    visitor.complaints[:] = [c for c in visitor.complaints if "503" not in c]


def test_who_waits_is_shown_live_too(world, busy, visitor):
    page = visitor.manager(busy)
    page.add_init_script(NO_POLLING)
    with page.expect_response("**/api/v1/businesses/salon/events"):
        page.goto(BOARD)

    async def join(db):
        scope = world.scope_of(db, busy)
        window = ((MONDAY_10, MONDAY_10 + timedelta(hours=3)),)
        await waitlist.join(scope, waitlist.Joining(await client(scope, "Newly Nil"), CUT, window), now=NOW)

    world.do(join)
    expect(page.locator("#beside")).to_contain_text("Newly Nil")
