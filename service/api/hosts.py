"""Under which names the service is asked for: one that resolves here from elsewhere must not reach the book with a
visitor's cookie."""

from collections.abc import Iterable

from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from models.errors import UnknownHost
from service.api.problems import problem_response

PASSED = "interlock.known_host"


class KnownHosts:
    """Starlette's check of the Host header, whose refusal is a problem document like every other."""

    def __init__(self, app: ASGIApp, names: Iterable[str]) -> None:
        self.app, self.checked = app, TrustedHostMiddleware(_passed, list(names), www_redirect=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 400."""
        await self.checked(scope, receive, _unsent)
        if scope.pop(PASSED, False):
            await self.app(scope, receive, send)
        else:
            refusal = UnknownHost("The service is not asked for under this name.")
            await problem_response(refusal.problem())(scope, receive, send)


async def _passed(scope: Scope, _receive: Receive, _send: Send) -> None:
    scope[PASSED] = True


async def _unsent(_: Message) -> None:
    """Take the plain text that the library would answer with."""
