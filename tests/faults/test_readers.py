"""Readers of a run that is being written: never an error, never a step that goes, none late."""

import time

import numpy as np
import pandas as pd  # noqa: F401  # here, for it takes seconds the first time
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import rlviz

TRAINING = """
    import sys, time
    logdir, logbook, pace, seconds = sys.argv[1], sys.argv[2], *map(float, sys.argv[3:])
    viz = rlviz.Callback(logdir, figure_seconds=None)
    book = Logbook(logbook)
    until = time.monotonic() + seconds
    step = 0
    while time.monotonic() < until:
        step += 1
        log_step(viz, step)
        book.note(step)
        time.sleep(pace)
    assert viz.close(300)
    print(viz.health)
"""
SLACK = 0.5
"""Seconds for a busy machine."""


def assert_undisturbed(child, logdir, times):
    """The writer lost nothing."""
    assert child.wait() == 0, child.output
    count = len(times)
    assert f"logged={count}, written={count}, dropped=0, queued=0, errors=0" in child.output
    assert list(rlviz.read(logdir).step) == list(range(1, count + 1))


def read_all_rows(logdir):
    try:
        return rlviz.read(logdir)
    except FileNotFoundError:  # nothing is written yet
        return None


@pytest.mark.slow
@pytest.mark.parametrize("pace", [0.001, 0.1], ids=["1 ms", "100 ms"])
@pytest.mark.parametrize("seconds", [3.5, pytest.param(20, marks=pytest.mark.soak)])
def test_a_reader_sees_a_step_two_seconds_after_it_was_logged_and_every_step_before_it(
    children, tmp_path, when_logged, stalled, assert_rows_of_log_step, ran, noted, seconds, pace
):
    logdir, logbook = tmp_path / "run", tmp_path / "log"
    child = children(TRAINING, logdir, logbook, pace, seconds)
    seen = reads = 0
    latest = 0.0
    while child.poll() is None:
        at = time.time()
        run = read_all_rows(logdir)
        reads += 1
        now = 0
        if run is not None:
            now = len(run)
            assert list(run.step) == list(range(1, now + 1))
            assert_rows_of_log_step(run)
            assert len(run.damage) <= 1  # what is being written
            if reads % 5 == 0:
                frame = run.to_pandas()
                assert len(frame) == now
                assert frame["accuracy"].iloc[-1] == run.accuracy[-1]
        assert now >= seen
        seen = now
        times = when_logged(logbook)
        if len(times) > now and times[now] < at:
            latest = max(latest, at - times[now])
            assert at - times[now] <= 2.0 + SLACK + stalled(logbook, at, pace)
        time.sleep(0.05)
    assert seen > 0
    assert reads > seconds
    assert_undisturbed(child, logdir, when_logged(logbook))
    ran(reads_while_writing=reads)
    noted(f"a reader of {1000 * pace:g} ms steps: the latest came after {latest:.2f} s")


@pytest.mark.parametrize("seconds", [2, pytest.param(20, marks=pytest.mark.soak)])
def test_tensorboard_follows_the_run_while_it_is_written(
    children, tmp_path, when_logged, ran, seconds
):
    logdir, logbook = tmp_path / "run", tmp_path / "log"
    child = children(TRAINING, logdir, logbook, 0.002, seconds)
    child.wait_for(lambda: list(logdir.glob("*tfevents*")))
    accumulator = EventAccumulator(str(logdir), size_guidance={"scalars": 0})
    seen = reloads = 0

    def follow():
        nonlocal seen
        accumulator.Reload()
        if "rlviz/accuracy" in accumulator.Tags()["scalars"]:
            scalars = accumulator.Scalars("rlviz/accuracy")
            steps = np.array([event.step for event in scalars])
            assert list(steps) == list(range(1, len(scalars) + 1))
            values = ((steps % 5) / (steps % 5 + 1)).astype(np.float32)
            np.testing.assert_array_equal([event.value for event in scalars], values)
            assert len(scalars) >= seen
            seen = len(scalars)

    while child.poll() is None:
        follow()
        reloads += 1
        time.sleep(0.05)
    follow()
    times = when_logged(logbook)
    assert_undisturbed(child, logdir, times)
    assert seen == len(times)
    ran(reads_while_writing=reloads)


@pytest.mark.slow
def test_many_readers_at_once_do_not_disturb_the_writer(children, tmp_path, when_logged):
    logdir, logbook = tmp_path / "run", tmp_path / "log"
    child = children(TRAINING, logdir, logbook, 0.001, 2)
    reading = """
        import sys
        while True:
            try:
                run = rlviz.read(sys.argv[1])
            except FileNotFoundError:
                continue
            assert list(run.step) == list(range(1, len(run) + 1))
    """
    readers = [children(reading, logdir) for _ in range(4)]
    child.wait()
    for reader in readers:
        assert reader.poll() is None, reader.output
    assert_undisturbed(child, logdir, when_logged(logbook))
