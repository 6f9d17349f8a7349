"""Limits that would show nothing are refused, with what there is to see."""

import numpy as np
import pytest

import rlviz

from .conftest import dots_of


@pytest.fixture(scope="module")
def runs(history_of):
    """A run of 60 steps: parallelism falls, and one value of it is 0."""
    random = np.random.default_rng(0)
    step = np.arange(60.0)
    parallelism = 8.0 - step / 20 + random.normal(0, 0.1, 60)
    parallelism[5] = 0.0
    accuracy = 0.3 + step / 200 + random.normal(0, 0.01, 60)
    return [history_of(accuracy=accuracy, parallelism=parallelism, flops=1e20 * (1 + step))]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"ylim": {"accuracy": (30, 70)}},
            r"ylim 30:70 shows nothing of 'accuracy', whose values go from 0\.\d+ to 0\.\d+\. "
            r"Shares are written as 0\.3, and not as 30\. Did you mean 0\.3:0\.7\?",
        ),
        (
            {"ylim": {"parallelism": (0.05, 0.08)}},
            r"of 'average_parallelism', whose values go from 0 to 8\.\d+\. Did you mean 5:8\?",
        ),
        ({"ylim": (4, 9)}, r"nothing of 'accuracy', .* Give each metric its own\."),
        ({"ylim": {"accuracy": (None, -1)}}, r"ylim :-1 shows nothing of 'accuracy'"),
        (
            {"xlim": (1, 50)},
            r"xlim 1:50 shows nothing of the runs, which go from 1e\+20 to 6e\+21 \(RL FLOPs\)\.",
        ),
        ({"xlim": (1e30, 2e30), "log_y": ["parallelism"]}, r"shows nothing of the runs"),
    ],
)
def test_limits_that_show_nothing_are_refused_with_the_range_that_there_is(runs, options, words):
    with pytest.raises(ValueError, match=words):
        rlviz.figure(runs[0], **options)


def test_limits_between_two_steps_show_the_line_from_one_to_the_other(runs):
    (left, right) = rlviz.figure(runs[0], xlim=(10.2e20, 10.8e20)).axes
    assert not dots_of(left)
    assert left.get_xlim() == (10.2e20, 10.8e20)
    assert not left.texts
    assert not right.texts


def test_a_metric_without_a_value_in_a_part_of_the_axis_says_so(history_of):
    run = history_of(accuracy=np.linspace(0.3, 0.6, 60), flops=1e20 * (1 + np.arange(60)))
    run.columns["metrics/late"] = np.where(np.arange(60) > 40, 0.5, np.nan)
    left, right = rlviz.figure(run, metrics=["accuracy", "late"], xlim=(1e20, 2e21)).axes
    assert [text.get_text() for text in right.texts] == ["no late in this part"]
    assert not left.texts
    assert rlviz.figure(run, metrics=["late"], xlim=(1e20, 5e21)).axes
