"""From queued items to rows that wait: whoever builds them, none is lost and none uncounted."""

from collections import deque

import pytest

from rlviz.record import events
from rlviz.record.account import Account
from rlviz.record.assembly import Assembly
from rlviz.record.items import ends_a_step
from rlviz.record.late import LateSums
from rlviz.record.ranks import FirstRank
from rlviz.record.rows import RowBuilder
from rlviz.schema import FAILURE


def assembly(items, **options):
    builder = RowBuilder(ema_weight=0.5, on_error=pytest.fail)
    account = Account()
    account.logged = account.entered = sum(map(ends_a_step, items))
    late = LateSums()
    ranks = FirstRank(None, pytest.fail, late)
    return Assembly(items, builder, ranks, account, late, **options)


def steps(*numbers):
    """Items of some steps that spend 10 FLOPs each."""
    return deque(
        item for n in numbers for item in [(None, 1.0, 10, None, None), (n, 100.0 + n, None)]
    )


def taken(one, *, extras_alone=False):
    """All that can be written now: the numbers of the steps, and the other events."""
    rows = ()
    while (part := one.take(10**6, extras_alone=False)[0]) != ():
        rows += part
        one.settle(written=True)
    extras = one.take(10**6, extras_alone=extras_alone or bool(rows))[1]
    one.settle(written=True)
    return [int(step) for part in rows for step in part.steps], list(extras)


def test_a_slice_of_the_queue_is_built_at_a_time_and_a_step_may_be_cut_by_it():
    one = assembly(steps(1, 2))
    assert one.build(3)  # an item is left
    assert (one.waiting, one.unclosed) == (1, 1)
    assert not one.build()
    assert (one.waiting, one.unclosed) == (2, 0)
    assert taken(one) == ([1, 2], [])
    assert one.waiting == 0


def test_the_state_is_that_after_the_last_row_that_was_built():
    items = steps(1, 2)
    one = assembly(items)
    before = one.state
    one.build()
    assert (one.state["step"], one.state["flops"]) == (2, {"total": 20})
    items.extend(steps(3))
    assert one.state["step"] == 2
    assert (before["step"], before["flops"]) == (0, {})  # a state of then stays so
    assert one.unwritten == 2
    assert taken(one)[0] == [1, 2]


def test_steps_of_a_build_that_fails_are_counted_as_dropped():
    one = assembly(steps(1, 2, 3))

    def fail(some):
        raise MemoryError

    one._builder.close_steps, close = fail, one._builder.close_steps
    with pytest.raises(MemoryError):
        one.build(4)
    one._builder.close_steps = close
    one.build()
    assert one._account.counts == (3, 0, 2, 1)
    assert one._account.causes[FAILURE] == 2
    assert taken(one)[0] == [3]
    assert one._account.counts == (3, 1, 2, 0)


def test_what_is_not_rows_waits_for_the_first_of_them_unless_it_is_asked_for():
    opening = events.text(1.0, 0, "rlviz/config", "a")
    items = deque()
    one = assembly(items, opening=[opening])
    assert taken(one) == ([], [])
    assert one.take(10**6, extras_alone=True) == ((), (opening,))
    one.settle(written=False)
    items.extend(steps(1))
    one.build()
    assert taken(one) == ([1], [opening])


def test_many_rows_are_to_be_written_before_more_are_built():
    one = assembly(steps(*range(1, 6601)))
    one.build(2 * 6500)
    assert not one.has_many_rows
    one.build()
    assert one.has_many_rows
    assert taken(one)[0][-1] == 6600
    assert not one.has_many_rows
