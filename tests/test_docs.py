"""The README does what it says, and the documents are of the code that there is."""

import ast
import json
import re
import shlex
from pathlib import Path

import pytest

from rlviz import cli, schema

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text(encoding="utf-8")
SURFACE = (Path(__file__).parent / "data" / "public_surface.txt").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[list[str]]:
    """The commands of rlviz in the shell blocks of a text."""
    lines = "\n".join(blocks(text, "sh")).replace("\\\n", " ").splitlines()
    parts = [part.strip() for line in lines for part in re.split(r"&&|;", line)]
    split = [shlex.split(part, comments=True) for part in parts if part.startswith("rlviz ")]
    return [words[1:] for words in split]


def test_the_readme_has_at_most_500_words():
    assert len(README.split()) <= 500


LASTING = {"demo", "watch", "page"}
"""Commands that train, serve or open something: only whether they are understood is asked."""


def test_the_code_of_the_readme_runs_from_the_first_block_to_the_last(tmp_path, run_python):
    scripts = blocks(README, "python")
    assert scripts
    for script in scripts:
        done = run_python("-c", script, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    ran = [words for words in commands(README) if words[0] not in LASTING]
    assert [words[0] for words in ran] == ["plot", "summary", "doctor"]
    said = {}
    for words in ran:
        call = f"import sys; from rlviz.cli import main; sys.exit(main({words!r}))"
        done = run_python("-c", call, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        said[words[0]] = done.stdout
    assert (tmp_path / "runs" / "my-run" / "figure.png").read_bytes().startswith(b"\x89PNG")
    assert "100 training steps" in said["summary"]
    assert "Training accuracy" in said["summary"]
    assert "RL FLOPs" in said["summary"]
    assert "sound" in said["doctor"]


PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
CALLS = [(page, words) for page in PAGES for words in commands(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize(
    ("page", "words"), CALLS, ids=[f"{page.name}: {shlex.join(words)}" for page, words in CALLS]
)
def test_the_command_line_understands_what_the_documents_type(page, words):
    parsed, unknown = cli._parser().parse_known_args(words)
    assert not unknown
    assert parsed.parser.prog == f"rlviz {words[0]}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_python_of_the_documents_is_python(page):
    for block in blocks(page.read_text(encoding="utf-8"), "python"):
        compile(block, str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)


def test_the_python_reference_has_every_public_name():
    pages = [page.read_text(encoding="utf-8") for page in (DOCS / "api").glob("*.md")]
    shown = {name for page in pages for name in re.findall(r"^::: (\S+)$", page, re.MULTILINE)}
    shown |= {"rlviz.smooth.ema"} if "rlviz.smooth.ema.ema" in shown else set()  # also a module
    public = re.findall(r"^(rlviz[\w.]*)\.(\w+): (?:class|function)", SURFACE, re.MULTILINE)
    missing = [
        f"{module}.{name}"
        for module, name in public
        if not {module, f"{module}.{name}", f"rlviz.{name}"} & shown
    ]
    assert len(public) > 80
    assert not missing, f"add to docs/api/: {missing}"


def table(heading: str) -> list[list[str]]:
    """The rows of the table under a heading of docs/format.md."""
    text = (DOCS / "format.md").read_text(encoding="utf-8")
    section = re.split(r"^#+ ", text.split(f"# {heading}\n")[1], maxsplit=1, flags=re.MULTILINE)[0]
    rows = re.findall(r"^\| (`.*) \|$", section, re.MULTILINE)
    return [row.split(" | ") for row in rows]


def test_the_format_names_every_column_with_its_unit_and_meaning():
    told = {cells[0].strip("`"): (cells[1], cells[2]) for cells in table("Columns")}
    for column in schema.FIXED_COLUMNS:
        assert told.pop(column.name) == (column.unit, column.meaning)
    kinds = {re.search(r"`(\w+)/", f"`{name}")[1] for name in told}
    in_rows = {"flops", "flops_remainder", "correct", "graded", "accuracy_ema"}
    assert kinds == in_rows - {"graded"} | {"seconds", "mfu", "metrics"}
    for kind in in_rows | kinds:
        assert schema.column(f"{kind}/x").unit


def test_the_format_names_every_field_of_a_header():
    header = schema.RowsHeader(
        session=0,
        columns=("step", "session"),
        causes=(("disk", 1),),
        closed_before=3,
        made_as=1,
        convention="6N",
    )
    written = set(json.loads(header.to_bytes()))
    assert {cells[0].strip("`") for cells in table("The header")} == written
    (causes,) = (cells[1] for cells in table("The header") if cells[0] == "`causes`")
    assert set(re.findall("`(.+?)`", causes)) == set(schema.CAUSES)
