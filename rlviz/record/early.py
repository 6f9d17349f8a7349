"""Sums that came before their step was closed or their episode was bound, in bounded memory."""

import heapq
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import TypeAlias

from rlviz.record.late import put
from rlviz.record.step_sums import StepSums

BySender: TypeAlias = dict[object, StepSums]

_PLACE_BYTES = 500
"""About what a place takes without its sums."""


def put_and_weigh(by_sender: BySender, sender: object, sums: StepSums) -> int:
    """Add sums to those of their sender; returns by how many bytes these grew."""
    known = by_sender.get(sender)
    before = 0 if known is None else known.nbytes
    put(by_sender, sender, sums)
    return by_sender[sender].nbytes - before


class Early:
    """Sums of steps to come and of unbound episodes, by sender.

    Args:
        byte_limit: what they may take; beyond it the oldest are let go.
        let_go: told of those.
    """

    def __init__(self, byte_limit: int, let_go: Callable[[int | str, BySender], None]) -> None:
        self._limit = byte_limit
        self._let_go = let_go
        self._places: OrderedDict[int | str, tuple[BySender, int]] = OrderedDict()
        """By the time of the first, with the bytes that each takes."""
        self._steps: list[int] = []
        """A heap of the places that are steps, and of some that are gone."""
        self.nbytes = 0

    def __len__(self) -> int:
        return len(self._places)

    @property
    def episodes(self) -> list[str]:
        """Names of the episodes."""
        return [place for place in self._places if isinstance(place, str)]

    def add(self, place: int | str, sender: object, sums: StepSums) -> None:
        if (known := self._places.get(place)) is None:
            known = {}, _PLACE_BYTES
            self.nbytes += _PLACE_BYTES
            if isinstance(place, int):
                heapq.heappush(self._steps, place)
        by_sender, size = known
        grew = put_and_weigh(by_sender, sender, sums)
        self._places[place] = by_sender, size + grew
        self.nbytes += grew
        while self.nbytes > self._limit:
            self._let_go_first()

    def take(self, place: int | str) -> BySender:
        """The sums of a place, which leave here; {} if there are none."""
        by_sender, size = self._places.pop(place, ({}, 0))
        self.nbytes -= size
        return by_sender

    def take_steps(self, last: int) -> Iterator[tuple[int, BySender]]:
        """The sums of all steps up to the last one, which leave here."""
        while self._steps and self._steps[0] <= last:
            step = heapq.heappop(self._steps)
            if by_sender := self.take(step):
                yield step, by_sender

    def let_all_go(self) -> None:
        while self._places:
            self._let_go_first()

    def _let_go_first(self) -> None:
        place, (by_sender, size) = self._places.popitem(last=False)
        self.nbytes -= size
        if len(self._steps) > 2 * len(self._places) + 64:  # mostly of places that are gone
            self._steps = [at for at in self._places if isinstance(at, int)]
            heapq.heapify(self._steps)
        self._let_go(place, by_sender)
