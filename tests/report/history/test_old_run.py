"""A run that commit 10037ca wrote is read as it was read then."""

import json
from pathlib import Path

import numpy as np
import pytest

import rlviz

RUN = Path(__file__).parents[2] / "data" / "run_of_10037ca"


@pytest.fixture(scope="module")
def expected():
    return json.loads((RUN / "expected.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def history():
    return rlviz.read(RUN)


def test_every_column_has_the_values_of_then_bit_for_bit(history, expected):
    table = history.table()
    assert list(table) == list(expected["columns"])
    for name, values in expected["columns"].items():
        np.testing.assert_array_equal(table[name], np.array(values, dtype=np.float64), name)


def test_flops_are_those_of_then_to_the_last_digit(history, expected):
    assert history.exact_flops() == expected["exact_flops"]
    assert {str(k): v for k, v in history.lost_flops.items()} == expected["lost_flops"]
    assert history.lost_flops[1] > 0


def test_names_and_losses_are_those_of_then(history, expected):
    assert (history.groups, history.phases, history.metrics) == (
        tuple(expected["groups"]),
        tuple(expected["phases"]),
        tuple(expected["metrics"]),
    )
    assert history.superseded == expected["superseded"] == 5
    assert not history.damage


def test_it_can_be_drawn_summed_up_and_examined(history):
    axes = rlviz.figure(history).axes
    assert [ax.get_xlabel() for ax in axes] == ["RL flops", "RL flops"]
    dots = axes[0].collections[0].get_offsets()
    np.testing.assert_array_equal(dots[:, 0], history.flops)
    np.testing.assert_array_equal(dots[:, 1], history.accuracy)
    assert rlviz.summarise(history).facts["steps"] == 60
    from rlviz.report.doctor import examine

    assert examine(RUN).is_sound
