"""Where an invitation leads: a page that takes it up, signs in, and says kindly what cannot be."""

import re
from html import unescape

import pytest

from models.permissions import Role
from service.commands import accounts, members
from service.commands.members import Invited, Place
from tests.service.web.test_visits import plain
from tests.service.worlds import ANA, client, salon

pytestmark = pytest.mark.anyio
PEOPLE = "/board/salon/settings/people"
EMAIL, PASSWORD = "nova@example.org", "correct horse battery"


@pytest.fixture
async def scope(db):
    """A salon."""
    return await salon(db)


async def invite(scope, place: Place = Place(Role.STAFF, ANA)) -> str:  # noqa: B008 - frozen
    """Return the token of an invitation."""
    return (await members.invite(scope, Invited(EMAIL, place))).token


async def test_the_address_that_settings_show_brings_somebody_new_in(scope, browser):
    shown = (await browser.post(PEOPLE, data={"email": EMAIL, "role": "manager"})).text
    address = unescape(re.search(r'readonly dir="ltr" value="([^"]+)"', shown)[1])
    assert address.startswith("http://127.0.0.1:8000/join?token=ili_")
    browser.cookies.clear()
    form = await browser.get(address)
    assert form.status_code == 200
    assert "default-src 'none'" in form.headers["content-security-policy"]
    assert form.headers["cache-control"] == "no-store"
    page = plain(form.text)
    assert "You are invited to Salon" in page
    assert EMAIL in page
    sent = {"token": address.split("token=")[1], "name": "Nova <b>", "password": PASSWORD}
    for wrong, told in (
        ({"password": "short"}, "A password has 12 to 200 characters"),
        ({"name": "  "}, "Please tell us your name."),
        ({"name": "No\u202eva"}, "A name is one line"),
    ):
        answer = await browser.post("/join", data=sent | wrong)
        assert answer.status_code == 422
        assert told in plain(re.search(r'role="alert">(.*?)</p>', answer.text)[1])
    assert 'value="Nova &lt;b&gt;"' in (await browser.post("/join", data=sent | {"password": "short"})).text
    answer = await browser.post("/join", data=sent)
    assert (answer.status_code, answer.headers["location"]) == (303, "/board/salon")
    assert (await browser.get(answer.headers["location"])).status_code == 200
    assert "Nova" in (await browser.get(PEOPLE)).text
    for again in (await browser.get(address), await browser.post("/join", data=sent)):
        assert again.status_code == 410
        assert "This invitation is over" in plain(again.text)


async def test_who_has_an_account_comes_in_with_its_password(scope, browser):
    browser.cookies.clear()
    await accounts.add(scope.db, accounts.NewAccount(EMAIL, "Nova", PASSWORD))
    token = await invite(scope, Place(Role.CLIENT, client_id=await client(scope)))
    form = (await browser.get(f"/join?token={token}")).text
    assert "You have an account already" in plain(form)
    assert 'name="name"' not in form
    wrong = await browser.post("/join", data={"token": token, "password": "another horse battery"})
    assert wrong.status_code == 400
    assert "The e-mail or the password is not right." in plain(wrong.text)
    answer = await browser.post("/join", data={"token": token, "password": PASSWORD})
    assert (answer.status_code, answer.headers["location"]) == (303, "/b/salon/me")
    assert "Sign in" not in plain((await browser.get("/b/salon/me")).text)


async def test_an_invitation_that_is_over_has_a_kind_answer(scope, db, browser):
    taken_back, run_out = await invite(scope), await invite(scope)
    [first, _] = sorted(await _open(scope), key=lambda row: row["id"])
    await members.revoke_invitation(scope, first["id"])
    async with db.transaction(scope.business_id) as tx:
        await tx.execute("UPDATE invitation SET expires_at = clock_timestamp() - interval '1 second'")
    for token in (taken_back, run_out, "", "nonsense", "ili_" + "0" * 32 + "_x"):
        answer = await browser.get("/join", params={"token": token, "lang": "de"})
        assert answer.status_code == 410, token
        assert "Diese Einladung gilt nicht mehr" in plain(answer.text)
        assert 'href="/login"' in answer.text


async def _open(scope) -> list[dict]:
    async with scope.db.transaction(scope.business_id) as tx:
        return await tx.rows("SELECT id FROM invitation")


async def test_no_other_site_takes_an_invitation_up_and_guesses_are_limited(scope, db, browser):
    sent = {"token": await invite(scope), "name": "Nova", "password": "short"}
    assert (await browser.post("/join", data=sent, headers={"Sec-Fetch-Site": "cross-site"})).status_code == 403
    browser._transport.app.state.limiter.is_on = True
    assert (await browser.post("/join", data=sent)).status_code == 422
    assert await db.anywhere("UPDATE edge.rate_limit SET tat = tat + interval '1 hour' RETURNING caller")
    answer = await browser.post("/join", data=sent)
    assert answer.status_code == 429
    assert "Too many tries" in plain(answer.text)
    assert 'value="Nova"' in answer.text
