"""What is known of each of the runs: its curve, what it needed, and how sure that is."""

import numpy as np
import pytest

import rlviz

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
