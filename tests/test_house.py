"""The rules of the house: what may import what, what an import may cost, where a test stands."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import rlviz

PACKAGE = Path(rlviz.__file__).parent
TESTS = Path(__file__).parent

# place -> the places of rlviz that it may import; a place may always import itself. A place is a
# module or a folder of the package, inside report/ a folder of that.
BASE = {
    "schema",
    "checksums",
    "records_together",
    "tfrecord",
    "wall_time",
    "wording",
    "given",
    "markdown",
    "conventions",
    "paths",
    "own_process",
}
RUN = BASE | {"report.history", "report.series", "report.statistics", "scaling"}
ALLOWED = {
    "_version": set(),
    "schema": set(),
    "checksums": set(),
    "records_together": {"checksums"},
    "tfrecord": {"checksums", "records_together"},
    "wall_time": set(),
    "wording": set(),
    "given": {"wording"},
    "markdown": set(),
    "palette": set(),
    "accuracy": {"schema"},
    "conventions": {"wording"},
    "paths": {"wording"},
    "own_process": set(),
    "requirement": set(),
    "flops": {"schema", "conventions", "given"},
    "parallelism": {"schema", "flops", "given"},
    "smooth": {"given"},
    "record": BASE | {"accuracy", "flops", "parallelism", "smooth"},
    "callback": BASE | {"accuracy", "flops", "parallelism", "smooth", "record"},
    "scaling": {"smooth", "wording"},
    "report": set(),
    "report.history": BASE | {"accuracy", "parallelism"},
    "report.series": BASE | {"accuracy", "smooth", "scaling", "report.history"},
    "report.statistics": BASE | {"smooth", "report.history", "report.series"},
    "report.figure": RUN | {"palette"},
    "report.summary": RUN | {"smooth", "report.figure"},
    "report.compare": RUN | {"report.figure", "report.summary"},
    "report.export": RUN | {"report.figure", "report.summary", "report.compare"},
    "report.doctor": RUN | {"report.figure", "report.summary", "report.compare", "report.export"},
    "report.figure_process": {"report.history", "report.series", "report.figure", "report.summary"},
    "sinks": {"schema", "requirement", "record"},
    "importers": BASE | {"callback"},
    "measure": {"accuracy"},
    "integrations": BASE
    | {"requirement", "accuracy", "flops", "parallelism", "record", "callback"},
    "dashboard": RUN
    | {"_version", "accuracy", "smooth", "palette"}
    | {f"report.{verb}" for verb in ("figure", "summary", "compare", "export", "doctor")},
    "demo": {"paths", "callback", "flops", "parallelism"}
    | {"report.figure", "report.history", "report.summary"},
    "cli": {
        "schema",
        "wording",
        "conventions",
        "paths",
        "scaling",
        "demo",
        "importers",
        "dashboard",
    }
    | {f"report.{room}" for room in ("history", "series", "figure", "summary")}
    | {f"report.{room}" for room in ("compare", "export", "doctor")},
    "__main__": {"cli"},
}
UPWARD = {
    ("rlviz.report.history.history", "rlviz.report.figure"),
    ("rlviz.report.history.history", "rlviz.dashboard.file"),
}
"""What a `History` shows of itself in a notebook, resolved through the table of public names."""

FORBIDDEN_OUTSIDE = {
    "schema": {"numpy", "scipy", "torch", "tensorboard", "matplotlib"},
    "checksums": {"torch", "tensorboard", "matplotlib"},
    "records_together": {"torch", "tensorboard", "matplotlib"},
    "tfrecord": {"torch", "tensorboard", "matplotlib"},
    "wording": {"torch", "tensorboard", "matplotlib"},
    "conventions": {"numpy", "torch", "tensorboard", "matplotlib"},
    "paths": {"numpy", "torch", "tensorboard", "matplotlib"},
    "own_process": {"numpy", "torch", "tensorboard", "matplotlib"},
    "palette": {"numpy", "scipy", "torch", "tensorboard", "matplotlib"},
    "smooth": {"tensorboard", "matplotlib"},
    "record": {"torch", "matplotlib"},
    "report": {"torch"},
    "importers": {"torch", "matplotlib"},
    "dashboard": {"torch", "matplotlib"},
    "callback": {"torch", "matplotlib"},
    "cli": {"torch", "tensorboard", "matplotlib"},
}
MOST_ROOMS_OF_THE_REPORT = 9


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}
WITHOUT_THE_TABLE = [name for name in MODULES if name != "rlviz"]  # it resolves names lazily


def place_of(module: str) -> str:
    """
    >>> place_of("rlviz.report.figure.panels"), place_of("rlviz.flops.watch")
    ('report.figure', 'flops')
    """
    _, first, *rest = module.split(".")
    return f"{first}.{rest[0]}" if first == "report" and rest else first


def target(dotted: str) -> str | None:
    """The module of rlviz that a dotted name is from, public names resolved; None of others."""
    top, _, rest = dotted.partition(".")
    if top != "rlviz":
        return None
    public, _, more = rest.partition(".")
    if public in rlviz._PUBLIC:
        module, attribute = rlviz._PUBLIC[public]
        dotted = ".".join(filter(None, (module, attribute, more)))
    parts = dotted.split(".")
    for end in range(len(parts), 0, -1):
        if (module := ".".join(parts[:end])) in MODULES:
            return module
    return None


def imported(source: str) -> Iterator[str]:
    """Dotted names of all imports, lazy ones and those for types alone included, and of what is
    used of `rlviz` itself, as in `rlviz.read(…)`."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name != "rlviz")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import hides where it goes"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "rlviz"
        ):
            yield f"rlviz.{node.attr}"


def complaints(module: str, source: str) -> list[str]:
    """What a module imports that its place may not."""
    place = place_of(module)
    found = []
    for name in imported(source):
        top = name.split(".")[0]
        if top in FORBIDDEN_OUTSIDE.get(place.split(".")[0], set()):
            found.append(f"{place} imports {top}")
        other = target(name)
        if other is None or other == "rlviz" or (module, other) in UPWARD:
            continue
        if place_of(other) != place and place_of(other) not in ALLOWED[place]:
            found.append(f"{place} imports {name}, which is {other}")
    return found


@pytest.mark.parametrize("module", WITHOUT_THE_TABLE)
def test_a_place_imports_only_from_the_rows_above_its_own(module):
    assert complaints(module, MODULES[module].read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("rlviz.smooth.local", "from rlviz import read"),
        ("rlviz.smooth.local", "def f():\n    import rlviz\n    return rlviz.read('runs/a')"),
        ("rlviz.record.worker", "from rlviz.report import history"),
        ("rlviz.report.history.files", "from rlviz import figure"),
        ("rlviz.report.series.axis", "from rlviz.report.figure.panels import draw"),
        ("rlviz.report.summary.claims", "from rlviz.report.doctor import examine"),
        ("rlviz.report.history.files", "from rlviz.record.eventfile import EventFile"),
        ("rlviz.cli.watch", "import matplotlib.pyplot as plt"),
    ],
)
def test_an_import_from_a_row_below_is_noticed_however_it_is_written(module, source):
    assert len(complaints(module, source)) == 1


def test_no_modules_import_each_other_in_a_circle():
    arrows = {
        module: {
            other
            for name in imported(MODULES[module].read_text(encoding="utf-8"))
            if (other := target(name)) not in (None, "rlviz", module)
            and (module, other) not in UPWARD
        }
        for module in WITHOUT_THE_TABLE
    }
    ended: set[str] = set()

    def follow(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, f"a circle: {' -> '.join((*path, module))}"
        if module not in ended:
            for other in sorted(arrows[module]):
                follow(other, (*path, module))
            ended.add(module)

    for module in arrows:
        follow(module, ())


def test_the_report_has_few_rooms():
    rooms = {path.stem for path in (PACKAGE / "report").iterdir() if path.stem[:2] != "__"}
    assert len(rooms) <= MOST_ROOMS_OF_THE_REPORT, sorted(rooms)


def test_no_public_function_has_the_name_of_a_module_beside_it():
    clashes = set()
    for module, path in MODULES.items():
        if path.name != "__init__.py":
            continue
        stems = {beside.stem for beside in path.parent.iterdir()}
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module not in (module, "rlviz"):
                clashes |= {f"{module}.{a.asname or a.name}" for a in node.names if a.name in stems}
    assert clashes == {"rlviz.smooth.ema"}


def has_behaviour(source: str) -> bool:
    """Whether a module does anything that a test could hold: a function or method with a body."""
    return any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and any(not is_blank(statement) for statement in node.body)
        for node in ast.walk(ast.parse(source))
    )


def is_blank(statement: ast.stmt) -> bool:
    """`...`, `pass` or a docstring."""
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def predicted_test(path: Path) -> Path:
    """
    >>> predicted_test(Path("flops/shape.py")).as_posix()
    'flops/test_shape.py'
    """
    return path.with_name(f"test_{path.name}")


def test_every_module_with_behaviour_has_the_test_file_that_its_path_predicts():
    missing = [
        predicted_test(path.relative_to(PACKAGE)).as_posix()
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.stem[:2] != "__"
        and has_behaviour(path.read_text(encoding="utf-8"))
        and not (TESTS / predicted_test(path.relative_to(PACKAGE))).is_file()
    ]
    assert not missing, f"missing in tests/: {', '.join(missing)}"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("LIMIT = 3", False),
        ("class P(Protocol):\n    def f(self) -> int: ...", False),
        ('class P(Protocol):\n    def f(self) -> int:\n        """What it gives."""', False),
        ("@dataclass\nclass C:\n    x: int", False),
        ("def f():\n    return 1", True),
        ('class C:\n    def f(self):\n        """One."""\n        return 1', True),
        ("async def f():\n    await g()", True),
    ],
)
def test_what_a_module_must_have_for_a_test_file_to_be_predicted(source, found):
    assert has_behaviour(source) == found


def test_every_module_says_in_its_first_line_what_it_owns():
    for path in MODULES.values():
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        assert docstring, f"{path} has no docstring"
        first = docstring.splitlines()[0]
        assert first.endswith((".", ":")), f"{path}: {first!r} is no sentence"


def loaded_by(code: str) -> set[str]:
    """The packages that a fresh interpreter has loaded after some code."""
    code += "\nimport sys; print(*(m.split('.')[0] for m in sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return set(result.stdout.split())


@pytest.mark.parametrize(
    "name", ["rlviz", "rlviz.cli", "rlviz.cli.watch", "rlviz.schema", "rlviz.demo"]
)
def test_importing_it_loads_neither_torch_nor_tensorboard_nor_matplotlib(name):
    heavy = {"torch", "tensorboard", "matplotlib", "pandas"}
    assert not heavy & loaded_by(f"import {name}")


def test_recording_loads_neither_torch_nor_matplotlib():
    assert not {"torch", "matplotlib", "pandas"} & loaded_by("import rlviz.callback")


def test_what_tensorboard_loads_of_us_brings_neither_torch_nor_matplotlib():
    code = "import rlviz.dashboard.loader, rlviz.dashboard.plugin, rlviz.dashboard.answers"
    assert not {"torch", "matplotlib", "pandas"} & loaded_by(code)


def test_the_process_that_draws_never_loads_torch():
    assert "torch" not in loaded_by("import rlviz.report.figure_process")


def test_every_public_name_resolves():
    for name in rlviz.__all__:
        assert getattr(rlviz, name) is not None
    with pytest.raises(AttributeError, match="module 'rlviz' has no attribute 'nope'"):
        rlviz.nope  # noqa: B018


DOCUMENTED = {("os", "_exit"), ("sys", "_getframe")}
"""Names of Python's own that are public all the same."""


def is_private(name: object) -> bool:
    return isinstance(name, str) and re.match(r"_(?!_)\w", name) is not None


def own_names(sources: list[str]) -> set[str]:
    """What some code defines itself: functions, classes, variables, attributes, modules."""
    names = {part for module in MODULES for part in module.split(".")}
    for node in (node for source in sources for node in ast.walk(ast.parse(source))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            names |= {node.attr} if getattr(node.value, "id", None) == "self" else set()
    return names


def private_names(source: str) -> Iterator[str]:
    """Names that begin with `_` and are imported, asked for by `getattr`, or attributes; and what
    is imported from torch although its module doesn't list it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            yield from filter(is_private, node.module.split("."))
            for alias in node.names:
                if is_private(alias.name) or not is_listed(node.module, alias.name):
                    yield alias.name
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield from filter(is_private, alias.name.split("."))
        elif isinstance(node, ast.Attribute) and is_private(node.attr):
            if (getattr(node.value, "id", None), node.attr) not in DOCUMENTED:
                yield node.attr
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "")[3:] == "attr":
            named = node.args[1] if len(node.args) > 1 else None
            if isinstance(named, ast.Constant) and is_private(named.value):
                yield named.value


def is_listed(module: str, name: str) -> bool:
    if module.split(".")[0] != "torch":
        return True
    there = importlib.import_module(module)
    public = getattr(there, "__all__", None)
    return public is None or name in public or inspect.ismodule(getattr(there, name))


def test_private_names_of_others_are_those_of_the_table_in_the_architecture():
    sources = [path.read_text(encoding="utf-8") for path in MODULES.values()]
    own = own_names(sources)
    used = {name for source in sources for name in private_names(source)} - own
    text = (TESTS.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = text.split("## Private names of others")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.+?) \|", section, re.MULTILINE)
    told = {part for row in rows for name in re.findall("`(.+?)`", row) for part in name.split(".")}
    missing, gone = used - told, {name for name in told if is_private(name)} - used
    assert not missing, f"say in docs/architecture.md why there is no public way: {missing}"
    assert not gone, f"no longer used, take it out of docs/architecture.md: {gone}"


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("from torch.utils import _pytree as pytree", {"_pytree"}),
        ("import torch._dynamo.config", {"_dynamo"}),
        ("from torch.utils.flop_counter import flop_registry", {"flop_registry"}),
        ("from torch.utils.flop_counter import FlopCounterMode", set()),
        ("from torch import nn", set()),
        ("x = torch._C._get_tracing_state()", {"_C", "_get_tracing_state"}),
        ("if hasattr(module, '_orig_mod'): pass", {"_orig_mod"}),
        ("import sys\nframe = sys._getframe()", set()),
        ("module.__dict__['a']", set()),
    ],
)
def test_a_private_name_is_noticed_however_it_is_reached(source, names):
    assert set(private_names(source)) == names
