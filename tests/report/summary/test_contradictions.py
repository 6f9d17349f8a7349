"""No sentence contradicts another one, a table, or the curve."""

import dataclasses

import numpy as np
import pytest

import rlviz

from .contradictions import contradictions
from .test_golden import LOGS, RUNS, run_called

SHAPES = {
    "flat": lambda x, r: 0 * x,
    "line": lambda x, r: x,
    "falling": lambda x, r: -x,
    "parabola": lambda x, r: x * x,
    "saturating": lambda x, r: 1 - np.exp(-r.uniform(2, 12) * x),
    "collapse": lambda x, r: np.exp(-r.uniform(5, 60) * x),
    "sigmoid": lambda x, r: 1 / (1 + np.exp(-r.uniform(8, 40) * (x - r.uniform(0.2, 0.8)))),
    "step": lambda x, r: (x > r.uniform(0.1, 0.9)) * 1.0,
    "two steps": lambda x, r: (x > 0.3) - r.uniform(0.2, 1.5) * (x > 0.7),
    "sine": lambda x, r: np.sin(r.uniform(2, 15) * x + r.uniform(0, 6)),
    "hockey": lambda x, r: np.maximum(x - r.uniform(0.3, 0.9), 0),
    "dip": lambda x, r: np.interp(
        x, [0, r.uniform(0.1, 0.4), r.uniform(0.5, 0.7), 1], [0.3, 0, 0.35, 1]
    ),
    "knots": lambda x, r: np.interp(x, np.linspace(0, 1, 7), r.uniform(size=7)),
    "walk": lambda x, r: np.cumsum(r.normal(size=len(x))) / np.sqrt(len(x)),
}
SIZES = (0.0, 0.01, 0.05, 0.2, 1.0)
"""Standard deviations of the noise, in units of the shape's."""


def noise(length, kind, random):
    made = random.normal(size=length)
    if kind == "lasting":
        for i in range(1, length):
            made[i] += 0.6 * made[i - 1]
    if kind == "growing":
        made *= np.linspace(0.1, 2, length)
    if kind == "tails":
        made = random.standard_t(3, size=length)
    return made


def simulated(seed, series):
    """A run with this many metrics of random shapes, noises, units and gaps."""
    random = np.random.default_rng([17, seed])
    length = int(random.choice([20, 23, 30, 60, 120, 200, 300, 500]))
    x = np.linspace(0, 1, length)
    if seed % 3 == 0:
        x = np.sort(random.uniform(size=length))
    columns = {"step": np.arange(1.0, length + 1)}
    if seed % 2:
        columns["flops/total"] = 10 ** random.uniform(3, 25) * (0.01 + x)
    for i in range(series):
        shape = list(SHAPES)[(seed + i) % len(SHAPES)]
        kind = random.choice(["independent", "lasting", "growing", "tails"])
        y = SHAPES[shape](x, random) + random.choice(SIZES) * noise(length, kind, random)
        y = 10 ** random.uniform(-6, 6) * (y + random.choice([0, 0, 1, -3, 100]))
        if i % 4 == 0:
            y[random.uniform(size=length) < random.choice([0, 0.05, 0.4])] = np.nan
        if i % 5 == 0:
            y[: int(random.uniform(0, 0.3) * length)] = np.nan
        columns[f"metrics/m{i}"] = y
    columns["graded"] = np.full(length, float(random.choice([8, 64, 1000])))
    share = np.clip(SHAPES[list(SHAPES)[seed % len(SHAPES)]](x, random), 0, 1)
    columns["correct"] = random.binomial(columns["graded"].astype(int), share).astype(float)
    columns["parallelism_count"] = np.full(length, 16.0)
    columns["parallelism_sum"] = 16 * (
        1 + np.abs(columns["metrics/m1"] / 10 ** random.uniform(0, 6))
    )
    return rlviz.History(columns, logdir="runs/simulated")


def told(run):
    names = ["accuracy", "average_parallelism", *run.metrics]
    return rlviz.summarise(run, metrics=names)


SERIES = 18
"""Metrics of a run, besides accuracy and parallelism."""


def found_in(seeds):
    return [wrong for seed in seeds for run in [simulated(seed, SERIES)]
            for wrong in contradictions(run, told(run))]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    "seeds", [range(1), pytest.param(range(1, 15), marks=pytest.mark.slow)], ids=["few", "more"]
)
def test_of_simulated_series_no_sentence_contradicts_anything(seeds):
    assert found_in(seeds) == []


@pytest.mark.soak
def test_of_5000_simulated_series_no_sentence_contradicts_anything():
    assert found_in(range(15, 265)) == []


@pytest.mark.quick(2)
@pytest.mark.parametrize("name", [*RUNS, *LOGS])
def test_of_known_and_real_runs_no_sentence_contradicts_anything(name, real):
    run = run_called(name, real)
    assert contradictions(run, rlviz.summarise(run)) == []
    assert contradictions(run, told(run)) == []  # and of every metric


# --- the checker can fail ----------------------------------------------------


@pytest.fixture(scope="module")
def run():
    """Falls, rises slowly, rises steeply, stays level: all that can be said."""
    share = np.linspace(0, 1, 400)
    path = np.interp(share, [0, 0.2, 0.4, 0.6, 1], [8.0, 6.0, 7.0, 14.0, 14.0])
    values = path + 0.1 * np.random.default_rng(3).normal(size=400)
    columns = {"step": np.arange(400.0), "flops/total": 1e20 * (1 + share)}
    return rlviz.History({**columns, "metrics/m": values})


def claim_with(summary, **changes):
    (claim,) = summary.claims
    return dataclasses.replace(summary, claims=(dataclasses.replace(claim, **changes),))


def reworded(old, new):
    def change(summary):
        sentence = summary.claims[0].sentence
        assert old in sentence, sentence
        return claim_with(summary, sentence=sentence.replace(old, new, 1))

    return change


def retold(kind, change):
    def changed(summary):
        rows = dict(summary.claims[0].findings)
        key = f"M: {kind}"
        assert key in rows, rows
        rows[key] = change(rows[key])
        return claim_with(summary, findings=tuple((k, v) for k, v in rows.items() if v))

    return changed


def segment_with(number, **changes):
    def change(summary):
        parts = list(summary.segments["m"])
        parts[number] = dataclasses.replace(parts[number], **changes)
        return dataclasses.replace(summary, segments={"m": tuple(parts)})

    return change


def value_with(when, add):
    def change(summary):
        values = dict(summary.claims[0].values)
        values[when] = dataclasses.replace(values[when], value=values[when].value + add)
        return claim_with(summary, values=values)

    return change


def other_first_value(summary):
    sentence = summary.claims[0].sentence
    first = sentence.partition("from ")[2].split()[0]
    return claim_with(summary, sentence=sentence.replace(first, f"{float(first) + 0.1:.3f}", 1))


BROKEN = {
    "another direction": reworded("fell", "rose"),
    "another pace": reworded("steeply", "slowly"),
    "a value that the curve has not": other_first_value,
    "a level for a rise": reworded("stayed near", "then on to"),
    "another place": reworded("at 61 %", "at 63 %"),
    "a move less": reworded(" and stayed near", " and then near"),
    "a trend the other way": retold("trend", lambda text: text.replace("rises", "falls")),
    "a trend to another end": retold(
        "trend", lambda text: text[:-1] + str((int(text[-1]) + 5) % 10)
    ),
    "a dip elsewhere": retold("dip", lambda text: text.replace("61 %", "80 %")),
    "a deeper dip": retold("dip", lambda text: "9" + text[1:]),
    "no word of the plateau": retold("plateau", lambda text: None),
    "an acceleration elsewhere": retold("acceleration", lambda text: text.replace("70 %", "90 %")),
    "a gap": segment_with(1, x_start=1.3e20),
    "a kind that is not true": segment_with(0, kind="rises"),
    "a value off the curve": segment_with(0, y_start=8.2),
    "a table off the curve": value_with("middle", 0.2),
}


def test_a_true_summary_passes(run):
    summary = rlviz.summarise(run, metrics=["m"])
    assert contradictions(run, summary) == []


@pytest.mark.parametrize("breaks", BROKEN.values(), ids=BROKEN)
def test_a_broken_summary_does_not_pass(run, breaks):
    broken = breaks(rlviz.summarise(run, metrics=["m"]))
    assert contradictions(run, broken) != []
