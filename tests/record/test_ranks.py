"""Several processes write one run: real processes, joined by gloo."""

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap

import pytest

import rlviz
from rlviz.accuracy import Accuracy
from rlviz.parallelism import Parallelism, ParallelismSums
from rlviz.record.late import LateSums
from rlviz.record.ranks import FirstRank, Gathering, OtherRank, pack, unpack
from rlviz.record.step_sums import StepSums

# Nothing here waits for as long as it may take: a busy machine is slow. Where a test is about
# patience, what it must not be short for is there before.
LOOP = """
    import json, os, signal, sys, time
    import torch.distributed as dist
    import rlviz

    logdir, rank, ranks, port = sys.argv[1], *map(int, sys.argv[2:5])
    os.environ |= {"MASTER_ADDR": "localhost", "MASTER_PORT": str(port)}
    dist.init_process_group("gloo", rank=rank, world_size=ranks)

    def begin(**options):
        return rlviz.Callback(
            logdir,
            process_group=dist.group.WORLD,
            **{"figure_seconds": None, "flush_seconds": 0.05, "patience": 1000.0, **options},
        )

    viz = begin(**json.loads(sys.argv[5]))

    def came():  # how many steps of other ranks are on rank 0, and wait for its own
        return viz._assembly.ranks._gathering._many

    def log(step):
        viz.record(accuracy=1.0 if rank == 0 else 0.0, graded=1 + rank, flops={"update": 10**20})
        viz.record(parallelism=[float(rank)] * rank, metrics={"loss": float(rank)})
        viz.on_step_end(step)

    def say(what):
        print(what, flush=True)

    def until(condition):
        deadline = time.monotonic() + 800
        while not condition():
            assert time.monotonic() < deadline, viz.health
            time.sleep(0.05)

    dist.barrier()  # nobody is still starting while others log
"""


def free_port():
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return free.getsockname()[1]


def start(code, logdir, ranks, **options):
    port = free_port()
    script, told = textwrap.dedent(LOOP) + textwrap.dedent(code), json.dumps(options)
    return [
        subprocess.Popen(
            [sys.executable, "-c", script, *map(str, (logdir, rank, ranks, port)), told],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(ranks)
    ]


def finish(processes):
    """Waits for the processes; -> what each of them said, as (output, errors)."""
    try:
        return [process.communicate(timeout=800) for process in processes]
    finally:
        for process in processes:
            process.kill()


@pytest.mark.quick(1)
@pytest.mark.parametrize("ranks", [2, 4])
def test_rank_0_writes_the_sums_of_all_ranks_with_ratios_taken_last(tmp_path, ranks):
    said = finish(
        start(
            """
            for step in range(1, 41):
                log(step)
                time.sleep(0.002 * rank)
            say(viz.close(timeout=800))
            say(viz.health)
            """,
            tmp_path,
            ranks,
        )
    )
    assert [output.split()[0] for output, _ in said] == ["True"] * ranks, said
    run = rlviz.read(tmp_path)
    assert list(run.step) == list(range(1, 41))
    answers = sum(1 + rank for rank in range(ranks))
    assert set(run.columns["graded"]) == {answers}
    assert run.accuracy == pytest.approx([1 / answers] * 40)
    assert run.exact_flops() == [step * ranks * 10**20 for step in range(1, 41)]
    episodes = [rank for rank in range(ranks) for _ in range(rank)]
    assert run.parallelism == pytest.approx([sum(episodes) / len(episodes)] * 40)
    assert run.columns["metrics/loss"] == pytest.approx([sum(range(ranks)) / ranks] * 40)
    assert len({path.name.split(".")[7] for path in tmp_path.iterdir()}) == 1  # one writer


@pytest.mark.slow
def test_one_script_can_make_one_callback_after_another(tmp_path):
    said = finish(
        start(
            """
            for step in range(1, 4):
                log(step)
                viz.close(timeout=800)
                time.sleep(0.5 * (1 - rank))  # the other rank comes first, and finds what is left
                state = viz.state_dict() if rank == 0 else None
                viz = begin(flush_seconds=1.0)
                if rank == 0:
                    viz.load_state_dict(state)
            say(viz.close(timeout=800))
            """,
            tmp_path,
            2,
        )
    )
    assert [output for output, _ in said] == ["True\n"] * 2, said
    run = rlviz.read(tmp_path)
    assert list(run.step) == [1, 2, 3]
    assert run.exact_flops() == [2 * step * 10**20 for step in (1, 2, 3)]


@pytest.mark.slow
def test_a_rank_that_dies_is_named_and_the_others_go_on(tmp_path):
    said = finish(
        start(
            """
            if rank == 0:
                until(lambda: came() == 20 + 5 + 20)
            for step in range(1, 21):
                if step == 6 and rank == 2:
                    assert viz.flush(800)
                    os.kill(os.getpid(), signal.SIGKILL)
                log(step)
                time.sleep(0.01)
            say(viz.close(timeout=800))
            os._exit(0)  # gloo's own end would wait for the dead rank
            """,
            tmp_path,
            4,
            patience=0.5,
        )
    )
    assert said[0][0].strip() == "True"
    assert "nothing came from rank 2 for too long" in said[0][1]
    run = rlviz.read(tmp_path)
    assert list(run.step) == list(range(1, 21))
    assert list(run.columns["graded"]) == [1 + 2 + 3 + 4] * 5 + [1 + 2 + 4] * 15


@pytest.mark.slow
def test_a_rank_that_stalls_blocks_nobody_and_is_counted_again_when_it_is_back(tmp_path):
    processes = start(
        """
        if rank == 0:
            until(lambda: came() == 5)
        for step in range(1, 6):
            log(step)
        until(lambda: viz.health.written == 5)
        dist.barrier()
        if rank == 1:
            os.kill(os.getpid(), signal.SIGSTOP)
        for step in range(6, 11):
            log(step)  # one that waited for rank 1 would do so for ever
        if rank == 0:
            until(lambda: viz.health.written == 10)  # without rank 1
            say("written")
            until(lambda: viz.health.late)  # it was missed, and its sums came too late
        for step in range(11, 16):
            log(step)
        assert rank == 0 or viz.flush(800)
        dist.barrier()
        say(viz.close(timeout=800))
        os._exit(0)
        """,
        tmp_path,
        2,
        patience=0.5,
    )
    assert processes[0].stdout.readline() == "written\n"
    os.kill(processes[1].pid, signal.SIGCONT)
    said = finish(processes)
    assert "nothing came from rank 1 for too long" in said[0][1]
    run = rlviz.read(tmp_path)
    graded = list(run.columns["graded"])
    assert graded[:10] == [3] * 5 + [1] * 5, said
    assert sum(graded[10:]) == 3 * 5 + 2 * 5, said  # what came late is in the rows after that
    assert run.exact_flops()[-1] == 30 * 10**20


@pytest.mark.slow
def test_a_run_goes_on_with_another_number_of_ranks(tmp_path):
    code = """
        first, last = {steps}
        state = os.path.join(os.path.dirname(logdir), "state.json")
        if first > 1:
            viz.load_state_dict(json.load(open(state)))
        for step in range(first, last + 1):
            log(step)
        until(lambda: viz.health.written == last - first + 1)
        dist.barrier()
        saved = viz.state_dict()
        if rank == 0:
            json.dump(saved, open(state, "w"))
        say(viz.close(timeout=800))
    """
    for ranks, steps in ((4, (1, 10)), (2, (11, 20)), (3, (21, 30))):
        said = finish(start(code.replace("{steps}", str(steps)), tmp_path / "run", ranks))
        assert [output.strip() for output, _ in said] == ["True"] * ranks, said
    run = rlviz.read(tmp_path / "run")
    assert list(run.step) == list(range(1, 31))
    ranks = [4] * 10 + [2] * 10 + [3] * 10
    assert run.exact_flops() == [10**20 * sum(ranks[: n + 1]) for n in range(30)]
    assert run.missing == ()


def test_without_a_group_other_ranks_write_nothing_and_say_so_once(tmp_path, run_python):
    code = """
import sys, rlviz
viz = rlviz.Callback(sys.argv[1])
for step in range(3):
    viz.on_step_end(step, correct=[1])
print(viz.flush(), viz.close(), viz.health)
"""
    os.environ |= {"RANK": "3", "WORLD_SIZE": "8"}
    try:
        result = run_python("-c", code, str(tmp_path / "run"))
    finally:
        del os.environ["RANK"], os.environ["WORLD_SIZE"]
    assert not (tmp_path / "run").exists()
    assert result.stdout.startswith("True True Health(logged=0")
    assert result.stderr.count("this is rank 3 of 8: it records nothing") == 1


def sums(step, graded=1, **metrics):
    made = StepSums()
    made.step, made.graded, made.metrics = step, graded, metrics
    return made


def test_a_message_brings_everything_exactly():
    made = sums(3, graded=0.1, loss=float("nan"), kl=1e300)
    made.flops = {"update": 10**30 + 1}
    made.groups = {"math": Accuracy(0.3, 2, 1)}
    made.counts = {"kl": 3}
    made.seconds = {"rollout": 0.7}
    made.agents = ParallelismSums.from_episodes([Parallelism(6, 2)])
    (read,) = unpack(pack([made]))
    assert repr(read.to_list()) == repr(made.to_list())


def test_a_step_waits_for_every_rank_but_not_for_ever():
    now = [0.0]
    late = LateSums()
    gathering = Gathering(3, late, patience=5.0, clock=lambda: now[0])
    gathering.add([sums(1), sums(2)])
    gathering.receive(1, [sums(1), sums(2)])
    assert gathering.ready() == []
    gathering.receive(2, [sums(1)])
    ((steps, missing),) = gathering.ready()
    assert [(s.step, s.graded) for s in steps] == [(1, 3)]
    assert missing == ()
    now[0] = 5.0
    ((steps, missing),) = gathering.ready()
    assert ([(s.step, s.graded) for s in steps], missing) == ([(2, 2)], (2,))
    gathering.add([sums(3)])
    gathering.receive(1, [sums(3)])
    ((steps, missing),) = gathering.ready()  # rank 2 is not waited for again
    assert missing == (2,)
    gathering.receive(2, [sums(2), sums(4)])
    assert late.count == 1
    row = sums(9)
    late.join(row)  # rank 2's sums of step 2 are not lost
    assert row.graded == 2
    gathering.add([sums(4)])
    assert gathering.ready() == []  # it is back: waited for, as is rank 1


def test_ranks_that_start_their_steps_over_meet_again():
    late = LateSums()
    gathering = Gathering(2, late, patience=5.0, clock=lambda: 0.0)
    gathering.add([sums(1), sums(2)])
    gathering.receive(1, [sums(1), sums(2), sums(1)])  # rank 1 is an epoch ahead
    ((steps, _),) = gathering.ready()
    assert [(s.step, s.graded) for s in steps] == [(1, 2), (2, 2)]
    gathering.add([sums(1)])
    ((steps, missing),) = gathering.ready()
    assert [(s.step, s.graded) for s in steps] == [(1, 2)]
    assert (missing, late.count) == ((), 0)


@pytest.mark.slow
def test_a_state_covers_the_closed_steps_also_where_a_rank_is_slow(tmp_path):
    said = finish(
        start(
            """
            log(1)
            until(lambda: viz.health.written == 1)
            dist.barrier()
            if rank == 0:
                log(2)
                say(viz.state_dict()["step"])  # rank 1 comes after it: it is not waited for
            dist.barrier()
            if rank == 1:
                log(2)
                assert viz.flush(800)  # before rank 0 closes, for it waits for no latecomer
            dist.barrier()
            viz.close(timeout=800)
            say(viz.health.errors)
            say(viz.health.late)
            """,
            tmp_path,
            2,
        )
    )
    # Rank 1 was missing; its sums came too late for the row, and are in the one that stands for it.
    assert said[0][0].split() == ["2", "1", "1"], said
    run = rlviz.read(tmp_path)
    assert list(run.step) == [1, 2]
    assert list(run.columns["graded"]) == [3, 3]
    assert run.exact_flops()[-1] == 4 * 10**20


@pytest.mark.slow
def test_a_state_taken_in_a_forked_child_leaves_the_messages_to_the_parent(tmp_path):
    said = finish(
        start(
            """
            for step in range(1, 201):
                log(step)
                if rank == 0 and step % 10 == 0:
                    child = os.fork()
                    if child == 0:
                        state = viz.state_dict()
                        os._exit(state["step"] > step)
                    assert os.waitpid(child, 0)[1] == 0
                time.sleep(0.002)
            say(viz.close(timeout=800))
            """,
            tmp_path,
            2,
        )
    )
    assert [output.split() for output, _ in said] == [["True"], ["True"]], said
    run = rlviz.read(tmp_path)
    assert list(run.step) == list(range(1, 201))
    assert set(run.columns["graded"]) == {3}


@pytest.mark.slow
def test_what_a_rank_sends_late_goes_into_the_next_row_and_patience_is_an_argument(tmp_path):
    said = finish(
        start(
            """
            if rank == 0:
                until(lambda: came() == 1)
                log(1)
                log(2)
                until(lambda: viz.health.written == 2)  # without rank 1
                assert viz.health.errors == 1, viz.health
                dist.barrier()
                until(lambda: viz.health.late == 1 and came() == 1)
            else:
                log(1)
                assert viz.flush(800)
                dist.barrier()
                log(2)
            log(3)
            if rank == 0:
                until(lambda: viz.health.written == 3)
            viz.close(timeout=800)
            say(viz.health.late)
            """,
            tmp_path,
            2,
            patience=0.5,
        )
    )
    assert said[0][0].split() == ["1"], said
    assert "what comes late goes into the next row" in said[0][1]
    run = rlviz.read(tmp_path)
    assert list(run.step) == [1, 2, 3]
    assert list(run.columns["graded"]) == [3, 1, 5]
    assert run.exact_flops()[-1] == 6 * 10**20


@pytest.mark.slow
def test_episodes_bound_on_one_rank_get_what_the_sender_of_rank_0_brought(tmp_path):
    said = finish(
        start(
            """
            sender = viz.sender()  # of this rank
            if rank == 0:
                sender.record(episode="of rank 1", flops=5)
                assert sender.flush(800)
            sender.record(step=1, flops={"rollout": 100 + rank})
            assert sender.flush(800)
            dist.barrier()
            if rank == 1:
                viz.record(episodes=["of rank 1"])
            log(1)
            viz.close(timeout=800)
            say(viz.health.late)
            """,
            tmp_path,
            2,
        )
    )
    assert [output.split() for output, _ in said] == [["0"], ["0"]], said
    run = rlviz.read(tmp_path)
    assert run.exact_flops() == [2 * 10**20 + 206]


@pytest.mark.slow
def test_each_rank_says_the_unit_of_its_own_episodes_and_none_is_taken_for_another(tmp_path):
    said = finish(
        start(
            """
            viz.close()
            units = {0: "steps", 1: "tokens"}
            viz = begin(parallelism_unit=units.get(rank))  # rank 2 leaves it to rank 0
            viz.record(parallelism=[2.0, 3.0])
            viz.record(parallelism=[rlviz.parallelism.Parallelism(6, 2, unit="seconds")])
            viz.on_step_end(1)
            say(viz.close(timeout=800))
            """,
            tmp_path,
            3,
        )
    )
    assert [output.strip() for output, _ in said] == ["True"] * 3, said
    run = rlviz.read(tmp_path)
    units = [run.columns[name][-1] for name in ("in_steps", "in_tokens", "in_seconds")]
    assert units == [4, 2, 3]
    assert run.parallelism_units == ("steps", "tokens", "seconds")


class Inbox:
    """Brings rank 0 what the test gives, and counts the looks that it asked for at once."""

    world_size = 4

    def __init__(self):
        self.messages, self.found, self.looks = [], [], 0

    def bring(self, rank, *steps):
        self.messages.append((rank, pack([sums(step) for step in steps])))

    def take(self):
        taken, self.messages = self.messages, []
        return taken

    def catch_up(self, seconds):
        self.looks += 1
        self.messages, self.found = self.found, []


def test_rank_0_looks_at_once_only_where_a_step_would_be_written_without_a_missing_rank():
    inbox, errors = Inbox(), []
    first = FirstRank(inbox, errors.append, LateSums(), patience=1000.0)
    first.add([sums(1)])
    assert first.complete(now_or_never=True)[0][1] == (1, 2, 3)
    first.add([sums(2), sums(3)])
    inbox.bring(1, 2, 3)  # it is back, and so is rank 2
    inbox.bring(2, 2)
    inbox.found = [(3, pack([sums(2)]))]
    ((steps, missing),) = first.complete()
    assert [(step.step, step.graded, missing) for step in steps] == [(2, 4, ())]
    assert inbox.looks == 1
    for _ in range(10):
        assert first.complete() == []  # step 3 waits for ranks 2 and 3, of which none is missing
    assert inbox.looks == 1
    inbox.bring(2, 3)
    inbox.bring(3, 3)
    assert len(first.complete()) == 1


class Outbox:
    """A way to rank 0 that has room as often as the test says, and counts who asks."""

    world_size = 2

    def __init__(self):
        self.has_room, self.asked = False, 0

    def send(self, message):
        self.asked += 1
        return self.has_room


def test_a_rank_that_waits_asks_less_and_less_often_and_at_once_when_there_was_room():
    now, outbox = [0.0], Outbox()
    other = OtherRank(outbox, clock=lambda: now[0])
    other.add([sums(1)])
    for hundredth in range(1000):  # as who closes its run does
        now[0] = hundredth / 100
        other.send()
    assert 20 <= outbox.asked <= 30
    assert other.take_sent() == 0
    outbox.has_room = True
    now[0] += 0.5
    other.send()
    assert (other.take_sent(), other.held) == (1, 0)
    asked = outbox.asked
    other.add([sums(2)])
    other.send()
    assert (outbox.asked, other.take_sent()) == (asked + 1, 1)
