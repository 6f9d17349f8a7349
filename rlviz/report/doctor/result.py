"""A diagnosis and its forms: one line, words for a terminal, plain data."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from textwrap import fill
from typing import Any

from rlviz import conventions, wording
from rlviz.report.doctor.findings import PROBLEM, Finding

_WIDTH = 79


_SESSIONS_SHOWN = 8


SOUND = "sound"


LOSSES = "losses"


UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The state of a run.

    Attributes:
        logdir: the run directory.
        state: `"sound"`, `"losses"` or `"unreadable"`.
        findings: problems first, then notes.
        facts: plain numbers: steps, times, files, sessions and what they lack.
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
        """The diagnosis in one line."""
        if self.state == UNREADABLE:
            return f"{self.logdir}: unreadable — not one of its steps can be read."
        sessions = wording.counted(len(self.facts["sessions"]) or 1, "session")
        recorded = f"{wording.counted(self.facts['steps'], 'step')} in {sessions}"
        problems = sum(finding.level == PROBLEM for finding in self.findings)
        notes = wording.counted(len(self.findings) - problems, "note")
        if self.state == SOUND:
            but = []
            if flops := self.facts["flops_lost"]:
                but.append(f"{wording.flops(flops)} RL FLOPs of steps that restarts gave up")
            if any(finding.kind == "cut" for finding in self.findings):
                but.append("perhaps the last second")
            lost = "nothing lost" + (f" but {wording.joined(but)}" if but else "")
            end = f"; {notes}." if self.findings else "."
            return f"{self.logdir}: sound — {recorded}, {lost}{end}"
        also = f", {notes}" if len(self.findings) > problems else ""
        found = wording.counted(problems, "problem")
        return f"{self.logdir}: usable, with losses — {recorded}; {found}{also}."

    def text(self) -> str:
        """The diagnosis for a terminal of 80 columns."""
        paragraphs = [self.verdict, "\n".join(self._facts())]
        if len(self.facts["sessions"]) > 1:
            paragraphs.append("\n".join(self._sessions()))
        paragraphs += [_worded(finding) for finding in self.findings]
        return wording.visible("\n\n".join(part for part in paragraphs if part)) + "\n"

    def to_dict(self) -> dict[str, Any]:
        """The diagnosis as plain data, ready for JSON."""
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
            steps = wording.stretches([(facts["first_step"], facts["last_step"])])
            flops = facts["flops"]
            how = conventions.of_runs({"": facts["conventions"]})
            spent = "" if flops is None else f", {wording.flops(flops)} RL FLOPs ({how})"
            span = facts["wall_seconds"]
            took = f", in {wording.duration(span)}" if span and span >= 1 else ""
            if paused := facts["paused_seconds"]:
                took += f" and {wording.duration(paused)} of pauses"
            yield f"{steps[0].upper()}{steps[1:]}{spent}{took}."
        if lost := facts["flops_lost"]:
            share = f"{100 * facts['flops_lost_share']:.1f} % of all"
            yield (
                f"{wording.flops(lost)} RL FLOPs more ({share}) went into steps that restarts lost."
            )
        if facts["last_written"] is not None:
            ago = wording.ago(facts["seconds_since_last"])
            end = "; it may still be running" if facts["may_be_running"] else ""
            end = "; its script closed it" if facts["closed"] else end
            yield f"Last step {ago}, {wording.moment(facts['last_written'])}{end}."
        ranks = f", rows sum over {facts['world_size']} ranks" if facts["world_size"] > 1 else ""
        files = wording.counted(facts["files"], "event file")
        yield f"{files}, {wording.size(facts['bytes'])}{ranks}."

    def _sessions(self) -> Iterator[str]:
        sessions = self.facts["sessions"]
        shown = sessions if len(sessions) <= _SESSIONS_SHOWN else sessions[1 - _SESSIONS_SHOWN :]
        if len(shown) < len(sessions):
            yield f"  {wording.counted(len(sessions) - len(shown), 'earlier session')}, then"
        for session in shown:
            after = session["resumed_after"]
            steps = wording.stretches([(session["first_step"], session["last_step"])])
            state = "no state loaded" if after is None else f"resumed after step {after}"
            gone = session["superseded"]
            void = f", {wording.counted(gone, 'row')} superseded" if gone else ""
            began = "" if session["began"] is None else f", {wording.moment(session['began'])}"
            line = f"session {session['number']}{began}: {steps}, {state}{void}"
            yield _filled(line, "  ", "    ")


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
        break_long_words=False,  # keep file names whole, for copying
        break_on_hyphens=False,
    )
