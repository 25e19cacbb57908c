"""Only our own pages may post to us: a page of another site could otherwise send a form to this machine."""

from starlette.types import ASGIApp, Receive, Scope, Send

from models.errors import InterlockError
from service.api.problems import problem_response

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class CrossSite(InterlockError):
    """A browser says that another site sent the request."""

    code, title, status = "cross-site", "Not from here", 403


class SameOriginForms:
    """Refuse unsafe requests that a browser marks as coming from another site (Fetch Metadata)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 403."""
        if scope["type"] == "http" and scope["method"] not in SAFE and _can_be_forged(scope):
            refusal = CrossSite("The request came from another site's page.").problem()
            await problem_response(refusal)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def _can_be_forged(scope: Scope) -> bool:
    headers = dict(scope["headers"])
    # Without a cookie the API knows nobody by the browser alone: there is nothing that another site could borrow.
    if scope["path"].startswith("/api/") and b"cookie" not in headers:
        return False
    return _from_elsewhere(headers)


def _from_elsewhere(headers: dict[bytes, bytes]) -> bool:
    site = headers.get(b"sec-fetch-site")
    if site is not None:
        return site not in (b"same-origin", b"none")
    origin = headers.get(b"origin")
    return origin is not None and origin.split(b"://")[-1] != headers.get(b"host")
