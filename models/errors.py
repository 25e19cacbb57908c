"""The one error root: each error has a stable code, one HTTP status and structured fields.

On the wire an error is a problem document (RFC 9457); on the command line it is one line.
"""

from typing import ClassVar


class InterlockError(Exception):
    """Something that a caller can understand and act on.

    Parameters
    ----------
    detail : str
        One sentence that names the thing and the way out.
    **fields : object
        Structured extras, JSON-serialisable; they become members of the problem document.
    """

    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something went wrong"
    status: ClassVar[int] = 500

    def __init__(self, detail: str, **fields: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.fields = fields

    def problem(self) -> dict[str, object]:
        """Return the problem document of RFC 9457, section 3."""
        return {
            "type": f"urn:interlock:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            **self.fields,
        }


class InvalidInput(InterlockError):
    """A value that no state of the system would accept."""

    code, title, status = "invalid-input", "The input is not valid", 422


class NotFound(InterlockError):
    """The thing does not exist for this caller."""

    code, title, status = "not-found", "Not found", 404


class SlotTaken(InterlockError):
    """Someone else holds the lane at that time."""

    code, title, status = "slot-taken", "That time is taken", 409


class HoldExpired(InterlockError):
    """The hold ran out, or was never this holder's."""

    code, title, status = "hold-expired", "The hold has expired", 409


class LinkExpired(InterlockError):
    """A signed link is not good, or not any more."""

    code, title, status = "link-expired", "This link is not valid any more", 410


class NotAllowed(InterlockError):
    """The state machine has no such transition."""

    code, title, status = "not-allowed", "Not allowed in this state", 409


class Inseparable(InterlockError):
    """Some moves of a plan were chosen without those whose time they take, or that take theirs."""

    code, title, status = "inseparable-moves", "Those moves go together with others", 409


class Displaces(InterlockError):
    """The change would leave live bookings outside working hours."""

    code, title, status = "displaces-bookings", "Live bookings stand in the way", 409


class StaleVersion(InterlockError):
    """The caller's version is not the present one."""

    code, title, status = "stale-version", "Changed by someone else in the meantime", 412


class StaleSnapshot(InterlockError):
    """The arrays that the decision stood on are older than the working hours in the database."""

    code, title, status = "stale-snapshot", "Working hours have changed", 409


class KeyReused(InterlockError):
    """An idempotency key came back with another request."""

    code, title, status = "key-reused", "Idempotency key used for another request", 422


class Past(InterlockError):
    """The time has passed, or is too near for the service's notice."""

    code, title, status = "past", "Too late for that time", 422


class OutsidePolicy(InterlockError):
    """The service does not offer that time: beyond its advance, or off its grid."""

    code, title, status = "outside-policy", "Not offered at that time", 422


class Closed(InterlockError):
    """Nobody who performs the service works then."""

    code, title, status = "closed", "Closed at that time", 422


class NotAllocated(InterlockError):
    """The staff member does not perform the service."""

    code, title, status = "not-allocated", "Not performed by that staff member", 422


class Unauthenticated(InterlockError):
    """Nobody known asks: no credential, or one that is not (or no longer) good."""

    code, title, status = "unauthenticated", "Not signed in", 401


class InvalidGrant(InterlockError):
    """The token endpoint does not accept what it was given (RFC 6749, section 5.2)."""

    code, title, status = "invalid-grant", "Not accepted", 400


class InvalidClient(InterlockError):
    """The token endpoint does not know the client, or not with that secret (RFC 6749, section 5.2)."""

    code, title, status = "invalid-client", "Not accepted", 401


class UnknownHost(InterlockError):
    """The service is not asked for under this name."""

    code, title, status = "unknown-host", "No site of this name", 400


class Forbidden(InterlockError):
    """Known, and not allowed to."""

    code, title, status = "forbidden", "Not allowed for you", 403


class LimitReached(InterlockError):
    """A limit on live holds, a client's bookings, or what a service takes in a day or week: asking again is no help."""

    code, title, status = "limit-reached", "Limit reached", 409


class TooManyRequests(InterlockError):
    """A caller asks more often than they may; `retry_after_s` says when to come again."""

    code, title, status = "too-many-requests", "Too many requests", 429


class Unavailable(InterlockError):
    """The database cannot answer now, or too much waits already; try again."""

    code, title, status = "unavailable", "Try again shortly", 503
    retry_after_s: ClassVar[int] = 1


class NotConfigured(InterlockError):
    """The installation itself is in the way: settings, files, the database server."""

    code, title, status = "not-configured", "The installation is not ready", 500
