"""FLOPs of watched modules by phase, where a framework's hooks say when one ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from rlviz.flops.submodule_watch import SubmoduleWatch
from rlviz.record.error_log import logger


class Phases:
    """Counts what modules spend, and puts it down to the phase that has just ended.

    Args:
        *modules: `nn.Module`s, counted with all their submodules.
        whole: further ones, whose submodules only they themselves call.
    """

    def __init__(self, *modules: Any, whole: Iterable[Any] = ()) -> None:
        self._watched = (modules, tuple(whole))
        self._watch = SubmoduleWatch(modules, whole=self._watched[1])
        self._flops: Counter[str] = Counter()
        self._warned = False

    def watch(self, *modules: Any, whole: Iterable[Any] = ()) -> None:
        """Count these modules from now on, instead of those before."""
        watched = (modules, tuple(whole))
        if _ids(watched) != _ids(self._watched):
            self._watch.close()
            self._watched, self._watch = watched, SubmoduleWatch(modules, whole=watched[1])

    def end(self, phase: str) -> None:
        """End a phase: all passes since the last call were its own."""
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


def _ids(watched: tuple[tuple[Any, ...], tuple[Any, ...]]) -> list[list[int]]:
    return [[id(module) for module in modules] for modules in watched]
