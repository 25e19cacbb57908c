"""Every request wants an answer in time, be it that the database has none."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.db.session import LONGEST_S, answer_by


class Deadline:
    """Lets what a request asks of the database wait no longer than the database's own limits, all in all.

    While the process drains it also tells whoever is answered not to come back (RFC 9112, section 9.6).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, with the moment at which it is to be answered set."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer_by.set(time.monotonic() + LONGEST_S)

        async def last(message: Message) -> None:
            if message["type"] == "http.response.start" and getattr(scope["app"].state, "draining", False):
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        await self._app(scope, receive, last)
