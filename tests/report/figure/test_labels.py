"""Texts as they can be drawn: of any name, and of the width that there is."""

import warnings

import pytest

from rlviz.report.figure import labels

from .conftest import T, assert_well_laid_out, drawn, run_of


@pytest.mark.quick(1)
@pytest.mark.parametrize("name", ["a $x^{ metric$", "loss\nof\tthe critic", "奖励", "x" * 256])
def test_a_metric_of_any_name_can_be_drawn(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = drawn(run_of(**{name: T}), metrics=[name])
    assert_well_laid_out(figure)


def test_a_text_that_fits_stays_and_of_a_wider_one_the_middle_is_left_out():
    assert labels.fitted("accuracy", 10, 100) == "accuracy"
    for points in (30, 60, 90):
        text = labels.fitted("policy/loss/of/the/critic", 10, points)
        assert labels.width(text, 10) <= points
        begin, end = text.split("…")
        assert "policy/loss/of/the/critic".startswith(begin)
        assert "policy/loss/of/the/critic".endswith(end)
        assert 0 <= len(begin) - len(end) <= 1
    assert labels.fitted("a name", 10, 1) == "…"


def test_what_the_font_does_not_have_is_a_white_square_and_blanks_are_spaces():
    assert labels.fitted("奖励\n of\ta run", 10, 500) == "□□ of a run"


def test_lines_break_between_words_and_a_long_word_stands_alone():
    words = "bandwidth of the axis incomprehensibilities in words"
    lines = labels.wrapped(words, 8, 60).split("\n")
    assert " ".join(lines) == words
    assert "incomprehensibilities" in lines
    assert all(labels.width(line, 8) <= 60 for line in lines if " " in line)
    assert labels.wrapped(words, 8, 1000) == words


def test_a_width_grows_with_the_text_and_with_its_size():
    assert labels.width("aa", 10) == pytest.approx(2 * labels.width("a", 10), rel=0.1)
    assert labels.width("name", 20) == pytest.approx(2 * labels.width("name", 10), rel=0.02)


def test_a_name_can_not_turn_the_words_around_it():
    assert labels.fitted("a\u202eb\x1b", 10, 500) == r"a\u202eb\x1b"
    assert labels.wrapped("left out: a\u202eb", 10, 500) == r"left out: a\u202eb"
