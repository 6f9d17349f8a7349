"""Whether a mean can be one of scores of 0 and 1, by what is logged beside it."""

import math

import pytest

from rlviz.importers import spread
from rlviz.importers.log import Log


def log(**columns):
    """A log of columns; "__" in a name stands for "/"."""
    found = Log("log.jsonl", modified=1.0)
    for row in zip(*columns.values(), strict=True):
        found.add(zip((name.replace("__", "/") for name in columns), row, strict=True))
    return found


MEANS = [0.1, 0.3, 0.5, 0.7, 0.9]


def deviations(values, score=1.0, count=1000):
    """Of answers that earn 0 or a score, by hand: √(m(s − m) · n / (n − 1))."""
    return [math.sqrt(m * (score - m) * count / (count - 1)) for m in values]


@pytest.mark.parametrize("count", [2, 4, 8, 512])
def test_scores_of_0_and_1_have_their_own_spread_however_few_they_are(count):
    found = log(reward__mean=MEANS, reward__std=deviations(MEANS, count=count))
    assert spread.against(found, "reward/mean", (0, 1)) == ""


@pytest.mark.parametrize("score", [1.5, 2.0, 5.0])
def test_where_a_right_answer_earns_more_the_spread_is_too_wide_and_tells_how_much(score):
    found = log(reward__mean=MEANS, reward__std=deviations(MEANS, score))
    assert "standard deviation" in spread.against(found, "reward/mean", (0, 1))
    assert spread.right_earns(found, "reward/mean") == score
    assert spread.against(found, "reward/mean", (0, score)) == ""


def test_means_of_groups_have_less_spread_and_fit():
    found = log(reward=MEANS, reward_std=[0.05] * 5)
    assert spread.against(found, "reward", (0, 1)) == ""
    assert spread.is_told(found, "reward")


@pytest.mark.parametrize("grader", ["conciseness", "accuracy_reward"])
def test_over_a_whole_batch_scores_of_0_and_1_are_never_narrow(grader):
    mean, std = f"rewards__{grader}__mean", f"rewards__{grader}__std"
    narrow = log(**{"reward": MEANS, "reward_std": [0.05] * 5, mean: MEANS, std: [0.08] * 5})
    for name in ("reward", mean.replace("__", "/")):
        assert "deviation of 0.08 at a mean of" in spread.against(narrow, name, (0, 1))
    found = log(**{"reward": MEANS, mean: MEANS, std: [0.8 * d for d in deviations(MEANS)]})
    assert spread.against(found, "reward", (0, 1)) == ""


def test_the_minimum_and_the_maximum_must_be_scores():
    found = log(score__mean=MEANS, score__min=[-1.0] * 5, score__max=[1.0] * 5)
    assert "goes from -1 to 1" in spread.against(found, "score/mean", (0, 1))
    assert spread.against(found, "score/mean", (-1, 1)) == ""
    shrinking = log(score__mean=MEANS, score__min=[0.0] * 5, score__max=[0.95] * 5)
    assert "has a maximum of 0.95" in spread.against(shrinking, "score/mean", (0, 1))


def test_tags_that_are_logged_each_by_itself_are_matched_by_their_steps():
    found = Log("tb", modified=1.0, events=True)
    for step, (mean, deviation) in enumerate(zip(MEANS, deviations(MEANS, 2.0), strict=True)):
        found.add([("reward", mean)], step=step, wall_time=1.0)
        found.add([("reward_std", deviation)], step=step, wall_time=1.0)
    assert "standard deviation" in spread.against(found, "reward", (0, 1))


def test_of_a_mean_alone_nothing_is_told():
    found = log(reward=MEANS)
    assert not spread.is_told(found, "reward")
    assert spread.against(found, "reward", (0, 1)) == ""
