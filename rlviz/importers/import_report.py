"""Says what an import found, what it took each column for, and what can't be known."""

from dataclasses import dataclass
from pathlib import Path

from rlviz.importers.compute import Spent
from rlviz.importers.log import Log
from rlviz.importers.readers import reader_of
from rlviz.importers.roles import Roles
from rlviz.importers.steps import Clock, Metrics
from rlviz.importers.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import found in a log, what it took that for, and what can't be known.

    Attributes:
        logdir: the written run directory.
        kind: one of `rlviz.importers.readers.KINDS`, such as "csv".
        steps: number of training steps.
        first_step, last_step: the ends of their range.
        columns: role -> column or tag: "step", "accuracy", "correct", "graded", "return",
            "parallelism", "flops", "tokens", "wall_time"; only those that the log has.
        metrics: name of a metric in the run -> column or tag.
        best_x: the run's best axis for a figure: "flops", else "tokens", "wall_time", "step".
        known: sentences on what each column was taken for, conventions included.
        unknown: sentences on what the log does not tell.
        notes: sentences on what was left out, moved, or could not be read.
    """

    logdir: Path
    kind: str
    steps: int
    first_step: int
    last_step: int
    columns: dict[str, str]
    metrics: dict[str, str]
    best_x: str
    known: tuple[str, ...]
    unknown: tuple[str, ...]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        """All of it as lines of text."""
        metrics = f"{len(self.metrics):,} metric{'s' * (len(self.metrics) != 1)}"
        steps = f"{self.steps:,} step{'s' * (self.steps != 1)}"
        head = (
            f"{self.logdir}: {steps} ({self.first_step:,} to {self.last_step:,}) and {metrics} "
            f"from a {reader_of(self.kind).log}."
        )
        return "\n".join((head, *self.known, *self.unknown, *self.notes))


def account(
    logdir: Path,
    log: Log,
    roles: Roles,
    timeline: Timeline,
    spent: Spent,
    times: Clock,
    metrics: Metrics,
) -> Imported:
    columns = {
        "step": roles.step,
        "accuracy": roles.accuracy,
        "correct": roles.correct,
        "graded": roles.graded,
        "return": roles.return_,
        "parallelism": roles.parallelism,
        "flops": roles.flops,
        "tokens": roles.tokens if spent.tokens is not None else None,
        "wall_time": times.column,
    }
    has = (bool(spent.phases), spent.tokens is not None, times.known, True)
    best = next(
        x for x, there in zip(("flops", "tokens", "wall_time", "step"), has, strict=True) if there
    )
    notes = [*log.notes, *timeline.notes]
    if timeline.begins_late:
        notes.append(f"The log begins at step {timeline.steps[0]:,}.")
    if timeline.stride > 1:
        notes.append(
            f"Steps are {timeline.stride:,} apart: either only some were logged, or they count "
            "episodes, samples or environment steps. They are kept as they are."
        )
    if len(log.step) == 0 and roles.step is not None:
        without = log.count - len(log.series[roles.step])
        if without:
            notes.append(f"{without:,} of {log.count:,} rows have no step and were left out.")
    if log.texts:
        some = ", ".join(map(repr, sorted(log.texts)[:4]))
        notes.append(
            f"Text and lists can't be drawn and were left out: {some}{' …' * (len(log.texts) > 4)}."
        )
    if log.damage:
        notes.append(log.damage)
    timed = [times.says]
    return Imported(
        logdir=logdir,
        kind=log.kind,
        steps=len(timeline.steps),
        first_step=int(timeline.steps[0]),
        last_step=int(timeline.steps[-1]),
        columns={role: name for role, name in columns.items() if isinstance(name, str)},
        metrics={name: column for name, (column, _, _) in metrics.items()},
        best_x=best,
        known=(*(s.text for s in roles.said if s.is_known), *spent.known, *timed * times.known),
        unknown=(
            *(s.text for s in roles.said if not s.is_known),
            *spent.unknown,
            *timed * (not times.known),
        ),
        notes=tuple(notes),
    )
