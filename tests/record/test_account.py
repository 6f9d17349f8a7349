"""The counts of steps on their way: each on its own, and the cause of what is dropped."""

import pytest

from rlviz.record.account import Account, Passed
from rlviz.schema import DISK, LOOP, SIZE


def test_each_count_is_kept_on_its_own_so_that_a_lost_step_shows():
    account = Account()
    account.logged, account.entered, account.refused = 10, 8, 2
    account.passed = Passed(taken=5, held=2, written=2, dropped=1)
    assert account.counts == (10, 2, 3, 5)
    assert sum(account.counts[1:]) == 10
    account.passed = Passed(taken=5, held=1, written=2, dropped=1)  # one of those held got lost
    assert sum(account.counts[1:]) == 9


@pytest.mark.parametrize(
    ("steps", "size", "fill"), [(50, 0, 0.5), (50, 900, 0.9), (0, 0, 0.0), (110, 0, 1.1)]
)
def test_the_memory_is_as_full_as_the_fuller_of_its_two_limits(steps, size, fill):
    account = Account(row_limit=100, byte_limit=1000)
    account.logged = account.entered = steps
    account.came, account.gone = size + 7, 7
    assert account.fill == pytest.approx(fill)
    assert account.is_half_full == (fill > 0.5)


@pytest.mark.parametrize(
    ("size", "disk", "cause"),
    [
        (30_000, {}, LOOP),
        (900_000, {}, SIZE),
        (900_000, {"disk_fails": True}, DISK),
        (30_000, {"disk_is_slow": True}, DISK),
        (30_000, {"asked_disk": -1e9}, DISK),
        (30_000, {"asked_disk": 1e18}, LOOP),
    ],
)
def test_the_cause_is_what_fills_the_memory_and_the_disk_only_when_it_is(size, disk, cause):
    account = Account(row_limit=100, byte_limit=1_000_000)
    account.logged = account.entered = 50
    account.came = size
    for name, value in disk.items():
        setattr(account, name, value)
    assert account.cause() == cause
    assert ("the disk" in account.says(account.cause())) == (cause == DISK)
