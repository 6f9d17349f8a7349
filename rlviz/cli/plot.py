"""`rlviz plot`: the figure."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import rlviz
from rlviz import schema, wording
from rlviz.cli.arguments import add_runs, check_figure, command, read_runs, save_figure

if TYPE_CHECKING:
    from rlviz.report.figure.looks import Limits


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = command(
        commands,
        "plot",
        "Draw the figure of a run, or of several over one axis.",
        "rlviz plot runs/swarm-7b -o figure.pdf\n"
        "rlviz plot base=runs/a,runs/b,runs/c wide=runs/d,runs/e   # groups of seeds\n"
        "rlviz plot runs/swarm-7b --metrics accuracy loss --x tokens --log-x\n"
        "rlviz plot runs/swarm-7b --forecast --style paper -o column.pdf\n"
        "rlviz plot a=runs/a b=runs/b --no-title --no-caption --width 3.3 --height 2.6 "
        "--style paper -o fig.pdf",
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
        help="published: over RL FLOPs those of the published figure, which say Steps, unless "
        "other metrics are drawn too; axis: what the axis is",
    )
    parser.add_argument("--style", choices=("default", "paper"), default="default")
    for part, what in (
        ("title", "titles"),
        ("caption", "a caption"),
        ("dots", "the steps"),
    ):
        parser.add_argument(
            f"--no-{part}", dest=part, action="store_false", help=f"draw it without {what}"
        )
    for side in ("width", "height"):
        parser.add_argument(f"--{side}", type=float, metavar="INCHES", help="of the figure")
    parser.add_argument(
        "--xlim", metavar="LOW:HIGH", help="the part of the axis; either end may be left out"
    )
    parser.add_argument(
        "--ylim",
        nargs="+",
        default=[],
        metavar="[METRIC=]LOW:HIGH",
        help="the ends of y, of all panels or of a metric's; a share as 0.3:0.7",
    )
    parser.add_argument("--log-y", action="store_true", help="y logarithmic")
    parser.add_argument(
        "--colors", nargs="+", metavar="COLOR", help="one for each run, such as '#0072B2' or navy"
    )
    parser.add_argument(
        "--smooth",
        type=_smooth,
        default="auto",
        metavar="auto|none|WEIGHT",
        help="the curve, none, or a moving average with this weight in [0, 1) (default: auto)",
    )
    parser.set_defaults(run=_plot)


def _plot(options: argparse.Namespace) -> int:
    from rlviz.report.series.forecast import Forecasts

    check_figure(options.output)
    ylim = _limits_of_y(options.ylim)
    runs = read_runs(options.runs)
    (first, *others) = runs.values()
    alone = None if others or isinstance(first, list) else first
    output = options.output or str(Path(alone.logdir if alone else ".") / "figure.png")
    forecast = None
    if options.forecast:
        found = Forecasts.of(runs)
        for name, why in found.why_not.items():
            print(wording.visible(f"rlviz: no forecast of {name}: {why}."), file=sys.stderr)
        forecast = found.only if alone else found.fits
    drawing = rlviz.figure(
        alone or runs,
        x=options.x,
        metrics=options.metrics,
        log_x=options.log_x,
        style=options.style,
        forecast=forecast,
        titles=options.titles,
        title=options.title,
        caption=options.caption,
        width=options.width,
        height=options.height,
        xlim=_limits(options.xlim, "--xlim") if options.xlim else (None, None),
        ylim=ylim,
        log_y=options.log_y,
        dots=options.dots,
        colors=options.colors,
        smooth=options.smooth,
    )
    save_figure(drawing, output)
    return 0


def _smooth(text: str) -> "str | float":
    try:
        return text if text in ("auto", "none") else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"it must be auto, none, or a weight in [0, 1), got {text!r}"
        ) from None


def _limits_of_y(given: Sequence[str]) -> "Limits | dict[str, Limits]":
    """
    >>> _limits_of_y([]), _limits_of_y(["0.3:"]), _limits_of_y(["loss=-1:1", "kl=:2"])
    ((None, None), (0.3, None), {'loss': (-1.0, 1.0), 'kl': (None, 2.0)})
    """
    if not given:
        return (None, None)
    parts = [text.rpartition("=") for text in given]
    if len(parts) == 1 and not parts[0][1]:
        return _limits(given[0], "--ylim")
    if lacking := [text for text, (metric, _, _) in zip(given, parts, strict=True) if not metric]:
        raise ValueError(f"--ylim {lacking[0]} names no metric. Write METRIC=LOW:HIGH for each.")
    return {metric: _limits(limits, "--ylim") for metric, _, limits in parts}


def _limits(text: str, option: str) -> "Limits":
    low, colon, high = text.partition(":")
    try:
        if not colon:
            raise ValueError(text)
        return float(low) if low else None, float(high) if high else None
    except ValueError:
        raise ValueError(
            f"{option} must be LOW:HIGH, such as 0.3:0.7, got {text!r}. Either end may be left out."
        ) from None
