"""A TCP proxy before PostgreSQL that reads the client's messages, and cuts where it hears COMMIT, said or meant.

Only for tests. It knows the frontend's framing (PostgreSQL's protocol 3.0, section "Message Formats"): after the
start-up packets, which have no type, every message is a type, a length that counts itself, and a body. A prepared
statement outside BEGIN and COMMIT ("Extended Query") commits when the Sync behind it arrives.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Self
from urllib.parse import urlsplit, urlunsplit

SSL_OR_CANCEL = {80877103, 80877104, 80877102}
BEGIN, COMMIT, ROLLBACK = b"BEGIN", b"COMMIT\0", b"ROLLBACK\0"
QUERY, EXECUTE, SYNC = b"Q", b"E", b"S"
Cut = Callable[[], str | None]


class Proxy:
    """Forwards connections to a server; use it within `async with`.

    Parameters
    ----------
    url : str
        Of the server; `url` of the proxy leads through it.
    cut : callable
        Asked at each COMMIT: "before" it is forwarded, "after" the server has answered it, or None for not at all.
    """

    def __init__(self, url: str, cut: Cut = lambda: None) -> None:
        self._target = urlsplit(url)
        self._cut = cut
        self._open: set[asyncio.StreamWriter] = set()
        self._muted: set[asyncio.StreamWriter] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._server: asyncio.Server | None = None
        self._port = 0
        self.cuts = 0

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._flowing.set()
        await self.vanish()

    @property
    def url(self) -> str:
        """Where to connect instead."""
        place = f"{self._target.username}:{self._target.password}@127.0.0.1:{self._port}"
        return urlunsplit(self._target._replace(netloc=place))

    async def listen(self) -> None:
        """Accept connections, on the same port as before."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def vanish(self) -> None:
        """Close the port and every connection, as a server whose machine has gone."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._open):
            writer.transport.abort()
        await asyncio.sleep(0)

    def swallow(self) -> None:
        """Forward nothing any more, and close nothing: a network that has lost its way."""
        self._flowing.clear()

    def flow(self) -> None:
        """Forward again."""
        self._flowing.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = await asyncio.open_connection(self._target.hostname, self._target.port)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, there[1]}
        answered = asyncio.Event()
        up = asyncio.create_task(_quietly(self._forward(reader, writer, there[1], answered)))
        down = asyncio.create_task(_quietly(self._return(there[0], writer, answered)))
        await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        for task in (up, down):
            task.cancel()
        for end in (writer, there[1]):
            self._open.discard(end)
            self._muted.discard(end)
            end.transport.abort()

    async def _forward(
        self,
        reader: asyncio.StreamReader,
        back: asyncio.StreamWriter,
        to: asyncio.StreamWriter,
        answered: asyncio.Event,
    ) -> None:
        await self._start_up(reader, to)
        begun = executed = False
        while True:
            head = await reader.readexactly(5)
            body = await reader.readexactly(int.from_bytes(head[1:]) - 4)
            await self._flowing.wait()
            kind = head[:1]
            executed = (executed and kind != QUERY) or kind == EXECUTE
            commits = body.endswith(COMMIT) if kind == QUERY else kind == SYNC and executed and not begun
            if kind == QUERY:
                begun = (begun or body.startswith(BEGIN)) and not body.endswith((COMMIT, ROLLBACK))
            executed = executed and kind != SYNC
            where = self._cut() if commits else None
            if where == "before":
                self.cuts += 1
                return
            if where == "after":
                self.cuts += 1
                # From here on nothing reaches the client; the server's answer shows that it has committed.
                answered.clear()
                self._muted.add(back)
                to.write(head + body)
                await answered.wait()
                return
            to.write(head + body)
            await to.drain()

    async def _start_up(self, reader: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        code = 0
        while not code or code in SSL_OR_CANCEL:
            head = await reader.readexactly(8)
            code = int.from_bytes(head[4:])
            to.write(head + await reader.readexactly(int.from_bytes(head[:4]) - 8))

    async def _return(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answered: asyncio.Event
    ) -> None:
        while block := await reader.read(65536):
            await self._flowing.wait()
            if writer in self._muted:
                answered.set()
            else:
                writer.write(block)
                await writer.drain()


async def _quietly(work: Awaitable[None]) -> None:
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        await work
