"""What follows from costs per token and per pair, for shapes and for counted models alike."""

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
    ],
)
def test_the_same_costs_give_the_same_flops(use):
    assert use(SHAPE) == use(COUNTED)


def test_a_value_head_reads_the_width():
    assert SHAPE.with_value_head().head_params == COUNTED.with_value_head().head_params == 8
