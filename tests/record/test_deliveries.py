"""All sinks of a run, as a training script meets them: at the callback."""

import logging
import sys
import threading
import time
from contextlib import nullcontext

import pytest

import rlviz
from rlviz.record import deliveries


class Kept:
    """A tracker of a user's own that keeps what it is told, and stalls in `stalls` for ever."""

    def __init__(self, stalls=(), raises=()):
        self.stalls, self.raises = stalls, raises
        self.steps, self.figures, self.ends, self.run = [], [], [], None

    def _do(self, verb):
        if verb in self.stalls:
            threading.Event().wait()
        if verb in self.raises:
            raise ConnectionError(f"no {verb}")

    def open(self, run):
        self._do("open")
        self.run = run
        return "found-by"

    def rows(self, rows):
        self._do("rows")
        self.steps += [row.step for row in rows]
        self.values = rows[-1].values

    def figure(self, figure):
        self._do("figure")
        self.figures.append(figure)

    def close(self, success):
        self._do("close")
        self.ends.append(success)


def train(viz, steps, **more):
    for step in steps:
        viz.on_step_end(step, correct=[1, 0], parallelism=[4.0], flops={"rollout": 10**20}, **more)


def test_a_sink_gets_every_step_the_config_the_figure_and_its_curves(tmp_path):
    sink = Kept()
    config = {"optimizer": {"lr": 1e-5}, "seed": 3}
    viz = rlviz.Callback(tmp_path / "swarm", config=config, also=[sink])
    config["seed"] = 4
    train(viz, range(1, 41), metrics={"loss": 0.5})
    assert viz.close(timeout=100)
    assert sink.steps == list(range(1, 41))
    assert sink.ends == [True]
    assert (sink.run.logdir, sink.run.name) == (tmp_path / "swarm", "swarm")
    assert sink.run.config == {"optimizer.lr": 1e-5, "seed": 3}
    assert sink.values["rlviz/accuracy"] == 0.5
    assert sink.values["rlviz/average_parallelism"] == 4.0
    assert sink.values["rlviz/flops/total"] == 40 * 10.0**20
    assert sink.values["rlviz/loss"] == 0.5
    figure = sink.figures[-1]
    assert figure.step == 40
    assert figure.png.startswith(b"\x89PNG")
    assert "40 training steps" in figure.summary
    assert list(figure.curves) == ["accuracy", "average_parallelism"]
    curve = figure.curves["average_parallelism"]
    assert curve.axis == "RL FLOPs"
    assert (curve.x[0], curve.x[-1]) == (10.0**20, 40 * 10.0**20)
    assert curve.y == pytest.approx([4.0] * 40)
    assert len(curve.x) == len(curve.low) == len(curve.high) == 40
    assert viz.health.unsent == 0


@pytest.mark.slow
def test_sinks_that_stall_or_fail_cost_neither_rows_nor_time_and_are_counted(tmp_path, caplog):
    stalls = [Kept(stalls=[verb]) for verb in ("open", "rows", "close")]
    fails = Kept(raises=["open", "rows", "figure", "close"])
    good = Kept()
    with caplog.at_level(logging.WARNING, logger="rlviz"):
        viz = rlviz.Callback(
            tmp_path, figure_seconds=None, flush_seconds=0.05, also=[*stalls, fails, good]
        )
        slowest = 0.0
        for step in range(1, 501):
            began = time.perf_counter()
            train(viz, [step])
            slowest = max(slowest, time.perf_counter() - began)
        assert viz.flush(timeout=60)  # which waits for no sink
        began = time.monotonic()
        assert viz.close(timeout=2.0)  # the run itself is complete
        assert time.monotonic() - began < 2.5
    assert list(rlviz.read(tmp_path).step) == list(range(1, 501))
    assert good.steps == list(range(1, 501))
    assert good.ends == [True]
    assert slowest < 1.0
    # Two that stall before they have taken a row, and one that could not be opened.
    assert viz.health.unsent == 3 * 500
    assert viz.health.logged == viz.health.written == 500
    assert viz.health.errors >= 1
    texts = "\n".join(record.message for record in caplog.records)
    for name in ("Kept had not taken 500 steps", "Kept 2 had not taken 500 steps"):
        assert name in texts
    assert "Kept 3 had not ended its run" in texts
    assert texts.count("Kept 4 failed: ConnectionError: no open") == 1


def test_without_also_no_thread_is_started_and_nothing_is_sent(tmp_path):
    before = {thread.ident for thread in threading.enumerate()}
    with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
        train(viz, [1])
        viz.flush()
        now = [thread.name for thread in threading.enumerate() if thread.ident not in before]
    assert now == ["rlviz-writer"]
    assert "sinks" not in viz.state_dict()


def test_a_resumed_run_tells_each_sink_by_what_it_is_found(tmp_path):
    first, second = Kept(), Kept()
    viz = rlviz.Callback(tmp_path, figure_seconds=None, also=[first, second])
    train(viz, [1])
    until = time.monotonic() + 60
    while len(viz.state_dict().get("sinks", {})) < 2:
        assert time.monotonic() < until
    state = viz.state_dict()
    assert state["sinks"] == {"Kept": "found-by", "Kept 2": "found-by"}
    viz.close()
    again = Kept()
    with rlviz.Callback(tmp_path, figure_seconds=None, also=[again]) as viz:
        viz.load_state_dict(state)
        train(viz, [2])
    assert again.run.resumed == "found-by"
    assert again.steps == [2]
    assert first.run.resumed is None


@pytest.mark.parametrize("sinks", [None, 3, ["a"], {"Kept": 3}])
def test_a_state_with_odd_sinks_is_loaded_all_the_same(tmp_path, sinks):
    sink = Kept()
    with rlviz.Callback(tmp_path, figure_seconds=None, also=[sink]) as viz:
        viz.load_state_dict({**viz.state_dict(), "sinks": sinks})
        train(viz, [1])
    assert sink.run.resumed is None


@pytest.mark.parametrize(
    ("also", "words"),
    [
        (Kept(), r"also must be a list of sinks, got .*Kept object.*For one: also=\[sink\]"),
        ("wandb", "also must be a list of sinks, got 'wandb'"),
        (["wandb"], "'wandb' has no open, rows, figure and close. A sink of your own has"),
        ([Kept], "Kept'> is a class; make an object of it"),
    ],
)
def test_what_is_no_sink_is_refused_in_words(tmp_path, also, words):
    with pytest.raises(TypeError, match=words):
        rlviz.Callback(tmp_path, also=also)
    assert list(tmp_path.iterdir()) == []


def test_sinks_are_told_apart_by_their_class_and_number():
    ways = deliveries.Deliveries([Kept(), Kept(), Kept()], None, say=pytest.fail, count=pytest.fail)
    assert [way.name for way in ways._all] == ["Kept", "Kept 2", "Kept 3"]
    assert not deliveries.Deliveries([], None, say=pytest.fail, count=pytest.fail)


def test_a_script_that_never_closes_gives_its_sinks_everything_before_others_end(
    tmp_path, run_python
):
    code = """
        import atexit, sys, rlviz
        class Kept:
            def open(self, run):
                atexit.register(print, "the tracker ends")  # as trackers do
            def rows(self, rows): print("rows", rows[-1].step)
            def figure(self, figure): pass
            def close(self, success): print("closed", success)
        viz = rlviz.Callback(sys.argv[1], flush_seconds=0.01, figure_seconds=None, also=[Kept()])
        viz.on_step_end(1)
        while viz._deliveries._all[0]._is_open is False: pass
        viz.on_step_end(2)
        raise SystemExit("ENDING")
    """
    done = run_python("-c", "\n".join(line[8:] for line in code.splitlines()), str(tmp_path))
    said = done.stdout.splitlines()
    assert said[-2:] == ["closed True", "the tracker ends"], done.stderr
    assert "rows 2" in said


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_forked_child_sends_nothing(tmp_path, run_python):
    code = """
        import os, sys, rlviz
        class Kept:
            def open(self, run): pass
            def rows(self, rows): print(os.getpid() == parent, flush=True)
            def figure(self, figure): pass
            def close(self, success): pass
        parent = os.getpid()
        viz = rlviz.Callback(sys.argv[1], flush_seconds=0.01, figure_seconds=None, also=[Kept()])
        viz.on_step_end(1)
        viz.flush()
        if os.fork() == 0:
            viz.on_step_end(2)
            viz.close()
            raise SystemExit
        os.wait()
        viz.close()
    """
    done = run_python("-c", "\n".join(line[8:] for line in code.splitlines()), str(tmp_path))
    assert done.stdout.split() == ["True"], done.stderr


@pytest.mark.quick(2)
@pytest.mark.parametrize("verb", ["open", "rows", "figure", "close"])
def test_strict_raises_what_a_sink_throws_and_without_it_nothing_does(tmp_path, verb):
    for strict in (False, True):
        figures = 60.0 if verb == "figure" else None
        viz = rlviz.Callback(
            tmp_path / str(strict),
            strict=strict,
            figure_seconds=figures,
            also=[Kept(raises=(verb,))],
        )
        with pytest.raises(ConnectionError, match=f"no {verb}") if strict else nullcontext():
            train(viz, range(1, 3))
            assert viz.close(timeout=200)
        assert viz.health.errors >= 1
        assert viz.health.written == 2


def test_strict_raises_what_a_sink_was_too_slow_for(tmp_path):
    sink = Kept(stalls=("rows",))
    viz = rlviz.Callback(tmp_path, strict=True, figure_seconds=None, also=[sink])
    train(viz, [1])
    assert viz.flush(300)
    with pytest.raises(TimeoutError, match="Kept had not taken 1 step when close"):
        viz.close(timeout=0.2)
