"""Every address has its limit, told as "RateLimit header fields for HTTP" (draft-ietf-httpapi-ratelimit-headers)."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from models.errors import TooManyRequests
from service.api.problems import problem_response, refusal_headers
from service.db.limits import ADDRESS, SIGN_IN, Limit, Limiter, address_of

# The sign-in page asks for itself, to say so in words.
SIGNING_IN = frozenset({"/api/v1/token", "/api/v1/invitations/accept", "/api/v1/account/password"})
UNLIMITED = ("/health/", "/metrics", "/static/")


class RateLimits:
    """Limit every address; those that sign in, to a few tries a minute."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 429."""
        if scope["type"] != "http" or scope["path"].startswith(UNLIMITED):
            await self.app(scope, receive, send)
            return
        limiter: Limiter = scope["app"].state.limiter
        who = address_of(scope)
        is_signing_in = scope["path"] in SIGNING_IN and scope["method"] not in ("GET", "OPTIONS")
        limit = SIGN_IN if is_signing_in else ADDRESS
        try:
            left = await limiter.take(limit, who)
        except TooManyRequests as error:
            await problem_response(error.problem(), refusal_headers(error))(scope, receive, send)
            return

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                told = ((b"ratelimit-policy", limit.policy.encode()), (b"ratelimit", _state(limit, left).encode()))
                present = message.get("headers", ())
                if not any(name == b"ratelimit" for name, _ in present):
                    message["headers"] = [*present, *told]
            await send(message)

        await self.app(scope, receive, told)


def _state(limit: Limit, left: float) -> str:
    return f'"{limit.name}";r={max(0, int(left))};t={limit.seconds}'
