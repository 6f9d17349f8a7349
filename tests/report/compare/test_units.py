"""Numbers in different units: what is refused, and what is said."""

import numpy as np
import pytest

import rlviz

from .conftest import quiet


def counting(what, speed=1.0, **options):
    """A run whose FLOPs are something else, number by number."""
    run = quiet(speed, phases=(), **options)
    run.columns["flops/total"] = run.step.astype(float) if isinstance(what, str) else what
    return run


def metric(name, values, seed=1):
    run = quiet(1.0 + seed / 100)
    shape = np.linspace(0.2, 0.9, len(run)) + 0.01 * np.random.default_rng(seed).normal(
        size=len(run)
    )
    run.columns[f"metrics/{name}"] = values * shape
    return run


def test_steps_are_not_compared_with_flops():
    expected = (
        r"the RL FLOPs of 'b' are its steps, number by number, and those of 'a' are not, so they "
        r"are not the same quantity. Give 'b' its FLOPs: on_step_end\(flops="
    )
    with pytest.raises(ValueError, match=expected):
        rlviz.compare({"a": quiet(1.0, phases=()), "b": counting("steps")})


def test_steps_that_begin_later_are_steps_all_the_same():
    late = counting("steps")
    late.columns["step"] = late.step + 500.0
    with pytest.raises(ValueError, match="the RL FLOPs of 'b' are its steps"):
        rlviz.compare({"a": quiet(1.0, phases=()), "b": late})


def test_tokens_are_not_compared_with_flops():
    of_a_step = 1000 + np.arange(150.0)
    run = counting(np.cumsum(of_a_step))
    run.columns["metrics/tokens"] = of_a_step
    with pytest.raises(ValueError, match="the RL FLOPs of 'b' are its tokens"):
        rlviz.compare({"a": quiet(1.0, phases=()), "b": run})
    with pytest.raises(ValueError, match=r"are its (steps|tokens).* are (steps|tokens)"):
        rlviz.compare({"a": counting("steps"), "b": run})


def test_runs_that_all_have_steps_are_compared_and_it_is_said():
    found = rlviz.compare({"a": counting("steps"), "b": counting("steps", speed=2.0)})
    assert "The RL FLOPs of all runs are their steps, number by number: read steps." in found.notes


def test_flops_beside_teraflops_are_said_to_be_doubtful():
    small = quiet(2.0)
    for name in ("flops/total", "flops/rollout", "flops/update"):
        small.columns[name] = small.columns[name] / 1e12
    (note,) = [n for n in rlviz.compare({"a": quiet(1.0), "b": small}).notes if "A step of" in n]
    assert note.startswith("A step of 'a' takes 6.9e+19 RL FLOPs and one of 'b' 6.8e+07")
    assert "teraFLOPs" in note


def test_an_accuracy_in_percent_is_refused():
    run = quiet(1.0)
    run.columns["correct"] = 100 * run.columns["correct"]
    expected = r"training accuracy is a share in \[0, 1\], and that of 'b' goes from 30.99 to 63.44"
    with pytest.raises(ValueError, match=expected):
        rlviz.compare({"a": quiet(2.0), "b": run})


@pytest.mark.parametrize("name", ["val/pass@1", "success_rate", "acc", "pct_solved", "win_rate"])
def test_percent_of_a_share_is_refused_beside_a_share_of_1(name):
    with pytest.raises(ValueError, match="one is a share of 1 and the other is in percent"):
        rlviz.compare([metric(name, 1.0), metric(name, 100.0, 2)], metric=name)


@pytest.mark.parametrize("name", ["sliding_window", "passes_per_second", "probe"])
def test_a_name_that_only_holds_such_a_word_is_not_refused(name):
    found = rlviz.compare([metric(name, 1.0), metric(name, 100.0, 2)], metric=name)
    assert any("percent" in note for note in found.notes)


def test_of_a_metric_that_may_be_anything_it_is_only_said():
    found = rlviz.compare([metric("reward", 1.0), metric("reward", 100.0, 2)], metric="reward")
    (note,) = [n for n in found.notes if "percent" in n]
    assert note.startswith("'reward' goes from 0.2")
    assert note.endswith("if one is a share of 1 and the other in percent, nothing here holds.")


def test_values_of_other_sizes_are_said_to_be_doubtful():
    found = rlviz.compare([metric("latency", 2.0), metric("latency", 2e6, 2)], metric="latency")
    assert any("if they are in different units" in note for note in found.notes)


def test_of_values_of_one_size_nothing_is_said():
    found = rlviz.compare([metric("success", 1.0), metric("success", 0.7, 2)], metric="success")
    assert not [note for note in found.notes if "unit" in note or "percent" in note]


def swarm(work, seed=1):
    run = quiet(1.0 + seed / 100)
    random = np.random.default_rng(seed)
    run.columns["parallelism_sum"] = 64 * np.linspace(4, 9, len(run)) + random.normal(size=len(run))
    run.columns["parallelism_count"] = np.full(len(run), 64.0)
    if work is not None:
        run.columns["work"] = work * (1 + random.random(len(run)))
        if work > 1000:
            run.columns["work"] = np.round(run.columns["work"])
    return run


def test_parallelism_in_tokens_beside_parallelism_in_seconds_is_said():
    found = rlviz.compare([swarm(48_000), swarm(130.0, 2)], metric="average_parallelism")
    assert any("they hardly count in one unit" in note for note in found.notes)
    found = rlviz.compare([swarm(48_000), swarm(8_000_000, 2)], metric="average_parallelism")
    assert any("they hardly count in one unit" in note for note in found.notes)


def test_that_parallelism_counts_alike_is_taken_on_trust():
    for work in (None, 48_000):
        found = rlviz.compare([swarm(work), swarm(work, 2)], metric="average_parallelism")
        assert any("is taken on trust" in n and "work / span" in n for n in found.notes)
    assert not [n for n in rlviz.compare([swarm(None), swarm(None, 2)]).notes if "span" in n]
