"""What the fault tests share: children that can be killed, and what they should have left.

`children` starts training scripts at the price of a fork (see `zygote.py`).
"""

import json
import os
import random
import secrets
import signal
import subprocess
import sys
import textwrap
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rlviz
from rlviz import tfrecord


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    """Chance, with its seed in the report of a failure; RLVIZ_SEED repeats it.

    The soak looks for what nobody knows. The quick tests take the same cases each time, so that one
    fails for what was changed.
    """
    soak = request.node.get_closest_marker("soak") is not None
    usual = secrets.randbits(32) if soak else zlib.crc32(request.node.name.encode())
    seed = int(os.environ.get("RLVIZ_SEED") or usual)
    request.node.add_report_section("setup", "seed", f"RLVIZ_SEED={seed}")
    return random.Random(seed)


# --- children --------------------------------------------------------------


class Child:
    """A training script in a process of its own."""

    def __init__(self, zygote: "Zygote", pid: int, output: Path) -> None:
        self.pid = pid
        self._zygote = zygote
        self._output = output
        self._returncode: int | None = None

    @property
    def output(self) -> str:
        """What it printed so far, also to stderr."""
        return self._output.read_text(errors="replace")

    def poll(self) -> int | None:
        if self._returncode is None:
            self._returncode = self._zygote.ask({"reap": self.pid})
        return self._returncode

    def kill(self, signal_number: int = 9) -> float:
        """Send it a signal; the time of just before."""
        now = time.time()
        if self.poll() is None:  # not reaped, so the pid is still its own
            os.kill(self.pid, signal_number)
        return now

    def wait(self, timeout: float = 300) -> int:
        """Its exit code, negative for a signal. Fails when it does not end in time."""
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() >= deadline:
                self.kill(signal.SIGUSR1)  # it prints where each of its threads is
                time.sleep(1)
                pytest.fail(f"a child hangs; it printed: {self.output}")
            time.sleep(0.002)
        return code

    def wait_for(self, condition: Callable[[], Any], timeout: float = 300) -> None:
        """Wait until it has come to a certain point."""
        deadline = time.monotonic() + timeout
        while not condition():
            assert self.poll() is None, f"a child ended early; it printed: {self.output}"
            assert time.monotonic() < deadline, f"a child is late; it printed: {self.output}"
            time.sleep(0.002)


class Zygote:
    """The process that children are forked from."""

    def __init__(self) -> None:
        package_root = str(Path(rlviz.__file__).resolve().parent.parent)
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / "zygote.py")],
            env={
                **os.environ,
                "PYTHONSAFEPATH": "1",
                "PYTHONPATH": package_root,
                "OMP_NUM_THREADS": "1",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, request: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def end(self) -> None:
        self._process.communicate()


@pytest.fixture(scope="session")
def _zygote() -> Iterator[Zygote]:
    zygote = Zygote()
    yield zygote
    zygote.end()


@pytest.fixture
def children(
    _zygote: Zygote, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Child]]:
    """Starts training scripts: ``children(code, argument, …)``; none of them outlives the test.

    The code finds `rlviz`, `np`, `torch`, and `Logbook` and `log_step` of `zygote.py`.
    """
    outputs = tmp_path_factory.mktemp("output")
    started: list[Child] = []

    def start(code: str, *arguments: Any) -> Child:
        output = outputs / str(len(started))
        request = {
            "run": textwrap.dedent(code),
            "arguments": [str(argument) for argument in arguments],
            "output": str(output),
        }
        started.append(Child(_zygote, _zygote.ask(request), output))
        return started[-1]

    yield start
    for child in started:
        child.kill()
        child.wait()


# --- disks -----------------------------------------------------------------


class SmallDisk:
    """A file system of its own."""

    def __init__(self, path: Path, size: str) -> None:
        self.path = path
        path.mkdir()
        self.refused = _mount("-t", "tmpfs", "-o", f"size={size}", "none", str(path))

    def resize(self, size: str) -> None:
        assert not _mount("-o", f"remount,size={size}", str(self.path))


def _mount(*arguments: str) -> str:
    """Mount; returns in words why not."""
    try:
        done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        return str(error)
    return (done.stderr.strip() or "mount failed") if done.returncode else ""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], SmallDisk]]:
    """Makes file systems of a size: ``small_disk("2m")``."""
    disks: list[SmallDisk] = []

    def make(size: str) -> SmallDisk:
        disk = SmallDisk(tmp_path / f"disk{len(disks)}", size)
        if disk.refused:
            if os.environ.get("RLVIZ_REQUIRE_ALL") == "1":
                pytest.fail(f"no small file system can be mounted here: {disk.refused}")
            pytest.skip(f"no small file system can be mounted here: {disk.refused}")
        disks.append(disk)
        return disk

    yield make
    for disk in disks:
        subprocess.run(["umount", "-l", str(disk.path)], check=True)


# --- what they should have left --------------------------------------------


def logged_at(logbook: Path) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """When step i + 1 was logged, for each step that was."""
    if not logbook.exists():
        return np.empty(0)
    times = np.fromfile(logbook, "<f8")
    return times[: np.count_nonzero(times)]


@pytest.fixture(scope="session")
def when_logged() -> Callable[[Path], Any]:
    """Reads a `Logbook`: when step i + 1 was logged, seconds since the epoch."""
    return logged_at


@pytest.fixture(scope="session")
def assert_rows_of_log_step() -> Callable[[rlviz.History], None]:
    """Checks every row against what `log_step` put into it, worked out by hand."""

    def check(run: rlviz.History) -> None:
        step = run.step
        np.testing.assert_array_equal(run.columns["correct"], step % 5)
        np.testing.assert_array_equal(run.columns["graded"], step % 5 + 1)
        np.testing.assert_array_equal(run.accuracy, (step % 5) / (step % 5 + 1))
        np.testing.assert_array_equal(run.parallelism, (1 + step % 7 + 2.5) / 2)
        np.testing.assert_array_equal(run.columns["metrics/loss"], 1 / step)
        rollout = [n * 10**15 + n * (n + 1) // 2 for n in step.tolist()]
        assert run.exact_flops("rollout") == rollout
        assert run.exact_flops("update") == [3 * n for n in step.tolist()]
        assert run.exact_flops() == [a + 3 * n for a, n in zip(rollout, step.tolist(), strict=True)]

    return check


def _left(logdir: Path) -> "rlviz.History | None":
    try:
        return rlviz.read(logdir)
    except FileNotFoundError:
        return None


@pytest.fixture(scope="session")
def seconds_lost(assert_rows_of_log_step: Callable[..., None]) -> Callable[..., float]:
    """What a death at a given time cost, in seconds of steps before it; checks what is left.

    For a run of `log_step` from step 1 with a `Logbook`. The steps that survived are the first
    ones, their rows are exact, and nothing is damaged but the last record of the last file.
    """

    def lost(logdir: Path, logbook: Path, died: float) -> float:
        times = logged_at(logbook)
        run = _left(logdir)
        survived = 0
        if run is not None:
            survived = len(run)
            assert list(run.step) == list(range(1, survived + 1))
            assert_rows_of_log_step(run)
            assert len(run.damage) <= 1
            for damage in run.damage:
                file = logdir / damage.file
                assert file == max(logdir.glob("*tfevents*"))
                assert damage.offset + damage.length == file.stat().st_size
        assert survived <= len(times) + 1  # one may be recorded and not yet noted
        missing = times[survived:]
        return float(max(died - missing[0], 0.0)) if len(missing) else 0.0

    return lost


@pytest.fixture(scope="session")
def stalled() -> Callable[..., float]:
    """How long a busy machine may have kept a run's writer: four times what its loop had to wait.

    That is the largest gap of the loop lately, beyond its pace. Between a step and the disk the
    writer waits for its turn several times.
    """

    def longest(logbook: Path, until: float, pace: float, *, seconds: float = 3.0) -> float:
        times = logged_at(logbook)
        lately = np.append(times[(times > until - seconds) & (times <= until)], until)
        return 4 * max(float(np.diff(lately).max(initial=0.0)) - pace, 0.0)

    return longest


@pytest.fixture(scope="session")
def assert_covered() -> Callable[..., None]:
    """Checks that records and damage of a scan stand one behind the other and leave out no byte."""

    def check(items: Any, data: bytes) -> None:
        offset = 0
        for item in items:
            if isinstance(item, tfrecord.Record):
                offset += len(item.payload) + 16
                assert item.end == offset
            else:
                assert item.offset == offset
                assert item.length > 0
                offset += item.length
        assert offset == len(data)

    return check
