"""What of groups stands in a file: the means of the ways that names and settings offer."""

import base64
import json
import re
import zlib

import numpy as np
import pytest

import rlviz
from rlviz.dashboard import group_packs
from rlviz.dashboard.packing import Packer, Place


def data_of(text):
    return json.loads(re.search(r'id="rlviz-data">(.*?)</script>', text, re.DOTALL)[1])


def series_of(pack):
    encoded = zlib.decompress(base64.b64decode(pack))
    end = 4 + int.from_bytes(encoded[:4], "little")
    return json.loads(encoded[4:end])["series"]


@pytest.fixture(scope="module")
def runs(learning):
    found = {}
    for seed in range(4):
        columns, table = learning(120, seed=seed)
        held = dict(zip(columns, table.T, strict=True))
        found[f"{'ab'[seed % 2]}/{seed}"] = rlviz.History(held)
    return found


@pytest.mark.slow
def test_a_file_has_the_mean_of_each_group_and_how_the_groups_compare(runs):
    found = data_of(rlviz.page(runs))
    assert found["ways"] == ["name"]
    assert [group["runs"] for group in found["groups"]] == [["a/0", "a/2"], ["b/1", "b/3"]]
    assert all(len(group["pack"]) > 200 for group in found["groups"])
    alone, grouped = found["comparisons"]
    assert alone["names"] == list(runs)
    assert grouped["runs"] == [["a/0", "a/2"], ["b/1", "b/3"]]
    expected = rlviz.compare({"a": [runs["a/0"], runs["a/2"]], "b": [runs["b/1"], runs["b/3"]]})
    assert grouped["multipliers"]["a"]["b"][0] == expected.multipliers["b"].value
    assert found["by"] == ""


def test_seeds_that_were_given_as_such_open_as_groups(runs):
    first, second, *_ = runs.values()
    found = data_of(rlviz.page({"base": [first, second], "other": runs["a/2"]}))
    assert found["by"] == "name"
    assert {run["name"]: run["prefix"] for run in found["listing"]["runs"]} == {
        "base/run (1)": "base",
        "base/run (2)": "base",
        "other": "other",
    }


def test_runs_that_no_group_holds_make_no_part_of_the_file(runs):
    found = data_of(rlviz.page(runs["a/0"]))
    assert (found["ways"], found["groups"], found["comparisons"]) == ([], [], [])


def test_ways_that_there_is_no_room_for_are_not_offered(runs):
    places = [Place("accuracy", "flops", False)]
    packers = {name: Packer(run, places, lambda: None) for name, run in runs.items()}
    ways = {"name": {"a": ["a/0", "a/2"]}, "config:lr": {"1": ["b/1", "b/3"]}}
    of_each = dict.fromkeys(runs, places)
    kept, groups = group_packs.packed(packers, of_each, ways, room=10**6)
    assert kept == ["name", "config:lr"]
    kept, groups = group_packs.packed(packers, of_each, ways, room=len(groups[0]["pack"]) + 1)
    assert kept == ["name"]
    assert [group["runs"] for group in groups] == [["a/0", "a/2"]]


def test_the_same_runs_in_two_ways_stand_there_once(runs):
    places = [Place("accuracy", "flops", False)]
    packers = {name: Packer(run, places, lambda: None) for name, run in runs.items()}
    ways = {"name": {"a": ["a/0", "a/2"]}, "config:lr": {"1": ["a/0", "a/2"], "2": ["b/1", "b/3"]}}
    _, groups = group_packs.packed(packers, dict.fromkeys(runs, places), ways, room=10**6)
    assert len(groups) == 2


def test_seeds_without_a_common_stretch_have_the_reason_on_that_axis_and_the_others_as_ever(runs):
    held = {name: np.asarray(column) for name, column in runs["a/0"].columns.items()}
    later = rlviz.History(held | {"step": held["step"] + 1000})
    places = [Place("accuracy", "step", False), Place("accuracy", "flops", False)]
    packers = {
        "a": Packer(runs["a/0"], places, lambda: None),
        "b": Packer(later, places, lambda: None),
    }
    of_each = dict.fromkeys(packers, places)
    _, (group,) = group_packs.packed(packers, of_each, {"name": {"x": ["a", "b"]}}, room=10**6)
    both = dict.fromkeys(packers, packers["a"])
    _, (whole,) = group_packs.packed(both, of_each, {"name": {"x": ["a", "b"]}}, room=10**6)
    assert 100 < len(group["pack"]) < len(whole["pack"])
    over = {one["x"]: one["header"] for one in series_of(group["pack"])}
    assert over["step"] == {
        "error": "its 2 runs have no stretch of steps in common, so they have no mean.",
        "status": 404,
    }
    assert over["flops"]["seeds"] == 2
