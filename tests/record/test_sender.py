"""Rollouts in other processes and threads record into one run; some of them die."""

import importlib
import multiprocessing
import os
import pickle
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time

import pytest

import rlviz
from rlviz.record.sender import SenderHealth


@pytest.fixture
def viz(tmp_path):
    made = rlviz.Callback(tmp_path, figure_seconds=None, flush_seconds=0.05)
    yield made
    made.close()


# A module of its own, for a process that does not come from a fork imports what it runs.
ROLLOUTS = """
import time
from rlviz.parallelism import Trace
from rlviz.record.sender import SenderHealth

def roll_out(sender, number):
    trace = Trace()
    with trace.agent("main"):
        time.sleep(0.01)
    for step in (1, 2):
        for episode in range(10):
            sender.record(step=step, correct=[1, 0], flops={"rollout": 10**20 + number})
            sender.record(episode=f"{step}/{number}/{episode}", parallelism=[trace])
    assert sender.flush(30)
    assert sender.health == SenderHealth(40, 40, 0, 0)
"""


@pytest.fixture
def roll_out(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("modules")
    (folder / "rollouts_that_send.py").write_text(ROLLOUTS)
    monkeypatch.syspath_prepend(folder)
    yield importlib.import_module("rollouts_that_send").roll_out
    del sys.modules["rollouts_that_send"]


def check(viz, tmp_path, others):
    """Binds the episodes, closes the steps and reads the run."""
    for step in (1, 2):
        viz.record(episodes=[f"{step}/{k}/{n}" for k in range(others) for n in range(10)])
        viz.on_step_end(step, flops={"update": 7})
    assert viz.close(30)
    assert (viz.health.written, viz.health.errors, viz.health.late) == (2, 0, 0)
    run = rlviz.read(tmp_path)
    rollouts = 10 * others * 10**20 + 10 * sum(range(others))
    assert run.exact_flops() == [rollouts + 7, 2 * (rollouts + 7)]
    assert list(run.columns["graded"]) == [20 * others] * 2
    assert list(run.parallelism) == pytest.approx([1, 1])
    assert list(run.columns["parallelism_count"]) == [10 * others] * 2


@pytest.mark.quick(1)
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_record_into_their_steps_exactly(viz, tmp_path, roll_out, method):
    context = multiprocessing.get_context(method)
    processes = [context.Process(target=roll_out, args=(viz.sender(), k)) for k in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 3
    check(viz, tmp_path, 3)


def test_threads_record_by_a_sender_too(viz, tmp_path, roll_out):
    sender = viz.sender()

    def roll(number):
        for step in (1, 2):
            for episode in range(10):
                sender.record(step=step, correct=[1, 0], flops={"rollout": 10**20 + number})
                sender.record(episode=f"{step}/{number}/{episode}", parallelism=[1.0])

    threads = [threading.Thread(target=roll, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check(viz, tmp_path, 3)  # without a flush: the end of the run waits for what is here


def test_what_a_forked_child_records_by_an_inherited_sender_counts(viz, tmp_path):
    sender = viz.sender()
    sender.record(step=1, flops=1)
    child = os.fork()
    if child == 0:
        sender.record(step=1, flops=10)
        os._exit(0 if sender.flush(30) and sender.health.recorded == 1 else 1)
    assert os.waitpid(child, 0)[1] == 0
    viz.on_step_end(1)
    viz.close(30)
    assert rlviz.read(tmp_path).exact_flops() == [11]


def test_what_comes_after_its_row_goes_into_the_next_and_at_the_end_into_the_last(viz, tmp_path):
    sender = viz.sender()
    viz.on_step_end(1, correct=[1])
    assert viz.flush(30)
    sender.record(step=1, flops=100, correct=[0])
    assert sender.flush(30)
    viz.on_step_end(2, correct=[1], flops=1, metrics={"loss": 0.5})
    assert viz.flush(30)
    run = rlviz.read(tmp_path)
    assert run.exact_flops() == [0, 101] or run.exact_flops()[-1] == 101
    assert list(run.columns["graded"]) == [1, 2]
    assert viz.health.late == 1
    sender.record(step=2, flops=1000, correct=[0, 0], metrics={"loss": 1.5})
    sender.record(episode="never bound", flops=10_000)
    before = run.columns["accuracy_ema"][-1]
    viz.close(30)
    assert (viz.health.late, viz.health.dropped) == (3, 0)
    assert viz.health.errors == 1  # the episode that was never bound
    run = rlviz.read(tmp_path)
    assert list(run.step) == [1, 2]  # the second row of step 2 stands
    assert run.exact_flops()[-1] == 11_101
    assert list(run.columns["graded"]) == [1, 4]
    assert list(run.accuracy) == [1.0, 0.25]
    assert run.columns["metrics/loss"][-1] == 1.0
    assert run.columns["accuracy_ema"][-1] == before  # which has the step already


RUN = """
    import os, sys, time
    import rlviz
    viz = rlviz.Callback(sys.argv[1], figure_seconds=None, flush_seconds=0.05, patience=1.0)
    sender = viz.sender()
"""
ROLL = """
import os, pickle, signal, sys, threading, time
sender = pickle.load(sys.stdin.buffer)
"""


def rollout(sender, code):
    """A rollout in a process that shares nothing with the trainer but the pickled sender."""
    process = subprocess.Popen(
        [sys.executable, "-c", ROLL + textwrap.dedent(code)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdin.write(pickle.dumps(sender))
    process.stdin.close()
    process.stdin = None
    return process


def test_a_rollout_that_is_killed_costs_the_trainer_nothing_but_what_was_not_sent(tmp_path):
    viz = rlviz.Callback(tmp_path, figure_seconds=None, flush_seconds=0.05, patience=1000.0)
    sender = viz.sender()
    process = rollout(
        sender,
        """
        sender.record(step=1, flops=5)
        print(sender.flush(30), flush=True)
        time.sleep(60)
        """,
    )
    try:
        assert process.stdout.readline() == b"True\n"
        process.send_signal(signal.SIGKILL)
        process.wait()
        for step in (1, 2, 3):
            viz.on_step_end(step)
        assert viz.flush(60)  # it is not waited for, however long one may be
    finally:
        process.kill()
        process.communicate()
    viz.close(30)
    assert rlviz.read(tmp_path).exact_flops()[-1] == 5
    assert viz.health.errors == 1  # that it broke off


def test_a_rollout_that_hangs_is_named_after_patience_and_what_it_sends_then_counts(tmp_path):
    viz = rlviz.Callback(tmp_path, figure_seconds=None, flush_seconds=0.05, patience=0.5)
    process = rollout(
        viz.sender(),
        """
        sender.record(step=1, flops=5)
        print(sender.flush(30), flush=True)
        os.kill(os.getpid(), signal.SIGSTOP)
        sender.record(step=2, flops=1)
        print(sender.flush(30), flush=True)
        time.sleep(600)
        """,
    )
    try:
        assert process.stdout.readline() == b"True\n"
        assert os.WIFSTOPPED(os.waitpid(process.pid, os.WUNTRACED)[1])
        viz.on_step_end(1)
        deadline = time.monotonic() + 300
        while not viz.health.written:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert viz.health.errors == 1
        process.send_signal(signal.SIGCONT)
        assert process.stdout.readline() == b"True\n"
        viz.on_step_end(2)
        assert viz.close(30)
    finally:
        process.kill()
        process.communicate()
    assert rlviz.read(tmp_path).exact_flops()[-1] == 6


@pytest.mark.slow
def test_a_trainer_that_is_killed_lets_its_rollouts_go_on_and_they_say_what_is_lost(tmp_path):
    trainer = subprocess.Popen(
        [
            sys.executable,
            "-c",
            textwrap.dedent(RUN) + "import pickle\nsys.stdout.buffer.write(pickle.dumps(sender)); "
            "sys.stdout.close()\ntime.sleep(60)",
            str(tmp_path),
        ],
        stdout=subprocess.PIPE,
    )
    try:
        sender = pickle.load(trainer.stdout)
        process = rollout(
            sender,
            """
            sender.record(step=1, flops=5)
            print(sender.flush(30), flush=True)
            sys.stdout.flush()
            time.sleep(1)
            sleep, mine, waits = time.sleep, threading.get_ident(), []
            time.sleep = lambda s: (threading.get_ident() == mine and waits.append(s)) or sleep(s)
            for _ in range(1000):
                sender.record(step=1, flops=1)
            assert not waits
            print(sender.flush(0.5), sender.health, flush=True)
            """,
        )
        assert process.stdout.readline() == b"True\n"
        trainer.kill()
        trainer.wait()
        said, complaints = process.communicate(timeout=300)
    finally:
        trainer.kill()
        trainer.communicate()
    assert said == b"False SenderHealth(recorded=1001, delivered=1, waiting=1000, dropped=0)\n"
    assert b"1000 calls of Sender.record() are lost" in complaints.replace(b",", b"")
    assert process.returncode == 0


def test_a_sender_pickles_small_and_without_what_it_did_here(viz):
    sender = viz.sender()
    assert viz.sender() is sender
    sender.record(flops=1)
    assert len(pickle.dumps(sender)) < 400
    assert repr(pickle.loads(pickle.dumps(sender))) == repr(sender)
    assert sender._key.hex() not in repr(sender)


@pytest.mark.parametrize(
    ("record", "error", "words"),
    [
        ({"step": 1, "episode": "a"}, ValueError, "Pass the step, or the episode"),
        ({"step": 1.5}, TypeError, "step must be a whole number"),
        ({"episode": 7}, TypeError, r"Pass str\(name\)"),
        ({"episode": ""}, ValueError, "1 to 256 characters"),
        ({"episodes": ["a"]}, ValueError, "only the trainer knows"),
        ({"correct": [3]}, ValueError, "0 or 1|0, 1"),
        ({"flops": -1}, ValueError, "flops of 'total'"),
    ],
)
def test_a_wrong_value_is_an_error_at_the_call_and_records_nothing(viz, record, error, words):
    sender = viz.sender()
    with pytest.raises(error, match=words):
        sender.record(**record)
    assert sender.health.recorded == 0


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"port": 70_000}, ValueError),
        ({"port": "80"}, TypeError),
        ({"port": True}, TypeError),
        ({"host": ""}, TypeError),
        ({"host": 1}, TypeError),
    ],
)
def test_a_place_that_can_not_be_meant_is_refused(viz, options, error):
    with pytest.raises(error, match=r"port must|host must"):
        viz.sender(**options)


@pytest.mark.parametrize("episodes", ["e", {"e": 1}, 5, [1], [""], ["e" * 300]])
def test_names_of_episodes_that_are_none_are_refused(viz, episodes):
    with pytest.raises((TypeError, ValueError), match="episode"):
        viz.record(episodes=episodes)


def test_a_port_that_is_taken_is_said_at_the_call(viz, tmp_path):
    viz.sender(host="localhost")
    port = viz.sender()._port
    with rlviz.Callback(tmp_path / "b", figure_seconds=None) as other:
        with pytest.raises(OSError, match="Name another port"):
            other.sender(host="127.0.0.1", port=port)
        assert other.sender(host="localhost") is not viz.sender()


def test_the_sender_of_a_closed_callback_drops_and_says_so(viz, caplog):
    viz.close()
    sender = viz.sender()
    sender.record(flops=1)
    assert sender.health == SenderHealth(1, 0, 0, 1)
    assert "this sender has no run" in caplog.text
    assert not sender.flush(0)


def test_threads_that_ask_for_a_sender_at_once_get_one_and_lose_nothing(viz, tmp_path):
    barrier, ports = threading.Barrier(8), set()

    def ask():
        barrier.wait()
        sender = viz.sender()
        ports.add(sender._port)
        sender.record(step=1, flops=10**9)
        assert sender.flush(30)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    viz.on_step_end(1)
    assert viz.close(30)
    assert len(ports) == 1
    assert rlviz.read(tmp_path).exact_flops() == [8 * 10**9]


@pytest.mark.skipif(os.name != "posix", reason="only there is a limit of descriptors to raise")
def test_a_sender_works_above_the_descriptors_that_select_takes(viz, tmp_path):
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2048:
        pytest.skip("the system allows fewer than 2,048 open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
    files = [open(os.devnull) for _ in range(1100)]  # noqa: SIM115
    try:
        sender = viz.sender()
        sender.record(step=1, flops=5)
        assert sender.flush(30)
        viz.on_step_end(1)
        assert viz.close(30)
    finally:
        for file in files:
            file.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert rlviz.read(tmp_path).exact_flops() == [5]


def test_episodes_that_the_trainer_never_binds_are_named(viz, tmp_path, caplog):
    sender = viz.sender()
    viz._error_log.note(RuntimeError("another one, just before, which is said at once"))
    sender.record(episode="ep1", flops=100)
    assert sender.flush(30)
    viz.on_step_end(1, episodes=["1"])
    assert viz.close(30)
    assert "1 episode, such as 'ep1', came from senders and was never bound" in caplog.text
    assert (viz.health.unbound, viz.health.late) == (1, 1)
    assert rlviz.read(tmp_path).exact_flops() == [100]


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="it counts open files there")
def test_a_listener_without_descriptors_still_hears_who_is_connected(viz, tmp_path):
    import resource

    sender = viz.sender()
    sender.record(step=1, flops=1)
    assert sender.flush(30)
    viz.on_step_end(1)
    assert viz.flush(30)  # its files are open
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    stranger = socket.socket()
    held = [open(os.devnull) for _ in range(50)]  # noqa: SIM115  # so that no lower one is free
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(file.fileno() for file in held) + 1, hard))
    try:
        stranger.connect(("127.0.0.1", sender._port))
        sender.record(step=2, flops=2)
        assert sender.flush(10)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for opened in (stranger, *held):
            opened.close()
    viz.on_step_end(2)
    assert viz.close(30)
    assert viz.health.errors >= 1
    assert rlviz.read(tmp_path).exact_flops() == [1, 3]


def test_a_sender_that_finds_no_descriptor_raises_nothing_and_tries_again(
    viz, tmp_path, monkeypatch
):
    sender = viz.sender()
    with monkeypatch.context() as without:
        without.setattr(socket, "socketpair", lambda: os.open("/nowhere", os.O_RDONLY))
        sender.record(step=1, flops=1)
    sender.record(step=1, flops=2)
    assert sender.flush(30)
    viz.on_step_end(1)
    assert viz.close(30)
    assert rlviz.read(tmp_path).exact_flops() == [3]


@pytest.mark.slow
def test_close_takes_no_longer_than_asked_where_a_sender_here_is_not_heard(tmp_path):
    viz = rlviz.Callback(tmp_path, figure_seconds=None, flush_seconds=0.05)
    sender = viz.sender(host="localhost")
    sender.record(step=1, flops=1)
    assert sender.flush(30)
    receiver = viz._assembly.arrivals._receiver
    receiver._hear = lambda peer: time.sleep(0.01)  # it hangs
    stall = threading.Event()
    append = viz._worker._file.append
    viz._worker._file.append = lambda batch: (stall.wait(30), append(batch))  # so does the disk
    sender.record(step=2, flops=1)
    viz.on_step_end(2)
    began = time.monotonic()
    assert not viz.close(2)
    assert time.monotonic() - began < 2.5
    stall.set()


@pytest.mark.quick(1)
@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_a_host_may_be_an_ipv6_address(viz, tmp_path, host):
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            pass
    except OSError:
        pytest.skip("this machine has no IPv6")
    sender = viz.sender(host=host)
    assert sender._addresses == ("::1",)
    assert repr(sender) == f"<rlviz.Sender to [::1]:{sender._port}>"
    process = rollout(sender, "sender._home = ''; sender.record(step=1, flops=5)")
    _, complaints = process.communicate(timeout=60)
    assert process.returncode == 0, complaints
    viz.on_step_end(1)
    assert viz.close(30)
    assert rlviz.read(tmp_path).exact_flops() == [5]
