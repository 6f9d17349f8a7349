"""What logging costs a training loop: rlviz beside other loggers, and the floor.

First the cost of a step of five host scalars, back to back and after a millisecond of computing
that displaces what the caches held: the time of the calls in the training thread, its CPU, and the
CPU of the whole process up to and including the run's end. Then how much longer fixed work takes
with each logger, which also shows what a background thread takes from it: steps of 1 ms, steps of
100 ms and updates of a small PPO, each run between two without a logger. All loggers take turns in
one process, and training has one thread.

    python benchmarks/overhead.py [--rounds 3] [--steps 5000] [--only rlviz SummaryWriter]
"""

import argparse
import gc
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import loggers
import numpy as np
import torch
from loggers import LOGGERS, Logger, NoLogger, Scalars
from ppo import Ppo

Step = Callable[[], Scalars]
"""Trains for one step; what there is to log of it."""

SCALARS = Scalars(accuracy=0.4, parallelism=8.5, flops=10**18, loss=0.5, kl=0.01)
NOTHING = "no logger"
GOALS = """\
Goals for rlviz: calls <= 2 µs in the median and <= 20 µs at p99, process CPU <= 20 µs a step;
<= 2 % longer with steps of 1 ms, <= 0.5 % with steps of 100 ms, <= 3 % with PPO."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="turns of every logger")
    parser.add_argument("--steps", type=int, default=5000, help="of a run; scales all lengths")
    parser.add_argument("--only", nargs="+", choices=LOGGERS, default=list(LOGGERS), metavar="NAME")
    options = parser.parse_args()
    torch.set_num_threads(1)
    names = [name for name in options.only if loggers.installed(name)]
    with tempfile.TemporaryDirectory() as root:
        runs = Runs(Path(root))
        millisecond = Work(calibrated(0.001))
        print_costs(runs, names, millisecond, options.rounds, options.steps)
        print_slowdowns(runs, names, millisecond, options.rounds, options.steps / 5000)
    print(f"\n{GOALS}")
    if missing := [name for name in options.only if name not in names]:
        print(f"Left out, because it is not installed: {', '.join(missing)}.")


class Work:
    """A step that multiplies matrices: always as many, so that it takes longer when disturbed.

    Each product reads another 256 KiB of weights, so that after a millisecond the caches hold
    little of what logging had in them.
    """

    def __init__(self, products: int) -> None:
        self.products = products
        self._weights = torch.randn(256, 256, 256)
        self._activations, self._out = torch.randn(256, 32), torch.empty(256, 32)
        self._next = 0

    def __call__(self) -> Scalars:
        for _ in range(self.products):
            torch.mm(self._weights[self._next], self._activations, out=self._out)
            self._next = (self._next + 1) % len(self._weights)
        return SCALARS


def calibrated(seconds: float) -> int:
    """How many products of `Work` take so long on this machine."""
    return max(1, round(seconds / duration(Work(1), 2000)))


def duration(step: Step, steps: int) -> float:
    """Seconds of a step; the lower quartile, so that other programs make it no longer."""
    times = []
    for _ in range(steps):
        began = time.perf_counter()
        step()
        times.append(time.perf_counter() - began)
    return float(np.percentile(times, 25))


class Runs:
    """Opens runs, each in a directory of its own."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._numbers = count(1)

    def open(self, name: str) -> Logger:
        gc.collect()  # nobody pays for what the run before left
        directory = self._root / f"run{next(self._numbers)}"
        return NoLogger(directory) if name == NOTHING else LOGGERS[name](directory)


def in_turn(names: Sequence[str], turn: int) -> Sequence[str]:
    """Forwards and backwards by turns, so that nobody always comes after the same one."""
    return names[::-1] if turn % 2 else names


@dataclass(frozen=True)
class Cost:
    """Of one run, in microseconds a step."""

    median: float
    p99: float
    thread_cpu: float
    process_cpu: float
    children_cpu: float


def measure(runs: Runs, name: str, step: Step, steps: int) -> Cost:
    """Log `steps` steps and close.

    CPU is counted while the training thread logs and closes, and at all times in other threads:
    exact, where the difference of two runs would drown in how much their computing varies.
    """
    calls = np.empty(steps)
    thread_cpu = 0.0
    children_before = children_cpu()
    logger = runs.open(name)
    process_before, thread_before = time.process_time(), time.thread_time()
    for i in range(steps):
        scalars = step()
        thread_began = time.thread_time()
        began = time.perf_counter()
        logger.log(i + 1, scalars)
        calls[i] = time.perf_counter() - began
        thread_cpu += time.thread_time() - thread_began
    thread_began = time.thread_time()
    logger.close()
    thread_ended = time.thread_time()
    others_cpu = time.process_time() - process_before - (thread_ended - thread_before)
    return Cost(
        median=1e6 * float(np.median(calls)),
        p99=1e6 * float(np.percentile(calls, 99)),
        thread_cpu=1e6 * thread_cpu / steps,
        process_cpu=1e6 * (thread_cpu + thread_ended - thread_began + others_cpu) / steps,
        children_cpu=1e6 * (children_cpu() - children_before) / steps,
    )


def children_cpu() -> float:
    """CPU seconds of the child processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def print_costs(runs: Runs, names: Sequence[str], work: Step, rounds: int, steps: int) -> None:
    """The first table. CPU is less that of the same loop without a logger, timers included."""
    settings: dict[str, tuple[Step, int]] = {
        "back to back": (lambda: SCALARS, steps),
        "1 ms of computing between": (work, max(1, steps * 3 // 10)),
    }
    everyone = [NOTHING, *names]
    # A first run of one step pays for imports, and tells what starting a child process costs.
    started = {name: measure(runs, name, work, 1).children_cpu for name in everyone}
    costs: dict[tuple[str, str], list[Cost]] = {}
    for turn in range(rounds):
        for setting, (step, length) in settings.items():
            for name in in_turn(everyone, turn):
                cost = measure(runs, name, step, length)
                costs.setdefault((setting, name), []).append(cost)

    def median(setting: str, name: str, column: str) -> float:
        return float(np.median([getattr(cost, column) for cost in costs[setting, name]]))

    print(f"Cost of logging a step of five scalars, in µs; median of {rounds} rounds")
    print(f"{'':14}" + "".join(f"{f'{s} ({n} steps)':>44}" for s, (_, n) in settings.items()))
    print(f"{'':14}" + 2 * f"{'median':>11}{'p99':>9}{'thread CPU':>11}{'process CPU':>13}")
    for name in names:
        row = f"{name:14}"
        for setting in settings:
            row += f"{median(setting, name, 'median'):11.2f}{median(setting, name, 'p99'):9.1f}"
            for column, width in (("thread_cpu", 11), ("process_cpu", 13)):
                rest = median(setting, name, column) - median(setting, NOTHING, column)
                row += f"{rest:{width}.1f}"
        print(row)
    for name in names:
        if started[name]:
            children = " and ".join(
                f"{median(setting, name, 'children_cpu') - started[name] / length:.0f} ({setting})"
                for setting, (_, length) in settings.items()
            )
            print(f"{name} has a child process: {children} µs of CPU a step more, its start apart")


def print_slowdowns(
    runs: Runs, names: Sequence[str], millisecond: Work, rounds: int, seconds: float
) -> None:
    """The second table, from runs that take about `seconds` each."""
    hundred = Work(100 * millisecond.products)
    settings: dict[str, tuple[Callable[[], Step], float]] = {
        "steps of 1 ms": (lambda: millisecond, 0.001),
        "steps of 100 ms": (lambda: hundred, 0.1),
        "PPO updates": (Ppo, duration(Ppo(), 50)),
    }
    lengths = {s: max(1, round(seconds / one)) for s, (_, one) in settings.items()}

    ratios: dict[tuple[str, str], list[float]] = {}
    bare: dict[str, list[float]] = {setting: [] for setting in settings}
    for turn in range(rounds):
        for setting, (make, _) in settings.items():
            length = lengths[setting]
            bare[setting].append(train(runs, NOTHING, make(), length))
            for name in in_turn(names, turn):
                logged = train(runs, name, make(), length)
                bare[setting].append(train(runs, NOTHING, make(), length))
                ratio = logged / statistics.mean(bare[setting][-2:])
                ratios.setdefault((setting, name), []).append(ratio)

    print(f"\nTime added to training, in %; median (quartiles) of {rounds} rounds")
    print(f"{'':14}" + "".join(f"{f'{n} {s}':>26}" for s, n in lengths.items()))
    for name in names:
        cells = (quartiles(ratios[setting, name]) for setting in settings)
        print(f"{name:14}" + "".join(f"{cell:>26}" for cell in cells))
    steps = (1e3 * statistics.median(bare[s]) / n for s, n in lengths.items())
    print(f"{'ms without':14}" + "".join(f"{step:26.2f}" for step in steps))


def train(runs: Runs, name: str, step: Step, steps: int) -> float:
    """Seconds of `steps` steps, after half as many as a start, and without the end of the run.

    So a second holds, in its middle, one of the writes that come every second. Without a logger
    nothing comes at intervals, and a short start will do.
    """
    logger = runs.open(name)
    start = steps // 10 if name == NOTHING else steps // 2
    for i in range(start + steps):
        if i == start:
            began = time.perf_counter()
        logger.log(i + 1, step())
    seconds = time.perf_counter() - began
    logger.close()
    return seconds


def quartiles(ratios: Sequence[float]) -> str:
    """Of how much more than one they are, in percent."""
    low, middle, high = 100 * (np.percentile(ratios, (25, 50, 75)) - 1)
    return f"{middle:+.2f} ({low:+.2f} … {high:+.2f})"


if __name__ == "__main__":
    main()
