"""Values on a device: kept there as they were, and brought to the host together."""

import torch

from rlviz.accuracy import Accuracy
from rlviz.record import device, values
from rlviz.record.device import Deferred


def arrived(*kept):
    """What kept values are once they were fetched."""
    return [value.read(host) for value, host in zip(kept, device.fetch(kept), strict=True)]


def test_a_tensor_on_a_device_is_cloned_there_and_read_only_when_it_is_fetched(
    on_a_device, device_log
):
    kept = values.answers(on_a_device([1.0, 0.0]))
    assert isinstance(kept, Deferred)
    device.keep([kept])
    assert set(device_log) == {"detach", "clone"}  # old torch detaches once more
    assert device_log.count("clone") == 1
    assert arrived(kept) == [Accuracy(1, 2)]
    assert device_log.count("copied to the host") == 1


def test_what_is_done_to_a_device_tensor_afterwards_does_not_reach_the_record(on_a_device):
    tensor = on_a_device([1.0, 0.0])
    kept = values.answers(tensor)
    device.keep([kept])
    tensor.zero_()
    assert arrived(kept) == [Accuracy(1, 2)]


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
