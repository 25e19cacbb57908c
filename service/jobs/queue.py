"""The job queue: procrastinate in a schema of its own beside ours, reached with the app's role.

What a job does is a task that a module declares; the installation travels to it in the worker's context.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Protocol

from procrastinate import App, PsycopgConnector, RetryStrategy
from procrastinate.job_context import JobContext
from psycopg import AsyncConnection

from service.db.database import Database
from service.db.session import prepare_session
from service.db.views import Views

CONNECTIONS = 4
"""Of the queue itself: fetching, finishing, heartbeat. Jobs work with the installation's pool."""
# The first try and six more, after 3, 9, 27, 81, 243 and 729 seconds; then the job is a dead letter.
WITH_BACKOFF = RetryStrategy(max_attempts=6, exponential_wait=3)


class Installation(Protocol):
    """What jobs need of the wired installation."""

    @property
    def db(self) -> Database:
        """The pool."""

    @property
    def views(self) -> Views:
        """The arrays."""

    @property
    def clock(self) -> Callable[[], datetime]:
        """The present moment."""


def installation_of(context: JobContext) -> Installation:
    """Return the installation that a job runs in."""
    found: Installation = context.additional_context["installation"]
    return found


def queue_on(url: str | Callable[[], Awaitable[str]], *declarations: Callable[[App], None]) -> App:
    """Return the queue over the database of a URL, with tasks declared; use it within `queue.open_async()`."""
    options: dict[str, Any] = {"conninfo": url, "min_size": 1, "max_size": CONNECTIONS, "timeout": 5}
    queue = App(connector=PsycopgConnector(configure=_configure, **options))
    for declare in declarations:
        declare(queue)
    return queue


async def _configure(connection: AsyncConnection[Any]) -> None:
    await prepare_session(connection)
    await connection.commit()
