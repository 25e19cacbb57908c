"""`interlock serve`: the API and the board."""

import socket
from typing import Annotated

import typer

from models.errors import NotConfigured
from service.settings import settings

LOOPBACK = "127.0.0.1"


def serve(
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="8000, or INTERLOCK_PORT, if left out.")] = None,
) -> None:
    """Serve the API and the board on 127.0.0.1."""
    chosen = settings().port if port is None else port
    typer.echo(
        f"Interlock on http://{LOOPBACK}:{chosen} (API documentation at /docs).\n"
        "There are no accounts yet: it listens on this machine only."
    )
    run_server(chosen)


def run_server(port: int) -> None:
    """Serve until interrupted.

    Raises
    ------
    NotConfigured
        Something else listens on the port.
    """
    import uvicorn  # noqa: PLC0415 - half a second that other commands need not wait

    from service.bootstrap import server_app  # noqa: PLC0415

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise NotConfigured(f"Something else listens on port {port}; choose another with --port.") from error
    uvicorn.run(server_app(), host=LOOPBACK, port=port, log_level="warning")
