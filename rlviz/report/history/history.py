"""Reads a run directory back: every step once, whatever happened to the files and the sessions."""

import html
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import PurePath
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rlviz import schema, wording
from rlviz.accuracy import wilson_interval
from rlviz.parallelism.sums import ratios
from rlviz.report.history.batches import FileDamage
from rlviz.report.history.columns import BLOCK_ROWS, Columns
from rlviz.report.history.files import Contents, RunFile, load, no_steps
from rlviz.report.history.session_account import MissingRanks, Session
from rlviz.report.history.sessions import merge

if TYPE_CHECKING:
    import pandas

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class History:
    """What a run recorded, one entry for each training step, steps strictly increasing.

    Attributes:
        columns: column name -> values, shape (T,), float64, NaN where a step has none;
            `rlviz.schema.column` describes each. A run that was read decodes a column when it is
            asked for; the rows of a run of more than 256 MB stay in its files until then.
        logdir: where it was read.
        damage: what could not be read; empty for a sound run.
        superseded: rows that later rows replaced, written by a resumed session or by the same
            session when it recorded steps again.
        lost_flops: session -> RL FLOPs spent before it that are not in the lineage of its weights.
        missing: (first, last) step of each stretch without rows that a resumed session continued
            after: when a run is killed, its checkpoint may be ahead of the rows on disk.
        sessions: what each start of the training script wrote, and which of its rows are lost.
        missing_ranks: stretches of steps that lack the sums of some ranks.
        files: the event files in the directory.
    """

    columns: Mapping[str, Floats]
    logdir: str = ""
    damage: tuple[FileDamage, ...] = ()
    superseded: int = 0
    lost_flops: dict[int, int] = field(default_factory=dict)
    missing: tuple[tuple[int, int], ...] = ()
    sessions: tuple[Session, ...] = ()
    missing_ranks: tuple[MissingRanks, ...] = ()
    files: tuple[RunFile, ...] = ()

    def __len__(self) -> int:
        if isinstance(self.columns, Columns):
            return self.columns.rows
        return len(self.columns[schema.STEP])

    def parts(self, rows: int, *, keeping: str = "") -> Iterator["History"]:
        """The same run, some rows at a time, each with its rows in memory.

        Args:
            rows: how many.
            keeping: a column that is decoded on the way, for who asks for it afterwards: to go
                through the files of a long run takes time.
        """
        columns = self.columns
        kept = None
        if isinstance(columns, Columns) and keeping in columns:
            kept = np.empty(len(self))
        for begin in range(0, len(self), rows):
            end = min(begin + rows, len(self))
            part = replace(self, columns=_part(columns, begin, end))
            if kept is not None:
                kept[begin:end] = part.columns[keeping]
            yield part
        if kept is not None and isinstance(columns, Columns):
            columns.keep(keeping, kept)

    def _by_parts(self, values: Callable[["History"], Floats]) -> Floats:
        """Values that each step has by itself, (T,), computed some rows at a time: the columns that
        they need are never in memory as a whole."""
        if len(self) <= BLOCK_ROWS:
            return values(self)
        found = np.empty(len(self))
        at = 0
        for part in self.parts(BLOCK_ROWS):
            found[at : at + len(part)] = values(part)
            at += len(part)
        return found

    def __repr__(self) -> str:
        """One line: the directory, the steps, and the quantities recorded for each step."""
        steps = wording.counted(len(self), "step")
        if len(self):
            steps += f" ({self.step[0]} to {self.step[-1]})"
        series = {"RL FLOPs": self.flops}
        series |= {known.attribute: self.values_of(known) for known in self.quantities}
        has = [name for name, values in series.items() if np.isfinite(values).any()]
        for names, what in ((self.groups, "group"), (self.metrics, "metric")):
            has += [wording.counted(len(names), what)] if names else []
        amiss = [wording.counted(self.lost_rows, "row") + " lost"] if self.lost_rows else []
        amiss += ["damaged"] if self.damage else []
        return f"<History {', '.join([repr(self.logdir), steps, *has, *amiss])}>"

    @property
    def step(self) -> NDArray[np.int64]:
        """Training steps, (T,)."""
        return self.columns[schema.STEP].astype(np.int64)

    @property
    def session(self) -> NDArray[np.int64]:
        """The session that wrote each step, (T,), from 0; 0 where unknown."""
        return np.nan_to_num(self._column(schema.SESSION)).astype(np.int64)

    @property
    def wall_time(self) -> Floats:
        """When each step was closed, seconds since 1970-01-01 UTC, (T,)."""
        return self._column(schema.WALL_TIME)

    @property
    def flops(self) -> Floats:
        """Cumulative RL FLOPs at the end of each step, (T,), nearest float64; NaN where unknown.

        This is the *lineage*: what the weights of that step consumed. See `spent`.
        """
        return self._column(schema.flops_column())

    @property
    def spent(self) -> Floats:
        """All RL FLOPs of the run up to each step, (T,), including those that crashes lost."""
        lost = [self.lost_flops.get(int(number), 0) for number in self.session]
        return self.flops + np.array(lost, dtype=np.float64)

    @property
    def dropped(self) -> int:
        """Steps that sessions dropped."""
        return sum(session.dropped for session in self.sessions)

    @property
    def causes_of_drops(self) -> dict[str, int]:
        """Dropped steps by cause, as far as sessions say it, the most frequent first.

        The causes are `loop` (it closed steps faster than they could be written), `size` (they
        brought too many values), `disk`, `ranks` (rank 0 was not reached), `failure` (of the
        writer) and `closed` (they came after `close`).
        """
        counts: Counter[str] = Counter()
        for session in self.sessions:
            counts.update(dict(session.causes))
        return dict(counts.most_common())

    @property
    def lost_rows(self) -> int:
        """Rows that were written but that no file here holds anymore.

        Each writer counts its rows, so the size of a hole between two remaining rows is known
        exactly. Rows lost after the last row of a session can't be known and are not counted. Rows
        that a later session made void are not counted either.
        """
        return sum(gone.rows for session in self.sessions for gone in session.gone)

    @cached_property
    def has_compute_axis(self) -> bool:
        """Whether cumulative FLOPs are known and never fall, so that curves can be drawn over them.

        They fall where a loop records steps again without a new `Callback`, because its count goes
        on, and where a session loads a state with fewer FLOPs than the steps before it have. A
        session without a state counts on from the steps before it.
        """
        return bool(np.isfinite(self.flops).any()) and never_falls(self.flops)

    @property
    def conventions(self) -> tuple[str, ...]:
        """By which of `rlviz.conventions` the FLOPs are counted, each once, in the order of the
        sessions whose steps stand; "" for those that do not say so, () where no FLOPs are."""
        if not np.isfinite(self.flops).any():
            return ()
        said = [s.convention for s in self.sessions if s.rows > s.superseded]
        return tuple(dict.fromkeys(name for name in said if name is not None)) or ("",)

    @property
    def quantities(self) -> tuple[schema.Quantity, ...]:
        """The recorded quantities, and those that every run should have."""
        return tuple(
            known
            for known in schema.QUANTITIES.values()
            if known.is_core or known.numerator in self.columns
        )

    def values_of(self, quantity: str | schema.Quantity) -> Floats:
        """The values of a metric or a quantity at each step, (T,); NaN where it was not recorded.

        Args:
            quantity: the name of one of `metrics` or of one of `quantities`, such as "accuracy" or
                "average_parallelism"; or a quantity, whose values are the ratios of its sums.

        Raises:
            KeyError: the run has no metric or quantity of that name.

        Example:
            >>> rlviz.read("runs/my-run").values_of("loss")  # doctest: +SKIP
            array([0.71, 0.64, 0.59])
        """
        if isinstance(quantity, str):
            for column in (schema.metric_column(quantity), quantity):
                if column in self.columns and column.startswith(schema.metric_column("")):
                    return self._column(column)
            known = {one.name: one for one in self.quantities}
            if quantity not in known:
                names = [*known, *self.metrics]
                raise KeyError(
                    f"the run has no {quantity!r}, but {wording.some(names)}."
                    f"{wording.close_to(quantity, names)}"
                )
            quantity = known[quantity]
        return self._values_of(quantity)

    def _values_of(self, quantity: schema.Quantity) -> Floats:
        return self._by_parts(
            lambda part: ratios(
                part._column(quantity.numerator), part._column(quantity.denominator)
            )
        )

    @property
    def accuracy(self) -> Floats:
        """Training accuracy, correct / graded, in [0, 1], (T,); NaN where nothing was graded."""
        return self.values_of(schema.QUANTITIES[schema.ACCURACY])

    @property
    def accuracy_interval(self) -> tuple[Floats, Floats]:
        """95 % Wilson interval of the accuracy, (low, high), each (T,); NaN where the number of
        answers is unknown."""
        accuracy = schema.QUANTITIES[schema.ACCURACY]
        low, high = wilson_interval(
            self._column(accuracy.numerator), self._column(accuracy.denominator)
        )
        return np.where(self.uncounted, np.nan, low), np.where(self.uncounted, np.nan, high)

    @property
    def uncounted(self) -> NDArray[np.bool_]:
        """At which steps an accuracy was recorded without the number of answers behind it, (T,)."""
        return self._column(schema.UNCOUNTED) > 0

    @property
    def groups(self) -> tuple[str, ...]:
        """The task families whose answers were recorded separately."""
        prefix = schema.group_columns("")[0]
        return tuple(n.removeprefix(prefix) for n in self.columns if n.startswith(prefix))

    def group_accuracy(self, group: str) -> Floats:
        """Training accuracy of one task family, (T,); NaN where no answer was graded.

        Raises:
            KeyError: the run has no such group.
        """
        correct, graded = schema.group_columns(group)
        if correct not in self.columns:
            raise KeyError(f"no answers of a group {group!r}; there are {list(self.groups)}.")
        return self._by_parts(lambda part: ratios(part.columns[correct], part.columns[graded]))

    @property
    def parallelism(self) -> Floats:
        """Average parallelism, (T,): work / span, averaged over a step's episodes."""
        return self.values_of(schema.QUANTITIES[schema.PARALLELISM])

    @cached_property
    def parallelism_units(self) -> tuple[schema.WorkUnit, ...]:
        """In which units the work and span of its episodes are, "steps" (of agents), "tokens" or
        "seconds"; () if nobody said it, more than one if a run mixes them."""
        columns = {unit: schema.unit_column(unit) for unit in schema.WORK_UNITS}
        asked = {unit for unit, name in columns.items() if name in self.columns}
        said: set[schema.WorkUnit] = set()
        for part in self.parts(BLOCK_ROWS) if asked else ():
            said |= {unit for unit in asked - said if (part.columns[columns[unit]] > 0).any()}
            if said == asked:  # mostly at the first rows
                break
        return tuple(unit for unit in columns if unit in said)

    @property
    def parallel_episodes(self) -> Floats:
        """Share of a step's episodes with any parallelism, span < work, in [0, 1], (T,)."""
        return self.values_of(schema.QUANTITIES[f"{schema.AGENTS}/parallel_episodes"])

    @property
    def sub_agents_per_episode(self) -> Floats:
        """Sub-agents started per episode, over the episodes of which they are known, (T,)."""
        return self.values_of(schema.QUANTITIES[f"{schema.AGENTS}/sub_agents"])

    @property
    def agent_fan_out(self) -> Floats:
        """Mean size of the groups of sub-agents that were started side by side, (T,)."""
        return self.values_of(schema.QUANTITIES[f"{schema.AGENTS}/fan_out_mean"])

    @property
    def useful_sub_agents(self) -> Floats:
        """Share of the useful among the sub-agents of which that was said, in [0, 1], (T,)."""
        return self.values_of(schema.QUANTITIES[f"{schema.AGENTS}/useful_sub_agents"])

    @property
    def phases(self) -> tuple[str, ...]:
        """The phases for which FLOPs were recorded, without the total."""
        prefix = schema.flops_column("")
        found = [name.removeprefix(prefix) for name in self.columns if name.startswith(prefix)]
        return tuple(phase for phase in found if phase != schema.TOTAL)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of the user's metrics."""
        prefix = schema.metric_column("")
        return tuple(n.removeprefix(prefix) for n in self.columns if n.startswith(prefix))

    def exact_flops(self, phase: str = schema.TOTAL) -> list[int | None]:
        """Exact cumulative FLOPs, one Python int per step; None where unknown.

        Raises:
            KeyError: the run has no such phase.
        """
        name = schema.flops_column(phase)
        if name not in self.columns:
            have = wording.some(self.phases) if self.phases else "none of any phase"
            raise KeyError(f"no FLOPs were recorded for {phase!r}; the run has {have}.")
        remainders = np.nan_to_num(self._column(schema.flops_remainder_column(phase)))
        pairs = zip(self.columns[name], remainders, strict=True)
        return [None if np.isnan(n) else schema.join_count(n, r) for n, r in pairs]

    def to_pandas(self) -> "pandas.DataFrame":
        """All columns, plus the derived accuracy and average parallelism, indexed by step.

        Raises:
            ImportError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError(
                "History.to_pandas() needs pandas: pip install rlviz[pandas]."
            ) from error
        return pandas.DataFrame(self.table(), index=pandas.Index(self.step, name=schema.STEP)).drop(
            columns=schema.STEP
        )

    def table(self) -> dict[str, Floats]:
        """The derived columns, then the recorded ones. Derived are accuracy with its 95 % Wilson
        interval, the other quantities, and the accuracy of each group. Numbers of answers are NaN
        where they are unknown."""
        first = {name: self._column(name) for name in (schema.STEP, schema.SESSION)}
        derived: dict[str, Floats] = {}
        for known in self.quantities:
            derived[known.name] = self.values_of(known)
            if known.name == schema.ACCURACY:
                low, high = self.accuracy_interval
                derived |= {f"{schema.ACCURACY}_low": low, f"{schema.ACCURACY}_high": high}
        of_groups = {f"{schema.ACCURACY}/{name}": self.group_accuracy(name) for name in self.groups}
        recorded = dict(self.columns)
        if (unknown := self.uncounted).any():
            answers = schema.QUANTITIES[schema.ACCURACY]
            for name in recorded.keys() & {answers.numerator, answers.denominator}:
                recorded[name] = np.where(unknown, np.nan, recorded[name])
        return first | derived | of_groups | recorded

    def _repr_png_(self) -> bytes | None:
        """The figure, for notebooks; None for a run without steps."""
        if not len(self):
            return None
        from rlviz import figure  # from a higher layer, and it loads matplotlib

        return figure(self)._repr_png_()

    def _repr_html_(self) -> str | None:
        """The interactive page, for notebooks; None for a run without steps."""
        if not len(self):
            return None
        from rlviz import page  # from a higher layer, as the figure

        name = PurePath(self.logdir).name or "run"
        return (
            f'<iframe srcdoc="{html.escape(page({name: self}))}" sandbox="allow-scripts '
            'allow-downloads" style="width: 100%; height: 640px; border: 0" '
            f'title="{html.escape(name)}"></iframe>'
        )

    def _column(self, name: str) -> Floats:
        found = self.columns.get(name)
        return np.full(len(self), np.nan) if found is None else found


def read(logdir: str | os.PathLike[str]) -> History:
    """Read a run, finished or still being written.

    The rows of all sessions are merged. Where a resumed session repeats steps, its rows stand, and
    older rows after the step it resumed from are left out. Where one session records a step more
    than once, the last row stands.

    Args:
        logdir: a run directory that `rlviz.Callback` wrote.

    Raises:
        FileNotFoundError: there is no such directory, or it has no event files with rlviz rows.
        ValueError: `logdir` is the URL of another place; `file:///…` is a path.

    Example:
        >>> import tempfile, rlviz
        >>> logdir = tempfile.mkdtemp()
        >>> with rlviz.Callback(logdir, figure_seconds=None) as viz:
        ...     viz.on_step_end(1, correct=[1, 0, 1, 1], flops=10**21)
        >>> run = rlviz.read(logdir)
        >>> run.accuracy, run.flops
        (array([0.75]), array([1.e+21]))
    """
    contents = load(logdir)
    if not contents.batches:
        raise no_steps(contents)
    return merged(contents)


def never_falls(values: Floats) -> bool:
    """Whether the finite ones of some values, (T,), never decrease."""
    last = -np.inf
    for begin in range(0, len(values), BLOCK_ROWS):
        part = values[begin : begin + BLOCK_ROWS]
        known = part[np.isfinite(part)]
        if len(known):
            if known[0] < last or (known[1:] < known[:-1]).any():
                return False
            last = known[-1]
    return True


def _part(columns: Mapping[str, Floats], begin: int, end: int) -> Mapping[str, Floats]:
    if isinstance(columns, Columns):
        return columns.part(begin, end).loaded()
    return {name: values[begin:end] for name, values in columns.items()}


def merged(contents: Contents) -> History:
    """The run that the batches of a directory make together."""
    standing = merge(contents.batches)
    return History(
        standing.columns,
        logdir=str(contents.path),
        damage=contents.damage,
        superseded=standing.superseded,
        lost_flops=standing.lost_flops,
        missing=standing.missing,
        sessions=standing.sessions,
        missing_ranks=standing.missing_ranks,
        files=contents.files,
    )
