"""What follows from costs per token and per pair, for shapes and for counted models alike."""

import dataclasses

import pytest

from rlviz.flops import CountedModel, LanguageModel, Transformer
from rlviz.flops.counted_model import Pairs

SHAPE = Transformer(
    hidden_size=8,
    num_hidden_layers=3,
    num_attention_heads=2,
    intermediate_size=16,
    vocab_size=50,
)
COUNTED = CountedModel(
    architecture="some",
    body_params=SHAPE.body_params,
    head_params=SHAPE.head_params,
    hidden_size=8,
    pairs=(Pairs(3 * 4 * 8),),
)


def test_both_are_language_models():
    assert isinstance(SHAPE, LanguageModel)
    assert isinstance(COUNTED, LanguageModel)
    assert SHAPE.matmul_params == COUNTED.matmul_params


@pytest.mark.parametrize(
    "use",
    [
        lambda m: m.forward([5, 0, 9]),
        lambda m: m.training([5, 9]),
        lambda m: m.training([5, 9], recompute=True, lora_params=12),
        lambda m: m.generation([5, 9], [4, 0]),
        lambda m: m.generation([5, 9], [4, 0, 1, 2], samples_per_prompt=2, prefix_shared=True),
        lambda m: m.with_value_head().forward([7]),
        lambda m: m.forward([5, 2], lora_params=12, shared_prefixes=[0, 5]),
        lambda m: m.training([5, 2], shared_prefixes=[0, 5]),
        lambda m: m.turns([[(5, 4), (3, 2)]], lora_params=12),
    ],
)
def test_the_same_costs_give_the_same_flops(use):
    assert use(SHAPE) == use(COUNTED)


def test_a_value_head_reads_the_width():
    assert SHAPE.with_value_head().head_params == COUNTED.with_value_head().head_params == 8


FED = 5 + 4 - 1
"""Tokens of a prompt of 5 and an answer of 4 that are fed."""


@pytest.mark.parametrize(
    ("use", "tokens"),
    [
        (lambda m, **lora: m.forward([5, 9], **lora), 5 + 9),
        (lambda m, **lora: m.generation([5], [4], **lora), FED),
        (lambda m, **lora: m.turns([[(5, 4), (3, 2)]], **lora), FED + 1 + 3 + 1),
        (lambda m, **lora: m.verification([5], [[(2, 1), (2, 2)]], **lora), 5 + 3 + 3),
    ],
)
@pytest.mark.parametrize("model", [SHAPE, COUNTED], ids=["shape", "counted"])
def test_adapters_cost_two_flops_for_each_of_their_weights_and_token_that_is_fed(
    model, use, tokens
):
    assert use(model, lora_params=7) - use(model) == 2 * 7 * tokens


def test_by_tokens_alone_adapters_cost_nothing():
    model = dataclasses.replace(SHAPE, convention="6N")
    assert model.generation([5], [4], lora_params=7) == model.generation([5], [4])
    assert model.forward([5], lora_params=7) == model.forward([5])


@pytest.mark.parametrize("model", [SHAPE, COUNTED], ids=["shape", "counted"])
def test_a_tree_costs_each_token_once_and_each_the_keys_of_its_own_path(model):
    # by hand: a stem of 4, from which branches of 3 and 2 go; from the first, one of 1 more
    fed, before = [4, 3, 2, 1], [0, 4, 4, 7]
    keys = (1 + 2 + 3 + 4) + (5 + 6 + 7) + (5 + 6) + 8
    by_hand = 2 * model.matmul_params * 10 + 3 * 4 * 8 * keys
    assert model.forward(fed, shared_prefixes=before) == by_hand
    assert model.training(fed, shared_prefixes=before) == 3 * by_hand


def test_a_tree_without_a_prefix_for_each_branch_is_refused():
    with pytest.raises(ValueError, match="as many entries as lengths, got 1 for 2"):
        SHAPE.training([4, 3], shared_prefixes=[0])
