"""Sequence lengths in all forms, and exact sums over them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rlviz.flops import Transformer
from rlviz.flops.lengths import attended_twice, read_lengths, total

LLAMA_2_7B = {
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "intermediate_size": 11008,
    "vocab_size": 32000,
}
TINY = {
    "hidden_size": 4,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
    "intermediate_size": 8,
    "vocab_size": 10,
}


class TestLengths:
    @pytest.mark.parametrize(
        "lengths",
        [
            [3, 5],
            (3, 5),
            np.array([3, 5], dtype=np.int32),
            np.array([[3.0], [5.0]]),
            torch.tensor([3, 5]),
        ],
    )
    def test_lengths_come_as_sequences_arrays_and_tensors(self, lengths):
        flops = Transformer(**TINY).forward(lengths)
        assert flops == Transformer(**TINY).forward(3) + Transformer(**TINY).forward(5)
        assert type(flops) is int

    def test_no_sequences_cost_nothing(self):
        model = Transformer(**TINY)
        assert model.forward([]) == model.training([]) == model.generation([], []) == 0

    def test_results_beyond_64_bits_are_exact(self):
        model, length = Transformer(**LLAMA_2_7B), 10**12
        attention = 2 * 32 * 4096 * length * (length + 1)
        expected = 3 * (2 * model.matmul_params * length + attention)
        assert model.training([length]) == expected > 2**64
        assert model.training([length] * 3) == 3 * expected
        assert total(np.array([2**62] * 4)) == 2**64

    def test_a_hundred_thousand_sequences_are_one_call(self):
        lengths = np.full(100_000, 4096)
        model = Transformer(**LLAMA_2_7B)
        assert model.training(lengths) == 100_000 * model.training(4096)

    @pytest.mark.parametrize("bad", [[-1], [2.5], [float("nan")], [float("inf")]])
    def test_what_is_no_length_is_refused(self, bad):
        with pytest.raises(ValueError, match=r"lengths must be whole numbers >= 0, got .*padding"):
            Transformer(**TINY).forward(bad)

    def test_a_mask_in_place_of_lengths_is_refused(self):
        with pytest.raises(ValueError, match=r"lengths .*got a mask. Use mask.sum\(-1\)"):
            Transformer(**TINY).forward(np.ones((2, 3), dtype=bool))

    @pytest.mark.parametrize("bad", ["abc", [[1], [2, 3]], {"a": 1}])
    def test_other_types_are_refused(self, bad):
        with pytest.raises(TypeError, match="lengths must be whole numbers"):
            Transformer(**TINY).forward(bad)


class TestAttendedPairs:
    @given(
        st.lists(st.integers(0, 40), max_size=6),
        st.none() | st.integers(1, 45),
        st.sampled_from(["causal", "causal_half", "full", "none"]),
    )
    def test_pairs_equal_their_sum_over_tokens(self, lengths, window, attention):
        def pairs_twice(length):
            w = min(length, window or length)
            return {
                "causal": 2 * sum(min(t, w) for t in range(1, length + 1)),
                "causal_half": 2 * length * w - w * w,
                "full": 2 * length * w,
                "none": 0,
            }[attention]

        got = attended_twice(np.array(lengths, dtype=np.int64), window, attention)
        assert got == sum(map(pairs_twice, lengths))

    @pytest.mark.parametrize(
        ("window", "attention", "twice"),
        [
            (None, "causal", 2 * (1 + 3)),  # lengths 1 and 2: 1, 1 + 2
            (None, "causal_half", 1 + 4),
            (None, "full", 2 * (1 + 4)),
            (1, "causal", 2 * (1 + 2)),
            (1, "causal_half", 1 + (2 * 2 - 1)),
            (1, "full", 2 * (1 + 2)),
            (1, "none", 0),
        ],
    )
    def test_pairs_of_two_short_sequences_by_hand(self, window, attention, twice):
        assert attended_twice(np.array([1, 2]), window, attention) == twice

    def test_squares_beyond_64_bits_are_exact(self):
        length = 2**40
        lengths = np.array([length, length])
        assert attended_twice(lengths, None, "full") == 4 * length**2
        assert attended_twice(lengths, 2**39, "causal") == 2 * (2 * length * 2**39 - 2**78 + 2**39)


class TestReading:
    def test_lengths_come_flat_as_int64(self):
        got = read_lengths("lengths", np.array([[3.0, 0.0], [5.0, 2.0]], np.float32))
        assert (got.tolist(), got.dtype) == ([3, 0, 5, 2], np.int64)
        assert read_lengths("lengths", 7).tolist() == [7]

    @pytest.mark.parametrize("nothing", [[], np.zeros((3, 0)), np.zeros(0, dtype=bool)])
    def test_no_lengths_are_an_empty_batch_of_whatever_kind(self, nothing):
        got = read_lengths("lengths", nothing)
        assert (got.shape, got.dtype) == ((0,), np.int64)
        assert total(got) == 0

    @pytest.mark.parametrize(
        ("bad", "said"),
        [([4, -1], "-1"), ([4.0, 2.5], "2.5"), ([2.0**63], "9.2"), ([[1], [-2]], "-2")],
    )
    def test_the_argument_and_its_first_bad_length_are_named(self, bad, said):
        with pytest.raises(ValueError, match=rf"^prompts must be whole numbers >= 0, got {said}"):
            read_lengths("prompts", bad)

    def test_the_sum_turns_to_python_integers_where_64_bits_end(self):
        assert total(np.array([2**62, 2**62 - 1])) == 2**63 - 1
        assert total(np.array([2**62, 2**62])) == 2**63
