"""TensorBoards over real event files, asked through their WSGI application; runs of every kind."""

import io
import json
import struct
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
from werkzeug.test import Client, TestResponse

import rlviz
from rlviz import schema, tfrecord
from rlviz.dashboard.launch import plugins
from rlviz.record import events
from rlviz.report.export.table_file import write

with warnings.catch_warnings():  # of TensorBoard's own copy of html5lib
    warnings.simplefilter("ignore", DeprecationWarning)
    import tensorboard.plugin_util  # noqa: F401
    from tensorboard import program

Floats = np.ndarray[Any, np.dtype[np.float64]]

DATA_ROUTES = ("runs", "told", "series", "curve", "comparison", "forecast", "figure", "rows")
PLAIN = {"run": "plain", "metric": "accuracy", "group": "alone", "count": "1"}
"""What every route needs for an answer: `comparison` takes the run as a group."""
"""The parameters of a request that is answered."""
WHOLE = (
    "plain",
    "resumed",
    "restarted",
    "ahead",
    "killed",
    "many batches",
    "lossy",
    "without flops",
)
"""Runs of the corpus, all of whose rows TensorBoard reads."""
LONG = 60_000
"""Steps of the long run."""


class _Captured(program.TensorBoardServer):  # type: ignore[misc]
    """Takes the application that TensorBoard would serve, and serves nothing."""

    application: Any = None

    def __init__(self, wsgi_app: Any, flags: Any) -> None:
        type(self).application = wsgi_app

    def serve_forever(self) -> None:
        pass

    def get_url(self) -> str:
        return ""


class Board:
    """One TensorBoard: its application, and what the page asks of it."""

    def __init__(self, logdir: Path, loader: str, options: Mapping[str, Any]) -> None:
        self.prefix = options.get("path_prefix", "")
        self.board = program.TensorBoard(plugins=plugins(), server_class=_Captured)
        # Loaded once, unless the test is about what comes later.
        once = {"reload_interval": 0, "reload_task": "blocking"}
        flags = {"logdir": str(logdir), "load_fast": loader, **once, **options}
        self.board.configure(**flags)
        with warnings.catch_warnings():  # TensorBoard leaves its data server to the process's end
            warnings.simplefilter("ignore", ResourceWarning)
            self.board.launch()
        self.client = Client(_Captured.application)

    def close(self) -> None:
        server = getattr(self.board._ingester, "_stdin_handle", None)
        if server is not None:
            server.close()  # which ends it

    def get(self, route: str, parameters: Any = (), **options: Any) -> TestResponse:
        """Ask a route of the plugin; parameters are a mapping or pairs."""
        query = urlencode(list(parameters.items()) if isinstance(parameters, dict) else parameters)
        path = f"{self.prefix}/data/plugin/rlviz/{route}"
        return self.client.get(path + (f"?{query}" if query else ""), **options)

    def listed(self) -> dict[str, Any]:
        return self.get("runs").get_json()

    def runs(self) -> dict[str, dict[str, Any]]:
        return {run["name"]: run for run in self.listed()["runs"]}

    def series(self, run: str, metric: str, **parameters: Any) -> tuple[dict[str, Any], Any]:
        """Header and arrays of a series, as a browser reads them."""
        if "start" in parameters:
            parameters["from"] = parameters.pop("start")
        response = self.get("series", {"run": run, "metric": metric, **parameters})
        assert response.status_code == 200, response.data
        assert response.content_type == "application/octet-stream"
        return decode(response.data)

    def wait_for(self, condition: Callable[[], Any], seconds: float = 300) -> Any:
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, self.listed()
            time.sleep(0.05)
        return found

    def wait_for_the_end(self, names: Sequence[str]) -> None:
        """The data server loads in the background, and says nothing of having done."""
        before: dict[str, Any] = {}
        same = 0
        while same < 4:
            now = self.wait_for(lambda: (now := self.listed()) and not now["unread"] and now)
            has_all = {run["name"] for run in now["runs"]} >= set(names)
            same = same + 1 if has_all and now == before else 0
            before = now
            time.sleep(0.05)


def decode(data: bytes) -> tuple[dict[str, Any], dict[str, Floats]]:
    length = struct.unpack("<I", data[:4])[0]
    assert (4 + length) % 8 == 0
    header = json.loads(data[4 : 4 + length])
    offset = 4 + length
    arrays = {}
    for name, count in header["arrays"]:
        arrays[name] = np.frombuffer(data, "<f8", count, offset)
        offset += 8 * count
    assert offset == len(data)
    return header, arrays


def csv_of(history: rlviz.History) -> bytes:
    """A run as `rlviz export` writes it."""
    stream = io.BytesIO()
    write(history, stream, "csv")
    return stream.getvalue()


class Counting:
    """A provider that counts what it is asked."""

    def __init__(self, provider: Any) -> None:
        self._provider = provider
        self.asked: list[tuple[list[str], list[str]]] = []

    def list_tensors(self, *args: Any, **options: Any) -> Any:
        return self._provider.list_tensors(*args, **options)

    def read_tensors(self, *args: Any, run_tag_filter: Any, **options: Any) -> Any:
        self.asked.append((sorted(run_tag_filter.runs), sorted(run_tag_filter.tags)))
        return self._provider.read_tensors(*args, run_tag_filter=run_tag_filter, **options)


@pytest.fixture(scope="session")
def open_board() -> Iterator[Callable[..., Board]]:
    """Opens TensorBoards, and ends them with the tests: ``open_board(logdir, "false")``."""
    opened: list[Board] = []

    def start(logdir: Path, loader: str = "false", **options: Any) -> Board:
        opened.append(Board(logdir, loader, options))
        return opened[-1]

    yield start
    for board in opened:
        board.close()


@pytest.fixture(scope="session", params=["true", "false"], ids=["data server", "python loader"])
def every_board(
    request: pytest.FixtureRequest, open_board: Callable[..., Board], corpus: Path
) -> Board:
    """All runs of the corpus, through either loader, behind a path prefix."""
    found = open_board(corpus, request.param, path_prefix="/some/where")
    found.wait_for_the_end([path.name for path in corpus.iterdir()])
    return found


@pytest.fixture(scope="session")
def board(open_board: Callable[..., Board], corpus: Path) -> Board:
    """The same through one loader, for what does not depend on it."""
    return open_board(corpus, path_prefix="/some/where")


# --- runs ------------------------------------------------------------------


@pytest.fixture(scope="session")
def write_rows() -> Callable[..., None]:
    """Writes batches of rows as a writer does, header by header.

    ``write_rows(logdir, columns, [(rows, {"dropped": 2}), …], session=1)``: the rows from which on
    a header holds, in batches of `batch_rows`, a layout for each.
    """

    def write(
        logdir: Path,
        columns: Sequence[str],
        parts: Sequence[tuple[Floats, Mapping[str, Any]]],
        *,
        session: int = 0,
        batch_rows: int = 4096,
        broken_header: bytes | None = None,
        is_counted: bool = True,
    ) -> None:
        logdir.mkdir(parents=True, exist_ok=True)
        name = schema.file_name(1_790_000_000 + session, session, 0, "host.1.ab")
        records = [events.file_start(1.79e9)]
        written = 0
        for layout, (table, fields) in enumerate(parts):
            header = schema.RowsHeader(session, tuple(columns), writer="ab", **fields)
            for start in range(0, len(table), batch_rows):
                part = np.ascontiguousarray(table[start : start + batch_rows])
                event = events.rows(1.79e9 + written, header, layout, part, rows_before=written)
                if not is_counted:
                    event.step += 2**53
                if broken_header is not None:
                    event.summary.value[0].metadata.plugin_data.content = broken_header
                records.append(event)
                written += len(part)
        framed = [tfrecord.frame(record.SerializeToString()) for record in records]
        (logdir / name).write_bytes(b"".join(framed))

    return write


def table_of(steps: int, *, seed: int = 0, first: int = 1) -> tuple[list[str], Floats]:
    """Columns and rows of a run that learns."""
    random = np.random.default_rng(seed)
    step = np.arange(first, first + steps, dtype=np.float64)
    share = step / (first + steps)
    columns = {
        "step": step,
        "session": np.zeros(steps),
        "wall_time": 1.79e9 + 30 * step,
        "correct": random.binomial(512, 0.3 + 0.4 * share).astype(np.float64),
        "graded": np.full(steps, 512.0),
        "parallelism_sum": np.round(64 * (7 + 6 * share + random.normal(size=steps))),
        "parallelism_count": np.full(steps, 64.0),
        "flops/total": np.cumsum(np.round(1e22 * (1 + random.random(steps)))),
        "flops_remainder/total": np.zeros(steps),
        "metrics/loss": 1 / step + 0.01 * random.normal(size=steps),
        "metrics/tokens": np.round(1e6 * (1 + random.random(steps))),
    }
    return list(columns), np.column_stack(list(columns.values()))


@pytest.fixture(scope="session")
def learning() -> Callable[..., tuple[list[str], Floats]]:
    return table_of


def record(logdir: Path, steps: Any, state: dict[str, Any] | None = None) -> dict[str, Any]:
    """Some steps by a callback; those from 60 on have a metric and a group more."""
    random = np.random.default_rng(len(steps))
    with rlviz.Callback(logdir, figure_seconds=None) as viz:
        if state is not None:
            viz.load_state_dict(state)
        for step in steps:
            viz.record(correct=random.random(64) < 0.3 + step / 500, group="math")
            viz.record(parallelism=[4 + step / 50, 3.0], flops={"rollout": 10**21 + step})
            late = {"kl": step / 7} if step >= 60 else {}
            if step % 3 == 0:
                viz.record(correct=[1, 0, step % 2], group="code")
            viz.on_step_end(step, metrics={"loss": 1 / step, "tokens": 1000 + step, **late})
            if step % 25 == 0:
                assert viz.flush()
        return viz.state_dict()


KILLED = """
import os, sys, rlviz
with rlviz.Callback(sys.argv[1], figure_seconds=None, flush_seconds=0.05) as viz:
    for step in range(1, 91):
        viz.on_step_end(step, correct=[1, 0, 1], flops=10**21, parallelism=[2.0])
    viz.flush()
    os.kill(os.getpid(), 9)
"""


@pytest.fixture(scope="session")
def corpus(
    tmp_path_factory: pytest.TempPathFactory,
    run_python: Callable[..., Any],
    write_rows: Callable[..., None],
) -> Path:
    """A run of every kind that can happen, each in a directory of its own."""
    runs = tmp_path_factory.mktemp("corpus")
    record(runs / "plain", range(1, 121))
    state = record(runs / "resumed", range(1, 81))
    record(runs / "resumed", range(81, 111), state)  # lost by a crash, and done again
    record(runs / "resumed", range(81, 131), state)
    record(runs / "restarted", range(1, 41))  # and over it, from scratch
    record(runs / "restarted", range(21, 71))
    record(runs / "ahead", range(1, 51))  # its checkpoint is ahead of the rows on disk
    state = record(tmp_path_factory.mktemp("elsewhere"), range(1, 66))
    record(runs / "ahead", range(66, 91), state)
    result = run_python("-c", KILLED, str(runs / "killed"))
    assert result.returncode == -9, result.stderr
    (file,) = (runs / "killed").glob("*tfevents*")
    file.write_bytes(file.read_bytes()[:-11])  # in the middle of its last record
    record(runs / "killed", range(91, 121))

    with rlviz.Callback(runs / "bare", figure_seconds=None) as viz:
        for step in range(1, 6):
            viz.on_step_end(step, correct=[1, 0], flops=10**20)

    columns, table = table_of(600)
    write_rows(runs / "many batches", columns, [(table, {})], batch_rows=2)
    part = len(table) // 3
    lossy = [
        (table[:part], {}),
        (table[part : 2 * part], {"dropped": 7, "world_size": 4}),
        (table[2 * part :], {"dropped": 9, "world_size": 4, "missing_ranks": (1, 3)}),
    ]
    write_rows(runs / "lossy", columns, lossy)
    without = [c for c in columns if not c.startswith("flops")]
    keep = [columns.index(c) for c in without]
    write_rows(runs / "without flops", without, [(table[:, keep], {})])
    return runs


@pytest.fixture(scope="session")
def long_run(
    tmp_path_factory: pytest.TempPathFactory,
    write_rows: Callable[..., None],
    learning: Callable[..., tuple[list[str], Floats]],
) -> Path:
    """The log directory of one run of 60,000 steps, `run`."""
    runs = tmp_path_factory.mktemp("long")
    columns, table = learning(LONG)
    write_rows(runs / "run", columns, [(table, {})])
    return runs


@pytest.fixture(scope="session")
def long_board(open_board: Callable[..., Board], long_run: Path) -> Board:
    return open_board(long_run)


@pytest.fixture(scope="session")
def long_history(long_run: Path) -> rlviz.History:
    return rlviz.read(long_run / "run")
