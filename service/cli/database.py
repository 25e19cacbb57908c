"""`interlock db`: the embedded PostgreSQL server."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from models.errors import NotAllowed
from service.cli.output import AsJson, print_json
from service.db import embedded
from service.settings import settings

EXIT_CODES = """
Exit codes: 0 done, and for `status` running · 1 refused · 2 wrong usage · 3 not running, or it cannot be.
"""

app = typer.Typer(
    help="The database server: started on demand, shared by all processes. With DATABASE_URL set, another is used."
    + EXIT_CODES,
    no_args_is_help=True,
    rich_markup_mode=None,
)

NOT_RUNNING = 3


def _own_home() -> Path:
    if settings().database_url is not None:
        raise NotAllowed("DATABASE_URL is set: that server is not Interlock's to start, stop or reset.")
    return settings().home


def _urls() -> tuple[str, str]:
    from service.bootstrap import database_urls  # noqa: PLC0415 - a second that asking for the status need not wait

    return database_urls(settings())


def _migrate(owner_url: str) -> None:
    from service.db.migrate import upgrade  # noqa: PLC0415 - as above

    with Console(stderr=True).status("bringing the schema up to date"):
        upgrade(owner_url)


@app.command()
def start() -> None:
    """Start the server and bring its schema up to date."""
    home = _own_home()
    with Console(stderr=True).status("starting PostgreSQL"):
        server = embedded.ensure_running(home)
    _migrate(server.owner_url())
    typer.echo(_described(server))


@app.command()
def stop() -> None:
    """Stop the server; sessions are ended, data is flushed."""
    typer.echo("stopped" if embedded.stop(_own_home()) else "was not running")


@app.command()
def status(*, as_json: AsJson = False) -> None:
    """Say whether the server runs, and where; exit code 0 if it does, 3 if not."""
    external = settings().database_url
    if external is None:
        server = embedded.running(settings().home)
        known = {"port": server.port, "pid": server.pid, "folder": str(server.folder)} if server else {}
        runs, words = server is not None, _described(server) if server else "not running"
    else:
        runs, known = _answers(external), {}
        words = f"the server of DATABASE_URL {'answers' if runs else 'does not answer'}"
    if as_json:
        print_json({"running": runs, "embedded": external is None, **known})
    else:
        typer.echo(words)
    raise typer.Exit(0 if runs else NOT_RUNNING)


@app.command()
def url(*, owner: Annotated[bool, typer.Option("--owner", help="Of the role that owns the schema.")] = False) -> None:
    """Print the database URL, password included: for psql, not for a log. Starts the server if need be."""
    owner_url, app_url = _urls()
    typer.echo(owner_url if owner else app_url)


@app.command()
def migrate() -> None:
    """Bring the schema up to date, of the embedded server or of DATABASE_OWNER_URL."""
    _migrate(_urls()[0])
    typer.echo("the schema is up to date")


@app.command()
def reset(*, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Delete the embedded server's data for good."""
    home = _own_home()
    if not yes:
        typer.confirm(f"Delete every business and booking below {home}?", abort=True)
    embedded.remove(home)
    typer.echo("deleted")


def _described(server: embedded.Server) -> str:
    return f"running on 127.0.0.1:{server.port} (pid {server.pid}), data in {server.folder}"


def _answers(url: str) -> bool:
    import psycopg  # noqa: PLC0415 - only asked of a server that is not ours

    try:
        with psycopg.connect(url, connect_timeout=5):
            return True
    except psycopg.OperationalError:
        return False
