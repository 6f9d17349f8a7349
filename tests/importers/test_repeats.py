"""Rows that stand in a log more than once."""

import pytest


def rows(times=1):
    return [
        {"step": s, "reward/mean": s / 40, "tokens": 1000 + s % 3}
        for s in range(1, 31)
        for _ in range(times)
    ]


ONCE = 8 * 10**9 * (30 * 1000 + 30)
"""FLOPs of the tokens of the rows, each once."""


@pytest.mark.parametrize("times", [2, 3])
def test_rows_that_were_logged_by_several_handlers_count_once(lines, take, times):
    imported, run = take(lines(rows(times)), params=1e9)
    assert run.exact_flops()[-1] == ONCE
    assert f"{30 * (times - 1)} rows were logged again" in " ".join(imported.notes)


def test_a_log_that_stands_twice_below_itself_counts_once(lines, take):
    imported, run = take(lines(rows() + rows()), params=1e9)
    assert run.exact_flops()[-1] == ONCE
    assert "30 rows were logged again" in " ".join(imported.notes)


def test_a_resumed_run_that_repeats_steps_alike_is_resumed(lines, take):
    imported, run = take(lines(rows()[:20] + rows()[15:]), params=1e9)
    assert run.exact_flops()[-1] == ONCE
    assert "The run was resumed once" in " ".join(imported.notes)


def test_a_stretch_that_was_logged_twice_counts_once(lines, take):
    half = rows()
    _, run = take(lines(half + half[10:20]), params=1e9)
    assert run.exact_flops()[-1] == ONCE


def test_rows_of_every_rank_that_are_equal_count_once(lines, take):
    every = [row | {"rank": rank} for row in rows() for rank in range(4)]
    imported, run = take(lines(every), params=1e9)
    assert run.exact_flops()[-1] == ONCE
    assert "90 rows were logged again" in " ".join(imported.notes)


def test_equal_answers_are_different_answers(lines, take):
    answers = [{"step": s, "correct": 1.0, "tokens": 10} for s in (1, 2) for _ in range(3)]
    _, run = take(lines(answers), params=1e9, cumulative=False)
    assert run.columns["graded"].tolist() == [3, 3]
    assert run.exact_flops()[-1] == 60 * 8 * 10**9


def test_micro_batches_that_happen_to_be_equal_are_kept(lines, take):
    batches = [
        {"step": s, "accuracy": a, "tokens": 10}
        for s in range(1, 11)
        for a in ((0.5, 0.25, 0.5) if s % 2 else (0.5, 0.75, 0.25))
    ]
    _, run = take(lines(batches), params=1e9, cumulative=False)
    assert run.exact_flops()[-1] == 300 * 8 * 10**9
