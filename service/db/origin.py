"""From where a change comes, as the audit and the events keep it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Self

from uuid_utils.compat import uuid7

from models.errors import InvalidInput

ADDRESS = re.compile(r"[0-9A-Fa-f:.]{2,45}")
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


@dataclass(frozen=True, slots=True)
class Origin:
    """From where a change comes: the caller's IP address and the request's id, as the audit keeps them.

    Raises
    ------
    InvalidInput
        The address is none, or the id has other characters than letters, digits, dots, dashes and underscores.
    """

    address: str | None = None
    request_id: str | None = None

    def __post_init__(self) -> None:
        # They travel inside statements.
        if self.address is not None and not ADDRESS.fullmatch(self.address):
            raise InvalidInput("That is not an IP address.")
        if self.request_id is not None and not REQUEST_ID.fullmatch(self.request_id):
            raise InvalidInput("A request id has 1 to 128 letters, digits, dots, dashes and underscores.")

    def settings(self) -> str:
        """Return what tells the transaction, as the list of a SELECT."""
        return "".join(
            f", set_config('app.{name}', '{value}', true)"
            for name, value in (("address", self.address), ("request", self.request_id))
            if value is not None
        )

    @classmethod
    def of(cls, scope: Mapping[str, Any]) -> Self:
        """Return from where a request (an ASGI scope) comes; its id is the caller's if that can be kept, else ours."""
        host, *_ = scope.get("client") or (None,)
        named = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        return cls(_address(host), named if REQUEST_ID.fullmatch(named) else uuid7().hex)


NOWHERE = Origin()


def _address(host: str | None) -> str | None:
    try:
        return None if host is None else str(ip_address(host)).partition("%")[0]
    except ValueError:
        return None
