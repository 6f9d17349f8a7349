"""The forecast: the dashed line of the figure, or why there is none."""

import numpy as np
import pytest

import rlviz


def test_the_forecast_is_the_dashed_line_of_the_figure(open_board, tmp_path, write_rows):
    steps = 2000
    random = np.random.default_rng(0)
    flops = np.cumsum(np.full(steps, 1e21))
    accuracy = 0.2 + 0.5 / (1 + 1e23 / flops)
    columns = ["step", "session", "correct", "graded", "flops/total", "flops_remainder/total"]
    zeros = np.zeros(steps)
    correct = random.binomial(4096, accuracy).astype(np.float64)
    table = np.column_stack(
        [zeros + np.arange(1, steps + 1), zeros, correct, zeros + 4096, flops, zeros]
    )
    write_rows(tmp_path / "run", columns, [(table, {})])
    found = open_board(tmp_path).get("forecast", {"run": "run"}).get_json()
    run = rlviz.read(tmp_path / "run")
    fit = rlviz.scaling.fit(run.flops, run.accuracy)
    assert found["identifiable"] is fit.identifiable is True
    assert found["ceiling"] == list(fit.ceiling_interval)
    assert found["ceiling"][0] < 0.7 < found["ceiling"][1]
    (ax,) = rlviz.figure(run, metrics=["accuracy"], forecast=fit).axes
    (line,) = (line for line in ax.lines if line.get_label() == "Forecast")
    np.testing.assert_allclose([found["x"], found["y"]], line.get_data())
    assert found["x"][0] == flops[-1]
    assert found["x"][-1] == pytest.approx(2 * flops[-1])
    assert (np.array(found["low"]) <= found["y"]).all()


def test_where_no_ceiling_shows_the_forecast_says_why(board):
    for name, words in {"plain": "", "without flops": "no axis", "bare": "points"}.items():
        found = board.get("forecast", {"run": name}).get_json()
        assert found["identifiable"] is False
        assert words in found["why_not"] != ""
        assert found["x"] == found["y"] == []
