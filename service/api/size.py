"""No body is larger than a request needs, nor slower: forms and tables too, before anything keeps them."""

import asyncio

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST = 256 * 1024
"""Bytes of a body."""
SLOWEST_S = 30.0
"""For the whole of a body to come."""


class BodyLimit:
    """Refuse a body that is too large (413) or comes too slowly (408), as it is read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; its body is counted as it is read."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        ends, left = asyncio.get_running_loop().time() + SLOWEST_S, LARGEST

        async def counted() -> Message:
            nonlocal ends, left
            try:
                async with asyncio.timeout_at(ends):
                    message = await receive()
            except TimeoutError as error:
                raise HTTPException(408, f"A body comes within {SLOWEST_S:.0f} seconds.") from error
            left -= len(message.get("body", b""))
            if left < 0:
                raise HTTPException(413, f"A body has at most {LARGEST} bytes.")
            if not message.get("more_body", False):
                # What comes now is the end of the connection, however late.
                ends = float("inf")
            return message

        await self._app(scope, counted, send)
