"""Which FLOPs are the same quantity: what is refused, and what is said all the same."""

import numpy as np
import pytest

import rlviz
from rlviz.report.compare import conventions

from .conftest import phased


def test_a_run_that_does_not_count_rollouts_is_refused():
    runs = {"all": phased("rollout", "update"), "part": phased("update")}
    expected = (
        "'all' counts rollout and update, 'part' only update, so their FLOPs are not the same "
        "quantity"
    )
    with pytest.raises(ValueError, match=expected):
        rlviz.compare(runs)


def test_a_run_that_does_not_say_what_it_counts_is_refused_beside_one_that_does():
    with pytest.raises(ValueError, match="'b' doesn't say what it counts"):
        rlviz.compare({"a": phased("rollout", "update"), "b": phased()})


def test_seeds_of_one_group_have_to_count_the_same_too():
    with pytest.raises(ValueError, match="'a' counts rollout and update, 'a' only update"):
        rlviz.compare({"a": [phased("rollout", "update"), phased("update")], "b": phased("update")})


def test_who_knows_better_compares_them_all_the_same_and_it_is_said():
    runs = {"all": phased("rollout", "update"), "part": phased("update")}
    found = rlviz.compare(runs, allow_different_flops=True)
    assert found.notes[0].startswith("'all' counts rollout and update, 'part' only update")


def test_a_phase_that_an_algorithm_may_lack_is_a_note():
    runs = {
        "grpo": phased("rollout", "update"),
        "ppo": phased("rollout", "update", "critic_update"),
    }
    (note, *_) = rlviz.compare(runs).notes
    assert note.startswith("Of 'ppo' the FLOPs include critic_update, which not every run has")


def test_runs_of_which_none_says_what_it_counts_are_taken_on_trust():
    found = rlviz.compare({"a": phased(), "b": phased()})
    assert "taken on trust" in found.notes[0]


def test_phases_that_are_always_0_and_evaluation_do_not_count():
    run = phased("rollout", "update", "evaluation")
    run.columns["flops/rollout"] = np.zeros(len(run))
    assert conventions.counted(run) == {"update"}


def test_a_run_without_flops_is_refused():
    run = phased()
    del run.columns["flops/total"]
    with pytest.raises(ValueError, match="'runs/' has no RL FLOPs, so it can't be compared"):
        rlviz.compare({"a": run, "b": phased()})


def test_a_run_whose_flops_fall_is_refused():
    run = phased()
    run.columns["flops/total"][100:] -= 5e21
    with pytest.raises(ValueError, match="a count of RL FLOPs that falls along its steps"):
        rlviz.compare([run, phased()])
