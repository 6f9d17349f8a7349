"""`rlviz import`: makes runs of existing logs."""

import argparse
import time

import rlviz
from rlviz.cli.arguments import command
from rlviz.conventions import CONVENTIONS
from rlviz.importers.intake import Given
from rlviz.importers.options import TOKENS_ARE, of_the_command_line
from rlviz.importers.readers import KINDS


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = command(
        commands,
        "import",
        "Make a run of an existing log: of TensorBoard, TRL, verl, wandb, SB3, RLlib and others.",
        "rlviz import trainer_state.json --params 7.6e9 -o runs/grpo\n"
        "rlviz import train.log --params 7.6e9            # a verl console log\n"
        "rlviz import events/ --accuracy train/reward --x perf/total_flops\n"
        "grep step: train.log | rlviz import - --kind verl -o runs/verl",
    )
    parser.add_argument(
        "source",
        metavar="SOURCE",
        nargs="+",
        help="a file, a folder of event files or checkpoints, - for the standard input; several "
        "files are the parts of one run",
    )
    parser.add_argument("-o", "--output", metavar="RUN", help="(default: runs/NAME-DATE-TIME)")
    parser.add_argument(
        "--kind",
        choices=tuple(KINDS),
        help="(default: the content tells)",
    )
    what = parser.add_argument_group(
        "what is what", "columns or tags by name; by default as the framework calls them"
    )
    for name, text in (
        ("--x", "the axis: FLOPs or tokens if its name says so, else steps"),
        ("--step", "the training step"),
        ("--accuracy", "the training accuracy; where it leaves [0, 1] it is a return"),
        ("--return", "the mean return"),
        ("--parallelism", "the average parallelism, work / span"),
        ("--graded", "graded answers behind the accuracy, or how many"),
    ):
        what.add_argument(name, metavar="COLUMN", help=text)
    what.add_argument(
        "--full-score", type=float, default=1.0, help="the accuracy's value for all right, e.g. 100"
    )
    cost = parser.add_argument_group("what a step cost")
    cost.add_argument("--flops", metavar="COLUMN", help="FLOPs")
    cost.add_argument("--flops-unit", type=float, default=1.0, help="of that column, e.g. 1e12")
    cost.add_argument("--tokens", metavar="COLUMN", help="tokens, which with --params give FLOPs")
    cost.add_argument(
        "--tokens-are",
        choices=tuple(TOKENS_ARE),
        help="by 6N, 8·N, 2·N or 6·N FLOPs a token (default: sequences, generated and trained on)",
    )
    cost.add_argument(
        "--flops-convention",
        choices=tuple(CONVENTIONS),
        help="how FLOPs count: of tokens 6N (the default) or 6N-tokens (docs/definitions.md); of a "
        "column, how its program counted them",
    )
    cost.add_argument("--params", type=float, metavar="N", help="parameters of the model")
    cost.add_argument(
        "--sequences", type=float, help="sequences in a step, where tokens are a mean over them"
    )
    cost.add_argument(
        "--cumulative",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="whether the counter counts from the start of the run (default: as it looks)",
    )
    parser.add_argument("--figure", action="store_true", help="figure and summary for TensorBoard")
    parser.set_defaults(run=_import)


def _import(options: argparse.Namespace) -> int:
    sources = options.source
    output = options.output or time.strftime(f"runs/{Given(sources[0]).stem}-%Y%m%d-%H%M%S")
    with of_the_command_line():
        found = rlviz.import_run(
            sources[0] if len(sources) == 1 else sources,
            output,
            kind=options.kind,
            x=options.x,
            step=options.step,
            accuracy=options.accuracy,
            full_score=options.full_score,
            graded=_column_or_number(options.graded),
            return_=getattr(options, "return"),
            parallelism=options.parallelism,
            flops=options.flops,
            flops_unit=options.flops_unit,
            tokens=options.tokens,
            tokens_are=options.tokens_are,
            sequences=options.sequences,
            cumulative=options.cumulative,
            params=options.params,
            flops_convention=options.flops_convention,
            figure=options.figure,
        )
    print(found)
    return 0


def _column_or_number(text: str | None) -> str | float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return text
