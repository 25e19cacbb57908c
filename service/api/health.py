"""What the machinery around an installation asks: is it alive, may it get requests, how is it doing."""

import asyncio
import hmac
from ipaddress import ip_address

from fastapi import APIRouter, Request, Response

from models.errors import Forbidden, InterlockError, Unavailable
from service.db.migrate import newest
from service.settings import settings
from service.telemetry import metrics

READY_S = 2
"""How long the database may take to say that it is there."""
SCHEMA = "SELECT version_num FROM edge.schema_version"
QUEUE = """
SELECT status::text AS status, count(*) AS jobs FROM jobs.procrastinate_jobs
WHERE status IN ('todo', 'doing', 'failed') GROUP BY status
"""
router = APIRouter(include_in_schema=False)


@router.get("/health/live")
async def live() -> dict[str, str]:
    """Answer as long as the process does; whoever gets no answer starts it anew."""
    return {"status": "alive"}


@router.get("/health/ready")
async def ready(request: Request) -> dict[str, str]:
    """Answer 200 while requests are welcome: the database answers, its schema is this version's, nothing drains.

    Raises
    ------
    Unavailable
        503: send requests elsewhere for now.
    """
    if getattr(request.app.state, "draining", False):
        raise Unavailable("This process is ending.")
    try:
        async with asyncio.timeout(READY_S):
            [row] = await request.app.state.interlock.db.anywhere(SCHEMA)
    except TimeoutError as error:
        raise Unavailable("The database does not answer in time.") from error
    if row["version_num"] < newest():
        raise Unavailable("The database has an older schema; run `interlock db migrate`.")
    return {"status": "ready", "schema": row["version_num"]}


@router.get("/metrics")
async def show(request: Request) -> Response:
    """Return the metrics, to this machine or to who has the token of INTERLOCK_METRICS_TOKEN."""
    if not _may_read(request):
        raise Forbidden("Metrics are for this machine, or with INTERLOCK_METRICS_TOKEN as bearer token.")
    waiting = dict.fromkeys(("todo", "doing", "failed"), 0)
    try:
        waiting |= {row["status"]: row["jobs"] for row in await request.app.state.interlock.db.anywhere(QUEUE)}
    except InterlockError:
        waiting = {}
    for status, jobs in waiting.items():
        metrics.QUEUE.labels(status).set(jobs)
    return Response(metrics.exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _may_read(request: Request) -> bool:
    token = settings().metrics_token
    if token is not None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(given.encode(), token.get_secret_value().encode())
    return request.client is not None and _is_loopback(request.client.host)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
