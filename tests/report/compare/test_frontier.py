"""Who is best at each compute, by hand."""

import itertools

import numpy as np

import rlviz
from rlviz.report.compare.frontier import frontier_of
from rlviz.report.compare.run_curves import contenders_of
from rlviz.report.series.groups import Group
from rlviz.report.series.measures import measure

from .conftest import losses, quiet, run_of


def contenders(**runs):
    every = [run for group in runs.values() for run in group]
    what = measure("accuracy", every)
    groups = [Group(name, tuple(group)) for name, group in runs.items()]
    return contenders_of(groups, what, up=1.0)


def straight(start, end, **options):
    return quiet(1.0, curve=lambda spent: start + (end - start) * spent, **options)


def test_where_two_lines_cross_the_lead_changes():
    found = frontier_of(contenders(a=[straight(0.4, 0.5)], b=[straight(0.3, 0.7)]))
    first, close, last = found.stretches(1.0)
    assert (first.names, close.names, last.names) == (("a",), ("a", "b"), ("b",))
    # 0.4 + 0.1 s = 0.3 + 0.4 s at s = 1/3 of 1e22
    assert first.to_flops == close.from_flops
    assert close.to_flops == last.from_flops
    assert close.from_flops < 1e22 / 3 < close.to_flops
    assert close.to_flops - close.from_flops < 0.05e22
    assert abs(first.begin.value - 0.4) < 0.005
    assert abs(last.end.value - (0.3 + 0.4 * last.to_flops / 1e22)) < 0.005


def test_stretches_follow_each_other_over_all_compute_and_their_values_are_the_best_curve():
    random = np.random.default_rng(4)
    runs = {name: [run_of(random, noise=0.02)] for name in "abcd"}
    every = contenders(**runs)
    found = frontier_of(every)
    parts = found.stretches(1.0)
    for one, other in itertools.pairwise(parts):
        assert one.to_flops == other.from_flops
    for part in parts:
        if part.from_flops >= max(c.ends[0] for c in every):
            best = max(c.curve.at(part.from_flops).value for c in every)
            assert abs(part.begin.value - best) < 0.002


def test_a_run_that_goes_on_alone_leads_nobody():
    long, short = straight(0.3, 0.5), straight(0.4, 0.45, most=0.5e22)
    found = frontier_of(contenders(long=[long], short=[short]))
    *_, before, last = found.stretches(1.0)
    assert before.names == ("short",)
    assert not before.alone
    assert last.names == ("long",)
    assert last.alone
    assert before.to_flops == last.from_flops == short.flops[-1]
    assert last.to_flops == long.flops[-1]
    assert before.end.value > last.begin.value  # the best one stopped


def test_the_leader_is_the_last_of_the_stretches_and_leads_since_its_beginning():
    runs = {"a": quiet(1.0), "b": quiet(1.0, curve=lambda s: 0.28 + 0.45 * s)}
    found = rlviz.compare(runs)
    end = found.at_compute[-1].flops
    (last,) = [s for s in found.frontier if s.from_flops < end <= s.to_flops]
    assert found.may_lead == last.names == (found.leader.name,) == ("b",)
    assert found.leader.since_flops == last.from_flops
    assert found.leader.ahead["a"].low > 0


def test_of_equal_runs_both_may_lead():
    random = np.random.default_rng(3)
    found = rlviz.compare({"a": run_of(random), "b": run_of(random)})
    assert found.leader is None
    assert found.may_lead == ("a", "b")


def test_where_less_is_better_the_lowest_curve_is_the_best():
    runs = {"base": losses(1.0), "twice": losses(2.0)}
    found = rlviz.compare(runs, metric="loss", lower_is_better=True)
    last = next(s for s in found.frontier if not s.alone and s.to_flops >= 0.9e22)
    assert last.names == ("twice",)
    assert 0.3 < last.end.value < 0.5
    assert last.end.low < last.end.value < last.end.high
    assert found.leader.ahead["base"].high < 0
