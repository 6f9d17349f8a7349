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
        self, context: Any, experiment: str, wanted: Mapping[str, Mapping[str, Stamp]]
    ) -> dict[str, dict[str, Rows]]:
        """Run -> tag -> its rows, of the tags that are wanted; of one that is gone there are none.

        A question to TensorBoard's data server takes 40 ms, however little is asked. So runs that
        want the same tags are read together.
        """
        together: dict[frozenset[str], list[str]] = {}
        for run, stamps in wanted.items():
            together.setdefault(frozenset(stamps), []).append(run)
        found: dict[str, dict[str, Rows]] = {run: {} for run in wanted}
        for runs in together.values():
            for some, tags in _requests({run: wanted[run] for run in runs}):
                answer = self._provider.read_tensors(
                    context,
                    experiment_id=experiment,
                    plugin_name=schema.PLUGIN,
                    downsample=_ALL,
                    run_tag_filter=tensorboard_data.RunTagFilter(runs=some, tags=tags),
                )
                for run in some:
                    series = answer.get(run, {})
                    for tag in tags:
                        header = wanted[run][tag].header
                        found[run][tag] = _rows(tag, header, series.get(tag, ()))
        return found


def _requests(
    wanted: Mapping[str, Mapping[str, Stamp]],
) -> Iterator[tuple[list[str], list[str]]]:
    """Runs and tags, as many at a time as can be asked for at once; all want the same tags."""
    sizes = {run: bounds(stamps) for run, stamps in wanted.items()}
    some: list[str] = []
    for run, of_tags in sizes.items():
        if sum(of_tags.values()) > _READ_BYTES:
            for tags in parts(of_tags, _READ_BYTES):
                yield [run], tags
        else:
            some.append(run)
    for runs in parts({run: sum(sizes[run].values()) for run in some}, _READ_BYTES):
        yield runs, list(wanted[runs[0]])


def parts(sizes: Mapping[str, int], most_bytes: int, most: int = _ALL) -> Iterator[list[str]]:
    """Names in their order, cut where their sizes or their number would be too large.

    >>> list(parts({"a": 3, "b": 3, "c": 9, "d": 1}, most_bytes=6))
    [['a', 'b'], ['c'], ['d']]
    """
    part: list[str] = []
    size = 0
    for name, more in sizes.items():
        if part and (size + more > most_bytes or len(part) == most):
            yield part
            part, size = [], 0
        part.append(name)
        size += more
    if part:
        yield part


def bounds(stamps: Mapping[str, Stamp]) -> dict[str, int]:
    """Tag -> how many bytes its rows take at most."""
    found = {}
    before = 0
    session = ""
    for tag in sorted(stamps, key=lambda tag: (_session(tag), stamps[tag].max_step or 0)):
        stamp = stamps[tag]
        if _session(tag) != session:
            session, before = _session(tag), 0
        # A session counts its rows over all its tags: this one holds at most those since the last.
        count = max((stamp.max_step or 0) - _FIRST_COUNT, 0)
        found[tag] = 8 * stamp.header.count(b",") * max(count - before, 1)
        before = count
    return found


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
