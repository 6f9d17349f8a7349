"""Reads a run directory back: every step once, whatever became of the files and the sessions."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rlviz import schema, tfrecord

if TYPE_CHECKING:
    import pandas

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Damage:
    """A stretch of an event file that could not be read."""

    file: str
    offset: int
    length: int
    reason: str


@dataclass(frozen=True)
class History:
    """What a run recorded, one entry for each training step, steps strictly increasing.

    Attributes:
        columns: column name -> values, shape (T,), float64, NaN where a step has none;
            `rlviz.schema.column` describes each.
        logdir: where it was read.
        damage: what could not be read; empty for a sound run.
        superseded: rows of earlier sessions that a resumed session replaced.
    """

    columns: dict[str, Floats]
    logdir: str = ""
    damage: tuple[Damage, ...] = ()
    superseded: int = 0

    def __len__(self) -> int:
        return len(self.step)

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
        """Cumulative RL FLOPs at the end of each step, (T,), nearest float64; NaN where unknown."""
        return self._column(schema.flops_column())

    @property
    def has_compute_axis(self) -> bool:
        """Whether cumulative FLOPs are known and never fall, so that curves can be drawn over them.

        They start again from 0 where a session went on without `Callback.load_state_dict`.
        """
        known = self.flops[np.isfinite(self.flops)]
        return bool(len(known) and (np.diff(known) >= 0).all())

    @property
    def accuracy(self) -> Floats:
        """Training accuracy, correct / graded, in [0, 1], (T,); NaN where nothing was graded."""
        return _ratio(self._column("correct"), self._column("graded"))

    @property
    def parallelism(self) -> Floats:
        """Average parallelism, the mean over a step's episodes of work / span, (T,)."""
        return _ratio(self._column("parallelism_sum"), self._column("parallelism_count"))

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
        """Cumulative FLOPs to the last digit, one Python int a step; None where unknown.

        Raises:
            KeyError: the run has no such phase.
        """
        name = schema.flops_column(phase)
        if name not in self.columns:
            raise KeyError(f"no FLOPs were recorded for {phase!r}; there are {list(self.phases)}.")
        remainders = np.nan_to_num(self._column(schema.flops_remainder_column(phase)))
        pairs = zip(self.columns[name], remainders, strict=True)
        return [None if np.isnan(n) else schema.join_count(n, r) for n, r in pairs]

    def to_pandas(self) -> "pandas.DataFrame":
        """All columns, with the derived accuracy and average parallelism, indexed by step.

        Raises:
            ImportError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError(
                "History.to_pandas() needs pandas: pip install 'rlviz[pandas]'."
            ) from error
        return pandas.DataFrame(self.table(), index=pandas.Index(self.step, name=schema.STEP)).drop(
            columns=schema.STEP
        )

    def table(self) -> dict[str, Floats]:
        """The columns, with the derived accuracy and average parallelism before them."""
        first = {name: self._column(name) for name in (schema.STEP, schema.SESSION)}
        derived = {schema.ACCURACY: self.accuracy, schema.PARALLELISM: self.parallelism}
        return first | derived | self.columns

    def _column(self, name: str) -> Floats:
        found = self.columns.get(name)
        return np.full(len(self), np.nan) if found is None else found


def read(logdir: str | os.PathLike[str]) -> History:
    """Read a run, finished or still being written.

    Rows of all sessions are merged: where a resumed session repeats steps, its rows stand and the
    older ones that come after the step it resumed from are left out.

    Args:
        logdir: a run directory that `rlviz.Callback` wrote.

    Raises:
        FileNotFoundError: there is no such directory, or it has no event files with rlviz rows.

    Example:
        >>> import tempfile, rlviz
        >>> logdir = tempfile.mkdtemp()
        >>> with rlviz.Callback(logdir, figure_seconds=None) as viz:
        ...     viz.on_step_end(1, correct=[1, 0, 1, 1], flops=10**21)
        >>> run = rlviz.read(logdir)
        >>> run.accuracy, run.flops
        (array([0.75]), array([1.e+21]))
    """
    path = Path(logdir)
    if not path.is_dir():
        raise FileNotFoundError(f"there is no run directory {path}. Give the logdir of a Callback.")
    batches: list[_Batch] = []
    damage: list[Damage] = []
    for file in sorted(filter(Path.is_file, path.glob("*tfevents*"))):
        for item in _read_file(file):
            (batches if isinstance(item, _Batch) else damage).append(item)  # type: ignore[arg-type]
    if not batches:
        runs = sorted({str(found.parent) for found in path.glob("*/**/*tfevents*")})
        hint = f" Runs below it: {', '.join(runs[:5])}." if runs else ""
        raise FileNotFoundError(f"{path} holds no steps recorded by rlviz (yet).{hint}")
    columns, superseded = _merge(batches)
    return History(columns, str(path), tuple(damage), superseded)


@dataclass(frozen=True, slots=True)
class _Batch:
    header: schema.RowsHeader
    table: Floats
    """(rows, columns of the header)"""


def _read_file(file: Path) -> Iterator[_Batch | Damage]:
    try:
        data = file.read_bytes()  # a mapped file that is truncated meanwhile kills the process
    except OSError as error:
        yield Damage(file.name, 0, 0, f"the file can't be read: {error.strerror}")
        return
    offset = 0
    for item in tfrecord.scan(data):
        if isinstance(item, tfrecord.Damage):
            yield Damage(file.name, item.offset, item.length, item.reason)
            continue
        try:
            yield from _batches(item.payload)
        except ValueError as error:
            yield Damage(file.name, offset, item.end - offset, str(error))
        offset = item.end


_ROWS_TAG_START = schema.rows_tag(0)[:-1].encode()


def _batches(payload: bytes) -> Iterator[_Batch]:
    if _ROWS_TAG_START not in payload:  # spares the parser the scalars, pictures and texts
        return
    from google.protobuf.message import DecodeError
    from tensorboard.compat.proto.event_pb2 import Event

    try:
        event = Event.FromString(payload)
    except DecodeError as error:
        raise ValueError(f"not an event: {error}") from error
    for value in event.summary.value:
        if schema.is_rows_tag(value.tag):
            header = schema.RowsHeader.from_bytes(value.metadata.plugin_data.content)
            shape = tuple(dim.size for dim in value.tensor.tensor_shape.dim)
            table = np.frombuffer(value.tensor.tensor_content, dtype="<f8").reshape(shape)
            if table.ndim != 2 or table.shape[1] != len(header.columns):
                raise ValueError(f"rows of shape {shape} under {len(header.columns)} columns")
            yield _Batch(header, table)


def _merge(batches: list[_Batch]) -> tuple[dict[str, Floats], int]:
    """Stack all batches; keep for every step the row that stands. -> (columns, rows left out)"""
    names = dict.fromkeys(name for batch in batches for name in batch.header.columns)
    batches = sorted(batches, key=lambda batch: batch.header.session)  # stable: file order within
    rows = np.concatenate([_widened(batch, tuple(names)) for batch in batches])
    columns = dict(zip(names, rows.T, strict=True))
    keep = _standing(columns[schema.STEP], columns[schema.SESSION], _resume_points(batches))
    return {name: np.ascontiguousarray(c[keep]) for name, c in columns.items()}, int(
        len(rows) - len(keep)
    )


def _widened(batch: _Batch, names: tuple[str, ...]) -> Floats:
    if batch.header.columns == names:
        return batch.table
    at = {name: i for i, name in enumerate(names)}
    wide = np.full((len(batch.table), len(names)), np.nan)
    wide[:, [at[name] for name in batch.header.columns]] = batch.table
    return wide


def _resume_points(batches: list[_Batch]) -> dict[int, float]:
    """Session -> the step after which earlier sessions' rows are void."""
    points: dict[int, float] = {}
    for batch in batches:
        header = batch.header
        first = float(batch.table[:, header.columns.index(schema.STEP)].min(initial=np.inf)) - 1
        after = first if header.resumed_after is None else min(first, float(header.resumed_after))
        points[header.session] = min(points.get(header.session, np.inf), after)
    return points


def _standing(step: Floats, session: Floats, resumed_after: dict[int, float]) -> NDArray[np.int64]:
    """Which rows stand, in the order of their steps. Rows come ordered by session, then by time."""
    valid = np.isfinite(step)
    for number, after in resumed_after.items():
        valid &= ~((session < number) & (step > after))
    at = np.flatnonzero(valid)
    # Of equal steps the last one written stands: look for the first from behind.
    _, from_behind = np.unique(step[at][::-1], return_index=True)
    return np.asarray(at[len(at) - 1 - from_behind])


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Element by element, NaN for 0/0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(denominator > 0, numerator / denominator, np.nan)
