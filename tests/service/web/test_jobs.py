"""Runs and jobs: what failed stands first, and is put back by who may."""

import pytest

from models.permissions import Role
from tests.service.people import cookie
from tests.service.worlds import salon

pytestmark = pytest.mark.anyio


@pytest.fixture
async def scope(db):
    """An empty salon."""
    return await salon(db)


async def job(scope, status: str, error: str | None = None) -> int:
    """Return a job of the salon's in the queue, as the queue's own tables have it."""
    async with scope.db.transaction(scope.business_id) as tx:
        row = await tx.row(
            "INSERT INTO jobs.procrastinate_jobs (queue_name, task_name, status, attempts, args) "
            "VALUES ('default', 'interlock.handle', %s::jobs.procrastinate_job_status, 4, "
            "jsonb_build_object('business_id', %s::text)) RETURNING id",
            [status, scope.business_id],
        )
        if error:
            await tx.execute("INSERT INTO jobs.failure (job_id, error) VALUES (%s, %s)", [row["id"], error])
    return int(row["id"])


async def test_dead_letters_stand_first_with_their_reason_and_are_put_back(scope, browser):
    failed = await job(scope, "failed", "The mail server said <b>no</b>.")
    page = (await browser.get("/board/salon/jobs")).text
    assert "Failed for good (1)" in page
    assert "The mail server said &lt;b&gt;no&lt;/b&gt;." in page
    answer = await browser.post(f"/board/salon/jobs/{failed}/requeue")
    assert answer.status_code == 303
    page = (await browser.get(answer.headers["location"])).text
    assert "It is back in the queue" in page
    assert "Failed for good" not in page


async def test_a_job_that_did_not_fail_is_not_put_back(scope, browser):
    done = await job(scope, "succeeded")
    answer = await browser.post(f"/board/salon/jobs/{done}/requeue")
    assert answer.status_code == 409
    assert "only one that failed can be put back" in answer.text
    assert (await browser.post("/board/salon/jobs/999999/requeue")).status_code == 404


async def test_jobs_are_chosen_by_status_and_nobody_sees_those_of_others(scope, db, browser):
    await job(scope, "succeeded")
    assert "No such jobs." in (await browser.get("/board/salon/jobs?status=failed")).text
    assert ">done</span>" in (await browser.get("/board/salon/jobs?status=succeeded")).text
    assert (await browser.get("/board/salon/jobs?status=nonsense")).status_code == 422


async def test_staff_see_their_pages_and_no_others(scope, browser):
    browser.cookies.update(await cookie(scope, Role.STAFF))
    page = (await browser.get("/board/salon")).text
    assert [name in page for name in (">Today</a>", ">Plans</a>", ">Jobs</a>", ">Settings</a>")] == [True] + 3 * [False]
    for path in ("jobs", "reports", "settings", "plans"):
        assert (await browser.get(f"/board/salon/{path}")).status_code == 403, path


async def test_signing_in_comes_under_the_strict_policy_too(scope, browser):
    for path in ("/account", "/login", "/login?token=nonsense", "/board/salon/jobs"):
        policy = (await browser.get(path)).headers["content-security-policy"]
        assert "default-src 'none'" in policy, path
        assert "unsafe" not in policy, path
