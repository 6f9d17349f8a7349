"""Plain numbers of a run, and its losses."""

from typing import Any

import numpy as np

from rlviz import schema, wording
from rlviz.report.history import History
from rlviz.report.history.origin import origin_of
from rlviz.report.history.run_account import RunAccount, may_hide_steps, places_of

_SOME_ROWS = 1000
"""So many tell how far the steps are apart."""


def facts(history: History, account: RunAccount) -> dict[str, Any]:
    """Steps, sessions, seconds, and FLOPs, wall seconds and MFU by phase, ready for JSON.

    Keys: `steps`, `first_step`, `last_step`, `sessions`; `steps_apart`, how much the steps usually
    grow; `of_rows_alone`, whether FLOPs and time are those of the rows of an imported log that
    holds every k-th step; `lost_rows`, see `History.lost_rows`; `wall_seconds`, from the end of the
    first step to the end of the last without the `paused_seconds`, 0 if no time is known;
    `flops`, by phase, with the total, as exact integers; `conventions`, by which they are counted,
    "" for steps that do not say it, see `History.conventions`; `parallelism_units`, in which work
    and span are, see `History.parallelism_units`; `seconds`, by phase; `mfu`, by
    phase, in [0, 1], weighted by seconds; `flops_per_second`, the FLOPs of the steps after the
    first divided by the wall seconds, None if either is unknown.
    """
    origin = origin_of(history)
    some = next(history.parts(_SOME_ROWS)).step if account.steps > 2 else ()
    apart = int(np.median(np.diff(some))) if len(some) else 1
    return {
        "steps": account.steps,
        "steps_apart": apart,
        "of_rows_alone": origin is not None and origin.is_sampled,
        "first_step": account.first_step,
        "last_step": account.last_step,
        "sessions": account.sessions,
        "lost_rows": history.lost_rows,
        "wall_seconds": account.wall_seconds or 0.0,
        "paused_seconds": account.paused_seconds,
        "flops": account.flops,
        "conventions": list(history.conventions),
        "parallelism_units": list(history.parallelism_units),
        "seconds": account.seconds,
        "mfu": account.mfu,
        "flops_per_second": account.flops_per_second,
    }


def notes(history: History, account: RunAccount) -> tuple[str, ...]:
    """What was lost, damaged or repeated, one sentence each."""
    notes = []
    if not history.has_compute_axis:
        why = "the count of RL FLOPs falls along the steps"
        if account.total_flops is None:
            why = "no RL FLOPs were recorded"
        notes.append(f"{why}, so the axis is training steps.")
    if history.superseded:
        rows = "1 step was" if history.superseded == 1 else f"{history.superseded} steps were"
        notes.append(f"{rows} recorded again; the latest stand.")
    if (origin := origin_of(history)) is not None:
        notes += origin.unknown
    if account.flops_lost:
        share = f"{100 * account.lost_share:.1f} % of all that was spent"
        notes.append(
            f"{wording.flops(account.flops_lost)} RL FLOPs ({share}) went into steps "
            "that restarts lost; the curves don't count them."
        )
    for first, last in history.missing:
        steps = f"steps {first} to {last} have" if first < last else f"step {first} has"
        loaded = any(session.resumed_after == last for session in history.sessions)
        flops = f"RL FLOPs {'are counted on from the checkpoint' if loaded else 'lack theirs'}"
        notes.append(
            f"{steps} no rows here although the run went on after step {last}: lost before they "
            f"were written (the run was killed), or recorded elsewhere; {flops}."
        )
    if history.dropped:
        were = wording.agree(history.dropped, "was", "were")
        notes.append(
            f"{wording.counted(history.dropped, 'step')} {were} given up: "
            f"{schema.because(history.causes_of_drops)}."
        )
    if history.missing_ranks:
        few = account.without_ranks
        ranks = {rank for stretch in history.missing_ranks for rank in stretch.ranks}
        notes.append(
            f"{wording.counted(few, 'step')} {wording.agree(few, 'lacks', 'lack')} the share of "
            f"{wording.stretches(wording.runs(ranks), 'rank')}; `rlviz doctor` says which steps."
        )
    if lost_rows := history.lost_rows:
        were, are = (wording.agree(lost_rows, *forms) for forms in (("was", "were"), ("is", "are")))
        notes.append(
            f"{wording.counted(lost_rows, 'step')} that {were} written {are} missing here: "
            f"{places_of(account.gone)}. `rlviz doctor` says what to do."
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
    """The cost of the damage, beyond the rows that are known to be lost."""
    if any(may_hide_steps(history, damage) for damage in history.damage):
        return "; whether they held steps behind the last one that is here can't be told"
    return "" if history.lost_rows else "; no step is missing by it"
