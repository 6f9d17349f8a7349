"""A framework that is missing, too old or broken is a sentence with the command that brings it."""

import ast
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import rlviz.integrations
from rlviz.requirement import needed


def test_a_framework_that_is_missing_is_named_with_what_brings_it():
    words = "^x needs no-such-framework 2.1 or newer, but none is installed. Install it: pip"
    with (
        pytest.raises(ImportError, match=words),
        needed("no-such-framework", "2.1", module="x", extra="trl"),
    ):
        raise AssertionError("its import must not be tried")


def test_a_framework_that_is_too_old_is_named_with_what_brings_a_newer_one(tmp_path):
    old = tmp_path / "transformers-4.40.2.dist-info"
    old.mkdir()
    (old / "METADATA").write_text("Metadata-Version: 2.1\nName: transformers\nVersion: 4.40.2\n")
    done = subprocess.run(
        [sys.executable, "-c", "import rlviz.integrations.transformers"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "ImportError: rlviz.integrations.transformers needs transformers 4.52 or newer, but 4.40.2 "
        "is installed. Install it: pip install -U 'rlviz[trl]'"
    )


def test_a_framework_that_can_not_be_imported_says_why():
    words = r"x needs pytest 1.0 or newer, but .* can't be imported here \(No module named 'nope'\)"
    with (
        pytest.raises(ImportError, match=words) as raised,
        needed("pytest", "1.0", module="x", extra="trl"),
    ):
        raise ModuleNotFoundError("No module named 'nope'", name="nope")
    assert isinstance(raised.value.__cause__, ModuleNotFoundError)


def test_errors_of_another_kind_are_the_frameworks_own():
    with pytest.raises(KeyError), needed("pytest", "1.0", module="x", extra="trl"):
        raise KeyError("a bug of its")


def requirements():
    """(integration, distribution, oldest version, extra) of each that needs a framework."""
    for path in sorted(Path(rlviz.integrations.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "needed":
                distribution, at_least = (argument.value for argument in node.args)
                extra = next(k.value.value for k in node.keywords if k.arg == "extra")
                yield path.stem, distribution, at_least, extra


def test_the_extras_ask_for_what_the_integrations_need():
    found = list(requirements())
    assert len(found) >= 8
    declared = [line.replace(" ", "") for line in metadata.requires("rlviz")]
    extras = set(metadata.metadata("rlviz").get_all("Provides-Extra"))
    for name, distribution, at_least, extra in found:
        assert extra in extras, name
        lines = [d for d in declared if d.split("[")[0].split(">")[0] == distribution]
        assert any(f">={at_least};" in line for line in lines), (name, lines)
