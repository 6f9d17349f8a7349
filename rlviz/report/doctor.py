"""Says in plain words how a run on disk is, and what to do about it."""

import math
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from textwrap import fill
from typing import Any

import numpy as np

from rlviz import schema
from rlviz.report import words
from rlviz.report.health import decay, losses, oddities
from rlviz.report.health.ending import was_closed
from rlviz.report.health.findings import PROBLEM, Finding
from rlviz.report.history import History, merged
from rlviz.report.reading.account import Session
from rlviz.report.reading.files import Contents, load, no_steps
from rlviz.report.reading.sessions import most_flops

_WIDTH = 79
_SESSIONS_SHOWN = 8

SOUND = "sound"
LOSSES = "losses"
UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """How a run is.

    Attributes:
        logdir: the run directory.
        state: `"sound"`, `"losses"` or `"unreadable"`.
        findings: problems first, then notes.
        facts: plain numbers: steps, times, files, sessions and what is missing of them.
    """

    logdir: str
    state: str
    findings: tuple[Finding, ...]
    facts: dict[str, Any]

    @property
    def is_sound(self) -> bool:
        """Whether nothing needs to be done."""
        return self.state == SOUND

    @property
    def verdict(self) -> str:
        """The whole in one line."""
        if self.state == UNREADABLE:
            return f"{self.logdir}: unreadable — not one of its steps can be read."
        sessions = words.counted(len(self.facts["sessions"]) or 1, "session")
        recorded = f"{words.counted(self.facts['steps'], 'step')} in {sessions}"
        problems = sum(finding.level == PROBLEM for finding in self.findings)
        notes = words.counted(len(self.findings) - problems, "note")
        if self.state == SOUND:
            lost = "nothing lost"
            if any(finding.kind == "cut" for finding in self.findings):
                lost += " but perhaps the last second"
            end = f"; {notes}." if self.findings else "."
            return f"{self.logdir}: sound — {recorded}, {lost}{end}"
        also = f", {notes}" if len(self.findings) > problems else ""
        found = words.counted(problems, "problem")
        return f"{self.logdir}: usable, with losses — {recorded}; {found}{also}."

    def text(self) -> str:
        """The diagnosis for a terminal of 80 columns."""
        paragraphs = [self.verdict, "\n".join(self._facts())]
        if len(self.facts["sessions"]) > 1:
            paragraphs.append("\n".join(self._sessions()))
        paragraphs += [_worded(finding) for finding in self.findings]
        return "\n\n".join(_printable(part) for part in paragraphs if part) + "\n"

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data, ready for JSON."""
        return {
            "run": self.logdir,
            "state": self.state,
            "verdict": self.verdict,
            "findings": [asdict(finding) for finding in self.findings],
            "facts": self.facts,
        }

    def _facts(self) -> Iterator[str]:
        facts = self.facts
        if facts["steps"]:
            steps = words.stretches([(facts["first_step"], facts["last_step"])])
            flops = facts["flops"]
            spent = "" if flops is None else f", {words.flops(flops)} RL FLOPs"
            span = facts["wall_seconds"]
            took = f", in {words.duration(span)}" if span and span >= 1 else ""
            yield f"{steps[0].upper()}{steps[1:]}{spent}{took}."
        if lost := facts["flops_lost"]:
            share = 100 * lost / (lost + (facts["flops"] or 0))
            yield (
                f"{words.flops(lost)} RL FLOPs more ({share:.1f} % of all) went into steps that "
                "restarts lost."
            )
        if facts["last_written"] is not None:
            ago = words.ago(facts["seconds_since_last"])
            end = "; it may still be running" if facts["may_be_running"] else ""
            end = "; its script closed it" if facts["closed"] else end
            yield f"Last step {ago}, {words.moment(facts['last_written'])}{end}."
        ranks = f", rows sum over {facts['world_size']} ranks" if facts["world_size"] > 1 else ""
        yield f"{words.counted(facts['files'], 'event file')}, {words.size(facts['bytes'])}{ranks}."

    def _sessions(self) -> Iterator[str]:
        sessions = self.facts["sessions"]
        shown = sessions if len(sessions) <= _SESSIONS_SHOWN else sessions[1 - _SESSIONS_SHOWN :]
        if len(shown) < len(sessions):
            yield f"  {words.counted(len(sessions) - len(shown), 'earlier session')}, then"
        for session in shown:
            after = session["resumed_after"]
            steps = words.stretches([(session["first_step"], session["last_step"])])
            state = "no state loaded" if after is None else f"resumed after step {after}"
            gone = session["superseded"]
            void = f", {words.counted(gone, 'row')} superseded" if gone else ""
            began = "" if session["began"] is None else f", {words.moment(session['began'])}"
            line = f"session {session['number']}{began}: {steps}, {state}{void}"
            yield _filled(line, "  ", "    ")


def examine(logdir: str | os.PathLike[str], *, now: float | None = None) -> Diagnosis:
    """Examine a run, finished or still being written.

    Args:
        logdir: a run directory that `rlviz.Callback` wrote.
        now: the present, seconds since 1970-01-01 UTC; by default the system's clock.

    Raises:
        FileNotFoundError: there is no such directory, or nothing in it is of rlviz.

    Example:
        >>> import tempfile, rlviz
        >>> logdir = tempfile.mkdtemp()
        >>> with rlviz.Callback(logdir, figure_seconds=None) as viz:
        ...     viz.on_step_end(1, correct=[1, 0], flops=10**21, parallelism=[2.0])
        >>> examine(logdir).verdict.removeprefix(logdir)
        ': sound — 1 step in 1 session, nothing lost.'
    """
    contents = load(logdir)
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
    findings = tuple(f for f in decay.damage(history) if f.level == PROBLEM)
    if not findings:
        raise no_steps(contents)
    return Diagnosis(str(contents.path), UNREADABLE, findings, _facts_of(history, math.nan))


def _findings(history: History, now: float) -> Iterator[Finding]:
    for find in (
        losses.two_writers,
        losses.dropped,
        losses.ranks,
        decay.damage,
        losses.missing,
        losses.files_gone,
        oddities.restarts,
        oddities.order,
        oddities.numbering,
        oddities.measures,
        oddities.foreign,
    ):
        yield from find(history)
    yield from oddities.clock(history, now)


def _facts_of(history: History, now: float) -> dict[str, Any]:
    """Plain numbers, as JSON can hold them."""
    wall = history.wall_time[np.isfinite(history.wall_time)]
    last = float(wall.max()) if len(wall) else None
    ago = None if last is None else now - last
    closed = was_closed(history)
    # A step that takes hours is no sign of a dead run.
    step_seconds = float(np.median(np.abs(np.diff(wall)))) if len(wall) > 1 else 0.0
    return {
        "steps": len(history),
        "first_step": int(history.step[0]) if len(history) else None,
        "last_step": int(history.step[-1]) if len(history) else None,
        "began": float(wall.min()) if len(wall) else None,
        "last_written": last,
        "seconds_since_last": ago,
        "closed": closed,
        "may_be_running": not closed and ago is not None and ago < max(60.0, 3 * step_seconds),
        "wall_seconds": float(np.ptp(wall)) if len(wall) else None,
        "files": len(history.files),
        "bytes": sum(file.size for file in history.files),
        "flops": _last_count(history),
        "flops_lost": history.lost_flops.get(int(history.session[-1]), 0) if len(history) else 0,
        "world_size": max((session.world_size for session in history.sessions), default=1),
        "dropped": history.dropped,
        "superseded": history.superseded,
        "missing": [list(stretch) for stretch in history.missing],
        "missing_ranks": [asdict(stretch) for stretch in history.missing_ranks],
        "damage": [asdict(stretch) for stretch in history.damage],
        "sessions": [_plain(session) for session in history.sessions],
    }


def _last_count(history: History) -> int | None:
    """Cumulative RL FLOPs, the most that any step has; None where they are unknown."""
    if not np.isfinite(history.flops).any():
        return None
    return most_flops(history.columns, np.arange(len(history)))


def _plain(session: Session) -> dict[str, Any]:
    fields = asdict(session)
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in fields.items()
    }


def _worded(finding: Finding) -> str:
    what = finding.what[0].upper() + finding.what[1:] if finding.level == PROBLEM else finding.what
    head = f"PROBLEM  {what}" if finding.level == PROBLEM else f"note: {what}"
    return _filled(head, "", "  ") + "\n" + _filled(finding.advice, "  → ", "    ")


def _filled(text: str, first: str, rest: str) -> str:
    return fill(
        text,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,  # names of files can be copied whole
        break_on_hyphens=False,
    )


def _printable(text: str) -> str:
    """Names come from files; none of them may command the terminal."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "?" for sign in text)
