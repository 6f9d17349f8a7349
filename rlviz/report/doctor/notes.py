"""Oddities of a run that lose nothing."""

from collections.abc import Iterator

import numpy as np

from rlviz import schema, wording
from rlviz.report.doctor.findings import NOTE, OVERLAP_SECONDS, Finding, goes_on_from, jumps
from rlviz.report.history import History
from rlviz.report.history.origin import origin_of
from rlviz.report.history.run_account import account_of


def restarts(history: History) -> Iterator[Finding]:
    """Sessions that wrote over the steps of an older session without loading its state."""
    for before, after in zip(history.sessions, history.sessions[1:], strict=False):
        if (
            after.resumed_after is None
            and after.first_step <= before.last_step
            and after.known_as != before.known_as
        ):
            yield Finding(
                NOTE,
                "restart",
                f"session {after.number} loaded no state and recorded from step "
                f"{after.first_step} on, over what session {before.number} had recorded up to "
                f"step {before.last_step}.",
                "To go on with a run, load_state_dict() what state_dict() gave at the checkpoint; "
                "for another run, take another directory.",
            )


def order(history: History) -> Iterator[Finding]:
    """Steps that a loop recorded again or out of order."""
    for session in history.sessions:
        if session.backwards:
            yield Finding(
                NOTE,
                "order",
                f"in session {session.number} the step went back, or was the same again, "
                f"{wording.counted(session.backwards, 'time')}. Of equal steps the last one "
                "stands.",
                "Pass on_step_end() steps that grow; leave the number out and it counts by itself.",
            )


def completion(history: History) -> Iterator[Finding]:
    """A last row that was written once more, with what came for no step of its own."""
    for session in history.sessions:
        if session.is_completed:
            yield Finding(
                NOTE,
                "completion",
                f"the last row of session {session.number} also has what came from senders or "
                "other ranks too late for its step, or for an episode that was never bound to one. "
                "Totals are exact.",
                "Bind each episode to the step that trains on it, record(episodes=[…]), by the "
                "name that its sender gave it; let senders flush() before that step is closed, and "
                "give ranks that are slow more patience.",
            )


def numbering(history: History) -> Iterator[Finding]:
    """Holes in the numbers of the steps that nothing else explains."""
    if history.dropped or history.damage:
        return
    gone = account_of(history).gone
    explained = [*history.missing, *(((g.after_step or 0) + 1, g.before_step - 1) for g in gone)]
    holes = [
        (first, last)
        for first, last in jumps(history)
        if not any(first <= end and begin <= last for begin, end in explained)
    ]
    if holes and origin_of(history) is None:
        have = wording.agree(wording.how_many(holes), "has", "have")
        yield Finding(
            NOTE,
            "numbering",
            f"{wording.stretches(holes)} {have} no rows, "
            "among steps that else follow each other. Nothing shows that they were recorded.",
            "If the loop did not skip them: a file of the run may be missing here.",
        )


def clock(history: History, now: float) -> Iterator[Finding]:
    """Impossible times."""
    for what in _times(history, now):
        advice = "Nothing is lost; a plot over wall time is wrong there. Let NTP keep the clock."
        yield Finding(NOTE, "clock", what, advice)


def _times(history: History, now: float) -> Iterator[str]:
    for session in history.sessions:
        if session.clock_back_seconds > 1:
            by = wording.duration(session.clock_back_seconds)
            yield f"the clock went back by {by} during session {session.number}."
    for before, after in zip(history.sessions, history.sessions[1:], strict=False):
        back = before.ended - after.began
        if back > OVERLAP_SECONDS and goes_on_from(before, after):
            yield (
                f"session {after.number} begins {wording.duration(back)} before the end of session "
                f"{before.number}, which it goes on from: the clocks differ."
            )
    ends = [session.ended for session in history.sessions if np.isfinite(session.ended)]
    ahead = max(ends, default=now) - now
    if ahead > 60:
        yield f"the last step was closed {wording.duration(ahead)} after now: the clocks differ."


def foreign(history: History) -> Iterator[Finding]:
    """Event files of other writers."""
    others = [file.name for file in history.files if file.is_foreign]
    if others:
        first = f"{others[0]}" + (f" and {len(others) - 1} more" if len(others) > 1 else "")
        yield Finding(
            NOTE,
            "foreign",
            f"{wording.counted(len(others), 'event file')} here "
            f"{wording.agree(len(others), 'is', 'are')} not of rlviz, which passes over "
            f"{wording.agree(len(others), 'it', 'them')}: {first}.",
            "Give each writer a directory of its own: TensorBoard's Python loader reads only the "
            "file whose name is the last.",
        )


def imported(history: History) -> Iterator[Finding]:
    """That a run was made of an existing log, and the account of that."""
    if (origin := origin_of(history)) is None:
        return
    yield Finding(
        NOTE,
        "imported",
        f"it was imported from {origin.source}, so it holds what that log holds: "
        + " ".join(origin.account[1:]),
        "What the log does not tell, options of `rlviz import` can: import it again with them, "
        "into another directory.",
    )


def measures(history: History) -> Iterator[Finding]:
    """Curves that will lack something because it was never recorded."""
    if origin_of(history) is not None:
        return  # its account says which, and what to give
    yield from _compute(history)
    if not np.isfinite(history.accuracy).any():
        why = _all_unknown(history, "ungraded", "answers came without a grade")
        yield Finding(
            NOTE,
            "no_accuracy",
            f"no training accuracy is known for any step{why}: its curve is empty.",
            "record(correct=…) in every step.",
        )
    if not np.isfinite(history.parallelism).any():
        why = _all_unknown(history, "parallelism_undefined", "episodes had no work and no span")
        yield Finding(
            NOTE,
            "no_parallelism",
            f"no average parallelism is known for any step{why}: its curve is empty.",
            "record(parallelism=…) in every step, if agents work side by side.",
        )
    yield from _metrics(history)


def counting(history: History) -> Iterator[Finding]:
    """FLOPs that are counted by more than one convention."""
    found = history.conventions
    if len(found) < 2:
        return
    told = [
        f"session {session.number} {_by(session.convention)}"
        for session in history.sessions
        if session.rows > session.superseded and session.convention is not None
    ]
    some = [*told[:3], *([f"{len(told) - 3} more"] if len(told) > 3 else [])]
    yield Finding(
        NOTE,
        "conventions",
        f"the count of RL FLOPs goes on by another convention: {wording.joined(some)}. Its axis "
        "is not one quantity.",
        "Make each Callback of a run with the same convention=…, and a new run for another one.",
    )


def units(history: History) -> Iterator[Finding]:
    """Work and span in more than one unit."""
    found = history.parallelism_units
    if len(found) > 1:
        yield Finding(
            NOTE,
            "units",
            f"the work and span of its episodes are {schema.in_units(found)}: their average "
            "parallelism is not one quantity.",
            "Measure the episodes of a run in one unit, or record the others as metrics=.",
        )


def _by(convention: str) -> str:
    return f"counts by {convention}" if convention else "does not say how it counts"


def _all_unknown(history: History, column: str, what: str) -> str:
    """Why a recorded measure has no value."""
    values = history.columns.get(column)
    lacking = 0 if values is None else int(np.nansum(values))
    return f" (all {lacking} {what})" if lacking else ""


def _metrics(history: History) -> Iterator[Finding]:
    empty = [
        name
        for name in history.metrics
        if np.isnan(history.columns[schema.metric_column(name)]).all()
    ]
    if empty:
        listed = wording.some(empty, 5)
        yield Finding(
            NOTE,
            "nan_metric",
            f"{wording.counted(len(empty), 'metric')} {wording.agree(len(empty), 'is', 'are')} NaN "
            f"in every step: {listed}.",
            "Look at what the training loop passes as metrics=.",
        )


def _compute(history: History) -> Iterator[Finding]:
    at = np.flatnonzero(np.isfinite(history.flops))
    known = history.flops[at]
    if not len(known) or not known.any():
        yield Finding(
            NOTE,
            "no_flops",
            f"{'RL FLOPs stayed 0' if len(known) else 'no RL FLOPs were recorded'}: the curves "
            "have no axis of compute, and are drawn over steps.",
            "record(flops=…), or let watch(module) count them.",
        )
    elif not history.has_compute_axis:
        i = int(np.flatnonzero(np.diff(known) < 0)[0])
        yield Finding(
            NOTE,
            "flops_fall",
            f"the count of RL FLOPs falls at step {history.step[at[i + 1]]}, from "
            f"{wording.flops(int(known[i]))} to {wording.flops(int(known[i + 1]))}: the curves are "
            "drawn over steps.",
            "Record each step once, and load the state_dict() of the checkpoint that the weights "
            "are from.",
        )
    elif at[-1] + 1 < len(history):
        yield Finding(
            NOTE,
            "flops_end",
            f"the RL FLOPs are unknown after step {history.step[at[-1]]}, where "
            f"{wording.flops(int(known[-1]))} were spent: nothing was recorded since, or more than "
            "the 2**106 (8.1e31) that can be counted.",
            "record(flops=…) in every session: what a step spent, in FLOPs.",
        )
