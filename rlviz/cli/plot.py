"""`rlviz plot`: the figure."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rlviz
from rlviz import schema
from rlviz.cli.arguments import add_runs, check_figure, command, read_runs, save_figure

if TYPE_CHECKING:
    from rlviz.report.history import History


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
    add_runs(parser, at_least="a run's directory, or several")
    parser.add_argument(
        "-o", "--output", help="PNG, SVG or PDF by its suffix (default: RUN/figure.png)"
    )
    parser.add_argument(
        "--x",
        choices=tuple(schema.AXES),
        default="flops",
        help="the axis (default: flops; steps where a run has none)",
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
        help="the accuracy at up to twice the compute, dashed, where the data show a ceiling",
    )
    parser.add_argument("--style", choices=("default", "paper"), default="default")
    parser.set_defaults(run=_plot)


def _plot(options: argparse.Namespace) -> int:
    check_figure(options.output)
    runs = read_runs(options.runs)
    (first, *others) = runs.values()
    alone = None if others or isinstance(first, list) else first
    output = options.output or str(Path(alone.logdir if alone else ".") / "figure.png")
    drawing = rlviz.figure(
        alone or runs,
        x=options.x,
        metrics=options.metrics,
        log_x=options.log_x,
        style=options.style,
        forecast=_forecast(runs, alone) if options.forecast else None,
    )
    save_figure(drawing, output)
    return 0


def _forecast(runs: "dict[str, History | list[History]]", alone: "History | None") -> Any:
    """The fit of a run, or of each run by its name; says which runs get no forecast, and why."""
    from rlviz.scaling.fitting import fit

    fits = {}
    for name, run in runs.items():
        if isinstance(run, list):
            _no_forecast(name, "it is a group of seeds")
            continue
        fits[name] = fit(run.flops, run.accuracy)
        if not fits[name].identifiable:
            _no_forecast(name, fits[name].why_not)
    return next(iter(fits.values())) if alone is not None else fits


def _no_forecast(name: str, why: str) -> None:
    print(f"rlviz: no forecast of {name}: {why}.", file=sys.stderr)
