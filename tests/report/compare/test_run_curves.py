"""What is known of each of the runs: its curve, what it needed, and how sure that is."""

import numpy as np
import pytest

import rlviz
from rlviz.report.compare.run_curves import contenders_of
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
    return contenders_of([Group("a", runs)], measure("accuracy", runs), up=up)[0]


def needs_of(found, *levels):
    return found.needs(np.array(levels), 200, np.random.default_rng(1))


def test_the_compute_that_a_single_run_needed_is_where_its_curve_is_at_the_level():
    found = known_of(run_of(np.random.default_rng(0), noise=1e-4, curve=lambda spent: 0.5 * spent))
    needs = needs_of(found, 0.25, 0.45, 0.9)
    assert needs.draws.shape == (1, 200, 3)
    assert needs.known.tolist() == [True, True, False]
    each = needs.of_each_level()
    np.testing.assert_allclose(np.exp(each.value[:2]), [5e21, 9e21], rtol=0.01)
    assert np.isnan(each.value[2])
    assert (each.low[:2] < each.value[:2]).all()
    assert (each.value[:2] < each.high[:2]).all()
    mean = needs.on_average(needs.known)
    assert mean.value == pytest.approx([each.value[:2].mean()])


def test_where_less_is_better_the_curve_is_turned():
    run = run_of(np.random.default_rng(0), noise=1e-4, curve=lambda spent: 0.8 - 0.5 * spent)
    turned = known_of(run, up=-1.0)
    np.testing.assert_allclose(turned.curve.y, -known_of(run).curve.y)
    assert np.exp(needs_of(turned, -0.55).value) == pytest.approx(np.array([[5e21]]), rel=0.01)


def test_of_seeds_the_mean_curve_is_read_and_the_interval_is_students():
    seeds = [quiet(1.0, curve=lambda spent, up=up: 0.4 + up + 0 * spent) for up in (-0.1, 0, 0.1)]
    at = known_of(*seeds).at(np.array([5e21]))[0]
    # 4.303 is Student's 97.5 % point with 2 degrees of freedom; the seeds' error is 0.1/√3.
    assert at.value == pytest.approx(0.4, abs=0.001)
    assert (at.high - at.low) / 2 == pytest.approx(4.303 * 0.1 / np.sqrt(3), rel=0.1)


def test_two_seeds_that_agree_are_no_surer_of_their_need_than_their_noise_makes_it():
    run = run_of(np.random.default_rng(0), noise=0.01)
    alone = needs_of(known_of(run), 0.45).of_each_level()[0]
    twice = needs_of(known_of(run, run), 0.45).of_each_level()[0]
    # 12.706: Student's 97.5 % point with 1 degree of freedom; √2 for the mean of two.
    times = (twice.high - twice.low) / (alone.high - alone.low)
    assert times == pytest.approx(12.706 / 1.96 / np.sqrt(2), rel=0.15)


def test_a_level_that_a_curve_falls_below_again_is_reached_in_passing():
    def hump(spent):
        return 0.3 + 0.3 * np.minimum(spent, 0.5) / 0.5 - 0.3 * np.maximum(spent - 0.5, 0)

    def dent(spent):  # falls below 0.45 and comes back
        return 0.3 + 0.3 * spent + 0.2 * np.exp(-(((spent - 0.4) / 0.1) ** 2))

    rising = known_of(quiet(1.0))
    assert needs_of(rising, 0.4, 0.5).in_passing.tolist() == [0, 0]
    turning = quiet(1.0, curve=hump)
    assert needs_of(known_of(turning), 0.4, 0.5, 0.58).in_passing.tolist() == [0, 1, 1]
    assert needs_of(known_of(quiet(1.0, curve=dent)), 0.5).in_passing.tolist() == [1]
    assert needs_of(known_of(turning, quiet(1.0)), 0.4, 0.5).in_passing.tolist() == [0, 1]


def test_a_wiggle_within_the_band_is_not_falling_below():
    def level(spent):
        return 0.3 + 0.3 * np.minimum(spent, 0.5) / 0.5

    found = known_of(run_of(np.random.default_rng(2), noise=0.02, curve=level))
    peak = float(found.curve.y.max())
    assert needs_of(found, peak - 0.004).in_passing.tolist() == [0]


def test_seeds_without_compute_in_common_are_refused():
    late = quiet(1.0)
    late.columns["flops/total"] = late.columns["flops/total"] + 1e23
    with pytest.raises(ValueError, match="the seeds of 'a' have no compute in common"):
        known_of(quiet(1.0), late)
