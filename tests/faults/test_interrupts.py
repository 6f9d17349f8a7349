"""Ctrl-C wherever CPython can deliver it: the counts add up, no step is doubled, close works.

CPython raises KeyboardInterrupt, and what another thread throws in, at the start of a function,
after a call, and where a loop goes back. One test raises it at each of these points of rlviz's code
in turn, the other sends signals as fast as a loop can take them.
"""

import gc
import json
import os
import sys
import threading
from pathlib import Path

import pytest

import rlviz

PACKAGE = f"{Path(rlviz.__file__).parent}{os.sep}"
INTERRUPTED = (PACKAGE, threading.__file__)
"""Where: an interrupt in the midst of a lock of the standard library can leave it taken."""


class Interrupt:
    """Raises KeyboardInterrupt at the n-th point of the block, in this thread.

    The garbage collector rests meanwhile: Python drops what is raised in a finalizer that it runs.
    """

    def __init__(self, n):
        self._n = n
        self._points = 0
        self._lines = {}
        self.where = None

    def __enter__(self):
        gc.disable()
        sys.settrace(self._trace)
        sys.setprofile(self._profile)
        return self

    def __exit__(self, kind, error, traceback):
        self._end()
        return kind is KeyboardInterrupt

    def _end(self):
        sys.settrace(None)
        sys.setprofile(None)
        gc.enable()

    def _point(self, frame, what):
        if not frame.f_code.co_filename.startswith(INTERRUPTED):
            return
        self._points += 1
        if self._points == self._n:
            self._end()
            name = frame.f_code.co_filename.removeprefix(PACKAGE)
            self.where = f"{name}:{frame.f_lineno} ({frame.f_code.co_name}, {what})"
            raise KeyboardInterrupt

    def _profile(self, frame, event, argument):
        if event in ("call", "c_return", "c_exception"):
            self._point(frame, event)
        elif event == "return" and frame.f_back is not None:
            self._point(frame.f_back, event)

    def _trace(self, frame, event, argument):
        if not frame.f_code.co_filename.startswith(INTERRUPTED):
            return None
        if event == "line":
            before, self._lines[frame] = self._lines.get(frame, 0), frame.f_lineno
            if frame.f_lineno < before:
                self._point(frame, "loop")
        return self._trace


def log(viz, step):
    viz.record(correct=[1, 0], flops={"update": 3}, parallelism=[2.0])
    viz.record(accuracy=0.5, flops=5, metrics={"loss": 0.5})
    viz.on_step_end(step, metrics={"kl": 1.0})


def many_calls(viz):
    for _ in range(70):  # more than are queued one by one
        viz.record(accuracy=0.5, flops=5)


CALLS = {
    "record": lambda viz: viz.record(
        correct=[1, 0], flops={"update": 3}, parallelism=[2.0], metrics={"loss": 0.5}, group="math"
    ),
    "record what is plain": lambda viz: viz.record(accuracy=0.5, flops=5, metrics={"loss": 0.5}),
    "record very often": many_calls,
    "on_step_end": lambda viz: viz.on_step_end(4, correct=[1], metrics={"kl": 1.0, "x": 3}),
    "on_step_end of what is plain": lambda viz: viz.on_step_end(4, metrics={"kl": 1.0}),
    "state_dict": lambda viz: viz.state_dict(),
    "flush": lambda viz: viz.flush(5),
    "close": lambda viz: viz.close(30),
}


def assert_adds_up(health):
    assert health.logged == health.written + health.dropped + health.queued
    assert min(health.written, health.dropped, health.queued) >= 0


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("stride", [9, pytest.param(1, marks=pytest.mark.soak)])
def test_a_call_that_is_interrupted_anywhere_leaves_a_sound_run(tmp_path, call, stride, rng, ran):
    point = rng.randint(1, stride)
    tried = 0
    while True:
        logdir = tmp_path / str(point)
        seconds = 60 if call == "close" else 0.02
        viz = rlviz.Callback(logdir, figure_seconds=None, flush_seconds=seconds)
        for step in (1, 2, 3):
            log(viz, step)
        with Interrupt(point) as interrupt:
            CALLS[call](viz)
        if interrupt.where is None:
            break
        tried += 1
        logged = viz.health.logged
        assert_adds_up(viz.health)
        for step in (5, 6, 7):
            log(viz, step)
        assert viz.close(30), interrupt.where
        health = viz.health
        assert_adds_up(health)
        run = rlviz.read(logdir)
        steps = run.step.tolist()
        if call == "close":
            assert steps in ([1, 2, 3], [1, 2, 3, 5, 6, 7]), interrupt.where
        else:
            assert steps == [1, 2, 3, *([4] if logged == 4 else []), 5, 6, 7], interrupt.where
        assert (health.written, health.queued) == (len(steps), 0), interrupt.where
        assert run.columns["graded"].tolist()[:3] == [3, 3, 3]
        assert run.damage == ()
        point += stride
    viz.close(30)
    assert tried > 0
    ran(interrupts=tried)


STORM = """
    import faulthandler, json, random, signal, sys, time
    logdir, seconds, seed = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    faulthandler.dump_traceback_later(seconds + 60, exit=True)
    chance = random.Random(seed)
    viz = rlviz.Callback(logdir, figure_seconds=None, flush_seconds=0.01)
    storms = began = ended = 0
    armed = False

    def in_handler(number, frame):
        global storms, armed
        signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-5, 1e-3))
        if armed:
            armed = False  # so that what catches it is not interrupted
            storms += 1
            raise KeyboardInterrupt

    def log(step):
        global began, ended
        began += 1
        viz.record(flops={"update": 3}, correct=[1], metrics={"loss": 0.5})
        ended += 1
        viz.on_step_end(step)

    def adds_up():
        health = viz.health
        assert health.logged == health.written + health.dropped + health.queued, health
        assert min(health.written, health.dropped, health.queued) >= 0, health

    signal.signal(signal.SIGALRM, in_handler)
    until = time.monotonic() + seconds
    step = 0
    signal.setitimer(signal.ITIMER_REAL, 0.001)
    while time.monotonic() < until:
        step += 1
        try:
            armed = True
            log(step)
            if step % 50 == 0:
                viz.state_dict()
                viz.flush(5)
            adds_up()
        except KeyboardInterrupt:
            pass
        armed = False
        while viz.health.queued > 10_000:  # what the queue can't hold is not this test's matter
            time.sleep(0.001)
    closed = None
    for _ in range(20):  # the one after them is not interrupted
        try:
            armed = True
            closed = viz.close(30)
        except KeyboardInterrupt:
            pass
        armed = False
    closed = viz.close(30)
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert closed, viz.health
    adds_up()
    health = viz.health
    assert health.logged == health.written, health
    print(json.dumps([storms, began, ended, health.logged]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [2, pytest.param(60, marks=pytest.mark.soak)])
def test_a_storm_of_interrupts_doubles_no_step_and_loses_none_that_was_closed(
    children, tmp_path, rng, ran, seconds
):
    child = children(STORM, tmp_path, seconds, rng.randrange(2**32))
    assert child.wait(seconds + 120) == 0, child.output
    storms, began, ended, logged = json.loads(child.output.splitlines()[-1])
    assert storms > 50 * seconds
    run = rlviz.read(tmp_path)
    steps = run.step.tolist()
    assert steps == sorted(set(steps))
    assert len(run) == logged
    assert run.damage == ()
    # An interrupted call may have recorded or not; every other is there once.
    assert ended <= run.columns["graded"].sum() <= began
    ran(interrupts=storms)
