"""`interlock jobs`: the queue, and its dead letters."""

from typing import Annotated

import typer

from models.errors import NotFound
from service.bootstrap import Interlock
from service.cli.output import AsJson, print_json, print_table, with_installation
from service.commands import jobs as commands
from service.queries import businesses, jobs
from service.queries.paging import Page

app = typer.Typer(
    help="Work in the background: what waits, what failed, and putting it back.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("list")
def list_jobs(
    business: Annotated[str | None, typer.Option("--business", "-b", help="Of one business only.")] = None,
    *,
    status: Annotated[str | None, typer.Option(help=f"{', '.join(jobs.STATUSES)}; failed: the dead letters.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: AsJson = False,
) -> None:
    """Show jobs, the latest first."""

    async def read(interlock: Interlock) -> list[jobs.Job]:
        of = None if business is None else (await businesses.by_slug(interlock.db, business)).id
        return await jobs.listed(interlock.db, of, Page(limit), status=status)

    found = with_installation(read)
    if as_json:
        print_json(found)
    else:
        rows = [(j.id, j.task, j.status, j.attempts, f"{j.since:%Y-%m-%d %H:%M:%SZ}", j.error or "") for j in found]
        print_table("Jobs", ["job", "does", "status", "retries", "since", "last error"], rows)


@app.command()
def requeue(
    job: Annotated[int | None, typer.Argument(min=1, help="The dead letter's number.")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="All dead letters.")] = False,
) -> None:
    """Put a dead letter, or all of them, back into the queue."""
    if every == (job is not None):
        raise typer.BadParameter("name one dead letter, or say --all")

    async def put_back(interlock: Interlock) -> int:
        return await commands.requeue_any(interlock.db, job)

    done = with_installation(put_back)
    if job is not None and not done:
        raise NotFound(f"Job {job} is no dead letter; `interlock jobs list --status failed` shows them.")
    typer.echo(f"{done} put back")
