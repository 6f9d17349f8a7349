"""What a run knows about its compute: FLOPs counted in watched modules, the peak of the device."""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from weakref import ref

from rlviz import schema
from rlviz.flops.devices import mfu, peak
from rlviz.flops.submodule_watch import counted_apart, watch_for
from rlviz.record.error_log import logger

_SILENT_STEPS = 10
"""Steps without a pass of a watched module after which a warning is logged."""


class Watched:
    """A watched module and the phase that it works in."""

    def __init__(self, module: Any, phase: str) -> None:
        self.phase = schema.check_phase(phase)
        self._watch = watch_for(module)
        self._module = ref(module)
        self._name = type(module).__name__
        self._warned = False
        self._was_seen = False
        self._steps = 0

    @property
    def module(self) -> Any:
        """The module, which is not kept alive; None if it is gone."""
        return self._module()

    def take(self) -> int:
        """FLOPs since the last call."""
        spent = self._watch.take()
        self._was_seen = self._was_seen or spent > 0
        return spent

    def end_step(self) -> None:
        """End a step: say once what can't be counted, or that nothing was counted."""
        self._steps += 1
        if self._warned:
            return
        if self._watch.uncounted:
            self._warned = True
            logger.warning(
                "rlviz: the FLOPs of %s can't be counted, so the phase %r reads low. Count the "
                "step yourself and pass record(flops=…).",
                ", ".join(self._watch.uncounted),
                self.phase,
            )
        elif self._steps == _SILENT_STEPS and not self._was_seen:
            self._warned = True
            logger.warning(
                "rlviz: no pass of the watched %s was seen in %d steps, so the phase %r has no "
                "FLOPs so far. Watch the module that is called; of one that is entered by its "
                "methods, its parts.",
                self._name,
                _SILENT_STEPS,
                self.phase,
            )

    def close(self) -> None:
        self._watch.close()


def watched_anew(
    watched: Sequence[Watched], module: Any, phase: str
) -> tuple[Watched, Watched | None]:
    """A watched module, and the one whose place it takes: the same module's in the same phase.

    Raises:
        TypeError, ValueError: it can't be watched; or what counts its passes may count those of a
            watched module once more.
    """
    made = Watched(module, phase)
    before = next((one for one in watched if one.module is module), None)
    if before is not None and before.phase == phase:
        before.close()
        return made, before
    for one in watched:
        if how := _overlap(module, one):
            made.close()
            raise ValueError(
                f"{how}: passes would count twice. Watch one of them. To count others, or each "
                "phase of one module, make watch = rlviz.flops.Watch(module), and after its passes "
                'call viz.record(flops={phase: watch.take()}), with Callback(convention="exact").'
            )
    return made, None


def _overlap(module: Any, one: Watched) -> str:
    """How passes of a module are passes of a watched one, in words; empty if they are none."""
    other = one.module
    if other is None:
        return ""
    name, known = type(module).__name__, type(other).__name__
    if other is module:
        return f"{name} is watched already, in the phase {one.phase!r}"
    if _has_one_of(other, counted_apart(module)):
        return f"{name} is, or shares, a part of {known}, which is watched already"
    if _has_one_of(module, counted_apart(other)):
        return f"{name} has {known} in it, which is watched already, or a part of it"
    return ""


def _has_one_of(module: Any, counted: Sequence[Any]) -> bool:
    """Whether a watch of the module would count passes of one of those."""
    known = {id(each) for each in counted}
    return any(id(part) in known for part in module.modules())


def utilization(device: str | float | None, devices: int) -> Callable[[int, float], float | None]:
    """FLOPs and wall seconds of a phase -> its model FLOPs utilization, None where it is unknown.

    Raises:
        ValueError: `device` is neither a name nor a rate > 0, or `devices` is no count >= 1.
    """
    if isinstance(devices, bool) or not isinstance(devices, int) or devices < 1:
        raise ValueError(f"devices must be a whole number >= 1, got {devices!r}.")
    return partial(mfu, devices=devices, peak=_peak(device))


def _peak(device: str | float | None) -> float | None:
    """Peak FLOP/s of one device; None where it is unknown."""
    if device is None:
        return None
    if isinstance(device, str):
        known = peak(device)
        if known is None:
            logger.warning(
                "rlviz: the peak rate of %r is not known, so no MFU is recorded. Pass "
                "device=<its dense FLOP/s> to have it.",
                device,
            )
        return known
    if (
        isinstance(device, bool)
        or not isinstance(device, (int, float))
        or not 0 < device <= sys.float_info.max
    ):
        raise ValueError(
            f"device must be a device's name or its peak FLOP/s (> 0), got {device!r}."
        )
    return float(device)
