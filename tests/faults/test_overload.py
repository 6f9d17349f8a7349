"""Loops that bring more than the writer can take: nothing is lost without need, all is counted."""

import errno
import json
import threading
import time

import numpy as np
import pytest

import rlviz
from rlviz.record import system
from rlviz.record.system import System


def check_sums(health):
    assert health.logged == health.written + health.dropped + health.queued
    assert min(health.written, health.dropped, health.queued) >= 0
    return health


@pytest.mark.parametrize(
    "steps", [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(20, marks=pytest.mark.soak)]
)
def test_a_step_of_80_000_calls_is_not_dropped(tmp_path, ran, steps):
    viz = rlviz.Callback(tmp_path, figure_seconds=None)
    for step in range(1, steps + 1):
        for _ in range(80_000):
            viz.record(accuracy=0.5, graded=4, flops=10**15 + 1, parallelism=2.5)
        viz.on_step_end(step, metrics={"loss": 1.0})
    assert viz.close(60)
    assert check_sums(viz.health).written == steps
    run = rlviz.read(tmp_path)
    assert set(run.columns["graded"]) == {320_000.0}
    assert set(run.accuracy) == {0.5}
    assert set(run.parallelism) == {2.5}
    assert run.exact_flops()[-1] == steps * 80_000 * (10**15 + 1)
    ran(calls_of_large_steps=80_000 * steps)


def test_calls_of_every_kind_in_a_large_step_add_up_as_in_a_small_one(tmp_path):
    def call(viz, n):
        viz.record(correct=[1, 0, n % 2], flops={"rollout": 10**20, "evaluation": 7})
        viz.record(correct=[1], group="math", seconds={"rollout": 0.25})
        viz.record(parallelism=[1.0, 2.0], metrics={"loss": float(n), f"metric/{n % 5}": 1})
        viz.record(accuracy=0.5, graded=2, metrics={"kl": 0.5})

    viz = rlviz.Callback(tmp_path / "large", figure_seconds=None)
    for n in range(500):
        call(viz, n)
    viz.on_step_end(1)
    assert viz.close(60)
    viz = rlviz.Callback(tmp_path / "small", figure_seconds=None)
    viz._recorder._apart = viz._recorder._apart * 10**6  # nothing is added up in the queue
    for n in range(500):
        call(viz, n)
    viz.on_step_end(1)
    assert viz.close(60)
    large, small = (rlviz.read(tmp_path / name) for name in ("large", "small"))
    assert set(large.columns) == set(small.columns)
    for name in set(large.columns) - {"wall_time"}:
        np.testing.assert_allclose(large.columns[name], small.columns[name], rtol=1e-12)
    assert large.exact_flops("rollout") == small.exact_flops("rollout") == [500 * 10**20]


@pytest.mark.parametrize(
    "steps",
    [300, pytest.param(1500, marks=pytest.mark.slow), pytest.param(10_000, marks=pytest.mark.soak)],
)
def test_a_new_metric_name_at_each_step_drops_nothing_and_writes_no_gaps(tmp_path, ran, steps):
    viz = rlviz.Callback(tmp_path, figure_seconds=None)
    for step in range(1, steps + 1):
        viz.on_step_end(step, metrics={f"metric{step}": float(step)})
    assert viz.close(120)
    health = check_sums(viz.health)
    assert (health.written, health.dropped) == (steps, 0)
    # 12 columns and a scalar a step; a table of all names would take 8 bytes for each at each step.
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 2000 * steps
    if steps < 5000:  # a table in memory of all names has steps squared numbers
        run = rlviz.read(tmp_path)
        for step in (1, 33, 34, steps):
            column = run.columns[f"metrics/metric{step}"]
            assert column[step - 1] == step
            assert np.isnan(np.delete(column, step - 1)).all()
    ran(new_names=steps)


@pytest.mark.quick(1)
@pytest.mark.parametrize("calls", ["one call a step", "one call a metric"])
@pytest.mark.parametrize(
    ("steps", "pace"), [(12, 0.0), pytest.param(100, 0.1, marks=pytest.mark.soak)]
)
def test_2_000_fixed_metrics_drop_nothing(tmp_path, calls, steps, pace):
    names = [f"some/metric{n}" for n in range(2000)]
    viz = rlviz.Callback(tmp_path, figure_seconds=None)
    for step in range(1, steps + 1):
        if calls == "one call a step":
            viz.record(metrics=dict.fromkeys(names, step + 0.5))
        else:
            for name in names:
                viz.record(metrics={name: step + 0.5})
        viz.on_step_end(step)
        time.sleep(pace)
    assert viz.close(120)
    health = check_sums(viz.health)
    assert (health.written, health.dropped) == (steps, 0)
    run = rlviz.read(tmp_path)
    for name in names[::500]:
        np.testing.assert_array_equal(run.columns[f"metrics/{name}"], np.arange(1, steps + 1) + 0.5)


@pytest.mark.parametrize(
    "steps",
    [
        40_000,
        pytest.param(120_000, marks=pytest.mark.slow),
        pytest.param(10**6, marks=pytest.mark.soak),
    ],
)
def test_a_loop_at_full_speed_loses_steps_evenly_and_the_disk_is_not_blamed(
    tmp_path, caplog, ran, noted, steps
):
    viz = rlviz.Callback(tmp_path, figure_seconds=None)
    at_drops = []
    for step in range(1, steps + 1):
        viz.record(accuracy=0.5, graded=4, flops=1, parallelism=8.5)
        dropped = viz._account.refused
        viz.on_step_end(step, metrics={"loss": 0.5, "kl": 0.01})
        if viz._account.refused > dropped:
            at_drops.append(viz._account.fill)
    assert viz.close(120)
    health = check_sums(viz.health)
    assert health.queued == 0
    run = rlviz.read(tmp_path)
    assert len(run) == health.written
    assert health.dropped == len(at_drops)
    # Where steps were dropped, the writer had all the work that it could do.
    assert min(at_drops, default=1.0) > 0.45
    gaps = np.diff(run.step)
    assert (gaps >= 1).all()
    assert gaps.max() <= 200
    assert viz._account.causes == {**dict.fromkeys(viz._account.causes, 0), "loop": health.dropped}
    assert "disk" not in caplog.text
    if health.dropped:
        assert "the loop closes steps faster than the writer thread writes them" in caplog.text
        assert rlviz.read(tmp_path).dropped > 0
    ran(steps_at_full_speed=steps)
    noted(
        f"{steps:,} steps at full speed: {health.dropped / steps:.0%} dropped, largest gap "
        f"{gaps.max()}, 99th percentile {np.percentile(gaps, 99):.0f}"
    )


# What waits while the disk stalls for ever, in the resident memory of a process of its own.
STALLED = """
    import json, os, sys, threading
    from rlviz.record import system

    class Stalled(system.System):
        def write(self, fd, data):
            reached.set()
            threading.Event().wait()

    def resident():
        with open("/proc/self/statm") as stream:
            return int(stream.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    logdir, load, steps = sys.argv[1], sys.argv[2], int(sys.argv[3])
    reached = threading.Event()
    system.SYSTEM = Stalled()
    viz = rlviz.Callback(logdir, figure_seconds=None, flush_seconds=0.01)
    viz.on_step_end(0, accuracy=0.5, graded=4, flops=1, metrics={"loss": 1.0})
    assert reached.wait(300)
    before, most, rows = resident(), 0, 0
    for step in range(1, steps + 1):
        exec(load)
        viz.on_step_end(step)
        if step % max(1, steps // 200) == 0:
            most = max(most, resident())
            rows = max(rows, viz.health.queued)
    health = viz.health
    assert health.logged == health.written + health.dropped + health.queued
    print(json.dumps([most - before, rows, health.dropped]), flush=True)
    os._exit(0)
"""

LOADS = {
    "small steps": ("viz.record(accuracy=0.5, graded=4, flops=step)", 100_000),
    "200 metrics with names made anew": (
        "viz.record(metrics={f'some/name/of/a/metric/{n}': step / (n + 1) for n in range(200)})",
        5000,
    ),
    "ever new names": (
        "viz.record(metrics={f'metric/{step}/{n}': 0.5 for n in range(50)})",
        20_000,
    ),
    "300 calls": ("for n in range(300): viz.record(parallelism=step / 7, flops=n)", 2500),
    "lists": ("viz.record(correct=[1] * 1000, parallelism=[1.5] * 100, group='a')", 30_000),
}


@pytest.mark.slow
@pytest.mark.parametrize(("load", "steps"), LOADS.values(), ids=LOADS)
def test_what_a_stalled_disk_leaves_waiting_is_within_the_bounds(
    children, tmp_path, noted, load, steps
):
    child = children(STALLED, tmp_path / "run", load, steps)
    assert child.wait(120) == 0, child.output
    grown, rows, dropped = json.loads(child.output.splitlines()[-1])
    assert rows <= 65_536 + 1
    assert dropped or rows >= steps
    assert grown <= 64_000_000 * 1.25  # the heap's own gaps included
    noted(f"{load[:40]}: {grown / 1e6:.0f} MB for {rows} steps, {dropped} dropped")


# --- exceptions from outside -----------------------------------------------

INTERRUPTS = """
    import json, random, signal, sys, time
    logdir, seconds, seed = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    rng = random.Random(seed)
    viz = rlviz.Callback(logdir, figure_seconds=None, flush_seconds=0.01)
    armed = False

    def interrupt(number, frame):
        if armed:
            raise KeyboardInterrupt
    signal.signal(signal.SIGALRM, interrupt)
    until = time.monotonic() + seconds
    step = thrown = 0
    while time.monotonic() < until:
        step += 1
        try:
            armed = True
            signal.setitimer(signal.ITIMER_REAL, rng.uniform(1e-6, 2e-4))
            for _ in range(rng.choice((1, 5, 100))):
                viz.record(accuracy=0.5, graded=4, flops=1, metrics={"loss": 0.5})
            viz.on_step_end(step, metrics={"kl": 0.5})
            viz.health
            armed = False
        except KeyboardInterrupt:
            armed = False
            thrown += 1
        while viz.health.queued > 1000:  # what memory can't hold is not this test's matter
            time.sleep(0.001)
    signal.setitimer(signal.ITIMER_REAL, 0)
    viz.on_step_end(step + 1)
    assert viz.flush(60)
    health = viz.health
    assert (health.queued, health.dropped) == (0, 0), health
    assert viz.close(60)
    print(json.dumps([thrown, health.logged, health.written]), flush=True)
"""


@pytest.mark.parametrize("seconds", [1.5, pytest.param(30, marks=pytest.mark.soak)])
def test_a_keyboard_interrupt_anywhere_in_a_call_leaves_the_counts_true(
    children, tmp_path, rng, ran, seconds
):
    child = children(INTERRUPTS, tmp_path, seconds, rng.randrange(10**6))
    assert child.wait(seconds + 100) == 0, child.output
    thrown, logged, written = json.loads(child.output.splitlines()[-1])
    assert thrown >= 20 * seconds
    run = rlviz.read(tmp_path)
    assert (np.diff(run.step) > 0).all()
    assert len(run) == logged == written
    ran(thrown_interrupts=thrown)


THROWN = """
    import ctypes, json, random, sys, threading, time
    logdir, seconds, seed = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    rng = random.Random(seed)
    before = set(threading.enumerate())
    viz = rlviz.Callback(logdir, figure_seconds=None, flush_seconds=0.002)
    (writer,) = set(threading.enumerate()) - before
    class Thrown(BaseException): pass
    until = time.monotonic() + seconds
    step = thrown = 0
    while time.monotonic() < until:
        for _ in range(rng.randrange(1, 200)):
            step += 1
            viz.record(accuracy=0.5, graded=4, flops=1)
            viz.on_step_end(step)
        viz.flush(0)
        time.sleep(rng.uniform(0, 0.003))
        while viz.health.queued > 10_000:
            time.sleep(0.001)
        thrown += ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(writer.ident), ctypes.py_object(Thrown)
        )
        time.sleep(rng.uniform(0, 0.003))
    time.sleep(0.1)
    while not viz.flush(60):
        pass
    health = viz.health
    assert health.logged == health.written + health.dropped + health.queued == step, health
    assert health.queued == 0, health
    viz.close(60)
    print(json.dumps([thrown, step, health.written, health.dropped]), flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [2, pytest.param(60, marks=pytest.mark.soak)])
def test_an_exception_thrown_into_the_writer_anywhere_counts_no_step_twice(
    children, tmp_path, rng, ran, seconds
):
    child = children(THROWN, tmp_path, seconds, rng.randrange(10**6))
    assert child.wait(seconds + 120) == 0, child.output
    thrown, steps, written, dropped = json.loads(child.output.splitlines()[-1])
    run = rlviz.read(tmp_path)
    assert (np.diff(run.step) > 0).all()
    assert (len(run), written + dropped) == (written, steps)
    assert thrown > 10
    ran(thrown_into_the_writer=thrown)


# --- a disk with little room -----------------------------------------------


class Watched(System):
    """The operating system, whose writes are counted by their size."""

    def __init__(self):
        self.sizes = []
        self.room = threading.Event()

    def write(self, fd, data):
        self.sizes.append(len(data))
        return super().write(fd, data)


@pytest.mark.parametrize(
    ("metrics", "steps"), [(2, 16_114), (300, 400)], ids=["small steps", "large steps"]
)
def test_what_fits_on_the_disk_lands_and_the_rest_when_there_is_room(
    small_disk, monkeypatch, metrics, steps
):
    calls = Watched()
    monkeypatch.setattr(system, "SYSTEM", calls)
    disk = small_disk("2m")
    names = [f"some/metric{n}" for n in range(metrics)]
    viz = rlviz.Callback(disk.path / "run", figure_seconds=None, flush_seconds=60)
    for step in range(1, steps + 1):
        viz.record(accuracy=0.5, graded=4, flops=10**18, parallelism=8.5)
        viz.on_step_end(step, metrics=dict.fromkeys(names, step / 7))
    assert viz.flush(60) is False
    health = check_sums(viz.health)
    assert health.dropped == 0
    run = rlviz.read(disk.path / "run")
    assert list(run.step) == list(range(1, health.written + 1))
    taken = sum(file.stat().st_size for file in (disk.path / "run").iterdir())
    a_step = taken / health.written
    assert taken > 2 * 2**20 - 65_536 - 2 * a_step  # of 2 MB, with the pages of a few small files
    disk.resize("64m")
    assert viz.flush(60) is True
    assert viz.close(60) is True
    assert check_sums(viz.health).written == steps
    assert list(rlviz.read(disk.path / "run").step) == list(range(1, steps + 1))
    assert max(calls.sizes) <= 1_000_000


@pytest.mark.slow
def test_recording_goes_on_by_itself_after_the_disk_was_full(small_disk):
    disk = small_disk("256k")
    viz = rlviz.Callback(disk.path / "run", figure_seconds=None, flush_seconds=0.05)
    step = 0
    while not viz.health.errors:
        step += 1
        viz.on_step_end(step, accuracy=0.5, graded=4, flops=10**18)
        time.sleep(0.0005)
    disk.resize("64m")
    deadline = time.monotonic() + 300
    while viz.health.queued and time.monotonic() < deadline:  # nobody flushes
        time.sleep(0.05)
    assert check_sums(viz.health).written == step
    assert viz.close()
    assert list(rlviz.read(disk.path / "run").step) == list(range(1, step + 1))


@pytest.mark.slow
def test_of_steps_that_the_disk_refuses_for_long_the_latest_are_kept(tmp_path, monkeypatch, caplog):
    class Refusing(System):
        refuses = True

        def write(self, fd, data):
            if self.refuses:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(fd, data)

    calls = Refusing()
    monkeypatch.setattr(system, "SYSTEM", calls)
    viz = rlviz.Callback(tmp_path, figure_seconds=None, flush_seconds=0.01)
    for step in range(1, 50_001):
        viz.on_step_end(step, accuracy=0.5)
        while len(viz._assembly._queue) > 500:
            viz._worker.wake()
            time.sleep(0.001)
    assert viz.flush(30) is False
    health = check_sums(viz.health)
    assert 25_000 < health.queued < 32_768
    assert viz._account.causes["disk"] == health.dropped
    calls.refuses = False
    assert viz.flush(30) is True
    assert viz.close(30)
    run = rlviz.read(tmp_path)
    assert list(run.step) == list(range(50_001 - len(run), 50_001))
    assert run.causes_of_drops == {"disk": health.dropped}


LIMITED = """
    import resource, sys
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
    viz = rlviz.Callback(sys.argv[1], figure_seconds=None, flush_seconds=60)
    for step in range(1, 4001):
        log_step(viz, step)
    assert viz.close(60)
"""


@pytest.mark.slow
def test_a_limit_of_the_file_size_costs_files_and_no_step(
    children, tmp_path, assert_rows_of_log_step
):
    child = children(LIMITED, tmp_path)
    assert child.wait(120) == 0, child.output
    run = rlviz.read(tmp_path)
    assert list(run.step) == list(range(1, 4001))
    assert_rows_of_log_step(run)
    assert run.damage == ()
    files = list(tmp_path.iterdir())
    assert max(file.stat().st_size for file in files) <= 200_000
    assert len(files) > 5
