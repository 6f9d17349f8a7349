"""The smoothing of this tree beside that of another, in turn: what a change costs or gains.

Each tree runs in a process of its own, and both do every case once a round. Seconds on a machine
that others use mean little; the ratio of CPU times does.

    git worktree add ../before 10037ca
    python benchmarks/against.py ../before [--rounds 5] [part of a case's name ...]
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Case = Callable[[], Any]
WEIGHT, TAU = 0.97, 30.0
SHAPES = ((1, 1_000_000), (1_000, 1_000), (10_000, 100))


def curves() -> dict[str, tuple[Case, int]]:
    """Cases of the local polynomial, and how often each runs at a time."""
    from rlviz.smooth import local_polynomial as smooth

    random = np.random.default_rng(0)
    x = np.cumsum(random.exponential(size=1_000_000))
    y = np.sin(x / x[-1] * 9) + random.normal(size=len(x))
    many = random.normal(size=(1_000, 1_000))
    own = np.cumsum(random.exponential(size=many.shape), -1)
    short = random.normal(size=(2_000, 60))
    return {
        "T = 100": (lambda: smooth(y[:100], x=x[:100]), 40),
        "T = 1,000": (lambda: smooth(y[:1_000], x=x[:1_000]), 20),
        "T = 10,000": (lambda: smooth(y[:10_000], x=x[:10_000]), 5),
        "T = 10,000, one bandwidth": (
            lambda: smooth(y[:10_000], x=x[:10_000], bandwidth=100.0),
            10,
        ),
        "2,000 x 60, one x": (lambda: smooth(short, x=x[:60]), 2),
        "1,000 x 1,000, one x": (lambda: smooth(many, x=x[:1_000]), 1),
        "1,000 x 1,000, x each": (lambda: smooth(many, x=own), 1),
        "T = 1,000,000": (lambda: smooth(y, x=x), 1),
    }


def averages() -> dict[str, tuple[Case, Case]]:
    """Cases of the batched average in float32, and the copy that each is a multiple of."""
    import torch

    from rlviz.smooth import ema

    torch.set_num_threads(1)
    random = np.random.default_rng(0)
    found: dict[str, tuple[Case, Case]] = {}
    for shape in SHAPES:
        y = torch.randn(shape)
        out = torch.empty_like(y)
        x = np.cumsum(random.exponential(size=shape[1]))
        own = np.cumsum(random.exponential(size=shape), -1)
        weight, one, each = {"weight": WEIGHT}, {"x": x, "tau": TAU}, {"x": own, "tau": TAU}
        for name, gaps, options in (
            ("no gap", 0.0, weight),
            ("1 % gaps", 0.01, weight),
            ("10 % gaps", 0.1, weight),
            ("half gaps", 0.5, weight),
            ("along one x", 0.0, one),
            ("along an x each", 0.0, each),
            ("along one x, 1 % gaps", 0.01, one),
            ("along an x each, 1 % gaps", 0.01, each),
        ):
            values = torch.where(torch.rand(shape) < gaps, torch.nan, y)

            def average(values: Any = values, out: Any = out, options: Any = options) -> Any:
                return ema(values, out=out, **options)

            def copy(values: Any = values, out: Any = out) -> Any:
                return out.copy_(values)

            found[f"ema, {name}, {shape[0]:,} x {shape[1]:,}"] = average, copy
    return found


def taken(run: Case, times: int = 1) -> tuple[float, float]:
    """Seconds, and seconds of CPU in all threads."""
    began, cpu = time.perf_counter(), time.process_time()
    for _ in range(times):
        run()
    return (time.perf_counter() - began) / times, (time.process_time() - cpu) / times


def serve() -> None:
    """One side: a case's name comes in on a line, and two numbers go out."""
    of_curves, of_averages = curves(), averages()
    print("|".join([*of_curves, *of_averages]), flush=True)
    for line in sys.stdin:
        name = line.rstrip("\n")
        if name in of_curves:
            numbers = taken(*of_curves[name])
        else:
            run, copy = of_averages[name]
            run()  # the other side has emptied the cache
            copies = min(taken(copy)[1] for _ in range(3))
            numbers = min(taken(run)[1] for _ in range(3)), copies
        print(*numbers, flush=True)


class Side:
    def __init__(self, tree: Path) -> None:
        environment = {**os.environ, "PYTHONSAFEPATH": "1", "PYTHONPATH": str(tree.resolve())}
        for name in ("OMP", "OPENBLAS", "MKL"):
            environment[f"{name}_NUM_THREADS"] = "1"
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.names = self._read().split("|")

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().rstrip("\n")

    def measure(self, name: str) -> list[float]:
        assert self._process.stdin is not None
        print(name, file=self._process.stdin, flush=True)
        return [float(number) for number in self._read().split()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tree", type=Path, help="folder of the other tree")
    parser.add_argument("names", nargs="*", help="cases whose name has one of these in it")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_intermixed_args()
    sides = [Side(options.tree), Side(Path(__file__).parents[1])]
    print(
        f"{'median of ' + str(options.rounds) + ' rounds':40}{'before':>10}{'now':>10}{'ratio':>8}"
    )
    for name in sides[0].names:
        if options.names and not any(part in name for part in options.names):
            continue
        rounds = []
        for number in range(options.rounds + 1):  # the first is not counted
            order = sides if number % 2 else sides[::-1]
            found = {side: side.measure(name) for side in order}
            rounds.append([found[side] for side in sides])
        numbers = np.array(rounds[1:])  # (rounds, before and now, 2)
        if name.startswith("ema"):
            shown, unit = numbers[..., 0] / numbers[..., 1], "x copy_"
            ratios = numbers[:, 1, 0] / numbers[:, 0, 0]
        else:
            shown, unit = numbers[..., 1], "s CPU"
            ratios = shown[:, 1] / shown[:, 0]
        before, now = (statistics.median(shown[:, side]) for side in (0, 1))
        row = f"{name:40}{before:10.3g}{now:10.3g}{statistics.median(ratios):8.2f}  {unit}"
        if unit == "s CPU":
            row += (
                f"; ratio of seconds {statistics.median(numbers[:, 1, 0] / numbers[:, 0, 0]):.2f}"
            )
        print(row, flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["--serve"]:
        serve()
    else:
        main()
