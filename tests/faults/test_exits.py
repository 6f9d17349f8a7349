"""Every way to end a training script that never closes its callback."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

import rlviz

STEPS = 500

# Nothing is written before the end, unless the end sees to it.
BEGIN = """
import atexit, os, signal, sys, threading, time
def steps(viz, first, last):
    for step in range(first, last + 1):
        log_step(viz, step)
def start():
    return rlviz.Callback(sys.argv[1], figure_seconds=None, flush_seconds=60)
def terminated(number, frame):
    sys.exit(5)
"""

ENDINGS = {
    "the end of the script": ("viz = start(); steps(viz, 1, 500)", 0),
    "a callback that nobody holds": ("steps(start(), 1, 500)", 0),
    "sys.exit": ("viz = start(); steps(viz, 1, 500); sys.exit(3)", 3),
    "SystemExit with words": ("viz = start(); steps(viz, 1, 500); raise SystemExit('over')", 1),
    "an exception": ("viz = start(); steps(viz, 1, 500); 1 / 0", 1),
    "an exception that is no Exception": (
        "viz = start(); steps(viz, 1, 500); raise BaseException",
        1,
    ),
    "KeyboardInterrupt": ("viz = start(); steps(viz, 1, 500); raise KeyboardInterrupt", -2),
    "an exception in a with block": ("with start() as viz: steps(viz, 1, 500); 1 / 0", 1),
    "sys.exit in a with block": ("with start() as viz: steps(viz, 1, 500); sys.exit(3)", 3),
    "SIGTERM with a handler of the script": (
        "viz = start(); signal.signal(signal.SIGTERM, terminated); steps(viz, 1, 500)\n"
        "os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)",
        5,
    ),
    "a thread that goes on after the main thread": (
        "viz = start(); steps(viz, 1, 100)\n"
        "def more(): time.sleep(0.2); steps(viz, 101, 500)\n"
        "threading.Thread(target=more).start()",
        0,
    ),
    "a thread that does it all": (
        "def train(): steps(start(), 1, 500)\nthreading.Thread(target=train).start()",
        0,
    ),
    "an exception in the thread that trains": (
        "def train(): steps(start(), 1, 500); 1 / 0\nthreading.Thread(target=train).start()",
        0,
    ),
    "sys.exit in the thread that trains": (
        "def train(): steps(start(), 1, 500); sys.exit(3)\nthreading.Thread(target=train).start()",
        0,
    ),
    "a last step in an atexit handler": (
        "viz = start(); atexit.register(steps, viz, 401, 500); steps(viz, 1, 400)",
        0,
    ),
    "a close in an atexit handler": (
        "viz = start(); atexit.register(viz.close); steps(viz, 1, 500)",
        0,
    ),
}


@pytest.mark.quick(3)
@pytest.mark.parametrize(("ending", "code"), ENDINGS.values(), ids=ENDINGS)
def test_a_script_that_python_ends_loses_nothing(
    children, tmp_path, assert_rows_of_log_step, ending, code, ran
):
    child = children(BEGIN + ending, tmp_path)
    assert child.wait() == code, child.output
    run = rlviz.read(tmp_path)
    assert list(run.step) == list(range(1, STEPS + 1))
    assert_rows_of_log_step(run)
    assert run.damage == ()
    # Neither a warning nor a traceback of ours; a clone of that name stands in paths of the tests.
    assert "rlviz" not in child.output.replace(str(Path(__file__).parents[2]), "")
    ran(exits=1)


# An atexit handler that was registered before the callback's own runs after it.
AFTER_THE_END = {
    "in an atexit handler": (
        "atexit.register(lambda: steps(viz, 501, 600)); viz = start(); steps(viz, 1, 500)"
    ),
    "in an atexit handler that flushes": (
        "atexit.register(lambda: (steps(viz, 501, 600), viz.flush(1), viz.close(1)))\n"
        "viz = start(); steps(viz, 1, 500)"
    ),
    "in __del__": (
        "class Late:\n    def __del__(self): steps(viz, 501, 600)\n"
        "viz = start(); late = Late(); late.itself = late; steps(viz, 1, 500)"
    ),
    "in a daemon thread": (
        "def more():\n"
        "    for step in range(501, 10**9): log_step(viz, step); time.sleep(0.001)\n"
        "viz = start(); steps(viz, 1, 500); threading.Thread(target=more, daemon=True).start()"
    ),
}


@pytest.mark.quick(1)
@pytest.mark.parametrize("late", AFTER_THE_END.values(), ids=AFTER_THE_END)
def test_steps_that_come_while_python_shuts_down_hinder_nothing(
    children, tmp_path, assert_rows_of_log_step, late
):
    child = children(BEGIN + late, tmp_path)
    assert child.wait() == 0, child.output
    assert "Error" not in child.output.replace("RuntimeError: record() or on_step_end() came", "")
    run = rlviz.read(tmp_path)
    assert list(run.step) == list(range(1, len(run) + 1))
    assert len(run) >= STEPS
    assert_rows_of_log_step(run)


def test_steps_that_come_after_the_close_at_exit_are_counted(children, tmp_path):
    code = f"""{BEGIN}
atexit.register(lambda: (steps(viz, 501, 600), print("at the end:", viz.health)))
viz = start()
steps(viz, 1, 500)
"""
    child = children(code, tmp_path)
    assert child.wait() == 0, child.output
    (said,) = (line for line in child.output.splitlines() if line.startswith("at the end:"))
    assert "logged=600, written=500, dropped=100, queued=0" in said


SUDDEN = {
    "os._exit": ("os._exit(7)", 7),
    "SIGTERM": ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
    "SIGHUP": ("os.kill(os.getpid(), signal.SIGHUP)", -signal.SIGHUP),
    "abort": ("os.abort()", -signal.SIGABRT),
    "a segmentation fault": ("import ctypes; ctypes.string_at(0)", -signal.SIGSEGV),
    "exec": ("os.execv('/bin/sh', ['/bin/sh', '-c', 'exit 9'])", 9),
    "os._exit in a thread": ("threading.Thread(target=os._exit, args=(8,)).start()", 8),
}


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, pytest.param(12, marks=pytest.mark.soak)])
def test_a_script_that_python_cannot_end_loses_a_second_at_most(
    children, tmp_path, when_logged, seconds_lost, stalled, rng, ran, times
):
    training = """
        import os, resource, signal, sys, threading, time
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        viz = rlviz.Callback(sys.argv[1], figure_seconds=None)
        book = Logbook(sys.argv[2])
        until = time.monotonic() + float(sys.argv[3])
        step = 0
        while time.monotonic() < until:
            step += 1
            book.note(step)
            log_step(viz, step)
            time.sleep(0.004)
        exec(sys.argv[4])
        time.sleep(60)
    """
    for n in range(times):
        runs = {}
        for number, ending in enumerate(SUDDEN):  # all at once
            logdir = tmp_path / f"{n}-{number}"
            arguments = (logdir, logdir.with_suffix(".log"), rng.uniform(1.3, 3), SUDDEN[ending][0])
            runs[ending] = logdir, children(training, *arguments)
        for ending, (logdir, child) in runs.items():
            assert child.wait() == SUDDEN[ending][1], child.output
            logbook = logdir.with_suffix(".log")
            died = when_logged(logbook)[-1]
            allowed = 1.0 + 0.5 + stalled(logbook, died, 0.004)
            assert seconds_lost(logdir, logbook, died) <= allowed, ending
            ran(exits=1)


@pytest.mark.parametrize("times", [2, pytest.param(64, marks=pytest.mark.soak)])
def test_ctrl_c_at_any_moment_loses_no_step_that_was_closed(
    children, tmp_path, when_logged, assert_rows_of_log_step, rng, ran, times
):
    training = """
        import sys, time
        viz = rlviz.Callback(sys.argv[1], figure_seconds=None)
        book = Logbook(sys.argv[2])
        step = 0
        while True:
            step += 1
            log_step(viz, step)
            book.note(step)
            while viz.health.queued > 20_000:  # dropping is for a disk that does not answer
                time.sleep(0.001)
    """
    for n in range(times):  # one at a time, for it logs as fast as it can
        logdir, logbook = tmp_path / str(n), tmp_path / f"{n}.log"
        child = children(training, logdir, logbook)
        child.wait_for(lambda logbook=logbook: len(when_logged(logbook)))
        time.sleep(rng.uniform(0, 0.1))
        child.kill(signal.SIGINT)
        assert child.wait() == -signal.SIGINT, child.output
        assert child.output.rstrip().endswith("KeyboardInterrupt")
        run = rlviz.read(logdir)
        assert list(run.step) == list(range(1, len(run) + 1))
        assert len(run) - len(when_logged(logbook)) in (0, 1)
        assert_rows_of_log_step(run)
    ran(exits=times)


def test_no_signal_gets_a_handler(tmp_path):
    before = {number: signal.getsignal(number) for number in signal.valid_signals()}
    with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
        viz.on_step_end(1, correct=[1])
        assert viz.flush()
        assert {number: signal.getsignal(number) for number in signal.valid_signals()} == before


# multiprocessing ends its processes in ways of its own.
PROCESSES = """
import multiprocessing, sys
import rlviz

def train(logdir, ending):
    viz = rlviz.Callback(logdir, figure_seconds=None, flush_seconds=60)
    for step in range(1, 501):
        viz.on_step_end(step, metrics={"loss": 1 / step})
    if ending == "exception":
        raise RuntimeError("crash")
    if ending == "exit":
        sys.exit(3)

if __name__ == "__main__":
    method, logdir = sys.argv[1:]
    context = multiprocessing.get_context(method)
    endings = ["return", "exception", "exit"]
    processes = [context.Process(target=train, args=(f"{logdir}/{e}", e)) for e in endings]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    print([process.exitcode for process in processes])
"""


@pytest.mark.slow
@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_a_process_of_multiprocessing_that_ends_by_itself_loses_nothing(tmp_path, method):
    script = tmp_path / "train.py"
    script.write_text(textwrap.dedent(PROCESSES))
    package_root = str(Path(rlviz.__file__).resolve().parent.parent)
    done = subprocess.run(
        [sys.executable, script, method, tmp_path],
        env={**os.environ, "PYTHONSAFEPATH": "1", "PYTHONPATH": package_root},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.stdout.strip() == "[0, 1, 3]", done.stderr
    for ending in ("return", "exception", "exit"):
        run = rlviz.read(tmp_path / ending)
        np.testing.assert_array_equal(run.step, np.arange(1, 501))
        np.testing.assert_array_equal(run.columns["metrics/loss"], 1 / np.arange(1, 501))


# `with Pool` kills its workers as soon as it has their results; only their own end saves the rows.
POOL = """
import multiprocessing, sys
import rlviz

def train(logdir):
    viz = rlviz.Callback(logdir, figure_seconds=None, flush_seconds=60)
    for step in range(1, 51):
        viz.on_step_end(step, metrics={"loss": 1 / step})
    if logdir.endswith("closed"):
        assert viz.close()
    return logdir

if __name__ == "__main__":
    method, logdir = sys.argv[1:]
    context = multiprocessing.get_context(method)
    with context.Pool(2) as pool:
        pool.map(train, [f"{logdir}/{n}-closed" for n in range(4)], chunksize=1)
    with context.Pool(2) as pool:
        pool.map(train, [f"{logdir}/{n}-joined" for n in range(4)], chunksize=1)
        pool.close()
        pool.join()
"""


@pytest.mark.slow
@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_a_worker_of_a_pool_loses_nothing_where_it_closes_its_run_or_is_joined(tmp_path, method):
    script = tmp_path / "train.py"
    script.write_text(POOL)
    done = subprocess.run(
        [sys.executable, script, method, tmp_path],
        env={
            **os.environ,
            "PYTHONSAFEPATH": "1",
            "PYTHONPATH": str(Path(rlviz.__file__).resolve().parent.parent),
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for number in range(4):
        for ending in ("closed", "joined"):
            run = rlviz.read(tmp_path / f"{number}-{ending}")
            assert run.step.tolist() == list(range(1, 51))
