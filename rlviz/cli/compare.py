"""`rlviz compare`: which run needs less compute."""

import argparse
import json

import rlviz
from rlviz.cli.arguments import (
    add_runs,
    check_figure,
    check_output,
    command,
    print_markdown,
    read_runs,
    save_figure,
    text_format,
    write_text,
)

_FORMATS = ("markdown", "json")


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = command(
        commands,
        "compare",
        "Compare runs at equal compute and at equal accuracy.",
        "rlviz compare runs/a runs/b\n"
        "rlviz compare base=runs/a1,runs/a2 wide=runs/b1,runs/b2 --reference base --figure ab.png",
    )
    add_runs(parser, what="two or more run directories")
    parser.add_argument("--metric", default="accuracy", help="what to compare (default: accuracy)")
    parser.add_argument(
        "--reference", help="the run that others are measured by (default: the first)"
    )
    parser.add_argument(
        "--levels", type=float, nargs="+", help="of the metric, at which the FLOPs are compared"
    )
    parser.add_argument("--figure", metavar="FILE", help="also draw the curves, as PNG, SVG or PDF")
    parser.add_argument(
        "--format", choices=_FORMATS, help="(default: by the suffix of -o, else markdown)"
    )
    parser.add_argument("-o", "--output", help="a file instead of the terminal")
    parser.add_argument(
        "--allow-different-flops",
        action="store_true",
        help="compare runs that count different phases of a step, or by different conventions",
    )
    parser.add_argument(
        "--lower-is-better", action="store_true", help="of the metric, such as a loss"
    )
    parser.set_defaults(run=_compare)


def _compare(options: argparse.Namespace) -> int:
    form = text_format(options.format, options.output, _FORMATS)
    check_output(options.output)
    check_figure(options.figure)
    found = rlviz.compare(
        read_runs(options.runs),
        metric=options.metric,
        reference=options.reference,
        levels=options.levels,
        allow_different_flops=options.allow_different_flops,
        lower_is_better=options.lower_is_better,
    )
    if form == "json":
        write_text(json.dumps(found.to_dict(), indent=2) + "\n", options.output)
    elif options.output:
        write_text(found.markdown(), options.output)
    else:
        print_markdown(found.markdown())
    if options.figure:
        save_figure(found.figure(), options.figure)
    return 0
