"""What a call of `record` brings: keywords that belong together, and what is still on a device."""

from dataclasses import fields
from typing import get_type_hints

import pytest
import torch

from rlviz.accuracy import Accuracy
from rlviz.record.device import Deferred
from rlviz.record.measurement import Measurement, measurement


def test_a_call_is_checked_as_a_whole():
    brought = measurement(
        {
            "correct": [1, 0],
            "group": "math",
            "flops": 3,
            "metrics": {"loss": 2},
            "seconds": {"a": 1},
        }
    )
    assert brought == Measurement(
        Accuracy(1, 2), None, {"total": 3}, {"loss": 2.0}, "math", {"a": 1.0}
    )
    assert measurement({}) == measurement({"flops": None, "correct": None}) == Measurement()


@pytest.mark.parametrize(
    ("recorded", "words"),
    [
        ({"correct": [1], "accuracy": 1.0}, "`correct` together with `accuracy` or `graded`"),
        ({"correct": [1], "graded": 1}, "`correct` together with `accuracy` or `graded`"),
        ({"graded": 1}, "`graded` without `accuracy`"),
        ({"group": "math"}, "group='math' without answers"),
        ({"correct": [1], "group": "a/b"}, "a group must be a short name"),
    ],
)
def test_keywords_that_contradict_each_other_are_refused_in_words(recorded, words):
    with pytest.raises(ValueError, match=words):
        measurement(recorded)


@pytest.mark.parametrize(
    "name", [one.name for one in fields(Measurement) if "Deferred" in str(one.type)]
)
def test_whatever_may_be_on_a_device_is_found_there(name):
    waiting = Deferred(object(), float)
    is_dict = "dict" in str(get_type_hints(Measurement)[name])
    brought = Measurement(**{name: {"a": waiting, "b": 1} if is_dict else waiting})
    assert brought.deferred() == [waiting]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"group": "math"}, "group='math' without answers"),
        ({"correct": [1], "group": "ema"}, "a group must be a short name"),
        ({"correct": [1], "group": "a/b"}, "got 'a/b'"),
        ({"correct": [1], "group": 3}, "got 3"),
        ({"seconds": {"update": -1.0}}, r"seconds of 'update' must be in \[0, 2\*\*53\], got -1.0"),
        ({"seconds": {"update": 1e300}}, r"must be in \[0, 2\*\*53\], got 1e\+300"),
        ({"seconds": {"total": 1.0}}, "a FLOPs phase must be a short name"),
        ({"settled": {"total": 1}}, "a FLOPs phase must be a short name"),
        ({"settled": {"rollout": -1}}, "settled FLOPs of 'rollout' must be >= 0, got -1"),
        ({"settled": {"evaluation": 1}}, r"'evaluation', which is not in the total\. Record it"),
    ],
)
def test_wrong_groups_and_seconds_are_refused_in_words(arguments, words):
    with pytest.raises(ValueError, match=words):
        measurement(arguments)


def test_what_is_settled_is_told_by_phase_and_on_the_host():
    given = measurement({"settled": {"rollout": torch.tensor(3), "rollout_discarded": 2.0}})
    assert given.settled == {"rollout": 3, "rollout_discarded": 2}
    with pytest.raises(TypeError, match=r'For example settled=\{"rollout": spent\}'):
        measurement({"settled": 3})
    with pytest.raises(TypeError, match="'rollout' must be "):
        measurement({"settled": {"rollout": torch.ones((), device="meta")}})


def test_seconds_that_are_no_mapping_are_refused_in_words():
    with pytest.raises(TypeError, match=r'For example seconds=\{"rollout": 12\.5\}'):
        measurement({"seconds": 3.0})
