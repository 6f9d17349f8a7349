"""What becomes of a run when the disk fails: every call, every error, a stall, a full or lost one.

Only system calls are made to fail; all of rlviz is as users run it.
"""

import ctypes
import errno
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from torch.distributed import TCPStore

import rlviz
from rlviz.record import system
from rlviz.record.figure_client import Illustration
from rlviz.record.items import ends_a_step
from rlviz.record.meeting import Place
from rlviz.record.ranks import unpack
from rlviz.record.system import System
from rlviz.schema import DISK, SIZE

ERRORS = (
    errno.EIO,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.ESTALE,
    errno.EINTR,
    errno.EMFILE,
    "short write",
)


class Failing(System):
    """The operating system, of which the calls from `first` to `last` fail."""

    def __init__(self, first: int, last: int, error: int | str) -> None:
        self.first, self.last, self.error = first, last, error
        self.calls = 0
        self.failed = 0

    def _fails(self) -> bool:
        self.calls += 1
        if not self.first <= self.calls <= self.last:
            return False
        self.failed += 1
        if isinstance(self.error, int):
            raise OSError(self.error, os.strerror(self.error))
        return True

    def make_directory(self, path):
        self._fails()
        super().make_directory(path)

    def names(self, path):
        self._fails()
        return super().names(path)

    def create(self, path):
        self._fails()
        return super().create(path)

    def write(self, fd, data):
        return super().write(fd, data[: len(data) // 2] if self._fails() else data)

    def sync(self, fd):
        self._fails()
        super().sync(fd)

    def is_at(self, fd, path):
        self._fails()
        return super().is_at(fd, path)

    def remove(self, path):
        self._fails()
        super().remove(path)

    def close(self, fd):
        super().close(fd)  # the descriptor is gone also when the call fails
        self._fails()


def waiting(viz):
    """Steps that wait in the queue or as rows, counted one by one."""
    assembly = viz._assembly
    return sum(map(ends_a_step, assembly._queue)) + len(assembly._backlog)


def check_sums(viz):
    health = viz.health
    assert health.logged == health.written + health.dropped + health.queued
    assert sum(viz._account.causes.values()) == health.dropped
    return health


def run_with(calls, logdir, monkeypatch, flushes):
    """Records three steps for each flush; returns how many."""
    monkeypatch.setattr(system, "SYSTEM", calls)
    viz = rlviz.Callback(logdir, figure_seconds=None, flush_seconds=60)
    for step in range(1, 3 * flushes + 1):
        viz.on_step_end(step, accuracy=0.5, graded=2, flops=10**20)
        if step % 3 == 0:
            viz.flush()
            assert check_sums(viz).queued == waiting(viz)
    closed = viz.close()
    health = check_sums(viz)
    assert health.dropped == 0
    assert health.queued == waiting(viz)
    # What the last calls of all did not take is said, not passed over.
    assert (health.queued == 0) or not closed
    return 3 * flushes - health.queued


@pytest.mark.quick(2)
@pytest.mark.parametrize("error", ERRORS, ids=lambda e: errno.errorcode.get(e, e))
@pytest.mark.parametrize(
    "ks",
    [
        pytest.param((1, 2, 3, 4, 5, 6, 7, 12, 23), id="quick"),
        pytest.param(range(1, 201), id="soak", marks=pytest.mark.soak),
    ],
)
def test_whichever_call_fails_no_step_is_lost_or_doubled(tmp_path, monkeypatch, ran, error, ks):
    failed = 0
    for k in ks:
        logdir = tmp_path / str(k)
        calls = Failing(k, k, error)
        written = run_with(calls, logdir, monkeypatch, flushes=k // 2 + 9)  # of two calls or more
        failed += calls.failed
        run = rlviz.read(logdir)
        assert list(run.step) == list(range(1, written + 1)), f"call {k}"
        assert run.exact_flops()[-1] == written * 10**20
        shutil.rmtree(logdir)
    assert failed == len(ks)
    ran(failed_calls=failed)


@pytest.mark.quick(1)
@pytest.mark.parametrize("error", ERRORS, ids=lambda e: errno.errorcode.get(e, e))
def test_recording_resumes_after_many_calls_in_a_row_have_failed(tmp_path, monkeypatch, error):
    calls = Failing(5, 60, error)
    run_with(calls, tmp_path, monkeypatch, flushes=100)
    assert calls.failed == 56
    run = rlviz.read(tmp_path)
    assert list(run.step) == list(range(1, 301))
    assert len(list(tmp_path.iterdir())) <= 56 + 2


def test_files_that_hold_nothing_are_not_left_behind(tmp_path, monkeypatch):
    class Full(System):
        full = True

        def write(self, fd, data):
            if self.full:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(fd, data)

    calls = Full()
    monkeypatch.setattr(system, "SYSTEM", calls)
    viz = rlviz.Callback(tmp_path, figure_seconds=None, flush_seconds=60)
    for step in range(1, 21):
        viz.on_step_end(step, accuracy=0.5)
        assert viz.flush() is False
    assert list(tmp_path.iterdir()) == []
    calls.full = False
    assert viz.close() is True
    assert len(list(tmp_path.iterdir())) == 1
    assert list(rlviz.read(tmp_path).step) == list(range(1, 21))


class Stalled(System):
    """A disk that does not answer until it is let go."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.go_on.set()
        self.reached = threading.Event()
        """Somebody waits for it."""

    def write(self, fd, data):
        if not self.go_on.is_set():
            self.reached.set()
        self.go_on.wait()
        return super().write(fd, data)


@pytest.fixture
def stalled(monkeypatch):
    calls = Stalled()
    monkeypatch.setattr(system, "SYSTEM", calls)
    yield calls
    calls.go_on.set()


def test_a_stalled_disk_stops_neither_the_loop_nor_flush_nor_close(tmp_path, stalled, waits):
    viz = rlviz.Callback(tmp_path, figure_seconds=None, flush_seconds=0.05)
    viz.on_step_end(1, accuracy=0.5)
    assert viz.flush()
    stalled.go_on.clear()
    waits.clear()
    for step in range(2, 2002):
        viz.on_step_end(step, accuracy=0.5, graded=4)
    assert waits == []  # a wait for the disk would last for ever
    assert viz.flush(timeout=0.3) is False
    assert viz.close(timeout=0.3) is False
    assert 0 < sum(waits) <= 0.6
    check_sums(viz)
    stalled.go_on.set()
    while viz.health.queued:
        time.sleep(0.01)
    assert list(rlviz.read(tmp_path).step) == list(range(1, 2002))


@pytest.mark.slow
def test_what_a_stalled_disk_does_not_take_is_bounded_and_counted(tmp_path, stalled):
    viz = rlviz.Callback(tmp_path, figure_seconds=None, flush_seconds=0.05)
    stalled.go_on.clear()
    viz.on_step_end(1, accuracy=0.5, graded=4)
    viz.flush(timeout=0)
    assert stalled.reached.wait(300)
    for step in range(2, 80_001):
        viz.record(accuracy=0.5, graded=4, flops=1)
        viz.on_step_end(step)
    health = check_sums(viz)
    assert health.logged == 80_000
    assert 30_000 < health.queued <= 65_536 + 1
    stalled.go_on.set()
    assert viz.flush(timeout=300)
    health = check_sums(viz)
    assert health.queued == 0
    viz.on_step_end(80_001, accuracy=0.5, graded=4, flops=1)
    assert viz.close()
    run = rlviz.read(tmp_path)
    assert run.step[-1] == 80_001
    assert len(run) == viz.health.written
    # A step is there as a whole or not at all.
    assert set(run.columns["graded"]) == {4.0}


@pytest.mark.slow
def test_a_metric_heavy_run_is_bounded_in_bytes(tmp_path, stalled):
    viz = rlviz.Callback(tmp_path, figure_seconds=None, flush_seconds=60)
    stalled.go_on.clear()
    viz.on_step_end(0)
    viz.flush(timeout=0)
    assert stalled.reached.wait(300)
    metrics = {f"metric/{n}": 0.5 for n in range(1000)}
    for step in range(1, 3001):
        viz.on_step_end(step, metrics=metrics)
    health = check_sums(viz)
    # 64 MB at 130 bytes a metric are about five hundred steps.
    assert 400 < health.queued < 500
    assert viz._account.causes[SIZE] + viz._account.causes[DISK] == health.dropped
    stalled.go_on.set()
    assert viz.close(timeout=300)


def damage_of(name):
    def delete(logdir: Path) -> None:
        shutil.rmtree(logdir)

    def move(logdir: Path) -> None:
        logdir.rename(logdir.with_name("elsewhere"))

    def delete_file(logdir: Path) -> None:
        for path in logdir.iterdir():
            path.unlink()

    return {"deleted": delete, "moved": move, "emptied": delete_file}[name]


@pytest.mark.parametrize("fate", ["deleted", "moved", "emptied"])
def test_a_directory_that_goes_away_is_made_again_and_recording_goes_on(tmp_path, fate):
    logdir = tmp_path / "run"
    viz = rlviz.Callback(logdir, figure_seconds=None, flush_seconds=60)
    viz.on_step_end(1, accuracy=0.5)
    assert viz.flush()
    damage_of(fate)(logdir)
    viz.on_step_end(2, accuracy=0.5)
    assert viz.flush() is False  # found to have gone nowhere
    viz.on_step_end(3, accuracy=0.5)
    assert viz.close() is True
    # Step 1 too: it was not forced to the disk yet, so it was kept.
    assert list(rlviz.read(logdir).step) == [1, 2, 3]
    assert viz.health.errors == 1


def test_a_directory_replaced_by_a_file_is_said_and_healed(tmp_path):
    logdir = tmp_path / "run"
    viz = rlviz.Callback(logdir, figure_seconds=None, flush_seconds=60)
    viz.on_step_end(1, accuracy=0.5)
    assert viz.flush()
    shutil.rmtree(logdir)
    logdir.write_text("in the way")
    viz.on_step_end(2, accuracy=0.5)
    for _ in range(3):
        assert viz.flush() is False
    logdir.unlink()
    assert viz.close() is True
    assert list(rlviz.read(logdir).step) == [1, 2]


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of 64 kB."""
    mounted = tmp_path / "disk"
    mounted.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(mounted)]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        refused = result.returncode and result.stderr.strip()
    except FileNotFoundError as error:
        refused = str(error)
    if refused:
        if os.environ.get("RLVIZ_REQUIRE_ALL") == "1":
            pytest.fail(f"no small file system can be mounted here, and CI needs one: {refused}")
        pytest.skip(f"no small file system can be mounted here: {refused}")
    yield mounted
    subprocess.run(["umount", "-l", str(mounted)], check=True)


def test_a_full_disk_loses_nothing_and_recording_resumes_when_there_is_space(small_disk):
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(40_000))
    viz = rlviz.Callback(small_disk / "run", figure_seconds=None, flush_seconds=0.05)
    for step in range(1, 101):
        viz.on_step_end(step, accuracy=0.5, graded=4, flops=10**20)
        if step % 4 == 0:
            viz.flush()
    assert viz.health.errors > 0
    assert viz.health.queued > 0
    ballast.unlink()
    viz.flush()
    assert viz.close() is True
    assert check_sums(viz).written == 100
    assert list(rlviz.read(small_disk / "run").step) == list(range(1, 101))


def test_a_failed_sync_writes_again_what_it_may_have_lost(tmp_path, monkeypatch):
    class Lossy(System):
        """One whose first sync fails, and takes with it all that was written."""

        failed = False

        def sync(self, fd):
            if not self.failed:
                self.failed = True
                os.ftruncate(os.open(f"/proc/self/fd/{fd}", os.O_WRONLY), 0)
                raise OSError(errno.EIO, "Input/output error")
            super().sync(fd)

    monkeypatch.setattr(system, "SYSTEM", Lossy())
    viz = rlviz.Callback(tmp_path, figure_seconds=None, flush_seconds=60)
    for step in range(1, 31):
        viz.on_step_end(step, accuracy=0.5)
        viz.flush()
    assert viz.close() is True
    assert list(rlviz.read(tmp_path).step) == list(range(1, 31))


def is_resting(writer):
    """Whether it waits for its time, and has no step in its hands."""
    frame = sys._current_frames()[writer.ident]
    while frame is not None and frame.f_code.co_name != "_wait":
        frame = frame.f_back
    return frame is not None


def test_an_exception_thrown_into_the_writer_thread_does_not_end_it(tmp_path):
    before = set(threading.enumerate())
    viz = rlviz.Callback(tmp_path, figure_seconds=None, flush_seconds=0.01)
    (writer,) = set(threading.enumerate()) - before
    for step in range(1, 201):
        viz.on_step_end(step, accuracy=0.5)
        if step % 50 == 0:
            while not is_resting(writer):
                time.sleep(0.001)
            thrown = ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(writer.ident), ctypes.py_object(SystemExit)
            )
            assert thrown == 1
            time.sleep(0.05)
    assert writer.is_alive()
    assert viz.close() is True
    assert viz.health.errors > 0
    assert list(rlviz.read(tmp_path).step) == list(range(1, 201))


def test_a_long_run_is_split_into_files_of_bounded_size(tmp_path, monkeypatch):
    from rlviz.record import eventfile

    file = eventfile.EventFile(tmp_path, segment_bytes=1000)
    for number in range(50):
        file.append(bytes([number]) * 100)
    file.close()
    sizes = [path.stat().st_size for path in sorted(tmp_path.iterdir())]
    assert len(sizes) == 5
    assert max(sizes) < 1000 + 100
    assert sum(sizes) == 50 * 100 + 5 * eventfile._START_BYTES


@pytest.mark.slow
def test_phases_and_their_seconds_count_in_what_the_queue_may_hold(tmp_path, stalled):
    viz = rlviz.Callback(tmp_path, figure_seconds=None, flush_seconds=60)
    stalled.go_on.clear()
    viz.on_step_end(0)
    viz.flush(timeout=0)
    assert stalled.reached.wait(300)
    flops = {f"phase{n}": 10**20 + n for n in range(50)}
    seconds = dict.fromkeys(flops, 0.5)
    for step in range(1, 6_001):
        viz.on_step_end(step, flops=flops, seconds=seconds)
    # 64 MB at 130 bytes for each of 100 entries and some for the record and its end.
    assert 3000 < check_sums(viz).queued <= 64_000_000 // 13_500 + 2
    stalled.go_on.set()
    viz.close(timeout=300)


@pytest.mark.slow
def test_steps_that_are_dropped_are_said(tmp_path, stalled, caplog):
    viz = rlviz.Callback(tmp_path, figure_seconds=None, flush_seconds=0.05)
    stalled.go_on.clear()
    viz.on_step_end(1, accuracy=0.5)
    viz.flush(timeout=0)
    assert stalled.reached.wait(300)
    time.sleep(1.1)  # from here on it counts as a disk that does not answer
    for step in range(2, 40_001):
        viz.on_step_end(step)
    health = check_sums(viz)
    assert viz._account.causes[DISK] == health.dropped > 0
    assert 0 < health.errors < 100  # said once a second, not each time
    assert "1 step was dropped so far, now because the disk refuses them" in caplog.text
    assert len(caplog.records) == 1
    stalled.go_on.set()
    viz.close(timeout=300)


def test_a_healthy_disk_takes_every_step_however_seldom_it_is_asked_to(tmp_path):
    viz = rlviz.Callback(tmp_path, figure_seconds=None, flush_seconds=60)
    for step in range(1, 40_001):  # more than wait for a disk that takes none
        viz.record(accuracy=0.5, graded=4, flops=1)
        viz.on_step_end(step)
        while len(viz._assembly._queue) > 10_000:
            time.sleep(0.001)  # else this loop takes the writer's turns
    assert viz.close(timeout=300)
    assert viz.health.dropped == 0
    assert len(rlviz.read(tmp_path)) == 40_000


@pytest.mark.parametrize("ending", ["flush", "close"])
def test_what_a_failed_sync_may_have_lost_is_not_said_to_be_safe(tmp_path, monkeypatch, ending):
    class Unsafe(System):
        broken = True

        def sync(self, fd):
            if self.broken:
                raise OSError(errno.EIO, "Input/output error")
            super().sync(fd)

    calls = Unsafe()
    monkeypatch.setattr(system, "SYSTEM", calls)
    viz = rlviz.Callback(tmp_path, figure_seconds=None)
    viz._worker._file._sync_seconds = 0.0
    viz.on_step_end(1, accuracy=0.5)
    assert viz.flush() is False
    if ending == "close":
        assert viz.close() is False
        return
    assert viz.flush() is False
    calls.broken = False
    assert viz.flush() is True
    assert viz.close() is True
    assert list(rlviz.read(tmp_path).step) == [1]


def test_a_state_is_never_ahead_of_a_disk_that_refuses(tmp_path, monkeypatch):
    class Refusing(System):
        full = False

        def write(self, fd, data):
            if self.full:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(fd, data)

    calls = Refusing()
    monkeypatch.setattr(system, "SYSTEM", calls)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        viz = rlviz.Callback(tmp_path, figure_seconds=None, flush_seconds=0.001)
        for step in range(1, 301):
            viz.on_step_end(step, accuracy=0.5, flops=1)
            calls.full = step > 100
            viz._worker._next_write = 0.0  # it tries all the time
            viz._worker._wake.put(None)
            if step % 5 == 0:
                state = viz.state_dict()
                on_disk = int(rlviz.read(tmp_path).step[-1])
                assert state["flops"] == {"total": state["step"]}
                assert state["step"] == on_disk == min(step, on_disk)
                assert (viz.health.behind, state.get("closed", step)) == (step - on_disk, step)
    finally:
        sys.setswitchinterval(interval)
    assert 100 <= on_disk < 110
    health = check_sums(viz)
    assert (health.logged, health.dropped) == (300, 0)
    deadline = time.monotonic() + 300
    while waiting(viz) < 300 - on_disk and time.monotonic() < deadline:
        time.sleep(0.001)  # one more try may have them in its hands
    assert waiting(viz) == 300 - on_disk
    calls.full = False
    state = viz.state_dict()
    assert (state["step"], viz.health.behind, "closed" in state) == (300, 0, False)
    viz.close()


@pytest.mark.slow
def test_where_the_disk_is_stalled_a_state_is_the_last_one_on_it_and_that_is_said(
    tmp_path, stalled, caplog, waits
):
    viz = rlviz.Callback(tmp_path, figure_seconds=None, flush_seconds=60)
    for step in (1, 2):
        viz.on_step_end(step, accuracy=0.5, flops=1)
    before = viz.state_dict()
    assert (before["step"], viz.health.behind) == (2, 0)
    stalled.go_on.clear()
    viz.on_step_end(3, accuracy=0.5, flops=1)
    waits.clear()
    state = viz.state_dict()
    assert 0 < sum(waits) <= 2
    assert state == {**before, "closed": 3}
    assert viz.health.behind == 1
    assert "state_dict() is of step 2, 1 step behind the last closed one, 3" in caplog.text
    waits.clear()
    viz.on_step_end(4, accuracy=0.5, flops=1)
    assert viz.state_dict() == {**before, "closed": 4}
    assert waits == []  # it stands where it stood: the loop does not wait for it again
    assert (viz.health.behind, len(caplog.records)) == (2, 1)
    stalled.go_on.set()
    assert viz.flush(30)
    state = viz.state_dict()
    assert (state["step"], state["flops"], viz.health.behind) == (4, {"total": 4}, 0)
    assert viz.close()


@pytest.mark.slow
@pytest.mark.parametrize("lands", [True, False])
def test_a_run_goes_on_from_a_state_that_is_older_than_its_weights(tmp_path, stalled, lands):
    logdir = tmp_path / "run"
    viz = rlviz.Callback(logdir, figure_seconds=None, flush_seconds=60)
    for step in range(1, 6):
        viz.on_step_end(step, accuracy=0.5, flops={"a": step, "b": 1})
    assert viz.flush(30)
    shutil.copytree(logdir, tmp_path / "without what came later")
    stalled.go_on.clear()
    viz.on_step_end(6, accuracy=0.5, flops={"a": 6})
    viz.on_step_end(7, accuracy=0.5, flops={"a": 7, "c": 1})
    state = viz.state_dict()
    stalled.go_on.set()
    assert (state["step"], state["closed"]) == (5, 7)
    viz.on_step_end(8, accuracy=0.5, flops=10**20)  # what the checkpoint lacks
    assert viz.close(30)
    if not lands:
        logdir = tmp_path / "without what came later"
    for _ in range(2):
        with rlviz.Callback(logdir, figure_seconds=None) as viz:
            viz.load_state_dict(state)
            viz.on_step_end(accuracy=0.5, flops={"a": 8})
            state = viz.state_dict()
    run = rlviz.read(logdir)
    if lands:
        assert list(run.step) == list(range(1, 10))
        assert run.missing == ()
        assert run.exact_flops("a") == [1, 3, 6, 10, 15, 21, 28, 36, 44]
        assert run.exact_flops("c")[6] == 1
        assert run.exact_flops() == [2, 5, 9, 14, 20, 26, 34, 42, 50]
        assert run.lost_flops == {0: 0, 1: 10**20, 2: 10**20}
    else:
        assert list(run.step) == [1, 2, 3, 4, 5, 8, 9]
        assert run.missing == ((6, 7),)
        assert run.exact_flops() == [2, 5, 9, 14, 20, 28, 36]


def test_a_signal_handler_gets_a_state_whatever_it_interrupts(tmp_path):
    viz = rlviz.Callback(tmp_path, figure_seconds=None, flush_seconds=60)
    states = []
    before = signal.signal(signal.SIGUSR1, lambda *_: states.append(viz.state_dict()))
    try:
        for step in range(1, 21):
            viz.on_step_end(step)
            threading.Timer(0.001, os.kill, (os.getpid(), signal.SIGUSR1)).start()
            viz.state_dict()
            while len(states) < step:
                time.sleep(0.001)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert [state["step"] for state in states] == list(range(1, 21))
    viz.close()


def test_a_directory_that_cannot_be_listed_yet_makes_no_run_that_is_void(tmp_path, monkeypatch):
    with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
        for step in range(1, 11):
            viz.on_step_end(step, flops=1)
        state = viz.state_dict()
    with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
        viz.load_state_dict(state)
        viz.on_step_end(11, flops=1)
        state = viz.state_dict()

    class Unlistable(System):
        broken = True

        def names(self, path):
            if self.broken:
                raise OSError(errno.EIO, "Input/output error")
            return super().names(path)

    calls = Unlistable()
    monkeypatch.setattr(system, "SYSTEM", calls)
    viz = rlviz.Callback(tmp_path, figure_seconds=None)
    viz.load_state_dict(state)
    viz.on_step_end(12, flops=1)
    assert viz.flush() is False
    assert len(rlviz.read(tmp_path)) == 11
    assert viz.state_dict() == {**state, "closed": 12}
    calls.broken = False
    assert viz.close()
    run = rlviz.read(tmp_path)
    assert list(run.step) == list(range(1, 13))
    assert list(run.session) == [0] * 10 + [1, 2]
    assert run.exact_flops()[-1] == 12


def test_a_run_mounted_after_the_callback_was_made_is_gone_on_with(tmp_path):
    older, logdir = tmp_path / "older", tmp_path / "run"
    for _ in range(3):
        with rlviz.Callback(older, figure_seconds=None) as viz:
            for step in range(1, 6):
                viz.on_step_end(step)
            state = viz.state_dict()
    logdir.mkdir()
    viz = rlviz.Callback(logdir, figure_seconds=None)
    logdir.rmdir()
    older.rename(logdir)
    viz.load_state_dict(state)
    viz.on_step_end(6)
    assert viz.close()
    assert list(rlviz.read(logdir).step) == list(range(1, 7))


def test_of_figures_that_the_disk_does_not_take_the_latest_is_kept(tmp_path, monkeypatch):
    class Refusing(System):
        def write(self, fd, data):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(system, "SYSTEM", Refusing())
    viz = rlviz.Callback(tmp_path, figure_seconds=1e6, config={"lr": 0.1})
    before = len(viz._assembly._backlog._extras)
    for step in range(1, 50):
        picture = Illustration(b"\x89PNG\r\n\x1a\n" + bytes(16), "text", step)
        viz._worker._illustrations._keep(picture)
        viz.flush()
    assert len(viz._assembly._backlog._extras) == before + 2
    viz.close(timeout=1)


@pytest.mark.slow
def test_the_writer_keeps_its_pace_also_in_a_loop_that_never_rests(tmp_path, monkeypatch):
    class Counting(System):
        writes = 0

        def write(self, fd, data):
            self.writes += 1
            return super().write(fd, data)

    calls = Counting()
    monkeypatch.setattr(system, "SYSTEM", calls)
    with rlviz.Callback(tmp_path, figure_seconds=None, flush_seconds=0.5) as viz:
        until = time.monotonic() + 2
        step = 0
        while time.monotonic() < until:
            step += 1
            viz.on_step_end(step, accuracy=0.5)
            rest = time.monotonic() + 0.001
            while time.monotonic() < rest:
                pass
    assert 3 <= calls.writes <= 8


def test_a_directory_that_no_file_system_can_hold_costs_the_record_and_no_more(tmp_path, caplog):
    viz = rlviz.Callback(tmp_path / ("x" * 300), figure_seconds=None)
    viz.on_step_end(1, accuracy=0.5)
    assert viz.flush() is False
    assert viz.close() is False
    assert "File name too long" in caplog.text
    with pytest.raises(FileNotFoundError, match="there is no run directory"):
        rlviz.read(tmp_path / ("x" * 300))


def test_a_logging_filter_that_raises_does_not_end_the_writer(tmp_path, monkeypatch):
    monkeypatch.setattr(system, "SYSTEM", Failing(3, 5, errno.EIO))

    def raises(record):
        raise RuntimeError("a user's filter")

    logging.getLogger("rlviz").addFilter(raises)
    try:
        with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
            viz.on_step_end(1, accuracy=0.5)
            while not viz.flush():
                pass
    finally:
        logging.getLogger("rlviz").removeFilter(raises)
    assert viz.health.errors >= 1
    assert list(rlviz.read(tmp_path).step) == [1]


class SeldomReached:
    """The way of rank 1 to a store of rank 0 that can't be reached for some tries."""

    rank, world_size = 1, 2

    def __init__(self, store, failures):
        self.store, self.failures = store, failures

    def told(self):
        if self.failures:
            self.failures -= 1
            raise ConnectionError("refused")
        return Place("p", False, ("localhost",), self.store.port)

    def at_rank_0(self, place):
        return TCPStore("localhost", place.port, is_master=False, wait_for_workers=False)


@pytest.mark.quick(1)
@pytest.mark.parametrize(("failures", "timeout"), [(8, 60), (10**9, 1)])
def test_a_rank_that_ends_tries_to_reach_rank_0_until_its_time_is_over(
    tmp_path, monkeypatch, failures, timeout
):
    meeting = SeldomReached(
        TCPStore("localhost", 0, is_master=True, wait_for_workers=False), failures
    )
    monkeypatch.setattr("rlviz.callback.rank_and_world", lambda group: (1, 2))
    monkeypatch.setattr("rlviz.callback.Meeting", lambda group: meeting)
    viz = rlviz.Callback(tmp_path, figure_seconds=None, flush_seconds=60, process_group="all")
    viz.on_step_end(1, flops=10)
    came = []

    def take():
        while not viz.health.written:
            time.sleep(0.01)
        came.append(meeting.store.get("p/1"))
        meeting.store.set("p/1", "")

    if failures == 8:
        threading.Thread(target=take).start()
    began = time.monotonic()
    closed = viz.close(timeout=timeout)
    took = time.monotonic() - began
    assert closed == (failures == 8)
    if closed:
        (sent,) = unpack(came[0].partition(b" ")[2])
        assert (sent.step, sent.flops) == (1, {"total": 10})
    else:
        assert took > 0.9
        assert viz.health.errors <= 20  # it rests between two tries


@pytest.mark.slow
def test_a_rank_whose_last_message_nobody_takes_ends_in_time_and_says_so(
    tmp_path, monkeypatch, caplog
):
    meeting = SeldomReached(TCPStore("localhost", 0, is_master=True, wait_for_workers=False), 0)
    monkeypatch.setattr("rlviz.callback.rank_and_world", lambda group: (1, 2))
    monkeypatch.setattr("rlviz.callback.Meeting", lambda group: meeting)
    viz = rlviz.Callback(tmp_path, figure_seconds=None, process_group="all")
    viz.on_step_end(1, flops=10)
    assert viz.flush(60)
    assert viz.close(timeout=2) is False
    assert viz.health.written == 1
    assert "rank 0 has not taken what this rank sent last" in caplog.text
