"""The public surface is written down: no name vanishes and no signature changes unnoticed.

`tests/data/public_surface.txt` is the table. A change that is meant is written into it by
`python tests/test_public_surface.py`, and its diff is what a reviewer reads. Annotations are left
out: `mypy` checks them, and each version of Python spells them in another way.
"""

import dataclasses
import importlib
import inspect
import re
import subprocess
import sys
import warnings
from functools import cached_property
from pathlib import Path

import pytest

import rlviz

TABLE = Path(__file__).parent / "data" / "public_surface.txt"
MODULES = [
    *("rlviz", "rlviz.flops", "rlviz.parallelism", "rlviz.smooth", "rlviz.scaling"),
    *("rlviz.schema", "rlviz.importers", "rlviz.integrations", "rlviz.sinks"),
]
INTEGRATIONS = Path(rlviz.__file__).parent / "integrations"
FRAMEWORKS = [
    f"rlviz.integrations.{path.stem}"
    for path in sorted(INTEGRATIONS.glob("[!_]*.py"))
    if path.stem != "phases"  # an old path of a part, not a framework
]
DOCUMENTS = [
    Path(__file__).parents[1] / "docs" / "integrations.md",
    INTEGRATIONS / "__init__.py",
]
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def surface(module_name):
    """The lines of a module: each name with its kind and its signature, fields or value."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what frameworks say of themselves as they load
        module = importlib.import_module(module_name)
    names = getattr(module, "__all__", None)
    if names is None:
        ours = vars(module).items()
        names = [name for name, value in ours if name[0] != "_" and belongs(value, module_name)]
    return [
        line
        for name in sorted(names)
        for line in described(f"{module_name}.{name}", getattr(module, name))
    ]


def belongs(value, module_name):
    """Whether a module that lists no public names defines it itself."""
    if inspect.ismodule(value):
        return False
    if inspect.isclass(value) or inspect.isfunction(value):
        return value.__module__ == module_name
    return type(value).__module__ == "builtins"


def described(name, value):
    if inspect.ismodule(value):
        yield f"{name}: module"
    elif inspect.isclass(value):
        yield f"{name}: class{signature(value)}"
        yield from members(name, value)
    elif callable(value):
        yield f"{name}: function{signature(value)}"
    else:
        yield f"{name}: {type(value).__name__}"


def members(name, cls):
    """What a class of ours has beside its constructor."""
    found = dict.fromkeys(sorted(getattr(cls, "__annotations__", ())), ": field")
    if dataclasses.is_dataclass(cls):
        found = dict.fromkeys((field.name for field in dataclasses.fields(cls)), ": field")
    for base in cls.__mro__:
        if not base.__module__.startswith("rlviz"):
            continue
        for member, value in sorted(vars(base).items()):
            if isinstance(value, (classmethod, staticmethod)):
                value = value.__func__
            if inspect.isfunction(value):
                found.setdefault(member, signature(value))
            elif isinstance(value, (property, cached_property)) or not dataclasses.is_dataclass(
                cls
            ):
                found.setdefault(member, "")
    yield from (f"{name}.{member}{what}" for member, what in found.items() if member[0] != "_")


def signature(value):
    try:
        found = inspect.signature(value)
    except (TypeError, ValueError):
        return ""
    bare = [one.replace(annotation=one.empty) for one in found.parameters.values()]
    text = str(found.replace(parameters=bare, return_annotation=found.empty))
    return _ADDRESS.sub("", text)


def table():
    """The module of each part of the table -> its lines."""
    parts = re.split(r"^\[(.+)\]\n", TABLE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {
        name: text.split("\n\n")[0].splitlines()
        for name, text in zip(parts[1::2], parts[2::2], strict=True)
    }


def test_the_table_has_each_public_module_once():
    told = "a new one? Run: python tests/test_public_surface.py"
    assert list(table()) == [*MODULES, *FRAMEWORKS], told


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_framework_is_named_where_users_look_for_it(document):
    text = document.read_text(encoding="utf-8")
    assert [name for name in FRAMEWORKS if name not in text] == []


@pytest.mark.parametrize("module", MODULES)
def test_no_public_name_vanishes_and_no_signature_changes(module):
    assert surface(module) == table()[module], "meant? Run: python tests/test_public_surface.py"


@pytest.mark.parametrize("module", FRAMEWORKS)
def test_no_integration_changes_what_it_takes(module):
    try:
        found = surface(module)
    except ImportError as error:
        pytest.skip(str(error))
    assert found == table().get(module), "meant? Run: python tests/test_public_surface.py"


@pytest.mark.parametrize("name", ["export", "examine", "import_run", "Accuracy"])
def test_what_is_documented_is_a_public_name(name):
    assert f"rlviz.{name}" in {line.partition(":")[0] for line in table()["rlviz"]}


def test_a_name_that_vanishes_or_a_signature_that_changes_is_noticed(monkeypatch):
    before = surface("rlviz.importers")
    monkeypatch.setattr(rlviz.importers, "import_run", lambda source: source, raising=False)
    assert surface("rlviz.importers") != before
    monkeypatch.setattr(rlviz.importers, "__all__", ["Imported"])
    assert not any("import_run" in line for line in surface("rlviz.importers"))


def test_the_parts_of_integrations_load_no_framework():
    code = (
        "import sys; from rlviz.integrations import LoggedSteps, Phases; "
        "print({'torch', 'transformers', 'ray', 'accelerate'} & set(sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "set()\n"


@pytest.mark.parametrize(
    ("path", "name", "now"),
    [
        ("rlviz.measure.accuracy", "Accuracy", "from rlviz import Accuracy"),
        ("rlviz.integrations.phases", "Phases", "from rlviz.integrations import Phases"),
    ],
)
def test_a_path_that_was_documented_says_where_its_name_went(path, name, now):
    sys.modules.pop(path, None)
    with pytest.warns(DeprecationWarning, match=f"is deprecated: write `{now}`"):
        old = importlib.import_module(path)
    package, public = now.removeprefix("from ").split(" import ")
    assert getattr(old, name) is getattr(importlib.import_module(package), public)


def write():
    """Write the table; what can't be imported here stays as it is."""
    before = table() if TABLE.exists() else {}
    parts = []
    for module in (*MODULES, *FRAMEWORKS):
        try:
            lines = surface(module)
        except ImportError as error:
            print(f"{module} stays as it was: {error}", file=sys.stderr)  # noqa: T201
            lines = before.get(module, [])
        parts.append("\n".join([f"[{module}]", *lines, ""]))
    TABLE.write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    write()
