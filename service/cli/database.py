"""`interlock db`: the embedded PostgreSQL server."""

from typing import Annotated

import typer

from models.errors import NotConfigured
from service.bootstrap import database_urls
from service.cli.output import AsJson, print_json
from service.db import embedded
from service.db.migrate import upgrade
from service.settings import settings

app = typer.Typer(help="The database server: started on demand, shared by all processes.", no_args_is_help=True)

NOT_RUNNING = 3


def _refuse_external() -> None:
    if settings().database_url is not None:
        raise NotConfigured("DATABASE_URL is set: that server is not Interlock's to start, stop or reset.")


@app.command()
def start() -> None:
    """Start the server and bring its schema up to date."""
    _refuse_external()
    server = embedded.ensure_running(settings().home)
    upgrade(server.owner_url())
    typer.echo(f"running on 127.0.0.1:{server.port} (pid {server.pid}), data in {server.folder}")


@app.command()
def stop() -> None:
    """Stop the server; sessions are ended, data is flushed."""
    _refuse_external()
    typer.echo("stopped" if embedded.stop(settings().home) else "was not running")


@app.command()
def status(*, as_json: AsJson = False) -> None:
    """Say whether the server runs; exit code 0 if it does, 3 if not."""
    _refuse_external()
    server = embedded.running(settings().home)
    if as_json:
        known = {"port": server.port, "pid": server.pid, "folder": str(server.folder)} if server else {}
        print_json({"running": server is not None, **known})
    else:
        typer.echo(f"running on 127.0.0.1:{server.port} (pid {server.pid})" if server else "not running")
    raise typer.Exit(0 if server else NOT_RUNNING)


@app.command()
def url(*, owner: Annotated[bool, typer.Option(help="The role that owns the schema.")] = False) -> None:
    """Print the database URL, password included: for psql, not for a log."""
    owner_url, app_url = database_urls(settings())
    typer.echo(owner_url if owner else app_url)


@app.command()
def migrate() -> None:
    """Bring the schema up to date, of the embedded server or of DATABASE_OWNER_URL."""
    upgrade(database_urls(settings())[0])
    typer.echo("the schema is up to date")


@app.command()
def reset(*, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Delete the embedded server's data for good."""
    _refuse_external()
    if not yes:
        typer.confirm(f"Delete every business and booking below {settings().home}?", abort=True)
    embedded.remove(settings().home)
    typer.echo("deleted")
