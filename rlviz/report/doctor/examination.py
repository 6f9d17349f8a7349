"""Examines a run on disk: its state, its losses, and what to do about them."""

import math
import os
import time
from collections.abc import Iterator
from dataclasses import asdict
from numbers import Real
from typing import Any

import numpy as np

from rlviz import schema
from rlviz.report.doctor import damage, losses, notes
from rlviz.report.doctor.findings import PROBLEM, Finding
from rlviz.report.doctor.result import LOSSES, SOUND, UNREADABLE, Diagnosis
from rlviz.report.history.ending import patience_seconds, was_closed
from rlviz.report.history.files import Contents, load, no_steps
from rlviz.report.history.history import History, merged
from rlviz.report.history.run_account import account_of
from rlviz.report.history.session_account import Session
from rlviz.wording import shown


def examine(logdir: str | os.PathLike[str], *, now: float | None = None) -> Diagnosis:
    """Examine a run, finished or still being written.

    Args:
        logdir: a run directory that `rlviz.Callback` wrote.
        now: the present, seconds since 1970-01-01 UTC; by default the system's clock.

    Raises:
        FileNotFoundError: there is no such directory, or rlviz wrote nothing in it.
        TypeError: `logdir` is no path, or `now` no number.

    Example:
        >>> import tempfile, rlviz
        >>> logdir = tempfile.mkdtemp()
        >>> with rlviz.Callback(logdir, figure_seconds=None) as viz:
        ...     viz.on_step_end(1, correct=[1, 0], flops=10**21, parallelism=[2.0])
        >>> examine(logdir).verdict.removeprefix(logdir)
        ': sound — 1 step in 1 session, nothing lost.'
    """
    contents = load(logdir)
    if now is not None and (isinstance(now, bool) or not isinstance(now, Real)):
        raise TypeError(f"now must be seconds since 1970, got {shown(now)}.")
    now = time.time() if now is None else float(now)
    history = merged(contents) if contents.batches else None
    if history is None or not len(history):
        return _unreadable(contents)
    findings = sorted(_findings(history, now), key=lambda finding: finding.level != PROBLEM)
    lossy = any(finding.level == PROBLEM for finding in findings)
    state = LOSSES if lossy else SOUND
    return Diagnosis(str(contents.path), state, tuple(findings), _facts_of(history, now))


def _unreadable(contents: Contents) -> Diagnosis:
    """The diagnosis of a directory without a single step, if it ever had one."""
    history = History({schema.STEP: np.array([])}, damage=contents.damage, files=contents.files)
    findings = tuple(f for f in damage.damage(history) if f.level == PROBLEM)
    if not findings:
        raise no_steps(contents)
    return Diagnosis(str(contents.path), UNREADABLE, findings, _facts_of(history, math.nan))


def _findings(history: History, now: float) -> Iterator[Finding]:
    for find in (
        losses.two_writers,
        losses.dropped,
        losses.ranks,
        damage.damage,
        losses.missing,
        losses.files_gone,
        notes.imported,
        notes.restarts,
        notes.order,
        notes.completion,
        notes.numbering,
        notes.measures,
        notes.counting,
        notes.units,
        notes.foreign,
    ):
        yield from find(history)
    yield from notes.clock(history, now)


def _facts_of(history: History, now: float) -> dict[str, Any]:
    """Plain numbers, ready for JSON."""
    account = account_of(history)
    ago = None if account.ended is None else now - account.ended
    closed = was_closed(history)
    return {
        "steps": account.steps,
        "first_step": account.first_step,
        "last_step": account.last_step,
        "began": account.began,
        "last_written": account.ended,
        "seconds_since_last": ago,
        "closed": closed,
        "may_be_running": not closed and ago is not None and ago < patience_seconds(history),
        "wall_seconds": account.wall_seconds,
        "paused_seconds": account.paused_seconds,
        "files": len(history.files),
        "bytes": sum(file.size for file in history.files),
        "flops": account.total_flops,
        "conventions": list(history.conventions),
        "flops_lost": account.flops_lost,
        "flops_lost_share": account.lost_share,
        "world_size": max((session.world_size for session in history.sessions), default=1),
        "dropped": history.dropped,
        "superseded": history.superseded,
        "missing": [list(stretch) for stretch in history.missing],
        "missing_ranks": [asdict(stretch) for stretch in history.missing_ranks],
        "damage": [asdict(stretch) for stretch in history.damage],
        "sessions": [_plain(session) for session in history.sessions],
    }


def _plain(session: Session) -> dict[str, Any]:
    fields = asdict(session)
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in fields.items()
    }
