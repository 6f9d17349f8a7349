"""The account of a run: its length, time, cost and losses, for the summary and the doctor."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rlviz import schema, wording
from rlviz.report.history.batches import FileDamage
from rlviz.report.history.columns import BLOCK_ROWS
from rlviz.report.history.counts import largest
from rlviz.report.history.history import History
from rlviz.report.history.session_account import Gone
from rlviz.wall_time import elapsed, pauses


@dataclass(frozen=True, slots=True)
class RunAccount:
    """Plain numbers of a run.

    Attributes:
        steps: how many have rows.
        first_step: None for a run without steps, as is `last_step`.
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
    """Account for a run, also for one without a step."""
    wall = history.wall_time[np.isfinite(history.wall_time)]
    since = elapsed(wall)
    paused = pauses(since)
    seconds = float(since[-1] - paused) if len(wall) else None
    steps = len(history)
    return RunAccount(
        steps=steps,
        first_step=int(history.step[0]) if steps else None,
        last_step=int(history.step[-1]) if steps else None,
        began=float(wall.min()) if len(wall) else None,
        ended=float(wall.max()) if len(wall) else None,
        wall_seconds=seconds,
        paused_seconds=paused,
        flops=_flops(history),
        flops_lost=history.lost_flops.get(int(history.session[-1]), 0) if steps else 0,
        flops_per_second=_rate(history, seconds),
        seconds=_seconds(history),
        mfu=_mfu(history),
        gone=tuple(gone for session in history.sessions for gone in session.gone),
        without_ranks=sum(stretch.steps for stretch in history.missing_ranks),
    )


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


def _flops(history: History) -> dict[str, int]:
    """The largest count of any step: the count of the last step, unless the count falls."""
    phases = (*history.phases, schema.TOTAL)
    most: dict[str, int] = {}
    for part in history.parts(BLOCK_ROWS):
        for phase in phases:
            nearest = part.columns.get(schema.flops_column(phase))
            remainder = part.columns.get(schema.flops_remainder_column(phase))
            found = None if nearest is None else largest(nearest, remainder)
            if found is not None:
                most[phase] = max(found, most.get(phase, 0))
    return {phase: most[phase] for phase in phases if phase in most}


def _rate(history: History, seconds: float | None) -> float | None:
    # The first step's own time is unknown, so its FLOPs don't count here.
    total = history.flops[np.isfinite(history.flops)]
    spent = float(total[-1] - total[0]) if len(total) > 1 else 0.0
    return spent / seconds if seconds and spent > 0 else None


def _seconds(history: History) -> dict[str, float]:
    prefix = schema.seconds_column("")
    return {
        name.removeprefix(prefix): float(np.nansum(history.columns[name]))
        for name in history.columns
        if name.startswith(prefix)
    }


def _mfu(history: History) -> dict[str, float]:
    prefix = schema.mfu_column("")
    found = {}
    for name in history.columns:
        if name.startswith(prefix):
            phase, values = name.removeprefix(prefix), history.columns[name]
            seconds = history.columns.get(schema.seconds_column(phase))
            if seconds is None:  # a run that was put together by hand
                continue
            known = np.isfinite(values) & np.isfinite(seconds)
            if seconds[known].sum() > 0:
                found[phase] = float(np.average(values[known], weights=seconds[known]))
    return found
