"""Values that frameworks log, as metrics of a step."""

import datetime
import decimal
import fractions

import numpy as np
import pytest
import torch

from rlviz import Callback, read
from rlviz.integrations.support import metrics
from rlviz.integrations.support.metrics import as_accuracy, scalars


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


ODD = [
    np.str_("math"),
    np.datetime64("2026-11-24"),
    np.timedelta64(1, "s"),
    np.array(object()),
    np.array("text"),
    1j,
    np.complex64(1),
    torch.tensor(1j),
    torch.sparse_coo_tensor([[0]], [1.0], (1,), check_invariants=True),
    fractions.Fraction(1, 2),
    decimal.Decimal("0.5"),
    datetime.timedelta(seconds=1),
    {},
    [],
]
NUMBERS = [
    True, 1, 0.5, float("nan"), 10**400, np.bool_(True), np.int8(1), np.float16(0.5),
    np.array(1.0), np.array([1]), np.array([[True]]), torch.tensor(True), torch.ones(1, 1),
    torch.tensor(1.0, requires_grad=True), torch.tensor(1, dtype=torch.bfloat16),
]  # fmt: skip


@pytest.mark.parametrize("value", ODD, ids=lambda value: f"{type(value).__name__} {value}"[:24])
def test_what_is_no_number_is_left_out(value):
    assert scalars({"x": value}) == {}
    assert as_accuracy("x", value) is None


@pytest.mark.parametrize("value", NUMBERS, ids=lambda value: repr(value)[:40])
def test_whatever_is_taken_for_a_number_is_recorded_without_a_word(value, tmp_path):
    with Callback(tmp_path, figure_seconds=None) as viz:
        viz.on_step_end(1, metrics=scalars({"x": value}))
    assert viz.health == type(viz.health)(1, 1, 0, 0, 0)
    assert "metrics/x" in read(tmp_path).columns


def test_an_accuracy_is_in_its_range_or_none_which_is_said_once(caplog, monkeypatch):
    monkeypatch.setattr(metrics, "_said", set())
    assert as_accuracy("a", torch.tensor(0.5)) == 0.5
    assert as_accuracy("a", np.float32(1) + np.float32(1e-7)) == 1.0
    assert as_accuracy("a", -1e-9) == 0.0
    assert np.isnan(as_accuracy("a", float("nan")))
    assert as_accuracy("a", None) is None
    assert caplog.text == ""
    assert [as_accuracy("a", 55.0), as_accuracy("a", -1)] == [None, None]
    assert caplog.text.count("a is 55, outside [0, 1], so it is no accuracy") == 1
    assert len(caplog.records) == 1


def test_a_number_on_an_accelerator_is_not_waited_for():
    value = torch.empty((), device="meta")  # whose value nobody can read
    assert as_accuracy("a", value) is value
