"""A real GPU: recording waits for nothing on it, launches once a call, and every value arrives."""

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

import rlviz
from rlviz.accuracy import Accuracy
from rlviz.record import device, values

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
    # What raises where a thread waits says so of itself, once.
    pytest.mark.filterwarnings("ignore:Synchronization debug mode:UserWarning"),
]


@pytest.fixture
def no_waiting():
    """PyTorch raises where a thread waits for the device."""
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    yield
    torch.cuda.set_sync_debug_mode("default")


def train(logdir, steps):
    answers = torch.arange(8, device="cuda") % 2
    with rlviz.Callback(logdir, figure_seconds=None, flush_seconds=0.05) as viz:
        for step in range(1, steps + 1):
            loss = torch.full((), float(step), device="cuda")
            viz.on_step_end(step, correct=answers, metrics={"loss": loss})
            loss.zero_()
            if step % 50 == 0:
                assert viz.flush(20)
    return viz.health


def test_neither_recording_nor_the_writer_waits_for_the_device(tmp_path, no_waiting):
    health = train(tmp_path, 200)
    assert (health.written, health.errors) == (200, 0)


def test_every_value_arrives_as_it_was_when_it_was_recorded(tmp_path):
    train(tmp_path, 200)
    run = rlviz.read(tmp_path)
    assert list(run.columns["metrics/loss"]) == list(range(1, 201))
    assert set(run.columns["correct"]) == {4.0}


def test_a_call_launches_once_however_many_tensors_it_brings():
    kept = list(values.metrics({str(n): torch.rand((), device="cuda") for n in range(5)}).values())
    device.keep(kept)  # loads the kernel
    if not launches(lambda: torch.zeros(3, device="cuda").add(1)):
        pytest.skip("the profiler sees no launches here")
    made = launches(lambda: device.keep(kept))
    assert len(made) == 1, made


def launches(run):
    """The calls of CUDA that bring work to the device."""
    torch.cuda.synchronize()
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiled:
        run()
    known = ("cudaLaunch", "cuLaunch", "cudaMemcpy", "cudaMemset")
    return [event.name for event in profiled.events() if event.name.startswith(known)]


def test_what_was_queued_on_another_stream_is_waited_for_by_the_writer_alone():
    stream = torch.cuda.Stream()
    answers = torch.zeros(4, device="cuda")
    torch.cuda.synchronize()
    with torch.cuda.stream(stream):
        torch.cuda._sleep(200_000_000)
        answers.fill_(1)
        kept = values.answers(answers)
        device.keep([kept])
        answers.zero_()
    assert [kept.read(host) for host in device.fetch([kept])] == [Accuracy(4, 4)]


def test_no_graph_and_no_activation_is_kept_alive(tmp_path):
    with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        weight = torch.ones(1 << 22, device="cuda", requires_grad=True)
        loss = (weight * weight).exp().sum()
        viz.record(metrics={"loss": loss})
        del weight, loss
        assert torch.cuda.memory_allocated() - before <= 1 << 16
        viz.on_step_end(1)
