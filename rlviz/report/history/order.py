"""The order in which the sessions of a run began: by when their first files were made.

A session takes a number above those in the directory. Two that begin at once take the same, files
may be put together from two directories, and earlier versions took 0 where the directory could not
be listed. The time in a file's name never decreases as sessions follow each other, even where the
clock does, so it goes before the number.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from rlviz.report.history.batches import Batch

_Writer = tuple[int, str]
"""The number that a session took, and who wrote it."""


def told_apart(batches: Sequence[Batch]) -> tuple[list[Batch], dict[int, int]]:
    """The batches in the order of writing with one session number per writer, and the number that
    each writer took.

    Args:
        batches: in the order of their files.
    """
    numbers: dict[_Writer, int] = {}
    following = 0
    for writer in _in_order(batches):
        numbers[writer] = max(writer[0], following)
        following = numbers[writer] + 1
    renumbered = [_renumbered(batch, numbers[_writer(batch)]) for batch in batches]
    # File names follow the clock, which may be set back; the writer's own count is never set back.
    renumbered.sort(key=lambda b: (b.header.session, b.rows_before, b.written or 0))
    return renumbered, {number: session for (session, _), number in numbers.items()}


def _writer(batch: Batch) -> _Writer:
    return batch.header.session, batch.header.writer


def _is_in_its_file(batch: Batch) -> bool:
    """Whether the name of its file says the number of its session."""
    return batch.file is not None and batch.file.session == batch.header.session


def _in_order(batches: Sequence[Batch]) -> list[_Writer]:
    """The writers in the order in which they began."""
    earliest: dict[_Writer, float] = {}
    """The time of the earliest file that is here."""
    is_whole: set[_Writer] = set()
    """Whose first file is here."""
    at_home = {_writer(batch) for batch in batches if _is_in_its_file(batch)}
    for batch in batches:
        writer, file = _writer(batch), batch.file
        if writer in at_home and not _is_in_its_file(batch):
            continue  # somebody copied these rows into the file of another session
        seconds = np.inf if file is None else file.seconds
        earliest[writer] = min(seconds, earliest.get(writer, np.inf))
        if file is not None and file.number == 0:
            is_whole.add(writer)
    # One whose first file is gone began before those with a larger number, at the latest.
    began: dict[_Writer, float] = {}
    latest = np.inf
    for writer in sorted(earliest, key=lambda known: known[0], reverse=True):
        if writer in is_whole:
            began[writer] = earliest[writer]
            latest = min(latest, began[writer])
        else:
            began[writer] = min(earliest[writer], latest)
    return sorted(earliest, key=lambda known: (began[known], known[0]))  # ties: in order of files


def _renumbered(batch: Batch, number: int) -> Batch:
    if batch.header.session == number:
        return batch
    return replace(batch, header=replace(batch.header, session=number), known_span=batch.span)
