"""What is told of a curve: each kind in words of its own, never against the numbers."""

import re

import numpy as np

import rlviz
from rlviz import schema
from rlviz.report.series.axis import XAxis
from rlviz.report.series.curves import joined
from rlviz.report.statistics.acceleration import Acceleration
from rlviz.report.statistics.analysis import Analysis, Trend
from rlviz.report.statistics.dip import Dip
from rlviz.report.statistics.noise import Noise
from rlviz.report.statistics.plateau import Plateau
from rlviz.report.statistics.scatter import Scatter
from rlviz.report.summary.narrative import Axis, findings, sentence
from rlviz.report.summary.values_text import plain

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


# --- the sentences by themselves -------------------------------------------

AXIS = Axis(start=100.0, extent=200.0, places=lambda *at: " to ".join(map(str, at)), whole="it")
LINE = joined(XAxis(schema.AXES["step"]), np.array([100.0, 300.0]), np.array([2.0, 6.0]))
STATIONARY = Noise(0.0, is_stationary=True)


def test_places_are_called_by_their_share_and_by_what_is_there():
    assert (AXIS.x(0.25), AXIS.share(0.254)) == (150.0, "25 % of it")
    assert (AXIS.at(0.5), AXIS.at(0.0, 1.0)) == ("200.0", "100.0 to 300.0")


def test_of_too_few_points_only_the_ends_are_told():
    assert sentence("Loss", plain, AXIS, LINE, Analysis(3)) == "Loss went from 2.00 to 6.00."


def test_a_claimed_trend_is_told_in_its_direction_with_a_growing_scatter():
    found = Analysis(
        300, STATIONARY, Trend(p=0.001, slope=4.0), scatter=Scatter(first=0.1, last=0.5, p=0.01)
    )
    assert sentence("Loss", plain, AXIS, LINE, found) == (
        "Loss rose from 2.00 to 6.00, its scatter growing from 0.10 to 0.50."
    )
    turned = Analysis(300, STATIONARY, Trend(p=0.03, slope=-4.0))
    assert sentence("Loss", plain, AXIS, LINE, turned) == (
        "Loss went from 2.00 over 4.00 in the middle to 6.00; a straight line through all steps "
        "shows a fall (p = 0.03), so it turned."
    )


def test_a_dip_and_a_bend_are_told_one_after_the_other():
    found = Analysis(
        300,
        STATIONARY,
        Trend(0.001, 4.0),
        dip=Dip(0.004, at=0.25, depth=1.0, depth_error=0.25),
        acceleration=Acceleration(0.0002, at=0.75, interval=(0.5, 1.0), before=1.0, after=9.0),
    )
    assert sentence("Loss", plain, AXIS, LINE, found) == (
        "Loss first fell from 2.00 to 3.00 (at 25 % of it) and from 250.0 on rose steeply to 6.00."
    )
    assert findings("Loss", plain, AXIS, found) == [
        ("Loss: trend", "rises, p = 0.001"),
        ("Loss: initial dip", "1.00 ± 0.50 deep at 150.0, p = 0.004"),
        ("Loss: acceleration", "at 250.0 (95 %: 200.0 to 300.0), p < 0.001"),
    ]


def test_after_a_level_the_direction_is_that_from_the_level_told_and_not_from_the_curve_there():
    """Demo seed 6 "stayed near 67.9 %, and then fell to 69.4 %": its curve stood higher there."""
    falling = joined(LINE.axis, np.array([100.0, 280.0, 300.0]), np.array([60.0, 70.5, 69.4]))
    found = Analysis(
        300, STATIONARY, Trend(0.001, 4.0), plateau=Plateau(0.5, 0.9, 67.9, 0.1, change=0.5)
    )
    assert sentence("Loss", plain, AXIS, falling, found) == (
        "Loss rose from 60.00, stayed near 67.90 ± 0.20 from 50 to 90 % of it, and then rose to "
        "69.40."
    )


def test_no_trend_is_claimed_of_what_may_be_drift():
    drift = Analysis(300, Noise(0.97, is_stationary=False), Trend(0.0, 4.0))
    assert "random drift cannot be excluded" in sentence("Loss", plain, AXIS, LINE, drift)
    assert findings("Loss", plain, AXIS, drift) == []
