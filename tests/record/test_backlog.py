"""What waits for the disk: in order, in bounded memory, figures before rows."""

import numpy as np
import pytest

from rlviz.record import events
from rlviz.record.backlog import Backlog
from rlviz.record.rows import ClosedSteps

PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)


def steps(*numbers):
    return ClosedSteps(
        np.array(numbers), np.ones(len(numbers)), {"step": np.array(numbers, float)}, {}
    )


def written(backlog, most_bytes=10**6):
    """What a write takes: the numbers of the steps, and the other events."""
    backlog.take(most_bytes)
    rows, extras = backlog.taken, backlog.taken_extras
    backlog.taken = backlog.taken_extras = ()
    return [int(step) for part in rows for step in part.steps], list(extras)


def test_rows_leave_in_the_order_in_which_they_came_and_may_be_put_back():
    backlog = Backlog([], row_limit=100, byte_limit=10**6)
    backlog.add(steps(1, 2))
    backlog.add(steps())
    size = backlog.nbytes
    backlog.take(10**6)
    assert (len(backlog), backlog.nbytes, backlog.is_empty) == (2, size, True)  # still counted
    backlog.add(steps(3))
    backlog.put_back()
    assert len(backlog) == 3
    assert written(backlog) == ([1, 2, 3], [])
    assert (len(backlog), backlog.nbytes, backlog.dropped) == (0, 0, 0)


def test_a_piece_holds_what_its_bytes_allow_and_a_step_at_least():
    backlog = Backlog([], row_limit=100, byte_limit=10**6)
    backlog.add(steps(*range(1, 11)))
    backlog.add(steps(11, 12))
    one = steps(1).encoded_bytes
    assert written(backlog, 1) == ([1], [])
    assert written(backlog, 4 * one)[0][:3] == [2, 3, 4]
    rest = written(backlog, 100 * one)[0]
    assert rest[-3:] == [10, 11, 12]
    assert (len(backlog), backlog.nbytes) == (0, 0)


@pytest.mark.parametrize(
    "limits", [{"row_limit": 3}, {"byte_limit": steps(1, 2).nbytes + steps(3).nbytes}]
)
def test_beyond_either_limit_figures_go_first_and_then_the_oldest_rows(limits):
    backlog = Backlog([], **{"row_limit": 100, "byte_limit": 10**6, **limits})
    opening = events.text(1.0, 0, "rlviz/config", "a")
    backlog.add_extras([opening])
    backlog.illustrate([events.figure(1.0, 1, PNG)])
    backlog.add(steps(1, 2))
    backlog.add(steps(3))
    assert backlog.dropped == 0
    backlog.add(steps(4))
    assert backlog.dropped == 2
    assert written(backlog) == ([3, 4], [])
    assert written(backlog) == ([], [opening])


def test_the_last_rows_stay_however_large_they_are():
    backlog = Backlog([], row_limit=2, byte_limit=10**6)
    backlog.add(steps(1, 2, 3, 4))
    assert (len(backlog), backlog.dropped) == (4, 0)


def test_a_new_figure_takes_the_place_of_the_one_that_waits():
    backlog = Backlog([events.text(1.0, 0, "rlviz/config", "a")], row_limit=9, byte_limit=10**6)
    backlog.illustrate([events.figure(1.0, 1, PNG), events.text(1.0, 1, "rlviz/summary", "old")])
    backlog.illustrate([events.figure(1.0, 2, PNG), events.text(1.0, 2, "rlviz/summary", "new")])
    assert [event.step for event in written(backlog)[1]] == [0, 2, 2]
    assert written(backlog) == ([], [])
