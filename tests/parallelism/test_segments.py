"""Flat arrays that offsets cut into segments."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlviz.parallelism.segments import (
    as_costs,
    check_offsets,
    segment_max,
    segment_min,
    segment_sum,
)

NAN, INF = float("nan"), float("inf")


class TestReductions:
    @pytest.mark.parametrize("dtype", [np.int64, np.float64])
    def test_sum_maximum_and_minimum_by_hand_and_0_for_an_empty_segment(self, dtype):
        # the segments (), (3, 1), (), (), (5), ()
        values, offsets = np.array([3, 1, 5], dtype), np.array([0, 0, 2, 2, 2, 3, 3])
        for reduce, expected in (
            (segment_sum, [0, 4, 0, 0, 5, 0]),
            (segment_max, [0, 3, 0, 0, 5, 0]),
            (segment_min, [0, 1, 0, 0, 5, 0]),
        ):
            got = reduce(values, offsets)
            assert got.tolist() == expected
            assert got.dtype == dtype

    def test_negative_values_are_compared_among_themselves(self):
        values, offsets = np.array([-3.0, -1.0]), np.array([0, 2])
        assert (segment_max(values, offsets).item(), segment_min(values, offsets).item()) == (
            -1,
            -3,
        )

    def test_integers_beyond_what_a_float_holds_stay_exact(self):
        assert segment_sum(np.array([2**53, 1]), np.array([0, 2])).item() == 2**53 + 1

    def test_no_segments_at_all_give_nothing(self):
        assert segment_sum(np.zeros(0), np.array([0])).shape == (0,)

    @given(st.lists(st.lists(st.integers(-50, 50), max_size=4), max_size=6))
    def test_each_segment_is_reduced_as_python_would(self, segments):
        values = np.array([v for each in segments for v in each], dtype=np.int64)
        offsets = np.concatenate([[0], np.cumsum([len(each) for each in segments])]).astype(int)
        assert segment_sum(values, offsets).tolist() == [sum(each) for each in segments]
        assert segment_max(values, offsets).tolist() == [max(each, default=0) for each in segments]
        assert segment_min(values, offsets).tolist() == [min(each, default=0) for each in segments]


class TestOffsets:
    @pytest.mark.parametrize("fine", [[0, 2, 2, 3], (0, 3), np.array([0, 0, 3], np.uint8)])
    def test_whole_numbers_from_0_to_the_size_are_read_as_int64(self, fine):
        got = check_offsets("group_offsets", fine, "steps", 3)
        assert got.tolist() == list(fine)
        assert got.dtype == np.int64

    def test_one_offset_cuts_an_empty_array_into_no_segments(self):
        assert check_offsets("group_offsets", [0], "steps", 0).tolist() == [0]

    @pytest.mark.parametrize(
        "bad", [[], 3, [[0, 3]], [1, 3], [0, 2], [0, 4], [0, 2, 1, 3], [0.0, 3.0], [False, True]]
    )
    def test_others_are_refused_with_what_they_cut(self, bad):
        with pytest.raises(
            ValueError, match=r"^group_offsets must be whole .* end at 3, the length of steps; got"
        ):
            check_offsets("group_offsets", bad, "steps", 3)

    def test_a_fall_of_unsigned_numbers_is_seen(self):
        with pytest.raises(ValueError, match="never fall"):
            check_offsets("group_offsets", np.array([0, 2, 1, 3], np.uint64), "steps", 3)


class TestCosts:
    def test_costs_become_float64(self):
        got = as_costs("main_steps", [1, 0])
        assert (got.tolist(), got.dtype) == ([1.0, 0.0], np.float64)
        assert as_costs("main_steps", []).shape == (0,)

    @pytest.mark.parametrize("bad", [-1, NAN, INF, -INF])
    def test_the_first_bad_cost_and_its_position_are_named(self, bad):
        with pytest.raises(
            ValueError, match=f"main_steps must be finite and >= 0, got {bad:.1f} at position 1"
        ):
            as_costs("main_steps", [2, bad, bad])

    @pytest.mark.parametrize("bad", [3, [[1, 2]]])
    def test_an_array_that_is_not_flat_is_refused(self, bad):
        with pytest.raises(ValueError, match=r"main_steps must be one-dimensional.*Flatten it"):
            as_costs("main_steps", bad)
