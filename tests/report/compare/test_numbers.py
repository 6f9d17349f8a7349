"""Numbers as text: what the words say can be read off the brackets."""

import numpy as np
import pytest

from rlviz.report.compare import numbers
from rlviz.report.compare.estimate import Estimate
from rlviz.report.series.measures import Measure, measure

SHARE = measure("accuracy", [])
LOSS = Measure("loss", "loss", "number")


def test_a_share_is_in_percent_and_its_difference_in_points():
    assert numbers.value(SHARE, Estimate(0.5, -0.1, 1.3)) == "50.0 % [0.0, 100.0]"
    assert numbers.difference(SHARE, Estimate(0.5, -0.1, 1.3)) == "+50.0 points [-10.0, +130.0]"
    assert numbers.distance(SHARE, Estimate(-0.5, -0.6, -0.1)) == "50.0 points [10.0, 60.0]"
    assert numbers.level(SHARE, 0.355) == "35.5 %"


def test_numbers_of_any_size_are_readable():
    assert numbers.difference(LOSS, Estimate(2.0, 1.0, 3.0)) == "+2.00 [+1.00, +3.00]"
    assert numbers.difference(LOSS, Estimate(2e9, 1e9, 3e9)) == "+2e+09 [+1e+09, +3e+09]"
    assert numbers.distance(LOSS, Estimate(-2e9, -3e9, -1e9)) == "2e+09 [1e+09, 3e+09]"
    assert numbers.difference(LOSS, Estimate(0.0, 0.0, 0.0)) == "+0 [+0, +0]"
    assert numbers.flops(Estimate(1e21, 2e20, 3e21)) == "1.00e21 [2.00e20, 3.00e21]"
    assert (numbers.flops(None), numbers.times(None)) == ("–", "–")


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (Estimate(0.011, 0.0002, 0.02), "+1.10 points [+0.02, +2.00]"),
        (Estimate(0.011, -0.0002, 0.02), "+1.10 points [-0.02, +2.00]"),
        (Estimate(-0.00001, -0.02, 0.02), "+0.0 points [-2.0, +2.0]"),
    ],
)
def test_rounding_never_hides_on_which_side_of_0_an_end_is(estimate, text):
    assert numbers.difference(SHARE, estimate) == text


def test_what_a_reader_sees_of_an_interval_is_what_the_rule_sees():
    random = np.random.default_rng(0)
    for _ in range(2000):
        low = 10.0 ** random.uniform(-5, 0) * random.choice([-1, 1])
        e = Estimate(1.0, 1 + low, 3.0)
        shown = numbers.times(e)
        assert (float(shown.split("[")[1].split(",")[0]) > 1) == e.differs_from(1.0)
