"""A run with odd names and values, and a file of it in each format."""

import pytest

import rlviz
from rlviz.report.export.table_file import export

COUNTS = [10**26 + 1, 10**26 + 3, 2 * 10**26 + 7]

FORMULAS = ["=1+1", "+x", "-x", "@x"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    logdir = tmp_path_factory.mktemp("run")
    with rlviz.Callback(logdir, figure_seconds=None, convention="6N") as viz:
        viz.on_step_end(1, correct=[1, 0, 0], flops={"rollout": COUNTS[0]})
        viz.on_step_end(2, flops=2, metrics={"loss, so": 0.1, **dict.fromkeys(FORMULAS, 3.0)})
        viz.on_step_end(
            5,
            parallelism=[2.5],
            flops={"rollout": 10**26 + 4},
            metrics={"loss, so": float("inf"), 'say "hi"\nGrüße': -0.5},
        )
    return rlviz.read(logdir)


@pytest.fixture
def exported(run, tmp_path):
    def write(suffix):
        path = tmp_path / f"table{suffix}"
        export(run, path)
        return path

    return write
