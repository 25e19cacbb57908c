"""Server-rendered pages: Jinja2 templates that work without a script, and a little script that makes them quicker."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import APIRouter


def routers() -> "list[APIRouter]":
    """Return the routes of every page."""
    from service.web import (  # noqa: PLC0415 - the web stack, if served
        allocations,
        board,
        booking,
        confirming,
        desk,
        drag,
        jobs,
        joining,
        kept,
        login,
        logo,
        lost,
        mine,
        people,
        plans,
        policies,
        reference,
        relaxing,
        reports,
        settings,
        theme,
        today,
        waiting,
        widget,
    )

    parts = (
        allocations,
        booking,
        confirming,
        kept,
        logo,
        mine,
        waiting,
        widget,
        reference,
        theme,
        login,
        joining,
        board,
        desk,
        drag,
        plans,
        relaxing,
        jobs,
        today,
        reports,
        people,
        policies,
        settings,
        # It answers what the others leave.
        lost,
    )
    return [part.router for part in parts]
