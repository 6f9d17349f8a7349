"""What has to be known to read a comparison."""

import dataclasses

import rlviz
from rlviz.report.compare.notes import notes_on
from rlviz.report.series.groups import groups_of
from rlviz.report.series.measures import measure

from .conftest import losses, quiet


def test_it_is_said_what_is_taken_as_better(less):
    assert "twice is ahead of base in loss (lower is better) by" in less.markdown()
    assert less.to_dict()["lower_is_better"] is True
    assert less.notes[1].startswith("Less 'loss' is taken as better. If more is, compare without")
    more = rlviz.compare([losses(1.0), losses(2.0)], metric="loss")
    assert (
        "More 'loss' is taken as better. If less is, compare with lower_is_better "
        "(--lower-is-better)."
    ) in more.notes


def test_of_accuracy_it_goes_without_saying(pair):
    assert not [note for note in pair.notes if "better" in note]


def test_two_seeds_are_said_to_be_few():
    runs = {"two": [quiet(1.0), quiet(1.01)], "three": [quiet(2 + k / 100) for k in range(3)]}
    assert [note for note in rlviz.compare(runs).notes if "seed" in note] == [
        "'two' has two seeds: two say hardly anything about how much seeds differ, so the brackets "
        "are very wide and hardly any difference can be told. A third seed makes them about a "
        "third as wide."
    ]


# --- the notes by themselves -----------------------------------------------


def noted_of(runs, *, metric="accuracy", in_common=True, lower_is_better=False):
    groups = groups_of(runs)
    what = measure(metric, [run for group in groups for run in group.runs])
    return notes_on(groups, what, in_common=in_common, lower_is_better=lower_is_better)


def test_single_runs_are_said_to_hold_no_noise_of_other_seeds():
    one, three = quiet(1.0), [quiet(2.0)] * 3
    assert noted_of({"a": one, "b": three}) == (
        "'a' is one run: the brackets hold the noise of its own steps. Other seeds of the same "
        "settings may differ by more.",
    )
    (note,) = noted_of({"a": one, "b": one, "c": one})
    assert note.startswith("'a', 'b' and 'c' are one run each: ")
    assert noted_of({"a": three, "b": three}) == ()


def test_it_is_said_that_no_compute_is_in_common_and_that_restarts_lost_some():
    three = [quiet(2.0)] * 3
    restarted = dataclasses.replace(three[0], lost_flops={1: 5})
    assert noted_of({"a": three, "b": [restarted, *three]}, in_common=False) == (
        "The runs have no compute in common, so none can be said to lead.",
        "Restarts lost RL FLOPs that the curves don't count: see `rlviz summary`.",
    )
