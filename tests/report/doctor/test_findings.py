"""What several findings ask: holes in the numbers of steps, sessions that go on."""

import numpy as np
import pytest

import rlviz
from rlviz.report.doctor.examination import examine
from rlviz.report.doctor.findings import goes_on_from, jumps, usual_stride


def kinds(diagnosis):
    return [finding.kind for finding in diagnosis.findings]


@pytest.mark.parametrize(
    "steps",
    [
        [3, 5, 9],
        [10, 20, 30, 40, 50],
        [1, 2, 4, 7, 8, 12],
        [1, 2, 4, 5, 7, 8, 10, 11],
        [*range(0, 100, 10), *range(100, 200)],
    ],
)
def test_a_loop_with_a_cadence_of_its_own_has_no_holes(write_batch, logdir, steps):
    write_batch(steps)
    assert kinds(examine(logdir)) == []


def run_of(steps):
    return rlviz.History({"step": np.array(steps, dtype=float)})


def test_a_hole_is_told_by_the_steps_that_would_stand_in_it():
    assert jumps(run_of([1, 2, 3, 6, 7, 8])) == [(4, 5)]
    assert jumps(run_of([10, 20, 30, 60, 70, 80, 90])) == [(40, 50)]
    assert jumps(run_of([1, 2, 3, 4, 6, 7, 8, 9, 20, 21, 22])) == [(5, 5), (10, 19)]


@pytest.mark.parametrize("steps", [[], [5], [1, 2, 9], [1, 2, 3, 9, 15, 16, 17, 18]])
def test_too_few_steps_or_two_jumps_in_a_row_tell_of_no_hole(steps):
    assert jumps(run_of(steps)) == []


def test_the_usual_stride_is_the_median():
    assert usual_stride(np.array([10, 20, 30, 90])) == 10
    assert usual_stride(np.array([7])) == usual_stride(np.array([], dtype=int)) == 1


@pytest.mark.parametrize(
    ("resumed_after", "goes_on"), [(None, False), (9, False), (10, True), (12, True)]
)
def test_a_session_goes_on_from_one_whose_last_step_its_state_has(
    write_batch, logdir, resumed_after, goes_on
):
    write_batch(range(1, 11))
    write_batch(range(13, 15), session=1, resumed_after=resumed_after)
    before, after = rlviz.read(logdir).sessions
    assert goes_on_from(before, after) is goes_on
