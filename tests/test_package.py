"""What is built for others: the source is complete, the wheel installs and trains, both are sound.

Takes gigabytes, for the wheel is installed with all that it needs.
"""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from importlib.util import find_spec
from pathlib import Path

import pytest

import rlviz

if not os.environ.get("RLVIZ_REQUIRE_BUILD") and find_spec("build") is None:
    pytest.skip("build is not installed; tox -e slow has it", allow_module_level=True)

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
FOLDERS = ("benchmarks", "docs", "examples", "rlviz", "tests")
FILES = (
    *("CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "README.md", "SECURITY.md"),
    *("constraints.txt", "pyproject.toml", "setup.cfg", "setup.py", "tox.ini"),
    *("mkdocs.yml", ".pre-commit-config.yaml"),
)
MADE = shutil.ignore_patterns("__pycache__", "*.py[cod]", ".*", "*.egg-info", "runs")


def run(*command, **options):
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of what is under test, in a folder whose name has a space."""
    tree = tmp_path_factory.mktemp("a clone") / "rl viz"
    tree.mkdir()
    for name in FOLDERS:
        shutil.copytree(ROOT / name, tree / name, ignore=MADE)
    for path in [ROOT / "MANIFEST.in", *ROOT.glob("constraints*.txt"), *(ROOT / f for f in FILES)]:
        shutil.copy(path, tree)
    return tree


@pytest.fixture(scope="module")
def source(tree, tmp_path_factory):
    """The source distribution; the wheel, which is made from it, lies beside it."""
    out = tmp_path_factory.mktemp("dist")
    before = files_of(tree)
    run(sys.executable, "-m", "build", "--outdir", out, tree)
    assert {name for name in files_of(tree) - before if ".egg-info/" not in name} == set()
    (found,) = out.glob("*.tar.gz")
    return found


@pytest.fixture(scope="module")
def wheel(source):
    (found,) = source.parent.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def unpacked(source, tmp_path_factory):
    """The folder in the source distribution."""
    with tarfile.open(source) as packed:
        packed.extractall(folder := tmp_path_factory.mktemp("unpacked"), filter="data")
    (inside,) = folder.iterdir()
    return inside


def files_of(folder):
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_a_package_index_takes_both(source, wheel):
    said = run(sys.executable, "-m", "twine", "check", "--strict", source, wheel)
    assert said.count("PASSED") == 2, said


def test_the_source_is_complete(tree, unpacked):
    expected = {name for name in files_of(tree) if ".egg-info/" not in name}
    assert expected - files_of(unpacked) == set()
    made = {"PKG-INFO"}
    extra = files_of(unpacked) - expected - made
    assert {name for name in extra if ".egg-info/" not in name} == set()


def test_the_wheel_has_the_package_with_all_its_files_and_its_license(tree, wheel):
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
        (info,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        about = message_from_bytes(packed.read(info))
    here = {f"rlviz/{name}" for name in files_of(tree / "rlviz")}
    assert {name for name in names if ".dist-info/" not in name} == here
    assert info.replace("METADATA", "licenses/LICENSE") in names
    assert about["Name"] == "rlviz"
    assert about["Version"] == rlviz.__version__
    assert about["License-Expression"] == "Apache-2.0"
    assert about["Author"]


def test_the_text_for_an_index_links_to_nothing_that_is_not_there(wheel):
    with zipfile.ZipFile(wheel) as packed:
        (info,) = (name for name in packed.namelist() if name.endswith(".dist-info/METADATA"))
        text = message_from_bytes(packed.read(info)).get_payload(decode=True).decode()
    assert text.lstrip().startswith("# rlviz")
    assert "pip install" in text
    assert re.findall(r"\]\((?!https?://)[^)]*\)", text) == []


@pytest.mark.timeout(3600)
def test_the_wheel_installs_into_an_empty_environment_and_trains(wheel, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    run(sys.executable, "-m", "venv", tmp_path / "env")
    python = tmp_path / "env" / "bin" / "python"
    run(python, "-I", "-m", "pip", "install", "--quiet", "--no-compile", wheel, cwd=ROOT)
    alone = {"cwd": tmp_path, "env": {"PATH": os.environ["PATH"], "HOME": str(home)}}
    version = run(python, "-I", "-c", "import rlviz; print(rlviz.__version__)", **alone)
    assert version == f"{rlviz.__version__}\n"
    rlviz_command = python.with_name("rlviz")
    said = run(rlviz_command, "demo", "--steps", "20", "--logdir", "a run", **alone)
    assert "20 training steps" in said
    assert list(rlviz.read(tmp_path / "a run").step) == list(range(1, 21))
    assert (tmp_path / "a run" / "figure.png").read_bytes().startswith(b"\x89PNG")
    assert "nothing" in run(rlviz_command, "doctor", "a run", **alone).casefold()


def test_the_tests_of_the_source_pass_from_it(unpacked):
    """Those that look at files outside their folder; the others need what the source has, too."""
    looking = [
        path.relative_to(unpacked)
        for path in sorted((unpacked / "tests").rglob("test_*.py"))
        if re.search(r"parents\[|\.parent\.parent", path.read_text(encoding="utf-8"))
        and not {"integrations", "browser", "faults"} & set(path.parts)
    ]
    assert len(looking) > 5
    env = {**os.environ, "PYTHONPATH": str(unpacked)}
    env.pop("RLVIZ_REQUIRE_MYPY", None)
    quick = [sys.executable, "-m", "pytest", "-q", "-m", "not slow and not soak"]
    run(*quick, "-p", "no:cacheprovider", *looking, cwd=unpacked, env=env)
    apart = ("integrations", "dashboard/browser", "sinks")  # they need what else is installed
    ignored = [f"--ignore=tests/{folder}" for folder in apart]
    run(*quick, "--collect-only", *ignored, cwd=unpacked, env=env)


def test_the_version_has_its_entry_in_the_changelog_and_is_the_one_to_be_cited():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    entry = re.search(
        rf"^## \[{re.escape(rlviz.__version__)}\] - (\d{{4}}-\d\d-\d\d)$", changelog, re.MULTILINE
    )
    assert entry, f"no entry of {rlviz.__version__}"
    cited = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {rlviz.__version__}\ndate-released: {entry[1]}\n" in cited


def test_ci_begins_with_the_command_that_readme_gives():
    command = "pip install tox && tox"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.search(rf"{re.escape(command)}(?! -)", readme)
    ci = ROOT / ".ci" / "run"
    if not ci.is_file():
        pytest.skip("the source distribution has no CI")
    commands = re.findall(r"^[^#\n]*\btox\b.*$", ci.read_text(encoding="utf-8"), re.MULTILINE)
    assert command in commands[0]
