"""The account of a run: its length, time, cost and losses, for the summary and the doctor."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlviz import schema, wording
from rlviz.report.history.batches import FileDamage
from rlviz.report.history.columns import BLOCK_ROWS
from rlviz.report.history.counts import largest
from rlviz.report.history.history import History
from rlviz.report.history.session_account import Gone
from rlviz.wall_time import Gaps

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RunAccount:
    """Plain numbers of a run.

    Attributes:
        steps: how many have rows.
        first_step: None for a run without steps, as is `last_step`.
        sessions: how many wrote the rows that stand.
        began: when its first row was closed, seconds since 1970-01-01 UTC; None if no row has a
            time.
        ended: the same for its last row.
        wall_seconds: from the end of the first step to the end of the last, without pauses; None
            where `began` is None. A step back of the clock counts as no time.
        paused_seconds: the pauses in it, see `pauses`.
        flops: phase -> exact RL FLOPs at the end of the run, including the total; phases without a
            known count are left out.
        flops_lost: RL FLOPs spent on steps that restarts lost.
        flops_per_second: those of the steps after the first, divided by the wall seconds; None
            if either is unknown.
        seconds: phase -> its recorded seconds.
        mfu: phase -> model FLOPs utilization, in [0, 1], weighed by seconds.
        gone: rows that were written but that no file holds, in the order of their sessions.
        without_ranks: how many steps lack the sums of some ranks.
    """

    steps: int
    first_step: int | None
    last_step: int | None
    sessions: int
    began: float | None
    ended: float | None
    wall_seconds: float | None
    paused_seconds: float
    flops: dict[str, int]
    flops_lost: int
    flops_per_second: float | None
    seconds: dict[str, float]
    mfu: dict[str, float]
    gone: tuple[Gone, ...]
    without_ranks: int

    @property
    def total_flops(self) -> int | None:
        """RL FLOPs of all phases; None if unknown."""
        return self.flops.get(schema.TOTAL)

    @property
    def lost_share(self) -> float:
        """The share of all spent RL FLOPs that restarts lost, in [0, 1]."""
        spent = self.flops_lost + (self.total_flops or 0)
        return self.flops_lost / spent if spent else 0.0


def account_of(history: History) -> RunAccount:
    """Account for a run, also for one without a step, in one pass over its rows, which leaves its
    FLOPs at hand."""
    tally = _Tally(history)
    for part in history.parts(BLOCK_ROWS, keeping=schema.flops_column()):
        tally.add(part)
    steps = len(history)
    seconds = tally.wall_seconds
    return RunAccount(
        steps=steps,
        first_step=tally.first_step,
        last_step=tally.last_step,
        sessions=len(tally.sessions),
        began=tally.began,
        ended=tally.ended,
        wall_seconds=seconds,
        paused_seconds=tally.gaps.paused,
        flops=tally.flops,
        flops_lost=history.lost_flops.get(tally.last_session, 0) if steps else 0,
        flops_per_second=tally.spent / seconds if seconds and tally.spent > 0 else None,
        seconds=tally.seconds,
        mfu=tally.mfu,
        gone=tuple(gone for session in history.sessions for gone in session.gone),
        without_ranks=sum(stretch.steps for stretch in history.missing_ranks),
    )


class _Tally:
    """Adds up the rows of a run, some at a time."""

    def __init__(self, history: History) -> None:
        self._phases = (*history.phases, schema.TOTAL)
        self._most: dict[str, int] = {}
        self._clock_back = 0.0
        self._first_time = self._last_time = math.nan
        self.gaps = Gaps()
        self._first_flops = self._last_flops = math.nan
        self._weighted: dict[str, tuple[float, float]] = {}
        self.first_step: int | None = None
        self.last_step: int | None = None
        self.began: float | None = None
        self.ended: float | None = None
        self.sessions: set[int] = set()
        self.last_session = 0
        self.seconds: dict[str, float] = {}

    def add(self, part: History) -> None:
        steps, sessions = part.step, part.session
        if self.first_step is None:
            self.first_step = int(steps[0])
        self.last_step, self.last_session = int(steps[-1]), int(sessions[-1])
        self.sessions.update(np.unique(sessions).tolist())
        self._add_times(part.wall_time)
        self._add_flops(part)
        self._add_seconds(part)

    def _add_times(self, wall: Floats) -> None:
        wall = wall[np.isfinite(wall)]
        if not len(wall):
            return
        before = wall[0] if math.isnan(self._first_time) else self._last_time
        self.gaps.add(np.diff(wall, prepend=before))
        # One after the other, as `elapsed` adds them.
        back = np.maximum(-np.diff(wall, prepend=before), 0.0)
        self._clock_back = float(np.cumsum(np.concatenate([[self._clock_back], back]))[-1])
        if math.isnan(self._first_time):
            self._first_time = float(wall[0])
        self._last_time = float(wall[-1])
        least, most = float(wall.min()), float(wall.max())
        self.began = least if self.began is None else min(least, self.began)
        self.ended = most if self.ended is None else max(most, self.ended)

    def _add_flops(self, part: History) -> None:
        for phase in self._phases:
            nearest = part.columns.get(schema.flops_column(phase))
            remainder = part.columns.get(schema.flops_remainder_column(phase))
            found = None if nearest is None else largest(nearest, remainder)
            if found is not None:
                self._most[phase] = max(found, self._most.get(phase, 0))
        total = part.flops[np.isfinite(part.flops)]
        if len(total):
            if math.isnan(self._first_flops):
                self._first_flops = float(total[0])
            self._last_flops = float(total[-1])

    def _add_seconds(self, part: History) -> None:
        prefix, of_mfu = schema.seconds_column(""), schema.mfu_column("")
        for name in part.columns:
            if name.startswith(prefix):
                phase, taken = name.removeprefix(prefix), float(np.nansum(part.columns[name]))
                self.seconds[phase] = self.seconds.get(phase, 0.0) + taken
            elif name.startswith(of_mfu):
                phase, values = name.removeprefix(of_mfu), part.columns[name]
                seconds = part.columns.get(schema.seconds_column(phase))
                if seconds is None:  # a run that was put together by hand
                    continue
                known = np.isfinite(values) & np.isfinite(seconds)
                weight, product = self._weighted.get(phase, (0.0, 0.0))
                self._weighted[phase] = (
                    weight + float(seconds[known].sum()),
                    product + float((values[known] * seconds[known]).sum()),
                )

    @property
    def wall_seconds(self) -> float | None:
        if math.isnan(self._first_time):
            return None
        return self._last_time - self._first_time + self._clock_back - self.gaps.paused

    @property
    def flops(self) -> dict[str, int]:
        """The largest count of any step: the count of the last step, unless the count falls."""
        return {phase: self._most[phase] for phase in self._phases if phase in self._most}

    @property
    def spent(self) -> float:
        """FLOPs of the steps after the first, whose own time is unknown; 0 if unknown."""
        return float(np.nan_to_num(self._last_flops - self._first_flops))

    @property
    def mfu(self) -> dict[str, float]:
        known = self._weighted.items()
        return {phase: product / weight for phase, (weight, product) in known if weight > 0}


def elapsed(wall: Floats) -> Floats:
    """Seconds since the first of some finite times, (T,); a step back of the clock counts as no
    time.

    >>> elapsed(np.array([10.0, 12.0, 5.0, 6.0]))
    array([0., 2., 2., 3.])
    """
    set_back = np.maximum(-np.diff(wall, prepend=wall[:1]), 0.0)
    since: Floats = wall - wall[:1] + np.cumsum(set_back)
    return since


def may_hide_steps(history: History, damage: FileDamage) -> bool:
    """Whether an unreadable stretch may have held steps that nothing else tells of.

    Each writer counts its rows, so a later step of the same writer tells how many rows are lost.
    """
    if damage.before_step is not None:
        return False
    if damage.after_step is None:
        return True
    claimed = {file.session for file in history.files if file.name == damage.file}
    mine = [session for session in history.sessions if session.claimed in claimed]
    return all(session.last_step <= damage.after_step for session in mine)


def places_of(gone: Sequence[Gone]) -> str:
    """The places of lost rows in words: their steps, where these are certain."""
    shown = []
    for one in gone[:3]:
        after = one.after_step
        if after is not None and one.before_step - after - 1 == one.rows:
            shown.append(wording.stretches([(after + 1, one.before_step - 1)]))
        elif after is None:
            shown.append(f"{wording.counted(one.rows, 'step')} before step {one.before_step}")
        else:
            between = f"between steps {after} and {one.before_step}"
            shown.append(f"{wording.counted(one.rows, 'step')} {between}")
    if len(gone) > 3:
        shown.append(wording.counted(sum(one.rows for one in gone[3:]), "step") + " elsewhere")
    return " and ".join(shown)
