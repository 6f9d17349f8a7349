"""Columns and scalars of steps: groups, agents, and only what was recorded."""

import math

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import rlviz
from rlviz.parallelism import Parallelism, Trace, concurrency, critical_steps


def scalars_of(logdir):
    """tag without its prefix -> {step: value}"""
    accumulator = EventAccumulator(str(logdir), size_guidance={"scalars": 0})
    accumulator.Reload()
    return {
        tag.removeprefix("rlviz/"): {e.step: e.value for e in accumulator.Scalars(tag)}
        for tag in accumulator.Tags()["scalars"]
    }


@pytest.fixture
def viz(tmp_path):
    with rlviz.Callback(tmp_path, figure_seconds=None) as callback:
        yield callback


def test_a_group_has_a_series_of_its_own_and_counts_in_the_whole(viz, tmp_path):
    viz.record(correct=[1, 0], group="math")
    viz.record(correct=[1, 1, 1, math.nan], group="code")
    viz.record(correct=torch.tensor([1, 0]), group="math")
    viz.record(correct=[0])
    viz.on_step_end(1)
    viz.on_step_end(2, accuracy=0.5, graded=4, group="code")
    viz.close()
    run = rlviz.read(tmp_path)
    assert run.groups == ("math", "code")
    assert list(run.accuracy) == [5 / 8, 0.5]
    np.testing.assert_array_equal(run.group_accuracy("math"), [0.5, math.nan])
    np.testing.assert_array_equal(run.group_accuracy("code"), [1.0, 0.5])
    assert scalars_of(tmp_path)["accuracy/code"] == {1: 1.0, 2: 0.5}
    assert run.to_pandas()["accuracy/math"].iloc[0] == 0.5
    with pytest.raises(
        KeyError, match=r"no answers of a group 'art'; there are \['math', 'code'\]"
    ):
        run.group_accuracy("art")


def test_stages_bring_work_span_and_fan_out(viz, tmp_path):
    viz.record(parallelism=[critical_steps([(1, [4, 2]), (1, [3])])])  # work 11, span 9
    viz.record(parallelism=[critical_steps([(2, [1, 1, 1])]), critical_steps([])])  # 5, 3; 0/0
    viz.on_step_end(1)
    viz.close()
    row = {name: values[0] for name, values in rlviz.read(tmp_path).columns.items()}
    assert (row["work"], row["span"], row["parallelism_undefined"]) == (16, 12, 1)
    assert (row["sub_agents"], row["spawning_stages"], row["fan_out_max"]) == (6, 3, 3)
    scalars = scalars_of(tmp_path)
    assert scalars["average_parallelism"][1] == pytest.approx((11 / 9 + 5 / 3) / 2, rel=1e-6)
    assert scalars["parallelism/pooled"][1] == pytest.approx(16 / 12, rel=1e-6)
    assert scalars["parallelism/fan_out_mean"][1] == 2.0
    assert scalars["parallelism/fan_out_max"][1] == 3.0
    assert "parallelism/peak" not in scalars  # stages don't know


def test_traces_bring_their_sub_agents_and_which_were_useful(viz, tmp_path):
    ticks = iter(map(float, range(8)))
    trace = Trace(clock=lambda: next(ticks))
    with trace.agent("main") as main:
        left, right = trace.agent("left", parent=main), trace.agent("right", parent=main)
        with left, right:
            pass
        with trace.agent("checker"):
            pass
    left.useful = right.useful = True
    viz.record(parallelism=[trace, 1.0])  # of a number nothing more is known
    viz.on_step_end(1, parallelism=trace.sums())  # as sums, which may come from elsewhere
    viz.on_step_end(2, parallelism=[critical_steps([(3, [])])])
    viz.close()
    run = rlviz.read(tmp_path)
    assert list(run.columns["sub_agents"]) == [6, 0]
    assert list(run.columns["sub_agent_episodes"]) == [2, 1]
    assert list(run.sub_agents_per_episode) == [3.0, 0.0]
    np.testing.assert_array_equal(run.agent_fan_out, [1.5, math.nan])
    np.testing.assert_array_equal(run.useful_sub_agents, [1.0, math.nan])
    np.testing.assert_allclose(run.parallel_episodes, [2 / 3, math.nan])  # of one: may be a mean
    assert run.damage == ()
    assert scalars_of(tmp_path)["parallelism/sub_agents"] == {1: 3.0, 2: 0.0}


def test_each_row_says_in_which_unit_how_many_episodes_are(tmp_path):
    with rlviz.Callback(
        tmp_path, figure_seconds=None, strict=True, parallelism_unit="tokens"
    ) as viz:
        viz.record(parallelism=[2.0, math.nan])
        viz.record(parallelism=3.0)
        viz.on_step_end(1, parallelism=critical_steps([(1, [2])]))
        viz.on_step_end(2, parallelism=Trace())
        viz.on_step_end(3)
    run = rlviz.read(tmp_path)
    np.testing.assert_array_equal(run.columns["in_tokens"], [3, math.nan, math.nan])
    np.testing.assert_array_equal(run.columns["in_steps"], [1, math.nan, math.nan])
    np.testing.assert_array_equal(run.columns["in_seconds"], [math.nan, 1, math.nan])
    assert run.parallelism_units == ("steps", "tokens", "seconds")


def test_numbers_alone_have_no_unit_until_it_is_said(viz, tmp_path):
    viz.on_step_end(1, parallelism=2.0)
    viz.close()
    assert rlviz.read(tmp_path).parallelism_units == ()
    with pytest.raises(ValueError, match="unit of work and span must be one of 'steps', 'tokens'"):
        rlviz.Callback(tmp_path, parallelism_unit="token")


def test_intervals_and_traces_bring_peak_and_unfinished(viz, tmp_path):
    ticks = iter([0.0, 1.0, 5.0, 7.0])
    trace = Trace(clock=lambda: next(ticks))
    with trace.agent("main"), trace.agent("searcher"):
        pass
    busy = concurrency([("a", 0, 4), ("b", 0, 4), ("c", 3, None)], episode_end=5)  # 10 / 5, peak 3
    viz.on_step_end(1, parallelism=[busy, trace, Parallelism(6, 2), 5.0])
    viz.close()
    row = {name: values[0] for name, values in rlviz.read(tmp_path).columns.items()}
    assert (row["peak"], row["unfinished"]) == (3, 1)
    assert row["parallelism_sum"] == 2 + 1 + 3 + 5
    assert (row["work"], row["span"]) == (10 + 7 + 6, 5 + 7 + 2)
    assert scalars_of(tmp_path)["parallelism/unfinished"] == {1: 1.0}


def test_numbers_alone_bring_no_columns_of_agents(viz, tmp_path):
    viz.on_step_end(1, parallelism=[2.0, 4.0])
    viz.close()
    assert not {"work", "sub_agents", "peak"} & set(rlviz.read(tmp_path).columns)


def test_a_sum_beyond_what_a_float_holds_is_unknown_and_no_damage(viz, tmp_path):
    for _ in range(2):
        viz.record(parallelism=1e308, seconds={"update": 2.0**53}, flops={"update": 3})
    viz.on_step_end(1)
    viz.on_step_end(2, parallelism=2.0, seconds={"update": 1.0}, flops={"update": 3})
    viz.close()
    run = rlviz.read(tmp_path)
    assert run.damage == ()
    np.testing.assert_array_equal(run.parallelism, [math.nan, 2.0])
    np.testing.assert_array_equal(run.columns["seconds/update"], [math.nan, 1.0])
    assert run.exact_flops("update") == [6, 9]
