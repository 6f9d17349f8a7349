"""Training accuracy: DEFINITIONS section 1."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rlviz.accuracy import Accuracy

NAN = float("nan")


def test_accuracy_is_correct_over_graded():
    assert Accuracy(correct=3, graded=4).value == 0.75


def test_nothing_graded_is_undefined_and_not_zero():
    assert math.isnan(Accuracy(0, 0, ungraded=5).value)
    assert all(map(math.isnan, Accuracy(0, 0).interval()))


def test_merging_adds_sums_and_does_not_average_rates():
    merged = Accuracy(1, 2).merge(Accuracy(90, 100, ungraded=3))
    assert merged == Accuracy(91, 102, 3)
    assert merged.value == pytest.approx(0.892, abs=5e-4)  # the mean of the rates would be 0.70


@given(st.lists(st.lists(st.sampled_from([0.0, 1.0, NAN])), min_size=1, max_size=5), st.randoms())
def test_merging_in_any_grouping_and_order_gives_the_same_sums(batches, random):
    whole = Accuracy.from_answers(list(itertools.chain(*batches)))
    parts = [Accuracy.from_answers(batch) for batch in batches]
    random.shuffle(parts)
    while len(parts) > 1:
        parts.append(parts.pop(random.randrange(len(parts))).merge(parts.pop(0)))
    assert parts[0] == whole


@pytest.mark.parametrize(
    "answers",
    [
        [True, False, True, NAN],
        (1, 0, 1.0, NAN),
        [[1.0, 0.0], [1.0, NAN]],
        np.array([1, 0, 1, np.nan], dtype=np.float16),
        np.array([[[1, 0, 1, np.nan]]], dtype=np.float32),
        torch.tensor([1, 0, 1, NAN]),
    ],
)
def test_answers_come_as_sequences_arrays_and_tensors_of_any_shape(answers):
    assert Accuracy.from_answers(answers) == Accuracy(2, 3, 1)


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (True, Accuracy(1, 1)),
        (0, Accuracy(0, 1)),
        (np.float64(1), Accuracy(1, 1)),
        (NAN, Accuracy(0, 0, 1)),
        ([], Accuracy(0, 0)),
        (np.zeros((0, 3)), Accuracy(0, 0)),
        (np.array([True, False]), Accuracy(1, 2)),
        (np.array([1, 0], dtype=np.uint8), Accuracy(1, 2)),
    ],
)
def test_scalars_empty_batches_and_integer_types_count_too(answers, expected):
    assert Accuracy.from_answers(answers) == expected


def test_sums_of_answers_are_python_integers():
    counted = Accuracy.from_answers(np.array([True, False]))
    assert type(counted.correct) is int
    assert type(counted.graded) is int


@pytest.mark.parametrize("bad", [0.5, -1, 2, float("inf")])
def test_a_reward_is_not_an_answer(bad):
    with pytest.raises(ValueError, match=r"answers must be 0, 1 or NaN, got .*rewards > 0\.5"):
        Accuracy.from_answers([1, 0, bad])
    with pytest.raises(ValueError, match="answers must be 0, 1 or NaN"):
        Accuracy.from_answers(bad)


@pytest.mark.parametrize("bad", [["yes"], [None, 1], [1 + 0j], {"a": 1}])
def test_other_types_are_refused_in_words(bad):
    with pytest.raises(ValueError, match=r"answers must be bool, 0/1 or NaN.*float\('nan'\)"):
        Accuracy.from_answers(bad)


def test_ragged_lists_and_tensors_that_need_gradients_are_refused_in_words():
    with pytest.raises(ValueError, match=r"numpy cannot read.*Flatten ragged lists"):
        Accuracy.from_answers([[1, 0], [1]])
    with pytest.raises(ValueError, match="got Tensor that numpy cannot read"):
        Accuracy.from_answers(torch.ones(2, requires_grad=True))


def test_a_rate_comes_apart_into_its_sums():
    assert Accuracy.from_rate(0.25, graded=8) == Accuracy(2, 8)
    assert Accuracy.from_rate(1.0) == Accuracy(1, 1, uncounted=1)
    assert Accuracy.from_rate(0.0, graded=0) == Accuracy(0, 0)


def test_a_rate_of_nan_is_ungraded():
    assert Accuracy.from_rate(NAN, graded=7) == Accuracy(0, 0, 7)


@pytest.mark.parametrize("bad", [-0.01, 1.01, 73, float("inf")])
def test_a_rate_outside_the_unit_interval_is_refused(bad):
    with pytest.raises(ValueError, match=r"accuracy must be in \[0, 1\] or NaN.*percentage by 100"):
        Accuracy.from_rate(bad)


@pytest.mark.parametrize("bad", [-1, NAN, float("inf")])
def test_a_negative_or_undefined_count_is_refused(bad):
    with pytest.raises(ValueError, match="graded must be a finite count of answers >= 0"):
        Accuracy.from_rate(0.5, graded=bad)
    with pytest.raises(ValueError, match="graded must be a finite count of answers >= 0"):
        Accuracy(0, bad)


@pytest.mark.parametrize("arguments", [("0.5",), (None,), ([0.5],), (0.5, "4")])
def test_a_rate_that_is_no_number_is_refused(arguments):
    with pytest.raises(TypeError, match=r"accuracy and graded must be numbers.*from_answers"):
        Accuracy.from_rate(*arguments)


def test_sums_that_contradict_each_other_are_refused():
    with pytest.raises(ValueError, match=r"correct must be in \[0, graded\].*not rates"):
        Accuracy(correct=3, graded=2)
    with pytest.raises(ValueError, match="ungraded must be a count >= 0, got -1"):
        Accuracy(0, 0, ungraded=-1)


def test_the_interval_is_wilsons():
    # n = 10, p = 0.8, z = 1.959964, z² = 3.841459: center (0.8 + 0.192073)/1.384146 = 0.716740,
    # half width 1.959964/1.384146 · sqrt(0.016 + 0.009603650) = 0.226577
    low, high = Accuracy(8, 10).interval()
    assert low == pytest.approx(0.490162, abs=2e-6)
    assert high == pytest.approx(0.943318, abs=2e-6)


@given(st.integers(1, 1000), st.data())
def test_the_interval_holds_the_rate_and_stays_in_the_unit_interval(graded, data):
    accuracy = Accuracy(data.draw(st.integers(0, graded)), graded)
    low, high = accuracy.interval()
    wide = accuracy.interval(0.999)
    assert 0 <= wide[0] <= low <= accuracy.value <= high <= wide[1] <= 1


def test_the_interval_is_exact_at_both_ends():
    assert Accuracy(0, 9).interval()[0] == 0.0
    assert Accuracy(9, 9).interval()[1] == 1.0


@pytest.mark.parametrize("bad", [0, 1, 95, -0.5, NAN])
def test_a_confidence_outside_the_open_unit_interval_is_refused(bad):
    with pytest.raises(ValueError, match=r"confidence must be in \(0, 1\).*pass 0\.95"):
        Accuracy(1, 2).interval(bad)
