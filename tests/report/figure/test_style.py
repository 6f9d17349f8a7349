"""How several runs are told apart: colors first, then dashes."""

from dataclasses import replace

import pytest
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D

from rlviz.report.figure import labels
from rlviz.report.figure.style import MOST_GROUPS, STYLES, color_and_dashes


def test_as_many_runs_as_there_may_be_look_different():
    looks = [color_and_dashes(number) for number in range(MOST_GROUPS)]
    assert len(set(map(str, looks))) == MOST_GROUPS == 28
    assert [to_hex(color) for color, _ in looks[:2]] == ["#0072b2", "#d55e00"]
    assert looks[7] == (looks[0][0], (0, (6, 1.5)))  # the first color again, dashed


@pytest.mark.parametrize("number", [0, 7, 27])
def test_matplotlib_takes_them(number):
    color, dashes = color_and_dashes(number)
    Line2D([0, 1], [0, 1], color=color, linestyle=dashes)


@pytest.mark.parametrize(
    ("name", "width", "columns"),
    [("default", 12, 2), ("default", 6.0, 2), ("default", 5.9, 1), ("default", 3.3, 1),
     ("paper", 3.3, 1), ("paper", 2.0, 1)],
)  # fmt: skip
def test_panels_that_would_be_too_narrow_for_their_words_stand_below_each_other(
    name, width, columns
):
    usual = STYLES[name]
    style = usual.of_width(width)
    assert (style.width, style.columns) == (width, columns)
    room = 72 * 0.72 * width / columns  # a panel beside the words at its axis
    assert labels.width("Average parallelism vs Steps", style.title) < 1.3 * room
    assert style.font <= usual.font
    assert 0.5 * usual.font <= style.font


def test_in_its_usual_width_a_style_is_what_it_is():
    for style in STYLES.values():
        assert style.of_width(style.width) == replace(style, one_panel_width=style.width)
