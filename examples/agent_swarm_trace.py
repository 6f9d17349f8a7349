"""An asyncio swarm measured live: a main agent gathers 12 sub-agents, one of which gathers 3 more.

The work / span that the trace measures is checked against the graph that the program knows it
built. Run it: python agent_swarm_trace.py [RUN]
"""

import asyncio
import random
import sys
import tempfile

import rlviz
from rlviz.parallelism import Trace, work_span


async def think(seconds: float) -> float:
    """One agent's work; returns how long it really took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    await asyncio.sleep(seconds)
    return loop.time() - began


async def searcher(trace: Trace, name: str, delegates: bool, costs: dict[str, float]) -> None:
    async with trace.agent(name):
        costs[name] = await think(random.uniform(0.05, 0.15))
        if delegates:
            helpers = (searcher(trace, f"{name}.{i}", False, costs) for i in range(3))
            await asyncio.gather(*helpers)  # waiting for them is no work


async def episode(trace: Trace) -> rlviz.parallelism.Parallelism:
    """Run a swarm; returns the work and span of the graph that it is."""
    costs: dict[str, float] = {}
    async with trace.agent("main"):
        costs["plan"] = await think(0.05)
        await asyncio.gather(*(searcher(trace, f"sub-{i}", i == 0, costs) for i in range(12)))
        costs["report"] = await think(0.05)
    edges = []
    for name in costs:
        if "." in name:
            edges += [(name.partition(".")[0], name), (name, "report")]
        elif name.startswith("sub"):
            edges += [("plan", name), (name, "report")]
    return work_span(costs, edges)


def main(logdir: str) -> None:
    random.seed(0)
    with rlviz.Callback(logdir, figure_seconds=None) as viz:
        for step in range(1, 4):
            trace = Trace()
            expected = asyncio.run(episode(trace))
            viz.on_step_end(step, parallelism=[trace])
            measured, seen = trace.parallelism(), trace.concurrency()
            print(
                f"step {step}: work {measured.work:.3f} s, span {measured.span:.3f} s, average "
                f"parallelism {measured.average:.2f} (graph: {expected.average:.2f}), "
                f"peak {seen.peak}, busy {seen.busy:.2f}"
            )
            assert abs(measured.average / expected.average - 1) < 0.1
            assert seen.peak >= 12
            assert seen.wall <= seen.busy <= measured.average + 1e-9
    run = rlviz.read(logdir)
    assert list(run.columns["unfinished"]) == [0, 0, 0]
    assert run.columns["peak"].min() >= 12


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="agent_swarm-"))
