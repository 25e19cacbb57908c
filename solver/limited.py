"""Places that only a limit rules out, for those who have no other: what the reasons of a plan read."""

from collections.abc import Mapping

import numpy as np

from solver.book import uncounted
from solver.choices import Offer
from solver.columns import Columns, Int
from solver.limits import reached
from solver.offers import offer_of
from solver.places import chain
from solver.snapshot import Snapshot

CLIENT = 4
"""Where the limits on a client begin among those of `reached`: the only ones that joining a group counts against."""


def limited_places(snapshot: Snapshot, offers: Mapping[int, Offer]) -> tuple[Columns, Int]:
    """Places that some entries would have without limits, and the first limit on each: an index into `REACHED`.

    Parameters
    ----------
    offers : mapping of entry index to Offer
        Made from the snapshot without limits, of a party as if one came alone.
    """
    offers = {index: _once(offer) for index, offer in offers.items()}
    entry = np.repeat(np.array(list(offers), np.int64), [len(offer) for offer in offers.values()])
    names = ("lane", "start", "end", "occupied_start", "occupied_end")
    columns = Columns.of(entry, *(chain([getattr(offer, name) for offer in offers.values()]) for name in names))
    return columns, chain([_first(snapshot, offer) for offer in offers.values()])


def _once(offer: Offer) -> Offer:
    """The places without the choice of rooms."""
    _, first = np.unique(np.column_stack([offer.start, offer.lane]), axis=0, return_index=True)
    return offer.take(first)


def _first(snapshot: Snapshot, offer: Offer) -> Int:
    snapshot = snapshot if offer.booking is None else uncounted(snapshot, [offer.booking])
    sold = offer_of(snapshot, (offer.entry.service, None, False))
    rules = reached(snapshot, sold, offer.lane, offer.start, offer.entry.booked)
    rules[:CLIENT, offer.seat != offer.lane] = False
    first: Int = np.vstack([rules, np.ones(len(offer), bool)]).argmax(axis=0)
    return first
