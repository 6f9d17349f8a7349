"""The figure process: asked, not waited for; its end or its silence costs a figure and no more."""

import sys
import textwrap
import threading
import time

import pytest

import rlviz
from rlviz.record.figure_client import FigureClient
from rlviz.record.shared_process import FIGURE_PROCESS, SharedProcess


@pytest.fixture
def run(tmp_path):
    with rlviz.Callback(tmp_path / "run", figure_seconds=None) as viz:
        for step in range(1, 30):
            viz.on_step_end(step, correct=[1, 0], parallelism=[2.0], flops=10)
    return tmp_path / "run"


def misbehaving(code):
    command = (sys.executable, "-c", textwrap.dedent(code))
    return SharedProcess(command, hung_seconds=0.2)


def client(run, *, process=None, **options):
    """A client with a helper of its own."""
    process = process or SharedProcess(FIGURE_PROCESS)
    return FigureClient(run, **{"figure_seconds": 1, "process": process, **options})


def test_it_answers_with_the_figure_the_summary_and_the_last_step(run):
    said = []
    figure_client = client(run, on_error=said.append)
    figure_client.request()
    assert figure_client.busy
    answer = figure_client.take(timeout=300)
    figure_client.stop()
    assert not said
    assert answer.figure_png.startswith(b"\x89PNG")
    assert "29 training steps" in answer.summary_markdown
    assert answer.step == 29
    assert not figure_client.busy


@pytest.mark.slow
def test_a_request_and_a_look_for_the_answer_wait_for_nothing(run, waits):
    figure_client = client(run, on_error=pytest.fail)
    figure_client.request()
    figure_client.take()
    assert waits == []
    figure_client.take(timeout=300)
    figure_client.stop()


@pytest.mark.quick(1)
@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import sys; sys.exit(3)", "ended by itself"),
        ("import sys; sys.stdin.readline(); print('nonsense', flush=True)", "Expecting value"),
        ("import os; os.kill(os.getpid(), 9)", "ended by itself"),
    ],
    ids=["exits", "talks nonsense", "is killed"],
)
def test_a_process_that_fails_costs_the_figure_and_is_said(run, code, words):
    said = []
    figure_client = client(run, on_error=said.append, process=misbehaving(code))
    figure_client.request()
    assert figure_client.take(timeout=300) is None
    assert not figure_client.busy
    figure_client.stop()
    assert words in str(said[0]) or "Broken pipe" in str(said[0])


@pytest.mark.slow
def test_a_run_that_cannot_be_read_is_said_in_words(tmp_path):
    said = []
    figure_client = client(tmp_path, on_error=said.append)
    figure_client.request()
    assert figure_client.take(timeout=300) is None
    figure_client.stop()
    assert "holds no steps recorded by rlviz" in str(said[0])


@pytest.mark.slow
def test_a_process_that_hangs_is_waited_for_no_longer_than_asked_and_ended_after_stop(run):
    said = []
    figure_client = client(
        run,
        on_error=said.append,
        process=misbehaving("import time; time.sleep(600)"),
    )
    figure_client.request()
    while figure_client._process.process is None:
        time.sleep(0.01)
    process = figure_client._process.process
    assert figure_client.take(timeout=0.1) is None
    assert figure_client.busy
    figure_client.stop()
    assert process.wait(timeout=300) != 0
    assert not said  # it was ended on purpose


def test_a_process_that_hangs_for_two_minutes_is_ended_and_costs_that_figure(run):
    said = []
    now = 0.0
    figure_client = client(
        run,
        on_error=said.append,
        process=misbehaving("import time; time.sleep(600)"),
        clock=lambda: now,
    )
    figure_client.request()
    while figure_client._process.process is None:
        time.sleep(0.01)
    figure_client.due()  # it is drawn since 0.0, however long it waited for its turn
    process = figure_client._process.process
    now = 119.0
    figure_client.due()
    assert figure_client.take(timeout=0.2) is None
    assert figure_client.busy
    now = 121.0
    figure_client.due()
    assert figure_client.take(timeout=300) is None
    assert not figure_client.busy
    assert "no figure was drawn within 120 s" in str(said[0])
    assert process.wait(timeout=300) != 0
    figure_client.stop()


@pytest.mark.slow
def test_the_first_live_figure_comes_after_figure_seconds_and_later_ones_stay_under_one_percent(
    run,
):
    now = 0.0
    figure_client = client(run, figure_seconds=60, on_error=pytest.fail, clock=lambda: now)
    now = 59.9
    assert not figure_client.due()
    now = 60.0
    assert figure_client.due()
    figure_client.request()
    assert not figure_client.due()  # one at a time
    assert figure_client.take(timeout=300)
    cost = figure_client._cost
    assert cost > 0.05  # the CPU time of starting and drawing, as the process itself counted it
    now = max(60 + 59.9, 100 * cost - 0.1)
    assert not figure_client.due()
    now = max(60 + 60.1, 100 * cost + 0.1)
    assert figure_client.due()
    figure_client.stop()


@pytest.mark.slow
def test_after_three_failures_in_a_row_no_further_figure_is_tried(run):
    said = []
    now = 0.0
    figure_client = client(
        run,
        on_error=said.append,
        process=misbehaving("import sys; sys.exit(1)"),
        clock=lambda: now,
    )
    for attempt in range(1, 4):
        now += 10
        assert figure_client.due(), attempt
        figure_client.request()
        figure_client.take(timeout=300)
    now += 1000
    assert not figure_client.due()
    assert len(said) == 3
    figure_client.stop()


@pytest.mark.slow
def test_a_figure_that_is_given_up_keeps_nobody_waiting(run):
    figure_client = client(
        run, on_error=pytest.fail, process=misbehaving("import time; time.sleep(600)")
    )
    figure_client.request()
    threading.Timer(0.2, figure_client.give_up).start()
    assert figure_client.take(timeout=300) is None
    assert figure_client.busy  # so it is said to be missing
    figure_client.stop()
