"""What the tests of the command line share: running a command, and two runs to compare."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest

import rlviz
from rlviz.cli import main

Result: TypeAlias = tuple[Any, str, str]
"""Exit code, standard output, standard error."""


@pytest.fixture
def run_cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Runs a command."""

    def run(*arguments: object) -> Result:
        code: Any
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as ended:  # argparse's way
            code = ended.code
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.fixture
def assert_one_sentence() -> Callable[..., None]:
    """That a command could not be done, and said so in one line with these words."""

    def check(result: Result, *words: object) -> None:
        code, out, err = result
        assert (code, out) == (2, "")
        assert err.startswith("rlviz: ")
        assert len(err.splitlines()) == 1
        assert "Errno" not in err
        assert "Traceback" not in err
        for word in words:
            assert str(word) in err

    return check


@pytest.fixture(scope="session")
def two_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One needs half the compute of the other; three seeds of each."""
    folder = tmp_path_factory.mktemp("runs")
    rng = np.random.default_rng(0)
    for name, cost in (("slow", 2), ("fast", 1)):
        for seed in range(3):
            with rlviz.Callback(folder / f"{name}{seed}", figure_seconds=None) as viz:
                for step in range(1, 61):
                    accuracy = 0.2 + 0.6 * step / 60 + 0.02 * rng.standard_normal()
                    viz.on_step_end(
                        step, accuracy=accuracy, graded=64, flops=cost * 10**20, parallelism=2.0
                    )
    return folder
