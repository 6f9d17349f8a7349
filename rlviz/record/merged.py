"""The calls of a step that has very many of them: added up in place, while they stand in the queue.

Each thread that records has its own sums in the queue, and only that thread adds to them. The
writer leaves them where they are until the step is closed and nobody is adding to them any more.
"""

from typing import Any

from rlviz.record.measurement import Measurement, Plain
from rlviz.record.step_sums import StepSums


class Merged:
    """One thread's calls of one step.

    Args:
        step: how many steps were closed before this one.
    """

    __slots__ = ("busy", "calls", "nbytes", "step", "sums")

    def __init__(self, step: int) -> None:
        self.step = step
        self.sums = StepSums()
        self.calls = 0
        self.nbytes = self.sums.nbytes
        """What they were counted as in the bytes that wait."""
        self.busy = True
        """Whether somebody is adding to them, as is who makes them."""

    def add(self, item: Plain | Measurement) -> int:
        """Add a call that brought nothing on a device; returns by how many bytes the sums grew."""
        self.calls += 1
        if isinstance(item, Measurement):
            self.sums.add(item, _itself)
        else:
            self.sums.add_plain(item)
        return self.sums.nbytes - self.nbytes

    def may_grow(self, logged: int) -> bool:
        """Whether somebody may still add to them; `logged` steps are closed."""
        return self.busy or self.step == logged


def _itself(value: Any) -> Any:
    return value
