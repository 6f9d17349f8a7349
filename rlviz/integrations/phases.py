"""Tells the FLOPs of watched modules apart by phase, for frameworks whose hooks say where it ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from rlviz.measure.parts import PartsWatch
from rlviz.record.troubles import logger


class Phases:
    """Counts what modules do, and gives it to the phase that has just ended.

    Args:
        modules: `nn.Module`s, counted with all their parts.
    """

    def __init__(self, modules: Iterable[Any]) -> None:
        self._watch = PartsWatch(modules)
        self._flops: Counter[str] = Counter()
        self._warned = False

    def end(self, phase: str) -> None:
        """All passes since the last call were those of this phase."""
        self._flops[phase] += self._watch.take()

    def take(self) -> dict[str, int]:
        """FLOPs of each phase since the last call; says once what can't be counted."""
        if not self._warned and self._watch.uncounted:
            self._warned = True
            logger.warning(
                "rlviz: the FLOPs of %s can't be counted, so the FLOPs of this run read low.",
                ", ".join(self._watch.uncounted),
            )
        flops, self._flops = self._flops, Counter()
        return {phase: count for phase, count in flops.items() if count}

    def close(self) -> None:
        """Stop watching."""
        self._watch.close()
