"""How long the page RL FLOPs waits for its server: the list of runs, and the series of two panels.

TensorBoard runs in a process of its own and has loaded the event files when the page opens; then
the files of the page, the list of runs and the series of accuracy and average parallelism of all
runs are fetched over six connections, as a browser does. Runs of 11 columns; their rows in batches
of 512, as steps of 2 ms make them, and each in a batch of its own, as steps of a second or more do
(so many of these keep TensorBoard's Python loader busy for minutes: left out). CPU seconds are
those of TensorBoard's process: other programs on the machine disturb them less.

    python benchmarks/dashboard.py [--quick] [--runs 20]
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

import numpy as np

from rlviz import schema, tfrecord
from rlviz.dashboard import assets
from rlviz.record import events
from rlviz.record.encoding import Layouts

_CONNECTIONS = 6
_METRICS = ("accuracy", "average_parallelism")


def write_run(logdir: Path, steps: int, batch: int, seed: int) -> None:
    """A run as `rlviz.Callback` writes it, without the scalars of TensorBoard's own tabs."""
    random = np.random.default_rng(seed)
    step = np.arange(1.0, steps + 1)
    share = step / steps
    columns = {
        "step": step,
        "session": np.zeros(steps),
        "wall_time": 1.79e9 + step,
        "correct": random.binomial(1024, 0.3 + 0.4 * share).astype(float),
        "graded": np.full(steps, 1024.0),
        "parallelism_sum": np.round(64 * random.normal(7 + 6 * share, 0.4)),
        "parallelism_count": np.full(steps, 64.0),
        "flops/total": np.cumsum(np.round(1e22 * random.uniform(0.9, 1.1, steps))),
        "flops_remainder/total": np.zeros(steps),
        "metrics/loss": share**-0.3 + 0.05 * random.normal(size=steps),
        "metrics/kl": random.exponential(0.01, steps),
    }
    table = np.column_stack(list(columns.values()))
    header = schema.RowsHeader(0, tuple(columns), writer=f"{seed:08x}")
    logdir.mkdir(parents=True)
    with (logdir / schema.file_name(1_790_000_000, 0, 0, "host.1.ab")).open("wb") as file:
        file.write(tfrecord.frame(events.file_start(1.79e9).SerializeToString()))
        layouts = Layouts()
        for start in range(0, steps, batch):
            rows = np.ascontiguousarray(table[start : start + batch])
            layout = layouts.of(header, len(rows))
            event = events.rows(1.79e9 + start, header, layout, rows, rows_before=start)
            file.write(tfrecord.frame(event.SerializeToString()))


class Server:
    """A TensorBoard in a process of its own."""

    def __init__(self, logdir: Path, load_fast: str) -> None:
        script = (
            "import sys, threading\n"
            "from tensorboard import program\n"
            "from rlviz.dashboard.launch import plugins\n"
            "board = program.TensorBoard(plugins=plugins())\n"
            "board.configure(['tensorboard', *sys.argv[1:]])\n"
            "print(board.launch(), flush=True)\n"
            "threading.Event().wait()\n"
        )
        options = ["--logdir", str(logdir), "--port", "0", f"--load_fast={load_fast}"]
        self._process = subprocess.Popen(
            [sys.executable, "-c", script, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()

    def get(self, route: str, **parameters: object) -> bytes:
        request = urllib.request.Request(
            f"{self.url}data/plugin/rlviz/{route}?{urlencode(parameters)}",
            headers={"Accept-Encoding": "gzip"},
        )
        with urllib.request.urlopen(request) as answer:
            return bytes(answer.read())

    def runs(self) -> dict[str, object]:
        with urllib.request.urlopen(f"{self.url}data/plugin/rlviz/runs") as answer:
            return dict(json.load(answer))

    def cpu_seconds(self) -> float:
        """What its process, without the data server's, has taken so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait()


def loading_seconds(logdir: Path, load_fast: str, runs: int, steps: int) -> float:
    """Until TensorBoard itself has all rows, seen through the page."""
    server = Server(logdir, load_fast)
    began = time.perf_counter()
    while True:
        listed = server.runs()["runs"]
        assert isinstance(listed, list)
        if len(listed) == runs and all(run["steps"] == steps for run in listed):
            break
        time.sleep(0.2)
    taken = time.perf_counter() - began
    server.close()
    return taken


def measure(logdir: Path, load_fast: str, runs: int, steps: int) -> dict[str, float]:
    """Seconds and bytes of a page that is opened on a TensorBoard that has loaded."""
    loaded = loading_seconds(logdir, load_fast, runs, steps)
    server = Server(logdir, load_fast)
    time.sleep(1.5 * loaded + 2)
    found = {"TensorBoard's own loading, s": loaded}
    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        began, before = time.perf_counter(), server.cpu_seconds()
        list(pool.map(server.get, assets.load()))
        found["page's files, s"] = time.perf_counter() - began
        answers = [server.runs()]
        while answers[-1]["unread"]:
            answers.append(server.runs())
        found["… and the list of runs, s"] = time.perf_counter() - began
        found["requests for it"] = len(answers)
        names = [str(run["name"]) for run in answers[-1]["runs"]]  # type: ignore[attr-defined]
        asked = [(name, metric) for metric in _METRICS for name in names]

        dots = max(1000, min(20_000, 40_000 // len(names)))

        def series(pair: tuple[str, str]) -> int:
            run, metric = pair
            panel = {"width": 560, "height": 320, "dots": dots}
            return len(server.get("series", run=run, metric=metric, **panel))

        size = sum(pool.map(series, asked))
        found["… and all series: first picture, s"] = time.perf_counter() - began
        found["CPU seconds of all that"] = server.cpu_seconds() - before
        found["series, kB each"] = size / len(asked) / 1e3
        found["list of runs, kB gzipped"] = len(server.get("runs")) / 1e3
        began = time.perf_counter()
        list(pool.map(series, asked))
        found["the series again, s"] = time.perf_counter() - began
        began = time.perf_counter()
        server.runs()
        found["the list again, s"] = time.perf_counter() - began
        header = server.get("series", run=names[0], metric="accuracy")
        left, right = json.loads(re.search(rb'"domain":(\[[^]]*\])', header)[1])  # type: ignore[index]
        zoom = {"from": left + 0.50 * (right - left), "to": left + 0.51 * (right - left)}
        began = time.perf_counter()
        server.get("series", run=names[0], metric="accuracy", **zoom)
        found["zoom to 1 %, s"] = time.perf_counter() - began
        began = time.perf_counter()
        server.get("series", run=names[0], metric="accuracy", smooth="ema:0.99")
        found["another smoothing, s"] = time.perf_counter() - began
    server.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the steps")
    parser.add_argument("--runs", type=int, choices=(1, 20), help="only that many")
    options = parser.parse_args()
    less = 10 if options.quick else 1
    packed = sum(len(asset.compressed) for asset in assets.load().values())
    print(f"the page: {len(assets.load())} files, {packed / 1e3:.0f} kB gzipped\n")
    for runs, steps in ((20, 10_000 // less), (1, 1_000_000 // less)):
        if options.runs not in (None, runs):
            continue
        table: dict[str, list[str]] = {}
        heads = []
        for batch in (512, 1):
            with tempfile.TemporaryDirectory() as folder:
                for number in range(runs):
                    write_run(Path(folder) / f"run{number:02}", steps, batch, number)
                for load_fast, name in (("true", "data server"), ("false", "Python loader")):
                    if batch == 1 and load_fast == "false" and runs * steps > 100_000:
                        continue
                    heads.append(f"{name}, {batch}/batch")
                    for what, value in measure(Path(folder), load_fast, runs, steps).items():
                        shown = f"{value:.0f}" if what == "requests for it" else f"{value:.3g}"
                        table.setdefault(what, []).append(shown)
        print(f"{runs} x {steps} steps")
        print(f"{'':38}" + "".join(f"{head:>26}" for head in heads))
        for what, cells in table.items():
            cells += ["-"] * (len(heads) - len(cells))
            print(f"{what:38}" + "".join(f"{cell:>26}" for cell in cells), flush=True)
        print()


if __name__ == "__main__":
    main()
