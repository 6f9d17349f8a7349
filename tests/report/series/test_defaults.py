"""Which metrics a run is drawn and told by where nobody names any."""

import numpy as np
import pytest

import rlviz
from rlviz.report.series.defaults import default_measures, merged, ranked

T = np.linspace(0, 1, 60)
RANDOM = np.random.default_rng(20)


def noisy(shape, sd=0.05):
    return shape + sd * RANDOM.normal(size=len(T))


def run_of(core=(), **metrics):
    steps = max((len(values) for values in metrics.values()), default=len(T))
    columns = {"step": np.arange(1.0, steps + 1)}
    if "accuracy" in core:
        columns |= {"correct": 100 * ACCURACY, "graded": np.full(steps, 100.0)}
    if "average_parallelism" in core:
        columns |= {"parallelism_sum": PARALLELISM, "parallelism_count": np.ones(steps)}
    named = {f"metrics/{name.replace('__', '/')}": v for name, v in metrics.items()}
    return rlviz.History(columns | {n: np.array(v, float) for n, v in named.items()}, "runs/a")


ACCURACY = np.round(np.clip(noisy(0.3 + 0.4 * T, 0.03), 0, 1), 2)
PARALLELISM = noisy(8 + T, 0.3)
RETURN, LENGTH, LOSS = noisy(T), noisy(900 - 300 * T, 30), noisy(1 - T)
KL, ENTROPY = noisy(T, 0.1), noisy(2 - T)
BOTH = ("accuracy", "average_parallelism")
ALONE = ("accuracy",)
COUNT, CONSTANT = np.arange(1.0, 61), np.full(60, 3.0)


@pytest.mark.parametrize(
    ("core", "metrics", "names"),
    [
        (BOTH, {"return": RETURN}, BOTH),
        (ALONE, {"loss": LOSS, "reward": RETURN}, ("accuracy", "reward")),
        (BOTH[1:], {"loss": LOSS, "reward": RETURN}, ("average_parallelism", "reward")),
        ((), {"entropy": ENTROPY, "kl": KL}, ("kl", "entropy")),
        ((), {"kl": KL, "loss": LOSS}, ("loss", "kl")),
        ((), {"loss": LOSS, "completion_length": LENGTH}, ("completion_length", "loss")),
        ((), {"ep_len_mean": LENGTH, "ep_rew_mean": RETURN}, ("ep_rew_mean", "ep_len_mean")),
        ((), {"reward": RETURN, "return": noisy(T)}, ("return", "reward")),
        ((), {"test__reward": noisy(T), "reward": RETURN, "kl": KL}, ("reward", "kl")),
        ((), {"test__reward": noisy(T), "reward": RETURN}, ("reward", "test/reward")),
        (ALONE, {"tool_calls": noisy(T), "grad_norm": KL}, ("accuracy", "tool_calls")),
        (ALONE, {}, BOTH),
        ((), {}, BOTH),
        ((), {"tokens": noisy(900 * T)}, BOTH),
        ((), {"loss": np.full(60, np.nan), "kl": KL}, ("kl",)),
    ],
)
def test_after_accuracy_and_parallelism_come_return_length_loss_kl_and_entropy(
    core, metrics, names
):
    assert default_measures([run_of(core, **metrics)]) == names


@pytest.mark.parametrize(
    "metrics",
    [
        {"loss": CONSTANT},
        {"critic__score__max": noisy(T), "critic__score__min": noisy(T)},
        {"reward_std": noisy(T)},
        {"epoch": noisy(T), "train__epoch": COUNT, "num_tokens": COUNT},
        {"n": COUNT},  # a counter, by its values
        {"sims": np.cumsum(1 + RANDOM.random(60))},  # a clock
        {"level": np.repeat([0.0, 1, 2], 20)},  # a schedule
        {"log__config__lr": noisy(T), "use_prev_reward": np.zeros(60)},
        {"fps": noisy(T), "time__fps": noisy(T), "perf__throughput": noisy(T)},
        {"learning_rate": noisy(T)},
        {"reward": ACCURACY},
        {"reward": 10 * ACCURACY},  # in other units
        {"reward": 2 * ACCURACY - 1},  # ±1 for right and wrong
        {"error": 1 - ACCURACY},
        {"reward": ACCURACY + 5e-4 * RANDOM.normal(size=60)},  # as it was printed
        {"correct_rate_ema": noisy(T)},
        {"at_the_end": np.where(T == 1, 5.0, np.nan)},
    ],
)
def test_a_metric_that_tells_nothing_more_takes_no_place(metrics):
    assert default_measures([run_of(ALONE, **metrics)]) == BOTH
    beside = default_measures([run_of(ALONE, **metrics, entropy=ENTROPY)])
    assert beside == ("accuracy", "entropy")


def test_what_only_resembles_the_first_panel_is_drawn():
    close = noisy(ACCURACY, 0.01)
    assert default_measures([run_of(ALONE, reward=close)]) == ("accuracy", "reward")
    lines = {"reward": 0.3 + 0.5 * T, "loss": 2 - T}  # made-up data without noise
    assert default_measures([run_of(**lines)]) == ("reward", "loss")


def test_no_two_panels_show_the_same():
    twice = run_of(**{"return": RETURN, "reward": 5 * RETURN + 3, "kl": KL})
    assert default_measures([twice]) == ("return", "kl")


def test_a_return_that_stays_the_same_is_what_happened():
    flat = {"return": np.full(60, -21.0), "entropy": np.full(60, 0.45)}
    assert default_measures([run_of(**flat)]) == ("return",)
    assert default_measures([run_of(**flat | {"loss": LOSS})]) == ("return", "loss")
    assert default_measures([run_of(ALONE, **flat | {"loss": LOSS})]) == ("accuracy", "loss")
    best = {"episode_reward_max": RETURN}  # better than nothing, and only then
    assert default_measures([run_of(**best)]) == ("episode_reward_max",)
    assert default_measures([run_of(**best, kl=KL)]) == ("kl",)


def test_a_run_that_has_just_begun_is_drawn_by_its_names():
    first = run_of(loss=[0.5], my_reward=[2.0], tokens=[7.0], epoch=[1.0])
    assert default_measures([first]) == ("my_reward", "loss")


def test_several_runs_are_drawn_by_what_tells_most_in_any_of_them():
    runs = [run_of(loss=LOSS, kl=KL), run_of(**{"return": RETURN, "kl": KL}), run_of(ALONE)]
    assert default_measures(runs) == ("accuracy", "return")
    assert default_measures(runs[:2]) == ("return", "loss")
    assert merged(map(ranked, runs)) == default_measures(runs)
    assert default_measures([run_of(kl=CONSTANT), run_of(kl=KL)]) == ("kl",)


def test_a_run_of_very_many_metrics_is_looked_through_in_the_order_of_their_telling():
    many = {f"config__{i}": noisy(T) for i in range(500)}
    many |= {f"made_up_{i}": CONSTANT for i in range(500)}
    assert default_measures([run_of(ALONE, **many, entropy=ENTROPY)]) == ("accuracy", "entropy")
    assert default_measures([run_of(ALONE, **many)]) == BOTH


@pytest.mark.parametrize("scale", [1e-300, 1e300, 1.7e308])
def test_values_of_any_size_are_told_apart(scale):
    sizes = run_of(loss=scale * np.sin(40 * T), kl=-scale * np.sin(40 * T), entropy=KL)
    with np.errstate(all="raise", under="ignore"):
        assert default_measures([sizes]) == ("loss", "entropy")
