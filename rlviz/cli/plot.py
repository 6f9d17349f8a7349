"""`rlviz plot`: the figure."""

import argparse
import sys
from pathlib import Path

import rlviz
from rlviz import schema
from rlviz.cli.arguments import add_runs, check_figure, command, read_runs, save_figure


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = command(
        commands,
        "plot",
        "Draw the figure of a run, or of several over one axis.",
        "rlviz plot runs/swarm-7b -o figure.pdf\n"
        "rlviz plot base=runs/a,runs/b,runs/c wide=runs/d,runs/e   # groups of seeds\n"
        "rlviz plot runs/swarm-7b --metrics accuracy loss --x tokens --log-x\n"
        "rlviz plot runs/swarm-7b --forecast --style paper -o column.pdf",
    )
    add_runs(parser, what="a run's directory, or several")
    parser.add_argument(
        "-o", "--output", help="PNG, SVG or PDF by its suffix (default: RUN/figure.png)"
    )
    parser.add_argument(
        "--x",
        choices=tuple(schema.AXES),
        help="the axis; runs without it are left out (default: flops, or step if no run has any)",
    )
    parser.add_argument("--log-x", action="store_true", help="logarithmic")
    parser.add_argument(
        "--metrics",
        nargs="+",
        metavar="NAME",
        help="a panel each: accuracy, parallelism, a group or any metric (default: the first two, "
        "or metrics where a run has none of these)",
    )
    parser.add_argument(
        "--forecast",
        action="store_true",
        help="the accuracy at up to twice the compute, dashed, where a forecast holds so far",
    )
    parser.add_argument(
        "--titles",
        choices=("published", "axis"),
        default="published",
        help="published: over RL FLOPs those of the published figure, which say Steps; axis: what "
        "the axis is",
    )
    parser.add_argument("--style", choices=("default", "paper"), default="default")
    parser.set_defaults(run=_plot)


def _plot(options: argparse.Namespace) -> int:
    from rlviz.report.series.forecast import Forecasts

    check_figure(options.output)
    runs = read_runs(options.runs)
    (first, *others) = runs.values()
    alone = None if others or isinstance(first, list) else first
    output = options.output or str(Path(alone.logdir if alone else ".") / "figure.png")
    forecast = None
    if options.forecast:
        found = Forecasts.of(runs)
        for name, why in found.why_not.items():
            print(f"rlviz: no forecast of {name}: {why}.", file=sys.stderr)
        forecast = found.only if alone else found.fits
    drawing = rlviz.figure(
        alone or runs,
        x=options.x,
        metrics=options.metrics,
        log_x=options.log_x,
        style=options.style,
        forecast=forecast,
        titles=options.titles,
    )
    save_figure(drawing, output)
    return 0
