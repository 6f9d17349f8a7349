"""Finds rows that a log holds more than once: printed by two handlers, by every rank, or copied."""

import numpy as np
from numpy.typing import NDArray

from rlviz.importers import names
from rlviz.importers.log import Floats, Log
from rlviz.importers.timeline import MOST_FALLS

_MOST_ODD = 0.1
"""Of the steps with equal rows, the share that may have further rows that differ in number."""


def without_repeats(log: Log, step: Floats) -> tuple[Log, str]:
    """The log with rows that are equal in all but their time and their process once, and a
    sentence on it, empty if there are none.

    Equal rows of a step are copies if all rows of that step come equally often. Where single
    answers are logged, equal rows are different answers. Where the steps go back now and then, the
    rows behind are those of a resumed run, and no copies, if any of them is new.

    Args:
        log: what was read.
        step: the step of each row, (rows,), NaN where it has none.
    """
    if not log.count or any(_tells_single_answers(log, name) for name in log.series):
        return log, ""
    keys = _keys(log)
    known = np.flatnonzero(~np.isnan(step))
    if len(known) < 2:
        return log, ""
    starts = _starts(step[known], keys[known])
    at = np.stack([starts.astype(np.float64), step[known]], axis=1)
    _, of_row = np.unique(at, axis=0, return_inverse=True)
    pairs, first, which, copies = np.unique(
        np.stack([of_row.ravel().astype(np.uint64), keys[known]], axis=1),
        axis=0,
        return_index=True,
        return_inverse=True,
        return_counts=True,
    )
    if len(pairs) == len(known):
        return log, ""
    _, of_step = np.unique(pairs[:, 0], return_inverse=True)
    least, most = (np.full(of_step.max() + 1, start) for start in (len(known), 0))
    np.minimum.at(least, of_step, copies)
    np.maximum.at(most, of_step, copies)
    copied, odd = (most > 1) & (least == most), (most > 1) & (least < most)
    if np.count_nonzero(odd) > _MOST_ODD * np.count_nonzero(copied | odd):
        return log, ""
    keep = np.ones(log.count, np.bool_)
    repeated = copied[of_step][which.ravel()]
    repeated[first] = False
    keep[known[repeated]] = False
    gone = int(np.count_nonzero(~keep))
    if not gone:
        return log, ""
    what = "values were" if log.events else "rows were"
    return log.part(keep), (
        f"{gone:,} {what} logged again, equal in everything but their time, and count once."
    )


def _starts(step: Floats, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Which start of the run each row is of, (n,): steps that go back begin another one, unless
    all that follows stood there before."""
    back = np.diff(step, prepend=step[0]) < 0
    starts = np.cumsum(back)
    if np.count_nonzero(back) > MOST_FALLS * len(step):
        return np.zeros_like(starts)
    content = np.stack([step.view(np.uint64), keys], axis=1)
    _, first, which = np.unique(content, axis=0, return_index=True, return_inverse=True)
    begins = np.searchsorted(starts, starts)
    is_new = first[which.ravel()] >= begins
    has_new = np.bincount(starts, is_new) > 0
    return np.where(has_new[starts], starts, 0)


def _tells_single_answers(log: Log, name: str) -> bool:
    if names.plain(name) not in names.SINGLE_ANSWERS:
        return False
    return bool(np.isin(log.series[name].numbers(), (0.0, 1.0)).all())


def _keys(log: Log) -> NDArray[np.uint64]:
    """A number for the content of each row, (rows,), which does not depend on the order of its
    columns."""
    keys = np.zeros(log.count, np.uint64)
    apart = {*names.TIMESTAMPS, *names.DATES, *names.ELAPSED, *names.PROCESSES}
    for name, series in log.series.items():
        if names.plain(name) not in apart:
            salt = np.uint64(hash(name) & (2**64 - 1))
            np.add.at(keys, series.rows(), _mixed(series.numbers().view(np.uint64) ^ salt))
    for name, labels in log.labels.items():
        if labels is not None and names.plain(name) in set(names.RUNS) - apart:
            salts = np.array([hash((name, text)) & (2**64 - 1) for text in labels.texts], np.uint64)
            codes = np.array(labels.codes, np.int64)
            np.add.at(keys, np.array(labels.at, np.int64), _mixed(salts[codes]))
    return keys


def _mixed(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Numbers whose sums tell their parts apart: splitmix64 (Steele, Lea, Flood, OOPSLA 2014)."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
