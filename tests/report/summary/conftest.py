"""A run whose every number can be worked out by hand, and summaries of others."""

import json

import numpy as np
import pytest

import rlviz


@pytest.fixture
def small():
    """Three steps whose every number can be worked out by hand."""
    return rlviz.History(
        {
            "step": np.array([1.0, 2.0, 3.0]),
            "session": np.zeros(3),
            "wall_time": np.array([1000.0, 1030.0, 1125.0]),
            "correct": np.array([1.0, 0.0, 3.0]),
            "graded": np.array([4.0, 0.0, 4.0]),  # nothing was graded in the second step
            "parallelism_sum": np.array([4.0, 9.0, 11.0]),
            "parallelism_count": np.array([2.0, 3.0, 2.0]),
            "flops/rollout": np.array([1e21, 2e21, 3e21]),
            "flops_remainder/rollout": np.zeros(3),
            "flops/evaluation": np.array([np.nan, 5e20, 5e20]),
            "flops_remainder/evaluation": np.array([np.nan, 0, 0]),
            "flops/update": np.array([5e20, 5e20, 1e21]),
            "flops_remainder/update": np.zeros(3),
            "flops/total": np.array([1.5e21, 2.5e21, 4e21]),
            "flops_remainder/total": np.array([0.0, 0.0, 1.0]),
        },
        logdir="runs/small",
    )


def assert_strict_json(data):
    assert json.loads(json.dumps(data, allow_nan=False)) == data


def with_group(run, name, correct, graded):
    run.columns[f"correct/{name}"] = np.array(correct, float)
    run.columns[f"graded/{name}"] = np.array(graded, float)
    return run


def with_metrics(**metrics):
    """Three steps without graded answers and without agents."""
    metrics = {f"metrics/{name}": np.array(values) for name, values in metrics.items()}
    columns = {"step": np.array([1.0, 2.0, 3.0]), "wall_time": np.zeros(3), **metrics}
    return rlviz.summarise(rlviz.History(columns, logdir="runs/m"))


def notes_of(logdir):
    return rlviz.summarise(rlviz.read(logdir)).notes


def run_of(history_of, accuracy, **columns):
    return history_of(accuracy=accuracy, flops=np.arange(1.0, len(accuracy) + 1) * 1e20, **columns)


def said(history_of, accuracy):
    return rlviz.summarise(run_of(history_of, accuracy)).claims[0].sentence
