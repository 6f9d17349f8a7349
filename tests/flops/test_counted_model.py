"""The formula of a counted model, by hand."""

import numpy as np
import pytest

from rlviz.flops import CountedModel
from rlviz.flops.counted_model import Chunks, Pairs

LENGTHS = np.array([10, 0, 3])


def model(**parts):
    return CountedModel(
        architecture="some", body_params=100, head_params=20, hidden_size=4, **parts
    )


@pytest.mark.parametrize(
    ("part", "causal", "full"),
    [
        (Pairs(6), 55 + 6, 100 + 9),
        (Pairs(6, "window", 4), 34 + 6, 40 + 9),
        (Pairs(6, "blocks", 4, 2), 36 + (4 + 1) + (4 + 2) + 6, 80 + 9),
        (Pairs(6, "compressed", 4, None), 1 * 4 + 2 * 3, 10 * 2),
        (Pairs(6, "compressed", 4, 1), 7, 10 * 1),
        (Pairs(6, "complete", 4, 1), (1 + 2 + 3 + 4) + (5 + 6 + 7) + (4 + 5 + 6) + 6, 10 * 7 + 9),
        (Pairs(6, "block", 4), 10 + 10 + 3 + 6, 16 + 16 + 4 + 9),
    ],
)
def test_pairs_by_their_reach(part, causal, full):
    assert part.spent(LENGTHS, "causal") == 6 * causal
    assert part.spent(LENGTHS, "full") == 6 * full


def test_entries_reached_after_cached_tokens_are_those_of_the_whole_less_those_before():
    for part in (Pairs(6, "compressed", 4, 2), Pairs(6, "complete", 4, 2)):
        whole, before = part.spent(np.array([13]), "causal"), part.spent(np.array([6]), "causal")
        assert part.spent(np.array([7]), "causal", np.array([6])) == whole - before


def test_chunks_are_shared_by_their_tokens_or_padded():
    assert Chunks(8, 4).spent(LENGTHS, "causal") == 8 * 13 // 4
    assert Chunks(8, 4).spent(LENGTHS, "full") == 8 * (3 + 1)
    assert Chunks(8, 4, padded=False).spent(LENGTHS, "full") == 8 * 2
    assert Chunks(8, 4, 5).spent(LENGTHS, "causal") == 8 * 13 // 4
    assert Chunks(8, 4, 5).spent(LENGTHS, "full") == 8 * (3 + 1) + 5 * (4**2 + 2**2)


def test_a_sequence_costs_its_tokens_its_pairs_and_itself():
    its = model(per_sequence=7, pairs=(Pairs(6),))
    assert its.forward([10, 0, 3]) == 2 * 120 * 13 + 6 * 61 + 2 * 7
    assert its.training([10]) == 3 * its.forward([10])


def test_generation_passes_the_head_once_for_each_sampled_token():
    its = model(pairs=(Pairs(6),))
    assert its.generation([10], [3]) == 2 * (100 * 12 + 20 * 3) + 6 * 12 * 13 // 2
    once = its.generation([10], [3, 3], samples_per_prompt=2, prefix_shared=True)
    assert once == 2 * its.generation([10], [3]) - (2 * (1000 + 20) + 6 * 55)


def test_no_attention_leaves_what_weights_cost():
    its = model(per_sequence=7, pairs=(Pairs(6),), chunks=(Chunks(8, 4),), attention="none")
    assert its.forward([10]) == 2 * 120 * 10


def test_an_unknown_convention_is_refused():
    with pytest.raises(ValueError, match=r"attention must be one of causal, .*, got 'half'"):
        model(attention="half")
