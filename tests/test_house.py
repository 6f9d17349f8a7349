"""The rules of the house: what may import what, and what an import may cost."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import rlviz

PACKAGE = Path(rlviz.__file__).parent

# place -> what of rlviz it may import at all; a place may always import itself
ALLOWED = {
    "_version": set(),
    "schema": set(),
    "tfrecord": set(),
    "measure": {"schema"},
    "flops": {"measure"},
    "parallelism": {"measure"},
    "scaling": {"report"},
    "smooth": set(),
    "record": {"schema", "tfrecord", "measure", "smooth"},
    "report": {"schema", "tfrecord", "measure", "smooth"},
    "callback": {"schema", "measure", "smooth", "record"},
    "demo": {"callback", "measure"},
    "importers": {"schema", "tfrecord", "callback"},
    "integrations": {"schema", "measure", "flops", "record", "callback"},
    "dashboard": {"schema", "measure", "smooth", "report"},
    "cli": {"report", "demo", "importers", "dashboard"},
    "__main__": {"cli"},
}
FORBIDDEN_OUTSIDE = {
    "schema": {"torch", "tensorboard", "matplotlib"},
    "tfrecord": {"torch", "tensorboard", "matplotlib"},
    "smooth": {"tensorboard", "matplotlib"},
    "record": {"torch", "matplotlib"},
    "report": {"torch"},
    "importers": {"torch", "matplotlib"},
    "dashboard": {"torch", "matplotlib"},
    "callback": {"torch", "matplotlib"},
    "cli": {"torch", "tensorboard", "matplotlib"},
}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def place_of(module: Path) -> str:
    first = module.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imported_names(module: Path) -> set[str]:
    """Absolute dotted names of every import, lazy ones included."""
    names = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: a relative import hides where it goes"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("module", modules(), ids=lambda m: str(m.relative_to(PACKAGE)))
def test_a_place_imports_only_from_the_rows_above_its_own(module):
    place = place_of(module)
    if place == "__init__":
        return  # resolves the public names lazily; the subprocess tests below hold what it costs
    for name in imported_names(module):
        top, *rest = name.split(".")
        if (
            top == "rlviz"
            and rest
            and (PACKAGE / rest[0]).exists() | (PACKAGE / f"{rest[0]}.py").exists()
        ):
            assert rest[0] == place or rest[0] in ALLOWED[place], f"{place} imports {name}"
        assert top not in FORBIDDEN_OUTSIDE.get(place, set()), f"{place} imports {top}"


def test_every_module_says_in_its_first_line_what_it_owns():
    for module in modules():
        docstring = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8")))
        assert docstring, f"{module} has no docstring"
        first = docstring.splitlines()[0]
        assert first.endswith((".", ":")), f"{module}: {first!r} is no sentence"


@pytest.mark.parametrize(
    "name", ["rlviz", "rlviz.cli", "rlviz.cli.watch", "rlviz.schema", "rlviz.demo"]
)
def test_importing_it_loads_neither_torch_nor_tensorboard_nor_matplotlib(name):
    code = f"import sys, {name}; print(*(m.split('.')[0] for m in sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not {"torch", "tensorboard", "matplotlib", "pandas"} & set(result.stdout.split())


def test_recording_loads_neither_torch_nor_matplotlib():
    code = "import sys, rlviz.callback; print(*(m.split('.')[0] for m in sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not {"torch", "matplotlib", "pandas"} & set(result.stdout.split())


def test_the_process_that_draws_never_loads_torch():
    code = "import sys, rlviz.report.painter; print(*(m.split('.')[0] for m in sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "torch" not in result.stdout.split()


def test_every_public_name_resolves():
    for name in rlviz.__all__:
        assert getattr(rlviz, name) is not None
    with pytest.raises(AttributeError, match="module 'rlviz' has no attribute 'nope'"):
        rlviz.nope  # noqa: B018
