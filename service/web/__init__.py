"""Server-rendered pages: Jinja2 templates that work without a script, and a little script that makes them quicker."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import APIRouter


def routers() -> "list[APIRouter]":
    """Return the routes of every page."""
    from service.web import board, booking, confirming, login, theme, waiting, widget  # noqa: PLC0415 - the web stack, if served

    return [part.router for part in (booking, confirming, waiting, widget, theme, login, board)]
