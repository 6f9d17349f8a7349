"""How several runs are told apart: colors first, then dashes."""

import pytest
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D

from rlviz.report.figure.style import MOST_GROUPS, color_and_dashes


def test_as_many_runs_as_there_may_be_look_different():
    looks = [color_and_dashes(number) for number in range(MOST_GROUPS)]
    assert len(set(map(str, looks))) == MOST_GROUPS == 28
    assert [to_hex(color) for color, _ in looks[:2]] == ["#0072b2", "#d55e00"]
    assert looks[7] == (looks[0][0], (0, (6, 1.5)))  # the first color again, dashed


@pytest.mark.parametrize("number", [0, 7, 27])
def test_matplotlib_takes_them(number):
    color, dashes = color_and_dashes(number)
    Line2D([0, 1], [0, 1], color=color, linestyle=dashes)
