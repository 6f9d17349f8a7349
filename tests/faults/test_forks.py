"""A forked child never hangs, and its parent's run is as if there had been no child."""

import copy
import json
import os
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import rlviz

# Eight threads log while the main thread forks children that log, ask, flush, close and end, in
# turn by `sys.exit`, by `os._exit`, and after a while of training of their own. A child that hangs
# is ended, and says where it hung.
FORKING = """
    import faulthandler, itertools, json, os, queue, signal, sys, threading, time
    logdir, forks = sys.argv[1], int(sys.argv[2])
    waits = []

    class Queue(queue.SimpleQueue):
        def get(self, *timeout, **named):
            waits.append((timeout, named))
            return super().get(*timeout, **named)

    queue.SimpleQueue = Queue
    viz = rlviz.Callback(logdir, figure_seconds=None, flush_seconds=0.01)
    numbers = itertools.count(1)
    over = threading.Event()

    def work():
        while not over.wait(0.004):
            viz.record(flops={"update": 7})
            viz.on_step_end(next(numbers))

    def in_child(n):
        faulthandler.dump_traceback_later(20, exit=True)
        signal.alarm(30)
        until = time.monotonic() + (0.2 if n % 6 == 5 else 0)
        while True:
            for _ in range(20):
                viz.record(flops={"update": 10**9}, metrics={"of the child": 1.0})
                viz.on_step_end(10**6 + n)
            if time.monotonic() >= until:
                break
            time.sleep(0.01)
        viz.state_dict()
        health = viz.health
        waits.clear()
        viz.flush(1)
        viz.close(1)
        if waits:
            os._exit(3)
        if health.logged != health.written + health.dropped + health.queued:
            os._exit(4)
        if n % 3 == 0:
            os._exit(0)
        sys.exit()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    statuses = []
    living = set()
    for n in range(forks):
        pid = os.fork()
        if pid == 0:
            in_child(n)
        living.add(pid)
        while len(living) >= 4:
            done, status = os.wait()
            living.remove(done)
            statuses.append(status)
    while living:
        done, status = os.wait()
        living.remove(done)
        statuses.append(status)
    over.set()
    for thread in threads:
        thread.join()
    last = next(numbers)
    viz.on_step_end(last)
    assert viz.close(60)
    health = viz.health
    counts = [health.logged, health.written, health.dropped, health.queued, health.errors]
    print()
    print(json.dumps([last, counts, statuses]))
"""


def _with_torch(children, run_python, *arguments):
    parent = children(FORKING, *arguments)
    return parent.wait(), parent.output


def _without_torch(children, run_python, *arguments):
    """Of which the end of each child costs half a second of a processor."""
    code = "import rlviz\n" + textwrap.dedent(FORKING)
    done = run_python("-c", code, *map(str, arguments))
    return done.returncode, done.stderr + done.stdout


@pytest.mark.parametrize(
    ("forking", "forks"),
    [
        (_with_torch, 5),
        pytest.param(_with_torch, 20, marks=pytest.mark.slow),
        pytest.param(_without_torch, 1000, marks=pytest.mark.soak),
    ],
)
def test_children_forked_while_eight_threads_log_end_and_leave_the_run_alone(
    children, run_python, tmp_path, ran, forking, forks
):
    code, output = forking(children, run_python, tmp_path, forks)
    assert code == 0, output
    last, counts, statuses = json.loads(output.splitlines()[-1])
    assert statuses == [0] * forks, output
    assert counts == [last, last, 0, 0, 0]
    run = rlviz.read(tmp_path)
    assert list(run.step) == list(range(1, last + 1))
    assert max(run.exact_flops("update")) == 7 * (last - 1)
    assert run.metrics == ()
    assert (run.damage, run.superseded, run.missing) == ((), 0, ())
    ran(forks=len(statuses))


def test_workers_of_a_data_loader_may_record_and_hinder_nothing(children, tmp_path):
    code = """
        import sys
        from torch.utils.data import DataLoader, Dataset
        viz = rlviz.Callback(sys.argv[1], figure_seconds=None, flush_seconds=0.02)

        class Prompts(Dataset):
            def __len__(self):
                return 64
            def __getitem__(self, n):
                viz.record(flops={"rollout": 10**9})
                viz.on_step_end(1000 + n)
                viz.flush(0.1)
                return n

        step = 0
        for epoch in range(3):
            for batch in DataLoader(
                Prompts(), batch_size=8, num_workers=2, multiprocessing_context="fork"
            ):
                step += 1
                log_step(viz, step)
        assert viz.close(30)
        print(viz.health)
    """
    parent = children(code, tmp_path)
    assert parent.wait() == 0, parent.output
    assert "logged=24, written=24, dropped=0, queued=0, errors=0" in parent.output
    run = rlviz.read(tmp_path)
    assert list(run.step) == list(range(1, 25))
    assert run.exact_flops("rollout")[-1] == 24 * 10**15 + 24 * 25 // 2


def test_a_state_of_a_child_is_that_of_the_run_and_knows_nothing_of_its_steps(children, tmp_path):
    code = """
        import json, os, sys
        viz = rlviz.Callback(sys.argv[1], figure_seconds=None)
        for step in range(1, 6):
            log_step(viz, step)
        before = viz.state_dict()
        child = os.fork()
        if child == 0:
            for step in (6, 7, 99_999):
                log_step(viz, step)
            viz.on_step_end()
            assert viz.state_dict() == before, viz.state_dict()
            viz.close()
            viz.on_step_end(100_000)
            assert viz.state_dict() == before, viz.state_dict()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert viz.state_dict() == before
        log_step(viz, 6)
        assert viz.state_dict()["step"] == 6
        viz.close()
    """
    parent = children(code, tmp_path)
    assert parent.wait() == 0, parent.output


def test_a_child_may_record_a_run_of_its_own(children, tmp_path):
    code = """
        import os, signal, sys
        with rlviz.Callback(sys.argv[1] + "/parent", figure_seconds=None) as viz:
            log_step(viz, 1)
            child = os.fork()
            if child == 0:
                signal.alarm(30)
                with rlviz.Callback(sys.argv[1] + "/child", figure_seconds=None) as own:
                    for step in range(1, 101):
                        log_step(own, step)
                sys.exit(0)
            assert os.waitpid(child, 0)[1] == 0
            log_step(viz, 2)
    """
    parent = children(code, tmp_path)
    assert parent.wait() == 0, parent.output
    assert list(rlviz.read(tmp_path / "parent").step) == [1, 2]
    assert list(rlviz.read(tmp_path / "child").step) == list(range(1, 101))


@pytest.mark.parametrize(
    "how", [lambda viz: pickle.loads(pickle.dumps(viz)), copy.deepcopy], ids=["pickle", "deepcopy"]
)
def test_a_copied_callback_works_or_says_in_words_why_not(tmp_path, how):
    with rlviz.Callback(tmp_path / "run", figure_seconds=None) as viz:
        viz.on_step_end(1, correct=[1])
        try:
            other = how(viz)
        except (TypeError, RuntimeError, pickle.PicklingError) as error:
            words = str(error)
        else:
            words = "a Callback that works"
            other.on_step_end(99, correct=[1])
            other.close(1)
        assert "Callback" in words, f"not in words: {words}"
        viz.on_step_end(2, correct=[1])
    assert list(rlviz.read(tmp_path / "run").step) == [1, 2]


SPAWNING = """
import multiprocessing, sys
import rlviz

def train(viz):
    viz.on_step_end(99, correct=[1])
    viz.close(1)

if __name__ == "__main__":
    viz = rlviz.Callback(sys.argv[1], figure_seconds=None)
    viz.on_step_end(1, correct=[1])
    process = multiprocessing.get_context("spawn").Process(target=train, args=(viz,))
    try:
        process.start()
    except Exception as error:
        print("refused:", error)
    else:
        process.join(60)
        print("ended:", process.exitcode)
    viz.on_step_end(2, correct=[1])
    print(viz.close())
"""


def test_a_callback_sent_to_a_spawned_process_works_or_says_in_words_why_not(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(SPAWNING)
    done = subprocess.run(
        [sys.executable, script, tmp_path / "run"],
        env={
            **os.environ,
            "PYTHONSAFEPATH": "1",
            "PYTHONPATH": str(Path(rlviz.__file__).resolve().parent.parent),
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    said, closed = done.stdout.splitlines()
    assert said == "ended: 0" or (said.startswith("refused:") and "Callback" in said), said
    assert closed == "True"
    assert list(rlviz.read(tmp_path / "run").step) == [1, 2]
