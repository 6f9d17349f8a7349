"""Runs that count by different conventions: converted where that is exact, refused elsewhere."""

from dataclasses import replace

import numpy as np
import pytest

import rlviz

from .conftest import phased


def recorded(folder, convention, phases, steps=40):
    """A run on disk that spends the same in each step."""
    random = np.random.default_rng(steps)
    with rlviz.Callback(folder, figure_seconds=None, convention=convention) as viz:
        for step in range(1, steps + 1):
            correct = random.random(400) < 0.3 + step / 100
            viz.on_step_end(step, correct=correct, flops=phases)
    return rlviz.read(folder)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    both = {"rollout": 2 * 10**18, "update": 6 * 10**18}
    return {
        "6N": recorded(folder / "a", "6N", both),
        "6N-tokens": recorded(folder / "b", "6N-tokens", {"update": 6 * 10**18}),
        "exact": recorded(folder / "c", "exact", both),
        "": recorded(folder / "d", None, both),
        "total": recorded(folder / "e", "6N", 8 * 10**18),
    }


@pytest.mark.parametrize("other", ["6N", "6N-tokens"])
def test_exact_beside_another_is_refused_with_what_to_do(runs, other):
    with pytest.raises(
        ValueError, match=f"'x' counts by exact, 'y' by {other}, so .* not the same quantity"
    ) as said:
        rlviz.compare({"x": runs["exact"], "y": runs[other]})
    for words in (
        "can't be converted",
        "--flops-convention",
        "--x tokens",
        "allow_different_flops",
    ):
        assert words in str(said.value)


def test_who_asks_for_it_gets_a_note_in_place_of_the_refusal(runs):
    found = rlviz.compare({"x": runs["exact"], "y": runs["6N"]}, allow_different_flops=True)
    assert any(note.startswith("'x' counts by exact, 'y' by 6N; they were") for note in found.notes)


def test_6n_is_converted_to_6n_tokens_by_its_updates_alone(runs):
    found = rlviz.compare({"x": runs["6N"], "y": runs["6N-tokens"]})
    assert found.at_compute[-1].flops == 40 * 6e18  # not 40 · 8e18
    assert found.notes[0] == (
        "'x' counts by 6N and was converted to 6N-tokens, by which the others count: of the phases "
        "the update alone counts."
    )
    assert "cumulative RL FLOPs, convention 6N-tokens." in found.markdown()
    assert "RL FLOPs: convention 6N-tokens" in found.figure().get_supxlabel().replace("\n", " ")
    converted = found.groups[0].runs[0]
    assert converted.exact_flops() == [6 * 10**18 * step for step in range(1, 41)]
    assert runs["6N"].exact_flops()[-1] == 40 * 8 * 10**18  # the run itself stays


def test_6n_without_phases_cannot_be_converted_and_it_is_said_why(runs):
    with pytest.raises(ValueError, match="'x' could be converted to 6N-tokens if its FLOPs were"):
        rlviz.compare({"x": runs["total"], "y": runs["6N-tokens"]})


def test_a_run_that_says_nothing_beside_one_that_does_is_taken_on_trust(runs):
    (note, *_) = rlviz.compare({"x": runs["6N"], "y": runs[""]}).notes
    assert note == (
        "'y' does not say by which convention RL FLOPs are counted; that it is that of the others, "
        "6N, is taken on trust."
    )


def test_runs_that_all_say_the_same_need_no_note(runs):
    notes = rlviz.compare({"x": runs["6N"], "y": runs["6N"]}).notes
    assert not any("convention" in note for note in notes)


def test_a_run_that_goes_on_by_another_convention_is_refused(runs):
    first = runs["6N"].sessions[0]
    run = replace(runs["6N"], sessions=(first, replace(first, convention="exact")))
    with pytest.raises(ValueError, match="the sessions of 'x' count by 6N and exact"):
        rlviz.compare({"x": run, "y": runs["6N"]})


def test_runs_of_which_none_says_anything_are_taken_on_trust():
    runs = {"a": phased("rollout", "update"), "b": phased("rollout", "update")}
    assert rlviz.compare(runs).notes[0].startswith("No run says by which convention")
