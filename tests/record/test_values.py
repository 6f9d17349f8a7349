"""What `record` takes, what it makes of it, and what it says to the rest."""

import math
from collections import deque

import numpy as np
import pytest
import torch

from rlviz.accuracy import Accuracy
from rlviz.parallelism import Parallelism
from rlviz.record import device, values
from rlviz.record.device import Deferred
from rlviz.record.recorder import Recorder


def arrived(*kept):
    """What kept values are once they were fetched."""
    return [value.read(host) for value, host in zip(kept, device.fetch(kept), strict=True)]


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


def test_a_tensor_on_a_device_is_cloned_there_and_read_only_when_it_is_fetched(
    on_a_device, device_log
):
    kept = values.answers(on_a_device([1.0, 0.0]))
    assert isinstance(kept, Deferred)
    device.keep([kept])
    assert device_log == ["detach", "clone"]
    assert arrived(kept) == [Accuracy(1, 2)]
    assert device_log.count("copied to the host") == 1


def test_what_is_done_to_a_device_tensor_afterwards_does_not_reach_the_record(on_a_device):
    tensor = on_a_device([1.0, 0.0])
    kept = values.answers(tensor)
    device.keep([kept])
    tensor.zero_()
    assert arrived(kept) == [Accuracy(1, 2)]


def test_a_call_keeps_all_that_it_brings_with_one_launch_on_the_device(on_a_device, device_log):
    tensors = {
        "flag": on_a_device([True, False, True]),
        "loss": on_a_device(torch.tensor(0.1, dtype=torch.float64)),
        "kl": on_a_device(torch.tensor(0.25, dtype=torch.bfloat16)),
        "entropy": on_a_device(0.5),
        "lr": on_a_device(torch.tensor(3, dtype=torch.int16)),
    }
    queue = deque()
    recorder = Recorder(queue, on_error=pytest.fail)
    metrics = {name: tensor for name, tensor in tensors.items() if name != "flag"}
    recorder.record(None, None, None, None, metrics, {"correct": tensors["flag"]})
    launches = set(device_log) - {"detach", "view", "_unsafe_view", "slice", "_reshape_alias"}
    assert launches == {"cat"}
    assert device_log.count("cat") == 1
    for tensor in tensors.values():
        tensor.zero_()
    (item,) = queue
    assert arrived(item.accuracy) == [Accuracy(2, 3)]
    assert arrived(*item.metrics.values()) == [0.1, 0.25, 0.5, 3.0]


def test_everything_that_waits_on_a_device_comes_in_one_copy_to_the_last_bit(
    on_a_device, device_log
):
    kept = [
        values.answers(on_a_device([True, False, True])),
        values.answers(on_a_device(torch.tensor([1, 0], dtype=torch.bfloat16))),
        values.episodes([on_a_device(2.0), on_a_device(torch.tensor(4.0, dtype=torch.float64))]),
        values.metrics({"loss": on_a_device(torch.tensor(0.1, dtype=torch.float64))})["loss"],
        values.metrics({"half": on_a_device(torch.tensor(0.5, dtype=torch.float16))})["half"],
        values.flops({"update": on_a_device(2**62 + 1)})["update"],  # beyond float64's 2**53
        values.answers(on_a_device(torch.zeros(2, 3, dtype=torch.int32).t())),
    ]
    assert all(isinstance(value, Deferred) for value in kept)
    answers, rounded, episodes, loss, half, spent, turned = arrived(*kept)
    assert (answers, rounded, turned) == (Accuracy(2, 3), Accuracy(1, 2), Accuracy(0, 6))
    assert (episodes.mean, loss, half, spent) == (3.0, 0.1, 0.5, 2**62 + 1)
    assert device_log.count("copied to the host") == 1


def test_an_accuracy_without_graded_weighs_as_one_answer():
    assert values.rate(torch.tensor(0.25), None) == Accuracy(0.25, 1)
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
