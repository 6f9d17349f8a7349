"""`rlviz summary`: what happened, in words."""

import argparse
import io
import json

import rlviz
from rlviz.cli.arguments import (
    add_run,
    check_output,
    command,
    print_markdown,
    text_format,
    write_text,
)

_FORMATS = ("markdown", "json", "html")


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = command(
        commands,
        "summary",
        "Say what happened in a run.",
        "rlviz summary runs/swarm-7b\n"
        "rlviz summary runs/swarm-7b -o report.html   # with the figure\n"
        "rlviz summary runs/swarm-7b --metrics accuracy loss\n"
        "rlviz summary runs/swarm-7b --format json | jq .facts.flops",
    )
    add_run(parser)
    parser.add_argument(
        "--format", choices=_FORMATS, help="(default: by the suffix of -o, else markdown)"
    )
    parser.add_argument("-o", "--output", help="a file instead of the terminal")
    parser.add_argument(
        "--metrics",
        nargs="+",
        metavar="NAME",
        help="what to tell of: accuracy, parallelism, a group or any metric (default: what the "
        "figure shows)",
    )
    parser.set_defaults(run=_summary)


def _summary(options: argparse.Namespace) -> int:
    form = text_format(options.format, options.output, _FORMATS)
    check_output(options.output)
    history = rlviz.read(options.logdir)
    summary = rlviz.summarise(history, metrics=options.metrics)
    if form == "json":
        write_text(json.dumps(summary.to_dict(), indent=2) + "\n", options.output)
    elif form == "html":
        svg = io.StringIO()
        rlviz.figure(history, metrics=options.metrics).savefig(svg, format="svg")
        write_text(summary.html(figure_svg=svg.getvalue()), options.output)
    elif options.output:
        write_text(summary.markdown(), options.output)
    else:
        print_markdown(summary.markdown())
    return 0
