"""What `record` takes, what it makes of it, and what it says to the rest."""

import math

import numpy as np
import pytest
import torch

from rlviz.accuracy import Accuracy
from rlviz.parallelism import Parallelism
from rlviz.record import values


@pytest.mark.parametrize(
    "correct",
    [
        [True, False, True, True],
        (1, 0, 1, 1),
        np.array([[1, 0], [1, 1]]),
        np.array([True, False, True, True]),
        torch.tensor([1.0, 0.0, 1.0, 1.0], requires_grad=True),
        torch.tensor([True, False, True, True]),
        torch.tensor([[1, 0], [1, 1]], dtype=torch.int32),
        torch.tensor([1, 0, 1, 1], dtype=torch.bfloat16),
        torch.tensor([1, 0, 1, 1], dtype=torch.float16),
        [torch.tensor(1), torch.tensor(0), torch.tensor(1), torch.tensor(1)],
    ],
    ids=lambda value: type(value).__name__,
)
def test_answers_may_come_in_any_container_shape_and_dtype(correct):
    assert values.answers(correct) == Accuracy(3, 4)


def test_an_ungraded_answer_is_counted_apart():
    assert values.answers(torch.tensor([1.0, math.nan, 0.0])) == Accuracy(1, 2, 1)


def test_an_accuracy_without_graded_weighs_as_one_answer():
    assert values.rate(torch.tensor(0.25), None) == Accuracy(0.25, 1, uncounted=1)
    assert values.rate(0.25, 8) == Accuracy(2.0, 8)
    assert values.rate(np.float32(0.25), np.int64(8)) == Accuracy(2.0, 8)


def test_parallelism_may_be_numbers_tensors_or_values():
    assert values.episodes(2.5).mean == 2.5
    assert values.episodes(torch.tensor([2.0, 4.0], dtype=torch.bfloat16)).mean == 3.0
    mixed = values.episodes([Parallelism(6, 2), 5.0])
    assert (mixed.mean, mixed.work, mixed.span) == (4.0, 6, 2)


def test_flops_are_exact_integers_of_any_size_and_type():
    assert values.flops(10**26 + 1) == {"total": 10**26 + 1}
    assert values.flops({"rollout": np.int64(3), "update": 6.0}) == {"rollout": 3, "update": 6}
    assert values.flops({"rollout": torch.tensor(2**40)}) == {"rollout": 2**40}
    assert all(type(count) is int for count in values.flops({"a": np.uint8(3)}).values())


def test_metrics_take_any_scalar_also_one_that_is_not_finite():
    taken = values.metrics(
        {
            "python": 1,
            "numpy": np.float32(0.5),
            "array": np.array([2.0]),
            "tensor": torch.tensor(3.0, requires_grad=True),
            "nan": math.nan,
            "huge": 10**400,
            "minus_huge": -(10**400),
            "flag": True,
        }
    )
    assert math.isnan(taken.pop("nan"))
    assert taken == {
        "python": 1.0,
        "numpy": 0.5,
        "array": 2.0,
        "tensor": 3.0,
        "huge": math.inf,
        "minus_huge": -math.inf,
        "flag": 1.0,
    }


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: values.flops(-1), ValueError, "must be >= 0, got -1"),
        (lambda: values.flops(1.5), ValueError, "must be a whole number >= 0, got 1.5"),
        (lambda: values.flops(math.nan), ValueError, "whole number >= 0, got nan"),
        (lambda: values.flops(math.inf), ValueError, "whole number >= 0, got inf"),
        (lambda: values.flops(2**106), ValueError, "Pass what this step spent"),
        (lambda: values.flops("1e9"), TypeError, "whole number >= 0, got '1e9'"),
        (lambda: values.flops(True), TypeError, "whole number >= 0, got True"),
        (lambda: values.flops({"total": 1}), ValueError, "rlviz adds that up itself"),
        (lambda: values.flops({"": 1}), ValueError, "a FLOPs phase must be a short name"),
        (lambda: values.flops({3: 1}), ValueError, "got 3"),
        (lambda: values.flops({"a/b": 1}), ValueError, "got 'a/b'"),
        (lambda: values.rate(63.5, 8), ValueError, "Divide a percentage by 100"),
        (lambda: values.rate(0.5, -1), ValueError, "graded must be"),
        (lambda: values.rate("0.5", 1), TypeError, "accuracy must be one number, got '0.5'"),
        (lambda: values.rate([0.5, 0.6], 1), TypeError, "accuracy must be one number"),
        (lambda: values.answers([0.5]), ValueError, "correct=rewards > 0.5"),
        (lambda: values.answers(["yes"]), ValueError, "must be bool, 0/1 or NaN"),
        (lambda: values.episodes(-1.0), ValueError, "finite and >= 0, got -1.0"),
        (lambda: values.episodes("8"), TypeError, "one per episode, got str"),
        (lambda: values.metrics([("loss", 1)]), TypeError, 'metrics={"loss": loss}'),
        (lambda: values.metrics({"loss": "x"}), TypeError, "metric 'loss' must be one number"),
        (lambda: values.metrics({"loss": None}), TypeError, "got None"),
        (lambda: values.metrics({"loss": b"1"}), TypeError, "got b'1'"),
        (
            lambda: values.metrics({"loss": torch.ones(2, 3)}),
            TypeError,
            r"shape \(2, 3\). Reduce it to a scalar",
        ),
        (lambda: values.metrics({"accuracy": 1}), ValueError, "'accuracy' is taken by rlviz"),
        (lambda: values.metrics({"loss/ema": 1}), ValueError, "is taken by rlviz"),
        (lambda: values.metrics({"": 1}), ValueError, "1 to 256 characters"),
        (lambda: values.metrics({"\ud800": 1}), ValueError, "valid Unicode"),
    ],
)
def test_a_wrong_value_is_an_error_that_says_what_came_and_what_to_do(call, error, words):
    with pytest.raises(error, match=words):
        call()
