"""Rows on disk: their columns, and the tag that each batch stands under."""

import math
from dataclasses import replace

import numpy as np

from rlviz import schema
from rlviz.record.encoding import Layouts, Table


def test_columns_only_ever_grow():
    def columns(**values):
        return {name: np.array(column) for name, column in values.items()}

    table = Table()
    first = table.stack(columns(step=[1.0, 2.0]))
    assert (table.names, first.tolist()) == (("step",), [[1.0], [2.0]])
    second = table.stack(columns(b=[3.0], step=[4.0]))
    assert (table.names, second.tolist()) == (("step", "b"), [[4.0, 3.0]])
    third = table.stack(columns(step=[5.0]))
    assert table.names == ("step", "b")
    assert third[0, 0] == 5.0
    assert math.isnan(third[0, 1])


def test_a_new_header_starts_a_new_layout_and_so_do_512_batches():
    layouts = Layouts()
    plain = schema.RowsHeader(0, ("step", "session"))
    assert [layouts.of(plain, 1) for _ in range(3)] == [0, 0, 0]
    wider = replace(plain, columns=("step", "session", "metrics/loss"))
    assert [layouts.of(wider, 1), layouts.of(wider, 1)] == [1, 1]
    assert layouts.of(replace(wider, dropped=2), 1) == 2
    lacking = replace(wider, dropped=2, missing_ranks=(1,))
    assert [layouts.of(lacking, 1) for _ in range(1200)] == [3] * 512 + [4] * 512 + [5] * 176
    assert layouts.of(replace(lacking, missing_ranks=()), 1) == 6
    # So it does where batches are large, so that little is read again.
    plain = replace(lacking, missing_ranks=())
    assert [layouts.of(plain, 10_000) for _ in range(9)] == [6] * 4 + [7] * 4 + [8]
