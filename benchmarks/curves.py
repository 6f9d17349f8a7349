"""How fast curves are smoothed: the batched averages and the local polynomial beside their peers.

Averages: float32, one thread, as multiples of copying the same tensor into memory that is there;
all contenders in turn, median of several rounds. Local polynomial: seconds, on all cores.

    python benchmarks/curves.py [--rounds 5]
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

if (
    __name__ == "__main__"
):  # before any of them is imported: the averages are measured on one thread
    for name in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
        os.environ[f"{name}_NUM_THREADS"] = "1"

import numbagg
import numpy as np
import pandas as pd
import torch
from scipy.signal import lfilter
from statsmodels.nonparametric.smoothers_lowess import lowess
from torch._higher_order_ops.associative_scan import associative_scan

import rlviz.smooth
from rlviz.smooth.recurrence import scan

SHAPES = ((1, 1_000_000), (1_000, 10_000), (10_000, 1_000), (100_000, 100))
WEIGHT = 0.97


def averages(y: torch.Tensor) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Contenders for one batch; those that need minutes are left out of large ones."""
    array, out = y.numpy(), torch.empty_like(y)
    rows, length = y.shape
    yield "copy_", lambda: out.copy_(y)
    yield "rlviz scan", lambda: scan(WEIGHT, y, out=out)
    yield "rlviz ema", lambda: rlviz.smooth.ema(y, weight=WEIGHT, out=out)
    holes = torch.where(torch.rand(y.shape) < 0.01, torch.nan, y)
    yield "rlviz ema, 1 % gaps", lambda: rlviz.smooth.ema(holes, weight=WEIGHT, out=out)
    x = np.arange(length, dtype=np.float64)
    yield "rlviz ema along x", lambda: rlviz.smooth.ema(y, x=x, tau=30.0, out=out)
    yield "scipy lfilter", lambda: lfilter([1 - WEIGHT], [1, -WEIGHT], array, axis=-1)
    yield "numbagg", lambda: numbagg.move_exp_nanmean(array, alpha=1 - WEIGHT)
    frame = pd.DataFrame(array.T) if rows <= 1_000 else None
    if frame is not None:
        yield "pandas ewm", lambda: frame.ewm(alpha=1 - WEIGHT).mean()
    factors = torch.full_like(y, WEIGHT)

    def join(left: Any, right: Any) -> Any:
        return left[0] * right[0], right[0] * left[1] + right[1]

    yield (
        "torch associative_scan",
        lambda: associative_scan(join, (factors, y), dim=-1, combine_mode="generic"),
    )
    if length <= 1_000:

        def loop() -> None:
            h = torch.zeros(rows)
            for t in range(length):
                h = out[:, t] = torch.add(y[:, t], h, alpha=WEIGHT)

        yield "torch loop over T", loop


def seconds_of(contenders: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Median of rounds in which everybody has a turn; the first is not counted."""
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, run in contenders.items():
            began = time.perf_counter()
            run()
            if number:
                taken[name].append(time.perf_counter() - began)
    return {name: statistics.median(times) for name, times in taken.items()}


def measure_averages(rounds: int) -> None:
    print("multiples of copy_, float32, one thread; the column's head is S x T and the copy itself")
    table: dict[str, dict[str, float]] = {}
    heads = []
    for shape in SHAPES:
        y = torch.randn(shape)
        taken = seconds_of(dict(averages(y)), rounds)
        copy = taken["copy_"]
        head = f"{shape[0]}x{shape[1]} ({1e9 * copy / y.numel():.2f} ns)"
        heads.append(head)
        for name, seconds in taken.items():
            table.setdefault(name, {})[head] = seconds / copy
        for name, seconds in taken.items():
            if name in ("rlviz scan", "rlviz ema"):
                against = table.setdefault(f"lfilter / {name}", {})
                against[head] = taken["scipy lfilter"] / seconds
    print(f"{'':24}" + "".join(f"{head:>24}" for head in heads))
    for name, row in table.items():
        cells = (f"{row[head]:24.1f}" if head in row else f"{'':>24}" for head in heads)
        print(f"{name:24}" + "".join(cells))


def curves() -> dict[str, Callable[[], Any]]:
    random = np.random.default_rng(0)
    x = np.cumsum(random.exponential(size=1_000_000))
    y = np.sin(x / x[-1] * 9) + random.normal(size=len(x))
    many = random.normal(size=(1_000, 1_000))
    own = np.cumsum(random.exponential(size=many.shape), -1)
    smooth = rlviz.smooth.local_polynomial
    return {
        "T = 1e6, 24 bandwidths": lambda: smooth(y, x=x),
        "1,000 series x 1,000, one x": lambda: smooth(many, x=x[:1_000]),
        "1,000 series x 1,000, x each": lambda: smooth(many, x=own),
        "T = 1e4, 24 bandwidths": lambda: smooth(y[:10_000], x=x[:10_000]),
        "T = 1e4, one bandwidth": lambda: smooth(y[:10_000], x=x[:10_000], bandwidth=100.0),
        "statsmodels lowess, T = 1e4": lambda: lowess(y[:10_000], x[:10_000]),
    }


GOALS = {
    "T = 1e6, 24 bandwidths": "<= 3 s",
    "1,000 series x 1,000, one x": "<= 1.5 s",
    "1,000 series x 1,000, x each": "<= 1.5 s",
}


def measure_curves(rounds: int) -> None:
    print(f"\nlocal polynomial, degree 2, float64, {os.cpu_count()} cores: seconds")
    taken = seconds_of(curves(), rounds)
    for name, seconds in taken.items():
        print(f"{name:34}{seconds:10.3f}{GOALS.get(name, ''):>16}")
    for mine, goal in (("T = 1e4, 24 bandwidths", ">= 100"), ("T = 1e4, one bandwidth", "")):
        ratio = taken["statsmodels lowess, T = 1e4"] / taken[mine]
        print(f"{'lowess / rlviz, ' + mine:40}{ratio:4.0f}{goal:>16}")


def measure_online() -> None:
    average = rlviz.smooth.EMA(0.9)
    along = rlviz.smooth.EMA(tau=3.0)
    values = np.random.default_rng(0).normal(size=100_000).tolist()
    print("\none online update, microseconds, the loop around it included (goal <= 0.6)")
    for name, run in {
        "EMA(weight)": lambda: [average.update(y) for y in values],
        "EMA(tau)": lambda: [along.update(y, x) for x, y in enumerate(values)],
    }.items():
        taken = []
        for _ in range(7):
            along.load_state_dict({"num": 0.0, "den": 0.0, "x": None})
            began = time.perf_counter()
            run()
            taken.append(time.perf_counter() - began)
        print(f"{name:34}{1e6 * statistics.median(taken) / len(values):10.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    measure_averages(rounds)
    measure_online()
    measure_curves(rounds)


if __name__ == "__main__":
    main()
