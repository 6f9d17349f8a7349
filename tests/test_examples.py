"""The examples, which check themselves: each runs where all that it imports is installed."""

import ast
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

PLAIN = {*sys.stdlib_module_names, "rlviz", "torch", "numpy"}
SEVERAL = {"ddp_two_ranks", "resume_after_crash"}
"""They start processes of their own, each of which loads torch."""
EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))


def needed(example: Path) -> set[str]:
    """The packages that an example imports."""
    names = set()
    for node in ast.walk(ast.parse(example.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


def test_there_are_examples_that_need_nothing_more():
    alone = {example.stem for example in EXAMPLES if needed(example) <= PLAIN}
    assert alone >= {"plain_loop", "agent_swarm_trace", "resume_after_crash", "compare_runs"}


@pytest.mark.parametrize(
    "example",
    [
        pytest.param(path, marks=pytest.mark.slow if path.stem in SEVERAL else ())
        for path in EXAMPLES
    ],
    ids=lambda path: path.stem,
)
def test_an_example_does_what_it_says(run_python, tmp_path, example):
    missing = sorted(name for name in needed(example) if find_spec(name) is None)
    if missing:
        pytest.skip(f"it needs {', '.join(missing)}")
    done = run_python(str(example), str(tmp_path / "run"))
    assert done.returncode == 0, done.stdout + done.stderr
