"""Steps of a framework of which nothing is known but what it logs."""

import logging

import pytest

import rlviz
from rlviz.integrations import LoggedSteps


def test_values_of_a_step_come_together_and_a_later_step_closes_it(tmp_path):
    steps = LoggedSteps(tmp_path, accuracy="score", figure_seconds=None)
    steps.add(1, {"score": 0.25, "loss": 2.0})
    steps.add(1, {"kl": 0.5})
    steps.add(3, {"score": 0.75, "loss": 1.0})
    steps.close()
    run = rlviz.read(tmp_path)
    assert run.step.tolist() == [1, 3]
    assert run.accuracy.tolist() == [0.25, 0.75]
    assert run.columns["metrics/loss"].tolist() == [2.0, 1.0]
    assert run.columns["metrics/kl"][0] == 0.5


def test_flops_are_counted_from_what_was_logged(tmp_path):
    steps = LoggedSteps(
        tmp_path, flops=lambda values: {"update": 6 * values["tokens"]}, figure_seconds=None
    )
    steps.add(1, {"tokens": 100})
    steps.add(2, {"tokens": 50})
    steps.close()
    assert rlviz.read(tmp_path).exact_flops("update") == [600, 900]


def test_flops_that_fail_are_said_once_and_the_steps_stay(tmp_path, caplog):
    steps = LoggedSteps(tmp_path, flops=lambda values: values["tokens"], figure_seconds=None)
    with caplog.at_level(logging.WARNING):
        for step in (1, 2, 3):
            steps.add(step, {"loss": 1.0})
        steps.close()
    (said,) = (r.getMessage() for r in caplog.records if "flops(values) failed" in r.getMessage())
    assert "failed at step 1, whose FLOPs are missing: KeyError: 'tokens'" in said
    assert len(rlviz.read(tmp_path)) == 3


def test_a_value_outside_0_and_1_is_a_metric_and_no_accuracy(tmp_path):
    steps = LoggedSteps(tmp_path, accuracy="a reward of its own", figure_seconds=None)
    steps.add(1, {"a reward of its own": 7.0})
    steps.close()
    run = rlviz.read(tmp_path)
    assert run.columns["metrics/a reward of its own"].tolist() == [7.0]
    assert run.accuracy.tolist() == pytest.approx([float("nan")], nan_ok=True)
