"""Values that frameworks log, as metrics of a step."""

import numpy as np
import pytest
import torch

from rlviz import Callback
from rlviz.integrations.metrics import scalars


def test_only_single_numbers_are_metrics():
    values = {
        "int": 1,
        "numpy": np.float32(2),
        "tensor": torch.tensor(3.0),
        "one": torch.ones(1),
        "many": torch.ones(2),
        "list": [1],
        "text": "x",
        "none": None,
    }
    assert list(scalars(values)) == ["int", "numpy", "tensor", "one"]


@pytest.mark.parametrize("name", ["accuracy", "flops/total", "parallelism", "x/ema", "mfu/update"])
def test_a_name_of_our_own_goes_under_another_and_never_raises(name, tmp_path):
    assert scalars({name: 1.0}) == {f"logged/{name}": 1.0} or name == "x/ema"
    with Callback(tmp_path, figure_seconds=None) as viz:
        viz.on_step_end(1, metrics=scalars({name: 1.0, "loss": 2.0}))
    assert viz.health.written == 1


@pytest.mark.parametrize("name", ["", "\ud800", "x" * 300, 7])
def test_what_can_be_no_name_at_all_never_raises(name, tmp_path):
    with Callback(tmp_path, figure_seconds=None) as viz:
        viz.on_step_end(1, metrics=scalars({name: 1.0}))
    assert viz.health.written == 1


def test_a_prefix_goes_before_each_name():
    assert scalars({"loss": 1.0}, under="train/") == {"train/loss": 1.0}
