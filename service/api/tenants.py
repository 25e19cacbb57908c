"""The businesses that requests name, remembered for some seconds."""

import time

from service.db.database import Database
from service.queries import businesses
from service.queries.businesses import Business

KNOWN_S, MOST_KNOWN = 5.0, 10_000
"""How long what was read of a business is believed, and of how many businesses it is kept."""


class Tenants:
    """Businesses by public name, of one process; what another process changed shows after some seconds."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: dict[str, tuple[Business, float]] = {}

    async def of(self, slug: str) -> Business:
        """Return the business of a public name, deleted or not; raises `NotFound`."""
        known = self.at_hand(slug)
        if known is not None:
            return known
        business = await businesses.by_slug(self._db, slug, even_deleted=True)
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[slug] = (business, time.monotonic() + KNOWN_S)
        return business

    def at_hand(self, slug: str) -> Business | None:
        """Return the business of a public name, deleted or not, if the database need not be asked for it."""
        business, until = self._known.get(slug, (None, 0.0))
        return business if time.monotonic() < until else None

    def forget(self, slug: str) -> None:
        """Read a business anew when it is asked for next."""
        self._known.pop(slug, None)
