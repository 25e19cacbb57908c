"""`interlock demo`: the main job on a generated clinic, then the board and the API."""

from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from service.bootstrap import Interlock
from service.cli.output import stray_lines_dropped, with_installation
from service.cli.server import LOOPBACK, run_server
from service.jobs.demo import OWNER, Demo, owner_link, set_up
from service.jobs.demo_salon import Evening, set_up_salon
from service.settings import settings

NEXT = """
The {slug} is open for two weeks from {first_day}.{made}

  Look     http://{host}:{port}/login?token={token}&next=/board/{slug}%3Fday%3D{first_day}
           signs you in as the owner, once: the board; under "Review the plan" the optimiser's, to accept all or some
  Book     http://{host}:{port}/b/{slug}
           what a client sees
  API      http://{host}:{port}/docs

In another terminal:
  .venv/bin/interlock slots -b {slug} -s Consultation --from {first_day}T08:00 --ranked
  .venv/bin/interlock waitlist -b {slug}
  .venv/bin/interlock optimise -b {slug} --from {first_day} --apply

The {salon} has a day full of half-hour gaps, and clients who wait for an hour and a half; re-fit it:
  .venv/bin/interlock optimise -b {salon} --kind rebalance --from {day} --days 1 --alternatives --picture night.png

It listens on this machine only. Sign in again with `interlock account link {email}`, make an API key with
`interlock key add -b {slug} "my program"`. Stop with Ctrl-C; `interlock db stop` ends the database.
"""


def demo(
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="8000, or INTERLOCK_PORT, if left out.")] = None,
    *,
    serve: Annotated[bool, typer.Option(help="Serve the board when the clinic is set up.")] = True,
) -> None:
    """Set up a generated clinic with its waitlist planned and a salon with its day re-fitted, and serve the board."""
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("two weeks of a generated clinic", total=None)

        async def work(interlock: Interlock) -> tuple[Demo, Evening, str]:
            made = await set_up(
                interlock.db, interlock.clock(), lambda done, of: progress.update(task, completed=done, total=of)
            )
            progress.update(task, description="a night at a salon", completed=0, total=None)
            evening = await set_up_salon(interlock.db, made.first_day + timedelta(days=1), interlock.clock())
            await owner_link(interlock.db, evening.slug)
            return made, evening, await owner_link(interlock.db, made.slug)

        with stray_lines_dropped():
            made, evening, token = with_installation(work)
    chosen = settings().port if port is None else port
    told = f" {made.requests} requests went through the real commands." if made.requests else ""
    words = {"slug": made.slug, "first_day": made.first_day, "made": told, "token": token, "email": OWNER}
    words |= {"salon": evening.slug, "day": evening.day}
    typer.echo(NEXT.format(**words, host=LOOPBACK, port=chosen))
    if serve:
        run_server(chosen)
