"""By what runs may be put into groups: a way that puts none together is no way."""

import pytest

from rlviz.dashboard.grouping import partitions, prefix_of


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("grpo-s1", "grpo"),
        ("grpo_seed_12", "grpo"),
        ("sweep/lr=1e-5/seed=0", "sweep/lr=1e-5"),
        ("wide/3", "wide"),
        ("wide (2)", "wide"),
        ("wide/last", "wide"),  # its folder
        ("boss3", "boss"),  # the s is of the word
        ("llama-8b", "llama-8b"),
        ("7", "7"),
    ],
)
def test_the_number_of_a_seed_is_taken_off_a_name(name, prefix):
    assert prefix_of(name) == prefix


def test_runs_are_together_by_their_names_and_by_each_setting_that_some_share():
    prefixes = {"a1": "a", "a2": "a", "b": "b"}
    settings = {
        "a1": {"lr": 1.0, "seed": 0.0, "gpus": 8.0},
        "a2": {"lr": 2.0, "seed": 1.0, "gpus": 8.0},
        "b": {"lr": 1.0, "seed": 2.0, "gpus": 8.0},
    }
    found = partitions(prefixes, settings)
    assert list(found) == ["name", "config:lr"]  # by its seed each is alone, by the GPUs none is
    assert list(found["name"].values()) == [["a1", "a2"]]
    assert list(found["config:lr"].values()) == [["a1", "b"]]


def test_a_run_without_a_setting_is_in_no_group_of_it():
    found = partitions(
        {"a": "a", "b": "b", "c": "c"}, {"a": {"lr": 1.0}, "b": {"lr": 1.0}, "c": {}}
    )
    assert list(found) == ["config:lr"]
    assert list(found["config:lr"].values()) == [["a", "b"]]
