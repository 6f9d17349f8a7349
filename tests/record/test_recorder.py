"""The queue of what a step brings: plain or measured, bounded, and closed step by step."""

import itertools
import threading
from collections import deque
from dataclasses import replace

import pytest
import torch

from rlviz.accuracy import Accuracy
from rlviz.record import device
from rlviz.record.account import Account
from rlviz.record.items import SPOILED, bytes_of, ends_a_step
from rlviz.record.measurement import Measurement
from rlviz.record.merged import Merged
from rlviz.record.recorder import Recorder
from rlviz.record.step_sums import StepSums
from rlviz.schema import CLOSED, DISK, LOOP, SIZE


def arrived(*kept):
    """What kept values are once they were fetched."""
    return [value.read(host) for value, host in zip(kept, device.fetch(kept), strict=True)]


def test_a_call_keeps_all_that_it_brings_with_one_launch_on_the_device(on_a_device, device_log):
    tensors = {
        "flag": on_a_device([True, False, True]),
        "loss": on_a_device(torch.tensor(0.1, dtype=torch.float64)),
        "kl": on_a_device(torch.tensor(0.25, dtype=torch.bfloat16)),
        "entropy": on_a_device(0.5),
        "lr": on_a_device(torch.tensor(3, dtype=torch.int16)),
    }
    queue = deque()
    recorder = Recorder(queue, Account(), on_error=pytest.fail)
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


def recorder(queue, account=None, **options):
    defaults = {"on_error": pytest.fail, "clock": lambda: 5.0}
    return Recorder(queue, account or Account(), **{**defaults, **options})


def test_host_scalars_are_queued_as_they_came_and_anything_else_as_a_measurement():
    queue = deque()
    record = recorder(queue).record
    record(0.5, 8, 10**18, 2.0, None)
    record(None, None, None, None, None, {"correct": [1, 0]})
    record(0.5, None, None, None, {"loss": 2.0})  # of a name that is checked first
    record(0.5, None, None, None, {"loss": 3.0})
    assert queue == deque(
        [
            (0.5, 8, 10**18, 2.0, None),
            Measurement(accuracy=Accuracy(1, 2)),
            Measurement(accuracy=Accuracy(0.5, 1, uncounted=1), metrics={"loss": 2.0}),
            (0.5, None, None, None, {"loss": 3.0}),
        ]
    )


def test_a_step_end_has_its_number_its_time_and_the_last_metrics():
    queue = deque()
    steps = recorder(queue)
    steps.end_step(None, None)
    steps.end_step(7, None, wall_time=2.5)
    steps.end_step(None, {"loss": 1.0})  # its name is checked first, as a measurement
    steps.end_step(None, {"loss": 2.0})
    assert [item for item in queue if ends_a_step(item)] == [
        (1, 5.0, None),
        (7, 2.5, None),
        (8, 5.0, None),
        (9, 5.0, {"loss": 2.0}),
    ]
    assert steps.last_step == 9


def check_bytes(queue, account):
    assert sum(map(bytes_of, queue)) == account.came - account.gone


def test_from_half_full_on_steps_are_dropped_whole_evenly_counted_and_said():
    queue, said, account = deque(), [], Account(row_limit=1000)
    woken = []
    steps = recorder(queue, account, on_error=said.append, wake=lambda: woken.append(len(queue)))
    for step in range(1, 10_001):
        steps.record(0.5, 1, None, None, None)
        steps.end_step(step, None)
    assert account.counts == (10_000, 0, account.refused, account.entered)
    assert 900 < account.entered <= 1000
    kept = [item[0] for item in queue if ends_a_step(item)]
    assert kept[:500] == list(range(1, 501))
    gaps = [after - before for before, after in itertools.pairwise(kept[500:])]
    # First each, then every second, then every third, and so on.
    assert all(after >= before - 1 for before, after in itertools.pairwise(gaps))
    assert gaps[:10] == [1] * 10
    assert woken == [2 * 501]  # once, when half of the rows that may wait do
    assert account.causes[LOOP] == account.refused
    assert len(said) == 1  # they came within a second
    assert "1 step was dropped so far, now because the loop closes steps faster" in str(said[0])
    check_bytes(queue, account)


def test_once_there_is_room_again_every_step_is_kept():
    queue, account = deque(), Account(row_limit=100)
    steps = recorder(queue, account, on_error=lambda error: None)
    for step in range(1, 201):
        steps.end_step(step, None)
    assert account.refused
    queue.clear()
    account.passed, account.gone = replace(account.passed, taken=account.entered), account.came
    refused = account.refused
    for step in range(201, 251):
        steps.record(0.5, 1, None, None, None)
        steps.end_step(step, None)
    assert account.refused - refused <= 1  # the one that was decided before
    assert sum(map(ends_a_step, queue)) >= 49


def test_a_step_is_priced_by_what_is_in_it_however_many_names_came_before():
    queue, account = deque(), Account()
    steps = recorder(queue, account)
    for step in range(2000):
        steps.end_step(step, {f"metric/{step}": 1.0})
    assert (account.refused, len(account.causes)) == (0, len(account.causes))
    assert account.came <= 2000 * 1000
    check_bytes(queue, account)


def test_a_step_of_very_many_calls_is_added_up_in_place():
    queue, account = deque(), Account()
    steps = recorder(queue, account)
    for _ in range(80_000):
        steps.record(0.5, 2, 10, 1.5, None)
    assert len(queue) <= 66
    merged = queue[-1]
    steps.end_step(1, None)
    steps.record(0.5, 2, 10, 1.5, None)
    assert isinstance(merged, Merged)
    assert sum(item[1] for item in list(queue)[:64]) + merged.sums.graded == 160_000
    assert (account.refused, merged.busy, merged.step) == (0, False, 0)
    check_bytes(queue, account)


def test_calls_of_many_threads_in_one_step_have_sums_of_their_own():
    queue, account = deque(), Account()
    steps = recorder(queue, account)

    def work():
        for _ in range(5000):
            steps.record(0.5, 2, 10, None, {"loss": 0.25})

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    items = list(queue)
    sums = StepSums()
    for item in items:
        if isinstance(item, Merged):
            sums.merge(item.sums, side_by_side=False)
        elif isinstance(item, Measurement):
            sums.add(item, lambda value: value)
        else:
            sums.add_plain(item)
    assert (sums.graded, sums.flops["total"], sums.metrics["loss"]) == (80_000, 400_000, 10_000.0)
    assert len(items) < 200
    check_bytes(queue, account)


def test_a_call_that_interrupts_another_of_its_thread_is_queued_beside_the_sums():
    queue, account = deque(), Account()
    steps = recorder(queue, account)
    for _ in range(70):
        steps.record(0.5, 2, None, None, None)
    (merged,) = (item for item in queue if isinstance(item, Merged))
    merged.busy = True  # as where a signal handler comes while they are being added to
    steps.record(0.25, 3, None, None, None)
    assert queue[-1] == (0.25, 3, None, None, None)
    merged.busy = False
    steps.record(0.25, 3, None, None, None)
    assert len(queue) == 66


def test_what_is_too_large_for_all_memory_spoils_its_step_alone_and_says_so():
    queue, said, account = deque(), [], Account(byte_limit=100_000)
    steps = recorder(queue, account, on_error=said.append)
    for n in range(1000):
        steps.record(None, None, None, None, {f"metric/{n}": 1.0})
    steps.end_step(1, None)
    assert (account.logged, account.refused, account.causes[SIZE]) == (1, 1, 1)
    assert queue[-1] is SPOILED
    assert "the steps bring more than the writer thread can write" in str(said[0])


@pytest.mark.parametrize(
    ("disk", "cause", "words"),
    [
        ({}, LOOP, "the loop closes steps faster"),
        ({"disk_fails": True}, DISK, "the disk refuses them"),
        ({"disk_is_slow": True}, DISK, "the disk refuses them"),
        ({"asked_disk": 0.0}, DISK, "the disk refuses them"),
    ],
)
def test_the_disk_is_named_only_when_it_is_the_disk(disk, cause, words):
    queue, said, account = deque(), [], Account(row_limit=10)
    for name, value in disk.items():
        setattr(account, name, value)
    steps = recorder(queue, account, on_error=said.append)
    for step in range(20):
        steps.end_step(step, None)
    assert account.causes[cause] == account.refused > 0
    assert words in str(said[0])


def test_after_the_end_steps_are_counted_and_said_elsewhere():
    queue, account = deque(), Account()
    steps = recorder(queue, account)
    steps.close()
    steps.record(0.5, 1, None, None, None)
    steps.end_step(1, {"loss": 1.0})
    assert (account.logged, account.refused, account.causes[CLOSED]) == (1, 1, 1)
    assert not queue


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda steps: steps.end_step(-1, None), ValueError, r"in \[0, 2\*\*53\), got -1"),
        (lambda steps: steps.end_step(2**53, None), ValueError, "got 9007199254740992"),
        (lambda steps: steps.end_step(True, None), TypeError, "whole number such as .* got True"),
        (lambda steps: steps.end_step("3", None), TypeError, r"got '3' \(str\)"),
        (
            lambda steps: steps.end_step(1, None, 0.0),
            ValueError,
            r"seconds since 1970, in \(0, 2\*\*53\], got 0.0",
        ),
        (lambda steps: steps.end_step(1, None, "now"), TypeError, "wall_time must be one number"),
    ],
)
def test_a_wrong_step_or_time_closes_nothing(call, error, words):
    queue, account = deque(), Account()
    steps = recorder(queue, account)
    with pytest.raises(error, match=words):
        call(steps)
    assert (account.logged, len(queue)) == (0, 0)
