"""What is said of two runs and of more, and that it is what the brackets show."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest

import rlviz
from rlviz.report.compare.sentences import either

from .conftest import quiet, run_of

ROWS = np.load(Path(__file__).parents[2] / "data" / "demo_seeds_of_10037ca.npz")


def demo(number):
    names = [name for name in ROWS.files if name.split("/", 1)[0] == str(number)]
    return rlviz.History({n.split("/", 1)[1]: ROWS[n] for n in names}, f"demo/{number}")


SEEDS = [demo(number) for number in range(10)]
_NUMBERS = r"\[([-+\d.e]+), ([-+\d.e]+)\]"


def contradictions(text):
    """Sentences whose words are not those of their brackets."""
    told, *_ = text.split("**Note:**")
    found = []
    for sentence in re.split(r"\n\n|(?<=[.]) (?=[A-Z]|\w+ (?:is|needed))", told):
        for low, high in re.findall(r"difference of [-+\d.e]+(?: points)? " + _NUMBERS, sentence):
            if not float(low) <= 0 <= float(high) or "can't be told" not in sentence:
                found.append(sentence)
        for low, _ in re.findall(r" by [\d.e]+(?: points)? " + _NUMBERS, sentence):
            if not float(low) > 0:
                found.append(sentence)
        for low, high in re.findall(r"multiplier over \w+ is [\d.e]+ " + _NUMBERS, sentence):
            sure = float(low) > 1 or float(high) < 1
            depends = "depends on the level" in sentence
            if sure == ("can't be told" in sentence) and not depends:
                found.append(sentence)
            if (
                " needed less compute" in sentence
                and not depends
                and "which" not in sentence.lower()
            ):
                found += [sentence] if not float(low) > 1 else []
    return found


def test_the_checker_sees_a_contradiction():
    wrong = "b is ahead of a by 2.0 points [-1.0, 3.0]: 1 % against 2 %."
    assert contradictions(wrong)
    assert contradictions("It can't be told: a difference of +2.0 points [+1.0, +3.0].")
    assert contradictions("b needed less compute: its compute multiplier over a is 2.0 [0.9, 3.0]")


@pytest.mark.quick(1)
@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("metric", ["accuracy", "average_parallelism"])
def test_words_and_brackets_agree_on_groups_of_demo_seeds(size, metric):
    random = np.random.default_rng(size)
    for _ in range(3):
        order = random.permutation(10)
        groups = {
            "a": [SEEDS[k] for k in order[:size]],
            "b": [SEEDS[k] for k in order[size : 2 * size]],
        }
        found = rlviz.compare(groups, metric=metric, resamples=100)
        assert contradictions(found.markdown()) == []


def test_words_and_brackets_agree_where_three_runs_are_compared():
    found = rlviz.compare({"a": SEEDS[0], "b": SEEDS[5:8], "c": SEEDS[8]})
    text = found.markdown()
    assert contradictions(text) == []
    # b and c are ahead of a, and between them it can't be told: both is said.
    assert "it can't be told which run is ahead in training accuracy: b or c may be." in text
    assert "- b is ahead of a by 3.0 points [0.5, 5.7]" in text
    assert "- c is ahead of a by 2.6 points [1.7, 3.6]" in text


@pytest.mark.slow
def test_two_seeds_on_a_side_give_no_sure_multiplier():
    """Demo seeds differ by chance alone: two of them tell nothing."""
    for a, b in itertools.pairwise([(0, 1), (5, 6), (2, 7), (3, 9), (4, 8)]):
        groups = {"a": [SEEDS[k] for k in a], "b": [SEEDS[k] for k in b]}
        found = rlviz.compare(groups, resamples=100)
        assert found.multipliers["b"].low < 1 < found.multipliers["b"].high
        assert "less compute for the same training accuracy can't be told" in found.markdown()


def test_where_levels_disagree_both_are_said():
    text = rlviz.compare({"a": SEEDS[0], "b": SEEDS[5]}).markdown()
    assert (
        "Which of the two needed less compute for the same training accuracy depends on the "
        "level: b needed less at 60 % and 65 % and more at 40 %, 45 % and 50 %; its compute "
        "multiplier over a is 0.91 [0.89, 0.93], over 6 levels from 40 % to 65 %."
    ) in text


def test_of_three_runs_the_next_is_named():
    def to(end):
        return lambda spent: 0.3 + (end - 0.3) * spent

    runs = {name: quiet(1.0, curve=to(end)) for name, end in (("a", 0.4), ("b", 0.5), ("c", 0.6))}
    text = rlviz.compare(runs).markdown()
    assert "c is ahead of all others in training accuracy: of the next, b, by 1" in text
    assert "- c is ahead of a by 2" in text


def test_of_three_equal_runs_each_is_said_not_to_be_told():
    random = np.random.default_rng(3)
    text = rlviz.compare({name: run_of(random) for name in "abc"}).markdown()
    assert "- There it can't be told whether b or a is ahead: " in text
    assert contradictions(text) == []


def test_of_two_runs_the_one_that_leads_is_named_also_if_it_is_the_reference():
    def to(end):
        return lambda spent: 0.3 + (end - 0.3) * spent

    runs = {"a": quiet(1.0, curve=to(0.6)), "b": quiet(1.0, curve=to(0.5))}
    text = rlviz.compare(runs).markdown()
    assert "b is behind a in training accuracy by 1" in text
    assert "It has been so from" in text


def test_names_in_a_row_are_shortened():
    assert either(["a"]) == "a"
    assert either("abcd") == "a, b, c or d"
    assert either("abcdefg") == "a, b, c or one of 4 others"


def test_equal_runs_are_not_told_apart():
    random = np.random.default_rng(3)
    text = rlviz.compare({"a": run_of(random), "b": run_of(random)}).markdown()
    assert "it can't be told whether b or a is ahead" in text
    assert contradictions(text) == []
