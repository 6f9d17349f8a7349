"""Runs that their script closes, leaves open, or takes along into a forked child."""

import logging
import subprocess
import sys
import textwrap

import pytest

import rlviz
from rlviz.record import endings


def run_script(code, *arguments):
    """Run a training script in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize("ending", ["pass", "sys.exit(3)", "raise RuntimeError('crash')"])
def test_a_script_that_never_closes_loses_nothing_however_it_ends(tmp_path, ending):
    code = f"""
        import sys, rlviz
        viz = rlviz.Callback(sys.argv[1], flush_seconds=60, figure_seconds=None)
        for step in range(1, 501):
            viz.on_step_end(step, correct=[1])
        {ending}
    """
    process = run_script(code, tmp_path)
    assert "Traceback" not in process.stderr or "crash" in process.stderr
    assert list(rlviz.read(tmp_path).step) == list(range(1, 501))


def test_callbacks_that_come_and_go_leave_nothing_to_be_closed(tmp_path):
    for n in range(3):
        with rlviz.Callback(tmp_path / str(n), figure_seconds=None) as viz:
            viz.on_step_end(1)
            assert viz._ending in endings._open
        assert viz._ending not in endings._open


def test_going_on_after_the_end_is_said_once_and_strict_raises_it(tmp_path, caplog):
    viz = rlviz.Callback(tmp_path / "a", figure_seconds=None)
    viz.close()
    with caplog.at_level(logging.WARNING, logger="rlviz"):
        for _ in range(3):
            viz.on_step_end(correct=[1])
    assert len(caplog.records) == 1
    assert "came after close()" in caplog.text
    strict = rlviz.Callback(tmp_path / "b", figure_seconds=None, strict=True)
    strict.close()
    with pytest.raises(RuntimeError, match="came after close"):
        strict.record(correct=[1])


def test_a_forked_child_answers_at_once_and_writes_nothing(tmp_path):
    code = """
        import os, queue, sys, rlviz
        waits = []
        class Queue(queue.SimpleQueue):
            def get(self, *timeout, **named):
                waits.append((timeout, named))
                return super().get(*timeout, **named)
        queue.SimpleQueue = Queue
        viz = rlviz.Callback(sys.argv[1], figure_seconds=None)
        viz.on_step_end(1, correct=[1])
        viz.flush()
        child = os.fork()
        if child == 0:
            viz.on_step_end(99, correct=[0])
            waits.clear()
            print(viz.flush(), viz.close(), waits, flush=True)
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
        viz.on_step_end(2, correct=[1])
        print(viz.close(), flush=True)
    """
    process = run_script(code, tmp_path)
    assert process.stdout.splitlines() == ["False False []", "True"], process.stderr
    assert list(rlviz.read(tmp_path).step) == [1, 2]


def test_a_forked_child_says_once_that_what_it_records_is_dropped(tmp_path):
    code = """
        import os, sys, rlviz
        viz = rlviz.Callback(sys.argv[1], figure_seconds=None)
        if os.fork() == 0:
            for step in range(3):
                viz.on_step_end(step, correct=[1])
            health = viz.health
            print(health.logged, health.dropped, viz.state_dict()["step"], flush=True)
            os._exit(0)
        os.wait()
    """
    process = run_script(code, tmp_path)
    assert process.stdout == "3 3 0\n"
    assert process.stderr.count("came in a forked child: it is dropped") == 1
