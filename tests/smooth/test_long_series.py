"""Long series are looked at a part at a time, and nothing at the seams is missed or seen twice."""

import numpy as np
import pytest

from rlviz.smooth.long_series import PART, distinct, never_decreases, parts, steps

LENGTHS = [0, 1, 2, PART, PART + 1, 2 * PART, 2 * PART + 7]


@pytest.mark.parametrize("length", LENGTHS)
def test_the_parts_cover_a_series_once_and_in_order(length):
    covered = [at for part in parts(length) for at in range(part.start, part.stop)]
    assert covered == list(range(length))


@pytest.mark.parametrize("length", LENGTHS[1:])
def test_every_pair_of_neighbors_has_its_difference_those_at_a_seam_too(length):
    x = np.random.default_rng(length).normal(size=length)
    np.testing.assert_array_equal(np.concatenate([[], *steps(x)]), np.diff(x))


@pytest.mark.parametrize("at", [1, PART - 1, PART, PART + 1, 2 * PART])
def test_one_fall_is_noticed_wherever_it_is(at):
    x = np.arange(2.0 * PART + 7)
    assert never_decreases(x)
    x[at] = x[at - 1] - 0.5
    assert not never_decreases(x)


def test_values_that_repeat_across_a_seam_count_once():
    x = np.repeat(np.arange(100.0), 2000)
    assert distinct(x) == 100
    assert distinct(x[:0]) == 0
    assert distinct(x[:1]) == 1
