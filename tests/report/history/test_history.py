"""The reader: what was recorded comes back, also while it is written."""

import math
import sys
import threading

import numpy as np
import pytest

import rlviz
from rlviz import tfrecord
from rlviz.accuracy import Accuracy


def test_a_run_is_named_in_a_line(parl, tmp_path):
    assert repr(parl) == (
        f"<History {parl.logdir!r}, 300 steps (1 to 300), RL FLOPs, accuracy, parallelism>"
    )
    columns = {"step": np.array([4.0]), "metrics/loss": np.array([1.0])}
    assert repr(rlviz.History(columns)) == "<History '', 1 step (4 to 4), 1 metric>"
    assert str(rlviz.History({"step": np.array([])}, "runs/a")) == "<History 'runs/a', 0 steps>"


def test_a_run_that_is_not_sound_says_so_in_its_line(tmp_path):
    with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
        for step in range(1, 10):
            viz.record(correct=[1, 0], group="math")
            viz.on_step_end(step, correct=[1], group="code", metrics={"kl": 0.1})
            assert step % 3 or viz.flush()
    (file,) = tmp_path.glob("*tfevents*")
    data = bytearray(file.read_bytes())
    rows = [r for r in tfrecord.scan(bytes(data)) if b"rlviz/rows/" in r.payload]
    data[rows[1].end - 20] ^= 0xFF
    file.write_bytes(data)
    assert repr(rlviz.read(tmp_path)) == (
        f"<History {str(tmp_path)!r}, 6 steps (1 to 9), accuracy, 2 groups, 1 metric, 3 rows lost, "
        "damaged>"
    )


def test_every_step_comes_back_with_what_was_recorded(tmp_path):
    with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
        viz.record(correct=[1, 0, float("nan"), 1])
        viz.record(correct=[1, 1])
        viz.on_step_end(3, parallelism=[8.0, 7.0], flops={"rollout": 10**20}, metrics={"loss": 0.5})
        viz.on_step_end(5)
        viz.on_step_end(9, accuracy=0.25, graded=8, flops={"rollout": 2, "evaluation": 7})
    run = rlviz.read(tmp_path)
    nan = np.nan
    assert len(run) == 3
    assert list(run.step) == [3, 5, 9]
    assert list(run.session) == [0, 0, 0]
    np.testing.assert_array_equal(run.accuracy, [4 / 5, nan, 0.25])
    np.testing.assert_array_equal(run.parallelism, [7.5, nan, nan])
    np.testing.assert_array_equal(run.flops, [1e20, 1e20, 1e20])
    np.testing.assert_array_equal(run.columns["ungraded"], [1, 0, 0])
    np.testing.assert_array_equal(run.columns["metrics/loss"], [0.5, nan, nan])
    assert run.exact_flops() == [10**20, 10**20, 10**20 + 2]
    assert run.exact_flops("evaluation") == [None, None, 7]
    assert (run.phases, run.metrics) == (("rollout", "evaluation"), ("loss",))
    assert (np.diff(run.wall_time) >= 0).all()
    assert 1.7e9 < run.wall_time[0] < 1e11
    assert (run.damage, run.superseded, run.logdir) == ((), 0, str(tmp_path))


def test_the_run_of_parl_shape_comes_back_to_the_last_digit(parl, parl_table):
    assert parl.exact_flops() == parl.exact_flops("rollout") == parl_table["flops"]
    assert max(parl_table["flops"]) > 2**53
    assert list(parl.step) == parl_table["step"]
    assert list(parl.columns["correct"]) == parl_table["correct"]
    assert list(parl.columns["graded"]) == parl_table["graded"]
    assert list(parl.parallelism) == parl_table["parallelism"]


def test_flops_are_exact_beyond_the_integers_of_float64(tmp_path):
    spent = [10**26 + 1, 1, 2**53 + 1, 0, 3]
    with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
        for count in spent:
            viz.on_step_end(flops=count)
    expected = [sum(spent[: n + 1]) for n in range(5)]
    run = rlviz.read(tmp_path)
    assert run.exact_flops() == expected
    assert list(run.flops) == [float(count) for count in expected]
    assert all(type(count) is int for count in run.exact_flops())


def test_a_phase_that_was_not_recorded_is_named_with_those_that_were(parl):
    with pytest.raises(KeyError, match="no FLOPs were recorded for 'update'; the run has 'roll"):
        parl.exact_flops("update")


def test_the_values_of_a_metric_or_a_quantity_are_had_by_its_name(tmp_path):
    with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
        for step in range(1, 4):
            viz.on_step_end(step, correct=[1, 0, step % 2], metrics={"actor/loss": 1 / step})
    run = rlviz.read(tmp_path)
    for name in ("actor/loss", "metrics/actor/loss"):
        assert list(run.values_of(name)) == [1, 1 / 2, 1 / 3]
    assert list(run.values_of("accuracy")) == list(run.accuracy)
    with rlviz.Callback(tmp_path / "other", figure_seconds=None) as viz:
        viz.on_step_end(1, metrics={"loss": 1.0, "metrics/loss": 50.0})
    other = rlviz.read(tmp_path / "other")
    assert (list(other.values_of("loss")), list(other.values_of("metrics/loss"))) == ([1], [50])
    with pytest.raises(
        KeyError, match=r"no 'loss', but .*'actor/loss'\. Did you mean 'actor/loss'"
    ):
        run.values_of("loss")
    with pytest.raises(KeyError, match="no FLOPs were recorded for 'total'; the run has none"):
        run.exact_flops()


def test_a_metric_that_begins_in_mid_run_is_unknown_before(tmp_path):
    with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
        viz.on_step_end(1, metrics={"loss": 1.0})
        assert viz.flush()
        viz.on_step_end(2, metrics={"loss": 2.0, "kl": 0.5})
        assert viz.flush()
        viz.on_step_end(3, metrics={"kl": 0.25}, flops={"update": 6})
    run = rlviz.read(tmp_path)
    nan = np.nan
    np.testing.assert_array_equal(run.columns["metrics/loss"], [1, 2, nan])
    np.testing.assert_array_equal(run.columns["metrics/kl"], [nan, 0.5, 0.25])
    np.testing.assert_array_equal(run.flops, [nan, nan, 6])
    assert run.metrics == ("loss", "kl")


def test_a_run_without_flops_has_them_unknown(write_steps, tmp_path):
    write_steps([1, 2], correct=[1])
    run = rlviz.read(tmp_path / "run")
    assert np.isnan(run.flops).all()
    assert run.phases == ()
    assert not run.has_compute_axis


def test_a_table_for_pandas_has_the_derived_curves_and_the_steps_as_index(parl):
    frame = parl.to_pandas()
    assert frame.index.name == "step"
    assert list(frame.index) == list(range(1, 301))
    assert list(frame.columns[:3]) == ["session", "accuracy", "accuracy_low"]
    assert "step" not in frame
    assert frame["accuracy"].iloc[0] == 743 / 2048
    assert frame["flops/total"].iloc[-1] == parl.flops[-1]
    assert len(frame.columns) == len(set(frame.columns))


def test_without_pandas_it_is_said_what_to_install(parl, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"needs pandas: pip install rlviz\[pandas\]\."):
        parl.to_pandas()


def test_a_run_can_be_read_at_any_time_while_it_is_written(tmp_path):
    stop = threading.Event()

    def train():
        with rlviz.Callback(tmp_path, flush_seconds=0.001, figure_seconds=None) as viz:
            step = 0
            while not stop.wait(0.0005):
                step += 1
                viz.on_step_end(step, correct=[1, 0], parallelism=[3.0], flops=10**16)
            assert viz.flush()

    training = threading.Thread(target=train)
    training.start()
    seen = [0]
    try:
        while len(seen) < 60:
            try:
                run = rlviz.read(tmp_path)
            except FileNotFoundError:  # nothing is written yet
                assert seen == [0]
                continue
            assert list(run.step) == list(range(1, len(run) + 1))
            assert run.exact_flops() == [10**16 * step for step in run.step.tolist()]
            seen.append(len(run))
    finally:
        stop.set()
        training.join()
    assert seen == sorted(seen)
    assert seen[-1] > seen[1]
    final = rlviz.read(tmp_path)
    assert list(final.step) == list(range(1, len(final) + 1))
    assert final.damage == ()


def test_the_interval_of_the_accuracy_is_wilsons(tmp_path):
    viz = rlviz.Callback(tmp_path, figure_seconds=None)
    viz.on_step_end(1, correct=[1] * 8 + [0] * 2)
    viz.on_step_end(2)
    viz.close()
    low, high = rlviz.read(tmp_path).accuracy_interval
    assert (low[0], high[0]) == Accuracy(8, 10).interval()
    assert math.isnan(low[1])
    assert math.isnan(high[1])


def test_without_the_number_of_answers_an_accuracy_has_no_interval(tmp_path):
    with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
        viz.on_step_end(1, accuracy=0.5, graded=8)
        viz.on_step_end(2, accuracy=0.5)
        viz.record(accuracy=0.25)
        viz.on_step_end(3, accuracy=0.75, graded=1)
    run = rlviz.read(tmp_path)
    assert run.accuracy.tolist() == [0.5, 0.5, 0.5]
    assert run.uncounted.tolist() == [False, True, True]
    low, high = run.accuracy_interval
    assert np.isfinite(low).tolist() == np.isfinite(high).tolist() == [True, False, False]
    np.testing.assert_array_equal(run.table()["graded"], [8, np.nan, np.nan])
    np.testing.assert_array_equal(run.table()["correct"], [4, np.nan, np.nan])


def test_the_table_takes_a_run_that_lost_the_answers_of_an_accuracy():
    run = rlviz.History({"step": np.arange(2.0), "uncounted": np.ones(2)})
    assert set(run.table()) >= {"step", "uncounted", "accuracy"}
    assert "correct" not in run.table()
