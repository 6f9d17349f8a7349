"""What groups spent, worked out once for any baseline."""

import numpy as np
import pytest

import rlviz
from rlviz.report.compare.spending import sides_of
from rlviz.report.series.groups import Group

from .conftest import losses, quiet


def sides(what="accuracy", less=False, **runs):
    groups = [Group(name, (run,)) for name, run in runs.items()]
    return sides_of(groups, what, allow_different=False, lower_is_better=less)


def test_a_multiplier_is_turned_over_by_turning_the_baseline():
    spent = sides(base=quiet(1.0), twice=quiet(2.0)).spending()
    one, other = spent.multipliers("base")["twice"], spent.multipliers("twice")["base"]
    assert one.value == pytest.approx(2, rel=0.02)
    assert other.value == pytest.approx(1 / one.value)
    assert (other.low, other.high) == pytest.approx((1 / one.high, 1 / one.low))
    rows = spent.rows("base")
    assert [set(row.multipliers) for row in rows] == [{"twice"}] * len(rows)


def test_levels_of_what_falls_are_told_as_they_were_given():
    spent = sides("loss", less=True, base=losses(1.0), twice=losses(2.0)).spending([0.6, 0.5])
    assert [row.level for row in spent.rows("base")] == [0.6, 0.5]
    np.testing.assert_array_equal(spent.levels, [-0.6, -0.5])


def test_groups_that_count_differently_are_no_sides():
    run = quiet(1.0)
    other = rlviz.History({n: c for n, c in run.columns.items() if not n.startswith("flops")})
    with pytest.raises(ValueError, match="has no RL FLOPs"):
        sides(a=run, b=other)
