"""The end of a run while something goes on: interrupts, other callbacks, nothing new to draw."""

import signal
import sys
import textwrap
import time

import pytest

import rlviz
import rlviz.callback
from rlviz.report.doctor import examine
from rlviz.report.history import read

# Its writes wait until the test lets them go on.
SLOW = """
    import os, sys, time
    from pathlib import Path
    from rlviz.record import system
    logdir, marks = Path(sys.argv[1]), Path(sys.argv[2])

    class Slow(system.System):
        def write(self, fd, data):
            (marks / "reached").touch()
            while not (marks / "go").exists():
                time.sleep(0.005)
            return super().write(fd, data)

    system.SYSTEM = Slow()
    def steps(viz):
        for step in range(1, 501):
            log_step(viz, step)
"""

TWICE = {
    "in a with block": """
    with rlviz.Callback(logdir, figure_seconds=None, flush_seconds=60) as viz:
        steps(viz)
        (marks / "logged").touch()
        time.sleep(60)
""",
    "in close": """
    viz = rlviz.Callback(logdir, figure_seconds=None, flush_seconds=60)
    steps(viz)
    try:
        (marks / "logged").touch()
        time.sleep(60)
    finally:
        viz.close()
""",
    "at exit": """
    viz = rlviz.Callback(logdir, figure_seconds=None, flush_seconds=60)
    steps(viz)
    (marks / "logged").touch()
    time.sleep(60)
""",
}


@pytest.mark.quick(1)
@pytest.mark.parametrize("ending", TWICE.values(), ids=TWICE)
@pytest.mark.parametrize("more", [1, 3])
def test_ctrl_c_while_the_run_is_closed_loses_nothing_that_was_queued(
    children, tmp_path, assert_rows_of_log_step, ending, more
):
    marks = tmp_path / "marks"
    marks.mkdir()
    child = children(textwrap.dedent(SLOW) + textwrap.dedent(ending), tmp_path / "run", marks)
    child.wait_for((marks / "logged").exists)
    child.kill(signal.SIGINT)
    child.wait_for((marks / "reached").exists)
    for _ in range(more):
        time.sleep(0.2)
        child.kill(signal.SIGINT)
    time.sleep(1.0)  # enough for a script that does not wait to be gone
    (marks / "go").touch()
    assert child.wait() == -signal.SIGINT, child.output
    run = read(tmp_path / "run")
    assert list(run.step) == list(range(1, 501))
    assert_rows_of_log_step(run)
    assert run.damage == ()


# At the end a write of each run waits for those of all others: one after the other, none comes.
TEN = """
    import sys, threading
    from rlviz.record import system
    together = threading.Barrier(10, timeout=300)

    class Together(system.System):
        def write(self, fd, data):
            if at_the_end and not getattr(mine, "met", False):  # each run has its own thread
                together.wait()
                mine.met = True
            return super().write(fd, data)

    mine, at_the_end = threading.local(), False
    system.SYSTEM = Together()
    made = [
        rlviz.Callback(f"{sys.argv[1]}/{n}", figure_seconds=None, flush_seconds=60)
        for n in range(10)
    ]
    for viz in made:
        for step in range(1, 51):
            log_step(viz, step)
        assert viz.flush(30)
    at_the_end = True
    for viz in made:
        for step in range(51, 101):
            log_step(viz, step)
"""


def test_ten_callbacks_that_nobody_closed_are_closed_side_by_side(
    children, tmp_path, assert_rows_of_log_step
):
    child = children(TEN, tmp_path)
    assert child.wait() == 0, child.output
    for n in range(10):
        run = read(tmp_path / str(n))
        assert list(run.step) == list(range(1, 101))
        assert_rows_of_log_step(run)


# Answers with a figure of one pixel, and notes each request.
HELPER = """
import json, sys, zlib, struct
from pathlib import Path
png = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000a49444154789c63000100"
    "00050001 0d0a2db40000000049454e44ae426082"
)
for line in sys.stdin:
    with open(sys.argv[1], "a") as stream:
        stream.write("x")
    header = {"figure_bytes": len(png), "summary_bytes": 2, "step": 1}
    header |= {"error": "", "cpu_seconds": 0}
    sys.stdout.buffer.write(json.dumps(header).encode() + b"\\n" + png + b"ok")
    sys.stdout.flush()
"""


@pytest.mark.slow
def test_a_run_in_which_nothing_happens_draws_no_new_figures(tmp_path, monkeypatch):
    asked = tmp_path / "asked"
    asked.touch()
    command = (sys.executable, "-c", HELPER, str(asked))
    monkeypatch.setattr(rlviz.callback, "FIGURE_PROCESS", command)
    viz = rlviz.Callback(tmp_path / "run", figure_seconds=0.01, flush_seconds=0.01)
    rounds = 0
    illustrate = viz._worker._illustrate

    def counted():
        nonlocal rounds
        rounds += 1
        illustrate()

    viz._worker._illustrate = counted

    def wait_for(condition):
        deadline = time.monotonic() + 300
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.005)

    for figures in (1, 2, 3):
        viz.on_step_end(figures, correct=[1])
        assert viz.flush(30)
        wait_for(lambda figures=figures: len(asked.read_text()) == figures)
        before = rounds
        wait_for(lambda before=before: rounds > before + 30)
        assert len(asked.read_text()) == figures
    assert viz.close(30)
    assert len(asked.read_text()) == 3  # the last figure shows all steps already


# Closes in an atexit handler, before or after rlviz's own, while two threads log or take all time.
THREADS_AT_EXIT = """
    import atexit, queue, sys, threading, time
    import rlviz.callback
    mine, waits = threading.get_ident(), []

    class Queue(queue.SimpleQueue):
        def get(self, block=True, timeout=None):
            if block and threading.get_ident() == mine:
                waits.append(float("inf") if timeout is None else timeout)
            return super().get(block, timeout)

    queue.SimpleQueue = Queue
    logdir, order, work, daemon = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4] == "daemon"
    if sys.argv[5] == "a figure that never comes":
        rlviz.callback.FIGURE_PROCESS = (sys.executable, "-c", "import time; time.sleep(600)")
    figure = None if sys.argv[5] == "no figure" else 60.0
    made = []

    def close():
        waits.clear()
        print("closed:", made[0].close(1.5), sum(waits) <= 1.5)
        health = made[0].health
        print("adds up:", health.logged == health.written + health.dropped + health.queued)

    if order == "before":
        atexit.register(close)
    made.append(rlviz.Callback(logdir, figure_seconds=figure))
    if order == "after":
        atexit.register(close)
    for step in range(1, 501):
        log_step(made[0], step)
    assert made[0].flush(30)
    until = time.monotonic() + (600 if daemon else 0.5)

    def busy():
        while time.monotonic() < until:
            if work == "log":
                made[0].on_step_end()
                time.sleep(0.0005)

    for _ in range(2):
        threading.Thread(target=busy, daemon=daemon).start()
"""


@pytest.mark.quick(1)
@pytest.mark.parametrize("figure", ["no figure", "a figure that never comes"])
@pytest.mark.parametrize("kind", ["daemon", "not daemon"])
@pytest.mark.parametrize("work", ["log", "spin"])
@pytest.mark.parametrize("order", ["before", "after"])
def test_a_close_at_exit_beside_running_threads_writes_every_row_and_says_what_is_late(
    children, tmp_path, order, work, kind, figure
):
    child = children(THREADS_AT_EXIT, tmp_path, order, work, kind, figure)
    assert child.wait() == 0, child.output
    is_late = figure != "no figure"
    expected = "closed: False True" if is_late else "closed: True True"
    assert expected in child.output
    assert ("the last figure and summary were not ready in time" in child.output) is is_late
    assert "adds up: True" in child.output
    run = read(tmp_path)
    assert run.step.tolist() == list(range(1, len(run) + 1))
    assert len(run) >= 500
    assert examine(tmp_path).text().count("its script closed it") == 1


def test_rows_that_a_close_leaves_unwritten_are_said(children, tmp_path):
    marks = tmp_path / "marks"
    marks.mkdir()
    ending = """
    viz = rlviz.Callback(logdir, figure_seconds=None, flush_seconds=60)
    steps(viz)
    print("closed:", viz.close(0.5), viz.health.errors)
    (marks / "go").touch()
    """
    child = children(textwrap.dedent(SLOW) + textwrap.dedent(ending), tmp_path / "run", marks)
    assert child.wait() == 0, child.output
    assert "closed: False 1" in child.output
    assert "close() ended while 500 steps still waited" in child.output
