"""Exact counts in two columns: many at a time they are what Python's integers are."""

import random

import numpy as np
import pytest

from rlviz import schema
from rlviz.report.history.counts import largest, plus

HARD = [0, 1, 2**53 - 1, 2**53, 2**53 + 1, 2**54 + 1, 2**60 + 2**7, 2**105 - 1, 10**23 + 1]


def split(counts):
    return np.array([schema.split_count(count) for count in counts]).T


def check(counts, offset):
    nearest, remainder = plus(*split(counts), offset)
    expected = split([count + offset for count in counts])
    np.testing.assert_array_equal([nearest, remainder], expected)


@pytest.mark.parametrize("offset", HARD)
def test_a_count_is_added_to_the_last_digit(offset):
    check(HARD, offset)


def test_any_count_added_to_any_other_is_what_integers_make():
    chance = random.Random(0)
    for _ in range(300):
        counts = [chance.getrandbits(chance.randrange(1, 106)) for _ in range(20)]
        check(counts, chance.getrandbits(chance.randrange(1, 106)))


def test_halfway_between_two_floats_it_rounds_as_python_does():
    for base in (2**53, 2**54, 2**80, 2**100):
        check([base + k for k in range(-3, 4)], base // 2**53 + 1)


def test_an_unknown_count_stays_unknown():
    nearest, remainder = plus(np.array([np.nan, 1.0]), np.array([np.nan, 0.0]), 5)
    assert np.isnan([nearest[0], remainder[0]]).all()
    assert (nearest[1], remainder[1]) == (6, 0)


def test_counts_beyond_what_two_floats_hold_raise_nothing():
    nearest, _ = plus(*split([2**105, 5]), 2**120)
    assert list(nearest) == [float(2**105 + 2**120), 2.0**120]


def test_of_counts_that_float64_cannot_tell_apart_the_largest_is_found():
    assert largest(*split([2**60 + 1, 2**60 + 3, 2**60 + 2, 7])) == 2**60 + 3
    assert largest(np.array([np.nan, np.inf]), np.array([0.0, 0.0])) is None
    assert largest(np.array([5.0]), None) == 5
