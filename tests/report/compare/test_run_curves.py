"""What is known of each of the runs: its curve, what it needed, and how sure that is."""

import numpy as np
import pytest

import rlviz
from rlviz.report.compare.run_curves import Estimate, Spread, contender, exponential
from rlviz.report.series.groups import Group
from rlviz.report.series.measures import measure

from .conftest import phased, quiet, run_of


def test_few_points_are_refused():
    short = run_of(np.random.default_rng(0), steps=19)
    with pytest.raises(ValueError, match="has 19 steps with accuracy and RL FLOPs, expected at le"):
        rlviz.compare({"a": phased("rollout", "update"), "b": short})


def test_the_interval_over_seeds_is_that_of_student():
    speeds = (0.5, 1.0, 2.0)
    found = rlviz.compare({"a": [quiet(s) for s in speeds], "b": quiet(1.5)})
    row = found.at_compute[1]
    values = [0.3 + 0.35 * (1 - np.exp(-3 * speed * row.flops / 1e22)) for speed in speeds]
    reach = 4.303 * np.std(values, ddof=1) / np.sqrt(3)  # t with 2 degrees of freedom
    assert row.values["a"].value == pytest.approx(np.mean(values), abs=0.002)
    assert row.values["a"].high - row.values["a"].value == pytest.approx(reach, rel=0.05)
    assert row.values["a"].value - row.values["a"].low == pytest.approx(reach, rel=0.05)


def test_a_level_that_one_seed_never_reached_is_not_reached():
    low = run_of(np.random.default_rng(1), curve=lambda spent: 0.3 + 0.1 * spent)
    found = rlviz.compare({"base": [quiet(1.0), low], "twice": quiet(2.0)}, levels=[0.35, 0.5])
    assert found.at_accuracy[0].flops["base"] is not None
    assert found.at_accuracy[1].flops["base"] is None


# --- the parts by themselves -----------------------------------------------


def known_of(*runs, up=1.0):
    what = measure("accuracy", runs)
    return contender(Group("a", runs), what, 200, np.random.default_rng(0), up=up)


def test_an_interval_leaves_out_a_fortieth_of_the_draws_at_either_end():
    spread = Spread(np.array([50.0]), np.arange(201.0)[:, None])  # 5 of 200 gaps at either end
    assert spread.interval(0) == Estimate(50.0, 5.0, 195.0)
    assert spread.times(-1.0).interval(0) == Estimate(-50.0, -195.0, -5.0)
    assert spread.minus(spread).interval(0) == Estimate(0.0, 0.0, 0.0)


def test_logarithms_are_turned_back_and_what_is_not_known_stays_that():
    spread = Spread(np.log([2.0, np.nan]), np.log(np.full((100, 2), 2.0)))
    assert exponential(spread, 0) == Estimate(*[pytest.approx(2.0)] * 3)
    assert exponential(spread, 1) is None


def test_the_compute_that_a_single_run_needed_is_where_its_curve_is_at_the_level():
    found = known_of(run_of(np.random.default_rng(0), noise=1e-4, curve=lambda spent: 0.5 * spent))
    levels, random = np.array([0.25, 0.45]), np.random.default_rng(1)
    needs = found.needs(levels, random)
    np.testing.assert_allclose(np.exp(needs.value), [5e21, 9e21], rtol=0.01)
    assert needs.draws.shape == (200, 2)
    both = np.array([True, True])
    mean = found.mean_need(levels, needs, both, random)
    assert mean.value == pytest.approx([needs.value.mean()])
    assert np.isnan(found.needs(np.array([0.9]), random).value).all()


def test_where_less_is_better_the_curve_is_turned():
    run = run_of(np.random.default_rng(0), noise=1e-4, curve=lambda spent: 0.8 - 0.5 * spent)
    turned = known_of(run, up=-1.0)
    np.testing.assert_allclose(turned.curve.y, -known_of(run).curve.y)
    needs = turned.needs(np.array([-0.55]), np.random.default_rng(1))
    assert np.exp(needs.value) == pytest.approx([5e21], rel=0.01)


def test_of_seeds_the_mean_curve_is_read_and_the_interval_is_students():
    seeds = [quiet(1.0, curve=lambda spent, up=up: 0.4 + up + 0 * spent) for up in (-0.1, 0, 0.1)]
    found = known_of(*seeds)
    at = found.at(np.array([5e21]), np.random.default_rng(0)).interval(0)
    # 4.303 is Student's 97.5 % point with 2 degrees of freedom; the seeds' error is 0.1/√3.
    assert at.value == pytest.approx(0.4, abs=0.001)
    assert (at.high - at.low) / 2 == pytest.approx(4.303 * 0.1 / np.sqrt(3), rel=0.1)


def test_seeds_without_compute_in_common_are_refused():
    late = quiet(1.0)
    late.columns["flops/total"] = late.columns["flops/total"] + 1e23
    with pytest.raises(ValueError, match="the seeds of 'a' have no compute in common"):
        known_of(quiet(1.0), late)
