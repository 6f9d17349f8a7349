"""What several tests share: real runs on disk, and runs of any shape in memory."""

import math
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NoReturn

import hypothesis
import numpy as np
import pytest

import rlviz

# How long an example takes says nothing on a machine that others use too.
hypothesis.settings.register_profile(
    "rlviz", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("rlviz")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # As behind a shell's "&". The scripts that tests start would inherit it, and some are to be
    # ended by Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)

_HANGS_SECONDS = 14_400
_PARL_SHAPE = Path(__file__).parent / "data" / "parl_shape.csv"
_REAL = Path(__file__).parents[1].parent / "shared" / "data" / "real"


def pytest_sessionstart(session: pytest.Session) -> None:
    """Set what has to stand before the kernels are imported."""
    if session.config.getoption("numprocesses", None):
        return  # the process that has workers: it runs no test, and torch takes seconds to load
    import torch

    if not torch.cuda.is_available():
        os.environ["TRITON_INTERPRET"] = "1"
    os.environ.setdefault("TRITON_DEFAULT_FP_FUSION", "1")  # triton 3.9 warns where nobody says it


@pytest.hookimpl(tryfirst=True)  # before `-m` selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as `slow` all cases of a test but so many as its mark `quick` says, evenly spread.

    With those at both ends each parameter of a test has its first and its last value.
    A soak test is ended only where it hangs: how long it takes says nothing on a busy machine.
    """
    for item in items:
        if item.get_closest_marker("soak") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(_HANGS_SECONDS))
    cases: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if item.get_closest_marker("quick") and not item.get_closest_marker("soak"):
            cases[item.nodeid.partition("[")[0]].append(item)
    for of_one_test in cases.values():
        mark = of_one_test[0].get_closest_marker("quick")
        assert mark is not None
        last, gaps = len(of_one_test) - 1, max(mark.args[0] - 1, 1)
        quick = {last * number // gaps for number in range(mark.args[0])}
        for number, item in enumerate(of_one_test):
            if number not in quick:
                item.add_marker(pytest.mark.slow)
    # The type checker takes longest, and whoever has that last keeps the other worker waiting.
    items.sort(key=lambda item: item.path.name != "test_types.py")


@pytest.fixture(scope="session")
def parl_table() -> dict[str, Any]:
    """The 300 steps of `data/parl_shape.csv`: column -> list, FLOPs as exact integers."""
    names, *rows = (line.split(",") for line in _PARL_SHAPE.read_text().split())
    step, flops, correct, graded, parallelism = zip(*rows, strict=True)
    assert names == ["step", "flops_total", "correct", "graded", "average_parallelism"]
    return {
        "step": list(map(int, step)),
        "flops": list(map(int, flops)),
        "correct": list(map(int, correct)),
        "graded": list(map(int, graded)),
        "parallelism": list(map(float, parallelism)),
    }


@pytest.fixture(scope="session")
def parl_logdir(parl_table: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run, recorded by a callback."""
    logdir = tmp_path_factory.mktemp("runs") / "parl-shape"
    before = 0
    with rlviz.Callback(logdir, figure_seconds=None) as viz:
        for i, step in enumerate(parl_table["step"]):
            viz.on_step_end(
                step,
                correct=np.arange(parl_table["graded"][i]) < parl_table["correct"][i],
                parallelism=[parl_table["parallelism"][i]],
                flops={"rollout": parl_table["flops"][i] - before},
            )
            before = parl_table["flops"][i]
    return logdir


@pytest.fixture(scope="session")
def parl(parl_logdir: Path) -> rlviz.History:
    return rlviz.read(parl_logdir)


@pytest.fixture(scope="session")
def history_of() -> Callable[..., rlviz.History]:
    """Makes a run of given curves; `accuracy` in [0, 1], `flops` cumulative, NaN for a gap."""

    def make(
        *, accuracy: Any = None, parallelism: Any = None, flops: Any = None, logdir: str = "runs/x"
    ) -> rlviz.History:
        steps = next(len(c) for c in (accuracy, parallelism, flops) if c is not None)
        columns = {
            "step": np.arange(1.0, steps + 1),
            "session": np.zeros(steps),
            "wall_time": 1.7e9 + 30 * np.arange(steps),
        }
        if accuracy is not None:
            columns["graded"] = np.where(np.isnan(accuracy), 0.0, 1024.0)
            columns["correct"] = np.nan_to_num(accuracy) * 1024
        if parallelism is not None:
            columns["parallelism_count"] = np.where(np.isnan(parallelism), 0.0, 64.0)
            columns["parallelism_sum"] = np.nan_to_num(parallelism) * 64
        if flops is not None:
            columns["flops/total"] = np.asarray(flops, np.float64)
            columns["flops_remainder/total"] = np.zeros(steps)
        return rlviz.History(columns, logdir)

    return make


@pytest.fixture(scope="session")
def real() -> Callable[[str], Path]:
    """The path of a log of a real run, which lie beside the project and not in it."""

    def find(name: str) -> Path:
        path = _REAL / name
        if not path.is_file():
            if _REAL.is_dir() and os.environ.get("RLVIZ_REQUIRE_ALL") == "1":
                pytest.fail(f"CI needs the logs of real runs, and there is no {path}")
            pytest.skip(f"the logs of real runs are not here: no {path}")
        return path

    return find


@pytest.fixture
def write_steps(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Records steps with a callback, closes it and returns its `state_dict` of then."""

    def write(
        steps: Any,
        *,
        logdir: Path = tmp_path / "run",
        state: dict[str, Any] | None = None,
        **each_step: Any,
    ) -> dict[str, Any]:
        brings = each_step or {
            "correct": [1, 0, 1, 1],
            "parallelism": [4.0],
            "flops": {"rollout": 10**15, "update": 10**14},
        }
        with rlviz.Callback(logdir, figure_seconds=None) as viz:
            if state is not None:
                viz.load_state_dict(state)
            for step in steps:
                viz.on_step_end(step, **brings)
            saved = viz.state_dict()
        assert viz.health.written == len(steps)
        return saved

    return write


@pytest.fixture(scope="session")
def run_python() -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Runs Python in a process of its own, with the rlviz that is under test."""
    package_root = str(Path(rlviz.__file__).resolve().parent.parent)

    def run(*arguments: str, **options: Any) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, *arguments],
            env={**os.environ, "PYTHONSAFEPATH": "1", "PYTHONPATH": package_root},
            capture_output=True,
            text=True,
            check=False,
            **options,
        )

    return run


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the test's own thread asks to wait or sleep, each time; inf for no limit.

    Whether a call blocks is read off these and not off a clock, which is late on a busy machine.
    Queues count if they are made after this; that a new thread runs, for which Python itself waits,
    does not count.
    """
    asked: list[float] = []
    mine, is_starting = threading.get_ident(), False
    wait, sleep, start = threading.Condition.wait, time.sleep, threading.Thread.start

    def note(seconds: float | None) -> None:
        if threading.get_ident() == mine and not is_starting:
            asked.append(math.inf if seconds is None else max(seconds, 0.0))

    class Queue(queue.SimpleQueue[Any]):
        def get(self, block: bool = True, timeout: float | None = None) -> Any:
            note(timeout if block else 0.0)
            return super().get(block, timeout)

    def noting_wait(self: threading.Condition, timeout: float | None = None) -> bool:
        note(timeout)
        return wait(self, timeout)

    def noting_sleep(seconds: float) -> None:
        note(seconds)
        sleep(seconds)

    def noting_start(self: threading.Thread) -> None:
        nonlocal is_starting
        if threading.get_ident() != mine:
            return start(self)
        is_starting = True
        try:
            return start(self)
        finally:
            is_starting = False

    monkeypatch.setattr(queue, "SimpleQueue", Queue)
    monkeypatch.setattr(threading.Condition, "wait", noting_wait)
    monkeypatch.setattr(threading.Thread, "start", noting_start)
    monkeypatch.setattr(time, "sleep", noting_sleep)
    return asked


@pytest.fixture
def no_threads(monkeypatch: pytest.MonkeyPatch) -> Callable[[], AbstractContextManager[None]]:
    """Lets no thread start, as where the system has none left: ``with no_threads():``."""

    def refuse(thread: threading.Thread) -> NoReturn:
        raise RuntimeError("can't start new thread")

    @contextmanager
    def leave() -> Iterator[None]:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            yield

    return leave


@pytest.fixture(scope="session")
def kernel_rows() -> Callable[..., "np.ndarray[Any, np.dtype[np.float64]]"]:
    """The reference of the local polynomial: L with ``curve = L @ y``, in O(T²).

    Row i is the least-squares fit around x_i with weights exp(−|x_j − x_i| / tau), solved by a
    singular value decomposition. The degree falls to the number of distinct x less one.
    """

    def rows(x: Any, tau: float, degree: int = 2) -> Any:
        degree = min(degree, len(np.unique(x)) - 1)
        found = []
        for center in x:
            u = (x - center) / tau
            root = np.exp(-np.abs(u) / 2)
            design = root[:, None] * u[:, None] ** np.arange(degree + 1)
            scale = np.linalg.norm(design, axis=0)
            found.append(np.linalg.pinv(design / scale, rcond=1e-14)[0] / scale[0] * root)
        return np.array(found)

    return rows


@pytest.fixture
def ran(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Counts what a test really did, for the report: ``ran(kills=200)``."""
    return lambda **done: request.node.user_properties.append(("ran", done))


@pytest.fixture
def noted(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Says a measured number in the report, one that no test holds."""
    return lambda words: request.node.user_properties.append(("noted", words))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    counts: Counter[str] = Counter()
    notes = []
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for kind, said in report.user_properties:
                counts.update(said if kind == "ran" else {})
                notes += [said] if kind == "noted" else []
    if counts:
        terminalreporter.section("faults")
        terminalreporter.write_line(", ".join(f"{name}: {n:,}" for name, n in counts.items()))
        for note in notes:
            terminalreporter.write_line(note)
