"""Runs whose comparison can be worked out by hand."""

import numpy as np
import pytest

import rlviz


def run_of(
    random,
    *,
    speed=1.0,
    steps=150,
    noise=0.03,
    lasting=0.0,
    most=1e22,
    name="runs/x",
    phases=("rollout", "update"),
    curve=lambda spent: 0.3 + 0.35 * (1 - np.exp(-3 * spent)),
):
    """A run whose accuracy follows `curve` of its share of compute times `speed`."""
    flops = most * np.cumsum(0.5 + random.random(steps)) / steps
    error = random.normal(size=steps)
    for i in range(1, steps):
        error[i] = lasting * error[i - 1] + np.sqrt(1 - lasting**2) * error[i]
    columns = {
        "step": np.arange(1.0, steps + 1),
        "correct": 1000 * (curve(speed * flops / 1e22) + noise * error),
        "graded": np.full(steps, 1000.0),
        "flops/total": flops,
    }
    columns |= {f"flops/{phase}": flops / len(phases) for phase in phases}
    return rlviz.History(columns, name)


def quiet(speed, **options):
    """Hardly any noise: what comes out can be worked out by hand."""
    return run_of(np.random.default_rng(int(100 * speed)), speed=speed, noise=0.0005, **options)


@pytest.fixture(scope="module")
def pair():
    return rlviz.compare({"base": quiet(1.0), "twice": quiet(2.0)})


def losses(speed):
    """A loss that falls from 0.7 by as much as the accuracy rises."""
    run = quiet(speed)
    run.columns["metrics/loss"] = 1 - run.accuracy
    return run


@pytest.fixture(scope="module")
def less():
    runs = {"base": losses(1.0), "twice": losses(2.0)}
    return rlviz.compare(runs, metric="loss", lower_is_better=True)


def phased(*phases):
    return run_of(
        np.random.default_rng(len(phases)), phases=phases, name="runs/" + "+".join(phases)
    )
