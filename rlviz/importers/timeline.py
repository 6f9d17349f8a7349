"""Puts the values of a log in the order of the training steps: each step once.

Rows of one step are merged. If a run was resumed and its steps go back, earlier values that it
repeats later don't count: the weights of those steps are gone.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlviz import wording
from rlviz.importers.log import MAX_STEP, Floats, Indices, Log
from rlviz.importers.roles import Roles

MOST_FALLS = 0.25
"""A resumed run goes back now and then. If steps fall at more than this share of the rows, the rows
are in no order, or come from several workers."""
_LATEST_TIME = 1e11
"""Seconds since 1970, in the year 5138: what is beyond is no time, and NaN is none."""
_UNIT_TOLERANCE = 0.05
"""How far a tag's step may be off the run's step of that time, as a share of the run's steps."""


@dataclass(frozen=True, slots=True)
class Placed:
    """The valid values of one series, each with its step."""

    step: Indices
    """Step of each value, (n,)."""
    values: Floats
    """(n,), in file order."""

    def per_step(self, steps: Indices) -> tuple[Indices, Indices]:
        """Indices of `steps` that have a value, (k,), and each value's position in them, (n,)."""
        found, inverse = np.unique(self.step, return_inverse=True)
        return np.searchsorted(steps, found), inverse

    def mean(self, steps: Indices) -> tuple[Indices, Floats]:
        """The mean at each step: index into `steps` and value, (k,)."""
        at, inverse = self.per_step(steps)
        sums = np.bincount(inverse, self.values, len(at))
        means: Floats = np.divide(sums, np.bincount(inverse, minlength=len(at)), dtype=np.float64)
        return at, means

    def sum(self, steps: Indices) -> tuple[Indices, Floats]:
        at, inverse = self.per_step(steps)
        sums: Floats = np.bincount(inverse, self.values, len(at)).astype(np.float64)
        return at, sums

    def last(self, steps: Indices) -> tuple[Indices, Floats]:
        at, inverse = self.per_step(steps)
        values = np.empty(len(at))
        values[inverse] = self.values  # for equal indices the last assignment wins
        return at, values


@dataclass(frozen=True, slots=True)
class Timeline:
    """A log by training step.

    Attributes:
        steps: strictly increasing, (T,).
        placed: series -> its values.
        wall_time: when each step was logged, seconds since 1970, (T,), if the format tells.
        resumes: how often the steps went back.
        notes: sentences on what was left out or moved.
        counts_more: whether the steps are known to be episodes or steps of an environment, so that
            no update is missing between two that are far apart.
    """

    steps: Indices
    placed: dict[str, Placed]
    wall_time: Floats | None
    resumes: int
    notes: tuple[str, ...]
    counts_more: bool = False

    @property
    def stride(self) -> int:
        """How much the steps usually grow, >= 1."""
        return int(np.median(np.diff(self.steps))) if len(self.steps) > 1 else 1

    @property
    def is_sampled(self) -> bool:
        """Whether steps between the rows are missing, as in a history of every k-th step."""
        return self.stride > 1 and len(self.steps) > 2 and not self.counts_more

    def stand_for(self, at: Indices) -> Floats:
        """How many steps each of some rows stands for, itself included, (k,): those since the row
        before it. The first one stands for no more than the others usually do. Where steps count
        more than updates, each row stands for itself.

        Args:
            at: indices into `steps`, increasing, (k,).
        """
        if self.counts_more:
            return np.ones(len(at))
        taken = self.steps[at]
        first = min(int(taken[0]), self.stride) if len(taken) else 0
        return np.diff(taken, prepend=taken[:1] - max(first, 1)).astype(np.float64)

    @property
    def begins_late(self) -> bool:
        """Whether the run had steps before the first one in the log."""
        return bool(self.steps[0] > 2 * self.stride)


def arrange(log: Log, roles: Roles) -> Timeline:
    """Order a log.

    Raises:
        ValueError: no row has a step and another number.
    """
    notes: list[str] = []
    step = steps_of_rows(log, roles, notes)
    content = content_of(log, roles)
    main = main_of(log, roles)
    resumes = _resumes(step, log.series[main].rows(), notes)
    rows, left_out = {}, 0
    for name in content:
        mine = log.series[name].rows()
        stands = ~np.isnan(step[mine])
        if resumes is not None and stands.any():
            void = stands & (_repeated(step[mine], stands) | _before_one(resumes, step, mine))
            left_out += int(np.count_nonzero(void))
            stands &= ~void
        if stands.any():
            rows[name] = stands
    if not rows:
        raise ValueError(f"{log.name} has no row with a step and a number: nothing to import.")
    if left_out:
        notes.append(_resumed(len(resumes or ()), left_out))
    placed, standing = {}, np.full(log.count, np.nan)
    at = {name: log.series[name].rows()[stands] for name, stands in rows.items()}
    foreign = _foreign(log, step, at, main) if log.events and main in at else {}
    for name, stands in rows.items():
        steps = foreign.get(name, step[at[name]])
        standing[at[name]] = steps
        placed[name] = Placed(steps.astype(np.int64), log.series[name].numbers()[stands])
    if foreign:
        notes.append(
            f"Other units of steps than {main!r} have {wording.some(sorted(foreign), 4)}: they "
            "stand at the step that it had reached at their time."
        )
    known = ~np.isnan(standing)
    every = np.unique(standing[known].astype(np.int64))
    wall = np.array(log.wall_time, np.float64)
    wall_time = _latest(wall[known], standing[known], every) if len(wall) else None
    counts_more = roles.counts_more_than_updates(log)
    return Timeline(every, placed, wall_time, len(resumes or ()), tuple(notes), counts_more)


def content_of(log: Log, roles: Roles) -> list[str]:
    """The columns beside the step.

    Raises:
        ValueError: there are none.
    """
    content = [name for name in log.series if name != roles.step or roles.doubles_step]
    if not content:
        raise ValueError(f"{log.name} holds no numbers beside steps: there is nothing to import.")
    return content


def main_of(log: Log, roles: Roles) -> str:
    """The main series: that of the accuracy or the return, else the longest."""
    return roles.main or max(content_of(log, roles), key=lambda name: len(log.series[name]))


def steps_of_rows(log: Log, roles: Roles, notes: list[str]) -> Floats:
    """The step of each row, NaN where it has none; the notes get a sentence on what has none."""
    if roles.step is None:
        own = np.array(log.step, np.float64)
        if not len(own):
            return np.arange(1.0, log.count + 1)
        possible = (own >= 0) & (own < MAX_STEP)
        if not possible.all():
            notes.append(
                f"Values under a step below 0 or beyond 2**53 were left out "
                f"({np.count_nonzero(~possible):,})."
            )
        return np.where(possible, own, np.nan)
    step = np.full(log.count, np.nan)
    series = log.series[roles.step]
    step[series.rows()] = series.numbers()
    return step


Resume = tuple[int, float]
"""The row at which the steps fell, and the step to which they fell."""


def _resumes(step: Floats, rows: Indices, notes: list[str]) -> list[Resume] | None:
    """Where the steps of the main series fell because the run was resumed; None if falls don't mean
    that."""
    known = rows[~np.isnan(step[rows])]
    taken = step[known]
    falls = np.flatnonzero(np.diff(taken) < 0) + 1
    if len(falls) <= MOST_FALLS * len(taken):
        return [(int(known[i]), float(taken[i])) for i in falls]
    repeated = len(np.unique(taken)) < len(taken)
    notes.append(
        "The rows are not in the order of their steps and were sorted"
        + ("; the values of a step are averaged." if repeated else ".")
    )
    return None


def _repeated(step: Floats, known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which values have a later one of the same series at the same or a lower step, (n,).

    Adjacent equal steps are rows of one step.
    """
    taken = step[known]
    starts = np.flatnonzero(np.diff(taken, prepend=np.nan) != 0)
    lowest = np.minimum.accumulate(taken[starts][::-1])[::-1]  # over each stretch and those after
    after = np.append(lowest[1:], np.inf)
    repeated = np.zeros(len(step), np.bool_)
    repeated[known] = np.repeat(after, np.diff(np.append(starts, len(taken)))) <= taken
    return repeated


def _before_one(resumes: list[Resume], step: Floats, rows: Indices) -> NDArray[np.bool_]:
    """Which rows have a step that the main series later went back to or behind, (n,)."""
    if not resumes:
        return np.zeros(len(rows), np.bool_)
    at = np.array([row for row, _ in resumes])
    lowest = np.minimum.accumulate(np.array([to for _, to in resumes])[::-1])[::-1]
    following = np.append(lowest, np.inf)[np.searchsorted(at, rows, side="right")]
    before: NDArray[np.bool_] = following <= step[rows]
    return before


def _resumed(resumes: int, left_out: int) -> str:
    times = "once" if resumes == 1 else f"{resumes} times"
    went = f"The run was resumed {times}" if resumes else "Steps go back in some columns"
    return f"{went}: {left_out:,} values that later ones replace were left out."


def _foreign(log: Log, step: Floats, placed: dict[str, Indices], main: str) -> dict[str, Floats]:
    """Tags that count steps in another unit than the main series -> the main steps of their values,
    found by the time of logging."""
    wall = np.array(log.wall_time, np.float64)
    rows = placed[main]
    order = np.argsort(wall[rows], kind="stable")
    at, reached = wall[rows][order], step[rows][order]
    if len(at) < 2 or not at[-1] > at[0]:
        return {}
    tolerance = _UNIT_TOLERANCE * (reached.max() - reached.min()) + 1
    found = {}
    for name, mine in placed.items():
        when, taken = wall[mine], step[mine]
        before = np.searchsorted(at, when, side="right") - 1
        inside = (before >= 0) & (when <= at[-1])
        low = reached[np.maximum(before, 0)]
        high = reached[np.minimum(before + 1, len(at) - 1)]
        fits = (taken >= low - tolerance) & (taken <= high + tolerance)
        if 2 * np.count_nonzero(fits & inside) < np.count_nonzero(inside):
            found[name] = low
    return found


def _latest(wall: Floats, step: Floats, steps: Indices) -> Floats:
    """The latest time at which a row of each step was logged, never before that of the previous
    step, (T,)."""
    latest = np.full(len(steps), -np.inf)
    at = np.searchsorted(steps, step.astype(np.int64))
    np.maximum.at(latest, at, np.where(wall < _LATEST_TIME, wall, -np.inf))
    return np.maximum.accumulate(latest)
