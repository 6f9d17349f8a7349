"""What measuring costs: batches of episodes, spans of a trace, a watched module, a large batch.

Everything is the minimum of several runs in one process on one thread, beside the goal. The cost of
a watched module is the difference to the same module unwatched, the two in turn.

    python benchmarks/measure.py
"""

import asyncio
import time
from collections.abc import Callable

import numpy as np
import torch

from rlviz.accuracy import Accuracy
from rlviz.flops import Transformer, Watch
from rlviz.parallelism import Trace, concurrency_batch, critical_steps_batch


def best(run: Callable[[], object], rounds: int = 7) -> float:
    """Shortest of several runs, in seconds."""
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        run()
        taken.append(time.perf_counter() - began)
    return min(taken)


def intervals() -> float:
    rng = np.random.default_rng(0)
    start = rng.random(1_000_000) * 100
    end, offsets = start + rng.random(1_000_000), np.arange(0, 1_000_001, 100)
    return best(lambda: concurrency_batch(start, end, episode_offsets=offsets))


def stages() -> float:
    rng = np.random.default_rng(0)
    main, subs = rng.integers(0, 9, 100_000), rng.integers(0, 9, 900_000)
    groups, owners = np.arange(0, 900_001, 9), np.arange(0, 100_001, 10)
    return best(
        lambda: critical_steps_batch(main, subs, group_offsets=groups, episode_offsets=owners)
    )


def spans(count: int = 1000) -> float:
    def run() -> None:
        trace = Trace()
        with trace.agent("main"):
            for _ in range(count):
                with trace.agent("sub"):
                    pass

    return best(run, rounds=50) / count


def async_spans(count: int = 1000) -> float:
    async def run() -> None:
        trace = Trace()
        async with trace.agent("main"):
            for _ in range(count):
                async with trace.agent("sub"):
                    pass

    return best(lambda: asyncio.run(run()), rounds=50) / count


def watched(pairs: int = 3000) -> float:
    """Median over interleaved pairs of (watched - plain), forward and backward."""
    plain, seen = torch.nn.Linear(32, 32), torch.nn.Linear(32, 32)
    watch, x = Watch(seen), torch.zeros(2, 32)

    def step(module: torch.nn.Module) -> float:
        began = time.perf_counter()
        for _ in range(5):
            module(x).sum().backward()
        return (time.perf_counter() - began) / 5

    step(plain), step(seen)
    differences = []
    for _ in range(pairs):
        differences.append(step(seen) - step(plain))
        watch.take()
    return float(np.median(differences))


def answers() -> float:
    correct = np.random.default_rng(0).random(1_000_000) < 0.5
    return best(lambda: Accuracy.from_answers(correct))


def flops() -> float:
    model = Transformer(
        hidden_size=4096,
        num_hidden_layers=32,
        num_attention_heads=32,
        intermediate_size=11008,
        vocab_size=32000,
    )
    lengths = np.random.default_rng(0).integers(1, 4096, 1024)
    return best(lambda: model.training(lengths), rounds=50)


def main() -> None:
    torch.set_num_threads(1)
    rows = (
        ("intervals of 10,000 episodes of 100 agents", intervals, 1e3, "ms", 500),
        ("stages of 10,000 episodes of 100 runs", stages, 1e3, "ms", 200),
        ("a span of a Trace, with", spans, 1e6, "µs", 3),
        ("a span of a Trace, async with", async_spans, 1e6, "µs", 3),
        ("a watched forward and backward pass", watched, 1e6, "µs", 5),
        ("1,000,000 answers", answers, 1e3, "ms", None),
        ("training FLOPs of 1,024 sequences", flops, 1e6, "µs", None),
    )
    print(f"{'':45}{'measured':>12}{'goal':>12}")
    for name, run, scale, unit, goal in rows:
        target = "" if goal is None else f"<= {goal} {unit}"
        print(f"{name:45}{scale * run():>9.2f} {unit}{target:>12}")


if __name__ == "__main__":
    main()
