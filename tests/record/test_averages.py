"""Online averages of all series at once: TensorBoard's recurrence, whatever the flushes."""

import numpy as np
import pytest

from rlviz.record.averages import OnlineAverages

NAN = np.nan


def test_all_series_are_averaged_at_once_and_a_gap_changes_none():
    averages = OnlineAverages(0.5, ["accuracy", "average_parallelism"])
    first = averages.update({"accuracy": np.array([1.0, NAN, 4.0])}, 3)
    # (0.5·1 + 4) / (0.5 + 1): the gap is passed over
    np.testing.assert_array_equal(first["accuracy"], [1.0, NAN, 3.0])
    np.testing.assert_array_equal(first["average_parallelism"], [NAN] * 3)
    second = averages.update({"accuracy/math": np.array([2.0])}, 1)
    assert list(second) == ["accuracy", "average_parallelism", "accuracy/math"]
    np.testing.assert_array_equal([second[name][0] for name in second], [NAN, NAN, 2.0])


def test_a_state_goes_on_as_if_there_had_been_no_end():
    values = np.random.default_rng(0).normal(size=100)
    whole = OnlineAverages(0.9, ["a"]).update({"a": values}, 100)["a"]
    before = OnlineAverages(0.9, ["a"])
    parts = [before.update({"a": values[:37]}, 37)["a"]]
    after = OnlineAverages(0.9, ["a"])
    after.load_state_dict(before.state_dict())
    parts.append(after.update({"a": values[37:]}, 63)["a"])
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize(
    "states", [{}, {"b": {"num": 1.0, "den": 1.0, "x": None}}, {"a": {"num": "1"}}]
)
def test_a_state_that_is_none_changes_nothing(states):
    averages = OnlineAverages(0.9, ["a"])
    averages.update({"a": np.array([3.0])}, 1)
    before = averages.state_dict()
    with pytest.raises((KeyError, TypeError, ValueError)):
        averages.load_state_dict(states)
    assert averages.state_dict() == before


def test_the_averages_of_a_step_that_they_have_are_nan_where_it_has_a_gap():
    averages = OnlineAverages(0.5, ["a", "b"])
    averages.update({"a": np.array([1.0, np.nan]), "b": np.array([2.0, 4.0])}, 2)
    latest = averages.latest({"a": np.array([np.nan]), "b": np.array([4.0])})
    assert np.isnan(latest["a"]).all()
    assert latest["b"] == pytest.approx([(0.5 * 2 + 4) / 1.5])
