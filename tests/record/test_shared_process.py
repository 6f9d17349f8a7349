"""One helper process for all callbacks of a process, there only while it is needed."""

import os
import queue
import signal
import subprocess
import sys
import textwrap
import time

import pytest

import rlviz
from rlviz.record import shared_process
from rlviz.record.shared_process import Answer, SharedProcess

# Draws nothing and answers with the number of its process and what it was asked for before.
HELPER = """
import json, os, sys, time
asked = []
for line in sys.stdin:
    asked.append(json.loads(line)["run"])
    if asked[-1].endswith("hang"):
        sys.stdin.read()
    if asked[-1].endswith("slow"):
        time.sleep(0.3)
    said = json.dumps([os.getpid(), *asked]).encode()
    header = {"figure_bytes": len(said), "summary_bytes": 0, "step": 1}
    header |= {"error": "", "cpu_seconds": 0}
    sys.stdout.buffer.write(json.dumps(header).encode() + b"\\n" + said)
    sys.stdout.flush()
"""


@pytest.fixture
def helper(request):
    process = SharedProcess((sys.executable, "-c", HELPER), **getattr(request, "param", {}))
    yield process
    with process._lock:
        users = list(process._users)
    for user in users:
        process.leave(user)


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stream:
            return stream.read().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def until(condition):
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def asked(process, user, logdir):
    answers = queue.SimpleQueue()
    process.ask(user, logdir, answers.put)
    answer = answers.get(timeout=300)
    assert isinstance(answer, Answer), answer
    pid, *runs = eval(answer.figure_png)
    return pid, runs


def test_it_starts_with_the_first_request_and_serves_all_users_in_turn(helper):
    assert helper.process is None
    pid, runs = asked(helper, "a", "/run/a")
    assert runs == ["/run/a"]
    assert asked(helper, "b", "/run/b") == (pid, ["/run/a", "/run/b"])
    assert asked(helper, "a", "/run/a") == (pid, ["/run/a", "/run/b", "/run/a"])


def test_it_ends_with_its_last_user_and_starts_anew_for_the_next(helper):
    helper.enter("b")
    pid, _ = asked(helper, "a", "/run/a")
    helper.leave("a")
    assert asked(helper, "b", "/run/b")[0] == pid
    process = helper.process
    helper.leave("b")
    until(lambda: process.poll() is not None)
    assert helper.process is None
    again, runs = asked(helper, "c", "/run/c")
    assert (again != pid, runs) == (True, ["/run/c"])


@pytest.mark.slow
@pytest.mark.parametrize("helper", [{"idle_seconds": 0.05}], indirect=True)
def test_it_ends_when_nobody_asks_for_a_while_and_starts_anew_when_somebody_does(helper):
    pid, _ = asked(helper, "a", "/run/a")
    until(lambda: not is_alive(pid))
    assert helper.process is None
    for _ in range(20):  # also where the two meet
        assert asked(helper, "a", "/run/a")[1][-1] == "/run/a"
        time.sleep(0.05)


@pytest.mark.slow
def test_a_figure_that_nobody_waits_for_any_more_costs_no_other_the_start_of_a_new_one(helper):
    """A script that closes ten runs one by one, on a machine so busy that none is drawn in time:
    each would start a helper and end it before it can draw."""
    pid, _ = asked(helper, "a", "/run/a")
    for user in "bcd":
        slow = helper.ask(user, "/run/slow", pytest.fail)
        until(lambda slow=slow: slow.is_drawn)
        helper.cancel(slow)
        helper.leave(user)
    assert asked(helper, "a", "/run/a") == (pid, ["/run/a", *["/run/slow"] * 3, "/run/a"])


@pytest.mark.parametrize("helper", [{"hung_seconds": 0.2}], indirect=True)
def test_a_request_that_hangs_once_it_is_cancelled_costs_no_other_its_figure(helper):
    hanging = helper.ask("a", "/run/hang", pytest.fail)
    answers = queue.SimpleQueue()
    helper.ask("b", "/run/b", answers.put)
    until(lambda: hanging.is_drawn and helper.process)
    helper.cancel(hanging)
    assert eval(answers.get(timeout=300).figure_png)[1:] == ["/run/b"]


@pytest.mark.parametrize("helper", [{"hung_seconds": 0.0}], indirect=True)
def test_a_request_that_is_cancelled_before_its_turn_is_never_drawn(helper):
    hanging = helper.ask("a", "/run/hang", pytest.fail)
    until(lambda: hanging.is_drawn and helper.process)
    helper.cancel(helper.ask("b", "/run/b", pytest.fail))
    helper.cancel(hanging)
    assert asked(helper, "c", "/run/c")[1] == ["/run/c"]


def test_callbacks_of_a_process_share_one_and_a_forked_child_has_its_own():
    command = ("some", "command")
    mine = shared_process.shared(command)
    assert shared_process.shared(list(command)) is mine
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.write(write, b"1" if shared_process.shared(command) is not mine else b"0")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 1) == b"1"
    os.close(read)
    os.close(write)


# It has forked, as data loaders do, and the child holds the helper's pipes open.
TRAINING = """
    import os, sys, time
    import rlviz
    viz = rlviz.Callback(sys.argv[1], figure_seconds=0.01, flush_seconds=0.01)
    viz.on_step_end(1, correct=[1])
    figures = viz._worker._illustrations
    helper = figures._client._process
    while helper.process is None or figures._drawn == 0:
        time.sleep(0.01)
    child = os.fork()
    if not child:
        time.sleep(600)
    print(helper.process.pid, child, flush=True)
    time.sleep(600)
"""


@pytest.mark.slow
def test_it_ends_with_the_training_process_however_that_dies(tmp_path):
    training = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(TRAINING), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(rlviz.__file__))},
        stdout=subprocess.PIPE,
        text=True,
    )
    helper, child = map(int, training.stdout.readline().split())
    try:
        assert is_alive(helper)
        training.kill()
        training.wait()
        assert is_alive(child)
        until(lambda: not is_alive(helper))
    finally:
        os.kill(child, signal.SIGKILL)
        training.stdout.close()


def test_where_no_thread_is_left_who_asks_is_told_and_a_later_call_is_served(helper, no_threads):
    with no_threads(), pytest.raises(RuntimeError, match="can't start new thread"):
        helper.ask("a", "/run/unheard", pytest.fail)
    _, runs = asked(helper, "a", "/run/a")
    assert runs == ["/run/a"]
