"""`interlock serve`: the API and the board."""

from typing import Annotated

import typer

from service.settings import settings

LOOPBACK = "127.0.0.1"


def serve(
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="8000, or INTERLOCK_PORT, if left out.")] = None,
) -> None:
    """Serve the API and the board on 127.0.0.1."""
    import uvicorn  # noqa: PLC0415 - half a second that other commands need not wait

    from service.bootstrap import server_app  # noqa: PLC0415

    chosen = settings().port if port is None else port
    typer.echo(
        f"Interlock on http://{LOOPBACK}:{chosen} (API documentation at /docs).\n"
        "There are no accounts yet: it listens on this machine only."
    )
    uvicorn.run(server_app(), host=LOOPBACK, port=chosen, log_level="warning")
