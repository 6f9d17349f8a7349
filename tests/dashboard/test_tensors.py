"""The short cuts into TensorBoard's two providers."""

import numpy as np
import pytest
from tensorboard.context import RequestContext

from rlviz.dashboard.rows import RowSource

from .conftest import Counting


@pytest.mark.slow
@pytest.mark.parametrize("loader", ["true", "false"], ids=["data server", "python loader"])
def test_any_other_provider_gives_the_same_rows(open_board, corpus, loader):
    """The short cuts into TensorBoard's own two give what `read_tensors` gives."""
    board = open_board(corpus, loader)
    board.wait_for_the_end([path.name for path in corpus.iterdir()])
    provider, context = board.board._ingester.data_provider, RequestContext()
    source, other = RowSource(provider), RowSource(Counting(provider))
    stamps = source.stamps(context, "")
    quick, slow = (one.read(context, "", stamps) for one in (source, other))
    assert {run: set(tags) for run, tags in quick.items()} == {
        run: set(tags) for run, tags in stamps.items()
    }
    for run, tags in quick.items():
        for tag, rows in tags.items():
            assert rows.complaints == slow[run][tag].complaints == ()
            assert len(rows.batches) == len(slow[run][tag].batches) > 0
            for mine, its in zip(rows.batches, slow[run][tag].batches, strict=True):
                assert (mine.header, mine.written) == (its.header, its.written)
                np.testing.assert_array_equal(mine.table, its.table)
