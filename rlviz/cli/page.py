"""`rlviz page`: the page as a file to send to somebody."""

import argparse
from pathlib import Path

import rlviz
from rlviz.cli.arguments import add_runs, check_output, command, named_runs, write_text


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = command(
        commands,
        "page",
        "Write an interactive page of some runs into one HTML file.",
        "rlviz page runs -o page.html              # every run below it\n"
        "rlviz page base=runs/a,runs/b wide=runs/c,runs/d\n"
        "rlviz page runs/swarm-7b --metrics accuracy loss -o swarm.html\n\n"
        "The file opens in any browser, from a disk and without a network.",
    )
    add_runs(
        parser,
        what="the directory of a run, or one above several",
        names="NAME=RUN gives it a name, NAME=RUN,RUN,… lists seeds under one",
    )
    parser.add_argument(
        "-o", "--output", default="page.html", help="- is the standard output (default: page.html)"
    )
    parser.add_argument(
        "--metrics",
        nargs="+",
        metavar="NAME",
        help="what it holds: accuracy, parallelism, a group or any metric (default: what the page "
        "opens with, and up to six others)",
    )
    parser.set_defaults(run=_page)


def _page(options: argparse.Namespace) -> int:
    from rlviz.dashboard.directories import run_directories
    from rlviz.report.export.progress import bar

    check_output(options.output)
    given = {
        name: [Path(path) for path in paths] for name, paths in named_runs(options.runs).items()
    }
    runs = {}
    for name, path in run_directories(given).items():
        try:
            runs[name] = rlviz.read(path)
        except FileNotFoundError:  # event files of others: nothing that rlviz recorded
            continue
    if not runs:
        named = ", ".join(str(path) for paths in given.values() for path in paths)
        raise FileNotFoundError(
            f"no run with steps recorded by rlviz is in {named} (yet), or below it."
        )
    with bar("curves") as progress:
        text = rlviz.page(runs, metrics=options.metrics, progress=progress)
    write_text(text, options.output)
    return 0
