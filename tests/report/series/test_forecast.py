"""What is foreseen of a run, or why not: the same for the figure, the page and the command line."""

import numpy as np
import pytest

import rlviz
from rlviz.report.series.axis import choose
from rlviz.report.series.forecast import Forecasts, Foreseen, Outlook, foresee


def run_of(accuracy, flops=10**20):
    steps = np.arange(1.0, len(accuracy) + 1)
    columns = {"step": steps, "correct": 512 * accuracy, "graded": np.full(len(steps), 512.0)}
    if flops:
        columns["flops/total"] = float(flops) * steps  # numpy 1 makes objects of so large an int
    return rlviz.History(columns)


STEPS = np.arange(1, 301)
NOISE = 0.01 * np.random.default_rng(0).standard_normal(300)
SATURATING = run_of(0.3 + 0.4 / (1 + (60 / STEPS) ** 2) + NOISE)
RISING = run_of(0.2 + 0.4 * (STEPS / 300) ** 3 + NOISE)


def test_a_ceiling_that_shows_is_foreseen_to_twice_the_compute():
    found = foresee(SATURATING)
    assert isinstance(found, Foreseen)
    assert found.fit.identifiable
    assert pytest.approx(0.7, abs=0.02) == found.fit.A
    assert found.outlook.x[[0, -1]] == pytest.approx([300 * 10**20, 600 * 10**20])
    assert (found.outlook.low <= found.outlook.y).all()
    assert (found.outlook.y <= found.outlook.high).all()


@pytest.mark.parametrize(
    ("run", "why"),
    [
        (RISING, "does not slow down"),
        (run_of(np.full(300, 0.5), flops=None), "the run has no axis of RL FLOPs"),
        ([SATURATING, SATURATING], "it is a group of seeds"),
        (run_of(np.full(3, 0.5)), "points"),
    ],
)
def test_where_nothing_can_be_foreseen_it_is_said_why(run, why):
    found = foresee(run)
    assert isinstance(found, str)
    assert why in found
    assert not found.endswith(".")


def test_of_several_runs_each_has_its_law_or_its_reason():
    found = Forecasts.of({"a": SATURATING, "b": RISING, "seeds": [SATURATING, SATURATING]})
    assert list(found.fits) == ["a"]
    assert found.only is found.fits["a"]
    assert list(found.why_not) == ["b", "seeds"]
    assert Forecasts.of({"b": RISING}).only is None


def test_a_forecast_is_drawn_as_far_as_it_reaches():
    short = run_of(0.2 + 0.6 * STEPS / 300 + NOISE)
    found = foresee(short)
    assert isinstance(found, Foreseen)
    assert 1 < found.fit.reach < 2
    assert found.outlook.x[-1] == pytest.approx(found.fit.reach * 300 * 10**20)
    assert not found.fit.has_ceiling


class Law:
    """A forecast that is known, whatever the data."""

    identifiable = True

    def __init__(self, width=1):
        self.width = width

    def predict(self, flops):
        return np.where(flops < 5, np.nan, 0.5)[:: self.width]

    def predict_interval(self, flops):
        return np.full(len(flops), 0.4), np.full(len(flops), 0.6)


def test_an_outlook_holds_the_points_that_are_known():
    axis = choose("flops", [run_of(np.full(3, 0.5), flops=1)])
    found = Outlook.beyond(3.0, axis, Law())
    assert found.x.min() >= 5
    assert found.x.max() == 6
    assert set(found.y) == {0.5}
    assert Outlook.beyond(1.0, axis, Law()) is None  # all of it is unknown
    assert Outlook.beyond(0.0, axis, Law()) is None  # nothing was spent
    with pytest.raises(ValueError, match=r"an accuracy for each of 100 FLOPs, got the shape"):
        Outlook.beyond(3.0, axis, Law(width=2))


def test_over_another_axis_there_is_no_outlook():
    axis = choose("step", [SATURATING])
    assert Outlook.beyond(3.0, axis, Law()) is None
