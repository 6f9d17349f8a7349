"""How many rows a second an export writes, in each format, beside pandas' to_csv of the same table.

A run as they usually are: 1e6 steps, 20 columns written (answers, parallelism, averages, FLOPs of
two phases and their total beyond 1e21, loss and KL). Into files of the temporary directory. The
rates are of the fastest repeat by the clock, and by the processor time that it took, which other
programs on the machine disturb less.

    python benchmarks/export.py [--rows 1000000] [--repeats 3]
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import rlviz
from rlviz.report.export.table_file import FORMATS, export


def run(rows: int) -> rlviz.History:
    random = np.random.default_rng(7)
    graded = np.full(rows, 1024.0)
    episodes = np.full(rows, 64.0)
    flops = {
        phase: np.cumsum(random.uniform(0.9, 1.1, rows) * each)
        for phase, each in (("rollout", 3e15), ("update", 1e15))
    }
    flops["total"] = flops["rollout"] + flops["update"]
    columns = {
        "step": np.arange(1.0, rows + 1),
        "session": np.zeros(rows),
        "wall_time": 1.7e9 + np.cumsum(random.exponential(30.0, rows)),
        "correct": random.binomial(1024, np.linspace(0.36, 0.64, rows)).astype(float),
        "graded": graded,
        "ungraded": np.zeros(rows),
        "parallelism_sum": 64 * random.normal(10, 0.5, rows),
        "parallelism_count": episodes,
        "parallelism_undefined": np.zeros(rows),
        "accuracy_ema": random.uniform(0.36, 0.64, rows),
        "average_parallelism_ema": random.normal(10, 0.1, rows),
        **{f"flops/{phase}": count for phase, count in flops.items()},
        **{f"flops_remainder/{p}": np.rint(random.normal(0, 1e3, rows)) for p in flops},
        "metrics/loss": random.normal(0.5, 0.1, rows),
        "metrics/kl": random.exponential(0.01, rows),
    }
    return rlviz.History(columns)


def fastest(write: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Seconds by the clock and of processor time, the least of each."""
    wall, cpu = [], []
    for _ in range(repeats):
        start = time.perf_counter(), time.process_time()
        write()
        wall.append(time.perf_counter() - start[0])
        cpu.append(time.process_time() - start[1])
    return min(wall), min(cpu)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    history = run(options.rows)
    columns = sum("remainder" not in name for name in history.table())
    print(f"{options.rows} rows, {columns} columns (NPZ: {len(history.table())})\n")
    print(f"{'':16}{'rows/s':>12}{'rows/CPU-s':>12}{'MB':>6}")
    with tempfile.TemporaryDirectory() as directory:

        def report(name: str, path: Path, write: Callable[[], object], repeats: int) -> None:
            wall, cpu = (options.rows / seconds for seconds in fastest(write, repeats))
            size = path.stat().st_size / 1e6
            print(f"{name:16}{wall:12,.0f}{cpu:12,.0f}{size:6.0f}", flush=True)
            path.unlink()

        for suffix in FORMATS:
            path = Path(directory) / f"table.{suffix}"
            report(suffix, path, lambda path=path: export(history, path), options.repeats)
        frame = history.to_pandas()  # FLOPs as float64: less than what is written above
        path = Path(directory) / "pandas.csv"
        report("pandas to_csv", path, lambda: frame.to_csv(path), 1)


if __name__ == "__main__":
    main()
