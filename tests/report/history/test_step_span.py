"""What a stretch of rows is in short, and two stretches together."""

import numpy as np
import pytest

from rlviz.report.history.step_span import StepSpan

STEPS = np.array([1.0, 2.0, 2.0, np.nan, 1.0, 7.0, 8.0])
WALL = np.array([10.0, np.nan, 14.0, 99.0, 11.0, 12.0, np.nan])


def test_rows_without_a_step_do_not_count():
    span = StepSpan.of(STEPS, WALL)
    assert (span.count, span.first, span.last, span.least, span.most) == (6, 1, 8, 1, 8)
    assert span.backwards == 2  # to 2 again, and to 1
    assert (span.began, span.ended, span.clock_back) == (10, 12, 3)


@pytest.mark.parametrize("at", range(len(STEPS) + 1))
def test_two_parts_together_are_the_whole(at):
    parts = [StepSpan.of(STEPS[:at], WALL[:at]), StepSpan.of(STEPS[at:], WALL[at:])]
    assert parts[0].then(parts[1]) == StepSpan.of(STEPS, WALL)


@pytest.mark.parametrize("at", range(4))
def test_the_last_row_once_more_is_known_by_its_step_and_time(at):
    steps, wall = np.array([1.0, 2.0, 2.0]), np.array([10.0, 14.0, 14.0])
    for times, expected in ((wall, True), (np.array([10.0, 14.0, 15.0]), False)):
        whole = StepSpan.of(steps, times)
        assert (whole.backwards, whole.is_completed) == (1, expected)
        parts = [StepSpan.of(steps[:at], times[:at]), StepSpan.of(steps[at:], times[at:])]
        assert parts[0].then(parts[1]) == whole
    assert not StepSpan.of(steps[:2], wall[1:]).is_completed


def test_without_times_they_are_unknown():
    span = StepSpan.of(STEPS, None)
    assert np.isnan([span.began, span.ended]).all()
    assert span.clock_back == 0
    nothing = StepSpan.of(np.array([np.nan]), None)
    assert nothing.count == 0
    assert nothing.then(span).count == 6
