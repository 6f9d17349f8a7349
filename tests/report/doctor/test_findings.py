"""What several findings ask: holes in the numbers of steps, sessions that go on."""

import pytest

from rlviz.report.doctor.examination import examine


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
