"""What a sink is given."""

import dataclasses
from pathlib import Path

import pytest

from rlviz.record.sink import SinkRow, SinkRun


def test_a_run_is_called_as_its_directory():
    assert SinkRun(Path("/runs/swarm-7b"), {}).name == "swarm-7b"


def test_what_several_sinks_are_given_none_can_change():
    row = SinkRow(1, 1.7e9, {"rlviz/accuracy": 0.5})
    with pytest.raises(dataclasses.FrozenInstanceError):
        row.step = 2
