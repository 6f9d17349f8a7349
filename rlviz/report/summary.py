"""Says in words and tables what a run recorded."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlviz import schema
from rlviz.report import words
from rlviz.report.history import History
from rlviz.smooth.local import local_polynomial

Floats = NDArray[np.float64]

_FEW = 20
"""With fewer points than this a standard error is not worth printing: values only."""


@dataclass(frozen=True, slots=True)
class Value:
    """A number, with its standard error where there is one."""

    value: float
    standard_error: float | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """One sentence that the summary says, and the numbers in it."""

    name: str
    sentence: str
    values: dict[str, Value]


@dataclass(frozen=True, slots=True)
class Summary:
    """What happened in a run.

    Attributes:
        title: name of the run.
        claims: what is said, one claim for each measure.
        facts: plain numbers: steps, seconds, FLOPs.
        notes: what was lost or could not be said.
    """

    title: str
    claims: tuple[Claim, ...]
    facts: dict[str, Any]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data, ready for JSON."""
        return {
            "title": self.title,
            "claims": [
                {
                    "name": claim.name,
                    "sentence": claim.sentence,
                    "values": {
                        when: {"value": v.value, "standard_error": v.standard_error}
                        for when, v in claim.values.items()
                    },
                }
                for claim in self.claims
            ],
            "facts": self.facts,
            "notes": list(self.notes),
        }

    def markdown(self) -> str:
        """The summary as Markdown. The same run gives the same bytes."""
        parts = [f"# {self.title}", self._paragraph(), self._values_table(), self._flops_table()]
        parts += [f"**Note:** {note}" for note in self.notes]
        parts.append(_DEFINITIONS)
        return "\n\n".join(part for part in parts if part) + "\n"

    def _paragraph(self) -> str:
        steps, seconds = self.facts["steps"], self.facts["wall_seconds"]
        length = f"{steps} training step{'' if steps == 1 else 's'}"
        if seconds > 0:
            length += f" in {words.duration(seconds)}"
        total = self.facts["flops"].get(schema.TOTAL)
        spent = "" if total is None else f", {words.flops(total)} RL FLOPs"
        return " ".join([f"{length}{spent}.", *(claim.sentence for claim in self.claims)])

    def _values_table(self) -> str:
        rows = [
            f"| {_NAMES[claim.name]} | "
            + " | ".join(_FORMATS[claim.name](claim.values[when]) for when in _WHEN)
            + " |\n"
            for claim in self.claims
            if claim.values
        ]
        if not rows:
            return ""
        return "| | start | middle | end |\n|---|---:|---:|---:|\n" + "".join(rows).rstrip()

    def _flops_table(self) -> str:
        flops: dict[str, int] = self.facts["flops"]
        phases = [phase for phase in flops if phase != schema.TOTAL]
        if not phases:
            return ""
        total = flops.get(schema.TOTAL, 0)
        rows = [
            f"| {phase} | {words.flops(flops[phase])} | {_share(phase, flops[phase], total)} |"
            for phase in phases
        ]
        rows.append(f"| **total** | {words.flops(total)} | |")
        return "| phase | RL FLOPs | share |\n|---|---:|---:|\n" + "\n".join(rows)


_WHEN = ("start", "middle", "end")
_NAMES = {schema.ACCURACY: "Training accuracy", schema.PARALLELISM: "Average parallelism"}
_DEFINITIONS = (
    "*Training accuracy: correct / graded answers of a step. Average parallelism: mean over a "
    "step's episodes of work / span. RL FLOPs: cumulative, one multiply-add counts 2. Start, "
    "middle and end are values of the local-quadratic curve at the first step, at half of the x "
    "axis and at the last step, ± one standard error.*"
)


def summarise(history: History) -> Summary:
    """Sum up a run: steps, FLOPs by phase, both curves at start, middle and end, and losses.

    The values are those of `rlviz.smooth.local_polynomial` over cumulative RL FLOPs (over steps
    where a run has no such axis), ± one standard error; with fewer than 20 points they are the
    recorded values themselves.

    Example:
        >>> import numpy as np
        >>> run = History({"step": np.array([1.0, 2.0]), "correct": np.array([1.0, 3.0]),
        ...                "graded": np.array([4.0, 4.0])}, logdir="runs/a")
        >>> summarise(run).claims[0].sentence
        'Training accuracy went from 25.0 % to 75.0 %.'
    """
    x = history.flops if history.has_compute_axis else history.step.astype(np.float64)
    claims = (
        _claim(schema.ACCURACY, x, history.accuracy),
        _claim(schema.PARALLELISM, x, history.parallelism),
    )
    title = f"Run {Path(history.logdir).resolve().name}" if history.logdir else "Run"
    return Summary(title, claims, _facts(history), _notes(history))


def _claim(name: str, x: Floats, y: Floats) -> Claim:
    finite = np.isfinite(x) & np.isfinite(y)
    if not finite.any():
        return Claim(name, f"{_NAMES[name]} was not recorded.", {})
    values = _start_middle_end(x[finite], y[finite])
    form = _FORMATS[name]
    start, end = form(values["start"]), form(values["end"])
    return Claim(name, f"{_NAMES[name]} went from {start} to {end}.", values)


def _start_middle_end(x: Floats, y: Floats) -> dict[str, Value]:
    middle = int(np.argmin(np.abs(x - (x[0] + x[-1]) / 2)))
    at = dict(zip(_WHEN, (0, middle, len(y) - 1), strict=True))
    if len(y) < _FEW:
        return {when: Value(float(y[i])) for when, i in at.items()}
    smoothed = local_polynomial(y, x=x)
    # At the ends a parabola may leave the range of the data: no accuracy of -0.1 %.
    curve, error = np.clip(smoothed.curve, y.min(), y.max()), smoothed.standard_error
    return {
        when: Value(float(curve[i]), float(error[i]) if math.isfinite(error[i]) else None)
        for when, i in at.items()
    }


def _facts(history: History) -> dict[str, Any]:
    phases = (*history.phases, schema.TOTAL)
    flops = {phase: n for phase in phases if (n := _most_count(history, phase)) is not None}
    wall = history.wall_time[np.isfinite(history.wall_time)]
    return {
        "steps": len(history),
        "first_step": int(history.step[0]),
        "last_step": int(history.step[-1]),
        "sessions": len(np.unique(history.session)),
        "wall_seconds": max(0.0, float(wall[-1] - wall[0])) if len(wall) else 0.0,
        "flops": flops,
    }


def _most_count(history: History, phase: str) -> int | None:
    """The largest cumulative FLOPs of a phase, those of the last step unless the count falls;
    None where they are unknown."""
    if schema.flops_column(phase) not in history.columns:
        return None
    known = [count for count in history.exact_flops(phase) if count is not None]
    return max(known, default=None)


def _notes(history: History) -> tuple[str, ...]:
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
    if history.damage:
        unread = sum(damage.length for damage in history.damage)
        files = len({damage.file for damage in history.damage})
        notes.append(
            f"{unread} bytes in {files} file{'' if files == 1 else 's'} could not be read "
            f"({history.damage[0].reason}); what they held is missing here."
        )
    return tuple(notes)


def _percent(value: Value) -> str:
    return f"{_with_error(value, scale=100, decimals=1)} %"


def _plain(value: Value) -> str:
    return _with_error(value, scale=1, decimals=2)


def _with_error(value: Value, *, scale: float, decimals: int) -> str:
    """The value, with its standard error where there is one that shows."""
    error = scale * (value.standard_error or 0.0)
    if error < 0.5 * 10.0 ** -(decimals + 1):
        return f"{scale * value.value:.{decimals}f}"
    decimals += error < 0.5 * 10.0**-decimals
    return f"{scale * value.value:.{decimals}f} ± {error:.{decimals}f}"


_FORMATS = {schema.ACCURACY: _percent, schema.PARALLELISM: _plain}


def _share(phase: str, count: int, total: int) -> str:
    if phase == schema.EVALUATION:
        return "not in the total"
    return f"{100 * count / total:.1f} %" if total else ""
