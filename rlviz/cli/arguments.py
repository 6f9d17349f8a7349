"""What several commands share: how they are declared, and how runs are named."""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rlviz import paths

if TYPE_CHECKING:
    from rlviz.report.figure import Drawing
    from rlviz.report.history import History


_NEGATIVE = re.compile(r"-(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?([:,;/].*)?$", re.IGNORECASE)
"""What begins with a minus and is no option, such as -1:1."""


def command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    text: str,
    examples: str,
) -> argparse.ArgumentParser:
    """A command with its help: what it does, and examples, one per line."""
    lines = "\n".join(f"  {line}" if line else "" for line in examples.split("\n"))
    parser = commands.add_parser(
        name,
        help=text[0].lower() + text[1:].rstrip("."),
        description=text,
        epilog=f"examples:\n{lines}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser._negative_number_matcher = _NEGATIVE
    parser.set_defaults(parser=parser)
    return parser


def add_run(parser: argparse.ArgumentParser) -> None:
    """Add an argument for one run, as `options.logdir`."""
    complete_directories(
        parser.add_argument(
            "logdir", metavar="RUN", help="the run's directory; it may still be being written"
        )
    )


_GROUPS = "NAME=RUN gives it a name, NAME=RUN,RUN,… makes a group of seeds of them"


def add_runs(parser: argparse.ArgumentParser, *, what: str, names: str = _GROUPS) -> None:
    """Add an argument for one or more runs, as `options.runs`, for `named_runs`."""
    complete_directories(
        parser.add_argument("runs", metavar="RUN", nargs="+", help=f"{what}; {names}")
    )


def complete_directories(argument: argparse.Action) -> None:
    """Let shells complete an argument with directories; shtab looks for this attribute."""
    argument.__dict__["complete"] = {"bash": "_shtab_compgen_dirs", "zsh": "_files -/"}


def named_runs(given: Sequence[str]) -> dict[str, list[str]]:
    """The directories behind `RUN`, `NAME=RUN` and `NAME=RUN,RUN`, by name.

    A run without a name gets that of its directory, which may contain "=" or ",".

    >>> named_runs(["runs/a", "wide=runs/b,runs/c"])
    {'a': ['runs/a'], 'wide': ['runs/b', 'runs/c']}

    Raises:
        ValueError: two runs have the same name, one has no name or no directory, or is the URL of
            another place.
    """
    found: dict[str, list[str]] = {}
    for text in given:
        whole = paths.local(text, "the run")
        name, equals, path = text.partition("=")
        if not equals or whole != text or Path(text).exists():
            name, path = Path(whole).resolve().name, whole
        path = paths.local(path, "the run")
        several = [path] if Path(path).exists() else path.split(",")
        several = [paths.local(one, "the run") for one in several if one]
        if not name or not several:
            raise ValueError(
                f"{text!r} names no run. Write RUN, NAME=RUN or NAME=RUN,RUN without spaces."
            )
        if name in found:
            raise ValueError(f"two runs are called {name!r}. Give them names: NAME={several[0]}.")
        found[name] = several
    return found


def read_runs(given: Sequence[str]) -> "dict[str, History | list[History]]":
    """Read the runs of `named_runs`; several under one name are seeds.

    Raises:
        ValueError: see `named_runs`.
        FileNotFoundError: one of the directories is not a run.
    """
    import rlviz

    found: dict[str, History | list[History]] = {}
    for name, directories in named_runs(given).items():
        runs = [rlviz.read(directory) for directory in directories]
        found[name] = runs if len(runs) > 1 else runs[0]
    return found


_FORMATS = {".md": "markdown", ".markdown": "markdown", ".json": "json", ".html": "html"}


def text_format(given: str | None, output: str | None, known: Sequence[str]) -> str:
    """The format of a text: the given one, else that of the file's suffix, else Markdown.

    Raises:
        ValueError: the suffix names an unknown format.
    """
    if given is not None or output is None:
        return given or "markdown"
    named = _FORMATS.get(Path(output).suffix.lower(), "markdown")
    if named not in known:
        raise ValueError(
            f"{Path(output).name!r} can't be written: there is no {named} of it. Take one of "
            f"{', '.join(known)}."
        )
    return named


def write_text(text: str, output: str | None) -> None:
    """Write a text to a file and print the file's name, or write it to the terminal."""
    if output in (None, "-"):
        print(text, end="")
        return
    Path(paths.local(str(output), "the output")).write_text(text, encoding="utf-8")
    print(output)


def print_markdown(text: str) -> None:
    """Print Markdown: rendered for a terminal, unchanged for a pipe."""
    if not sys.stdout.isatty():
        print(text, end="")
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(text))


def check_output(output: str | None) -> None:
    """Refuse a bad file name before any work is done; None and "-" stand for no file.

    Raises:
        OSError: it is a directory, or its directory does not exist.
    """
    if output not in (None, "-"):
        from rlviz.report.export.table_file import check_place

        check_place(str(output))


def check_figure(output: str | None) -> None:
    """Refuse a bad file name of a figure, whose suffix says PNG, SVG or PDF.

    Raises:
        ValueError: the suffix is none of these.
        OSError: see `check_output`.
    """
    if output is not None:
        name = Path(output).name
        if Path(output).suffix.lower() not in (".png", ".svg", ".pdf"):
            raise ValueError(f"can't draw {name!r}. End it with .png, .svg or .pdf.")
        check_output(output)


def save_figure(drawing: "Drawing", output: str) -> None:
    """Save to a file and print its name; `check_figure` has checked it."""
    drawing.savefig(paths.local(output, "the output"))
    print(output)
