"""What logging a step costs the training thread: rlviz beside TensorBoard's SummaryWriter.

Five host scalars a step, both loggers in turn in one process, median of several rounds. Prints
microseconds a step: median and 99th percentile of the call, CPU of the calling thread, CPU of the
whole process up to and including `close`.

    python benchmarks/overhead.py [--steps 20000] [--rounds 5]
"""

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch.utils.tensorboard import SummaryWriter

import rlviz


@dataclass(frozen=True)
class Cost:
    """Of one round, in microseconds a step."""

    median: float
    p99: float
    thread_cpu: float
    process_cpu: float


def rlviz_round(steps: int, logdir: str) -> Cost:
    viz = rlviz.Callback(logdir, figure_seconds=None)

    def log(step: int) -> None:
        viz.record(accuracy=0.4, graded=64, parallelism=8.5, flops=10**18)
        viz.on_step_end(step, metrics={"loss": 0.5, "kl": 0.01})

    return measure(log, viz.close, steps)


def summary_writer_round(steps: int, logdir: str) -> Cost:
    writer = SummaryWriter(logdir)

    def log(step: int) -> None:
        writer.add_scalar("accuracy", 0.4, step)
        writer.add_scalar("parallelism", 8.5, step)
        writer.add_scalar("flops", 1e18 * step, step)
        writer.add_scalar("loss", 0.5, step)
        writer.add_scalar("kl", 0.01, step)

    return measure(log, writer.close, steps)


def measure(log: Callable[[int], None], close: Callable[[], object], steps: int) -> Cost:
    """Log `steps` steps of about a millisecond, in which the training thread waits."""
    calls = np.empty(steps)
    thread_cpu = 0.0
    process_began = time.process_time()
    for step in range(steps):
        thread_began = time.thread_time()
        began = time.perf_counter()
        log(step + 1)
        calls[step] = time.perf_counter() - began
        thread_cpu += time.thread_time() - thread_began
        time.sleep(0.0005)
    close()
    process_cpu = time.process_time() - process_began
    idle = _idle_cpu(steps)
    return Cost(
        median=1e6 * float(np.median(calls)),
        p99=1e6 * float(np.percentile(calls, 99)),
        thread_cpu=1e6 * thread_cpu / steps,
        process_cpu=1e6 * (process_cpu - idle) / steps,
    )


def _idle_cpu(steps: int) -> float:
    """CPU of the same loop with nothing logged, timers and sleeps included."""
    began = time.process_time()
    total = 0.0
    for _ in range(steps):
        thread_began = time.thread_time()
        time.perf_counter()
        time.perf_counter()
        total += time.thread_time() - thread_began
        time.sleep(0.0005)
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    contenders = {"rlviz": rlviz_round, "SummaryWriter": summary_writer_round}
    costs: dict[str, list[Cost]] = {name: [] for name in contenders}
    for _ in range(options.rounds):
        for name, run in contenders.items():
            logdir = tempfile.mkdtemp()
            costs[name].append(run(options.steps, logdir))
            shutil.rmtree(logdir)
    columns = ("median", "p99", "thread_cpu", "process_cpu")
    print(f"µs a step, median of {options.rounds} rounds of {options.steps} steps")
    print(f"{'':15}" + "".join(f"{column:>13}" for column in columns))
    for name, rounds in costs.items():
        values = (statistics.median(getattr(cost, column) for cost in rounds) for column in columns)
        print(f"{name:15}" + "".join(f"{value:13.1f}" for value in values))


if __name__ == "__main__":
    main()
