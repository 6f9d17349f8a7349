"""What many ranks cost rank 0: messages through a real store, a connection for each rank.

Rank 0 and the job's store are in this process, as where rank 0 is the master. A few processes play
all other ranks, each rank with a connection of its own, and send what some steps of nine numbers
brought at every flush. The table has, for each flush, rank 0's processor seconds: of the process,
with the store's thread in it, and of the thread that writes, which shares the interpreter with the
training; the questions to the store; and from the last rank's sending until rank 0 has all sums.

    python benchmarks/ranks.py [--ranks 8 100 1000] [--flushes 10] [--processes 2]
"""

import argparse
import resource
import statistics
import subprocess
import sys
import threading
import time
from datetime import timedelta
from typing import Any

from torch.distributed import TCPStore

from rlviz.record.late import LateSums
from rlviz.record.mailbox import Inbox, Outbox
from rlviz.record.meeting import Place
from rlviz.record.ranks import FirstRank, OtherRank
from rlviz.record.step_sums import StepSums

_PREFIX = "benchmark"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ranks", type=int, nargs="+", default=[8, 100, 1000])
    parser.add_argument("--flushes", type=int, default=10, help="of each run")
    parser.add_argument("--steps", type=int, nargs="+", default=[1, 10], help="in a flush")
    parser.add_argument("--processes", type=int, default=2, help="that play the other ranks")
    parser.add_argument("--play", type=int, nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if options.play:
        play(*options.play)
        return
    print(
        "| ranks | steps a flush | CPU of rank 0, ms | of its writing thread, ms "
        "| questions a rank | until all is there, ms |\n|---|---|---|---|---|---|"
    )
    for ranks in options.ranks:
        for steps in options.steps:
            print(f"| {ranks:,} | {steps} | {' | '.join(measured(ranks, steps, options))} |")


class Counted:
    """A store that counts what it is asked; `multi_get` asks twice, for it waits for its keys."""

    def __init__(self, store: Any) -> None:
        self.store, self.asked = store, 0

    def __getattr__(self, name: str) -> Any:
        self.asked += 1 + (name == "multi_get")
        return getattr(self.store, name)


class Meeting:
    """The way of one rank to a store on this machine."""

    def __init__(self, rank: int, world_size: int, port: int) -> None:
        self.rank, self.world_size, self.port = rank, world_size, port
        self.store: Counted | None = None
        self.place = Place(_PREFIX, True, (), 0)

    def at_the_jobs(self) -> Counted:
        wait = timedelta(seconds=10)
        self.store = Counted(
            TCPStore("localhost", self.port, is_master=False, wait_for_workers=False, timeout=wait)
        )
        return self.store

    def served(self) -> None:
        return None

    def tell(self, *, is_at_the_jobs: bool) -> Place:
        return self.place

    def told(self) -> Place:
        return self.place


def sums(step: int, rank: int) -> StepSums:
    made = StepSums()
    made.step, made.wall_time = step, time.time()
    made.correct, made.graded = 3.0, 8
    made.parallelism_sum, made.parallelism_count = 8.5, 1
    made.flops = {"rollout": 10**18 + rank, "update": 10**18}
    made.metrics = dict.fromkeys(("loss", "kl", "entropy", "grad_norm"), 0.1 * rank)
    return made


def play(first: int, last: int, ranks: int, port: int) -> None:
    """Be some of the ranks: at each line read, send the sums of so many steps."""
    meetings = [Meeting(rank, ranks, port) for rank in range(first, last)]
    players = [OtherRank(Outbox(meeting)) for meeting in meetings]  # type: ignore[arg-type]
    print("ready", flush=True)
    step = 0
    for line in sys.stdin:
        closed = range(step + 1, step + 1 + int(line))
        for rank, player in enumerate(players, first):
            player.add([sums(each, rank) for each in closed])
        step = closed[-1]
        took = []
        for player in players:
            began = time.perf_counter()
            player.send()
            took.append(time.perf_counter() - began)
            if not player.take_sent():
                raise RuntimeError("rank 0 has not taken the flush before")
        asked = sum(meeting.store.asked for meeting in meetings if meeting.store)
        print(time.monotonic(), asked, statistics.median(took), flush=True)


def measured(ranks: int, steps: int, options: argparse.Namespace) -> tuple[str, ...]:
    job = TCPStore("localhost", 0, is_master=True, wait_for_workers=False)
    meeting, come = Meeting(0, ranks, job.port), threading.Event()
    inbox = Inbox(meeting, on_error=print, wake=come.set)  # type: ignore[arg-type]
    first = FirstRank(inbox, print, LateSums(), patience=600.0)
    edges = [1 + (ranks - 1) * at // options.processes for at in range(options.processes + 1)]
    processes = [
        subprocess.Popen(
            [sys.executable, __file__, "--play", *map(str, (*edges[at : at + 2], ranks, job.port))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for at in range(options.processes)
    ]
    results: list[tuple[float, float, float, float]] = []
    done = 0
    asked_before = 0
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for _ in range(options.flushes + 2):  # the first two connect
            closed = [sums(step, 0) for step in range(done + 1, done + 1 + steps)]
            cpu, own = time.process_time(), time.thread_time()
            first.add(closed)
            for process in processes:
                print(steps, file=process.stdin, flush=True)
            written = 0
            while written < steps:
                come.wait(0.5)
                come.clear()
                written += sum(len(part) for part, _ in first.complete())
            ended, cpu, own = (
                time.monotonic(),
                time.process_time() - cpu,
                time.thread_time() - own,
            )
            done += steps
            said = [process.stdout.readline().split() for process in processes]  # type: ignore[union-attr]
            asked = sum(int(each[1]) for each in said)
            asked += meeting.store.asked if meeting.store else 0
            results.append(
                (cpu, own, (asked - asked_before) / ranks, ended - max(float(s[0]) for s in said))
            )
            asked_before = asked
    finally:
        for process in processes:
            process.communicate()
        first.close()
    cpu, own, questions, late = (
        statistics.median(result[at] for result in results[2:]) for at in range(4)
    )
    return f"{1e3 * cpu:.1f}", f"{1e3 * own:.1f}", f"{questions:.2f}", f"{1e3 * late:.0f}"


if __name__ == "__main__":
    main()
