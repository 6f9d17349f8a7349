"""Live parallelism of agents: DEFINITIONS section 5, and the definition in `Forest`."""

import asyncio
import copy
import pickle
import random
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from rlviz.parallelism import Parallelism, Trace, work_span
from rlviz.parallelism.forest import AgentSpan


class Clock:
    """Stands still until it is moved."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def trace(clock):
    return Trace(clock=clock)


def run(trace, clock, start, end, name="agent", parent=None):
    """An agent of given times; what happens in between is entered by hand."""
    agent = trace.agent(name, parent=parent)
    clock.now = start
    agent.__enter__()
    clock.now = end
    agent.__exit__(None, None, None)
    return agent


class TestMeasuring:
    def test_a_parent_that_waits_for_its_child_is_not_working(self, trace, clock):
        with trace.agent("main"):  # works [0, 1) and [4, 6)
            clock.now = 1
            with trace.agent("child"):
                clock.now = 4
            clock.now = 6
        assert trace.parallelism() == Parallelism(work=6, span=6)
        assert trace.concurrency().peak == 1

    def test_nothing_recorded_is_undefined(self, trace):
        assert trace.parallelism() == Parallelism(0, 0)
        assert trace.concurrency().peak == 0


class TestRecording:
    def test_nesting_follows_the_with_blocks(self, trace):
        with trace.agent("main"):
            with trace.agent("a"):
                pass
            with trace.agent("b"), trace.agent("c"):
                pass
        assert [(s.name, s.parent) for s in trace.spans()] == [
            ("main", None),
            ("a", 0),
            ("b", 0),
            ("c", 2),
        ]

    def test_agents_of_two_traces_in_one_another_keep_to_their_own(self, trace):
        other = Trace()
        with trace.agent("main"), other.agent("judge"), trace.agent("sub"), other.agent("probe"):
            pass
        assert [s.parent for s in trace.spans()] == [None, 0]
        assert [s.parent for s in other.spans()] == [None, 0]

    def test_a_crashed_agent_ends_when_it_crashed_and_the_exception_goes_on(self, trace, clock):
        def crash():
            with trace.agent("main"):
                clock.now = 3
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            crash()
        assert trace.spans() == (AgentSpan("main", 0, 3, None, "ZeroDivisionError"),)
        with trace.agent("next"):  # the crashed one is no longer running
            pass
        assert trace.spans()[1].parent is None

    def test_an_agent_that_never_ends_is_clipped_to_the_latest_time_and_counted(self, trace, clock):
        trace.agent("stuck").__enter__()  # never left, so what follows is its child
        clock.now = 2
        with trace.agent("child"):
            clock.now = 5
        assert trace.unfinished == trace.concurrency().unfinished == 1
        assert trace.parallelism() == Parallelism(work=5, span=5)

    def test_an_agent_is_entered_once(self, trace):
        with trace.agent("main") as main, pytest.raises(RuntimeError, match="already entered"):
            main.__enter__()

    def test_a_parent_of_another_trace_or_not_entered_is_refused(self, trace):
        with pytest.raises(ValueError, match="parent 'x' belongs to another Trace or was not"):
            trace.agent("sub", parent=trace.agent("x"))
        with Trace().agent("y") as foreign, pytest.raises(ValueError, match="parent 'y' belongs"):
            trace.agent("sub", parent=foreign)

    def test_the_number_can_be_asked_for_while_agents_run(self, trace, clock):
        with trace.agent("main"):
            clock.now = 2
            with trace.agent("a"):
                clock.now = 3
            assert trace.parallelism() == Parallelism(3, 3)
            assert trace.unfinished == 1


class TestThreads:
    def test_a_thread_names_its_parent(self):
        trace = Trace()
        with trace.agent("main") as main:

            def work(k):
                with trace.agent(f"sub-{k}", parent=main):
                    time.sleep(0.01)

            with ThreadPoolExecutor(4) as pool:
                list(pool.map(work, range(12)))
        assert [s.parent for s in trace.spans()] == [None] + [0] * 12
        assert 2 <= trace.concurrency().peak <= 4

    def test_a_thread_without_a_parent_starts_a_root(self, trace):
        with trace.agent("main"):
            thread = threading.Thread(target=lambda: trace.agent("alone").__enter__())
            thread.start()
            thread.join()
        assert [s.parent for s in trace.spans()] == [None, None]

    @pytest.mark.slow
    def test_nothing_is_lost_when_many_threads_record_at_once(self):
        trace = Trace()

        def work():
            for _ in range(2000):
                with trace.agent("outer"), trace.agent("inner"):
                    pass

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for _ in range(5):
            trace.spans()  # reading meanwhile is safe
        for thread in threads:
            thread.join()
        spans = trace.spans()
        assert len(spans) == 8 * 2000 * 2
        assert trace.unfinished == 0
        assert all(
            spans[s.parent].name == "outer" if s.name == "inner" else s.parent is None
            for s in spans
        )


class TestAsyncio:
    def test_a_swarm_equals_the_graph_that_its_program_built(self):
        """Main gathers 12 sub-agents with random sleeps; the first gathers 3 of its own."""
        trace, rnd = Trace(), random.Random(7)

        async def sub(name, children=()):
            async with trace.agent(name):
                await asyncio.sleep(rnd.uniform(0.02, 0.06))
                if children:
                    await asyncio.gather(*(sub(child) for child in children))
                    await asyncio.sleep(0.01)

        async def main():
            async with trace.agent("main"):
                await asyncio.sleep(0.01)
                await asyncio.gather(
                    sub("sub-0", ["leaf-0", "leaf-1", "leaf-2"]),
                    *(sub(f"sub-{k}") for k in range(1, 12)),
                )
                await asyncio.sleep(0.01)

        asyncio.run(main())
        at = {span.name: span for span in trace.spans()}
        length = {name: span.end - span.start for name, span in at.items()}
        leaves = [f"leaf-{k}" for k in range(3)]
        subs = [f"sub-{k}" for k in range(12)]
        fork, join = min(at[s].start for s in subs), max(at[s].end for s in subs)
        split, meet = min(at[s].start for s in leaves), max(at[s].end for s in leaves)
        weights = {name: length[name] for name in [*leaves, *subs[1:]]} | {
            "main before": fork - at["main"].start,
            "main after": at["main"].end - join,
            "sub-0 before": split - at["sub-0"].start,
            "sub-0 after": at["sub-0"].end - meet,
        }
        edges = [("main before", name) for name in [*subs[1:], "sub-0 before"]]
        edges += [(name, "main after") for name in [*subs[1:], "sub-0 after"]]
        edges += [
            edge for leaf in leaves for edge in (("sub-0 before", leaf), (leaf, "sub-0 after"))
        ]
        program = work_span(weights, edges)
        measured = trace.parallelism()
        assert measured.work == pytest.approx(program.work)
        assert measured.span == pytest.approx(program.span)
        assert trace.concurrency().peak in (12, 13, 14)  # 11 subs and 1 to 3 leaves
        assert trace.concurrency().busy <= measured.average * (1 + 1e-9)
        assert [at[leaf].parent for leaf in leaves] == [1, 1, 1]

    def test_a_cancelled_agent_ends_when_it_was_cancelled(self):
        trace = Trace()

        async def sub():
            async with trace.agent("sub"):
                await asyncio.sleep(60)

        async def main():
            async with trace.agent("main"):
                task = asyncio.create_task(sub())
                await asyncio.sleep(0.01)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task

        asyncio.run(main())
        sub_span = trace.spans()[1]
        assert (sub_span.error, sub_span.parent) == ("CancelledError", 0)
        assert trace.unfinished == 0
        assert sub_span.end - sub_span.start < 30

    def test_tasks_and_to_thread_find_their_parent_by_themselves(self):
        trace = Trace()

        def blocking():
            with trace.agent("in thread"):
                pass

        async def main():
            async with trace.agent("main"):
                await asyncio.gather(asyncio.to_thread(blocking), asyncio.to_thread(blocking))

        asyncio.run(main())
        assert [s.parent for s in trace.spans()] == [None, 0, 0]

    def test_a_task_that_outlives_its_parent_is_recorded_whole(self):
        trace = Trace()

        async def sub():
            async with trace.agent("sub"):
                await asyncio.sleep(0.02)

        async def main():
            async with trace.agent("main"):
                task = asyncio.create_task(sub())
                await asyncio.sleep(0)
            await task

        asyncio.run(main())
        main_span, sub_span = trace.spans()
        assert sub_span.end > main_span.end
        assert sub_span.parent == 0

    def test_an_agent_may_be_left_in_another_context_than_it_was_entered_in(self):
        trace = Trace()

        async def agent():
            async with trace.agent("generator"):
                yield 1

        async def main():
            generator = agent()
            await asyncio.create_task(generator.__anext__())
            await asyncio.create_task(generator.aclose())

        asyncio.run(main())
        assert trace.unfinished == 0
        assert trace.spans()[0].error == "GeneratorExit"


ROLLOUT = """
import pickle, sys
trace = pickle.load(sys.stdin.buffer)
with trace.agent("main"), trace.agent("sub"):
    pass
pickle.dump(trace, sys.stdout.buffer)
"""


class TestPickling:
    def test_an_unused_trace_goes_to_a_worker_process_and_comes_back_with_the_episode(self):
        worker = subprocess.run(
            [sys.executable, "-c", ROLLOUT],
            input=pickle.dumps(Trace()),
            stdout=subprocess.PIPE,
            check=True,
        )
        trace = pickle.loads(worker.stdout)
        assert [(s.name, s.parent) for s in trace.spans()] == [("main", None), ("sub", 0)]

    @pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
    def test_a_copy_gives_the_same_numbers(self, trace, clock, duplicate):
        trace.agent("stuck").__enter__()
        clock.now = 3
        again = duplicate(trace)
        assert again.spans() == trace.spans()
        assert again.unfinished == 1

    def test_a_copy_is_a_finished_record(self, trace):
        with trace.agent("main"):
            pass
        with pytest.raises(RuntimeError, match=r"finished record.*Make a new Trace\(\)"):
            copy.deepcopy(trace).agent("late")
