"""How long a run stood still."""

import numpy as np
import pytest

from rlviz.wall_time import Gaps, pauses


def steady(steps, seconds):
    return seconds * np.arange(float(steps))


def test_what_comes_back_is_no_pause():
    since = steady(200, 5.0)
    for step in range(10, 200, 10):  # an evaluation of 20 minutes
        since[step:] += 1200
    assert pauses(since) == 0


@pytest.mark.parametrize(("gap", "paused"), [(60, 0), (590, 0), (3600, 3600)])
def test_a_step_of_some_minutes_is_no_pause(gap, paused):
    since = steady(100, 5.0)
    since[50:] += gap
    assert pauses(since) == paused


def test_of_a_few_steps_nothing_is_told():
    assert pauses(np.array([0.0, 1.0, 90_000.0])) == 0
    assert pauses(np.zeros(10)) == 0


def test_gaps_add_up_piece_by_piece():
    since = steady(300, 5.0)
    since[200:] += 7200
    gaps = Gaps()
    for piece in np.array_split(np.diff(since), 7):
        gaps.add(piece)
    assert gaps.paused == pauses(since) == 7200
