"""`rlviz export`: the table."""

import argparse
import sys
from pathlib import Path
from typing import BinaryIO

import rlviz
from rlviz import wording
from rlviz.cli.arguments import add_run, check_output, command


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = command(
        commands,
        "export",
        "Write a run's table, one row a step.",
        "rlviz export runs/swarm-7b -o swarm.parquet\n"
        "rlviz export runs/swarm-7b -o - | head -3\n"
        "rlviz export runs/swarm-7b --follow | jq .accuracy   # as it is written",
    )
    add_run(parser)
    parser.add_argument(
        "-o",
        "--output",
        help="CSV, JSON Lines, NPZ or Parquet by its suffix; - is the standard output "
        "(default: RUN/table.csv)",
    )
    parser.add_argument(
        "--format", choices=("csv", "jsonl", "npz", "parquet"), help="whatever the suffix is"
    )
    parser.add_argument(
        "--units", action="store_true", help="units in front, as comments or a first object"
    )
    parser.add_argument(
        "--curves", action="store_true", help="also the smoothed curves of the figure, with bands"
    )
    parser.add_argument(
        "--follow",
        action="store_true",
        help="print steps as JSON Lines while the run is written, until Ctrl-C",
    )
    parser.add_argument(
        "--until-idle",
        type=float,
        metavar="SECONDS",
        help="with --follow: end when nothing new has come for so long",
    )
    parser.set_defaults(run=_export)


def _export(options: argparse.Namespace) -> int:
    from rlviz.report.export.progress import bar
    from rlviz.report.export.table_file import export, format_of, with_curves, write

    if options.follow:
        return _follow(options)
    if options.until_idle is not None:
        raise ValueError(
            "--until-idle says when --follow ends. Give --follow too, or leave it out."
        )
    check_output(options.output)
    if options.output in (None, "-"):
        format_of("table.csv", options.format)
    else:
        format_of(options.output, options.format)
    history = rlviz.read(options.logdir)
    if options.curves:
        history = with_curves(history)
    if options.output == "-":
        with _standard_output() as stream:
            write(history, stream, options.format or "csv", units=options.units)
        return 0
    output = Path(options.output or Path(history.logdir) / f"table.{options.format or 'csv'}")
    with bar(output.name) as progress:
        export(history, output, format=options.format, units=options.units, progress=progress)
    print(output)
    return 0


def _follow(options: argparse.Namespace) -> int:
    from rlviz.report.export.follow import follow

    if options.output not in (None, "-"):
        raise ValueError("--follow prints to the standard output. Leave out -o, or give -o -.")
    if options.format not in (None, "jsonl"):
        raise ValueError(
            f"--follow prints JSON Lines, no {options.format}. Leave out --format, or export when "
            "the run has ended."
        )
    if options.units:
        raise ValueError("--follow prints steps and no units. Leave out --units.")
    if options.curves:
        raise ValueError("a curve is of a whole run: --follow prints steps. Leave out --curves.")
    with _standard_output() as stream:
        follow(options.logdir, stream, until_idle=options.until_idle, warn=_warn)
    return 0


def _warn(sentence: str) -> None:
    print(f"rlviz: {wording.visible(sentence)}", file=sys.stderr)


def _standard_output() -> BinaryIO:
    """Standard output, buffered even where Python's own is not."""
    return open(sys.stdout.fileno(), "wb", closefd=False)
