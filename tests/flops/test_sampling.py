"""Turns and rounds by hand: what each pass feeds after which cache, and what that costs."""

import numpy as np
import pytest

from rlviz.flops import CountedModel, Transformer
from rlviz.flops.counted_model import Chunks, Pairs
from rlviz.flops.sampling import read_rounds, read_turns

D, F, V, L = 8, 16, 50, 3
BODY, HEAD = L * (4 * D * D + 3 * D * F), D * V
PAIR = L * 4 * D
"""FLOPs of a query and a key: two products in each layer."""
SIZES = {
    "hidden_size": D,
    "num_hidden_layers": L,
    "num_attention_heads": 2,
    "intermediate_size": F,
    "vocab_size": V,
}
SHAPE = Transformer(**SIZES)


def counted(*pairs, **more):
    return CountedModel(
        architecture="some",
        body_params=BODY,
        head_params=HEAD,
        hidden_size=D,
        pairs=pairs or (Pairs(PAIR),),
        **more,
    )


BOTH = pytest.mark.parametrize("model", [SHAPE, counted()], ids=["shape", "counted"])

TURNS = [[(5, 3), (4, 2), (1, 1)], [(2, 1)]]
ROUNDS = [[(3, 1), (3, 3), (2, 0)], [(2, 2)]]
"""After prompts of 5 and 4 tokens."""


def triangle(n):
    return n * (n + 1) // 2


@BOTH
def test_an_observation_is_prefilled_and_not_sampled(model):
    # Episode 1: 5 + 3 + 4 + 2 + 1 + 1 = 16 tokens, the last of which is never fed; logits for the
    # last token of 3 observations, and for the sampled ones that are fed at once: 2 + 1 + 0.
    # Episode 2: 2 tokens of 3, logits for one.
    body, head = BODY * (15 + 2), HEAD * (3 + 3 + 1)
    assert model.turns(TURNS) == 2 * (body + head) + PAIR * (triangle(15) + triangle(2))


@BOTH
def test_the_last_sampled_token_waits_for_the_next_turn(model):
    assert model.turns([[(5, 3), (0, 4), (0, 1)]]) == model.generation([5], [8])
    passes = read_turns([[(5, 3), (4, 0), (6, 2)], [(3, 1)]])
    assert passes.fed.tolist() == [5, 1 + 4, 6, 3]
    assert passes.cached.tolist() == [0, 5 + 2, 5 + 3 + 4, 0]
    assert passes.first.tolist() == [True, False, False, True]


@BOTH
def test_a_turn_that_samples_nothing_costs_what_it_observes(model):
    observed = 2 * (BODY * 9 + HEAD * 2) + PAIR * triangle(9)
    assert model.turns([[(5, 0), (4, 0)]]) == observed


@BOTH
def test_a_prompt_that_episodes_share_counts_once(model):
    group = [[(5, 3), (4, 2)], [(5, 1)], [(7, 2)], [(7, 4), (2, 2)]]
    apart = model.turns(group)
    assert model.turns(group, samples_per_prompt=2) == apart
    prompts = [2 * (BODY * p + HEAD) + PAIR * triangle(p) for p in (5, 7)]
    together = model.turns(group, samples_per_prompt=2, prefix_shared=True)
    assert together == apart - sum(prompts)
    ones = [[(5, 3)], [(5, 1)]]
    assert model.turns(ones, samples_per_prompt=2, prefix_shared=True) == model.generation(
        [5], [3, 1], samples_per_prompt=2, prefix_shared=True
    )
    assert model.turns(group, prefix_shared=True) == apart  # a prompt each


@BOTH
def test_a_round_is_one_pass_of_the_drafted_and_the_token_before(model):
    # Response 1: prompt 5; passes of 4, 4, 3 tokens after 5, 7 and 11; it grows by 2, 4 and 1.
    # Response 2: prompt 4; a pass of 3 after 4.
    body = BODY * (5 + 4 + 4 + 3 + 4 + 3)
    head = HEAD * (1 + 4 + 4 + 3 + 1 + 3)  # the prompts' last token, then all
    pairs = triangle(5) + (6 + 7 + 8 + 9) + (8 + 9 + 10 + 11) + (12 + 13 + 14)
    pairs += triangle(4) + (5 + 6 + 7)
    assert model.verification([5, 4], ROUNDS) == 2 * (body + head) + PAIR * pairs


@BOTH
def test_a_draft_model_is_fed_what_it_has_not_seen(model):
    # Response 1 has 6, 8, 12 tokens before its rounds. Round 1: fed 6, drafts 3, so 2 of them are
    # fed; one is accepted and stays, so it has seen 7. Round 2: fed 1, then 2; all 3 are accepted,
    # so it has seen 10 of 12. Round 3: fed 2, then 1. Response 2: fed 5, then 1.
    fed = [(0, 6), (6, 2), (7, 1), (8, 2), (10, 2), (12, 1), (0, 5), (5, 1)]
    tokens = sum(n for _, n in fed)
    pairs = sum(triangle(c + n) - triangle(c) for c, n in fed)
    head = 3 + 3 + 2 + 2  # each drafted token has its logits
    assert model.drafting([5, 4], ROUNDS) == 2 * (BODY * tokens + HEAD * head) + PAIR * pairs


def test_a_draft_model_sees_later_what_came_while_it_did_nothing():
    rounds = read_rounds(np.array([5]), [[(0, 0), (2, 1), (0, 0), (3, 0)]])
    assert rounds.known.tolist() == [6, 7, 9, 10]
    passes = rounds.by_draft()
    assert passes.cached.tolist() == [0, 8]
    assert passes.fed.tolist() == [7, 2]
    assert passes.sampled.tolist() == [2, 3]


def test_a_response_without_rounds_is_its_prompt_and_a_first_token():
    assert SHAPE.verification([5, 6], [[], []]) == SHAPE.generation([5, 6], [1, 1])
    assert SHAPE.drafting([5, 6], [[], []]) == 0


def test_without_drafts_a_round_is_a_token():
    assert SHAPE.verification([5], [[(0, 0)] * 4]) == SHAPE.generation([5], [5])
    assert SHAPE.drafting([5], [[(0, 0)] * 4]) == 0


@pytest.mark.parametrize(
    ("pair", "keys"),
    [
        (Pairs(1, "window", 4), lambda t: min(t, 4)),
        (Pairs(1, "block", 4), lambda t: (t - 1) % 4 + 1),
        (Pairs(1, "blocks", 4, 2), lambda t: t if t <= 8 else 4 + (t - 1) % 4 + 1),
    ],
    ids=lambda value: value.reach if isinstance(value, Pairs) else "",
)
def test_a_window_or_block_bounds_what_is_attended_in_the_cache(pair, keys):
    model = counted(pair)
    weights = model.__class__(
        architecture="some", body_params=BODY, head_params=HEAD, hidden_size=D, attention="none"
    )
    spent = model.turns(TURNS) - weights.turns(TURNS)
    assert spent == sum(map(keys, range(1, 16))) + sum(map(keys, (1, 2)))
    passes = [(0, 5), (5, 4), (7, 4), (11, 3), (0, 4), (4, 3)]
    spent = model.verification([5, 4], ROUNDS) - weights.verification([5, 4], ROUNDS)
    assert spent == sum(keys(t) for c, n in passes for t in range(c + 1, c + n + 1))


def test_windows_of_a_shape_bound_them_too():
    windowed, plain = Transformer(**SIZES, sliding_window=(4, None, 4)), SHAPE
    beyond = sum(t - min(t, 4) for t in range(1, 16))
    assert plain.turns(TURNS) - windowed.turns(TURNS) == 2 * 4 * D * beyond


def test_full_attention_multiplies_the_rectangle_of_a_pass_and_its_cache():
    # Passes of 5, 5 and 2 tokens after 0, 7 and 13, then single tokens after 5, 6 and 12.
    pairs = 5 * 5 + 5 * 12 + 2 * 15 + (6 + 7 + 13)
    episode = [[(5, 3), (4, 2), (1, 1)]]
    none = Transformer(**SIZES, attention="none").turns(episode)
    assert Transformer(**SIZES, attention="full").turns(episode) - none == PAIR * pairs
    assert counted(attention="full").turns(episode) - none == PAIR * pairs
    half = Transformer(**SIZES, attention="causal_half").turns(episode) - none
    wanted = (5 * 5) / 2 + (5 * 7 + 5 * 5 / 2) + (2 * 13 + 2 * 2 / 2) + (6 + 7 + 13)
    assert half == PAIR * wanted == counted(attention="causal_half").turns(episode) - none


def test_full_attention_within_windows_and_blocks_keeps_to_them():
    def spent(pair):
        return pair.spent(np.array([5, 2]), "full", np.array([7, 3]))

    assert spent(Pairs(1)) == 5 * 12 + 2 * 5
    assert spent(Pairs(1, "window", 9)) == 5 * 9 + 2 * 5
    assert spent(Pairs(1, "blocks", 4, 2)) == 5 * 8 + 2 * 5
    # Blocks of 4: one token fills the begun block of 7, then a whole one; one fills that of 3.
    assert spent(Pairs(1, "block", 4)) == (1 * 4 + 4 * 4) + (1 * 4 + 1)


def test_a_kept_state_goes_on_where_it_was():
    linear = counted(chunks=(Chunks(1000, 4),), per_sequence=7)
    whole = 1000 * 15 // 4 + 7
    plain = counted().turns([[(5, 3), (4, 2), (1, 1)]])
    assert abs(linear.turns([[(5, 3), (4, 2), (1, 1)]]) - plain - whole) <= 5  # a whole FLOP a pass
    assert Chunks(1000, 4).spent(np.array([4]), "causal", np.array([9])) == 1000
    assert Chunks(1000, 4).spent(np.array([6]), "full", np.array([9])) == 2 * 1000


@pytest.mark.parametrize(
    ("use", "error", "words"),
    [
        (lambda m: m.turns([[(0, 3)]]), ValueError, "must feed at least one token"),
        (lambda m: m.turns([[(2, 0), (0, 3)]]), ValueError, "sampled nothing observes something"),
        (lambda m: m.turns([[(2, -1)]]), ValueError, r"episodes, \(observed, sampled\).*got -1"),
        (lambda m: m.turns([(2, 3)]), TypeError, r"list of pairs.*\[\[\(5, 3\), \(4, 2\)\]\]"),
        (lambda m: m.turns([[(2, 3, 4)]]), TypeError, "list of pairs"),
        (lambda m: m.turns(5), TypeError, "list of pairs"),
        (lambda m: m.turns([[(2**53, 3)]]), ValueError, r"at most 2\*\*53 tokens"),
        (lambda m: m.turns([[(5, 1)]] * 3, samples_per_prompt=2), ValueError, "groups of samples"),
        (
            lambda m: m.turns([[(5, 1)], [(6, 1)]], samples_per_prompt=2),
            ValueError,
            r"same number of prompt tokens, got prompts of \[5, 6\]",
        ),
        (lambda m: m.verification([5], [[(2, 3)]]), ValueError, "accept more.*got 3 of 2"),
        (lambda m: m.drafting([5], [[(2, 3)]]), ValueError, "accept more.*got 3 of 2"),
        (lambda m: m.verification([5, 5], [[]]), ValueError, "got 1 for 2 prompts"),
        (lambda m: m.verification([0], [[]]), ValueError, "prompt_lengths must be at least 1"),
        (lambda m: m.verification([5], 3), TypeError, "list of pairs"),
    ],
)
def test_what_is_no_turn_or_round_is_refused_in_words(use, error, words):
    with pytest.raises(error, match=words):
        use(SHAPE)


def test_nothing_costs_nothing():
    assert SHAPE.turns([]) == SHAPE.verification([], []) == SHAPE.drafting([], []) == 0
    assert SHAPE.turns([[]]) == 0


def test_arrays_serve_as_lists_do():
    rows = [np.array([[5, 3], [4, 2]]), np.array([[2, 1]])]
    assert SHAPE.turns(rows) == SHAPE.turns([[(5, 3), (4, 2)], [(2, 1)]])
    assert type(SHAPE.turns(rows)) is int
