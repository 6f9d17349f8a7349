"""FLOPs measured on running code, and exact counts."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from rlviz.flops import Measured, exact, measure


def test_what_cannot_be_called_is_refused():
    with pytest.raises(TypeError, match=r"needs a module or function.*got Tensor.*not measure"):
        measure(torch.zeros(2))


def test_the_names_load_without_torch_until_something_is_measured():
    code = (
        "import sys, rlviz.flops as f, rlviz.parallelism, rlviz.accuracy;"
        "f.Transformer(hidden_size=4, num_hidden_layers=1, num_attention_heads=1,"
        "intermediate_size=8, vocab_size=10).training([3]);"
        "print('torch' in sys.modules, 'transformers' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == ["False", "False"]


@pytest.mark.parametrize(
    "value", [10**26, np.int64(7), 3.1428e23, np.float64(12), np.float32(3), 0]
)
def test_whole_counts_become_python_integers(value):
    assert exact(value) == value
    assert type(exact(value)) is int


@pytest.mark.parametrize("bad", [1.5, float("nan"), float("inf"), np.float64(0.1)])
def test_a_fraction_is_no_count(bad):
    with pytest.raises(ValueError, match=r'flops\["rollout"\] must be a whole number >= 0, got'):
        exact(bad, 'flops["rollout"]')


def test_a_negative_count_is_refused():
    with pytest.raises(ValueError, match=r"flops must be >= 0, got -3\. Give what this step spent"):
        exact(-3)


@pytest.mark.parametrize("bad", ["12", None, [1]])
def test_what_is_no_number_is_refused(bad):
    with pytest.raises(TypeError, match="flops must be a whole number >= 0, got"):
        exact(bad)


def test_a_module_gives_its_forward_pass_and_a_function_what_it_runs():
    layer, x = nn.Linear(8, 4), torch.zeros(2, 8)
    forward = 2 * 2 * 8 * 4
    assert measure(layer, x) == Measured(flops=forward, uncounted=())
    # the input needs no gradient, so the backward pass is the weights' product alone
    assert measure(lambda: layer(x).sum().backward()) == Measured(2 * forward)


def test_keyword_arguments_and_methods_are_passed_on():
    attention, x = nn.MultiheadAttention(8, 2), torch.zeros(5, 3, 8)
    alone = measure(attention, x, x, x, need_weights=False)
    assert measure(attention.forward, query=x, key=x, value=x, need_weights=False) == alone
    assert measure(torch.addmm, torch.zeros(5), torch.zeros(3, 4), torch.zeros(4, 5)).flops == 120
