"""Whose turn it is for a connection: the business's that has the fewest; no crowd of one keeps others waiting."""

import asyncio
from collections import Counter, deque
from dataclasses import dataclass, field
from uuid import UUID


@dataclass(slots=True)
class Turns:
    """So many seats; while all are taken, each that becomes free goes to whose business holds the fewest.

    That is max-min fairness: who is alone may take every seat, who comes once waits for one seat at the most, however
    many of another business wait.
    """

    seats: int
    _held: Counter[UUID | None] = field(default_factory=Counter)
    _waiting: dict[UUID | None, deque[asyncio.Future[None]]] = field(default_factory=dict)

    async def take(self, business_id: UUID | None, seconds: float) -> None:
        """Wait for a seat, which `give` is to give back; raises `TimeoutError` after some seconds."""
        if self.seats > 0:
            self._seat(business_id)
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(business_id, deque()).append(turn)
        try:
            async with asyncio.timeout(seconds):
                await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                # Called in the moment of giving up.
                self.give(business_id)
            raise

    def give(self, business_id: UUID | None) -> None:
        """Give a seat back, to whose turn it is."""
        self.seats += 1
        self._held[business_id] -= 1
        if not self._held[business_id]:
            del self._held[business_id]
        while self.seats > 0 and self._waiting:
            self._call()

    def _seat(self, business_id: UUID | None) -> None:
        self.seats -= 1
        self._held[business_id] += 1

    def _call(self) -> None:
        # Of those who hold the same, whoever was called longest ago: a business called goes to the end.
        business_id = min(self._waiting, key=lambda waiting: self._held[waiting])
        of_one = self._waiting.pop(business_id)
        turn = of_one.popleft()
        if of_one:
            self._waiting[business_id] = of_one
        if not turn.done():
            self._seat(business_id)
            turn.set_result(None)
