"""What is told of a curve: each kind in words of its own, in order, with values and places."""

import math

import numpy as np
import pytest

import rlviz
from rlviz import schema
from rlviz.report.series.axis import XAxis
from rlviz.report.series.curves import joined
from rlviz.report.statistics import Analysis, Segment
from rlviz.report.statistics.scatter import Scatter
from rlviz.report.summary.narrative import few_values, story
from rlviz.report.summary.places import Places
from rlviz.report.summary.values_text import number, plain

from .conftest import said

PLACES = Places(0.0, 1e21, in_flops=True)
LINE = joined(XAxis(schema.AXES["flops"]), np.array([0.0, 1e21]), np.array([2.0, 6.0]))
KINDS = {"up": "rises", "down": "falls", "level": "level"}


def segments_of(*moves, first=0.0, certain=True):
    """Segments from (kind, pace, percent where it ends, value at the end); the first is the
    start."""
    x, y = first, moves[0]
    found = []
    for kind, pace, place, value in moves[1:]:
        end = place * 1e19
        found.append(Segment(KINDS[kind], x, end, y, value, pace, certain, 0.1, 0.1, 3.0))
        x, y = end, value
    return tuple(found)


def caption_of(run):
    return " ".join(text.get_text() for text in rlviz.figure(run).texts).replace("\n", " ")


def told(*moves, places=PLACES, first=0.0, certain=True, curve=LINE, **others):
    parts = segments_of(*moves, first=first, certain=certain)
    return story("Loss", plain, places, curve, Analysis(300, segments=parts, **others))


def test_a_single_move_has_its_two_values():
    assert told(2.0, ("up", "", 100, 6.0)) == "Loss rose from 2.00 ± 0.10 to 6.00 ± 0.10."
    assert told(6.0, ("down", "", 100, 2.0)) == "Loss fell from 6.00 ± 0.10 to 2.00 ± 0.10."
    assert told(2.0, ("up", "ever faster", 100, 6.0)).startswith("Loss rose ever faster from 2.00")
    assert told(6.0, ("down", "ever slower", 100, 2.0)).startswith(
        "Loss fell ever more slowly from"
    )


def test_a_move_that_only_all_values_together_show_is_told_as_one_on_the_whole():
    assert told(4.5, ("down", "", 100, 4.45)) == (
        "Loss fell on the whole, from 4.50 ± 0.10 to 4.45 ± 0.10."
    )


def test_moves_are_told_in_their_order_each_with_its_place():
    assert told(
        8.0,
        ("down", "", 20, 6.0),
        ("up", "slowly", 40, 7.0),
        ("up", "steeply", 60, 14.0),
        ("level", "", 100, 14.19),
    ) == (
        "Loss fell from 8.00 ± 0.10 to 6.00 ± 0.10 at 20 % of the compute (2.00e20 RL FLOPs). It "
        "then rose slowly to 7.00 ± 0.10 at 40 % (4.00e20), then steeply to 14.00 ± 0.10 at 60 % "
        "(6.00e20) and stayed near 14.19 ± 0.10 to the end."
    )


def test_a_level_that_ends_where_it_began_needs_no_second_number():
    assert told(8.0, ("level", "", 30, 8.02), ("up", "", 100, 9.0)) == (
        "Loss began at 8.00 ± 0.10, stayed near that until 30 % of the compute (3.00e20 RL FLOPs) "
        "and rose to 9.00 ± 0.10 at the end."
    )
    assert "stayed near 8.09 ± 0.10 until" in told(
        8.0, ("level", "", 30, 8.09), ("up", "", 100, 9.0)
    )


def test_a_level_that_moves_by_more_than_its_errors_says_so():
    up = told(0.5, ("level", "", 25, 3.7), ("up", "steeply", 100, 45.0))
    assert up.startswith(
        "Loss began at 0.50 ± 0.10, rose only to 3.70 ± 0.10 by 25 % of the compute (2.50e20 RL "
        "FLOPs) and then rose steeply to 45.00"
    )
    assert told(45.0, ("down", "", 40, 4.0), ("level", "", 100, 3.0)).endswith(
        "and fell only to 3.00 ± 0.10 by the end."
    )


def test_after_a_level_the_direction_agrees_with_the_number_told_last():
    """A demo once "stayed near 67.9 %, and then fell to 69.4 %"."""
    text = told(8.0, ("up", "", 20, 9.0), ("level", "", 50, 8.96), ("up", "", 100, 8.99))
    assert "stayed near 8.96 ± 0.10" in text  # "that", 9.00, would be above the end of the rise
    assert "rose to 8.99 ± 0.10 at the end" in text


def test_a_pace_between_others_is_told_beside_the_one_before():
    faster = told(0.0, ("up", "slowly", 40, 1.0), ("up", "", 60, 3.0), ("down", "", 100, 1.0))
    assert "rose slowly from 0.00 ± 0.10 to 1.00" in faster
    assert "then faster to 3.00 ± 0.10 at 60 %" in faster
    slower = told(0.0, ("up", "steeply", 20, 3.0), ("up", "", 100, 4.0))
    assert "and then more slowly to 4.00 ± 0.10 at the end" in slower


def test_a_jump_has_one_place_and_not_two():
    assert told(
        8.0, ("level", "", 49, 8.0), ("up", "jump", 50, 12.0), ("down", "jump", 100, 9.0)
    ) == (
        "Loss began at 8.00 ± 0.10, stayed near that and jumped to 12.00 ± 0.10 at 50 % of the "
        "compute (5.00e20 RL FLOPs). It then dropped to 9.00 ± 0.10 at the end."
    ).replace(" at 50 % of the compute (5.00e20 RL FLOPs)", "")
    assert "jumped to 12.00 ± 0.10 at 50 % of the compute" in told(
        8.0, ("level", "", 49, 8.0), ("up", "jump", 50, 12.0), ("level", "", 100, 12.1)
    )


def test_a_metric_that_begins_late_or_ends_early_says_where():
    text = told(2.0, ("up", "", 90, 6.0), first=1e20)
    assert text == (
        "Loss rose from 2.00 ± 0.10 at 10 % of the compute (1.00e20 RL FLOPs) to 6.00 ± 0.10 at "
        "90 % (9.00e20), its last value."
    )
    steps = Places(1, 1e21, in_flops=False)
    assert "at step 100,000,000,000,000,000,000 to" in told(
        2.0, ("up", "", 100, 6.0), first=1e20, places=steps
    )


def test_a_constant_has_one_value():
    assert (
        told(-21.0, ("level", "constant", 100, -21.0)) == "Loss stayed at -21.00 ± 0.10 throughout."
    )


def test_of_what_is_not_certain_no_move_is_told():
    text = told(2.0, ("level", "", 100, 2.3), certain=False)
    assert text == (
        "Loss went from 2.00 ± 0.10 to 2.30 ± 0.10; within its noise no rise or fall is certain."
    )
    same = told(2.0, ("level", "", 100, 2.001), certain=False)
    assert same.startswith("Loss began and ended at 2.00 ± 0.10; within")


def test_of_few_values_it_is_said_that_they_do_not_tell_how_long_noise_lasts(history_of):
    rng = np.random.default_rng(0)
    for values, says in ((20, True), (23, True), (24, False)):
        right = 0.2 + 0.75 * (1 - np.exp(-np.arange(values) / 2.5))
        accuracy = rng.binomial(64, right) / 64
        run = history_of(accuracy=accuracy, flops=1e18 * np.arange(1, values + 1))
        text = rlviz.summarise(run).markdown()
        assert ("So few values don't tell how long their noise lasts" in text) == says, text
        assert ("(assumed: there are too few values to tell)" in text) == says, text
        assert (
            "noise correlation 0 assumed, of too few values (accuracy)" in caption_of(run)
        ) == says
        assert "lasts as long as here" not in text


def test_of_noise_as_long_as_a_walk_the_path_is_told_with_a_hedge():
    places = np.array([0.0, 3e20, 1e21])
    low = joined(LINE.axis, places, np.array([2.0, -5.0, 2.5]))
    text = told(2.0, ("level", "", 100, 2.5), certain=False, drift=True, curve=low)
    assert text == (
        "Loss went from 2.00 ± 0.10 to 2.50 ± 0.10 and was lowest at 30 % of the compute (3.00e20 "
        "RL FLOPs), -5.00. Noise that lasts as long as here moves like this by itself, so no rise "
        "or fall is certain."
    )
    high = joined(LINE.axis, places, np.array([2.0, 9.0, 2.5]))
    assert "was highest at 30 %" in told(
        2.0, ("level", "", 100, 2.5), certain=False, drift=True, curve=high
    )
    assert " was " not in told(2.0, ("level", "", 100, 6.0), certain=False, drift=True)


def test_a_growing_scatter_is_a_sentence_of_its_own():
    text = told(2.0, ("up", "", 100, 6.0), scatter=Scatter(first=0.1234, last=0.5, p=0.01))
    assert text.endswith(
        ". Single steps scattered more and more around its curve: by 0.12 in the first third of "
        "them, by 0.50 in the last."
    )
    assert "scatter" not in told(2.0, ("up", "", 100, 6.0), scatter=Scatter(0.1, 0.5, p=0.2))
    digits = Scatter(1e-17, 1e-16, p=0.001)  # of the last digits of a float
    assert "scatter" not in told(2.0, ("up", "", 100, 6.0), scatter=digits)


def test_of_few_values_the_first_and_the_last_are_told():
    assert few_values(
        "Loss", number, "has only 3 values", np.array([3.0, 2.5, 2.0]), np.array([10, 1020, 2000])
    ) == ("Loss has only 3 values: 3 at step 10 is the first, 2 at step 2,000 the last.")
    assert few_values("Loss", number, "has only 1 value", np.array([3.0]), np.array([7])) == (
        "Loss has a single value, 3 at step 7."
    )


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (lambda x: 0.3 + 0.3 * x, "rose from 3"),
        (lambda x: 0.6 - 0.3 * x, "fell from "),
        (lambda x: 0.5 + 0 * x, "within its noise no rise or fall is certain"),
        (lambda x: 0.3 + 1.2 * np.maximum(x - 0.7, 0), "and rose steeply to 6"),
        (lambda x: np.interp(x, [0, 0.5, 1], [0.3, 0.6, 0.6]), "stayed near "),
        (lambda x: np.interp(x, [0, 0.3, 1], [0.5, 0.3, 0.7]), "and rose to "),
        (lambda x: np.where(x > 0.5, 0.7, 0.3), "jumped to "),
    ],
)
def test_each_kind_of_curve_is_told_in_words_of_its_own(history_of, shape, words):
    noise = 0.01 * np.random.default_rng(1).standard_normal(200)
    assert words in said(history_of, shape(np.linspace(0, 1, 200)) + noise)


def test_a_random_walk_is_told_to_be_one_perhaps():
    walk = 0.5 + 0.001 * np.random.default_rng(2).standard_normal(500).cumsum()
    columns = {"step": np.arange(500.0), "metrics/return": walk}
    summary = rlviz.summarise(rlviz.History(columns))
    assert "moves like this by itself" in summary.claims[0].sentence
    assert [claim for claim, _ in summary.claims[0].findings if "scatter" not in claim] == []


def test_a_segment_without_a_band_has_values_without_errors():
    part = Segment("rises", 0.0, 1e21, 2.0, 6.0, "", True, None, None, math.inf)
    found = Analysis(300, segments=(part,))
    assert story("Loss", plain, PLACES, LINE, found) == "Loss rose from 2.00 to 6.00."
