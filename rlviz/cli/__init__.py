"""The command line: arguments, help and exit codes; other modules do the work."""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from typing import NoReturn

import rlviz
from rlviz import wording
from rlviz.cli import (
    compare,
    completion,
    demo,
    doctor,
    export,
    import_,
    page,
    plot,
    summary,
    watch,
)

_WRONG_CHOICE = re.compile(r"invalid choice: '([^']*)' \(choose from (.*)\)")
_NAME = re.compile(r"[\w-]+")

_DESCRIPTION = """\
See what reinforcement learning buys with its compute: training accuracy and average
parallelism over cumulative RL FLOPs.

A run is the directory that rlviz.Callback("runs/swarm-7b") writes; it may still be written."""

_EPILOG = """\
examples:
  rlviz demo                        train a small agent swarm and watch it learn (2 to 3 minutes)
  rlviz watch runs                  watch runs live, in TensorBoard
  rlviz plot runs/swarm-7b          draw its figure
  rlviz page runs -o page.html      make an interactive file of runs, to send to somebody
  rlviz summary runs/swarm-7b       say what happened
  rlviz compare runs/a runs/b       say which needs less compute
  rlviz export runs/swarm-7b        write its table as CSV
  rlviz import trainer_state.json --params 7.6e9
                                    make a run of an existing log, for all of the above
  rlviz doctor runs/swarm-7b        say what of it was lost, and what to do
  rlviz completion bash             complete these commands with the tab key

exit codes: 0 done, 1 `doctor` found something lost, 2 it can't be done (one sentence says why)"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options, unknown = _parser().parse_known_args(arguments)
    if unknown:  # argparse itself would show the usage of `rlviz`, not of the command
        _refuse(options.parser, unknown)
    try:
        code = int(options.run(options))
        sys.stdout.flush()
    except BrokenPipeError:  # `rlviz export RUN -o - | head`: a reader may stop early
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (OSError, ImportError, ValueError, TypeError) as error:
        print(f"rlviz: {wording.visible(_sentence(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return code


def _refuse(parser: argparse.ArgumentParser, unknown: Sequence[str]) -> NoReturn:
    known = [option for action in parser._actions for option in action.option_strings]
    close = get_close_matches(unknown[0].partition("=")[0], known, 1)
    hint = f". Did you mean {close[0]}?" if close else ""
    parser.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:  # the system's, not one of ours
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error)


class _Parser(argparse.ArgumentParser):
    """Asks after the choice that was probably meant."""

    def error(self, message: str) -> NoReturn:
        if wrong := _WRONG_CHOICE.search(message):
            close = wording.close_to(wrong[1], _NAME.findall(wrong[2]))
            message += f".{close}" if close else ""
        super().error(message)


def _parser() -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = _Parser(
        prog="rlviz",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"rlviz {rlviz.__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")
    for command in (demo, watch, plot, page, summary, compare, export, import_, doctor):
        command.add(commands)
    completion.add(commands, parser)
    return parser
