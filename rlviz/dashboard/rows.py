"""Reads rows from TensorBoard's data provider: which tags a run has, and the batches in them."""

import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import compress, pairwise
from typing import Any, NamedTuple

import numpy as np

from rlviz import schema
from rlviz.dashboard import tensors
from rlviz.dashboard.tensors import Tensors
from rlviz.report.history.admission import admitted
from rlviz.report.history.batches import Batch, table_of
from rlviz.report.history.settings import Settings, decoded

_HPARAMS = "hparams"
"""TensorBoard's plugin that holds configurations."""
_READ_BYTES = 64 << 20
"""The most bytes per request, unless one tag has more; TensorBoard's own limit is 256 MiB."""


class Stamp(NamedTuple):
    """Shows whether the rows of a tag have changed."""

    max_step: int
    max_wall_time: float
    header: bytes


@dataclass(frozen=True, slots=True)
class TagRows:
    """All batches of one tag."""

    batches: tuple[Batch, ...]
    complaints: tuple[str, ...] = ()
    """The parts that can't be read, as sentences."""

    @property
    def nbytes(self) -> int:
        return sum(batch.table.nbytes for batch in self.batches)


class RowSource:
    """The runs of one TensorBoard, from its data provider.

    Args:
        provider: a `tensorboard.data.provider.DataProvider`, of either loader.
    """

    def __init__(self, provider: Any) -> None:
        self._provider = provider

    def stamps(self, context: Any, experiment: str) -> dict[str, dict[str, Stamp]]:
        """Run -> tag -> stamp, for all tags that hold rows."""
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

    def told(self, context: Any, experiment: str) -> dict[str, tuple[Settings, float]]:
        """Run -> its configuration, and when its last session said that it was done (seconds since
        1970-01-01 UTC), or -inf; for runs with a configuration, TensorBoard tells of no others."""
        listed = self._provider.list_tensors(
            context, experiment_id=experiment, plugin_name=_HPARAMS
        )
        found = {}
        for run, tags in listed.items():
            begin, end = (
                tags.get(f"_{_HPARAMS}_/session_{part}_info") for part in ("start", "end")
            )
            settings = {} if begin is None else decoded(begin.plugin_content)
            found[run] = (settings, -math.inf if end is None else end.max_wall_time)
        return found

    def read(
        self, context: Any, experiment: str, wanted: Mapping[str, Mapping[str, Stamp]]
    ) -> dict[str, dict[str, TagRows]]:
        """Run -> tag -> its rows, for the wanted tags; a tag that is gone has no rows.

        A request to TensorBoard's data server takes 40 ms, however little it asks for. So runs that
        want the same tags are read together.
        """
        together: dict[frozenset[str], list[str]] = {}
        for run, stamps in wanted.items():
            together.setdefault(frozenset(stamps), []).append(run)
        found: dict[str, dict[str, TagRows]] = {run: {} for run in wanted}
        for runs in together.values():
            for some, tags in _requests({run: wanted[run] for run in runs}):
                answer = tensors.read(self._provider, context, experiment, some, tags)
                for run in some:
                    series = answer.get(run, {})
                    for tag in tags:
                        found[run][tag] = _rows(tag, wanted[run][tag].header, series.get(tag))
        return found


def _requests(
    wanted: Mapping[str, Mapping[str, Stamp]],
) -> Iterator[tuple[list[str], list[str]]]:
    """Runs and tags in groups that fit into one request; all runs want the same tags."""
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


def parts(
    sizes: Mapping[str, int], most_bytes: int, most: int = sys.maxsize
) -> Iterator[list[str]]:
    """Names in order, in parts whose sizes and lengths don't exceed the limits.

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
    """Tag -> the most bytes that its rows can take."""
    found = {}
    before = 0
    session = ""
    for tag in sorted(stamps, key=lambda tag: (_session(tag), stamps[tag].max_step or 0)):
        stamp = stamps[tag]
        if _session(tag) != session:
            session, before = _session(tag), 0
        # A session counts rows over all its tags: this tag holds at most those since the last tag.
        count = max((stamp.max_step or 0) - schema.FIRST_ROW_STEP, 0)
        found[tag] = 8 * stamp.header.count(b",") * max(count - before, 1)
        before = count
    return found


def _session(tag: str) -> str:
    return tag.partition(".")[0]


def _rows(tag: str, content: bytes, found: Tensors | None) -> TagRows:
    try:
        header = schema.RowsHeader.from_bytes(content)
    except schema.NewerFormatError as error:
        return TagRows((), (f"The rows under {tag} can't be read: {error}",))
    except ValueError:
        return TagRows(
            (),
            (
                f"The rows under {tag} can't be read: their header is damaged. TensorBoard has no "
                "other; `rlviz doctor` looks for one.",
            ),
        )
    if found is None:
        return TagRows(())
    fits = [
        _fits(content, shape, header)
        for content, shape in zip(found.contents, found.shapes, strict=True)
    ]
    complaints: list[str] = []
    if senseless := fits.count(False):
        complaints = [f"{senseless} batches of rows under {tag} do not fit their header."]
        found = Tensors(
            list(compress(found.steps, fits)),
            list(compress(found.shapes, fits)),
            list(compress(found.contents, fits)),
        )
    batches = []
    for batch in _batches(header, found):
        sound = admitted(batch.header, np.asarray(batch.table))
        batches.append(replace(batch, header=sound.header, table=sound.table))
        complaints += [f"Rows under {tag} make no sense: {what}." for what in sound.complaints]
    return TagRows(tuple(batches), tuple(dict.fromkeys(complaints)))


def _fits(content: bytes, shape: tuple[int, ...], header: schema.RowsHeader) -> bool:
    try:
        table_of(content, shape, header)
    except ValueError:
        return False
    return True


def _batches(header: schema.RowsHeader, found: Tensors) -> Iterator[Batch]:
    """The rows in as few batches as possible: a new batch begins where the count shows that rows
    are missing or came twice."""
    if not found.steps:
        return
    table = np.frombuffer(b"".join(found.contents), "<f8").reshape(-1, len(header.columns))
    rows = np.array([shape[0] for shape in found.shapes])
    steps = np.array(found.steps, dtype=np.int64)
    first = schema.FIRST_ROW_STEP
    is_counted = (steps < first // 2) & (steps - rows >= first)  # else it is none
    written = np.where(is_counted, steps - first * is_counted, 0)
    both = is_counted[1:] & is_counted[:-1]
    follows = both & (written[1:] == written[:-1] + rows[1:])
    starts = np.concatenate([[0], np.flatnonzero(~follows) + 1, [len(rows)]])
    ends = np.concatenate([[0], np.cumsum(rows)])
    for begin, after in pairwise(starts.tolist()):
        count = int(written[after - 1]) if is_counted[after - 1] else None
        yield Batch(header, table[ends[begin] : ends[after]], count)
