"""What is told of a curve: each kind in words of its own, never against the numbers."""

import re

import numpy as np

import rlviz

from .conftest import run_of, said


def test_each_kind_of_curve_is_told_in_words_of_its_own(history_of):
    rng = np.random.default_rng(1)
    x, noise = np.linspace(0, 1, 200), 0.01 * rng.standard_normal(200)
    number = r"\d\d\.\d ± \d\.\d %"
    place = r"\d\d % of the compute"
    told = {
        "rose": (0.3 + 0.3 * x, rf"rose from {number} to {number}"),
        "fell": (0.6 - 0.3 * x, rf"fell from {number} to {number}"),
        "flat": (
            0.5 + 0 * x,
            rf"went from {number} to {number}, which is no trend \(p = 0\.\d\d\)",
        ),
        "bend": (
            0.3 + 1.2 * np.maximum(x - 0.7, 0),
            rf"stayed near {number} until {place} and from 1\.[34]\de22 RL FLOPs on rose steeply "
            rf"to {number}",
        ),
        "saturating": (
            np.interp(x, [0, 0.5, 1], [0.3, 0.6, 0.6]),
            rf"rose from {number} and stayed near {number} from {place} on",
        ),
        "dip": (
            np.interp(x, [0, 0.3, 1], [0.5, 0.3, 0.7]),
            rf"first fell from {number} to {number} \(at {place}\) and then rose to {number}",
        ),
    }
    for kind, (curve, pattern) in told.items():
        sentence = said(history_of, curve + noise)
        assert re.fullmatch(rf"Training accuracy {pattern}\.", sentence), (kind, sentence)


def test_a_random_walk_is_told_to_be_one_perhaps(history_of):
    walk = 0.5 + 0.01 * np.random.default_rng(2).standard_normal(200).cumsum()
    summary = rlviz.summarise(run_of(history_of, walk))
    assert "random drift cannot be excluded" in summary.claims[0].sentence
    assert summary.claims[0].findings == ()
    assert "A random walk of the same roughness can't be excluded" in summary.markdown()


def test_a_level_that_the_end_is_not_at_is_told_with_the_end(history_of):
    x = np.linspace(0, 1, 300)
    curve = 0.3 + 0.4 * np.minimum(x / 0.4, 1) - 0.3 * np.maximum(x - 0.9, 0)
    noise = 0.005 * np.random.default_rng(0).standard_normal(300)
    number = r"\d\d\.\d+ ± \d\.\d+ %"
    told = said(history_of, curve + noise)
    assert re.search(rf"stayed near {number} from \d\d % of the compute on, at last {number}", told)
    level, end = (float(n) for n in re.findall(r"(\d\d\.\d+) ±", told)[1:])
    assert level > 69 > 68 > end


def test_the_words_never_say_another_direction_than_the_numbers(history_of):
    x = np.linspace(0, 1, 300)
    noise = 0.01 * np.random.default_rng(4).standard_normal(300)
    curve = np.interp(x, [0, 0.08, 1], [0.25, 0.45, 0.33])  # up at once, then slowly down
    sentence = said(history_of, curve + noise)
    start, end = (float(n) for n in re.findall(r"(\d\d\.\d) ± \d\.\d %", sentence)[::2][:2])
    assert start < 33
    assert end > start
    assert "fell from" not in sentence.split(";")[0]
    assert re.search(
        r"a straight line through all steps shows a fall \(p .*\), so it turned", sentence
    )
