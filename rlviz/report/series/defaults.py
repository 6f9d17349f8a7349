"""Which metrics a run is drawn and told by where nobody names any.

Figure, page, summary and export ask here. A metric is judged by its name and by its values.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from rlviz import schema
from rlviz.report.history import History
from rlviz.report.history.columns import BLOCK_ROWS
from rlviz.report.series.kinds import Kind, kind_of, standing
from rlviz.report.series.measures import Measure

Floats = NDArray[np.float64]

MOST = 2
"""Panels side by side."""
CORE = tuple(known.name for known in schema.QUANTITIES.values() if known.is_core)
_AXES = ("tokens", "num_tokens")
"""Metrics that serve as an axis of the figure and not as a curve."""
_ROUNDING = 1e-12
"""Values that differ by less than this share of themselves are the same."""
_ALIKE = 0.03
"""Metrics look the same if they, or their changes, differ by this share of their scatter."""
_FEWEST = 8
"""Fewer values may rise all the time by chance, and fewer changes be alike."""
_MOST_READ = 100
"""Metrics of a run whose values are looked at, those first whose names tell most."""

_FIRST_KINDS = (Kind.RETURN, Kind.LENGTH, Kind.LOSS, Kind.KL, Kind.ENTROPY)

Ranked = tuple[int, str]
"""The name of a measure, after its place among all kinds: the lower, the more it tells."""


def default_measures(runs: Sequence[History]) -> tuple[str, ...]:
    """The names of the measures that tell most about some runs, at most two.

    These are accuracy and parallelism. If no run recorded one of them, a metric takes its place:
    a return first, then the length of responses or episodes, a loss, KL, an entropy, and what is
    left. A metric that doesn't change, a counter, a clock, a setting, a maximum or a minimum, and
    a metric that shows what another panel shows already, is passed over; only the return of a run
    without accuracy is drawn even if it stays the same. If there is nothing to draw, these are
    accuracy and parallelism, which then say so.
    """
    return merged(ranked(run) for run in runs)


def merged(several: Iterable[Sequence[Ranked]]) -> tuple[str, ...]:
    """The names for several runs, from those of each."""
    first: dict[str, int] = {}
    for run in several:
        for rank, name in run:
            first[name] = min(rank, first.get(name, rank))
    found = sorted(first, key=lambda name: first[name])[:MOST]
    return CORE if set(found) < set(CORE) else tuple(found)


def ranked(run: History) -> tuple[Ranked, ...]:
    """The measures that tell most about a run, at most two, those that tell most first; () if it
    recorded nothing that tells anything."""
    choice = _Choice(run)
    for place, name in enumerate(CORE):
        if _is_recorded(run, name):
            choice.found.append((place, name))
    has_accuracy = (CORE.index(schema.ACCURACY), schema.ACCURACY) in choice.found
    if len(choice.found) < MOST:
        names = _by_kind(run)
        for kind in _FIRST_KINDS:
            choice.take_one(kind, names[kind], even_flat=kind == Kind.RETURN and not has_accuracy)
        for kind in (*_FIRST_KINDS, Kind.OTHER):
            for name in names[kind]:
                choice.take_one(Kind.OTHER, [name])
        if not choice.found:  # the best return of a batch is better than nothing
            choice.take_one(Kind.SPREAD, names[Kind.SPREAD])
    return tuple(choice.found)


def _is_recorded(run: History, name: str) -> bool:
    """Whether a run has a value of a quantity."""
    quantity = schema.QUANTITIES[name]
    return any(np.isfinite(part.values_of(quantity)).any() for part in run.parts(BLOCK_ROWS))


def _by_kind(run: History) -> dict[Kind, list[str]]:
    """The names of the metrics of each kind, those first that tell most."""
    names: dict[Kind, list[str]] = {kind: [] for kind in Kind}
    for name in run.metrics:
        if name not in _AXES:
            names[kind_of(name)].append(name)
    for kind in _FIRST_KINDS:
        names[kind].sort(key=standing)
    return names


class _Choice:
    """Chooses measures of a run one after the other."""

    def __init__(self, run: History) -> None:
        self.found: list[Ranked] = []
        self._run = run
        self._values: dict[str, Floats] = {}

    def take_one(self, kind: Kind, names: Iterable[str], *, even_flat: bool = False) -> None:
        """Take the first of some metrics that tells something; if none does, with `even_flat` the
        first that has a value."""
        if len(self.found) == MOST:
            return
        flat = None
        for name in names:
            if name in self._values or len(self._values) > _MOST_READ:
                continue
            values = self._values[name] = self._of(name)
            if self._tells(kind, values):
                break
            if flat is None and even_flat and np.isfinite(values).any():
                flat = name
        else:
            if flat is None:
                return
            name = flat
        self.found.append((len(CORE) + kind, name))

    def _of(self, name: str) -> Floats:
        values = Measure(name, name, "number").values(self._run)
        return np.full(len(self._run), np.nan) if values is None else values

    def _tells(self, kind: Kind, values: Floats) -> bool:
        known = values[np.isfinite(values)]
        if not len(known) or (len(values) > 1 and _is_flat(known)):
            return False
        if kind >= Kind.OTHER and _never_turns(known):
            return False
        for _, other in self.found:
            if other not in self._values:
                self._values[other] = self._of(other)
            if _is_copy(values, self._values[other]):
                return False
        return True


def _is_flat(known: Floats) -> bool:
    """Whether values are all the same, or a single one."""
    low, high = known.min(), known.max()
    return bool(high / 2 - low / 2 <= _ROUNDING * max(abs(low), abs(high)))


def _never_turns(known: Floats) -> bool:
    """Whether values only rise or only fall, as counters, clocks and schedules do."""
    if len(known) < _FEWEST:
        return False
    later, before = known[1:], known[:-1]
    return bool((later >= before).all() or (later <= before).all())


def _is_copy(values: Floats, other: Floats) -> bool:
    """Whether one metric shows what another shows: it is a multiple of it, or its changes are."""
    has_value = np.isfinite(values)
    both = has_value & np.isfinite(other)
    if both.sum() < 2 or 2 * both.sum() < has_value.sum():
        return False
    y, x = (part[both] / np.abs(part[both]).max(initial=1e-300) for part in (values, other))
    if _is_multiple(y, x):
        return True
    rises, other_rises = np.diff(y), np.diff(x)
    if len(rises) < _FEWEST or np.std(other_rises) <= _ALIKE * np.abs(other_rises.mean()):
        return False  # a few changes are alike by chance, and those of straight lines tell nothing
    y, x = rises - rises.mean(), other_rises - other_rises.mean()
    return _is_multiple(y, x)


def _is_multiple(y: Floats, x: Floats) -> bool:
    """Whether a series is a multiple of another, but for a small share of its scatter."""
    square = float(x @ x)
    if not square > 0:
        return False
    left = y - float(x @ y) / square * x
    return bool(np.sqrt(np.mean(left**2)) <= _ALIKE * np.std(y))
