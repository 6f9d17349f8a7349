"""The callback as a training script uses it, and what it survives."""

import gc
import logging
import math
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import time
import weakref

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2

import rlviz
import rlviz.callback
from rlviz.report.doctor import examine


def run_script(code, *arguments, wait=True):
    """Run a training script in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if wait:
        process.output, process.errors = process.communicate(timeout=300)
    return process


def test_three_lines_record_a_run_that_reads_back(tmp_path):
    with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
        for step in range(1, 101):
            rewards = torch.tensor([1.0, 0.0, float(step > 50), 0.0])
            viz.record(correct=rewards > 0.5)
            viz.record(parallelism=[step, step + 2], flops={"rollout": 3, "update": 10**25})
            viz.on_step_end(step, metrics={"loss": torch.tensor(0.5, requires_grad=True) * 2})
    run = rlviz.read(tmp_path)
    assert list(run.step) == list(range(1, 101))
    assert list(run.accuracy) == [0.25] * 50 + [0.5] * 50
    assert list(run.parallelism) == [step + 1 for step in range(1, 101)]
    assert run.exact_flops() == [step * (10**25 + 3) for step in range(1, 101)]
    assert run.exact_flops("rollout") == [3 * step for step in range(1, 101)]
    assert list(run.columns["metrics/loss"]) == [1.0] * 100
    assert run.damage == ()


def test_steps_count_themselves_when_they_are_not_named(tmp_path):
    with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
        viz.on_step_end(correct=[1])
        viz.on_step_end(7, correct=[1])
        viz.on_step_end(np.int64(8), correct=[1])
        viz.on_step_end(correct=[1])
    assert list(rlviz.read(tmp_path).step) == [1, 7, 8, 9]


def test_the_ema_in_scalars_and_rows_is_tensorboards(tmp_path):
    accuracies = [0.25, 0.5, math.nan, 1.0, 0.0]
    with rlviz.Callback(tmp_path, figure_seconds=None, ema=0.6) as viz:
        for accuracy in accuracies:
            viz.on_step_end(accuracy=accuracy, graded=4)
    last, count, expected = 0.0, 0, []
    for accuracy in accuracies:
        if math.isnan(accuracy):
            continue
        last, count = 0.6 * last + 0.4 * accuracy, count + 1
        expected.append(last / (1 - 0.6**count))
    column = rlviz.read(tmp_path).columns["accuracy_ema"]
    assert column[np.isfinite(column)] == pytest.approx(expected, rel=1e-12)
    accumulator = EventAccumulator(str(tmp_path))
    accumulator.Reload()
    scalars = accumulator.Scalars("rlviz/accuracy/ema")
    assert [event.value for event in scalars] == pytest.approx(expected, rel=1e-6)
    assert [event.step for event in scalars] == [1, 2, 4, 5]


def until(condition):
    """Wait for something that has to come, however busy the machine is."""
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_step_can_be_read_while_the_run_goes_on(tmp_path):
    viz = rlviz.Callback(tmp_path, figure_seconds=None, flush_seconds=0.1)
    viz.on_step_end(1, correct=[1])
    until(lambda: viz.health.written == 1)
    assert list(rlviz.read(tmp_path).step) == [1]
    viz.close()


def test_the_run_ends_with_figure_and_summary_and_says_that_it_succeeded(tmp_path):
    with rlviz.Callback(tmp_path, config={"lr": 0.1}) as viz:
        for step in range(1, 40):
            viz.on_step_end(step, correct=[1, 0], parallelism=[2.0], flops=10**21)
        assert viz.close(timeout=300) is True  # the figure takes its time on a busy machine
    accumulator = EventAccumulator(str(tmp_path))
    accumulator.Reload()
    assert accumulator.Images("rlviz/figure")[0].step == 39
    assert hparams_status(accumulator) == api_pb2.STATUS_SUCCESS


def hparams_status(accumulator):
    content = accumulator.summary_metadata["_hparams_/session_end_info"].plugin_data.content
    return plugin_data_pb2.HParamsPluginData.FromString(content).session_end_info.status


def test_an_exception_in_the_loop_passes_through_and_the_run_is_kept(tmp_path):
    with pytest.raises(ZeroDivisionError):  # noqa: PT012, SIM117
        with rlviz.Callback(tmp_path, config={"lr": 0.1}, figure_seconds=None) as viz:
            viz.on_step_end(1, correct=[1])
            raise ZeroDivisionError
    assert list(rlviz.read(tmp_path).step) == [1]
    accumulator = EventAccumulator(str(tmp_path))
    accumulator.Reload()
    assert hparams_status(accumulator) == api_pb2.STATUS_FAILURE


@pytest.mark.slow
def test_what_a_killed_process_logged_was_written_second_by_second(tmp_path):
    code = """
        import sys, time, rlviz
        viz = rlviz.Callback(sys.argv[1], figure_seconds=None)
        for step in range(1, 1_000_000):
            viz.on_step_end(step, correct=[1])
            time.sleep(0.001)
    """
    process = run_script(code, tmp_path, wait=False)
    sizes = [0]  # rows that were there, each time that there were more
    try:
        while len(sizes) < 5:
            until(lambda: grown(tmp_path, sizes))
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    run = rlviz.read(tmp_path)
    assert run.step.tolist() == list(range(1, len(run) + 1))
    stalled = np.diff(run.wall_time).max()  # so long at once this machine did something else
    seconds = np.diff(run.wall_time[np.array(sizes[1:]) - 1])
    assert np.median(seconds) <= 1.0 + 0.5 + stalled


def grown(logdir, sizes):
    """Whether a run has more rows than before; if so, their number is noted."""
    try:
        size = len(rlviz.read(logdir))
    except FileNotFoundError:
        return False
    if size > sizes[-1]:
        sizes.append(size)
        return True
    return False


def test_a_directory_that_cannot_be_written_warns_once_and_recording_resumes(tmp_path, caplog):
    obstacle = tmp_path / "obstacle"
    obstacle.write_text("a file where a directory is needed")
    viz = rlviz.Callback(obstacle / "run", flush_seconds=0.05, figure_seconds=None)
    with caplog.at_level(logging.WARNING, logger="rlviz"):
        for step in range(1, 11):
            viz.on_step_end(step, correct=[1])
        until(lambda: viz.health.errors == 1)
        assert viz.flush() is False
    assert len(caplog.records) == 1
    assert "training goes on" in caplog.text
    assert viz.health.queued == 10
    assert viz.health.errors > 1
    obstacle.unlink()
    viz.on_step_end(11, correct=[1])
    assert viz.flush() is True
    assert viz.health.written == 11
    viz.close()
    assert list(rlviz.read(obstacle / "run").step) == list(range(1, 12))


def test_strict_raises_what_went_wrong_in_the_background(tmp_path):
    (tmp_path / "obstacle").write_text("")
    viz = rlviz.Callback(tmp_path / "obstacle" / "run", strict=True, figure_seconds=None)
    viz.on_step_end(1, correct=[1])
    with pytest.raises(NotADirectoryError):
        viz.flush()
    with pytest.raises(NotADirectoryError):
        viz.close()


def test_closing_twice_is_fine_and_what_comes_later_is_counted_as_dropped(tmp_path):
    viz = rlviz.Callback(tmp_path, figure_seconds=None)
    viz.on_step_end(1, correct=[1])
    assert viz.close() is True
    assert viz.close() is True
    viz.record(correct=[1])
    viz.on_step_end(2)
    health = viz.health
    assert (health.logged, health.written, health.dropped, health.queued) == (2, 1, 1, 0)


def test_closing_without_a_step_leaves_no_file(tmp_path):
    with rlviz.Callback(tmp_path / "run"):
        pass
    assert not (tmp_path / "run").exists()


def test_a_resumed_run_goes_on_as_if_it_had_never_stopped(tmp_path):
    def log(viz, steps):
        for step in steps:
            viz.record(correct=[1] * (step % 5) + [0], parallelism=[step], flops=10**23 + step)
            viz.on_step_end(step)

    with rlviz.Callback(tmp_path / "whole", figure_seconds=None) as viz:
        log(viz, range(1, 31))
    with rlviz.Callback(tmp_path / "resumed", figure_seconds=None) as viz:
        log(viz, range(1, 13))
        state = viz.state_dict()
        log(viz, range(13, 20))  # lost with the crash, for the checkpoint is older
    with rlviz.Callback(tmp_path / "resumed", figure_seconds=None) as viz:
        viz.load_state_dict(state)
        log(viz, range(13, 31))
    whole, resumed = rlviz.read(tmp_path / "whole"), rlviz.read(tmp_path / "resumed")
    assert resumed.superseded == 7
    assert resumed.exact_flops() == whole.exact_flops()
    for name in set(whole.columns) - {"wall_time", "session"}:
        np.testing.assert_array_equal(resumed.columns[name], whole.columns[name], err_msg=name)
    assert list(resumed.session) == [0] * 12 + [1] * 18


def test_loading_a_state_after_the_first_step_is_refused_in_words(tmp_path):
    with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
        viz.on_step_end(1, correct=[1])
        with pytest.raises(RuntimeError, match="must come before the first step"):
            viz.load_state_dict(viz.state_dict())


def test_any_thread_may_record_and_every_answer_is_counted(tmp_path):
    def work():
        for _ in range(1000):
            viz.record(correct=[1, 0, 1])

    with rlviz.Callback(tmp_path, figure_seconds=None, flush_seconds=0.01) as viz:
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        viz.on_step_end(1)
    run = rlviz.read(tmp_path)
    assert (run.columns["correct"][0], run.columns["graded"][0]) == (16_000, 24_000)


def test_no_graph_is_kept_alive_and_later_changes_do_not_reach_the_record(tmp_path):
    with rlviz.Callback(tmp_path, figure_seconds=None, flush_seconds=60) as viz:
        weights = torch.ones(3, requires_grad=True)
        activation = weights * 2
        loss = activation.sum()
        gone = weakref.ref(activation)
        answers = np.array([1.0, 0.0])
        viz.record(metrics={"loss": loss}, correct=answers)
        answers[:] = 0
        del activation, loss
        gc.collect()
        assert gone() is None
        viz.on_step_end(1)
    run = rlviz.read(tmp_path)
    assert (run.accuracy[0], run.columns["metrics/loss"][0]) == (0.5, 6.0)


def test_a_wrong_argument_raises_at_the_call_and_nothing_of_it_is_recorded(tmp_path):
    with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
        viz.record(correct=[1, 1])
        with pytest.raises(ValueError, match=r"must be a whole number >= 0, got -0\.5"):
            viz.record(correct=[0, 0], flops=-0.5)
        with pytest.raises(ValueError, match="together with"):
            viz.record(correct=[1], accuracy=1.0)
        with pytest.raises(ValueError, match="`graded` without `accuracy`"):
            viz.record(graded=3)
        with pytest.raises(TypeError, match="step must be a whole number"):
            viz.on_step_end(1.5, correct=[0])
        with pytest.raises(TypeError, match="step must be a whole number"):
            viz.on_step_end(True, correct=[0])
        with pytest.raises(ValueError, match="step must be in"):
            viz.on_step_end(-1, correct=[0])
        viz.on_step_end(1)
    assert rlviz.read(tmp_path).columns["graded"][0] == 2


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"ema": 1.0}, ValueError, r"ema must be in \[0, 1\), got 1.0"),
        ({"flush_seconds": 0}, ValueError, "flush_seconds must be > 0"),
        ({"figure_seconds": -1}, ValueError, "figure_seconds must be > 0"),
        ({"config": ["lr"]}, TypeError, "pass vars"),
        ({"logdir": ""}, TypeError, "logdir must be the path"),
        ({"logdir": None}, TypeError, "logdir must be the path"),
        ({"logdir": __file__}, ValueError, "is a file"),
    ],
)
def test_a_wrong_option_is_refused_in_words(tmp_path, options, error, words):
    with pytest.raises(error, match=words):
        rlviz.Callback(**{"logdir": tmp_path, **options})


def test_close_waits_no_longer_than_it_may_when_the_figure_hangs(tmp_path, monkeypatch, waits):
    figure_process = (sys.executable, "-c", "import time; time.sleep(600)")
    monkeypatch.setattr(rlviz.callback, "FIGURE_PROCESS", figure_process)
    viz = rlviz.Callback(tmp_path)
    viz.on_step_end(1, correct=[1])
    assert viz.flush(timeout=300) is True
    waits.clear()
    assert viz.close(timeout=0.5) is False  # the figure is missing, and it says so
    assert 0 < sum(waits) <= 0.5
    assert list(rlviz.read(tmp_path).step) == [1]


def test_threads_and_descriptors_are_gone_after_close(tmp_path):
    descriptors, before = len(os.listdir("/proc/self/fd")), set(threading.enumerate())
    for number in range(5):
        with rlviz.Callback(tmp_path / str(number), figure_seconds=None) as viz:
            viz.on_step_end(1, correct=[1])
    until(lambda: not set(threading.enumerate()) - before)
    assert len(os.listdir("/proc/self/fd")) <= descriptors


def test_no_limit_may_be_set_in_any_way(tmp_path):
    viz = rlviz.Callback(tmp_path, figure_seconds=None)
    viz.on_step_end(1, correct=[1])
    assert viz.flush(None) is True
    assert viz.flush(math.inf) is True
    assert viz.close(math.inf) is True
    assert viz.flush() is True  # closed: answers at once


def test_strict_does_not_hide_the_scripts_own_error(tmp_path):
    (tmp_path / "obstacle").write_text("")
    with (  # noqa: PT012
        pytest.raises(ZeroDivisionError),
        rlviz.Callback(tmp_path / "obstacle" / "run", strict=True, figure_seconds=None) as viz,
    ):
        viz._recorder.end_step(1, None)  # past the check, so that only the end can complain
        raise ZeroDivisionError


@pytest.mark.parametrize(
    "change",
    [
        {"step": -1},
        {"step": "3"},
        {"flops": {"total": -5}},
        {"flops": None},
        {"ema": {}},
        {"ema": {"accuracy": {}, "average_parallelism": {}}},
    ],
)
def test_a_state_that_is_none_is_refused_in_words_and_nothing_of_it_is_loaded(tmp_path, change):
    with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
        state = viz.state_dict()
        with pytest.raises(ValueError, match=r"not what Callback\.state_dict\(\) gave"):
            viz.load_state_dict({**state, "step": 7, "flops": {"total": 9}, **change})
        assert viz.state_dict() == state
        viz.on_step_end(correct=[1])
    assert list(rlviz.read(tmp_path).step) == [1]


@pytest.mark.parametrize("state", [None, {}, [1, 2]])
def test_what_is_no_state_at_all_is_refused_in_words(tmp_path, state):
    with (
        rlviz.Callback(tmp_path, figure_seconds=None) as viz,
        pytest.raises(ValueError, match="Save that in the checkpoint"),
    ):
        viz.load_state_dict(state)


def test_a_last_figure_that_is_late_is_said(tmp_path, monkeypatch, caplog):
    figure_process = (sys.executable, "-c", "import time; time.sleep(600)")
    monkeypatch.setattr(rlviz.callback, "FIGURE_PROCESS", figure_process)
    viz = rlviz.Callback(tmp_path)
    viz.on_step_end(1, correct=[1])
    with caplog.at_level(logging.WARNING, logger="rlviz"):
        assert viz.close(timeout=0.3) is False
        until(lambda: "last figure and summary were not ready in time" in caplog.text)
    assert viz.health.errors == 1


@pytest.mark.quick(1)
@pytest.mark.parametrize(
    ("ending", "status"),
    [
        ("pass", api_pb2.STATUS_SUCCESS),
        ("sys.exit(0)", api_pb2.STATUS_SUCCESS),
        ("raise RuntimeError('crash')", api_pb2.STATUS_FAILURE),
    ],
)
def test_a_script_that_never_closes_still_says_how_it_ended(tmp_path, ending, status):
    code = f"""
        import sys, rlviz
        viz = rlviz.Callback(sys.argv[1], config={{"lr": 1}}, figure_seconds=None)
        viz.on_step_end(1, correct=[1])
        {ending}
    """
    run_script(code, tmp_path)
    accumulator = EventAccumulator(str(tmp_path))
    accumulator.Reload()
    assert hparams_status(accumulator) == status


def test_a_checkpoint_is_soon_followed_by_its_rows(tmp_path):
    viz = rlviz.Callback(tmp_path, figure_seconds=None, flush_seconds=60)
    viz.on_step_end(1, correct=[1])
    viz.state_dict()
    until(lambda: viz.health.written == 1)
    viz.close()


def test_two_callbacks_on_one_directory_do_not_mix_their_curves(tmp_path):
    first = rlviz.Callback(tmp_path, figure_seconds=None)
    second = rlviz.Callback(tmp_path, figure_seconds=None)  # before the first has written
    for step in range(1, 11):
        first.on_step_end(step, accuracy=0.25, flops=100)
        second.on_step_end(step, accuracy=0.75, flops=100)
    assert first.close()
    assert second.close()
    run = rlviz.read(tmp_path)
    assert list(run.step) == list(range(1, 11))
    assert len(set(run.accuracy)) == 1
    assert run.superseded == 10


def test_records_that_no_step_closes_are_said(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, logger="rlviz"):
        with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
            for _ in range(30):
                viz.record(correct=[1])
        assert "the last 30 record() calls belong to a step that was never closed" in caplog.text


def test_a_directory_that_holds_a_run_is_said_unless_its_state_was_loaded(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, logger="rlviz"):
        with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
            viz.on_step_end(1, correct=[1])
            state = viz.state_dict()
        with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
            viz.load_state_dict(state)
            viz.on_step_end(2, correct=[1])
        assert not caplog.records
        with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
            viz.on_step_end(1, correct=[1])
            viz.on_step_end(2, correct=[1])
    assert len(caplog.records) == 1
    assert "already holds a run, and no state of it was loaded" in caplog.text


def test_a_typo_names_the_call_that_the_user_made(tmp_path):
    with (
        rlviz.Callback(tmp_path, figure_seconds=None) as viz,
        pytest.raises(TypeError, match=r"Callback\.record\(\) got an unexpected keyword .*acuracy"),
    ):
        viz.on_step_end(1, acuracy=0.5)


def test_a_last_figure_that_fails_is_said_once_and_not_called_late(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(
        rlviz.callback, "FIGURE_PROCESS", (sys.executable, "-c", "raise SystemExit(1)")
    )
    viz = rlviz.Callback(tmp_path)
    viz.on_step_end(1, correct=[1])
    with caplog.at_level(logging.WARNING, logger="rlviz"):
        assert viz.close(timeout=300) is False
    assert viz.health.errors == 1
    assert "not ready in time" not in caplog.text


def test_a_close_that_makes_a_failed_write_good_says_that_all_was_written(tmp_path):
    obstacle = tmp_path / "obstacle"
    obstacle.write_text("")
    viz = rlviz.Callback(obstacle / "run", figure_seconds=None, flush_seconds=60)
    viz.on_step_end(1, correct=[1])
    note, finish = viz._error_log.note, viz._worker._finish
    ending = threading.Event()

    def finish_and_say_so():
        ending.set()
        finish()

    def note_and_mend(error):  # after the first try of the end
        note(error)
        if ending.is_set():
            obstacle.unlink(missing_ok=True)

    viz._worker._finish, viz._error_log.note = finish_and_say_so, note_and_mend
    assert viz.close(timeout=300) is True
    assert viz.health.written == 1
    assert viz.health.errors in (1, 2)  # whether the writer had tried before it was to end


def test_a_callback_says_in_words_that_it_cannot_be_pickled(tmp_path):
    with (
        rlviz.Callback(tmp_path, figure_seconds=None) as viz,
        pytest.raises(TypeError, match="can't be pickled or sent to another process"),
    ):
        pickle.dumps(viz)


def test_a_step_recorded_later_keeps_the_time_at_which_it_was_trained(tmp_path):
    with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
        viz.on_step_end(1, accuracy=0.5, wall_time=1.7e9)
        viz.on_step_end(2, accuracy=0.5, wall_time=1.7e9 + 60)
        with pytest.raises(ValueError, match="wall_time must be seconds since 1970"):
            viz.on_step_end(3, accuracy=0.5, wall_time=float("nan"))
    assert list(rlviz.read(tmp_path).wall_time) == [1.7e9, 1.7e9 + 60]


def test_a_dict_that_was_empty_when_it_was_recorded_stays_so(tmp_path):
    metrics = {}
    with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
        viz.record(accuracy=0.5, metrics=metrics)
        metrics["note"] = "text"
        viz.on_step_end(1)
    assert viz.health == rlviz.callback.Health(1, 1, 0, 0, 0)
    assert rlviz.read(tmp_path).metrics == ()


def test_the_run_says_by_which_convention_its_flops_are_counted(tmp_path):
    for name, convention in (("said", "6N"), ("silent", None)):
        with rlviz.Callback(tmp_path / name, figure_seconds=None, convention=convention) as viz:
            viz.on_step_end(1, flops={"update": 10**20})
        assert viz.convention == convention
        assert rlviz.read(tmp_path / name).conventions == (convention or "",)
    with rlviz.Callback(tmp_path / "none", figure_seconds=None, convention="6N") as viz:
        viz.on_step_end(1, correct=[1])
    assert rlviz.read(tmp_path / "none").conventions == ()  # there are no FLOPs to count


def test_what_only_watched_modules_spent_is_exact_and_what_a_loop_adds_is_not_said(tmp_path):
    layer = torch.nn.Linear(3, 4)
    with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
        viz.watch(layer)
        layer(torch.zeros(2, 3)).sum().backward()
        viz.on_step_end(1)
        viz.flush()
        assert rlviz.read(tmp_path).conventions == ("exact",)
        viz.on_step_end(2, flops={"rollout": 10**9})
    assert rlviz.read(tmp_path).conventions == ("",)


def test_modules_are_not_watched_in_a_run_of_another_convention(tmp_path):
    viz = rlviz.Callback(tmp_path, figure_seconds=None, convention="6N")
    with pytest.raises(ValueError, match="which is the convention 'exact', but this Callback"):
        viz.watch(torch.nn.Linear(3, 4))
    viz.close()


def test_a_state_of_another_convention_does_not_go_on_in_a_run_that_watches(tmp_path):
    with rlviz.Callback(tmp_path / "a", figure_seconds=None, convention="6N") as viz:
        viz.on_step_end(1, flops=10)
        state = viz.state_dict()
    viz = rlviz.Callback(tmp_path / "b", figure_seconds=None)
    viz.watch(torch.nn.Linear(2, 2))
    with pytest.raises(ValueError, match="counted by the convention '6N', those of this Callback"):
        viz.load_state_dict(state)
    viz.on_step_end()
    assert viz.state_dict()["flops"] == {}
    viz.close()
    viz = rlviz.Callback(tmp_path / "c", figure_seconds=None)
    viz.load_state_dict(state)
    with pytest.raises(ValueError, match="by 'exact': one count can't go on as the other"):
        viz.watch(torch.nn.Linear(2, 2))
    viz.close()


def test_a_state_of_another_convention_is_refused_and_nothing_is_loaded(tmp_path):
    with rlviz.Callback(tmp_path, figure_seconds=None, convention="6N") as viz:
        viz.on_step_end(1, flops={"update": 10**20})
        state = viz.state_dict()
    viz = rlviz.Callback(tmp_path, figure_seconds=None, convention="exact")
    with pytest.raises(ValueError, match="counted by the convention '6N', those of this"):
        viz.load_state_dict(state)
    viz.close()
    with rlviz.Callback(tmp_path, figure_seconds=None, convention="6N") as viz:
        viz.load_state_dict(state)
        viz.on_step_end(2, flops={"update": 10**20})
    run = rlviz.read(tmp_path)
    assert run.conventions == ("6N",)
    assert run.exact_flops() == [10**20, 2 * 10**20]


def test_flops_beyond_what_the_columns_hold_are_said_and_unknown_from_there_on(tmp_path, caplog):
    """Each step is below the limit of `record`; their sum is not."""
    state = None
    for steps in (range(1, 4), range(4, 6)):
        caplog.clear()
        with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
            if state is not None:
                viz.load_state_dict(state)
            for step in steps:
                viz.on_step_end(step, correct=[1], flops={"rollout": 7, "update": 2**105})
            assert viz.flush(30)
            state = viz.state_dict()
        assert "reached 2**106 (8.1e31) at step" in caplog.text
        assert viz.health.errors == 2  # of the phase, and of the total
        assert viz.health.written == len(steps)
    run = rlviz.read(tmp_path)
    assert run.damage == ()
    assert run.step.tolist() == [1, 2, 3, 4, 5]
    assert run.exact_flops() == [2**105 + 7, None, None, None, None]
    assert run.exact_flops("update") == [2**105, None, None, None, None]
    assert run.exact_flops("rollout") == [7, 14, 21, 28, 35]
    assert state["flops"]["update"] == 5 * 2**105  # it stays exact
    notes = [finding.kind for finding in examine(tmp_path).findings]
    assert "flops_end" in notes


def test_a_state_with_any_count_of_flops_is_gone_on_from(tmp_path):
    with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
        state = viz.state_dict()
        viz.load_state_dict({**state, "step": 3, "flops": {"total": 10**400, "update": 5}})
        viz.on_step_end(4, flops={"update": 1})
    run = rlviz.read(tmp_path)
    assert run.damage == ()
    assert (run.exact_flops(), run.exact_flops("update")) == ([None], [6])
