"""verl's file logger."""

import numpy as np
import pytest


def test_the_case_of_the_file_logger_has_its_right_values(cases, take, metric):
    imported, run = take(cases / "03-verl-file-logger.jsonl", params=1e9)
    assert imported.kind == "verl_file"
    assert imported.columns["accuracy"] == "critic/score/mean"
    assert run.step.tolist() == list(range(31))
    assert np.isnan(run.accuracy[0])
    assert run.accuracy[[1, -1]].tolist() == [0.3335, 0.6947]
    assert metric(run, "tokens")[-1] == 30 * 7000
    assert run.exact_flops()[-1] == 168 * 10**13
    assert run.wall_time[-1] - run.wall_time[0] == pytest.approx(30 * 12.5)
    assert metric(run, "val-core/quiz/acc/mean@1")[0] == 0.91


def test_a_line_that_is_no_step_is_left_out_and_named(take):
    text = '{"step": 1, "data": {"a/b": 1.5}}\n{"step": null, "data": {"a/b": 2}}\n{"step": 2, "da'
    imported, run = take(text, name="metrics.jsonl")
    assert run.step.tolist() == [1]
    assert any("could not be read" in note for note in imported.notes)
