"""What every page shares: templates, the headers that browsers obey, and a kind answer to every error."""

import hashlib
import logging
import operator
from collections.abc import Callable, Coroutine, Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.templating import Jinja2Templates
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from models.errors import InterlockError
from service.web.words import Words, chosen_language, local

HERE = Path(__file__).parent
LOG = logging.getLogger(__name__)
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:{pictures}; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors {framed_by}"
)
"""The Content-Security-Policy of a page; the braces take who may frame it, and another site with the logo."""

LANGUAGE = "language"
"""The cookie of the language that was chosen for the house's pages."""

templates = Jinja2Templates(HERE / "templates")
templates.env.trim_blocks = templates.env.lstrip_blocks = True


@cache
def asset(name: str) -> str:
    """Return the address of a static file; it changes with its content, so that browsers may keep it for ever."""
    digest = hashlib.sha256((HERE / "static" / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


templates.env.globals |= {"asset": asset, "timedelta": timedelta}
templates.env.filters |= {"local": local, "merged": operator.or_}


def compiled() -> None:
    """Compile every template, so that nobody who asks for a page first waits for that."""
    for name in templates.env.list_templates():
        templates.env.get_template(name)


def page(
    request: Request,
    template: str,
    context: Mapping[str, Any],
    status: int = 200,
    *,
    framed_by: str = "'none'",
    pictures: str = "",
) -> Response:
    """Return a rendered page under the strict policy.

    `framed_by` names who may put it into a frame, `pictures` another site that it shows one of.
    """
    answer: Response = templates.TemplateResponse(request, template, dict(context), status_code=status)
    answer.headers["Content-Security-Policy"] = POLICY.format(framed_by=framed_by, pictures=pictures and f" {pictures}")
    answer.headers["Referrer-Policy"] = "same-origin"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    # Kept by the browser, a page would show times that are gone when a client comes back to it.
    answer.headers["Cache-Control"] = "no-store"
    return answer


def house_words(request: Request) -> Words:
    """Return the language of the house's pages: as just asked for, as chosen before, else as the browser accepts."""
    asked = request.query_params.get("lang") or request.cookies.get(LANGUAGE)
    return chosen_language(asked, request.headers.get("accept-language"))


def house_page(request: Request, template: str, context: Mapping[str, Any], status: int = 200) -> Response:
    """Return a page for those who work in a business; a language chosen there is kept for a year."""
    words = house_words(request)
    answer = page(request, template, {"words": words, "_": words.text, **context}, status)
    if request.query_params.get("lang") == words.language:
        answer.set_cookie(LANGUAGE, words.language, max_age=31_536_000, httponly=True, samesite="lax")
    return answer


class Assets(StaticFiles):
    """The static files; what is asked for by its content's name (see `asset`) is kept for ever."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:  # noqa: ANN401 - as Starlette has it
        """Return a file with the headers of one."""
        answer = super().file_response(*args, **kwargs)
        scope = kwargs.get("scope") or args[2]
        if scope["query_string"].startswith(b"v="):
            answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        answer.headers["X-Content-Type-Options"] = "nosniff"
        return answer


class PageRoute(APIRoute):
    """A route whose errors are pages, in words, with a way on."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler; what it raises becomes a page."""
        handle = super().get_route_handler()

        async def kindly(request: Request) -> Response:
            try:
                return await handle(request)
            except InterlockError as error:
                return sorry(request, error.status, error.code, error.detail)
            except RequestValidationError:
                return sorry(request, 422, "invalid-input")
            except HTTPException as error:
                if error.status_code < 400:
                    # On to the sign-in page.
                    raise
                return sorry(request, error.status_code, "other")
            except Exception:
                # The route, never the address: that carries tokens.
                LOG.exception("%s failed", self.name)
                return sorry(request, 500, "other")

        return kindly


def sorry(request: Request, status: int, code: str, detail: str = "") -> Response:
    """Return the page of an error: what happened, and where to go."""
    query = request.query_params
    asked = query.get("lang"), request.headers.get("accept-language")
    words = chosen_language(*asked) if request.url.path.startswith("/b/") else house_words(request)
    text = _sentence(words, code)
    # What went wrong is written in English; where a sentence of the reader's says it already, it is not said twice.
    shown = detail if text == words("error_other") and words.language == "en" and status < 500 else ""
    embedded = query.get("embed") == "1"
    context = {"words": words, "text": text, "detail": shown, "embedded": embedded, **_ways_on(request, code)}
    # In the widget's frame the page must show too, whatever went wrong.
    answer = page(request, "sorry.html", context, status, framed_by="*" if embedded else "'none'")
    if status == 503:
        answer.headers["Retry-After"] = "1"
    return answer


def _ways_on(request: Request, code: str) -> dict[str, str]:
    """Return the addresses of a way on, of a client's what was chosen where only its time is gone."""
    slug = request.path_params.get("slug")
    home, path, asked = f"/b/{slug}", request.url.path, request.query_params.multi_items()
    if not path.startswith("/b/"):
        return {"board": f"/board/{slug}" if slug and path != f"/board/{slug}" else "", "account": "/account"}
    stays = [(name, value) for name, value in asked if name in ("lang", "embed")]
    chosen = [(name, value) for name, value in asked if name in ("service", "also", "people", "staff", "zone")]
    if not path.startswith(f"{home}/") and not (path == home and (chosen or code != "not-found")):
        return {}
    again = stays + chosen if code == "hold-expired" else stays
    return {"home": _with(home, again), "mine": _with(f"{home}/me", stays)}


def _with(path: str, query: list[tuple[str, str]]) -> str:
    return f"{path}?{urlencode(query)}" if query else path


def _sentence(words: Words, code: str) -> str:
    try:
        return words(f"error_{code}")
    except KeyError:
        return words("error_other")
