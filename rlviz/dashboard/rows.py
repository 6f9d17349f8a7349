"""Reads rows from TensorBoard's data provider: which tags a run has, and the batches in them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from tensorboard.data import provider as tensorboard_data

from rlviz import schema
from rlviz.report.files import Batch

_ALL = 1 << 30
"""More batches than a tag can have: none is to be left out."""
_READ_BYTES = 64 << 20
"""So much is asked for at once, or a single tag; TensorBoard's own limit is 256 MiB."""
_FIRST_COUNT = -(2**53)


class Stamp(NamedTuple):
    """What tells whether a tag has other rows than before."""

    max_step: int
    max_wall_time: float
    header: bytes


@dataclass(frozen=True, slots=True)
class Rows:
    """All batches of one tag."""

    batches: tuple[Batch, ...]
    complaints: tuple[str, ...] = ()
    """What of it can't be read, as sentences."""

    @property
    def nbytes(self) -> int:
        return sum(batch.table.nbytes for batch in self.batches)


class Source:
    """The runs of one TensorBoard, as its provider gives them.

    Args:
        provider: a `tensorboard.data.provider.DataProvider`, of either loader.
    """

    def __init__(self, provider: Any) -> None:
        self._provider = provider

    def stamps(self, context: Any, experiment: str) -> dict[str, dict[str, Stamp]]:
        """Run -> tag -> stamp, of all tags that hold rows."""
        listed = self._provider.list_tensors(
            context, experiment_id=experiment, plugin_name=schema.PLUGIN
        )
        found = {}
        for run, tags in listed.items():
            of_run = {
                tag: Stamp(series.max_step, series.max_wall_time, series.plugin_content)
                for tag, series in tags.items()
                if schema.is_rows_tag(tag)
            }
            if of_run:
                found[run] = of_run
        return found

    def read(
        self, context: Any, experiment: str, run: str, stamps: Mapping[str, Stamp]
    ) -> dict[str, Rows]:
        """Tag -> its rows, of the tags that are given; one that is gone meanwhile has none."""
        found = {}
        for tags in _parts(stamps):
            series = self._provider.read_tensors(
                context,
                experiment_id=experiment,
                plugin_name=schema.PLUGIN,
                downsample=_ALL,
                run_tag_filter=tensorboard_data.RunTagFilter(runs=[run], tags=tags),
            ).get(run, {})
            for tag in tags:
                found[tag] = _rows(tag, stamps[tag].header, series.get(tag, ()))
        return found


def _parts(stamps: Mapping[str, Stamp]) -> Iterator[list[str]]:
    """The tags, as many at a time as can be asked for at once."""
    part: list[str] = []
    size = before = 0
    session = ""
    for tag in sorted(stamps, key=lambda tag: (_session(tag), stamps[tag].max_step or 0)):
        stamp = stamps[tag]
        if _session(tag) != session:
            session, before = _session(tag), 0
        # A session counts its rows over all its tags: this one holds at most those since the last.
        count = max((stamp.max_step or 0) - _FIRST_COUNT, 0)
        bound = 8 * stamp.header.count(b",") * max(count - before, 1)
        before = count
        if part and size + bound > _READ_BYTES:
            yield part
            part, size = [], 0
        part.append(tag)
        size += bound
    if part:
        yield part


def _session(tag: str) -> str:
    return tag.partition(".")[0]


def _rows(tag: str, content: bytes, points: Iterable[Any]) -> Rows:
    try:
        header = schema.RowsHeader.from_bytes(content)
    except schema.NewerFormatError as error:
        return Rows((), (f"The rows under {tag} can't be read: {error}",))
    except ValueError:
        return Rows(
            (),
            (
                f"The rows under {tag} can't be read: their header is damaged. TensorBoard has no "
                "other; `rlviz doctor` looks for one.",
            ),
        )
    batches = []
    senseless = 0
    for point in points:
        table = np.asarray(point.numpy)
        if table.dtype == np.float64 and table.ndim == 2 and table.shape[1] == len(header.columns):
            written = point.step - _FIRST_COUNT
            batches.append(Batch(header, table, written if written < 2**52 else None))
        else:
            senseless += 1
    complaints: tuple[str, ...] = ()
    if senseless:
        complaints = (f"{senseless} batches of rows under {tag} do not fit their header.",)
    return Rows(tuple(_joined(batches)), complaints)


def _joined(batches: Sequence[Batch]) -> Iterator[Batch]:
    """The same rows in fewer batches: those are put together between which nothing is missing."""
    following: list[Batch] = []
    for batch in batches:
        if following:
            last = following[-1].written
            if last is None or batch.written != last + len(batch.table):
                yield _stacked(following)
                following = []
        following.append(batch)
    if following:
        yield _stacked(following)


def _stacked(batches: Sequence[Batch]) -> Batch:
    if len(batches) == 1:
        return batches[0]
    table = np.concatenate([batch.table for batch in batches])
    return Batch(batches[0].header, table, batches[-1].written)
