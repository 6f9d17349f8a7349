"""Which rows stand: as a search through all rows finds them, whatever the sessions did."""

import random

import numpy as np
import pytest

from rlviz import schema
from rlviz.report.history.batches import Batch
from rlviz.report.history.columns import Columns
from rlviz.report.history.sessions import merge
from rlviz.report.history.standing import StandingRows

NAMES = ("step", "session", "metrics/number", "flops/total", "flops_remainder/total")


def batch(session, steps, numbers, *, written=None, resumed_after=None, flops=None):
    """Rows of a session; each has a number of its own, and one FLOP a step by default."""
    counts = np.arange(1.0, len(steps) + 1) if flops is None else flops
    columns = [steps, np.full(len(steps), session), numbers, counts, np.zeros(len(steps))]
    table = np.array(columns, dtype=float).T.reshape(len(steps), len(NAMES))
    header = schema.RowsHeader(session, NAMES, resumed_after, writer=f"w{session}")
    return Batch(header, table, written)


def expected(batches):
    """Step -> number of the row that stands, by going through all rows."""
    starts = {}
    for one in batches:
        finite = one.table[:, 0][np.isfinite(one.table[:, 0])]
        after = finite[0] - 1 if len(finite) else np.inf
        if one.header.resumed_after is not None:
            after = min(after, one.header.resumed_after)
        if starts.get(one.header.session, np.inf) == np.inf:
            starts[one.header.session] = after
    found = {}
    for one in batches:
        number = one.header.session
        for step, row in zip(one.table[:, 0], one.table[:, 2], strict=True):
            voided = any(step > after for other, after in starts.items() if other > number)
            if np.isfinite(step) and not voided:
                found[step] = row
    return found


def chance_run(seed):
    chance = random.Random(seed)
    batches, number, step = [], 0, 0
    for session in range(chance.randrange(1, 7)):
        if session:
            step = max(step - chance.choice([0, 0, 1, 3, 10]), 0)
        resumed = chance.choice([None, step]) if session else None
        for _ in range(chance.randrange(1, 5)):
            steps = []
            for _ in range(chance.randrange(0, 6)):
                step += chance.choice([1, 1, 1, 1, 2, 5] + [0, -2, -4] * (chance.random() < 0.2))
                step = max(step, 0)
                steps.append(float(step) if chance.random() > 0.03 else np.nan)
            numbers = np.arange(number, number + len(steps))
            number += len(steps)
            batches.append(batch(session, np.array(steps), numbers, resumed_after=resumed))
    return batches


@pytest.mark.quick(40)
@pytest.mark.parametrize("seed", range(300))
def test_the_rows_that_stand_are_those_that_a_search_through_all_finds(seed):
    batches = chance_run(seed)
    merged = merge(batches)
    standing = expected(batches)
    assert list(merged.columns["step"]) == sorted(standing)
    assert list(merged.columns["metrics/number"]) == [standing[s] for s in sorted(standing)]
    every = np.concatenate([one.table[:, 2] for one in merged.batches])
    assert list(every[merged.places()]) == list(merged.columns["metrics/number"])
    rows = sum(int(np.isfinite(one.table[:, 0]).sum()) for one in batches)
    assert merged.superseded == rows - len(standing)


class Counted(Batch):
    """A batch that counts the rows that are looked at."""

    looked = 0

    def block(self, begin, end):
        Counted.looked += end - begin
        return super().block(begin, end)


@pytest.mark.parametrize("resumed", [True, False])
def test_of_many_sessions_each_row_is_looked_at_a_few_times_at_most(resumed):
    sessions, each = 300, 40
    batches = []
    for session in range(sessions):
        first = session * (each - 5) + 1
        plain = batch(
            session,
            np.arange(first, first + each),
            np.arange(each),
            resumed_after=first - 1 if resumed else None,
        )
        batches.append(Counted(plain.header, plain.table, plain.written))
    Counted.looked = 0
    merged = merge(batches)
    assert merged.columns.rows == sessions * (each - 5) + 5
    # At a restart the last 1,000 steps and the next 1,000 tell how far apart they are.
    assert Counted.looked <= sessions * (6 * each + 2 * 1000)


def test_the_largest_count_is_kept_while_rows_are_cut_and_added():
    offsets = {0: {}, 1: {"total": 100}}
    standing = StandingRows(offsets)
    assert standing.most("total") == 0
    standing.add([batch(0, np.arange(1, 11), np.zeros(10))])
    assert standing.most("total") == 10
    standing.cut(6)
    assert standing.most("total") == 6
    standing.add([batch(1, np.arange(7, 9), np.zeros(2))])
    assert standing.most("total") == 102
    standing.cut(0)
    assert (standing.most("total"), standing.last) == (0, None)
    assert Columns(NAMES, standing.stretches).rows == 0
