"""What reading costs: processor seconds and memory, of long runs, many sessions, wide rows.

Each reading is a process of its own. The memory is its largest anonymous memory: mapped pages of
files don't count. `--against TREE` reads with the rlviz of another checkout in turns, so that a
busy machine disturbs both alike.

    python benchmarks/reading.py [--steps 10000000] [--against TREE] [--only long,sessions]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from rlviz import schema, tfrecord
from rlviz.record import events

TREE = Path(__file__).resolve().parent.parent
BATCH = 256
COLUMNS = (
    *("step", "session", "wall_time", "correct", "graded", "ungraded"),
    *("parallelism_sum", "parallelism_count", "parallelism_undefined", "parallelism_square_sum"),
    *("flops/rollout", "flops_remainder/rollout", "flops/total", "flops_remainder/total"),
    *("metrics/loss", "accuracy_ema", "average_parallelism_ema"),
)

READER = """
import json, sys, threading, time
from pathlib import Path
import rlviz

peak, done = 0, threading.Event()

def watch():
    global peak
    while not done.wait(0.01):
        with open("/proc/self/status") as status:
            found = next(line for line in status if line.startswith("RssAnon"))
        peak = max(peak, int(found.split()[1]))

what, path = sys.argv[1:]
rlviz.read, rlviz.figure, rlviz.summarise, rlviz.compare
threading.Thread(target=watch, daemon=True).start()
paths = sorted(Path(path).glob("run*")) if what == "compare" else [path]
began = time.process_time()
runs = [rlviz.read(one) for one in paths]
if what != "read":
    if what != "compare":
        began = time.process_time()
    if what == "plot":
        rlviz.figure(runs[0]).png()
    elif what == "summary":
        rlviz.summarise(runs[0]).markdown()
    else:
        rlviz.compare({run.logdir: run for run in runs}).markdown()
seconds = time.process_time() - began
done.set()
print(json.dumps([seconds, peak / 1024]))
"""


def table(first: int, rows: int, columns: tuple[str, ...], session: int, total: int) -> np.ndarray:
    """Rows of a run whose accuracy and parallelism rise."""
    random = np.random.default_rng(first)
    step = np.arange(first, first + rows, dtype=float)
    known = {
        "step": step,
        "session": np.full(rows, float(session)),
        "wall_time": 1.7e9 + 0.1 * step,
        "correct": random.binomial(16, 0.3 + 0.4 * step / total).astype(float),
        "graded": np.full(rows, 16.0),
        "parallelism_sum": 6 + 8 * step / total + random.normal(size=rows),
        "parallelism_count": np.full(rows, 2.0),
        "parallelism_square_sum": (3 + 4 * step / total) ** 2 * 2 + 1,
        "flops/rollout": step * 2.0**50,
        "flops/total": step * 2.0**50,
        "metrics/loss": 1 / np.sqrt(step) + 0.1 * random.normal(size=rows),
    }
    return np.column_stack([known.get(name, np.zeros(rows)) for name in columns])


def write(
    logdir: Path,
    steps: int,
    sessions: int = 1,
    columns: tuple[str, ...] = COLUMNS,
    batch: int = BATCH,
    *,
    drops: bool = False,
) -> Path:
    """A run as `Callback` writes it: for each batch the rows, then the scalars of each step.

    With `drops` each batch has a header of its own.
    """
    logdir.mkdir(parents=True)
    values = {schema.scalar_tag(name): (np.full(batch, 0.5), np.ones(batch, bool))
              for name in ("accuracy", "average_parallelism", "flops/rollout", "flops/total",
                           "loss", "accuracy/ema", "average_parallelism/ema")}  # fmt: skip
    steps_of_a_long_run = np.arange(batch) + (1 << 21)  # most of its steps take as many bytes
    scalars = events.scalars(steps_of_a_long_run, np.full(batch, 1.7e9), values)
    behind = b"".join(map(tfrecord.frame, scalars))
    each = steps // sessions
    for session in range(sessions):
        header = schema.RowsHeader(
            session, columns, session * each if session else None, int(session * each * 2.0**50)
        )
        name = schema.file_name(1_700_000_000 + session, session, 0, "host.7.ab")
        with (logdir / name).open("wb") as stream:
            for done in range(0, each, batch):
                rows = min(batch, each - done)
                some = table(session * each + done + 1, rows, columns, session, steps)
                own = replace(header, dropped=done) if drops else header
                event = events.rows(1.7e9, own, 0, some, rows_before=done)
                stream.write(tfrecord.frame(event.SerializeToString()) + behind)
    return logdir


def wide(logdir: Path) -> Path:
    """500 batches of 2,000 columns, each with its own header: a step was dropped before each."""
    metrics = tuple(f"metrics/m{number}" for number in range(1985))
    return write(logdir, 500, columns=(*COLUMNS[:15], *metrics), batch=1, drops=True)


def many(directory: Path) -> Path:
    for number in range(200):
        write(directory / f"run{number:03d}", 1000)
    return directory


def measured(what: str, path: Path, tree: Path) -> tuple[float, float]:
    """CPU seconds, and MiB of memory."""
    done = subprocess.run(
        [sys.executable, "-c", READER, what, str(path)],
        env={**os.environ, "PYTHONSAFEPATH": "1", "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        return float("nan"), float("nan")
    seconds, mebibytes = json.loads(done.stdout)
    return seconds, mebibytes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=10_000_000)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--only", default="long,sessions,wide,compare")
    options = parser.parse_args()
    cases: dict[str, list[tuple[str, Callable[[Path], Path], str]]] = {
        "long": [
            (f"{options.steps:,} steps: {what}", lambda path: write(path, options.steps), what)
            for what in ("read", "plot", "summary")
        ],
        "sessions": [
            ("1,000,000 steps, 1 session: read", lambda path: write(path, 1_000_000), "read"),
            ("1,000,000 steps, 300 sessions: read", lambda p: write(p, 1_000_000, 300), "read"),
        ],
        "wide": [("500 batches of 2,000 columns: read", wide, "read")],
        "compare": [("200 runs of 1,000 steps: compare", many, "compare")],
    }
    trees = [TREE, *([options.against] if options.against else [])]
    print(f"{'':40}" + "".join(f"{'CPU s':>10}{'MiB':>8}" for _ in trees))
    for name in options.only.split(","):
        with tempfile.TemporaryDirectory() as directory:
            made: dict[int, Path] = {}
            for number, (label, make, what) in enumerate(cases[name]):
                of = 0 if name == "long" else number
                if of not in made:
                    made[of] = make(Path(directory) / str(of))
                found = [measured(what, made[of], tree) for tree in trees]
                cells = "".join(f"{seconds:10.1f}{memory:8.0f}" for seconds, memory in found)
                print(f"{label:40}{cells}", flush=True)


if __name__ == "__main__":
    main()
