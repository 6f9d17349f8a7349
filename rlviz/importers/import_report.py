"""Says what an import found, what it took each column for, and what can't be known."""

from dataclasses import dataclass
from pathlib import Path

from rlviz import schema, wording
from rlviz.importers.compute import Spent
from rlviz.importers.log import Log
from rlviz.importers.options import Options
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
        told: all sentences in the order of their importance: accuracy, return, parallelism, RL
            FLOPs and tokens, time, steps, metrics, notes.
        is_sampled: whether counts and times are those of every k-th step alone.
        is_written: whether the run was written, as it isn't in a dry run.
        run: which of several runs of the source it is; None if there was one.
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
    told: tuple[str, ...] = ()
    is_sampled: bool = False
    is_written: bool = True
    run: str | None = None

    def __str__(self) -> str:
        """All of it as lines of text."""
        count = f"{len(self.metrics):,}" if self.metrics else "no"
        metrics = f"{count} metric{'s' * (len(self.metrics) != 1)}"
        of = f"{self.first_step:,} to {self.last_step:,}"
        steps = f"{self.steps:,} steps ({of})"
        if self.steps == 1:
            steps = f"1 step ({self.last_step:,})"
        if self.is_sampled:
            steps = f"{self.steps:,} logged points of steps ({of})"
        run = "" if self.run is None else f", its run {self.run!r}"
        head = f"{self.logdir}: {steps} and {metrics} from a {reader_of(self.kind).log}{run}."
        dry = () if self.is_written else ("Nothing was written: this is what would be.",)
        return wording.visible("\n".join((*dry, head, *self.told)))


def account(
    logdir: Path,
    log: Log,
    roles: Roles,
    timeline: Timeline,
    spent: Spent,
    times: Clock,
    metrics: Metrics,
    *,
    options: Options,
    is_written: bool,
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
    if timeline.stride > 1 and not timeline.counts_more:
        notes.append(
            f"Steps are {timeline.stride:,} apart: either only some were logged, or they count "
            "episodes, samples or environment steps. They are kept as they are."
        )
    if len(log.step) == 0 and roles.step is not None:
        without = log.count - len(log.series[roles.step])
        if without:
            notes.append(f"{without:,} of {log.count:,} rows have no step and were left out.")
    if log.texts:
        some = wording.some(sorted(log.texts), _MOST_NAMES)
        notes.append(f"Text and lists can't be drawn and were left out: {some}.")
    if log.damage:
        notes.append(log.damage)
    timed = [times.says]
    known = [said.text for said in roles.said if said.is_known]
    unknown = [said.text for said in roles.said if not said.is_known]
    of_step = [said.text for said in roles.said if said.role == "step"]
    others = [said.text for role in _BY_IMPORTANCE for said in roles.said if said.role == role]
    drawn = [column for column, _, _ in metrics.values() if column not in roles.columns()]
    rest = [f"The other numbers are metrics: {wording.some(drawn, _MOST_NAMES)}."] if drawn else []
    return Imported(
        logdir=logdir,
        kind=log.kind,
        steps=len(timeline.steps),
        first_step=int(timeline.steps[0]),
        last_step=int(timeline.steps[-1]),
        columns={role: name for role, name in columns.items() if isinstance(name, str)},
        metrics={name: column for name, (column, _, _) in metrics.items()},
        best_x=best,
        known=(*known, *spent.known, *timed * times.known),
        unknown=(*unknown, *spent.unknown, *timed * (not times.known)),
        notes=tuple(notes),
        told=(*others, *spent.known, *spent.unknown, *timed, *of_step, *rest, *notes),
        is_sampled=timeline.is_sampled and not options.extrapolate,
        is_written=is_written,
        run=log.run,
    )


_BY_IMPORTANCE = ("accuracy", "return", "parallelism")
_MOST_NAMES = 8


def origin(log: Log, imported: Imported, counts: bool) -> dict[str, str | bool]:
    """What stands in the configuration of an imported run.

    Args:
        log: what was read.
        imported: what was made of it.
        counts: whether its FLOPs or its times add up over the rows.
    """
    name = log.name if log.run is None else f"{log.name}, run {log.run}"
    return {
        schema.IMPORTED_FROM: name,
        "kind": log.kind,
        **imported.columns,
        schema.IMPORT_SAMPLED: imported.is_sampled and counts,
        schema.IMPORT_ACCOUNT: str(imported),
    }
