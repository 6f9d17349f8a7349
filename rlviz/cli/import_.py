"""`rlviz import`: makes runs of existing logs."""

import argparse
import re
import time
from typing import Any

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
        "rlviz import trainer_state.json --params 7.6b -o runs/grpo\n"
        "rlviz import train.log --params 7.6e9            # a verl console log\n"
        "rlviz import events/ --accuracy train/reward --x perf/total_flops\n"
        "rlviz import chart.csv --all-runs -o runs        # a directory for each run in it\n"
        "rlviz import train.log --params 7b --dry-run     # only say what would be made of it\n"
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
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--run", dest="which", metavar="NAME", help="one of several runs that the log holds"
    )
    which.add_argument(
        "--all-runs", action="store_true", help="all of them, each in a folder below that of -o"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be made of it, and write nothing"
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
    what.add_argument(
        "--scores",
        type=_scores,
        metavar="LOW:HIGH",
        help="what a wrong and a right answer earn, where that is not 0 and 1, e.g. -1:1",
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
    cost.add_argument(
        "--params", type=_parameters, metavar="N", help="parameters of the model: 7.6e9, 7.6b"
    )
    cost.add_argument(
        "--sequences", type=float, help="sequences in a step, where tokens are a mean over them"
    )
    cost.add_argument(
        "--cumulative",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="whether the counter counts from the start of the run (default: as it looks)",
    )
    cost.add_argument(
        "--extrapolate",
        action="store_true",
        help="of every k-th step, let each row stand for the steps since the row before it",
    )
    parser.add_argument("--figure", action="store_true", help="figure and summary for TensorBoard")
    parser.set_defaults(run=_import)


def _import(options: argparse.Namespace) -> int:
    sources = options.source
    if options.all_runs and options.output is None:
        options.parser.error("--all-runs needs the folder for the runs: -o FOLDER")
    output = options.output or time.strftime(f"runs/{Given(sources[0]).stem}-%Y%m%d-%H%M%S")
    source = sources[0] if len(sources) == 1 else sources
    said: dict[str, Any] = {
        "kind": options.kind,
        "x": options.x,
        "step": options.step,
        "accuracy": options.accuracy,
        "full_score": options.full_score,
        "scores": options.scores,
        "graded": _column_or_number(options.graded),
        "return_": getattr(options, "return"),
        "parallelism": options.parallelism,
        "flops": options.flops,
        "flops_unit": options.flops_unit,
        "tokens": options.tokens,
        "tokens_are": options.tokens_are,
        "sequences": options.sequences,
        "cumulative": options.cumulative,
        "params": options.params,
        "flops_convention": options.flops_convention,
        "extrapolate": options.extrapolate,
        "figure": options.figure,
        "dry_run": options.dry_run,
    }
    with of_the_command_line():
        if options.all_runs:
            found = rlviz.import_runs(source, output, **said)
        else:
            found = (rlviz.import_run(source, output, run=options.which, **said),)
    print("\n\n".join(map(str, found)))
    return 0


_PARAMETERS = re.compile(r"([\d._]*\d\.?(?:e\+?\d+)?) ?([kmbt]?)", re.IGNORECASE)
_UNITS = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}


def _parameters(text: str) -> float:
    """A number of parameters, as models are called by it.

    >>> _parameters("7.6e9"), _parameters("7b"), _parameters("494M")
    (7600000000.0, 7000000000.0, 494000000.0)
    """
    match = _PARAMETERS.fullmatch(text.strip())
    try:
        if match is None:
            return float(text)
        return float(match[1]) * _UNITS[match[2].casefold()]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no number of parameters. Write 7.6e9 or 7.6b."
        ) from None


def _scores(text: str) -> tuple[float, float]:
    try:
        low, high = map(float, text.split(":"))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} does not say what a wrong and a right answer earn. Write -1:1 or 0:2."
        ) from None
    return low, high


def _column_or_number(text: str | None) -> str | float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return text
