"""The steps as they are recorded: their times, metrics, accuracies."""

import numpy as np
import pytest


def test_answers_that_were_logged_one_by_one_are_counted(lines, take):
    rows = [{"step": s, "correct": c, "tokens": 10} for s, c in [(1, True), (1, False), (2, True)]]
    _, run = take(lines(rows), params=1e9, cumulative=False)
    assert run.accuracy.tolist() == [0.5, 1.0]
    assert run.columns["graded"].tolist() == [2, 1]
    assert run.exact_flops() == [20 * 8 * 10**9, 30 * 8 * 10**9]


def test_micro_batches_are_weighed_by_their_answers(lines, take):
    rows = [
        {"step": 1, "accuracy": 0.5, "graded": 2},
        {"step": 1, "accuracy": 0.9, "graded": 100},
    ]
    _, run = take(lines(rows))
    assert run.accuracy.tolist() == pytest.approx([91 / 102])  # DEFINITIONS 1
    assert run.columns["graded"].tolist() == [102]


def test_a_rate_a_rounding_above_1_is_1(lines, take):
    _, run = take(lines({"step": s, "accuracy": 1.0000001} for s in (1, 2)))
    assert run.accuracy.tolist() == [1, 1]


def test_times_in_words_are_times(lines, take):
    rows = [
        {"step": 1, "reward": 0.5, "timestamp": "2025-05-01T12:00:00Z"},
        {"step": 2, "reward": 0.5, "timestamp": "2025-05-01T12:00:30+00:00"},
    ]
    _, run = take(lines(rows))
    assert run.wall_time.tolist() == [1746100800, 1746100830]


def test_times_in_milliseconds_are_times(lines, take):
    rows = [{"step": s, "reward": 0.5, "timestamp": 1.7e12 + 500 * s} for s in (1, 2)]
    _, run = take(lines(rows))
    assert run.wall_time.tolist() == [1.7e9 + 0.5, 1.7e9 + 1]


def test_names_that_rlviz_uses_itself_are_changed(lines, take):
    rows = [
        {"step": s, "accuracy/hard": 0.5, "flops": 9.0, "reward/ema": 1.5, "loss": 1}
        for s in (1, 2)
    ]
    imported, run = take(lines(rows))
    assert set(run.metrics) == {"log/accuracy/hard", "log/flops", "reward_ema", "loss"}
    assert imported.metrics["log/flops"] == "flops"
    assert np.isnan(run.flops).all()  # a bare "flops" may be a rate


def test_the_seconds_of_a_resumed_run_go_on_where_they_count_from_0_again(lines, take):
    seconds = (10, 20, 30, 4, 14, 24)
    rows = [{"step": s, "accuracy": 0.5, "time/time_elapsed": t} for s, t in enumerate(seconds, 1)]
    _, run = take(lines(rows))
    assert np.diff(run.wall_time) == pytest.approx([10, 10, 4, 10, 10])


@pytest.mark.parametrize("clock", ["Process", "Wall"])
def test_the_relative_time_of_a_chart_is_the_time(take, clock):
    head = f"Relative Time ({clock}),grpo-7b - train/reward\n"
    _, run = take(head + "".join(f"{33 * s},0.5\n" for s in (1, 2, 3)), "log.csv")
    assert np.diff(run.wall_time) == pytest.approx([33, 33])


def test_a_pause_between_two_times_is_said(lines, take):
    rows = [
        {"step": s, "accuracy": 0.5, "_timestamp": 1.7e9 + 60 * s + 30_000 * (s > 20)}
        for s in range(1, 41)
    ]
    imported, _ = take(lines(rows))
    assert any("pauses of 8 h 20 min are no training time" in says for says in imported.known)


@pytest.mark.parametrize("unit", [1, 1e3, 1e6, 1e9])
def test_times_since_1970_are_read_in_any_unit(lines, take, unit):
    rows = [{"step": s, "reward": 0.5, "timestamp": (1.77e9 + 30 * s) * unit} for s in (1, 2)]
    imported, run = take(lines(rows))
    assert run.wall_time.tolist() == pytest.approx([1770000030, 1770000060])
    assert "The times are those of 'timestamp'." in imported.known
