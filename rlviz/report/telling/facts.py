"""Plain numbers of a run, and what of it was lost."""

from typing import Any

import numpy as np

from rlviz import schema
from rlviz.report import words
from rlviz.report.health import decay
from rlviz.report.history import History


def facts(history: History) -> dict[str, Any]:
    """Steps, sessions, seconds, and FLOPs, wall seconds and MFU by phase, ready for JSON.

    Keys: `steps`, `first_step`, `last_step`, `sessions`; `lost_rows`, see `History.lost_rows`;
    `wall_seconds`, from the end of the first
    step to that of the last; `flops`, by phase, with the total, as exact integers; `seconds`, by
    phase; `mfu`, by phase, in [0, 1], weighed by seconds; `flops_per_second`, the total over the
    wall seconds, None where one of them is unknown.
    """
    phases = (*history.phases, schema.TOTAL)
    flops = {phase: n for phase in phases if (n := _most_count(history, phase)) is not None}
    wall = history.wall_time[np.isfinite(history.wall_time)]
    wall_seconds = max(0.0, float(wall[-1] - wall[0])) if len(wall) else 0.0
    # The first step's own time is unknown, and so its FLOPs don't count here.
    total = history.flops[np.isfinite(history.flops)]
    spent = float(total[-1] - total[0]) if len(total) > 1 else 0.0
    return {
        "steps": len(history),
        "first_step": int(history.step[0]),
        "last_step": int(history.step[-1]),
        "sessions": len(np.unique(history.session)),
        "lost_rows": history.lost_rows,
        "wall_seconds": wall_seconds,
        "flops": flops,
        "seconds": _sums(history, schema.seconds_column("")),
        "mfu": _mfu(history),
        "flops_per_second": spent / wall_seconds if wall_seconds > 0 and spent > 0 else None,
    }


def _sums(history: History, prefix: str) -> dict[str, float]:
    return {
        name.removeprefix(prefix): float(np.nansum(values))
        for name, values in history.columns.items()
        if name.startswith(prefix)
    }


def _mfu(history: History) -> dict[str, float]:
    prefix = schema.mfu_column("")
    found = {}
    for name, values in history.columns.items():
        if name.startswith(prefix):
            phase = name.removeprefix(prefix)
            seconds = history.columns[schema.seconds_column(phase)]
            known = np.isfinite(values) & np.isfinite(seconds)
            if seconds[known].sum() > 0:
                found[phase] = float(np.average(values[known], weights=seconds[known]))
    return found


def _most_count(history: History, phase: str) -> int | None:
    """The largest cumulative FLOPs of a phase, those of the last step unless the count falls;
    None where they are unknown."""
    if schema.flops_column(phase) not in history.columns:
        return None
    known = [count for count in history.exact_flops(phase) if count is not None]
    return max(known, default=None)


def notes(history: History) -> tuple[str, ...]:
    """What was lost, damaged or done again, a sentence each."""
    notes = []
    if not np.isfinite(history.flops).any():
        notes.append("no RL FLOPs were recorded, so the axis is training steps.")
    elif not history.has_compute_axis:
        notes.append("the count of RL FLOPs falls along the steps, so the axis is training steps.")
    if history.superseded:
        rows = "1 step was" if history.superseded == 1 else f"{history.superseded} steps were"
        notes.append(f"{rows} recorded again; the latest stand.")
    lost = history.lost_flops.get(int(history.session[-1]), 0)
    if lost:
        share = 100 * lost / (lost + (_most_count(history, schema.TOTAL) or 0))
        notes.append(
            f"{words.flops(lost)} RL FLOPs ({share:.1f} % of all that was spent) went into steps "
            "that restarts lost; the curves don't count them."
        )
    for first, last in history.missing:
        steps = f"steps {first} to {last} have" if first < last else f"step {first} has"
        notes.append(
            f"{steps} no rows here although the run went on after step {last}: lost before they "
            "were written (the run was killed), or recorded elsewhere; RL FLOPs are counted on "
            "from the checkpoint."
        )
    if history.dropped:
        were = words.agree(history.dropped, "was", "were")
        notes.append(
            f"{words.counted(history.dropped, 'step')} {were} given up, because the disk did not "
            "take them."
        )
    if history.missing_ranks:
        few = sum(stretch.steps for stretch in history.missing_ranks)
        ranks = {rank for stretch in history.missing_ranks for rank in stretch.ranks}
        notes.append(
            f"{words.counted(few, 'step')} {words.agree(few, 'lacks', 'lack')} the share of "
            f"{words.stretches(words.runs(ranks), 'rank')}; `rlviz doctor` says which steps."
        )
    if lost_rows := history.lost_rows:
        gone = [one for session in history.sessions for one in session.gone]
        notes.append(
            f"{words.counted(lost_rows, 'step')} that {words.agree(lost_rows, 'was', 'were')} "
            f"written {words.agree(lost_rows, 'is', 'are')} missing here: {decay.places(gone)}. "
            "`rlviz doctor` says what to do."
        )
    if history.damage:
        unread = sum(damage.length for damage in history.damage)
        files = len({damage.file for damage in history.damage})
        notes.append(
            f"{unread} bytes in {files} file{'' if files == 1 else 's'} could not be read "
            f"({history.damage[0].reason}){_effect(history)}."
        )
    return tuple(notes)


def _effect(history: History) -> str:
    """What the damage costs, beyond the rows that are known to be lost."""
    if any(damage.before_step is None for damage in history.damage):
        return "; whether they held steps behind the last one that is here can't be told"
    return "" if history.lost_rows else "; no step is missing by it"
