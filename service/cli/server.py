"""`interlock serve`: the API and the board."""

import asyncio
import contextlib
import errno
import gc
import logging
import socket
import time
from types import FrameType
from typing import Annotated

import typer

from models.errors import NotConfigured
from service.cli.worker import beside
from service.settings import settings
from service.telemetry import logs, traces

LOOPBACK = "127.0.0.1"
QUIET_S, LINGER_S = 0.3, 5
"""To end, a server waits until nobody has asked for so long, and no longer than that."""
DRAIN_S = 30
"""How long requests that are running may still take when it is to end."""


def serve(
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="8000, or INTERLOCK_PORT, if left out.")] = None,
    *,
    host: Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0: every one of this machine.")] = LOOPBACK,
    worker: Annotated[bool, typer.Option(help="Keep a worker running beside it.")] = True,
) -> None:
    """Serve the API and the board, to this machine alone unless --host says otherwise."""
    from service.bootstrap import prepare  # noqa: PLC0415 - half a second that --help need not wait

    # What cannot be is one line now, not a traceback from inside the server.
    prepare(settings())
    chosen = settings().port if port is None else port
    who = (
        "It listens on this machine only"
        if host == LOOPBACK
        else f"It answers to the names {settings().hosts} (INTERLOCK_HOSTS); put a proxy with TLS before it"
    )
    typer.echo(
        f"Interlock on http://{host}:{chosen} (API documentation at /docs).\n{who}; "
        "`interlock account add` lets somebody in."
    )
    run_server(chosen, host=host, worker=worker)


def run_server(port: int, *, host: str = LOOPBACK, worker: bool = True) -> None:
    """Serve until interrupted; what has been asked is answered before it ends.

    Raises
    ------
    NotConfigured
        Something else listens on the port, or the address is none of this machine's.
    """
    import uvicorn  # noqa: PLC0415 - half a second that other commands need not wait

    from service.bootstrap import server_app  # noqa: PLC0415

    _try_to_listen(host, port)
    logs.install(logging.INFO if settings().environment == "production" else logging.WARNING)
    app = server_app()
    if traces.wanted():
        traces.install(app)
    # A search for garbage among all that was made until now would stop every request for a tenth of a second.
    gc.freeze()
    config = uvicorn.Config(
        app, host=host, port=port, log_config=None, server_header=False, timeout_graceful_shutdown=DRAIN_S
    )

    class Draining(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            # Streams of events end by themselves, and balancers are told to look elsewhere.
            app.state.draining = True
            app.state.hub.draining.set()
            super().handle_exit(sig, frame)

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            # Whoever is answered from now on is told to go; a port closed before that resets who is in its queue.
            answered, until = -1, time.monotonic() + LINGER_S
            while answered < self.server_state.total_requests and time.monotonic() < until and not self.force_exit:
                answered = self.server_state.total_requests
                await asyncio.sleep(QUIET_S)
            await super().shutdown(sockets)

    with beside() if worker else contextlib.nullcontext():
        Draining(config).run()


def _try_to_listen(host: str, port: int) -> None:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise NotConfigured(f"Something else listens on port {port}; choose another with --port.") from error
        raise NotConfigured(f"{host}:{port} cannot be listened on: {error.strerror or error}.") from error
